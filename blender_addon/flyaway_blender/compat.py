"""What differs between Blender 4.2, 4.5 and 5.0, in one place. The other modules do not ask for a version."""

from __future__ import annotations

from pathlib import Path

import bpy

TREE_ON_SCENE = bpy.app.version < (5, 0, 0)  # the scene owns its compositing tree, and has a Composite node
MATH = "CompositorNodeMath" if TREE_ON_SCENE else "ShaderNodeMath"
VALUE = "CompositorNodeValue" if TREE_ON_SCENE else "ShaderNodeValue"
COMPOSITE = "CompositorNodeComposite" if TREE_ON_SCENE else "NodeGroupOutput"
GROUP = "CompositorNodeGroup"
ALL_STRIPS = "strips_all" if "strips_all" in bpy.types.SequenceEditor.bl_rna.properties else "sequences_all"
# What Rec.709 light is called by the configurations that are met.
LIGHT_NAMES = (
    "Linear Rec.709",
    "lin_rec709",
    "lin_rec709_scene",
    "Linear Rec.709 (sRGB)",
    "Utility - Linear - sRGB",
)
MASK_IS_LINEAR = bpy.app.version >= (5, 2, 0)  # the sequencer's masks; which way 5.1 has it was not tried
MASK_AFTER_FLIP = bpy.app.version < (5, 0, 0)  # the sequencer masks a strip after it cropped and mirrored it


def compositor_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The scene's compositing tree, or None where it has none or does not use it."""
    if TREE_ON_SCENE:
        return scene.node_tree if scene.use_nodes else None
    return scene.compositing_node_group


def ensure_compositor_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree:
    """The scene's compositing tree, made with Render Layers and an output where there is none."""
    tree = compositor_tree(scene)
    if tree is not None:
        return tree
    if TREE_ON_SCENE:
        scene.use_nodes = True  # Blender adds both nodes itself
        return scene.node_tree
    tree = bpy.data.node_groups.new("Compositor Nodes", "CompositorNodeTree")
    scene.compositing_node_group = tree
    add_group_socket(tree, "Image", "OUTPUT", "NodeSocketColor")
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene = scene
    output = tree.nodes.new("NodeGroupOutput")
    output.location = (700, 0)
    tree.links.new(layers.outputs[0], output.inputs[0])
    return tree


def set_compositor_tree(scene: bpy.types.Scene, tree: bpy.types.NodeTree) -> None:
    """5.0 and later: the tree that `scene` composites with."""
    scene.compositing_node_group = tree


def output_node(tree: bpy.types.NodeTree) -> bpy.types.Node | None:
    """The node at which a scene's compositing tree ends, or None."""
    found = [node for node in tree.nodes if node.bl_idname == COMPOSITE]
    active = [node for node in found if getattr(node, "is_active_output", True)]
    return (active or found or [None])[0]


def group_sockets(tree: bpy.types.NodeTree, in_out: str) -> list[str]:
    """The names of a group's inputs ("INPUT") or outputs ("OUTPUT")."""
    if hasattr(tree, "interface"):
        return [one.name for one in tree.interface.items_tree if getattr(one, "in_out", "") == in_out]
    return [one.name for one in (tree.inputs if in_out == "INPUT" else tree.outputs)]


def add_group_socket(
    tree: bpy.types.NodeTree, name: str, in_out: str, kind: str
) -> bpy.types.NodeTreeInterfaceSocket:
    """A socket on a group's interface."""
    if hasattr(tree, "interface"):
        return tree.interface.new_socket(name, in_out=in_out, socket_type=kind)
    sockets = tree.inputs if in_out == "INPUT" else tree.outputs  # Blender 3
    return sockets.new(kind, name)


def add_file_output(tree: bpy.types.NodeTree, folder: Path) -> bpy.types.Node:
    """A File Output with one input that writes a float EXR, uncompressed, into `folder`."""
    node = tree.nodes.new("CompositorNodeOutputFile")
    if hasattr(node, "base_path"):
        node.base_path = f"{folder}/"
        node.file_slots[0].path = "tap"
    else:
        node.directory = f"{folder}/"
        node.file_name = "tap"
        node.file_output_items.clear()
        node.file_output_items.new("RGBA", "Image")
    exr(node.format, depth="32", codec="NONE", color="RGBA")
    return node


def exr(settings: bpy.types.ImageFormatSettings, *, depth: str, codec: str, color: str) -> None:
    """Have images written as EXR, values as they are."""
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format = "OPEN_EXR"
    settings.color_mode = color
    settings.color_depth = depth
    settings.exr_codec = codec


def working_space() -> str:
    """The name of the scene-linear working space."""
    colorspace = getattr(bpy.data, "colorspace", None)
    return getattr(colorspace, "working_space", "Linear Rec.709")


def from_light(node: bpy.types.Node) -> None:
    """Have a Convert Colorspace bring the core's light (Rec.709 primaries) to the working space.

    Where the configuration names no such space, light is taken to be in the working space already.
    """
    working = working_space()
    for attribute, names in (
        ("from_color_space", (*LIGHT_NAMES, working)),
        ("to_color_space", (working,)),
    ):
        for name in names:
            if getattr(node, attribute) == name:
                break
            try:
                setattr(node, attribute, name)
                break
            except TypeError:
                continue


def curves(block: bpy.types.ID) -> list[bpy.types.FCurve]:
    """The animation curves of a data block."""
    animation = block.animation_data
    if animation is None or animation.action is None:
        return []
    action = animation.action
    if hasattr(action, "fcurves"):
        return list(action.fcurves)
    bags = [strip.channelbag(animation.action_slot) for layer in action.layers for strip in layer.strips]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]
