"""A 3D scene as one short string: its objects, their data, materials, lights and how they are rendered."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import bpy
import numpy as np

from . import describe

_LARGEST_MESH = 500_000  # vertices; beyond, their number has to do
_memo: dict[str, str] = {}


def begin() -> None:
    """What scenes look like is found out again."""
    _memo.clear()


def digest(scene: bpy.types.Scene) -> str:
    """A 3D scene, as far as one can tell without rendering it."""
    if scene.name not in _memo:
        objects = [_object(thing) for thing in scene.objects]
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
            describe.curves(scene),
        ]
        _memo[scene.name] = hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
    return str(_memo[scene.name])


def _object(thing: bpy.types.Object) -> list[Any]:
    curves = describe.curves(thing)
    known = [thing.name, thing.type, thing.hide_render, curves]
    if "location" not in curves:
        known.append(describe.plain(thing.matrix_basis))
    data = thing.data
    if isinstance(data, bpy.types.Mesh):
        known.append(_mesh(data))
    elif data is not None:
        known.append([describe.struct(data, depth=describe.DEEPEST - 1, loose=True), describe.curves(data)])
    known.append(
        [describe.struct(modifier, depth=describe.DEEPEST, loose=True) for modifier in thing.modifiers]
    )
    known.append([_material(slot.material) for slot in thing.material_slots])
    return known


def _mesh(mesh: bpy.types.Mesh) -> list[Any]:
    count = len(mesh.vertices)
    if count > _LARGEST_MESH:
        return [count]
    points = np.empty(count * 3, np.float32)
    mesh.vertices.foreach_get("co", points)
    return [count, len(mesh.polygons), hashlib.sha256(points.tobytes()).hexdigest()]


def _material(material: bpy.types.ID | None) -> Any:
    """A material or a world, with its nodes."""
    if material is None:
        return None
    tree = getattr(material, "node_tree", None)
    nodes = [] if tree is None else [_shader(node) for node in tree.nodes]
    links = (
        []
        if tree is None
        else [[link.from_socket.path_from_id(), link.to_socket.path_from_id()] for link in tree.links]
    )
    return [
        material.name,
        describe.plain(getattr(material, "diffuse_color", None)),
        nodes,
        links,
        tree and describe.curves(tree),
    ]


def _shader(node: bpy.types.Node) -> list[Any]:
    image = getattr(node, "image", None)
    return [
        node.bl_idname,
        node.mute,
        [describe.value(socket) for socket in node.inputs],
        describe.image(image, None, None),
    ]
