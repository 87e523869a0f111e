"""What moves before a node: whether its frames are a shot, and where its footage begins and ends."""

from __future__ import annotations

import bpy

from . import describe, tap
from .uses import Use

_MOVING = ("CompositorNodeRLayers", "CompositorNodeTime", "CompositorNodeSceneTime")


def before(use: Use) -> list[bpy.types.Node]:
    """The nodes whose picture may show in what flows into a matte node, also outside the groups it is in."""
    found: list[bpy.types.Node] = []
    sockets = [use.node.inputs["Image"]]
    for outer in (*reversed(use.groups), None):
        known: set[tuple[str, str, str]] = set()
        links = [link for socket in sockets for link in socket.links if not link.is_muted]
        inside = [node for link in links for node in tap.seen_through(link.from_socket, known)]
        found += [node for node in inside if not node.mute]
        if outer is None or not any(node.bl_idname == "NodeGroupInput" for node in inside):
            break
        sockets = list(outer.inputs)
    return found


def moves(use: Use) -> bool:
    """Whether there is anything but a photograph, which is a still however often it is shown."""
    nodes = before(use)
    return any(_is_footage(node) or node.bl_idname in _MOVING or _is_animated(node) for node in nodes)


def is_there(scene: bpy.types.Scene, use: Use, frame: int) -> bool:
    """Whether a frame that nobody asked for is one of the shot: footage held before its start is not."""
    nodes = before(use)
    footage = [node for node in nodes if _is_footage(node)]
    made = not footage or any(node.bl_idname in _MOVING for node in nodes)
    if made and frame < scene.frame_start:
        return False
    return all(_has(node, frame) for node in footage)


def _is_footage(node: bpy.types.Node) -> bool:
    image, clip = getattr(node, "image", None), getattr(node, "clip", None)
    moving = isinstance(image, bpy.types.Image) and image.source in ("SEQUENCE", "MOVIE")
    return moving or isinstance(clip, bpy.types.MovieClip)


def _has(node: bpy.types.Node, frame: int) -> bool:
    if describe.missing_file(node, frame) is not None:
        return False
    clip = getattr(node, "clip", None)
    if isinstance(clip, bpy.types.MovieClip):
        return bool(clip.frame_start <= frame < clip.frame_start + clip.frame_duration)
    if node.use_cyclic:
        return True
    return bool(0 <= frame - node.frame_start < node.frame_duration)


def _is_animated(node: bpy.types.Node) -> bool:
    prefix = f'nodes["{bpy.utils.escape_identifier(node.name)}"]'
    return any(path.startswith(prefix) for path in describe.curves(node.id_data))
