"""Blender's data as plain values that can be compared: settings, files, animation."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from . import compat

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
_SOCKETS = ("inputs", "outputs", "internal_links")  # of a node: its links are described by who walks them
_NOTHING = object()
DEEPEST, MOST_ITEMS = 5, 1000


def value(socket: bpy.types.NodeSocket) -> Any:
    """What an unplugged socket is set to."""
    value = getattr(socket, "default_value", None)
    return plain(value)


def plain(value: Any) -> Any:
    """A property's value as JSON can say it; data blocks by name."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return round(value, 7)
    if isinstance(value, bpy.types.ID):
        return value.name
    try:
        return [plain(item) for item in value]
    except TypeError:
        return str(type(value))


def struct(
    thing: Any, depth: int = 0, skip: Iterable[str] = (), frame: int | None = None, loose: bool = False
) -> Any:
    """The settings of anything that Blender describes; `skip` are paths of animated ones."""
    if depth > DEEPEST:
        return None
    skip, found = set(skip), {}
    for prop in thing.bl_rna.properties:
        name = prop.identifier
        linked = depth == 0 and name in _SOCKETS
        if linked or f".{name}" in skip or _is_look(thing, name) or (loose and prop.type == "COLLECTION"):
            continue
        try:
            value = getattr(thing, name)
        except (AttributeError, RuntimeError):
            continue
        described = _described(prop.type, value, depth, frame)
        if described is not _NOTHING:
            found[name] = described
    return found


def _described(kind: str, value: Any, depth: int, frame: int | None) -> Any:
    """One property's value, by Blender's name of its type; `_NOTHING` where it says nothing of its own."""
    if kind in ("BOOLEAN", "INT", "FLOAT", "STRING", "ENUM"):
        return plain(sorted(value) if isinstance(value, set) else value)
    if kind == "POINTER" and value is not None:
        return _id(value, frame) if isinstance(value, bpy.types.ID) else struct(value, depth + 1)
    if kind == "COLLECTION":
        items = list(value)[:MOST_ITEMS]
        if items and not isinstance(items[0], bpy.types.ID):
            return [struct(item, depth + 1) for item in items]
    return _NOTHING


def _is_look(thing: Any, name: str) -> bool:
    """Whether a property is how something looks in Blender's own windows. A light's colour is none."""
    return name in _LOOKS and (name != "color" or isinstance(thing, bpy.types.Node))


def _id(block: bpy.types.ID, frame: int | None) -> Any:
    """A data block that a node points to."""
    if isinstance(block, bpy.types.Image):
        return image(block, None, frame)
    if isinstance(block, bpy.types.MovieClip):
        tracking = [block.tracking.stabilization.use_2d_stabilization, block.colorspace_settings.name]
        return [block.name, _stat(_clip_path(block, frame)), block.frame_start, block.frame_offset, tracking]
    if isinstance(block, bpy.types.Mask):
        return [block.name, struct(block), curves(block)]
    return [type(block).__name__, block.name]


def image(image: bpy.types.Image | None, node: bpy.types.Node | None, frame: int | None) -> Any:
    """An image: its file at that frame, or what it was generated as."""
    if image is None:
        return None
    known = [image.name, image.source, image.colorspace_settings.name, image.alpha_mode, _painted(image)]
    if image.source in ("GENERATED", "VIEWER"):
        if image.name.startswith("Flyaway "):
            return known[:2]
        return [*known, *image.size, list(image.generated_color), image.generated_type, image.is_dirty]
    packed = image.packed_file
    return [
        *known,
        _stat(_image_path(image, node, frame)),
        None if packed is None else [packed.size, zlib.crc32(packed.data)],
    ]


def missing_file(node: bpy.types.Node, frame: int) -> str | None:
    """The path of the file that an Image or Movie Clip node shows at a frame, where there is no such file."""
    if node.mute:
        return None
    picture, clip = getattr(node, "image", None), getattr(node, "clip", None)
    if isinstance(clip, bpy.types.MovieClip):
        path = _clip_path(clip, frame)
    elif isinstance(picture, bpy.types.Image):
        ours = picture.name.startswith("Flyaway ")  # of another matte, which fails by itself
        in_memory = picture.packed_file is not None or picture.is_dirty or ours
        if in_memory or picture.source not in ("FILE", "SEQUENCE", "MOVIE"):
            return None
        path = _image_path(picture, node, frame)
    else:
        return None
    return None if Path(path).is_file() else path


def _image_path(image: bpy.types.Image, node: bpy.types.Node | None, frame: int | None) -> str:
    path = bpy.path.abspath(image.filepath, library=image.library)
    if image.source == "SEQUENCE" and node is not None and frame is not None:
        path = _numbered(path, sequence_frame(node, frame))
    return path


def _clip_path(clip: bpy.types.MovieClip, frame: int | None) -> str:
    path = bpy.path.abspath(clip.filepath, library=clip.library)
    if clip.source != "SEQUENCE":
        return path
    digits = re.findall(r"\d+", Path(path).stem)
    first = int(digits[-1]) if digits else 0  # a clip's numbers start at its file's, an image's at 1
    return _numbered(path, first + (frame or 0) - clip.frame_start + clip.frame_offset)


def _painted(image: bpy.types.Image) -> int:
    """What is in memory only: the pixels themselves, as there is no file to go by."""
    if not image.is_dirty or image.name.startswith("Flyaway "):
        return 0
    values = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(values)
    return zlib.crc32(values)


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


def curves(block: bpy.types.ID) -> dict[str, Any]:
    """Animation by data path: key frames and drivers."""
    found: dict[str, Any] = {}
    for curve in compat.curves(block):
        keys = [[*point.co, *point.handle_left, *point.handle_right] for point in curve.keyframe_points]
        found.setdefault(curve.data_path, []).append([curve.array_index, plain(keys), curve.mute])
    for driver in getattr(block.animation_data, "drivers", ()):
        inputs = [
            [variable.name, variable.type, _driving(target)]
            for variable in driver.driver.variables
            for target in variable.targets
        ]
        found.setdefault(driver.data_path, []).append(
            ["driver", driver.driver.type, driver.driver.expression, inputs]
        )
    return found


def _driving(target: bpy.types.DriverTarget) -> list[Any]:
    """What a driver reads: the value, unless that differs from frame to frame."""
    block, path = target.id, target.data_path
    if block is None:
        return [path]
    keyed = [curve for curve in compat.curves(block) if curve.data_path == path]
    points = [[plain(point.co) for point in curve.keyframe_points] for curve in keyed]
    drivers = getattr(block.animation_data, "drivers", ())
    if keyed or path.startswith("frame_") or any(driver.data_path == path for driver in drivers):
        return [block.name, path, points]
    try:
        read = plain(block.path_resolve(path)) if path else None
    except ValueError:
        read = None
    return [block.name, path, target.transform_type, target.bone_target, read]


def is_animated(node: bpy.types.Node, socket: bpy.types.NodeSocket) -> bool:
    """Whether curves or drivers move an input's value."""
    own = f'nodes["{bpy.utils.escape_identifier(node.name)}"].inputs[{list(node.inputs).index(socket)}]'
    return any(curve.data_path.startswith(own) for curve in _movers(node.id_data.animation_data))


def _movers(data: bpy.types.AnimData | None) -> list[bpy.types.FCurve]:
    if data is None:
        return []
    action = data.action
    found = list(data.drivers)
    if action is None:
        return found
    if hasattr(action, "fcurves"):
        return [*found, *action.fcurves]
    bags = (bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags)
    return [*found, *(curve for bag in bags for curve in bag.fcurves)]
