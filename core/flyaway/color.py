"""Colour encodings of files, and what the network sees.

The network was trained on photographs, so it wants display-referred sRGB. Two encodings are ours by
name ("srgb", and "linear": scene-linear with Rec.709 primaries) and need no OCIO at run time; every
other one is a colour space of an OCIO configuration, converted by OpenImageIO.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Literal

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway.errors import EncodingUnknownError

Encoding = Literal["srgb", "linear"]
FloatImage = NDArray[np.float32]

# What OpenImageIO and OCIO configurations call our two encodings.
_SRGB_NAMES = ("srgb", "srgb_rec709_scene", "srgb_tx", "srgb - texture", "srgb encoded rec.709 (srgb)")
_LINEAR_NAMES = ("linear", "lin_rec709_scene", "lin_rec709", "lin_srgb", "linear rec.709 (srgb)")
# The same for the target of a conversion, for configurations from OCIO 1 to the newest.
_SRGB_IN_CONFIGS = (
    "srgb_rec709_scene",
    "srgb_tx",
    "sRGB - Texture",
    "Utility - sRGB - Texture",
    "sRGB",
    "srgb8",
)
# Consulted in turn after the user's own ($OCIO): the second knows the cameras' log encodings.
_BUILT_IN_CONFIGS = ("ocio://cg-config-latest", "ocio://studio-config-latest")

# xy of red, green, blue, white, as OpenEXR's chromaticities attribute holds them → OCIO interop id.
_PRIMARIES: dict[str, tuple[float, ...]] = {
    "linear": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290),
    "lin_ap0_scene": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767),
    "lin_ap1_scene": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
    "lin_rec2020_scene": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290),
    "lin_p3d65_scene": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290),
}
_PRIMARIES_TOLERANCE = 2e-3


def encoding_of(space: str) -> Encoding | None:
    """Which of our two encodings `space` is, or None where OCIO has to convert."""
    name = space.strip().lower()
    if name in _SRGB_NAMES:
        return "srgb"
    return "linear" if name in _LINEAR_NAMES else None


def resolve_space(name: str) -> str:
    """The colour space called `name`: "srgb", "linear", or one that OCIO knows.

    Raises:
        EncodingUnknownError: no configuration at hand has it.
    """
    own = encoding_of(name)
    if own is not None:
        return own
    if _config_with(name) is None:
        raise EncodingUnknownError(
            f"No colour space {name!r}: neither {_user_config_name()} nor OCIO's built-in ones have it."
            " Name one of theirs (for example ACEScg, 'ARRI LogC4', 'S-Log3 S-Gamut3.Cine'), srgb or linear;"
            " for a studio's own spaces set $OCIO."
        )
    return name


def space_of_primaries(chromaticities: tuple[float, ...]) -> str | None:
    """The scene-linear space with these primaries (xy of R, G, B, white), or None if it is none of ours."""
    for space, primaries in _PRIMARIES.items():
        if np.allclose(chromaticities, primaries, atol=_PRIMARIES_TOLERANCE):
            return space
    return None


def display_referred(pixels: FloatImage, space: str) -> tuple[FloatImage, Encoding]:
    """`pixels` in an encoding that the matting takes.

    Args:
        pixels: H×W×3 float32, straight, in `space`.
        space: what `resolve_space` returned.

    Returns:
        The pixels as they are where the matting knows the encoding, else converted to "srgb"; and
        which of the two.
    """
    own = encoding_of(space)
    if own is not None:
        return pixels, own
    config = _config_with(space)
    if config is None:
        raise EncodingUnknownError(f"No colour space {space!r} in any OCIO configuration at hand.")
    name, target = config
    buffer = oiio.ImageBuf(np.ascontiguousarray(pixels, dtype=np.float32))
    # A scene-referred target, so that no view transform (a tone curve) slips in between.
    converted = oiio.ImageBufAlgo.colorconvert(buffer, space, target, unpremult=False, colorconfig=name)
    result = None if converted.has_error else converted.get_pixels(oiio.FLOAT)
    if result is None:
        raise EncodingUnknownError(f"OCIO cannot convert from {space!r}: {converted.geterror()}")
    return np.asarray(result, dtype=np.float32), "srgb"


def srgb_to_linear(pixels: FloatImage) -> FloatImage:
    """The sRGB curve undone (IEC 61966-2-1), mirrored for negative values."""
    magnitude = np.abs(pixels)
    curve = np.where(magnitude <= 0.04045, magnitude / 12.92, ((magnitude + 0.055) / 1.055) ** 2.4)
    return np.copysign(curve, pixels).astype(np.float32, copy=False)


def linear_to_srgb(pixels: FloatImage) -> FloatImage:
    """The sRGB curve (IEC 61966-2-1), mirrored for negative values."""
    magnitude = np.abs(pixels)
    curve = np.where(magnitude <= 0.0031308, magnitude * 12.92, 1.055 * magnitude ** (1 / 2.4) - 0.055)
    return np.copysign(curve, pixels).astype(np.float32, copy=False)


@lru_cache(maxsize=64)
def _config_with(space: str) -> tuple[str, str] | None:
    """The first configuration that has `space`, by name, and what it calls sRGB-encoded Rec.709."""
    user = os.environ.get("OCIO", "")
    for name in (user, *_BUILT_IN_CONFIGS) if user else _BUILT_IN_CONFIGS:
        config = _open_config(name)
        if config.getColorSpaceIndex(space) < 0:
            continue
        for target in _SRGB_IN_CONFIGS:
            if config.getColorSpaceIndex(target) >= 0:
                return name, target
        raise EncodingUnknownError(
            f"{name} has {space!r}, but no sRGB texture space ({', '.join(_SRGB_IN_CONFIGS)})."
        )
    return None


@lru_cache(maxsize=4)
def _open_config(name: str) -> oiio.ColorConfig:
    config = oiio.ColorConfig(name)
    problem = config.geterror()
    if problem:
        raise EncodingUnknownError(f"The OCIO configuration {name} cannot be read: {problem}")
    return config


def _user_config_name() -> str:
    return f"$OCIO ({os.environ['OCIO']})" if os.environ.get("OCIO") else "$OCIO (which is not set)"
