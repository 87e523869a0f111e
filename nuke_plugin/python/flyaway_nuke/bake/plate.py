"""What the bake node is given: the plate's own files, where nothing lies between, or else a render."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nuke

from . import colour
from .cache import frame_path, identity
from .errors import PlateError
from .ranges import parse_range

# Nodes that change nothing: a plate that comes through them is still the plate.
_TRANSPARENT = ("Dot", "NoOp")
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
_PATTERN = re.compile(r"%0?\d*d|#+")
# Where a node lies and how it looks: no part of what it computes.
_COSMETIC = frozenset(
    (
        "xpos", "ypos", "selected", "label", "note_font", "note_font_size",
        "note_font_color", "tile_color", "gl_color", "icon", "indicators", "hide_input",
        "cached", "dope_sheet", "bookmark", "postage_stamp", "postage_stamp_frame", "name",
        "panel", "help", "onCreate", "onDestroy", "knobChanged", "updateUI",
        "autolabel", "lifetimeStart", "lifetimeEnd", "useLifetime",
    )
)  # fmt: skip
_MOST_NODES = 10_000


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
        return _PATTERN.search(Path(self.source).name) is None


def own_files(node: nuke.Node) -> tuple[PlateFiles | None, str]:
    """The files of the Read that feeds `node` with nothing between, or None and why they cannot be taken."""
    read = _through(node)
    if read is None:
        raise PlateError("Nothing is connected. Connect the plate to the node's input.")
    if read.Class() != "Read":
        return None, f"{read.name()} ({read.Class()}) lies between the plate and the bake"
    source = str(nuke.filename(read) or "").replace("\\", "/")
    if not source:
        raise PlateError(f"{read.name()} names no file.")
    problem = _changes_files(read, source)
    if problem:
        return None, f"{read.name()} {problem}"
    space = colour.file_space(read)
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


def digest(node: nuke.Node) -> str:
    """A hash of all that is upstream of `node`: nodes, how they are connected, knobs, and the files read.

    Two scripts that would render the same plate have the same; moving a node changes nothing.
    """
    found: dict[str, int] = {}
    content = hashlib.sha256()
    for name, key in (("format", "format"), ("management", "colorManagement"), ("space", "workingSpaceLUT")):
        content.update(f"{name} {_script(nuke.root(), key)}\n".encode())
    for each in _upstream(node.input(0)):
        found[each.fullName()] = len(found)
        inputs = [found.get(one.fullName(), -1) if one else -1 for one in _inputs(each)]
        content.update(f"{each.Class()} {inputs}\n".encode())
        for knob in sorted(each.knobs()):
            if knob not in _COSMETIC:
                content.update(f" {knob} {_script(each, knob)}\n".encode())
        if each.Class() in ("Read", "DeepRead", "ReadGeo", "ReadGeo2", "Camera2", "Camera3"):
            content.update(_files(each).encode())
    return content.hexdigest()


def _through(node: nuke.Node) -> nuke.Node | None:
    """The first node upstream that does anything."""
    each = node.input(0)
    for _ in range(_MOST_NODES):
        if each is None or not (each.Class() in _TRANSPARENT or _disabled(each)):
            return each
        each = each.input(0)
    raise PlateError("The nodes above go round in a circle.")


def _disabled(node: nuke.Node) -> bool:
    knob = node.knob("disable")
    # Switched by an expression, it is on at some frames and off at others.
    return knob is not None and bool(knob.value()) and not knob.isAnimated() and not knob.hasExpression()


def _changes_files(read: nuke.Node, source: str) -> str:
    """Why a Read does not show its files just as they are, or ""."""
    if Path(source).suffix.lower() not in _READABLE:
        return f"reads {Path(source).suffix or 'a file without a suffix'}, which Nuke has to decode"
    if "%v" in source.lower():
        return "reads several views"
    if str(read["frame"].value()).strip():
        return f"is shifted in time ({read['frame_mode'].value()} {read['frame'].value()})"
    if _disabled(read):
        return "is disabled"
    return ""


def _upstream(top: nuke.Node | None) -> Iterator[nuke.Node]:
    """Every node upstream, sources first, each once."""
    visited: set[str] = set()
    stack: list[tuple[nuke.Node, bool]] = [(top, False)] if top is not None else []
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
            continue
        if node.fullName() in visited:
            continue
        visited.add(node.fullName())
        if len(visited) > _MOST_NODES:
            raise PlateError(f"More than {_MOST_NODES} nodes lie above. Bake further up.")
        stack.append((node, True))
        inner = list(node.nodes()) if isinstance(node, nuke.Group) else []
        stack += [(each, False) for each in (*inner, *_inputs(node)) if each is not None]


def _inputs(node: nuke.Node) -> list[nuke.Node | None]:
    return [node.input(index) for index in range(node.inputs())]


def _script(node: nuke.Node, name: str) -> str:
    knob = node.knob(name)
    return "" if knob is None else str(knob.toScript())


def _files(node: nuke.Node) -> str:
    """What three of a node's files are, so that a plate that was rendered anew counts as another."""
    source = str(nuke.filename(node) or "")
    first, last = int(node.firstFrame()), int(node.lastFrame())
    sample = sorted({first, (first + last) // 2, last})
    paths = [frame_path(source, frame) for frame in sample] if _PATTERN.search(source) else [source]
    return "".join(f" {identity(Path(path))}\n" for path in paths)
