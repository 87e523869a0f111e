"""What the bake node's buttons do. Every fault ends as words on the node; in a terminal it is raised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import nuke

from . import farm, host
from .build import build, plain, relink
from .diagnosis import diagnose
from .errors import BakeError, CacheError
from .finish import guard
from .job import Job
from .knobs import choose, quietly
from .owner import GIZMO, bake_id, owner_of, owns
from .preferences import read_preferences
from .request import chunk_of, make_request

T = TypeVar("T")


def create(below: nuke.Node | None = None) -> nuke.Node:
    """A bake node: below the selection, as any node from a menu; or on `below`, touching nothing else."""
    undo = nuke.Undo()
    undo.begin("Flyaway bake node")
    try:
        if below is not None:
            with below.parent():
                node = plain(getattr(nuke.nodes, GIZMO)())
            node.setInput(0, below)
            _prefer(node)
            return node
        node = plain(cast("nuke.Gizmo", nuke.createNode(GIZMO, inpanel=False)))
        _prefer(node)
        node.selectOnly()
    finally:
        undo.end()
    if nuke.GUI:
        node.showControlPanel()
    return node


def bake(node: nuke.Node) -> Job | None:
    """The Bake button: also resumes, since frames that are whole are kept."""
    return _guarded(node, _bake)


def stop(node: nuke.Node) -> None:
    """The Stop button: after the frame in hand; pressed twice, at once."""
    name = str(node["bake_id"].value())
    for job in host.session().jobs if owns(node) else ():  # a pasted node has its original's id, not its bake
        if job.active and job.request.node == name:
            host.session().cancel(job)


def show_panel(node: nuke.Node | None = None) -> None:  # noqa: ARG001 -- what a button hands over
    """The Panel button."""
    from ..panel import show

    show()


def build_nodes(node: nuke.Node) -> None:
    """The Build button: Read and Copy from what is on disk, for example after the farm is done."""
    _guarded(node, _build_again)


def relink_nodes(node: nuke.Node | None = None) -> None:
    """The Relink button: bakes that were moved with their folder."""
    place = nuke.getFilename("The folder that holds the bakes now", "*/")
    if not place:
        return
    try:
        mended = relink(Path(place))
    except BakeError as error:
        _tell(node, str(error), loud=True)
    else:
        _tell(node, f"linked again: {', '.join(mended)}")


def submit(node: nuke.Node) -> str | None:
    """The Farm button."""

    def hand_over(each: nuke.Node) -> str:
        request = make_request(each)
        reply = farm.submit(farm.Submission(request, chunk_of(each)), read_preferences()["farm"])
        _baked_into(each, request.folder)
        _tell(each, reply)
        return reply

    return _guarded(node, hand_over)


def submit_job(job: Job) -> str:
    """The panel's Farm button: the bake as it was asked for, in the tasks that its node says.

    Raises
    ------
    BakeError : it could not be handed over.
    """
    node = node_of(job)
    handed = farm.Submission(job.request)
    if node is not None:
        handed = farm.Submission(job.request, chunk_of(node))
    reply = farm.submit(handed, read_preferences()["farm"])
    if node is not None:
        _baked_into(node, job.request.folder)
    return reply


def check(node: nuke.Node | None = None) -> None:
    """The Check button: the wizard, or its report in a terminal."""
    if nuke.GUI:
        from ..panel.setup import show_setup

        show_setup(host.host_folder())
    else:
        _tell(node, diagnose(host=host.host_folder()).text())


def node_of(job: Job) -> nuke.Node | None:
    """The bake node of a job, if it is still in the script."""
    node = owner_of(job.request.node) if job.request.node else None
    return node if node is not None and owns(node) else None


def on_change(job: Job) -> None:
    """Listener of the session: the node says how its bake stands."""
    node = node_of(job)
    if node is None:
        return
    if job.state in ("running", "stopping"):
        text = f"{job.state}: {len(job.frames)} of {job.total}"
    else:
        text = job.message or job.state
    _tell(node, text)


def _prefer(node: nuke.Node) -> None:
    """What the preferences say of new nodes; a broken file is told, and hinders no node."""
    try:
        preferences = read_preferences()
    except BakeError as error:
        nuke.tprint(f"Flyaway: {error}")
        return
    for name in ("model", "device"):
        if preferences[name]:
            choose(node[name], preferences[name])


def _bake(node: nuke.Node) -> Job:
    session = host.session()
    guard(node)
    request = make_request(node)
    if on_change not in session.listeners:
        session.listeners.append(on_change)
    _baked_into(node, request.folder)
    earlier = [job for job in session.jobs if job.request == request and not job.active]
    if earlier:
        job = earlier[-1]
        session.resume(job)
    else:
        job = session.submit(request, _when_done)
    host.carry_out(job)
    if not nuke.GUI and job.state != "done":
        raise BakeError(f"{job.request.title}: {job.message}")
    return job


def _when_done(job: Job) -> None:
    node = node_of(job)
    if node is None:
        raise CacheError("its node is no longer in the script: the mattes are on disk")
    build(node, job.request.folder)


def _build_again(node: nuke.Node) -> None:
    bake_id(node)  # of a pasted node: what its original baked is not to be built here
    folder = str(node["folder_baked"].value())
    if not folder:
        raise CacheError("This node was not baked yet. Bake first.")
    build(node, Path(folder))


def _baked_into(node: nuke.Node, folder: Path) -> None:
    with quietly():
        node["folder_baked"].setValue(folder.as_posix())


def _guarded(node: nuke.Node, action: Callable[[nuke.Node], T]) -> T | None:
    try:
        return action(node)
    except BakeError as error:
        if not nuke.GUI:
            raise
        _tell(node, str(error), loud=True)
        return None


def _tell(node: nuke.Node | None, text: str, loud: bool = False) -> None:
    """Words where the artist looks: on the node, and with a dialog for what stops the work."""
    if node is not None:
        # A word on the node after every frame is nothing that an artist wants to undo.
        with quietly():
            node["status"].setValue(text)
            node["state"].setValue(text if len(text) <= 60 else text[:57] + "…")
    else:
        nuke.tprint(f"Flyaway: {text}")
    if loud and nuke.GUI:
        nuke.message(text)
