"""What the core does to a matte before the node's own nodes see it: the person, and edges.

The cache keeps the network's own mattes. Those that controls were worked on lie beside them, in `finished`,
for Blenders without this add-on; a render with it works them anew, so no control runs the network again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import bpy
import numpy as np
from bpy.props import StringProperty

from . import cache, describe, group, origins, pipeline, pixels, uses

LEVELS = (("Black Point", "black"), ("White Point", "white"), ("Gamma", "gamma"))


def is_spatial(tree: bpy.types.NodeTree) -> bool:
    """Whether a control is set that looks at neighbours, and levels are therefore the core's."""
    settings = tree.flyaway
    return bool(settings.grow or settings.soften or settings.fill_holes)


def is_worked(tree: bpy.types.NodeTree) -> bool:
    """Whether the node's mattes are other than the network's before its own nodes see them."""
    return is_spatial(tree) or tree.flyaway.subject.strip().lower() not in ("", "all")


def changed(tree: bpy.types.NodeTree) -> None:
    """A control was set: say to the nodes inside whose business levels are."""
    group.say_done(tree, is_spatial(tree))


def trouble(node: bpy.types.Node) -> str:
    """Why the core cannot work a node's controls, or ""."""
    from flyaway.errors import ControlError
    from flyaway.subject import Subject

    tree = node.node_tree
    try:
        Subject.parse(tree.flyaway.subject or "all")
        if is_spatial(tree):
            _controls(node)
    except (ControlError, RuntimeError) as error:
        return str(error)
    return ""


def _controls(node: bpy.types.Node) -> object:
    """All controls up to those that look at neighbours; RuntimeError where a level is no plain number."""
    from flyaway.controls import Controls

    tree, settings = node.node_tree, node.node_tree.flyaway
    if group.DONE_NODE not in tree.nodes:
        raise RuntimeError(
            "this Portrait Matte is of an earlier release: add a new one for Grow and its kind"
        )
    values = {}
    for name, key in LEVELS:
        socket = node.inputs.get(name)
        if socket is None:
            continue
        if socket.is_linked or describe.is_animated(node, socket):
            raise RuntimeError(
                f"{name} is linked or animated, and Grow, Soften and Fill Holes come after it: set a number"
            )
        values[key] = float(socket.default_value)
    # What a slider may say for a moment is no reason to lose a frame.
    values["white"] = max(values.get("white", 1.0), values.get("black", 0.0) + 1e-4)
    return Controls(
        **values, grow=settings.grow, soften=settings.soften, fill_holes=round(settings.fill_holes)
    )


def finished(node: bpy.types.Node, frame: int, raw: np.ndarray) -> np.ndarray:
    """A raw matte (H×W float32, row 0 at the top) as the node's own nodes are to get it."""
    from flyaway.controls import apply
    from flyaway.subject import Subject, alone

    tree = node.node_tree
    subject = Subject.parse(tree.flyaway.subject or "all")
    matte = raw
    if subject.kind != "all":
        known = origins.load(cache.folder(tree)).where.get(frame)
        if known is not None and known[0] == str(subject):
            subject = Subject("point", known[1:])
        matte = alone(raw, subject)
    return apply(matte, _controls(node)) if is_spatial(tree) else matte


class Followed:
    """Somebody who is followed through the frames of an analysis."""

    def __init__(self, tree: bpy.types.NodeTree):
        from flyaway.subject import Subject

        self._tree, self._subject = tree, Subject.parse(tree.flyaway.subject or "all")
        self.wanted = self._subject.kind != "all"
        self._state: object = None
        self._chosen: object = None
        self._at: int | None = None
        self._last = 0

    def follow(self, frame: int, raw: np.ndarray, plate: np.ndarray) -> None:
        """Look at the next frame: from the one of the choice on, and then from there backwards."""
        from flyaway import following as who
        from flyaway.people import find_people

        if not self.wanted:
            return
        people = find_people(raw, plate[..., :3])
        if self._at is None:
            self._state = self._chosen = who.begin(people, self._subject)
            self._at = frame
            if self._state is None:
                raise RuntimeError(f"nobody is in frame {frame}, in which {self._subject} chooses")
        else:
            if frame < self._at < self._last:
                self._state = self._chosen
            self._state = who.follow(self._state, people)
        self._last = frame
        place = next((i for i, one in enumerate(self._state.regions) if self._state.chosen in one), None)
        index = origins.load(cache.folder(self._tree))
        if place is None:
            index.where.pop(frame, None)
            return
        ys, xs = np.nonzero(people.solid == place + 1)
        middle = np.argmin((ys - ys.mean()) ** 2 + (xs - xs.mean()) ** 2)
        point = ((float(side[middle]) + 0.5) * people.step for side in (xs, ys))
        index.where[frame] = (str(self._subject), *point)
        origins.save(cache.folder(self._tree), index)


