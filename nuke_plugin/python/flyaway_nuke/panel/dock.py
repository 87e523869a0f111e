"""The panel in Nuke: what its buttons do there, and where it docks."""

from __future__ import annotations

import threading
from typing import Any

import nuke

from ..bake import host, node
from ..bake.build import build
from ..bake.diagnosis import Diagnosis, diagnose
from ..bake.errors import BakeError
from ..bake.job import Job
from ..bake.knobs import choose
from ..bake.owner import is_bake
from . import ID, NAME, WIDGET, pump
from .qt import QtCore
from .setup import show_setup
from .window import Actions, Panel


class BakePanel(Panel):
    """The panel over this Nuke's own session, as `registerWidgetAsPanel` makes it: without arguments."""

    found = QtCore.Signal(object)

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
        self.found.connect(self._found)
        self._folder = host.host_folder()
        # It takes seconds, and starts a program: never in the host's main thread.
        threading.Thread(target=self._look, name="flyaway-models", daemon=True).start()

    def _look(self) -> None:
        try:
            self.found.emit(diagnose(host=self._folder))
        except (BakeError, RuntimeError):  # a broken preference file; a panel that was closed meanwhile
            return

    def _found(self, found: Diagnosis) -> None:
        if found.ready:
            self.offer(found.models, found.devices)
        else:
            bad = next(check for check in found.checks if check.state != "good")
            self.warn("Set-up needed", bad.text)


def show() -> Any:
    """Open the panel beside the properties, or bring it to the front."""
    from nukescripts import panels

    panel = panels.registerWidgetAsPanel(WIDGET, NAME, ID, True)
    return panel.addToPane(nuke.getPaneFor("Properties.1"))


def bake_selected(model: str, device: str) -> None:
    """Bake what is selected; a Read gets a bake node first."""
    chosen = [each for each in nuke.selectedNodes() if each.Class() == "Read" or is_bake(each)]
    if not chosen:
        nuke.message("Select Reads or FlyawayBake nodes first.")
        return
    for each in chosen:
        target = each
        if each.Class() == "Read":
            # What hangs on the Read is left alone: the matte is nobody's until somebody connects it.
            target = node.create(each)
            target.setXYpos(each.xpos(), each.ypos() + 120)
            # A bake node that is there has its own.
            choose(target["model"], model)
            choose(target["device"], device)
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
        return node.submit_job(job)
    except BakeError as error:
        nuke.message(str(error))
        return ""
