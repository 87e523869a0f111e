"""Does what docs/blender/first-matte.md says, step by step."""

from __future__ import annotations

import bpy
import graphs

MENU = "NODE_MT_category_compositor_keying"


def follow(steps: list[str], names: dict[str, str]) -> dict[str, object]:
    """Run the page's steps in a Blender as it is when new."""
    known = {"bpy": bpy, "scene": bpy.context.scene, "open_compositor": open_compositor} | names
    for step in steps:
        exec(step, known)  # noqa: S102 (the page is ours)
    drawn = [function.__module__ for function in getattr(bpy.types, MENU).draw._draw_funcs]
    return {"menu": any("flyaway" in module for module in drawn)}


def open_compositor() -> tuple[bpy.types.NodeTree, bpy.types.Node]:
    """What Use Nodes (or New) makes, and its output node."""
    tree = graphs.empty_scene(64, 64)
    return tree, tree.nodes["Out"]
