"""The panel in Nuke: what its buttons do there, and where it docks."""

from __future__ import annotations

from typing import Any

import nuke

from ..bake import farm, host, node
from ..bake.build import build
from ..bake.errors import BakeError
from ..bake.job import Job
from ..bake.preferences import read_preferences
from . import ID, NAME, WIDGET, pump
from .setup import show_setup
from .window import Actions, Panel

_FEET = ("Read", node.NODE)


class BakePanel(Panel):
    """The panel over this Nuke's own session, as `registerWidgetAsPanel` makes it: without arguments."""

    def __init__(self) -> None:
        super().__init__(
            host.session(),
            Actions(
                bake_selected=bake_selected,
                resume=resume,
                build=build_nodes,
                submit=submit,
                setup=lambda: show_setup(host.host_folder()),
            ),
        )


def show() -> Any:
    """Open the panel beside the properties, or bring it to the front."""
    from nukescripts import panels

    panel = panels.registerWidgetAsPanel(WIDGET, NAME, ID, True)
    return panel.addToPane(nuke.getPaneFor("Properties.1"))


def bake_selected(model: str, device: str) -> None:
    """Bake what is selected; a Read gets a bake node first."""
    chosen = [each for each in nuke.selectedNodes() if each.Class() in _FEET]
    if not chosen:
        nuke.message("Select Reads or FlyawayBake nodes first.")
        return
    for each in chosen:
        target = each
        if each.Class() == "Read":
            with each.parent():
                target = nuke.createNode(node.NODE, inpanel=False)
            target.setInput(0, each)
            target.setXYpos(each.xpos(), each.ypos() + 120)
        target["model"].setValue(model)
        target["device"].setValue(device)
        node.bake(target)


def resume(job: Job) -> None:
    """Go on with a bake."""
    host.session().resume(job)
    pump.start(host.session())


def build_nodes(job: Job) -> None:
    """The Read and the Copy of a bake."""
    try:
        target = node.node_of(job)
        if target is None:
            raise BakeError("The bake's node is no longer in the script. Undo its deletion, or bake again.")
        build(target, job.request.folder)
    except BakeError as error:
        nuke.message(str(error))


def submit(job: Job) -> str:
    """Hand a bake to the farm."""
    try:
        return farm.submit(farm.Submission(job.request), read_preferences()["farm"])
    except BakeError as error:
        nuke.message(str(error))
        return ""
