"""The tap: a hidden scene that renders what flows into a matte node, and nothing else.

Inside a render, Blender shows a node's input to no one. So the scene is copied, with its compositing tree; in
the copy the wire into the node goes through Convert Colorspace (working space → sRGB, by Blender's own OCIO)
into a File Output, which keeps the image's own size even where it is not the render's. All other outputs go.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import bpy
import numpy as np

from . import compat, describe, pixels, uses
from .uses import Use

MARK = "flyaway_tap"
WIRE = "Flyaway Tap"
# These move an image without moving its pixels; a file of it would not say where it belongs.
MOVING = frozenset(
    f"CompositorNode{name}"
    for name in (
        *("Translate", "Transform", "Rotate", "Scale", "Crop"),
        *("Stabilize", "CornerPin", "PlaneTrackDeform"),
    )
)


class TapError(RuntimeError):
    """What flows into a node cannot be had; the message says why."""


def is_tap(scene: bpy.types.Scene) -> bool:
    """Whether a scene is one of ours."""
    return MARK in scene


class Tap:
    """What flows into one matte node of a scene, frame by frame."""

    def __init__(self, scene: bpy.types.Scene, use: Use):
        link = next((link for link in use.node.inputs["Image"].links if not link.is_muted), None)
        if link is None:
            raise TapError("nothing is plugged into Image")
        self.folder = Path(tempfile.mkdtemp(prefix="flyaway-tap-", dir=bpy.app.tempdir or None))
        self._trees: list[bpy.types.NodeTree] = []
        self._canvas: bpy.types.Image | None = None
        self.scene = scene.copy()
        self.scene.name = "Flyaway Tap"
        self.scene[MARK] = True
        root = compat.compositor_tree(self.scene)
        if not compat.TREE_ON_SCENE:
            root = self._copy(root)
            compat.set_compositor_tree(self.scene, root)
        else:
            root[MARK] = True
        self._wire(root, scene, use)
        _quiet(self.scene.render)

    @property
    def on_canvas(self) -> bool:
        """Whether the plate was moved, and comes laid on the scene's canvas."""
        return self._canvas is not None

    def read(self, frame: int, subframe: float = 0.0) -> np.ndarray:
        """H×W×4 float32, display-referred sRGB, premultiplied, row 0 at the top."""
        for old in self.folder.iterdir():
            old.unlink()
        self._refuse_missing(frame)
        self.scene.frame_set(frame, subframe=subframe)
        self._render(frame, subframe)
        written = sorted(self.folder.iterdir())
        if not written:
            raise TapError("Blender rendered nothing into this node: is its Image connected to a picture?")
        plate = pixels.read_file(written[0])
        if plate.shape[2] == 3:
            plate = np.concatenate([plate, np.ones_like(plate[..., :1])], axis=2)
        if plate.shape[0] < 2 or plate.shape[1] < 2:
            raise TapError("only a single colour flows into Image: plug a picture into it")
        return plate

    def _refuse_missing(self, frame: int) -> None:
        """Name the file that is not there: Blender would render nothing in its place, and say nothing."""
        wire = compat.compositor_tree(self.scene).nodes[WIRE].inputs[0].links[0].from_socket
        for node in seen_through(wire, set()):
            path = describe.missing_file(node, frame)
            if path is not None:
                name = node.label or node.name
                raise TapError(f"there is no file {path}: put it back, or choose another in the node {name}")

    def _render(self, frame: int, subframe: float) -> None:
        """Render the tap's scene, with the context left alone where that gives the same picture.

        In a window this is a thread of its own, which shares the context with the one that draws: an override
        there has crashed Blender. Given the scene by name, the operator renders it at the context's frame.
        """
        there = bpy.context.scene
        same_frame = there is not None and (there.frame_current, there.frame_subframe) == (frame, subframe)
        if same_frame and bpy.data.scenes.get(self.scene.name) == self.scene:
            bpy.ops.render.render(scene=self.scene.name)
            return
        with bpy.context.temp_override(scene=self.scene):
            bpy.ops.render.render()

    def remove(self) -> None:
        """Take the scene and its trees out of the file, and the frames off the disk."""
        shutil.rmtree(self.folder, ignore_errors=True)
        _remove(self.scene, self._trees)
        if self._canvas is not None:
            with contextlib.suppress(ReferenceError):
                bpy.data.images.remove(self._canvas)

    def _copy(self, tree: bpy.types.NodeTree) -> bpy.types.NodeTree:
        copy = tree.copy()
        copy.name = "Flyaway Tap"
        copy[MARK] = True
        self._trees.append(copy)
        return copy

    def _wire(self, root: bpy.types.NodeTree, scene: bpy.types.Scene, use: Use) -> None:
        """Lead the wire into the matte node out of all groups to a File Output; drop the rest."""
        levels = [root]
        enclosing = []
        for group in use.groups:
            inside = levels[-1].nodes[group.name]
            inside.node_tree = self._copy(inside.node_tree)
            enclosing.append(inside)
            levels.append(inside.node_tree)
        node = levels[-1].nodes[use.node.name]
        wire = next(link for link in node.inputs["Image"].links if not link.is_muted).from_socket
        for depth in range(len(levels) - 1, 0, -1):
            wire = _lead_out(levels[depth], wire, enclosing[depth - 1])
        if any(node.bl_idname in MOVING for node in _all_upstream(node)):
            wire = self._on_canvas(root, wire)
        convert = root.nodes.new("CompositorNodeConvertColorSpace")  # comes set from the working space
        convert.to_color_space = "sRGB"
        root.links.new(wire, convert.inputs[0])
        output = compat.add_file_output(root, self.folder)
        output.name = WIRE
        root.links.new(convert.outputs[0], output.inputs[0])
        needed = _upstream(output)
        for node in list(root.nodes):
            if node.name not in needed and node.bl_idname not in (compat.COMPOSITE, "NodeGroupOutput"):
                root.nodes.remove(node)
        final = compat.output_node(root)
        if final is not None:
            for link in [link for socket in final.inputs for link in socket.links]:
                root.links.remove(link)
        for tree in levels:
            self._isolate(tree, scene)

    def _on_canvas(self, root: bpy.types.NodeTree, wire: bpy.types.NodeSocket) -> bpy.types.NodeSocket:
        """Lay what was moved on the scene's canvas, on which its matte is then laid just so."""
        render = self.scene.render
        percentage = render.resolution_percentage / 100
        width, height = (int(side * percentage) for side in (render.resolution_x, render.resolution_y))
        self._canvas = bpy.data.images.new("Flyaway Canvas", width, height, alpha=True, float_buffer=True)
        self._canvas.generated_color = (0, 0, 0, 0)
        canvas = root.nodes.new("CompositorNodeImage")
        canvas.image = self._canvas
        over = root.nodes.new("CompositorNodeAlphaOver")
        images = [socket for socket in over.inputs if socket.type == "RGBA"]
        root.links.new(canvas.outputs[0], images[0])  # the background's size is the result's
        root.links.new(wire, images[1])
        return over.outputs[0]

    def _isolate(self, tree: bpy.types.NodeTree, scene: bpy.types.Scene) -> None:
        """Silence inner outputs, and have Render Layers render in the copy of the scene."""
        for node in tree.nodes:
            if node.bl_idname == "CompositorNodeRLayers" and node.scene == scene:
                node.scene = self.scene
            elif node.bl_idname in ("CompositorNodeOutputFile", "CompositorNodeViewer"):
                node.mute = node.name != WIRE
            elif uses.is_group(node) and not node.node_tree.get(MARK) and _needs_isolation(node.node_tree):
                node.node_tree = self._copy(node.node_tree)
                self._isolate(node.node_tree, scene)


