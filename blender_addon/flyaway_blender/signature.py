"""What a matte depends on, as one short string: it changes when the matte would.

Files count by path, size and time. Values that are animated count by their curves, so that the string can be
had for any frame without going there. A 3D scene counts by its objects, their data, materials and lights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

import bpy

from . import cache, compat, describe, engine, prefs, scene3d, uses
from .uses import Use

_known: dict[tuple[str, str, int], str] = {}


def begin() -> None:
    """A render or an analysis begins: what 3D scenes look like is found out again, and all signatures."""
    scene3d.begin()
    _known.clear()


def known(scene: bpy.types.Scene, use: Use, frame: int) -> str:
    """The signature of one matte of one frame, found out once a render or an analysis."""
    key = (scene.name, use.uid, frame)
    return _known[key] if key in _known else of(scene, use, frame)


def of(scene: bpy.types.Scene, use: Use, frame: int) -> str:
    """The signature of one matte of one frame."""
    settings = use.tree.flyaway
    choice = prefs.choice(settings.model)
    render = scene.render
    parts = [
        4,  # what is kept of a frame; until 4 the unknown region was not
        compat.working_space(),
        engine.version(),
        settings.model,
        engine.model_digest(choice),
        settings.refine,
        _upstream(scene, [*use.groups, use.node], frame),
        _canvas(render),
    ]
    found = hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]
    _known[scene.name, use.uid, frame] = found
    return found


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
        values = [describe.value(socket) for socket in outer.inputs]
        found.append(["outside", values, _tree(scene, outer.id_data, links, frame)])
        if len(path) > 2:
            found.append(_outside(scene, path[:-1], frame))
    return found


def _outside(scene: bpy.types.Scene, path: list[bpy.types.Node], frame: int) -> list[Any]:
    outer = path[-2]
    links = [link for socket in outer.inputs for link in socket.links if not link.is_muted]
    rest = _outside(scene, path[:-1], frame) if len(path) > 2 else []
    return [
        "outside",
        [describe.value(s) for s in outer.inputs],
        _tree(scene, outer.id_data, links, frame),
        rest,
    ]


def _tree(
    scene: bpy.types.Scene,
    tree: bpy.types.NodeTree,
    links: Iterable[bpy.types.NodeLink],
    frame: int,
) -> list[Any]:
    """All nodes behind some links of one tree."""
    curves = describe.curves(tree)
    found, waiting, visited = [], list(links), set()
    for link in waiting:  # grows while it is walked
        found.append(["link", link.from_node.name, link.from_socket.identifier, link.to_socket.identifier])
        node = link.from_node
        if node.name in visited:
            continue
        visited.add(node.name)
        found.append(_node(scene, node, curves, frame))
        waiting += [link for socket in node.inputs for link in socket.links if not link.is_muted]
    return found


def _node(scene: bpy.types.Scene, node: bpy.types.Node, curves: dict[str, Any], frame: int) -> list[Any]:
    prefix = f'nodes["{bpy.utils.escape_identifier(node.name)}"]'
    animated = {path[len(prefix) :]: curve for path, curve in curves.items() if path.startswith(prefix)}
    inputs = [
        [socket.identifier, describe.value(socket)]
        for index, socket in enumerate(node.inputs)
        if not socket.is_linked and f".inputs[{index}].default_value" not in animated
    ]
    parts = [node.bl_idname, node.name, node.mute, inputs, animated]
    if uses.is_matte(node):
        settings = node.node_tree.flyaway
        # A frame of a shot on disk is another matte than the still that a render makes.
        memory = cache.made_of(node.node_tree, frame).partition(" ")[2]
        more = [name for name in ("stills" if settings.stills else "", memory) if name]
        return [*parts, settings.model, settings.refine, *more]
    if uses.is_group(node):
        ends = [n for n in node.node_tree.nodes if n.bl_idname == "NodeGroupOutput"]
        links = [link for end in ends for socket in end.inputs for link in socket.links]
        return [*parts, _tree(scene, node.node_tree, links, frame)]
    if node.bl_idname == "CompositorNodeRLayers":
        return [*parts, node.layer, scene3d.digest(node.scene or scene)]
    if node.bl_idname == "CompositorNodeImage":
        layered = bool(node.has_layers or node.has_views)
        layer = [node.layer, node.view] if layered else None
        settings = describe.struct(node, skip=[*animated, ".image", ".layer", ".view"])
        return [*parts, settings, layer, describe.image(node.image, node, frame)]
    return [*parts, describe.struct(node, skip=animated, frame=frame)]
