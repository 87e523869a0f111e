"""What the colour tags of files mean: the one table, for stills and movies alike.

A rule gives the space that a file's pixels are in, or a function that brings them to scene-linear Rec.709
where no configuration has a name for them; or it refuses. `docs/colour-table.md` shows every case with what
comes of it.

References
----------
    ITU-T H.273 (the numbers of cICP and of movies' headers); the ASWF Color Interop Forum's identifiers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flyaway.color import srgb_to_linear
from flyaway.colorimetry import (
    P3_D65,
    P3_DCI,
    REC709,
    REC2020,
    Curve,
    FloatImage,
    Primaries,
    hlg_to_linear,
    linear,
    matrixed,
    power,
    pq_to_linear,
    to_rec709,
)
from flyaway.errors import EncodingUnknownError
from flyaway.spaces import space_of_primaries


@dataclass(frozen=True)
class FileColour:
    """What a file's R, G and B are.

    Attributes
    ----------
    space : the space of the pixels, after `decode` where there is one: "srgb", "linear", or any that
        `flyaway.color.resolve_space` takes.
    decode : H×W×3 float32, straight, as the file holds them → scene-linear, Rec.709 primaries.
    """

    space: str
    decode: Callable[[FloatImage], FloatImage] | None = None

    def pixels(self, stored: FloatImage) -> FloatImage:
        """The file's pixels in `space`."""
        return stored if self.decode is None else self.decode(stored)


# TransferCharacteristics → the curve that undoes it. Video by BT.709 and its relatives is taken as
# sRGB-encoded, in movies, PNG and DPX alike: what the network was trained on, and what a viewer makes of it.
_TRANSFERS: dict[int, Curve] = {
    **dict.fromkeys((0, 1, 2, 3, 5, 6, 7, 11, 12, 13, 14, 15), srgb_to_linear),
    4: power(2.2),
    8: linear,
    16: pq_to_linear,
    18: hlg_to_linear,
}
_REFUSED_TRANSFERS = {9: "log 100:1", 10: "log 316:1", 17: "SMPTE ST 428 (digital cinema)"}
_PQ, _HLG, _LINEAR = 16, 18, 8
# ColourPrimaries → a name and xy; those that are Rec.709's or within a hair of them are not here.
_PRIMARIES: dict[int, tuple[str, Primaries]] = {
    4: ("BT.470 System M", (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316)),
    8: ("generic film", (0.681, 0.319, 0.243, 0.692, 0.145, 0.049, 0.310, 0.316)),
    9: ("BT.2020", REC2020),
    11: ("DCI-P3", P3_DCI),
    12: ("Display P3", P3_D65),
}
_REC709_LIKE = (0, 1, 2, 3, 5, 6, 7, 22)  # 0 and 3 are reserved, and files that say them mean nothing by it
_XYZ = 10
_UNSAID = 2

# Identifiers that files carry for display-referred pictures → H.273 primaries and transfer. Whoever names
# one of them with --in-space means OCIO's own conversion, and gets it.
DISPLAY_IDS: dict[str, tuple[int, int]] = {
    "srgb_rec709_display": (1, 13),
    "g22_rec709_display": (1, 4),
    "g24_rec709_display": (1, 1),
    "g24_rec709_scene": (1, 1),
    "srgb_p3d65_display": (12, 13),
    "srgb_p3d65_scene": (12, 13),
    "srgbe_p3d65_display": (12, 13),
    "pq_rec2020_display": (9, _PQ),
    "pq_p3d65_display": (12, _PQ),
    "hlg_rec2020_display": (9, _HLG),
}


def cicp_colour(
    primaries: int, transfer: int, notes: list[str], path: Path | None = None, frame: int | None = None
) -> FileColour:
    """What H.273's numbers mean, in a movie, a PNG's cICP or an ICC profile's.

    Parameters
    ----------
    primaries, transfer : ColourPrimaries and TransferCharacteristics.
    notes : gets what a user should know about it.
    path : for messages.
    frame : for messages.

    Raises
    ------
    EncodingUnknownError : no display has this transfer, or the primaries are no colours at all.
    """
    if transfer in _REFUSED_TRANSFERS or primaries == _XYZ:
        what = f"transfer is {_REFUSED_TRANSFERS.get(transfer)}" if primaries != _XYZ else "colour is CIE XYZ"
        raise EncodingUnknownError(
            f"its {what}; say what it is with --in-space: a camera's log space that OCIO knows, or srgb.",
            path=path,
            frame=frame,
        )
    for what, number, known, taken in (
        ("transfer characteristics", transfer, _TRANSFERS, "sRGB's curve was"),
        ("primaries", primaries, {*_PRIMARIES, *_REC709_LIKE}, "Rec.709's were"),
    ):
        if number not in known:
            notes.append(f"its {what}, number {number}, are none that H.273 knows: {taken} taken")
    curve = _TRANSFERS.get(transfer, srgb_to_linear)
    name, xy = _PRIMARIES.get(primaries, ("", REC709))
    if transfer in (_PQ, _HLG):
        signal = "PQ" if transfer == _PQ else "HLG"
        notes.append(f"HDR ({signal}): its reference white, 203 cd/m², was taken as 1")
        if primaries in (9, _UNSAID):
            return FileColour(signal)
    if transfer == _LINEAR:
        return FileColour(space_of_primaries(xy) or "linear")
    if not name and curve is srgb_to_linear:
        return FileColour("srgb")
    if name:
        notes.append(f"its {name} primaries were converted to Rec.709's")
    return encoded(curve, xy)


def encoded(curve: Curve, primaries: Primaries) -> FileColour:
    """The rule for a curve and primaries that no configuration has a name for."""
    matrix = to_rec709(primaries)
    return FileColour("linear", lambda stored: matrixed(curve(stored), matrix))