def remove_left_over() -> None:
    """Remove taps that nobody owns any more."""
    for scene in [scene for scene in bpy.data.scenes if is_tap(scene)]:
        _remove(scene, [])
    for tree in [tree for tree in bpy.data.node_groups if tree.get(MARK)]:
        bpy.data.node_groups.remove(tree)


def _remove(scene: bpy.types.Scene, trees: list[bpy.types.NodeTree]) -> None:
    try:
        bpy.data.scenes.remove(scene)
        for tree in trees:
            bpy.data.node_groups.remove(tree)
    except ReferenceError:
        return  # the file was closed, or an undo took them away


def _quiet(render: bpy.types.RenderSettings) -> None:
    """Nothing but the compositor, once, to nowhere."""
    render.use_sequencer = False
    render.use_compositing = True
    render.use_multiview = False
    render.use_file_extension = True
    render.filepath = ""
    compat.exr(render.image_settings, depth="16", codec="NONE", color="RGBA")


def _lead_out(
    tree: bpy.types.NodeTree, wire: bpy.types.NodeSocket, group: bpy.types.Node
) -> bpy.types.NodeSocket:
    """Take a wire out of a group: the group node's new output socket."""
    compat.add_group_socket(tree, WIRE, "OUTPUT", "NodeSocketColor")
    outputs = [node for node in tree.nodes if node.bl_idname == "NodeGroupOutput"]
    active = [node for node in outputs if node.is_active_output] or outputs
    output = active[0] if active else tree.nodes.new("NodeGroupOutput")
    tree.links.new(wire, output.inputs[WIRE])
    return group.outputs[WIRE]


def _upstream(node: bpy.types.Node) -> set[str]:
    """Names of the nodes that a node depends on, itself among them."""
    found, waiting = set(), [node]
    while waiting:
        node = waiting.pop()
        if node.name not in found:
            found.add(node.name)
            waiting += [link.from_node for socket in node.inputs for link in socket.links]
            if node.parent is not None:
                found.add(node.parent.name)
    return found


def _all_upstream(node: bpy.types.Node) -> Iterator[bpy.types.Node]:
    """The nodes that feed a node, and whatever is in groups among them or around it."""
    for name in _upstream(node) - {node.name}:
        source = node.id_data.nodes[name]
        yield source
        if uses.is_group(source):
            yield from source.node_tree.nodes


def seen_through(socket: bpy.types.NodeSocket, known: set[tuple[str, str, str]]) -> Iterator[bpy.types.Node]:
    """The nodes whose picture may show at an output socket; inside groups, those that this output needs."""
    node = socket.node
    key = (node.id_data.name, node.name, socket.identifier)
    if key in known:
        return
    known.add(key)
    yield node
    inputs = list(node.inputs)
    if node.mute:
        inputs = [link.from_socket for link in node.internal_links if link.to_socket == socket]
    elif uses.is_group(node):
        ends = [inner for inner in node.node_tree.nodes if inner.bl_idname == "NodeGroupOutput"]
        inputs += [one for end in ends for one in end.inputs if one.identifier == socket.identifier]
    for link in [link for one in inputs for link in one.links if not link.is_muted]:
        yield from seen_through(link.from_socket, known)


def _needs_isolation(tree: bpy.types.NodeTree) -> bool:
    kinds = ("CompositorNodeOutputFile", "CompositorNodeViewer", "CompositorNodeRLayers")
    return any(
        node.bl_idname in kinds or (uses.is_group(node) and _needs_isolation(node.node_tree))
        for node in tree.nodes
    )
