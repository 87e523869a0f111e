"""What a matte depends on, as one short string: it changes when the matte would.

Files count by path, size and time. Values that are animated count by their curves, so that the string can be
had for any frame without going there. A 3D scene counts by its objects, their data, materials and lights.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import compat, engine, prefs, uses
from .uses import Use

# How a node looks in its editor, and what only names it.
_LOOKS = frozenset(
    """
    name label location location_absolute width width_hidden height dimensions select hide parent color
    color_tag use_custom_color show_options show_preview show_texture bl_idname bl_label bl_description
    bl_icon bl_width bl_width_default bl_width_min bl_width_max bl_height_default bl_height_min
    bl_height_max bl_static_type warning_propagation debug_lazy_function_graph is_active_output users
    is_evaluated is_runtime_data tag is_missing session_uid use_fake_user use_extra_user id_type
    is_library_indirect is_embedded_data preview asset_data override_library library
    library_weak_reference original rna_type filepath threads threads_mode is_dirty has_data bindcode
    frame_current frame_float frame_current_final frame_subframe name_full depth channels
    generated_width generated_height use_lock_interface frame_preview_start
    """.split()  # noqa: SIM905
)
_DEEPEST = 5
_LARGEST_MESH = 500_000  # vertices; beyond, their number has to do
_memo: dict[str, Any] = {}


def begin() -> None:
    """A render or an analysis begins: what 3D scenes look like is found out again."""
    _memo.clear()


def of(scene: bpy.types.Scene, use: Use, frame: int) -> str:
    """The signature of one matte of one frame."""
    settings = use.tree.flyaway
    choice = prefs.choice(settings.model)
    parts = [
        1,
        settings.model,
        engine.model_digest(choice),
        settings.refine,
        _upstream(scene, [*use.groups, use.node], frame),
        _canvas(scene.render),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _canvas(render: bpy.types.RenderSettings) -> list[Any]:
    border = [render.border_min_x, render.border_min_y, render.border_max_x, render.border_max_y]
    return [
        render.resolution_x,
        render.resolution_y,
        render.resolution_percentage,
        render.pixel_aspect_x,
        render.pixel_aspect_y,
        [*border, render.use_crop_to_border] if render.use_border else None,
    ]


def _upstream(scene: bpy.types.Scene, path: list[bpy.types.Node], frame: int) -> list[Any]:
    """Everything that reaches the Image of the last node of `path`, out through the groups before it."""
    node = path[-1]
    link = next((link for link in node.inputs["Image"].links if not link.is_muted), None)
    if link is None:
        return []
    found = _tree(scene, node.id_data, [link], frame)
    kinds = {item[0] for item in found}
    if "NodeGroupInput" in kinds and len(path) > 1:
        outer = path[-2]
        links = [link for socket in outer.inputs for link in socket.links if not link.is_muted]
        values = [_value(socket) for socket in outer.inputs]
        found.append(["outside", values, _tree(scene, outer.id_data, links, frame)])
        if len(path) > 2:
            found.append(_outside(scene, path[:-1], frame))
    return found


def _outside(scene: bpy.types.Scene, path: list[bpy.types.Node], frame: int) -> list[Any]:
    outer = path[-2]
    links = [link for socket in outer.inputs for link in socket.links if not link.is_muted]
    rest = _outside(scene, path[:-1], frame) if len(path) > 2 else []
    return ["outside", [_value(s) for s in outer.inputs], _tree(scene, outer.id_data, links, frame), rest]


def _tree(
    scene: bpy.types.Scene,
    tree: bpy.types.NodeTree,
    links: Iterable[bpy.types.NodeLink],
    frame: int,
) -> list[Any]:
    """All nodes behind some links of one tree."""
    curves = _curves(tree)
    found, waiting, seen = [], list(links), set()
    for link in waiting:  # grows while it is walked
        found.append(["link", link.from_node.name, link.from_socket.identifier, link.to_socket.identifier])
        node = link.from_node
        if node.name in seen:
            continue
        seen.add(node.name)
        found.append(_node(scene, node, curves, frame))
        waiting += [link for socket in node.inputs for link in socket.links if not link.is_muted]
    return found


def _node(scene: bpy.types.Scene, node: bpy.types.Node, curves: dict[str, Any], frame: int) -> list[Any]:
    prefix = f'nodes["{bpy.utils.escape_identifier(node.name)}"]'
    animated = {path[len(prefix) :]: curve for path, curve in curves.items() if path.startswith(prefix)}
    inputs = [
        [socket.identifier, _value(socket)]
        for index, socket in enumerate(node.inputs)
        if not socket.is_linked and f".inputs[{index}].default_value" not in animated
    ]
    parts = [node.bl_idname, node.name, node.mute, inputs, animated]
    if uses.is_matte(node):
        settings = node.node_tree.flyaway
        return [*parts, settings.model, settings.refine]
    if uses.is_group(node):
        ends = [n for n in node.node_tree.nodes if n.bl_idname == "NodeGroupOutput"]
        links = [link for end in ends for socket in end.inputs for link in socket.links]
        return [*parts, _tree(scene, node.node_tree, links, frame)]
    if node.bl_idname == "CompositorNodeRLayers":
        return [*parts, node.layer, _scene_3d(node.scene or scene)]
    if node.bl_idname == "CompositorNodeImage":
        layered = bool(node.has_layers or node.has_views)
        layer = [node.layer, node.view] if layered else None
        settings = _struct(node, skip=[*animated, ".image", ".layer", ".view"])
        return [*parts, settings, layer, _image(node.image, node, frame)]
    return [*parts, _struct(node, skip=animated, frame=frame)]


def _value(socket: bpy.types.NodeSocket) -> Any:
    value = getattr(socket, "default_value", None)
    return _plain(value)


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, 7)
    if isinstance(value, bpy.types.ID):
        return value.name
    try:
        return [_plain(item) for item in value]
    except TypeError:
        return str(type(value))


def _struct(
    struct: Any, depth: int = 0, skip: Iterable[str] = (), frame: int | None = None, loose: bool = False
) -> Any:
    """The settings of anything that Blender describes; `skip` are paths of animated ones."""
    if depth > _DEEPEST:
        return None
    skip, found = set(skip), {}
    for prop in struct.bl_rna.properties:
        name = prop.identifier
        if (
            name in _LOOKS
            or f".{name}" in skip
            or (depth == 0 and name in ("inputs", "outputs", "internal_links"))
        ):
            continue
        try:
            value = getattr(struct, name)
        except (AttributeError, RuntimeError):
            continue
        if prop.type in ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM"):
            found[name] = _plain(sorted(value) if isinstance(value, set) else value)
        elif prop.type == "POINTER" and value is not None:
            found[name] = _id(value, frame) if isinstance(value, bpy.types.ID) else _struct(value, depth + 1)
        elif prop.type == "COLLECTION" and not loose:
            items = list(value)[:1000]
            if items and not isinstance(items[0], bpy.types.ID):
                found[name] = [_struct(item, depth + 1) for item in items]
    return found


def _id(block: bpy.types.ID, frame: int | None) -> Any:
    """A data block that a node points to."""
    if isinstance(block, bpy.types.Image):
        return _image(block, None, frame)
    if isinstance(block, bpy.types.MovieClip):
        number = (frame or 0) - block.frame_start + 1 + block.frame_offset
        path = bpy.path.abspath(block.filepath, library=block.library)
        numbered = _numbered(path, number) if block.source == "SEQUENCE" else path
        tracking = [block.tracking.stabilization.use_2d_stabilization, block.colorspace_settings.name]
        return [block.name, _stat(numbered), block.frame_start, block.frame_offset, tracking]
    if isinstance(block, bpy.types.Mask):
        return [block.name, _struct(block), _curves(block)]
    return [type(block).__name__, block.name]


def _image(image: bpy.types.Image | None, node: bpy.types.Node | None, frame: int | None) -> Any:
    if image is None:
        return None
    known = [image.name, image.source, image.colorspace_settings.name, image.alpha_mode]
    if image.source in ("GENERATED", "VIEWER"):
        if image.name.startswith("Flyaway "):
            return known[:2]
        return [*known, *image.size, list(image.generated_color), image.generated_type, image.is_dirty]
    path = bpy.path.abspath(image.filepath, library=image.library)
    if image.source == "SEQUENCE" and node is not None and frame is not None:
        path = _numbered(path, sequence_frame(node, frame))
    return [*known, _stat(path), image.packed_file is not None]


def sequence_frame(node: bpy.types.Node, frame: int) -> int:
    """The file number that an Image node shows at a frame of the scene."""
    number = frame - node.frame_start + 1
    if node.use_cyclic and node.frame_duration > 0:
        number = (number - 1) % node.frame_duration + 1
    return min(max(number, 1), node.frame_duration) + node.frame_offset


def _numbered(path: str, number: int) -> str:
    """The path of another frame of the sequence that a path belongs to."""
    folder, name = Path(path).parent, Path(path).name
    digits = list(re.finditer(r"\d+", Path(name).stem))
    if not digits:
        return path
    start, end = digits[-1].span()
    return str(folder / f"{name[:start]}{number:0{end - start}d}{name[end:]}")


def _stat(path: str) -> list[Any]:
    try:
        stat = Path(path).stat()
    except OSError:
        return [path, None]
    return [Path(path).name, stat.st_size, stat.st_mtime_ns]


def _curves(block: bpy.types.ID) -> dict[str, Any]:
    """Animation by data path: key frames and drivers."""
    found: dict[str, Any] = {}
    for curve in compat.curves(block):
        keys = [[*point.co, *point.handle_left, *point.handle_right] for point in curve.keyframe_points]
        found.setdefault(curve.data_path, []).append([curve.array_index, _plain(keys), curve.mute])
    for driver in getattr(block.animation_data, "drivers", ()):
        found.setdefault(driver.data_path, []).append(
            ["driver", driver.driver.type, driver.driver.expression]
        )
    return found


def _scene_3d(scene: bpy.types.Scene) -> str:
    """A 3D scene, as far as one can tell without rendering it."""
    if scene.name not in _memo:
        objects = [_object(thing) for thing in scene.objects]
        rendering = _struct(scene.render, loose=True, skip=(".use_compositing", ".use_sequencer"))
        for name in ("filepath", "image_settings", "ffmpeg", "stamp_note_text", "use_file_extension"):
            rendering.pop(name, None)
        engine_settings = getattr(scene, scene.render.engine.lower().replace("blender_", ""), None)
        parts = [
            objects,
            scene.camera.name if scene.camera else None,
            rendering,
            _struct(engine_settings, loose=True) if engine_settings is not None else None,
            _material(scene.world),
            _curves(scene),
        ]
        _memo[scene.name] = hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()
    return str(_memo[scene.name])


def _object(thing: bpy.types.Object) -> list[Any]:
    curves = _curves(thing)
    known = [thing.name, thing.type, thing.hide_render, curves]
    if "location" not in curves:
        known.append(_plain(thing.matrix_basis))
    data = thing.data
    if isinstance(data, bpy.types.Mesh):
        known.append(_mesh(data))
    elif data is not None:
        known.append([_struct(data, depth=_DEEPEST - 1, loose=True), _curves(data)])
    known.append([_struct(modifier, depth=_DEEPEST, loose=True) for modifier in thing.modifiers])
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
        _plain(getattr(material, "diffuse_color", None)),
        nodes,
        links,
        tree and _curves(tree),
    ]


def _shader(node: bpy.types.Node) -> list[Any]:
    image = getattr(node, "image", None)
    return [node.bl_idname, node.mute, [_value(socket) for socket in node.inputs], _image(image, None, None)]
