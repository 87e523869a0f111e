"""The person's own colour and the unknown region: rendered, kept on disk, played without the add-on."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import graphs
from node import apart, records, render


def outputs(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """Every output and setting that has to do with colour, each into an EXR of its name."""
    node = graphs.matte_of(plate, *size)
    tree = node.id_data
    facts: dict[str, object] = {"inputs": [socket.name for socket in node.inputs]}
    facts["outputs"] = [socket.name for socket in node.outputs]
    for name, values in (
        ("own", {}),
        ("plate", {"Edge Colour": 0.0}),
        ("between", {"Edge Colour": 0.5}),
        ("despilt", {"Despill Green": 0.7}),
        ("blue", {"Edge Colour": 0.0, "Despill Blue": 1.0}),
        ("mixed", {"Strength": 0.5}),
        ("inverted", {"Invert": 1.0}),
    ):
        before = {key: node.inputs[key].default_value for key in values}
        for key, value in values.items():
            node.inputs[key].default_value = value
        render(folder, name)
        for key, value in before.items():
            node.inputs[key].default_value = value
    for name in ("Foreground", "Unknown"):
        tree.links.new(node.outputs[name], graphs.output(tree))
        render(folder, name)
    return facts


def kept(plate: str, size: list[int], frames: list[int], folder: str) -> dict[str, object]:
    """Analysed once; from then on no network is there, and colour is still to be had."""
    from flyaway.matting import Matting

    node = graphs.matte_of(plate, *size, tuple(frames))
    tree, scene = node.id_data, bpy.context.scene
    tree.nodes.active = node
    scene.frame_start, scene.frame_end = frames[1], frames[1] + frames[0] - 1
    node.inputs["Edge Colour"].default_value = 0.0
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    bpy.ops.flyaway.analyse_range()
    facts: dict[str, object] = {"first": _on_disk(folder)}

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network ran again")

    Matting.__call__ = refuse
    node.inputs["Edge Colour"].default_value = 1.0
    facts["estimated"] = _animation(folder, "live")
    bpy.ops.flyaway.analyse_range()
    facts["second"] = _on_disk(folder)
    facts["from disk"] = _animation(folder, "disk")
    tree.links.new(node.outputs["Unknown"], graphs.output(tree))
    facts["unknown"] = _animation(folder, "unknown")
    tree.links.new(node.outputs["Image"], graphs.output(tree))
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    return facts


def _on_disk(folder: str) -> dict[str, int]:
    """How many EXRs of a kind there are."""
    names = [path.name.split(".")[0] for path in Path(folder).rglob("*.exr")]
    return {kind: names.count(kind) for kind in ("matte", "unknown", "colour")}


def _animation(folder: str, name: str) -> list[object]:
    graphs.write_exr(f"{folder}/{name}.####.exr")
    bpy.ops.render.render(animation=True)
    return [[entry[2], entry[3]] for entry in records()]


def upgraded(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """A node as an earlier release made it: what comes of it when its file is opened."""
    node = graphs.matte_of(plate, *size)
    group = sys.modules["bl_ext.user_default.flyaway.group"]
    node.inputs["Edge Colour"].default_value = 0.0
    before = render(folder, "before")
    inside = node.node_tree
    for item in [one for one in inside.interface.items_tree if one.name in _NEW]:
        inside.interface.remove(item)
    for name in [one.name for one in inside.nodes if "Colour" in one.name or "Unknown" in one.name]:
        inside.nodes.remove(inside.nodes[name])
    facts: dict[str, object] = {"was": [len(node.inputs), len(node.outputs)]}
    facts["changed"] = [group.bring_up_to_date(inside), group.bring_up_to_date(inside)]
    facts["is"] = [len(node.inputs), len(node.outputs)]
    facts["apart"] = apart(render(folder, "after"), before)
    node.inputs["Edge Colour"].default_value = 1.0
    facts["other edges"] = apart(render(folder, "own"), before)
    return facts


_NEW = ("Edge Colour", "Despill Green", "Despill Blue", "Foreground", "Unknown")
