"""What makes a matte on disk stale, and what does not: one edit at a time, each taken back."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import graphs
import numpy as np
import sources

ADDON = "bl_ext.user_default.flyaway"


def is_fresh(frame: int = 1) -> bool:
    """Whether the add-on would take the matte of a frame from disk."""
    uses, pipeline, signature = (sys.modules[f"{ADDON}.{name}"] for name in ("uses", "pipeline", "signature"))
    signature.begin()
    (use,) = uses.used(bpy.context.scene)
    return bool(pipeline.is_cached(bpy.context.scene, use, frame))


def analyse(node: bpy.types.Node, blend: str, last: int = 1) -> None:
    """Mattes of the frames up to `last` on disk."""
    node.id_data.nodes.active = node
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 1, last
    bpy.ops.wm.save_as_mainfile(filepath=blend)
    bpy.ops.flyaway.analyse_range()


def try_edits(edits: dict[str, tuple[Callable[[], object], Callable[[], object]]]) -> dict[str, list[bool]]:
    """Fresh before each edit, after it, and after it was taken back."""
    facts = {}
    for name, (edit, undo) in edits.items():
        states = [is_fresh()]
        for action in (edit, undo):
            action()
            bpy.context.view_layer.update()
            states.append(is_fresh())
        facts[name] = states
    return facts


def setter(thing: object, name: str, value: object) -> tuple[Callable[[], object], Callable[[], object]]:
    """Set a property, and set it back."""
    before = getattr(thing, name)
    before = before.copy() if hasattr(before, "copy") else before
    return (lambda: setattr(thing, name, value)), (lambda: setattr(thing, name, before))


def compositing(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """Nodes, drivers, groups and images upstream, and settings downstream."""
    node = graphs.matte_of(plate, *size)
    tree = node.id_data
    source = next(one for one in tree.nodes if one.bl_idname == "CompositorNodeImage")
    packed = bpy.data.images.load(plate)
    packed.pack()
    painted = bpy.data.images.new("Painted", *size, float_buffer=True)
    painted.pixels.foreach_set(np.full(size[0] * size[1] * 4, 0.25, np.float32))
    mixes = []
    wire = source.outputs["Image"]
    for image in (packed, painted):
        other = tree.nodes.new("CompositorNodeImage")
        other.image = image
        mix = tree.nodes.new("CompositorNodeAlphaOver")
        over, under = [socket for socket in mix.inputs if socket.type == "RGBA"]
        factor = next(socket for socket in mix.inputs if socket.type == "VALUE")
        tree.links.new(wire, over)
        tree.links.new(other.outputs["Image"], under)
        factor.default_value = 0.1
        wire = mix.outputs[0]
        mixes.append(factor)
    tree.links.new(wire, node.inputs["Image"])
    scene = bpy.context.scene
    scene["amount"] = 0.2
    driver = mixes[1].driver_add("default_value").driver
    variable = driver.variables.new()
    variable.name = driver.expression = "amount"
    variable.targets[0].id_type, variable.targets[0].id = "SCENE", scene
    variable.targets[0].data_path = '["amount"]'
    analyse(node, f"{folder}/shot.blend")

    def paint(value: float) -> Callable[[], object]:
        return lambda: painted.pixels.foreach_set(np.full(size[0] * size[1] * 4, value, np.float32))

    def pack(path: str) -> Callable[[], object]:
        data = Path(path).read_bytes()
        return lambda: packed.pack(data=data, data_len=len(data))

    other = f"{folder}/other.exr"
    shutil.copy(Path(plate).with_name("plate.0002.exr"), other)
    facts = try_edits(
        {
            "a node's setting": setter(mixes[0], "default_value", 0.3),
            "a link": ((lambda: mute(node)), (lambda: mute(node))),
            "what a driver reads": ((lambda: put(scene, 0.7)), (lambda: put(scene, 0.2))),
            "a packed image": (pack(other), pack(plate)),
            "a painted image": (paint(0.75), paint(0.25)),
            "resolution": setter(scene.render, "resolution_x", size[0] + 20),
        }
    )
    unmoved = {
        "levels downstream": setter(node.inputs["Black Point"], "default_value", 0.2),
        "frame shown": ((lambda: scene.frame_set(5)), (lambda: scene.frame_set(1))),
    }
    return facts | try_edits(unmoved)


def mute(node: bpy.types.Node) -> None:
    """Mute the node that feeds a matte, or have it back."""
    before = node.inputs["Image"].links[0].from_node
    before.mute = not before.mute


def put(scene: bpy.types.Scene, value: float) -> None:
    """The custom property that a driver reads."""
    scene["amount"] = value


def three_d(plate: str, size: list[int], folder: str) -> dict[str, object]:
    """A 3D scene upstream: what in it counts, and what moves by itself and does not."""
    tree = graphs.empty_scene(*size)
    sources._stage(plate, size, 2)
    scene = bpy.context.scene
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene = scene
    node = graphs.add_matte(tree)
    tree.links.new(layers.outputs["Image"], node.inputs["Image"])
    tree.links.new(node.outputs["Image"], graphs.output(tree))
    plane = next(thing for thing in scene.objects if thing.type == "MESH")
    inner = bpy.data.objects.new("Inner", plane.data)
    kept = bpy.data.collections.new("Kept")
    kept.objects.link(inner)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", kept
    instance.location.x = 1.5
    scene.collection.objects.link(instance)
    constraint = inner.constraints.new("LIMIT_LOCATION")
    plane.shape_key_add(name="Basis")
    shape = plane.shape_key_add(name="Bent")
    shape.data[0].co.x += 0.5
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "POINT"))
    scene.collection.objects.link(lamp)
    emission = bpy.data.materials["Person"].node_tree.nodes["Emission"].inputs["Strength"]
    for frame, value in ((1, 1.0), (2, 1.5)):
        emission.default_value = lamp.data.energy = inner.rotation_euler.z = value
        scene.camera.data.ortho_scale = 2 * value
        emission.keyframe_insert("default_value", frame=frame)
        lamp.data.keyframe_insert("energy", frame=frame)
        inner.keyframe_insert("rotation_euler", frame=frame)
        scene.camera.data.keyframe_insert("ortho_scale", frame=frame)
    scene.frame_set(1)
    analyse(node, f"{folder}/shot3d.blend", 2)
    facts: dict[str, object] = {}
    facts["shown at 1"] = [is_fresh(1), is_fresh(2)]
    scene.frame_set(2)
    facts["shown at 2"] = [is_fresh(1), is_fresh(2)]
    scene.frame_set(1)
    edits = {
        "instanced object": setter(inner, "location", (0.3, 0, 0)),
        "constraint": setter(constraint, "use_min_x", True),
        "shape key": setter(shape, "value", 0.5),
        "shape": setter(shape.data[1], "co", (0.2, 0.1, 0)),
        "lamp": setter(lamp.data, "color", (1, 0, 0)),
        "collection": setter(kept, "hide_render", True),
        "hidden": setter(instance, "hide_render", True),
    }
    return facts | try_edits(edits)
