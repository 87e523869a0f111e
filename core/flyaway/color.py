"""Colour encodings of files, and what the network sees.

The network was trained on photographs, so it wants display-referred sRGB. Two encodings are ours by
name ("srgb", and "linear": scene-linear with Rec.709 primaries) and need no OCIO at run time; every
other one is a colour space of an OCIO configuration (the one that is named, $OCIO, or OCIO's built-in
ones, in this order), converted by OpenImageIO.
"""

from __future__ import annotations

import difflib
import os
from functools import lru_cache
from pathlib import Path
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
# The film-log encoding of Cineon and DPX scans (Kodak, 1993): ten-bit printing density, 0.002 a code,
# film gamma 0.6, reference white at 685 and black at 95. Ours where no configuration names it.
_CINEON_NAMES = ("cineon", "kodak log", "film log")
_CINEON_WHITE, _CINEON_BLACK, _CINEON_STEP = 685.0, 95.0, 0.002 / 0.6
# Consulted in turn after the user's own ($OCIO): the second knows the cameras' log encodings.
_BUILT_IN_CONFIGS = ("ocio://cg-config-latest", "ocio://studio-config-latest")
_SHORT_NAMES = {"cg": _BUILT_IN_CONFIGS[0], "studio": _BUILT_IN_CONFIGS[1]}

