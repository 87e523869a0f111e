"""The bake node's matte controls, masks, person and colour, in the words of the command line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import nuke

from .errors import BakeError
from .knobs import quietly
from .paths import file_of
from .plate import PlateFiles
from .ranges import format_range

# Knob → option, what changes nothing.
NUMBERS = (
    ("black", "--black", 0.0),
    ("white", "--white", 1.0),
    ("gamma", "--gamma", 1.0),
    ("grow_edge", "--grow", 0.0),
    ("soften", "--soften", 0.0),
    ("fill_holes", "--fill-holes", 0.0),
)
# The node's knobChanged, as the gizmo has it; and as it was, in scripts that opened with an error without us.
CALLBACK = (
    "try:\n import flyaway_nuke.bake.finish as f\n"
    "except ImportError:\n pass\nelse:\n f.picked(nuke.thisNode())"
)
_BARE_CALLBACK = "import flyaway_nuke.bake.finish as f\nf.picked(nuke.thisNode())"
MASKS = (("garbage", "--garbage"), ("core", "--core"))


def words_of(node: nuke.Node, plate: PlateFiles, frames: Sequence[int]) -> tuple[str, ...]:
    """The options that the node's Matte tab stands for; none where nothing is set.

    Parameters
    ----------
    frames : which will be baked.

    Raises
    ------
    BakeError : a number is animated, and a bake has one for all frames; or the point lies outside.
    """
    if node.knob("person") is None:  # a bake node of an earlier release
        return ()
    words: list[str] = []
    for name, option, neutral in NUMBERS:
        knob = cast("nuke.Array_Knob", node[name])
        if knob.isAnimated() or knob.hasExpression():
            raise BakeError(f"{name} is animated, and a bake has one value for all frames: set a number.")
        value = float(knob.value())
        if value != neutral:
            # With "=": a negative number is no option.
            words.append(f"{option}={value:g}")
    for name, option in MASKS:
        path = file_of(node[name])
        if path:
            words += [option, path]
    person = str(node["person"].value())
    if person == "point":
        person = _point(node, plate, frames)
    if person != "all":
        words += ["--subject", person]
    return tuple(words)


def output_of(node: nuke.Node) -> str:
    """What is written: one of `job.OUTPUTS`."""
    knob = node.knob("output")  # a bake node of an earlier release has none
    return "matte" if knob is None else str(knob.value())


def colour_of(node: nuke.Node) -> tuple[str, ...]:
    """The options for the colour that is written; none where none is, or where nothing is set.

    Raises
    ------
    BakeError : the strength is animated.
    """
    output = output_of(node)
    if output not in ("rgba", "fg"):
        return ()
    words: list[str] = []
    edges, screen = str(node["edge_colour"].value()), str(node["despill"].value())
    if output == "rgba" and edges != "foreground":  # fg is the person's own colour or nothing
        words += ["--edge-colour", edges]
    if screen != "none":
        knob = cast("nuke.Array_Knob", node["despill_strength"])
        if knob.isAnimated() or knob.hasExpression():
            raise BakeError("despill_strength is animated, and a bake has one value for all frames: set one.")
        words += ["--despill", screen, f"--despill-strength={float(knob.value()):g}"]
    return tuple(words)


def guard(node: nuke.Node) -> None:
    """Let a node of an earlier release do nothing, instead of raise, where there is no plug-in."""
    callback = cast("nuke.String_Knob", node["knobChanged"])
    if str(callback.value()).strip() == _BARE_CALLBACK:
        with quietly():
            callback.setValue(CALLBACK)


def picked(node: nuke.Node) -> None:
    """knobChanged: the point was moved in the viewer, in this frame; or the menu asks for one."""
    changed = nuke.thisKnob().name()
    if changed == "pick":
        node["pick_frame"].setValue(nuke.frame())
        node["person"].setValue("point")
    elif changed == "person" and node["person"].value() == "point" and _untouched(node):
        source = node.input(0)
        if source is not None:
            # The middle, where the handle can be seen and taken; it stands for this frame.
            whole = source.format()  # a node's own width is a proxy's in proxy mode
            node["pick"].setValue(whole.width() / 2, 0)
            node["pick"].setValue(whole.height() / 2, 1)


def _untouched(node: nuke.Node) -> bool:
    return _place(node) == (0, 0) and int(node["pick_frame"].value()) == 0


def _place(node: nuke.Node) -> tuple[float, float]:
    knob = cast("nuke.XY_Knob", node["pick"])
    return float(knob.value(0)), float(knob.value(1))


def _point(node: nuke.Node, plate: PlateFiles, frames: Sequence[int]) -> str:
    """X,Y@FRAME: the command line counts rows from the top, Nuke from the bottom."""
    source = node.input(0)
    if source is None:
        raise BakeError("Nothing is connected. Connect the plate to the node's input.")
    width, height = source.format().width(), source.format().height()
    (x, y), frame = _place(node), int(node["pick_frame"].value())
    if _untouched(node):  # made by a script, which sets the menu alone
        x, y, frame = width / 2, height / 2, nuke.frame() if nuke.frame() in frames else frames[0]
    # As far again around the picture is overscan that somebody may stand in.
    if not (-width <= x <= 2 * width and -height <= y <= 2 * height):
        raise BakeError(f"The point {x:.0f}, {y:.0f} lies outside the plate: put it on the person.")
    point = f"{x:.0f},{height - y:.0f}"
    if plate.still:
        return point
    if frame not in frames:
        raise BakeError(
            f"The point stands for frame {frame}, which is not among {format_range(frames)}: go to one of"
            " these, and put the point on the person there."
        )
    return f"{point}@{frame}"
