"""Colour encodings of files, and what the network sees.

The network was trained on photographs, so it wants display-referred sRGB. Two encodings are ours by
name ("srgb", and "linear": scene-linear with Rec.709 primaries) and need no OCIO at run time; every
other one is a colour space of an OCIO configuration (the one that is named, $OCIO, or OCIO's built-in
ones, in this order), converted by OpenImageIO.
"""

from __future__ import annotations

import difflib
import os
import re
from functools import lru_cache
from pathlib import Path
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
from flyaway.spaces import BY_PRIMARIES, PRIMARIES, own_space, primaries_of, space_of_primaries

__all__ = [
    "PRIMARIES",
    "Encoding",
    "FloatImage",
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
# What configurations, from OCIO 1 to the newest, call scene-linear Rec.709: the target of a conversion.
_LINEAR_IN_CONFIGS = (
    "lin_rec709_scene",
    "lin_rec709",
    "lin_srgb",
    "Linear Rec.709 (sRGB)",
    "Utility - Linear - Rec.709",
    "Utility - Linear - sRGB",
)
# Where none of these is there: the role of a configuration's ACES2065-1 (https://opencolorio.readthedocs.io,
# "Roles"), and after it the sRGB texture space.
_INTERCHANGE = "aces_interchange"
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
_SHORT_NAMES = {"cg": _BUILT_IN_CONFIGS[0], "studio": _BUILT_IN_CONFIGS[1]}


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
    """The colour space called `name`: "srgb", "linear", or one that OCIO or (Cineon, PQ, HLG) we know.

    Args:
        name: a space, alias or role.
        config: the OCIO configuration that is asked first; None asks $OCIO first.

    Raises:
        EncodingUnknownError: no configuration at hand has it.
    """
    own = encoding_of(name)
    if own is not None:
        return own
    if _own(name, config) is None and _config_with(name, chosen_config(config)) is None:
        near = _near(name, _known_spaces(chosen_config(config)))
        hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        asked = _said_config(config)
        raise EncodingUnknownError(
            f"No colour space {name!r}: neither {asked} nor OCIO's built-in ones have it.{hint}"
            " Name one of theirs (for example ACEScg, 'ARRI LogC4', 'S-Log3 S-Gamut3.Cine'), Cineon (film"
            " log), PQ or HLG (HDR video), srgb or linear; for a studio's own spaces use --ocio or set $OCIO."
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


def display_referred(
    pixels: FloatImage, space: str, config: str | None = None
) -> tuple[FloatImage, Encoding]:
    """`pixels` in an encoding that the matting takes.

    Args:
        pixels: H×W×3 float32, straight, in `space`.
        space: what `resolve_space` returned.
        config: the OCIO configuration that is asked first; None asks $OCIO first.

    Returns:
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
    found = _config_with(space, chosen_config(config))
    if found is None:
        raise EncodingUnknownError(f"No colour space {space!r} in any OCIO configuration at hand.")
    name, target = found
    result = _converted(pixels, space, target, name)
    if target == _INTERCHANGE:
        # ACES2065-1, the one space that such a configuration shares with the world.
        return matrixed(result, to_rec709(PRIMARIES["lin_ap0_scene"])), "linear"
    if target in _SRGB_IN_CONFIGS:
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

    Args:
        pixels, space, config: as for `display_referred`.
        any_primaries: what is linear already stays in its own primaries; else all becomes Rec.709.

    Returns:
        The pixels as they are where `space` is linear, else with Rec.709 primaries; and "linear" for those,
        or the name of their space.
    """
    if any_primaries and encoding_of(space) is None:
        if space.startswith(BY_PRIMARIES):
            return pixels, space
        found = _config_with(space, chosen_config(config))
        own = _own(space, config)
        if own is None and found is not None and _open_config(found[0]).isColorSpaceLinear(space):
            return pixels, space
    shown, encoding = display_referred(pixels, space, config)
    return (srgb_to_linear(shown) if encoding == "srgb" else shown), "linear"


def chosen_config(config: str | None) -> str | None:
    """The OCIO configuration that the user chose: `config`, else $OCIO, else None."""
    return config or os.environ.get("OCIO") or None


def _own(name: str, config: str | None) -> tuple[Curve, Primaries] | None:
    """How we decode a space ourselves, or None where OCIO has to."""
    own, chosen = own_space(name), chosen_config(config)
    if own is None or (chosen is not None and _open_config(chosen).getColorSpaceIndex(name) >= 0):
        return None
    return own


@lru_cache(maxsize=64)
def _config_with(space: str, first: str | None) -> tuple[str, str] | None:
    """The first configuration that has `space`, by name, and the space or role of it to convert to."""
    for name in (first, *_BUILT_IN_CONFIGS) if first else _BUILT_IN_CONFIGS:
        config = _open_config(name)
        if config.getColorSpaceIndex(space) < 0:
            continue
        for target in (*_LINEAR_IN_CONFIGS, _INTERCHANGE, *_SRGB_IN_CONFIGS):
            role = target == _INTERCHANGE
            if config.getColorSpaceNameByRole(target) if role else config.getColorSpaceIndex(target) >= 0:
                return name, target
        raise EncodingUnknownError(
            f"{name} has {space!r}, but neither linear Rec.709 ({', '.join(_LINEAR_IN_CONFIGS)}) nor the role"
            f" {_INTERCHANGE} nor an sRGB texture space: add one of them, so that one knows how they relate."
        )
    return None


def _known_spaces(first: str | None) -> list[str]:
    """Every name that `resolve_space` takes, for suggestions."""
    configs = [_open_config(name) for name in (first, *_BUILT_IN_CONFIGS) if name]
    spaces = [str(space) for config in configs for space in config.getColorSpaceNames()]
    return list(dict.fromkeys([*spaces, "Cineon", "PQ", "HLG", "srgb", "linear"]))


def _near(name: str, known: list[str]) -> list[str]:
    """Up to three names that are meant, however their letters, blanks and dashes are written."""

    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]", "", text.lower())

    by_plain: dict[str, str] = {}
    for one in known:
        by_plain.setdefault(plain(one), one)
    return [by_plain[found] for found in difflib.get_close_matches(plain(name), by_plain, 3, 0.5)]


def check_config(config: str | None) -> None:
    """Refuse, before anything is done, a chosen OCIO configuration that cannot be read: `config`, else $OCIO.

    Raises:
        EncodingUnknownError: naming who chose it.
    """
    chosen = chosen_config(config)
    if chosen is not None:
        _open_config(chosen)


@lru_cache(maxsize=4)
def _open_config(name: str) -> oiio.ColorConfig:
    config = oiio.ColorConfig(name)
    problem = config.geterror()
    if problem:
        by = "$OCIO names the" if name == os.environ.get("OCIO") else "The"
        remedy = " Correct or unset it, or name another with --ocio." if by.startswith("$") else ""
        which = ", which" if remedy else ""
        raise EncodingUnknownError(
            f"{by} OCIO configuration {name}{which} cannot be read: {' '.join(problem.split())}{remedy}"
        )
    return config


def _said_config(config: str | None) -> str:
    if config:
        return config
    return f"$OCIO ({os.environ['OCIO']})" if os.environ.get("OCIO") else "$OCIO (which is not set)"