def in_order(trees: list[bpy.types.NodeTree], frames: list[int]) -> list[int]:
    """Frames from that of a choice on, then those before it, backwards: as somebody is followed."""
    from flyaway.subject import Subject

    at = None
    for tree in trees:
        subject = Subject.parse(tree.flyaway.subject or "all")
        at = subject.frame if at is None else at
    if at is None or at not in frames:
        return frames
    return [*(one for one in frames if one >= at), *reversed([one for one in frames if one < at])]


def is_stale(tree: bpy.types.NodeTree) -> bool:
    """Whether the worked mattes on disk are not those that the controls would make now."""
    if not is_worked(tree):
        return False
    index = origins.load(cache.folder(tree))
    node = next((one for one in uses.matte_nodes() if one.node_tree == tree), None)
    if not index.frames or node is None or trouble(node):
        return False
    return any(index.finished.get(frame) != _made_of(node, frame, index) for frame in index.frames)


def _made_of(node: bpy.types.Node, frame: int, index: origins.Index) -> str:
    controls = _controls(node) if is_spatial(node.node_tree) else None
    whom = node.node_tree.flyaway.subject
    parts = [str(controls), whom, index.where.get(frame), index.frames[frame]]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def update(tree: bpy.types.NodeTree, scene: bpy.types.Scene) -> int:
    """Work the controls on the mattes on disk, where that was not done yet; how many there were."""
    node = next((one for one in uses.matte_nodes() if one.node_tree == tree), None)
    if node is None:
        return 0
    place = cache.folder(tree)
    index, there = origins.load(place), place / cache.FINISHED
    there.mkdir(exist_ok=True)
    count = 0
    for frame in sorted(index.frames):
        made_of = _made_of(node, frame, index)
        if index.finished.get(frame) == made_of and cache.matte_path(there, frame).is_file():
            continue
        raw = pixels.read_file(cache.matte_path(place, frame))[..., 0]
        pixels.save_matte(cache.matte_path(there, frame), finished(node, frame, raw), scene)
        index.finished[frame] = made_of
        count += 1
    for frame in index.empty:
        _copy(cache.matte_path(place, frame), cache.matte_path(there, frame))
    origins.save(place, index)
    return count


def _copy(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


class FLYAWAY_OT_update_cache(bpy.types.Operator):
    """Work the matte controls on the mattes on disk again: for renders without this add-on"""

    bl_idname = "flyaway.update_cache"
    bl_label = "Update Mattes on Disk"
    uid: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    def execute(self, context: bpy.types.Context) -> set[str]:
        """All of them, at once."""
        for use in uses.used(context.scene):
            if self.uid in ("", use.uid) and is_worked(use.tree):
                try:
                    scene = pipeline.tap_scene(context.scene, use)
                    count = update(use.tree, scene)
                    cache.play(use.tree)
                    cache.refresh(use.tree)
                    self.report({"INFO"}, f"{count} mattes of {use.title} worked again")
                except Exception as error:
                    self.report({"ERROR"}, str(error))
                    return {"CANCELLED"}
        pipeline.remove_taps()
        return {"FINISHED"}


def register() -> None:
    """Register the operator."""
    bpy.utils.register_class(FLYAWAY_OT_update_cache)


def unregister() -> None:
    """Take it away."""
    bpy.utils.unregister_class(FLYAWAY_OT_update_cache)
