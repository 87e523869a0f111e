"""What the bake node's buttons do. Every fault ends as words on the node; in a terminal it is raised."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import nuke

from . import farm, host
from .build import GIZMO, bake_id, bake_nodes, build, plain, relink
from .cache import Cache
from .colour import in_working_space
from .diagnosis import diagnose
from .errors import BakeError, CacheError
from .finish import colour_of, output_of, words_of
from .job import Job, Request, Settings
from .plate import PlateFiles, own_files, wanted_frames
from .preferences import read_preferences
from .render import render_plate

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
            return node
        node = plain(cast("nuke.Gizmo", nuke.createNode(GIZMO, inpanel=False)))
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
    for job in host.session().jobs:
        if job.active and job.request.node == str(node["bake_id"].value()):
            host.session().cancel(job)


def show_panel(node: nuke.Node | None = None) -> None:  # noqa: ARG001 -- what a button hands over
    """The Panel button."""
    from ..panel import show

    show()


def build_nodes(node: nuke.Node) -> None:
    """The Build button: Read and Copy from what is on disk, for example after the farm is done."""
    _guarded(node, lambda each: build(each, _baked_folder(each)))


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


def submit(node: nuke.Node, chunk: int | None = None) -> str | None:
    """The Farm button."""

    def hand_over(each: nuke.Node) -> str:
        reply = farm.submit(
            farm.Submission(make_request(each), int(each["chunk"].value()) if chunk is None else chunk),
            read_preferences()["farm"],
        )
        _tell(each, reply)
        return reply

    return _guarded(node, hand_over)


def check(node: nuke.Node | None = None) -> None:
    """The Check button: the wizard, or its report in a terminal."""
    if nuke.GUI:
        from ..panel.setup import show_setup

        show_setup(host.host_folder())
    else:
        _tell(node, diagnose(host=host.host_folder()).text())


def make_request(node: nuke.Node) -> Request:
    """All that a bake needs, from the node's knobs; renders the plate where nodes lie between.

    Raises
    ------
    BakeError : something is missing or means nothing.
    """
    frames = wanted_frames(node)
    root = host.bakes_root(str(cast("nuke.File_Knob", node["folder"]).evaluate() or ""))
    own, why = own_files(node) if node["own_files"].value() else (None, "as the node asks")
    if own is not None and output_of(node) in ("rgba", "fg") and not in_working_space(own.space):
        why = f"colour is written as the script has it, and the plate's is {own.space}"
        own = None
    if own is None:
        nuke.tprint(f"Flyaway: rendering the plate, since {why}")
        own = render_plate(node, frames, root, node.name())
    space = str(node["in_space"].value()).strip() or own.space
    settings = Settings(
        str(node["model"].value()),
        space,
        bool(node["coarse_only"].value()),
        str(node["alpha_in"].value()),
        words_of(node, own),
        output_of(node),
        colour_of(node),
        # A bake node of an earlier release has neither of these knobs.
        node.knob("stills") is not None and bool(node["stills"].value()),
        float(node["steadiness"].value()) if node.knob("steadiness") is not None else 1.0,
    )
    wanted = () if own.still else tuple(frames)
    folder = Cache(root).folder(_title(own), own.source, wanted, settings)
    return Request(
        _title(own),
        own.source,
        wanted,
        folder,
        settings,
        str(node["device"].value()),
        bake_id(node),
        own.ocio,
    )


def node_of(job: Job) -> nuke.Node | None:
    """The bake node of a job, if it is still in the script."""
    for node in bake_nodes() if job.request.node else ():
        if node["bake_id"].value() == job.request.node:
            return node
    return None


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


def _bake(node: nuke.Node) -> Job:
    session = host.session()
    request = make_request(node)
    if on_change not in session.listeners:
        session.listeners.append(on_change)
    node["folder_baked"].setValue(request.folder.as_posix())
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


def _baked_folder(node: nuke.Node) -> Path:
    folder = str(node["folder_baked"].value())
    if not folder:
        raise CacheError("This node was not baked yet. Bake first.")
    return Path(folder)


def _title(plate: PlateFiles) -> str:
    stem = plate.source.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    bare = stem.replace("%04d", "").replace("#", "").rstrip("._- ")
    return bare if bare and bare != "plate" else plate.title


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
        undo = nuke.Undo()
        undo.disable()
        try:
            node["status"].setValue(text)
            node["state"].setValue(text if len(text) <= 60 else text[:57] + "…")
        finally:
            undo.enable()
    else:
        nuke.tprint(f"Flyaway: {text}")
    if loud and nuke.GUI:
        nuke.message(text)
