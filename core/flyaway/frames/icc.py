"""ICC profiles of stills: those made of a matrix and curves, read by hand; sizes and values are bounded.

Colour management for display (rendering intents, tables) is no part of a plate's meaning: a profile that
needs it is told and not followed.

References
----------
    ICC.1:2022 (profile version 4.4), sections 7 to 10.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from flyaway.colorimetry import REC709, FloatImage, from_xyz, matrixed, srgb_to_linear, to_rec709

_LARGEST = 4 << 20
_MOST_TAGS = 256
_MOST_POINTS = 1 << 16
# How far a profile may be from sRGB and still be it: the primaries' matrix, and light of a code value.
_MATRIX_TOLERANCE, _CURVE_TOLERANCE = 0.02, 0.004
# Parameters of the five kinds of parametric curves.
_PARAMETERS = {0: 1, 1: 3, 2: 4, 3: 5, 4: 7}


@dataclass(frozen=True)
class Curve:
    """A curve from code to light: a table over 0..1, or g, a, b, c, d, e, f of section 10.18."""

    table: NDArray[np.float64] | None
    parameters: tuple[float, ...] = (1, 1, 0, 0, 0, 0, 0)

    def __call__(self, codes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Light of code values; a formula is mirrored below 0 and goes on above 1, a table ends at both."""
        if self.table is not None:
            spots = np.linspace(0, 1, len(self.table))
            return np.interp(codes, spots, self.table).astype(np.float32)
        g, a, b, c, d, e, f = self.parameters
        x = np.abs(codes)
        with np.errstate(invalid="ignore", over="ignore"):
            light = np.where(x >= d, np.maximum(a * x + b, 0) ** g + e, c * x + f)
        return np.copysign(light, codes).astype(np.float32)


@dataclass(frozen=True)
class Profile:
    """A profile that says what R'G'B' (or grey) means.

    Attributes
    ----------
    curves : of red, green, blue.
    matrix : 3×3, linear light → Rec.709's.
    cicp : ITU-T H.273 primaries and transfer, where the profile names them; they win.
    """

    curves: tuple[Curve, Curve, Curve]
    matrix: NDArray[np.float64]
    cicp: tuple[int, int] | None = None

    def to_rec709(self, pixels: FloatImage) -> FloatImage:
        """H×W×3 float32 as the file holds it → scene-linear, Rec.709 primaries."""
        light = np.stack([curve(pixels[..., index]) for index, curve in enumerate(self.curves)], axis=-1)
        return matrixed(light, self.matrix)

    @property
    def is_srgb(self) -> bool:
        """Whether it is sRGB itself, within the rounding of such profiles."""
        if np.abs(self.matrix - np.eye(3)).max() > _MATRIX_TOLERANCE:
            return False
        codes = np.linspace(0, 1, 65, dtype=np.float32)
        meant = srgb_to_linear(codes)
        return all(float(np.abs(curve(codes) - meant).max()) <= _CURVE_TOLERANCE for curve in self.curves)


def parse(data: bytes) -> Profile | None:
    """What a profile means, or None where it is no profile of a matrix and curves, or damaged."""
    try:
        return _parse(data)
    except (struct.error, ValueError, IndexError, np.linalg.LinAlgError):
        return None


def _parse(data: bytes) -> Profile | None:
    if not 132 <= len(data) <= _LARGEST or data[36:40] != b"acsp" or data[20:24] != b"XYZ ":
        return None
    tags = _tags(data)
    if data[16:20] == b"GRAY" and "kTRC" in tags:
        grey = _curve(tags["kTRC"])
        return Profile((grey, grey, grey), to_rec709(REC709))
    if data[16:20] != b"RGB ":
        return None
    cicp = tags.get("cicp")
    if not {"rXYZ", "gXYZ", "bXYZ", "rTRC", "gTRC", "bTRC"} <= set(tags):
        return None
    columns = np.stack([_xyz(tags[name]) for name in ("rXYZ", "gXYZ", "bXYZ")], axis=1)
    if abs(float(np.linalg.det(columns))) < 1e-5:
        return None
    red, green, blue = (_curve(tags[name]) for name in ("rTRC", "gTRC", "bTRC"))
    named = (cicp[8], cicp[9]) if cicp is not None else None
    return Profile((red, green, blue), from_xyz(columns), named)


def _tags(data: bytes) -> dict[str, bytes]:
    (count,) = struct.unpack_from(">I", data, 128)
    found: dict[str, bytes] = {}
    for index in range(min(count, _MOST_TAGS)):
        name, offset, size = struct.unpack_from(">4sII", data, 132 + 12 * index)
        if offset + size <= len(data):
            found[name.decode("latin-1")] = data[offset : offset + size]
    return found


def _xyz(tag: bytes) -> NDArray[np.float64]:
    if tag[:4] != b"XYZ ":
        raise ValueError("no XYZ")
    return np.array(struct.unpack_from(">3i", tag, 8)) / 65536


def _curve(tag: bytes) -> Curve:
    kind = tag[:4]
    if kind == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count > _MOST_POINTS:
            raise ValueError("too long a curve")
        values = np.array(struct.unpack_from(f">{count}H", tag, 12), np.float64)
        if count == 0:
            return Curve(None)
        if count == 1:
            return Curve(None, (float(values[0]) / 256, 1, 0, 0, 0, 0, 0))
        return Curve(values / 65535)
    if kind == b"para":
        (which,) = struct.unpack_from(">H", tag, 8)
        if which not in _PARAMETERS:
            raise ValueError("no such curve")
        p = [value / 65536 for value in struct.unpack_from(f">{_PARAMETERS[which]}i", tag, 12)]
        parameters = _parameters(which, p)
        if not 0 < parameters[0] < 10:
            raise ValueError("no curve")
        return Curve(None, parameters)
    raise ValueError("no curve")


def _parameters(which: int, p: list[float]) -> tuple[float, ...]:
    """Any kind of parametric curve as the most general one: g, a, b, c, d, e, f."""
    if which == 0:
        return (p[0], 1, 0, 0, 0, 0, 0)
    if which in (1, 2):
        g, a, b = p[:3]
        if a == 0:
            raise ValueError("no curve")
        rest = p[3] if which == 2 else 0.0
        return (g, a, b, 0, -b / a, rest, rest)
    if which == 3:
        return (*p, 0, 0)
    return tuple(p)
