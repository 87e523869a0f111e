"""The bake's result in the script: a Read and a Copy, plain nodes that need no plug-in to be opened.

Each carries one user knob that says which bake it belongs to, so that it can be found and pointed at
another folder; a Nuke without Flyaway shows that knob and renders as ever.
"""

from __future__ import annotations

from pathlib import Path

import nuke

from .cache import Cache
from .errors import CacheError
from .job import OUTPUTS, file_name
from .knobs import hidden, value
from .owner import TAG, all_tagged, bake_id, mark, own_pair
from .owner import bake_nodes as bake_nodes  # studios' scripts ask for it here: docs/nuke/farm.md
from .record import Record, read_record
from .upstream import upstream

# On a Copy: the full name of what it was laid over.
_LAID_OVER = "flyaway_plate"
_MATTE_COLOUR = 0x6FA8A0FF


def plain(gizmo: nuke.Gizmo) -> nuke.Node:
    """Put a Group with the same knobs and buttons in a fresh gizmo's place.

    A script with a gizmo needs the plug-in to be opened, and in a terminal does not even load without it.
    """
    with gizmo.parent():
        group: nuke.Node = gizmo.makeGroup()
    for index in range(gizmo.inputs()):
        group.setInput(index, gizmo.input(index))
    rewire(gizmo, group)
    group.setXYpos(gizmo.xpos(), gizmo.ypos())
    name = gizmo.name()
    nuke.delete(gizmo)
    group.setName(name)
    return group


def build(node: nuke.Node, folder: Path) -> tuple[nuke.Node, nuke.Node]:
    """Make (or find) the Read and the Copy of a bake, and put them where the bake node was.

    Whatever took the bake node's output takes the Copy's; the bake node itself stays beside, as the
    place to bake again. Connections of nodes that are there already are the artist's, and stay. One step
    of undo.

    Raises
    ------
    CacheError : there is nothing to read in `folder`.
    """
    record = Cache.adopt(folder)
    if not record.mattes:
        raise CacheError(f"{folder} holds no matte yet. Bake first.")
    name = bake_id(node)
    undo = nuke.Undo()
    undo.begin("Flyaway bake")
    try:
        read, copy = _pair(node, name, record)
        rewire(node, copy)
        node["folder_baked"].setValue(folder.as_posix())
    finally:
        undo.end()
    return read, copy


def _pair(node: nuke.Node, name: str, record: Record) -> tuple[nuke.Node, nuke.Node]:
    """The Read and the Copy, made or pointed at what was baked; what the artist did to them stays."""
    read, copy = own_pair(node, name)
    with node.parent():
        if read is None:
            read = _new("Read", name, node.xpos() + 110, node.ypos() + 10)
            # Coverage is no colour, and colour is written scene-linear in the script's own primaries: no
            # curve belongs on either.
            read["raw"].setValue(True)
            before = ""
        else:
            before = _output(read)
        if copy is None:
            copy = _new("Copy", name, node.xpos(), node.ypos() + 60)
            _lay_over(copy, node.input(0))
            before = ""
        elif _is_untouched(copy):
            _lay_over(copy, node.input(0))
    point(read, record)
    if copy.input(1) is None:
        copy.setInput(1, read)
    if record.output != before:
        take(copy, OUTPUTS[record.output])
    return read, copy


def _lay_over(copy: nuke.Node, plate: nuke.Node | None) -> None:
    copy.setInput(0, plate)
    hidden(copy, _LAID_OVER).setValue(plate.fullName() if plate is not None else "")


def _is_untouched(copy: nuke.Node) -> bool:
    """Whether a Copy still hangs where it was put: then it goes with its bake node to another plate."""
    plate = copy.input(0)
    return plate is not None and plate.fullName() == value(copy, _LAID_OVER, "")


def _output(read: nuke.Node) -> str:
    """What a Read of ours reads now: one of `OUTPUTS`, by its file's name."""
    return str(read["file"].value()).rsplit("/", 1)[-1].split(".", 1)[0]


def take(copy: nuke.Node, channels: tuple[str, ...]) -> None:
    """Have a Copy lay these channels of the bake over the plate's; the unknown region becomes its alpha."""
    for number in range(4):
        channel = channels[number] if number < len(channels) else "none"
        to = "rgba.alpha" if channel.endswith(".alpha") else channel
        copy[f"from{number}"].setValue(channel)
        copy[f"to{number}"].setValue(to)


def point(read: nuke.Node, record: Record) -> None:
    """Let a Read read a bake: its file and its range follow what was baked."""
    read["file"].setValue((record.folder / file_name(record.output, still=record.still)).as_posix())
    frames = record.frames or [1]
    for knob, frame in (
        ("first", frames[0]),
        ("last", frames[-1]),
        ("origfirst", frames[0]),
        ("origlast", frames[-1]),
    ):
        read[knob].setValue(frame)
    model = record.settings.get("model", "")
    what = "" if record.output == "matte" else record.output
    # A label of the artist's own stays.
    if str(read["label"].value() or "Flyaway").startswith("Flyaway"):
        read["label"].setValue(" ".join(word for word in ("Flyaway", model, what) if word))


def relink(folder: Path) -> list[str]:
    """Point every Read of ours whose bake has moved at its folder below `folder`, by name.

    Returns
    -------
    The names of the Reads that were mended.

    Raises
    ------
    CacheError : none of them is there.
    """
    mended, lost = [], []
    for read in all_tagged("Read"):
        here = Path(str(read["file"].value())).parent
        for place in (folder, folder / here.name):
            if place.name == here.name and (place / "bake.json").is_file():
                point(read, read_record(place))
                mended.append(read.name())
                break
        else:
            lost.append(f"{read.name()} ({here.name})")
    if not mended:
        wanted = ", ".join(lost) or "no node of a Flyaway bake in this script"
        raise CacheError(f"Nothing was found below {folder} for: {wanted}.")
    return mended


def _new(node_class: str, name: str, x: int, y: int) -> nuke.Node:
    node: nuke.Node = getattr(nuke.nodes, node_class)()
    node.addKnob(nuke.Tab_Knob("flyaway", "Flyaway"))
    tag = nuke.String_Knob(TAG, "bake")
    tag.setTooltip("Which Flyaway bake this belongs to. The node works without Flyaway.")
    node.addKnob(tag)
    mark(node, name)
    if node_class == "Read":
        node["tile_color"].setValue(_MATTE_COLOUR)
    node.setXYpos(x, y)
    return node


def rewire(node: nuke.Node, copy: nuke.Node) -> None:
    """Hang on `copy` whatever hangs on `node`; not what feeds `copy` itself, which would be a circle."""
    above = list(upstream([copy]))
    for other in node.dependent(nuke.INPUTS):
        if other in above:
            continue
        for index in range(other.inputs()):
            if other.input(index) == node:
                other.setInput(index, copy)