# xy of red, green, blue, white, as OpenEXR's chromaticities attribute holds them → OCIO interop id.
PRIMARIES: dict[str, tuple[float, ...]] = {
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


def is_built_in_config(name: str) -> bool:
    """Whether a configuration is one of OCIO's own: `cg`, `studio`, or an ocio:// address; no file."""
    return name.strip().lower() in _SHORT_NAMES or name.startswith("ocio://")


def resolve_config(name: str) -> str:
    """An OCIO configuration as OpenImageIO opens it: a path, `cg`, `studio`, or an ocio:// address.

    Raises:
        EncodingUnknownError: it is not there, or cannot be read.
    """
    config = _SHORT_NAMES.get(name.strip().lower(), name)
    if not is_built_in_config(name) and not Path(config).is_file():
        raise EncodingUnknownError(
            f"There is no OCIO configuration {name!r}: name a file, cg, studio, or an ocio:// address."
        )
    _open_config(config)
    return config


def resolve_space(name: str, config: str | None = None) -> str:
    """The colour space called `name`: "srgb", "linear", or one that OCIO (or, for "Cineon", we) know.

    Args:
        name: a space, alias or role.
        config: the OCIO configuration that is asked first; None asks $OCIO first.

    Raises:
        EncodingUnknownError: no configuration at hand has it.
    """
    own = encoding_of(name)
    if own is not None:
        return own
    if _config_with(name, chosen_config(config)) is None and not _is_cineon(name):
        near = difflib.get_close_matches(name, _known_spaces(chosen_config(config)), 3, 0.5)
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        asked = _said_config(config)
        raise EncodingUnknownError(
            f"No colour space {name!r}: neither {asked} nor OCIO's built-in ones have it.{hint}"
            " Name one of theirs (for example ACEScg, 'ARRI LogC4', 'S-Log3 S-Gamut3.Cine'), Cineon (film"
            " log), srgb or linear; for a studio's own spaces use --ocio or set $OCIO."
        )
    return name


def space_by_rule(path: str, config: str | None = None) -> tuple[str, str] | None:
    """What the user's configuration makes of a file's name: the space, and why; None where it says nothing.

    Only a configuration that somebody chose is asked (`config`, else $OCIO): the built-in ones have one
    rule for all files.
    """
    name = chosen_config(config)
    if name is None:
        return None
    chosen = _open_config(name)
    if not chosen.filepathOnlyMatchesDefaultRule(path):
        space = str(chosen.getColorSpaceFromFilepath(path))
        return space, f"colour space {space!r} by a file rule of {_said_config(config)}"
    return None


def working_space(config: str | None = None) -> str | None:
    """The scene_linear role of the configuration that the user chose, or None where none was chosen."""
    name = chosen_config(config)
    space = _open_config(name).getColorSpaceNameByRole("scene_linear") if name else None
    return str(space) if space else None


def space_of_primaries(chromaticities: tuple[float, ...]) -> str | None:
    """The scene-linear space with these primaries (xy of R, G, B, white), or None if it is none of ours."""
    for space, primaries in PRIMARIES.items():
        if np.allclose(chromaticities, primaries, atol=_PRIMARIES_TOLERANCE):
            return space
    return None


def display_referred(
    pixels: FloatImage, space: str, config: str | None = None
) -> tuple[FloatImage, Encoding]:
    """`pixels` in an encoding that the matting takes.

    Args:
        pixels: H×W×3 float32, straight, in `space`.
        space: what `resolve_space` returned.
        config: the OCIO configuration that is asked first; None asks $OCIO first.

    Returns:
        The pixels as they are where the matting knows the encoding, else converted; and which of the two.
    """
    own = encoding_of(space)
    if own is not None:
        return pixels, own
    found = _config_with(space, chosen_config(config))
    if found is None:
        if _is_cineon(space):
            return cineon_to_linear(pixels), "linear"
        raise EncodingUnknownError(f"No colour space {space!r} in any OCIO configuration at hand.")
    name, target = found
    buffer = oiio.ImageBuf(np.ascontiguousarray(pixels, dtype=np.float32))
    # A scene-referred target, so that no view transform (a tone curve) slips in between.
    converted = oiio.ImageBufAlgo.colorconvert(buffer, space, target, unpremult=False, colorconfig=name)
    result = None if converted.has_error else converted.get_pixels(oiio.FLOAT)
    if result is None:
        raise EncodingUnknownError(f"OCIO cannot convert from {space!r}: {converted.geterror()}")
    return np.asarray(result, dtype=np.float32), "srgb"


def display_encoded(pixels: FloatImage, space: str, config: str | None = None) -> FloatImage:
    """`pixels` (as for `display_referred`) in sRGB's own curve: what a PNG means."""
    shown, encoding = display_referred(pixels, space, config)
    return linear_to_srgb(shown) if encoding == "linear" else shown


def scene_linear(
    pixels: FloatImage, space: str, config: str | None = None, *, any_primaries: bool = True
) -> tuple[FloatImage, str]:
    """`pixels` (as for `display_referred`) in scene-linear light, and in which space: what an EXR means.

    Args:
        pixels, space, config: as for `display_referred`.
        any_primaries: what is linear already stays in its own primaries; else all becomes Rec.709.

    Returns:
        The pixels as they are where `space` is linear, else with Rec.709 primaries; and "linear" for those,
        or the name of their space.
    """
    if any_primaries and encoding_of(space) is None:
        found = _config_with(space, chosen_config(config))
        if found is not None and _open_config(found[0]).isColorSpaceLinear(space):
            return pixels, space
    shown, encoding = display_referred(pixels, space, config)
    return (srgb_to_linear(shown) if encoding == "srgb" else shown), "linear"


def cineon_to_linear(pixels: FloatImage) -> FloatImage:
    """Film log (Cineon printing density, codes 0..1) → scene-linear, reference white at 1, black at 0.

    References:
        Kodak, "Conversion of 10-bit Log Film Data to 8-bit Linear or Video Data", 1995.
    """
    black = 10 ** ((_CINEON_BLACK - _CINEON_WHITE) * _CINEON_STEP)
    light = np.power(10.0, (pixels * 1023.0 - _CINEON_WHITE) * _CINEON_STEP)
    return np.asarray((light - black) / (1 - black), dtype=np.float32)


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


def chosen_config(config: str | None) -> str | None:
    """The OCIO configuration that the user chose: `config`, else $OCIO, else None."""
    return config or os.environ.get("OCIO") or None


def _is_cineon(name: str) -> bool:
    return name.strip().lower() in _CINEON_NAMES


@lru_cache(maxsize=64)
def _config_with(space: str, first: str | None) -> tuple[str, str] | None:
    """The first configuration that has `space`, by name, and what it calls sRGB-encoded Rec.709."""
    for name in (first, *_BUILT_IN_CONFIGS) if first else _BUILT_IN_CONFIGS:
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


def _known_spaces(first: str | None) -> list[str]:
    """Every name that `resolve_space` takes, for suggestions."""
    configs = [_open_config(name) for name in (first, *_BUILT_IN_CONFIGS) if name]
    spaces = [str(space) for config in configs for space in config.getColorSpaceNames()]
    return list(dict.fromkeys([*spaces, "Cineon", "srgb", "linear"]))


@lru_cache(maxsize=4)
def _open_config(name: str) -> oiio.ColorConfig:
    config = oiio.ColorConfig(name)
    problem = config.geterror()
    if problem:
        raise EncodingUnknownError(f"The OCIO configuration {name} cannot be read: {problem}")
    return config


def _said_config(config: str | None) -> str:
    if config:
        return config
    return f"$OCIO ({os.environ['OCIO']})" if os.environ.get("OCIO") else "$OCIO (which is not set)"
