"""Does what docs/blender/first-matte.md says, step by step."""

from __future__ import annotations

import bpy
import graphs

MENU = "NODE_MT_category_compositor_keying"


def follow(steps: list[str], names: dict[str, str]) -> dict[str, object]:
    """Run the page's steps in a Blender with factory settings, the cube and all."""
    bpy.ops.wm.read_factory_settings()
    scene = bpy.context.scene
    before = {
        "objects": sorted(thing.name for thing in scene.objects),
        "view": scene.view_settings.view_transform,
    }
    known = {"bpy": bpy, "scene": scene, "use_nodes": use_nodes} | names
    for step in steps:
        exec(step, known)  # noqa: S102 (the page is ours)
    drawn = [function.__module__ for function in getattr(bpy.types, MENU).draw._draw_funcs]
    return {**before, "menu": any("flyaway" in module for module in drawn)}


def use_nodes() -> tuple[bpy.types.NodeTree, bpy.types.Node]:
    """What a press of Use Nodes (or New) makes, Render Layers among it; and its output node."""
    scene = bpy.context.scene
    if graphs.OLD:
        scene.use_nodes = True
        return scene.node_tree, scene.node_tree.nodes["Composite"]
    before = set(bpy.data.node_groups)
    bpy.ops.node.new_compositing_node_group()
    (tree,) = set(bpy.data.node_groups) - before
    scene.compositing_node_group = tree
    return tree, tree.nodes["Group Output"]
