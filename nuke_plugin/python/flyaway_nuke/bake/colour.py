"""Which colour space a plate's files, or a render of ours, are in; in the words of our command line.

Nuke's own management converts with names of its own; of these our program knows two. Under OCIO both
sides mean the same configuration, so any name can be handed on.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import nuke

# Nuke's own names that mean exactly what our program's two names mean.
_NUKE_NAMES = {"linear": "linear", "srgb": "srgb"}


def file_space(read: nuke.Node) -> str | None:
    """The space of a Read's files: a name, or None where only Nuke can convert it."""
    if read["raw"].value():
        # Its values go into the script as they are: they mean what the script's own values mean.
        return working_space()
    value = str(read["colorspace"].value())
    if value == "default":
        # By the kind of file, as our program does by itself; scene-linear is the configuration's own.
        linear = str(read["file"].value()).lower().endswith((".exr", ".hdr"))
        return "scene_linear" if linear and _managed_by_ocio() else ""
    default = re.fullmatch(r"default \((.*)\)", value)
    return _known(default.group(1) if default else value)


def working_space() -> str | None:
    """The space in which the script computes, and in which a raw EXR of it is written."""
    root = nuke.root()
    if not _managed_by_ocio():
        return "linear"
    return _known(str(root["workingSpaceLUT"].value()))


def in_working_space(space: str) -> bool:
    """Whether what our program makes scene-linear of a plate in `space` means what the script's values mean.

    Nuke's own management knows one linear light; under OCIO its primaries are the working space's.
    """
    return not _managed_by_ocio() or space in ("scene_linear", working_space())


def ocio_config() -> str:
    """The OCIO configuration that names are to be looked up in, or "" for our program's built-in ones."""
    if not _managed_by_ocio():
        return ""
    root = nuke.root()
    name = str(root["OCIO_config"].value())
    if name == "custom":
        return str(root["customOCIOConfigPath"].value())
    shipped = Path(nuke.EXE_PATH).parent / "plugins" / "OCIOConfigs" / "configs" / name / "config.ocio"
    return str(shipped) if shipped.is_file() else os.environ.get("OCIO", "")


def _managed_by_ocio() -> bool:
    return str(nuke.root()["colorManagement"].value()) == "OCIO"


def _known(name: str) -> str | None:
    # Newer releases show families: "ACES/ACEScg"; the space is what comes last.
    name = name.rsplit("\t", 1)[-1].strip()
    if _managed_by_ocio():
        return name or None
    return _NUKE_NAMES.get(name.lower())
