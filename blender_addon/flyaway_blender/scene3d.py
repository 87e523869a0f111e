"""A 3D scene as one short string: its objects, their data, materials, lights and how they are rendered."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from typing import Any

import bpy
import numpy as np

from . import describe

_LARGEST_MESH = 500_000  # vertices; beyond, their number has to do
_PLACE = (
    *("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "rotation_mode", "scale"),
    *("delta_location", "delta_rotation_euler", "delta_scale", "matrix_parent_inverse", "hide_render"),
)
_BONE_PLACE = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")
_memo: dict[str, str] = {}


def begin() -> None:
    """What scenes look like is found out again."""
    _memo.clear()


def digest(scene: bpy.types.Scene) -> str:
    """A 3D scene, as far as one can tell without rendering it."""
    if scene.name not in _memo:
        objects = [_object(thing) for thing in _everything(scene)]
        rendering = describe.struct(scene.render, loose=True, skip=(".use_compositing", ".use_sequencer"))
        for name in ("filepath", "image_settings", "ffmpeg", "stamp_note_text", "use_file_extension"):
            rendering.pop(name, None)
        engine_settings = getattr(scene, scene.render.engine.lower().replace("blender_", ""), None)
        parts = [
            objects,
            scene.camera.name if scene.camera else None,
            rendering,
            describe.struct(engine_settings, loose=True) if engine_settings is not None else None,
            _material(scene.world),
            [_layer(layer.layer_collection) for layer in scene.view_layers],
            describe.curves(scene),
        ]
        _memo[scene.name] = hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
    return str(_memo[scene.name])


def _everything(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The scene's objects, and those of collections that objects among them are instances of."""
    found: dict[str, bpy.types.Object] = {}
    waiting = list(scene.objects)
    for thing in waiting:  # grows while it is walked
        if thing.name_full not in found:
            found[thing.name_full] = thing
            waiting += thing.instance_collection.all_objects if thing.instance_collection else ()
    return list(found.values())


def _layer(collection: bpy.types.LayerCollection) -> list[Any]:
    """What a view layer shows."""
    told = [collection.name, collection.exclude, collection.holdout, collection.indirect_only]
    hidden = collection.collection.hide_render
    return [*told, hidden, [_layer(child) for child in collection.children]]


def _object(thing: bpy.types.Object) -> list[Any]:
    curves = describe.curves(thing)
    placed = [(name, describe.plain(getattr(thing, name))) for name in _PLACE if name not in curves]
    known = [thing.name, thing.type, curves, placed, thing.parent and thing.parent.name]
    data = thing.data
    if isinstance(data, bpy.types.Mesh):
        known.append(_mesh(data))
    elif data is not None:
        known.append(_data(data))
    keys = getattr(data, "shape_keys", None)
    if keys is not None:
        known.append([[key.name, _points(key.data)] for key in keys.key_blocks])
        held = [(f'key_blocks["{key.name}"].value', key.value) for key in keys.key_blocks]
        animated = describe.curves(keys)
        known.append([animated, [pair for pair in held if pair[0] not in animated]])
    if thing.pose is not None:
        known.append([_bone(bone, curves) for bone in thing.pose.bones])
    for one in (*thing.modifiers, *thing.constraints):
        skip = _tops(path.split("].", 1)[1] for path in curves if f'["{one.name}"].' in path)
        known.append(describe.struct(one, depth=describe.DEEPEST, skip=skip, loose=True))
        known.append(_nodes(getattr(one, "node_group", None)))
    for one in thing.modifiers:
        if getattr(one, "node_group", None) is not None:
            known += [[name, describe.plain(one[name])] for name in one.keys()]  # noqa: SIM118
    if thing.instance_collection is not None:
        inside = (thing.instance_collection, *thing.instance_collection.children_recursive)
        known.append([[one.name, one.hide_render] for one in inside])
    known.append([_material(slot.material) for slot in thing.material_slots])
    return known


def _bone(bone: bpy.types.PoseBone, curves: dict[str, Any]) -> list[Any]:
    path = bone.path_from_id()
    return [
        bone.name,
        [describe.plain(getattr(bone, name)) for name in _BONE_PLACE if f"{path}.{name}" not in curves],
    ]


def _data(block: bpy.types.ID) -> list[Any]:
    """A light, a camera, a curve: its settings, those that are animated by their curves."""
    curves = describe.curves(block)
    depth = describe.DEEPEST - 1
    known = [describe.struct(block, depth=depth, skip=_tops(curves), loose=True), curves]
    known.append(_nodes(getattr(block, "node_tree", None)))
    for spline in getattr(block, "splines", ()):
        known.append(_floats(spline.points, 4, "co"))
        known += [_floats(spline.bezier_points, 3, name) for name in ("co", "handle_left", "handle_right")]
    return known


def _tops(paths: Iterable[str]) -> list[str]:
    """The properties below which something is animated, as `describe.struct` skips them."""
    return [f".{re.split(r'[.[]', path, maxsplit=1)[0]}" for path in paths]


def _mesh(mesh: bpy.types.Mesh) -> list[Any]:
    if len(mesh.vertices) > _LARGEST_MESH:
        return [len(mesh.vertices), len(mesh.polygons)]
    laid = [_floats(layer.uv, 2) if hasattr(layer, "uv") else None for layer in mesh.uv_layers]
    return [len(mesh.vertices), len(mesh.polygons), _points(mesh.vertices), laid, describe.curves(mesh)]


def _points(points: Any) -> str:
    """The places of vertices or of a shape's points."""
    return _floats(points, 3, "co")


def _floats(collection: Any, size: int, name: str = "vector") -> str:
    values = np.empty(len(collection) * size, np.float32)
    collection.foreach_get(name, values)
    return hashlib.sha256(values.tobytes()).hexdigest()


def _material(material: bpy.types.ID | None) -> Any:
    """A material or a world, with its nodes."""
    if material is None:
        return None
    plain = describe.plain(getattr(material, "diffuse_color", None))
    return [material.name, plain, _nodes(getattr(material, "node_tree", None))]


def _nodes(tree: bpy.types.NodeTree | None, depth: int = 0) -> Any:
    """The nodes of a material, of a world, of a geometry modifier, and those in groups among them."""
    if tree is None or depth > describe.DEEPEST:
        return None
    curves = describe.curves(tree)
    links = [[link.from_socket.path_from_id(), link.to_socket.path_from_id()] for link in tree.links]
    return [[_node(node, curves, depth) for node in tree.nodes], links, curves]


def _node(node: bpy.types.Node, curves: dict[str, Any], depth: int) -> list[Any]:
    inputs = [
        describe.value(socket)
        for socket in node.inputs
        if f"{socket.path_from_id()}.default_value" not in curves
    ]
    inside = _nodes(getattr(node, "node_tree", None), depth + 1)
    image = describe.image(getattr(node, "image", None), None, None)
    skip = _tops(path.split("].", 1)[1] for path in curves if path.startswith(f"{node.path_from_id()}."))
    own = describe.struct(node, depth=0, skip=[*skip, ".image", ".node_tree"], loose=True)
    return [node.bl_idname, node.mute, inputs, image, inside, own]
