"""A hash of all that a plate which Nuke renders depends on: so that no render of another picture is taken.

Nodes, how they are connected, knobs, what expressions come to, the files that are read, and the script's
settings. It errs towards rendering again: a patched frame of the plate is another plate.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import nuke

from . import colour
from .cache import frame_path
from .errors import PlateError
from .paths import absolute, file_of
from .upstream import sources, upstream

PATTERN = re.compile(r"%0?\d*d|#+")
# Where a node lies and how it looks: no part of what it computes.
_COSMETIC = frozenset(
    (
        "xpos", "ypos", "selected", "label", "note_font", "note_font_size",
        "note_font_color", "tile_color", "gl_color", "icon", "indicators", "hide_input",
        "cached", "dope_sheet", "bookmark", "postage_stamp", "postage_stamp_frame", "name",
        "panel", "help", "onCreate", "onDestroy", "knobChanged", "updateUI", "autolabel",
        # Of another bake above: what it says of itself.
        "state", "status", "folder_baked", "bake_id", "bake_owner", "flyaway_bake", "flyaway_owner",
        "flyaway_plate",
    )
)  # fmt: skip
# Of the script: what a default colour space or a format means, and where relative paths begin.
_SCRIPT = (
    "format", "project_directory", "colorManagement", "workingSpaceLUT", "OCIO_config",
    "customOCIOConfigPath", "int8Lut", "int16Lut", "logLut", "floatLut", "monitorLut",
)  # fmt: skip
# Their file is what they write.
_LONGEST = 50_000
_WRITERS = ("Write", "DeepWrite", "WriteGeo")


def digest(node: nuke.Node, frames: Iterable[int], more: str = "") -> str:
    """A hash of all that the input of `node` depends on in `frames`; `more` is how it will be rendered.

    Two scripts that would render the same plate have the same; moving or renaming a node changes nothing.
    """
    content = hashlib.sha256(more.encode())
    root = nuke.root()
    for name in _SCRIPT:
        content.update(f"{name} {_script(root, name)}\n".encode())
    config = colour.ocio_config()
    content.update(f"ocio {config} {_stat(config)}\n".encode())
    top = node.input(0)
    # Of the whole input, so that a longer range of the same plate has the same hash.
    span = _span(top) if top is not None else range(0)
    wanted = sorted({*span, *frames})
    found: dict[str, int] = {}
    # A node inside a group is fed by an Input, and that from outside.
    for each in upstream([top], expressions=True):
        found[each.fullName()] = len(found)
        inputs = [found.get(one.fullName(), -1) if one else -1 for one in sources(each)]
        content.update(f"{each.Class()} {inputs}\n".encode())
        if not isinstance(each, nuke.Root):  # what an expression asks of it is evaluated where it is asked
            for line in _knobs(each, wanted):
                content.update(line.encode())
    return content.hexdigest()


def _knobs(node: nuke.Node, frames: list[int]) -> list[str]:
    lines = []
    for name, knob in sorted(node.knobs().items()):
        if name in _COSMETIC:
            continue
        lines.append(f" {name} {knob.toScript()}\n")
        if knob.hasExpression():
            lines.append(f"  {_values(knob, frames)}\n")
        if isinstance(knob, nuke.EvalString_Knob) and "[" in str(knob.value()):
            lines.append(f"  {_texts(knob, frames)}\n")
        if isinstance(knob, nuke.File_Knob) and name != "proxy" and _reads(node):
            lines.append(f"  {_files(node, knob, frames)}\n")
    return lines


def _values(knob: Any, frames: list[int]) -> list[str]:
    """What an expression comes to: it may ask the frame, the script, or Python."""
    count = int(knob.arraySize()) if isinstance(knob, nuke.Array_Knob) else 1
    try:
        return [repr(knob.getValueAt(frame, index)) for frame in frames for index in range(count)]
    except (RuntimeError, TypeError, ValueError):  # one that Nuke itself cannot evaluate
        return []


def _texts(knob: Any, frames: list[int]) -> list[str]:
    """What a text with Tcl in it comes to."""
    try:
        return [str(knob.evaluate(frame)) for frame in frames]
    except RuntimeError:
        return []


def _reads(node: nuke.Node) -> bool:
    """A Write's own file is read only where it is told to."""
    if not node.Class().startswith(_WRITERS):
        return True
    reading = node.knob("reading")
    return reading is not None and bool(reading.value())


def _files(node: nuke.Node, knob: nuke.Knob, frames: list[int]) -> str:
    """Size and time of every file that a knob names: rendered or patched anew, they count as others."""
    try:
        path = _first_view(file_of(knob))
    except PlateError:  # of a node that may be switched off; where it is not, Nuke's render says so
        return "-"
    if not PATTERN.search(path):
        return _stat(path)
    if node.knob("first") is not None and node.knob("last") is not None:
        # All of its own, whichever are shown when.
        frames = list(_span(node)) or frames
    return " ".join(_stat(frame_path(path, frame)) for frame in frames)


def _first_view(path: str) -> str:
    """A plate is rendered in the script's first view."""
    view = next(iter(nuke.views()), "main")
    return path.replace("%V", view).replace("%v", view[:1])


def _span(node: nuke.Node) -> range:
    """A node's frames; none where its range is left open, and only those asked for are looked at."""
    first, last = int(node.firstFrame()), int(node.lastFrame())
    return range(first, last + 1) if last - first < _LONGEST else range(0)


def _stat(path: str) -> str:
    if not path:
        return ""
    try:
        stat = Path(absolute(path)).stat()
    except (OSError, ValueError):
        return "-"
    return f"{stat.st_size}:{stat.st_mtime_ns}"


def _script(node: nuke.Node, name: str) -> str:
    knob = node.knob(name)
    return "" if knob is None else str(knob.toScript())
