"""Colour encodings of files, and what the network sees.

The network was trained on photographs, so it wants display-referred sRGB. Two encodings are ours by
name ("srgb", and "linear": scene-linear with Rec.709 primaries) and need no OCIO at run time; every
other one is a colour space of an OCIO configuration (the one that is named, $OCIO, or OCIO's built-in
ones, in this order), converted by OpenImageIO.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway.colorimetry import (
    Curve,
    Primaries,
    cineon_to_linear,
    linear_to_srgb,
    matrixed,
    srgb_to_linear,
    to_rec709,
)
from flyaway.errors import EncodingUnknownError
from flyaway.ocio import (
    INTERCHANGE,
    SRGB_IN_CONFIGS,
    check_config,
    chosen_config,
    config_with,
    described,
    is_built_in_config,
    known_spaces,
    near_names,
    open_config,
    resolve_config,
    space_by_rule,
    working_space,
)
from flyaway.spaces import BY_PRIMARIES, PRIMARIES, own_space, primaries_of, space_of_primaries

__all__ = [
    "PRIMARIES",
    "Encoding",
    "FloatImage",
    "check_config",
    "chosen_config",
    "cineon_to_linear",
    "display_encoded",
    "display_referred",
    "encoding_of",
    "is_built_in_config",
    "linear_to_srgb",
    "primaries_of",
    "resolve_config",
    "resolve_space",
    "scene_linear",
    "space_by_rule",
    "space_of_primaries",
    "srgb_to_linear",
    "working_space",
]

Encoding = Literal["srgb", "linear"]
FloatImage = NDArray[np.float32]

# What OpenImageIO and OCIO configurations call our two encodings.
_SRGB_NAMES = ("srgb", "srgb_rec709_scene", "srgb_tx", "srgb - texture", "srgb encoded rec.709 (srgb)")
_LINEAR_NAMES = ("linear", "lin_rec709_scene", "lin_rec709", "lin_srgb", "linear rec.709 (srgb)")


def encoding_of(space: str) -> Encoding | None:
    """Which of our two encodings `space` is, or None where OCIO has to convert."""
    name = space.strip().lower()
    if name in _SRGB_NAMES:
        return "srgb"
    return "linear" if name in _LINEAR_NAMES else None


def resolve_space(name: str, config: str | None = None) -> str:
    """The colour space called `name`: "srgb", "linear", or one that OCIO or (Cineon, PQ, HLG) we know.

    Parameters
    ----------
    name : a space, alias or role.
    config : the OCIO configuration that is asked first; None asks $OCIO first.

    Raises
    ------
    EncodingUnknownError : no configuration at hand has it.
    """
    own = encoding_of(name)
    if own is not None:
        return own
    if _own(name, config) is None and config_with(name, chosen_config(config)) is None:
        near = near_names(name, known_spaces(chosen_config(config)))
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        asked = described(config)
        raise EncodingUnknownError(
            f"No colour space {name!r}: neither {asked} nor OCIO's built-in ones have it.{hint}"
            " Name one of theirs (for example ACEScg, 'ARRI LogC4', 'S-Log3 S-Gamut3.Cine'), Cineon (film"
            " log), PQ or HLG (HDR video), srgb or linear; for a studio's own spaces use --ocio or set $OCIO."
        )
    return name


def display_referred(
    pixels: FloatImage, space: str, config: str | None = None
) -> tuple[FloatImage, Encoding]:
    """`pixels` in an encoding that the matting takes.

    Parameters
    ----------
    pixels : H×W×3 float32, straight, in `space`.
    space : what `resolve_space` returned.
    config : the OCIO configuration that is asked first; None asks $OCIO first.

    Returns
    -------
    The pixels as they are where the matting knows the encoding, else scene-linear with Rec.709 primaries;
    and which of the two.
    """
    known = encoding_of(space)
    if known is not None:
        return pixels, known
    own = _own(space, config)
    if own is not None:
        curve, primaries = own
        return matrixed(curve(pixels), to_rec709(primaries)), "linear"
    found = config_with(space, chosen_config(config))
    if found is None:
        raise EncodingUnknownError(f"No colour space {space!r} in any OCIO configuration at hand.")
    name, target = found
    result = _converted(pixels, space, target, name)
    if target == INTERCHANGE:
        # ACES2065-1, the one space that such a configuration shares with the world.
        return matrixed(result, to_rec709(PRIMARIES["lin_ap0_scene"])), "linear"
    if target in SRGB_IN_CONFIGS:
        # Below zero OCIO goes on with the curve's straight part.
        return np.where(result < 0, result / np.float32(12.92), srgb_to_linear(result)), "linear"
    return result, "linear"


def _converted(pixels: FloatImage, space: str, target: str, name: str) -> FloatImage:
    """`pixels` from one space of the configuration `name` into another."""
    buffer = oiio.ImageBuf(np.ascontiguousarray(pixels, dtype=np.float32))
    # A scene-referred target, so that no view transform (a tone curve) slips in between.
    converted = oiio.ImageBufAlgo.colorconvert(buffer, space, target, unpremult=False, colorconfig=name)
    result = None if converted.has_error else converted.get_pixels(oiio.FLOAT)
    if result is None:
        raise EncodingUnknownError(f"OCIO cannot convert from {space!r}: {converted.geterror()}")
    return np.asarray(result, dtype=np.float32)


def display_encoded(pixels: FloatImage, space: str, config: str | None = None) -> FloatImage:
    """`pixels` (as for `display_referred`) in sRGB's own curve: what a PNG means."""
    shown, encoding = display_referred(pixels, space, config)
    return linear_to_srgb(shown) if encoding == "linear" else shown


def scene_linear(
    pixels: FloatImage, space: str, config: str | None = None, *, any_primaries: bool = True
) -> tuple[FloatImage, str]:
    """`pixels` (as for `display_referred`) in scene-linear light, and in which space: what an EXR means.

    Parameters
    ----------
    pixels, space, config : as for `display_referred`.
    any_primaries : what is linear already stays in its own primaries; else all becomes Rec.709.

    Returns
    -------
    The pixels as they are where `space` is linear, else with Rec.709 primaries; and "linear" for those,
    or the name of their space.
    """
    if any_primaries and encoding_of(space) is None:
        if space.startswith(BY_PRIMARIES):
            return pixels, space
        found = config_with(space, chosen_config(config))
        own = _own(space, config)
        if own is None and found is not None and open_config(found[0]).isColorSpaceLinear(space):
            return pixels, space
    shown, encoding = display_referred(pixels, space, config)
    return (srgb_to_linear(shown) if encoding == "srgb" else shown), "linear"


def _own(name: str, config: str | None) -> tuple[Curve, Primaries] | None:
    """How we decode a space ourselves, or None where OCIO has to."""
    own, chosen = own_space(name), chosen_config(config)
    if own is None or (chosen is not None and open_config(chosen).getColorSpaceIndex(name) >= 0):
        return None
    return own
