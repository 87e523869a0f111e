"""The bake node's matte controls, masks, person and colour, in the words of the command line."""

from __future__ import annotations

from typing import cast

import nuke

from .errors import BakeError
from .plate import PlateFiles

# Knob → option, what changes nothing.
NUMBERS = (
    ("black", "--black", 0.0),
    ("white", "--white", 1.0),
    ("gamma", "--gamma", 1.0),
    ("grow_edge", "--grow", 0.0),
    ("soften", "--soften", 0.0),
    ("fill_holes", "--fill-holes", 0.0),
)
MASKS = (("garbage", "--garbage"), ("core", "--core"))


def words_of(node: nuke.Node, plate: PlateFiles) -> tuple[str, ...]:
    """The options that the node's Matte tab stands for; none where nothing is set.

    Raises
    ------
    BakeError : a number is animated: a bake has one for all frames.
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
        text = str(cast("nuke.File_Knob", node[name]).value() or "").strip()
        if text:
            words += [option, text]
    person = str(node["person"].value())
    if person == "point":
        person = _point(node, plate)
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


def picked(node: nuke.Node) -> None:
    """knobChanged: the point was moved in the viewer, in this frame."""
    if nuke.thisKnob().name() == "pick":
        node["pick_frame"].setValue(nuke.frame())
        node["person"].setValue("point")


def _point(node: nuke.Node, plate: PlateFiles) -> str:
    """X,Y@FRAME: the command line counts rows from the top, Nuke from the bottom."""
    source = node.input(0)
    height = source.height() if source is not None else 0
    x, y = (float(cast("nuke.XY_Knob", node["pick"]).value(index)) for index in (0, 1))
    point = f"{x:.0f},{height - y:.0f}"
    return point if plate.still else f"{point}@{int(node['pick_frame'].value())}"
