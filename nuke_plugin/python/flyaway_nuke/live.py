"""What the live gizmo's callbacks do: say how things stand, and hand its settings to the Inference node.

The Inference node grows knobs only once its .cat is loaded, so they cannot be linked in the gizmo's text;
they are set from here, when the gizmo is made, loaded or changed. What may be animated is done by Nuke's own
nodes around it (garbage, core, invert, mix, boxes), or linked (`LINKED`).
"""

from __future__ import annotations

import nuke

from .bake.node import create
from .cat import CAT, find

GIZMO = "PortraitMatte"
INFERENCE = "Inference1"
VERSION = "1.2"
# The model's own outputs that the gizmo shows as they are.
UNKNOWN_VIEW, FOREGROUND = 2, 4
# Numbers of the model, and where they come from: linked, so that they may be animated. What the model is
# shown begins at ToBox's corner, and its rows count from the top; at less than full resolution its pixels are
# larger.
_SCALE = " / pow(2, parent.downrez)"
LINKED = {
    "exposure": "parent.exposure",
    "black": "parent.black",
    "white": "max(parent.white, parent.black + 0.000001)",
    "gamma": "parent.gamma",
    "grow": f"parent.grow_edge{_SCALE}",
    "soften": f"parent.soften{_SCALE}",
    "fill_holes": f"parent.fill_holes{_SCALE}",
    "pick_x": f"(parent.pick.x - ToBox.box.x){_SCALE}",
    "pick_y": f"(ToBox.box.t - parent.pick.y){_SCALE}",
}
HANDED_ON = ("colour", "exposure", "output", "refine", "subject", "downrez", "showPanel")
NOT_BUILT = (
    "CAT NOT BUILT YET. Press 'Build the live model' (NukeX), or use Bake, which needs no .cat"
    " and runs on any licence."
)


def created() -> None:
    """onCreate."""
    refresh(nuke.thisNode())


def changed() -> None:
    """knobChanged."""
    if nuke.thisKnob().name() in (
        "colour",
        "exposure",
        "output",
        "refine",
        "subject",
        "downrez",
        "showPanel",
    ):
        refresh(nuke.thisNode())


def refresh(node: nuke.Node) -> None:
    """Settings to the model, and the state to the eye."""
    text, short = state(node)
    node["state"].setValue(text)
    node["short_state"].setValue(short)


def state(node: nuke.Node) -> tuple[str, str]:
    """What the node says of itself: a sentence for the panel, a word for the node graph."""
    if not isinstance(node, nuke.Group):
        return "this is no PortraitMatte", "ERROR"
    inference = node.node(INFERENCE)
    if inference is None:
        return f"ERROR: {INFERENCE} is gone from inside this node. Make a new {GIZMO}.", "ERROR"
    path = find()
    if not path:
        return NOT_BUILT, "cat not built"
    wanted = {
        "colour": int(node["colour"].getValue()),
        "refine": int(node["refine"].getValue()),
        "subject": int(node["subject"].getValue()),
        "output": _model_output(node),
    }
    missing = [name for name in (*wanted, *LINKED) if inference.knob(name) is None]
    if missing:
        return (
            f"ERROR: {CAT} has no {', '.join(missing)}: it was built by another version. Build it again.",
            "ERROR: rebuild the cat",
        )
    for name, value in wanted.items():
        if int(inference[name].getValue()) != value:
            inference[name].setValue(value)
    # A value would stand still at all frames but this one.
    for name, expression in LINKED.items():
        if not inference[name].hasExpression():
            inference[name].setExpression(expression)
    if inference.hasError():
        return f"ERROR: Nuke's Inference node reports a fault with {path}; see the error console.", "ERROR"
    if int(node["output"].getValue()) >= 4 and wanted["output"] != FOREGROUND:
        return f"Live, with the plate's colour: foreground is to be had at full resolution. {path}", "live"
    return f"Live, PortraitMatte {VERSION}. Model: {path}", "live"


def _model_output(node: nuke.Node) -> int:
    """What the model is asked for; what is made of it outside needs no more than its alpha."""
    shown = int(node["output"].getValue())
    if shown == 3:
        return UNKNOWN_VIEW
    return FOREGROUND if shown >= 4 and int(node["downrez"].getValue()) == 0 else 0


def bake_instead(node: nuke.Node) -> nuke.Node | None:
    """The Bake button: a bake node on the same input."""
    source = node.input(0)
    if source is None:
        nuke.message("Connect the plate first: Bake mattes what comes in at the top.")
        return None
    bake = create(source)
    bake.setXYpos(node.xpos() + 110, node.ypos())
    if nuke.GUI:
        bake.showControlPanel()
    return bake
