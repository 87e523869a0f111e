"""Compositing graphs as a user builds them, on every Blender.

Nothing here reaches into the add-on: nodes are added by its operator, files by Blender's own.
"""

from __future__ import annotations

import bpy

OLD = bpy.app.version < (5, 0, 0)


def empty_scene(width: int, height: int) -> bpy.types.NodeTree:
    """The scene at hand, of that size, its compositor empty but for the output; returns its tree."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.device = 1, "CPU"
    scene.view_settings.view_transform = "Standard"
    scene.render.dither_intensity = 0
    if OLD:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        tree.nodes.new("CompositorNodeComposite").name = "Out"
    else:
        tree = bpy.data.node_groups.new("Comp", "CompositorNodeTree")
        scene.compositing_node_group = tree
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        tree.nodes.new("NodeGroupOutput").name = "Out"
    return tree


def add_image(tree: bpy.types.NodeTree, path: str, frames: tuple[int, int] | None = None) -> bpy.types.Node:
    """An Image node: a still, a movie, or a sequence of `frames` (how many, first one's number)."""
    node = tree.nodes.new("CompositorNodeImage")
    node.image = bpy.data.images.load(path)
    if frames is not None:
        count, first = frames
        node.image.source = "SEQUENCE"
        node.frame_duration, node.frame_start, node.frame_offset = count, first, first - 1
    return node


def add_matte(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """A Portrait Matte from the add-on's operator."""
    before = set(tree.nodes)
    bpy.ops.flyaway.add_node()
    (node,) = set(tree.nodes) - before
    return node


def output(tree: bpy.types.NodeTree) -> bpy.types.NodeSocket:
    """The input of the scene's output."""
    return tree.nodes["Out"].inputs[0]


def strips_of(editor: bpy.types.SequenceEditor) -> object:
    """Where a sequencer's strips are: 4.4 gave the collection another name."""
    return editor.strips if hasattr(editor, "strips") else editor.sequences


def write_exr(path: str) -> None:
    """Have the scene write what its compositor makes, every bit of it."""
    render = bpy.context.scene.render
    render.filepath = path
    settings = render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_mode = "OPEN_EXR", "RGBA"
    settings.color_depth, settings.exr_codec = "32", "ZIP"


def matte_of(path: str, width: int, height: int, frames: tuple[int, int] | None = None) -> bpy.types.Node:
    """The least that a user builds: Image → Portrait Matte → output."""
    tree = empty_scene(width, height)
    image, matte = add_image(tree, path, frames), add_matte(tree)
    tree.links.new(image.outputs["Image"], matte.inputs["Image"])
    tree.links.new(matte.outputs["Image"], output(tree))
    return matte
