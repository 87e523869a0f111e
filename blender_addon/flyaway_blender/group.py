"""The Portrait Matte itself: a plain compositing group, which renders with or without this add-on.

Inside, Image nodes bring the matte, the person's colour and the unknown region: images in memory that
`render_pre` fills, or sequences of analysed EXRs. Everything after them (levels, gamma, garbage and core
mattes, inversion, the colour of edges, despill) is made of Blender's own nodes, in the core's order
(`flyaway.controls`); see `wiring`. What looks at a pixel's neighbours (grow, soften, fill holes) is done by
the core before, and then levels and gamma too, which come before those: `DONE_NODE` is 1, and the nodes for
levels are idle.
"""

from __future__ import annotations

import re
import secrets

import bpy

from . import compat, pixels
from .wiring import DONE_NODE, LIGHT_NODE, PARKED, SHOWN, fill

TITLE = "Portrait Matte"
EDGES = "Edge Colour"
# name, kind, default, what it does
INPUTS = (
    ("Image", "NodeSocketColor", None, "The plate, scene-linear as it comes"),
    ("Garbage Matte", "NodeSocketFloat", 0.0, "White is thrown away"),
    ("Core Matte", "NodeSocketFloat", 0.0, "White is kept, whatever the network says; wins over garbage"),
    ("Black Point", "NodeSocketFloat", 0.0, "Coverage up to here becomes none"),
    ("White Point", "NodeSocketFloat", 1.0, "Coverage from here on becomes full"),
    ("Gamma", "NodeSocketFloat", 1.0, "Above 1 raises what is between none and full"),
    ("Invert", "NodeSocketFloat", 0.0, "1 keeps the background instead of the person"),
    ("Strength", "NodeSocketFloat", 1.0, "0 leaves the plate as it is"),
    (
        EDGES,
        "NodeSocketFloat",
        1.0,
        "Colour of soft edges: 0 the plate's, 1 the person's own",
    ),
    (
        "Despill Green",
        "NodeSocketFloat",
        0.0,
        "Takes a green screen's light off the person",
    ),
    ("Despill Blue", "NodeSocketFloat", 0.0, "Takes a blue screen's light off the person"),
)
OUTPUTS = (
    ("Image", "NodeSocketColor", "The person premultiplied by the matte"),
    ("Matte", "NodeSocketFloat", "Linear coverage"),
    ("Foreground", "NodeSocketColor", "The person's own colour, straight: no old background at soft edges"),
    ("Unknown", "NodeSocketFloat", "How likely it is neither in nor out, as the coarse stage sees it"),
)


def new_tree() -> bpy.types.NodeTree:
    """A group tree of a Portrait Matte with an identity of its own."""
    tree = bpy.data.node_groups.new(TITLE, "CompositorNodeTree")
    for name, kind, default, tip in INPUTS:
        _add_input(tree, name, kind, default, tip)
    for name, kind, tip in OUTPUTS:
        compat.add_group_socket(tree, name, "OUTPUT", kind).description = tip
    tree.flyaway.is_matte = True
    tree.flyaway.uid = secrets.token_hex(4)
    fill(tree, _live_images(tree))
    return tree


def _add_input(tree: bpy.types.NodeTree, name: str, kind: str, default: float | None, tip: str) -> None:
    socket = compat.add_group_socket(tree, name, "INPUT", kind)
    socket.description = tip
    if default is None:
        return
    low, high = (0.01, 10.0) if name == "Gamma" else (0.0, 1.0)
    socket.default_value, socket.min_value, socket.max_value = default, low, high
    if name != "Gamma" and hasattr(socket, "subtype"):
        socket.subtype = "FACTOR"


def bring_up_to_date(tree: bpy.types.NodeTree) -> bool:
    """Give a tree of an earlier release the inside and the inputs of this one; whether it was one."""
    if SHOWN["colour"] in tree.nodes or tree.library is not None:
        return False
    matte_node(tree)
    for name, kind, default, tip in INPUTS:
        if name not in compat.group_sockets(tree, "INPUT"):
            # What was rendered with the plate's colour goes on to be.
            _add_input(tree, name, kind, 0.0 if name == EDGES else default, tip)
    for name, kind, tip in OUTPUTS:
        if name not in compat.group_sockets(tree, "OUTPUT"):
            compat.add_group_socket(tree, name, "OUTPUT", kind).description = tip
    tree.nodes.clear()
    fill(tree, _live_images(tree))
    return True


def say_done(tree: bpy.types.NodeTree, done: bool) -> None:
    """Whether levels and gamma are in the matte that comes in."""
    node = tree.nodes.get(DONE_NODE)
    if node is not None and node.outputs[0].default_value != float(done):
        node.outputs[0].default_value = float(done)


def matte_node(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """The Image node that brings the matte."""
    node = tree.nodes.get(SHOWN["matte"])
    if node is None:
        raise RuntimeError("the inside of this Portrait Matte was changed by hand: add a new one")
    return node


def has(tree: bpy.types.NodeTree, kind: str) -> bool:
    """Whether a tree can show a kind of picture: one linked from an earlier file has a matte alone."""
    return SHOWN[kind] in tree.nodes


def live_image(tree: bpy.types.NodeTree, kind: str = "matte") -> bpy.types.Image:
    """The image in memory of this tree, made where it is not there."""
    name = f"Flyaway {tree.flyaway.uid}" + ("" if kind == "matte" else f" {kind}")
    # What is linked from a file can hold only what is linked from that file.
    found = [image for image in bpy.data.images if image.name == name and image.library == tree.library]
    if found:
        return found[0]
    if tree.library is not None:
        raise RuntimeError(f"analyse the frames in {tree.library.filepath}, from which this matte is linked")
    return pixels.new_colour_image(name) if kind == "colour" else pixels.new_matte_image(name)


def _live_images(tree: bpy.types.NodeTree) -> dict[str, bpy.types.Image]:
    return {kind: live_image(tree, kind) for kind in SHOWN}


def live_images() -> list[bpy.types.Image]:
    """All that is in memory."""
    named = re.compile(r"Flyaway [0-9a-f]{8}( colour| unknown)?")
    return [image for image in bpy.data.images if named.fullmatch(image.name)]


def use_live(tree: bpy.types.NodeTree) -> dict[str, bpy.types.Image]:
    """Have the tree take its pictures from memory; returns the images to fill, by kind."""
    matte_node(tree)
    images = {kind: live_image(tree, kind) for kind in SHOWN if has(tree, kind)}
    for kind, image in images.items():
        for node in (tree.nodes[SHOWN[kind]], tree.nodes.get(PARKED[kind])):
            if node is not None and node.image != image:
                node.image = image
    if LIGHT_NODE in tree.nodes and tree.library is None:
        compat.from_light(tree.nodes[LIGHT_NODE])
    return images


def make_single(node: bpy.types.Node) -> None:
    """Give a copied node a tree, a matte and a cache of its own."""
    node.node_tree = node.node_tree.copy()
    renew(node.node_tree)


def renew(tree: bpy.types.NodeTree) -> None:
    """Give a tree another identity, with no mattes yet."""
    tree.flyaway.uid = secrets.token_hex(4)
    tree.flyaway.first, tree.flyaway.last = 0, -1
    use_live(tree)
