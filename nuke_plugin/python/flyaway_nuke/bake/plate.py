"""What the bake node is given: the plate's own files, where nothing lies between, or else a render."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nuke

from . import colour
from .cache import frame_path
from .digest import PATTERN
from .errors import PlateError
from .knobs import value
from .paths import absolute
from .ranges import format_range, parse_range
from .upstream import first_that_counts, is_disabled

# Formats that our program reads; others (movies, camera raw) are rendered by Nuke.
_READABLE = (
    ".exr",
    ".png",
    ".jpg",
    ".jpeg",
    ".tif",
    ".tiff",
    ".webp",
    ".dpx",
    ".cin",
    ".hdr",
    ".bmp",
    ".tga",
)
# What a Read shows outside its range, where that is one of its own pictures.
_HELD = ("hold", "loop", "bounce")


@dataclass(frozen=True)
class PlateFiles:
    """Files that hold what the node is given.

    Attributes
    ----------
    source : a pattern with `%04d`, or one file for all frames.
    space : their colour space for our program, or "" where the files say it themselves.
    ocio : the OCIO configuration that `space` is a name of, or "".
    title : for people.
    """

    source: str
    space: str
    ocio: str
    title: str

    @property
    def still(self) -> bool:
        """Whether it is one file for all frames."""
        return PATTERN.search(Path(self.source).name) is None


def own_files(node: nuke.Node, frames: Sequence[int], named: str = "") -> tuple[PlateFiles | None, str]:
    """The files of the Read that feeds `node` with nothing between, or None and why they cannot be taken.

    Parameters
    ----------
    frames : which will be baked.
    named : the files' colour space, where the artist says it; "" where the Read does.
    """
    read = first_that_counts(node)
    if read is None:
        raise PlateError("Nothing is connected. Connect the plate to the node's input.")
    if read.Class() != "Read":
        return None, f"{read.name()} ({read.Class()}) lies between the plate and the bake"
    source = absolute(str(nuke.filename(read) or ""))
    if not source:
        raise PlateError(f"{read.name()} names no file.")
    problem = _changes_files(read, source) or _shows_others(read, source, frames)
    if problem:
        return None, f"{read.name()} {problem}"
    space = named or colour.file_space(read)
    if space is None:
        return None, f"{read.name()} is in {read['colorspace'].value()}, which Nuke has to convert"
    return PlateFiles(source, space, colour.ocio_config(), read.name()), ""


def input_range(node: nuke.Node) -> list[int]:
    """The frames of what is connected."""
    top = node.input(0)
    if top is None:
        raise PlateError("Nothing is connected. Connect the plate to the node's input.")
    return list(range(int(top.firstFrame()), int(top.lastFrame()) + 1))


def wanted_frames(node: nuke.Node) -> list[int]:
    """The frames that the node's knobs ask for, in Nuke's own grammar."""
    choice = str(node["range"].value())
    if choice == "custom":
        return parse_range(str(node["frames"].value()))
    if choice == "global":
        root = nuke.root()
        return list(range(int(root.firstFrame()), int(root.lastFrame()) + 1))
    return input_range(node)


def _changes_files(read: nuke.Node, source: str) -> str:
    """Why a Read does not show its files just as they are, or ""."""
    if Path(source).suffix.lower() not in _READABLE:
        return f"reads {Path(source).suffix or 'a file without a suffix'}, which Nuke has to decode"
    if "%v" in source.lower():
        return "reads several views"
    if str(read["frame"].value()).strip():
        return f"is shifted in time ({read['frame_mode'].value()} {read['frame'].value()})"
    if is_disabled(read):
        return "is disabled"
    if value(read, "premultiplied", False):
        # Nuke divides by the alpha before its conversion, and multiplies again after it.
        return "is marked as premultiplied"
    return ""


def _shows_others(read: nuke.Node, source: str, frames: Sequence[int]) -> str:
    """Why a Read shows other pictures in some of these frames than their files hold, or ""."""
    first, last = int(read["first"].value()), int(read["last"].value())
    outside = [frame for frame in frames if not first <= frame <= last]
    still = PATTERN.search(Path(source).name) is None
    shown = {str(value(read, knob, "hold")) for knob in ("before", "after")}
    # One picture for all frames is the same where it is held.
    if outside and not (still and shown <= set(_HELD)):
        return f"has frames {first}-{last} alone, and shows something else for {format_range(outside)}"
    if still or str(value(read, "on_error", "error")) == "error":
        return ""
    # A gap is filled by Nuke; where it is an error, the bake says which frames are missing.
    missing = [frame for frame in frames if not Path(frame_path(source, frame)).is_file()]
    if missing:
        return f"shows {value(read, 'on_error', '')} for frames {format_range(missing)}, which are missing"
    return ""
