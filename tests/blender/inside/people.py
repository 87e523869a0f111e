"""Which person: chosen by a place on the plate, as a click does it."""

from __future__ import annotations

import sys

import bpy
import graphs
from node import render


def pick(plate: str, size: list[int], places: dict[str, list[float]], folder: str) -> dict[str, object]:
    """All people, and who stands at each of some places, each into an EXR of its name."""
    node = graphs.matte_of(plate, *size)
    tree = node.id_data
    tree.links.new(node.outputs["Matte"], graphs.output(tree))
    render(folder, "all")
    facts: dict[str, object] = {}
    for name, (x, y) in places.items():
        bpy.ops.flyaway.pick_person(x=x, y=y)
        facts[name] = node.node_tree.flyaway.subject
        render(folder, name)
    pick = sys.modules["bl_ext.user_default.flyaway.pick"]
    # The middle of the window shows the middle of the backdrop, moved by the offset, enlarged by zoom.
    facts["backdrop"] = pick.on_backdrop((400 + 10 + 50, 300 - 5 + 20), (800, 600), 2.0, (10, -5), (640, 480))
    facts["plate"] = pick.on_plate((320, 240), (640, 480), (600, 500))
    second = graphs.add_matte(tree)
    tree.links.new(second.outputs["Image"], node.inputs["Image"])
    tree.nodes.active = None
    try:
        bpy.ops.flyaway.pick_person(x=1, y=1)
    except RuntimeError as error:
        facts["refused"] = str(error)
    return facts
