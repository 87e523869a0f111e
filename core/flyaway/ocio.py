"""OCIO configurations: which one is asked, what it calls a space, and what its file rules say."""

from __future__ import annotations

import difflib
import os
import re
from functools import lru_cache
from pathlib import Path

import OpenImageIO as oiio

from flyaway.errors import EncodingUnknownError

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
INTERCHANGE = "aces_interchange"
SRGB_IN_CONFIGS = (
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


def is_built_in_config(name: str) -> bool:
    """Whether a configuration is one of OCIO's own: `cg`, `studio`, or an ocio:// address; no file."""
    return name.strip().lower() in _SHORT_NAMES or name.startswith("ocio://")


def resolve_config(name: str) -> str:
    """An OCIO configuration as OpenImageIO opens it: a path, `cg`, `studio`, or an ocio:// address.

    Raises
    ------
    EncodingUnknownError : it is not there, or cannot be read.
    """
    config = _SHORT_NAMES.get(name.strip().lower(), name)
    if not is_built_in_config(name) and not Path(config).is_file():
        raise EncodingUnknownError(
            f"There is no OCIO configuration {name!r}: name a file, cg, studio, or an ocio:// address."
        )
    open_config(config)
    return config


def space_by_rule(path: str, config: str | None = None) -> tuple[str, str] | None:
    """What the user's configuration makes of a file's name: the space, and why; None where it says nothing.

    Only a configuration that somebody chose is asked (`config`, else $OCIO): the built-in ones have one
    rule for all files.
    """
    name = chosen_config(config)
    if name is None:
        return None
    chosen = open_config(name)
    if not chosen.filepathOnlyMatchesDefaultRule(path):
        space = str(chosen.getColorSpaceFromFilepath(path))
        return space, f"colour space {space!r} by a file rule of {described(config)}"
    return None


def working_space(config: str | None = None) -> str | None:
    """The scene_linear role of the configuration that the user chose, or None where none was chosen."""
    name = chosen_config(config)
    space = open_config(name).getColorSpaceNameByRole("scene_linear") if name else None
    return str(space) if space else None


def chosen_config(config: str | None) -> str | None:
    """The OCIO configuration that the user chose: `config`, else $OCIO, else None."""
    return config or os.environ.get("OCIO") or None


def check_config(config: str | None) -> None:
    """Refuse, before anything is done, a chosen OCIO configuration that cannot be read: `config`, else $OCIO.

    Raises
    ------
    EncodingUnknownError : naming who chose it.
    """
    chosen = chosen_config(config)
    if chosen is not None:
        open_config(chosen)


@lru_cache(maxsize=64)
def config_with(space: str, first: str | None) -> tuple[str, str] | None:
    """The first configuration that has `space`, by name, and the space or role of it to convert to."""
    for name in (first, *_BUILT_IN_CONFIGS) if first else _BUILT_IN_CONFIGS:
        config = open_config(name)
        if config.getColorSpaceIndex(space) < 0:
            continue
        for target in (*_LINEAR_IN_CONFIGS, INTERCHANGE, *SRGB_IN_CONFIGS):
            role = target == INTERCHANGE
            if config.getColorSpaceNameByRole(target) if role else config.getColorSpaceIndex(target) >= 0:
                return name, target
        raise EncodingUnknownError(
            f"{name} has {space!r}, but neither linear Rec.709 ({', '.join(_LINEAR_IN_CONFIGS)}) nor the role"
            f" {INTERCHANGE} nor an sRGB texture space: add one of them, so that one knows how they relate."
        )
    return None


def known_spaces(first: str | None) -> list[str]:
    """Every name that `resolve_space` takes, for suggestions."""
    configs = [open_config(name) for name in (first, *_BUILT_IN_CONFIGS) if name]
    spaces = [str(space) for config in configs for space in config.getColorSpaceNames()]
    return list(dict.fromkeys([*spaces, "Cineon", "PQ", "HLG", "srgb", "linear"]))


def near_names(name: str, known: list[str]) -> list[str]:
    """Up to three names that are meant, however their letters, blanks and dashes are written."""

    def plain(text: str) -> str:
        return re.sub(r"[^a-z0-9]", "", text.lower())

    by_plain: dict[str, str] = {}
    for one in known:
        by_plain.setdefault(plain(one), one)
    return [by_plain[found] for found in difflib.get_close_matches(plain(name), by_plain, 3, 0.5)]


@lru_cache(maxsize=4)
def open_config(name: str) -> oiio.ColorConfig:
    """A configuration by its path or address; the last few are kept open."""
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


def described(config: str | None) -> str:
    """The configuration that was asked, for messages."""
    if config:
        return config
    return f"$OCIO ({os.environ['OCIO']})" if os.environ.get("OCIO") else "$OCIO (which is not set)"
