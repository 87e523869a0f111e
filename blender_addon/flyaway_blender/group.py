"""The Portrait Matte itself: a plain compositing group, which renders with or without this add-on.

Inside, an Image node brings the matte: an image in memory that `render_pre` fills, or a sequence of analysed
EXRs. Everything after it (levels, inversion, core and garbage mattes) is made of Blender's own nodes.
"""

from __future__ import annotations

import re
import secrets

import bpy

from . import compat, pixels

TITLE = "Portrait Matte"
MATTE_NODE = "Flyaway Matte"
# Leads nowhere, but keeps the image in memory with the tree, wherever that is linked.
PARKED_NODE = "Flyaway Live"
# name, kind, default, least, most, what it does
INPUTS = (
    ("Image", "NodeSocketColor", None, "The plate, scene-linear as it comes"),
    ("Garbage Matte", "NodeSocketFloat", 0.0, "White is thrown away"),
    ("Core Matte", "NodeSocketFloat", 0.0, "White is kept, whatever the network says (a holdout matte)"),
    ("Black Point", "NodeSocketFloat", 0.0, "Coverage up to here becomes none"),
    ("White Point", "NodeSocketFloat", 1.0, "Coverage from here on becomes full"),
    ("Invert", "NodeSocketFloat", 0.0, "1 keeps the background instead of the person"),
    ("Strength", "NodeSocketFloat", 1.0, "0 leaves the plate as it is"),
)
OUTPUTS = (
    ("Image", "NodeSocketColor", "The plate premultiplied by the matte"),
    ("Matte", "NodeSocketFloat", "Linear coverage"),
)


def new_tree() -> bpy.types.NodeTree:
    """A group tree of a Portrait Matte with an identity of its own."""
    tree = bpy.data.node_groups.new(TITLE, "CompositorNodeTree")
    for name, kind, default, tip in INPUTS:
        socket = compat.add_group_socket(tree, name, "INPUT", kind)
        socket.description = tip
        if default is not None:
            socket.default_value, socket.min_value, socket.max_value = default, 0.0, 1.0
            if hasattr(socket, "subtype"):
                socket.subtype = "FACTOR"
    for name, kind, tip in OUTPUTS:
        compat.add_group_socket(tree, name, "OUTPUT", kind).description = tip
    tree.flyaway.is_matte = True
    tree.flyaway.uid = secrets.token_hex(4)
    _fill(tree)
    return tree


def matte_node(tree: bpy.types.NodeTree) -> bpy.types.Node:
    """The Image node that brings the matte."""
    node = tree.nodes.get(MATTE_NODE)
    if node is None:
        raise RuntimeError("the inside of this Portrait Matte was changed by hand: add a new one")
    return node


def live_image(tree: bpy.types.NodeTree) -> bpy.types.Image:
    """The image in memory of this tree, made where it is not there."""
    name = f"Flyaway {tree.flyaway.uid}"
    # What is linked from a file can hold only what is linked from that file.
    found = [image for image in bpy.data.images if image.name == name and image.library == tree.library]
    if found:
        return found[0]
    if tree.library is not None:
        raise RuntimeError(f"analyse the frames in {tree.library.filepath}, from which this matte is linked")
    return pixels.new_matte_image(name)


def live_images() -> list[bpy.types.Image]:
    """All mattes in memory."""
    return [image for image in bpy.data.images if re.fullmatch(r"Flyaway [0-9a-f]{8}", image.name)]


def use_live(tree: bpy.types.NodeTree) -> bpy.types.Image:
    """Have the tree take its matte from memory; returns the image to fill."""
    image = live_image(tree)
    for node in (matte_node(tree), tree.nodes.get(PARKED_NODE)):
        if node is not None and node.image != image:
            node.image = image
    return image


def make_single(node: bpy.types.Node) -> None:
    """Give a copied node a tree, a matte and a cache of its own."""
    node.node_tree = node.node_tree.copy()
    renew(node.node_tree)


def renew(tree: bpy.types.NodeTree) -> None:
    """Give a tree another identity, with no mattes yet."""
    tree.flyaway.uid = secrets.token_hex(4)
    tree.flyaway.first, tree.flyaway.last = 0, -1
    use_live(tree)


def _fill(tree: bpy.types.NodeTree) -> None:
    """The nodes inside. With every setting at its default the matte passes bit by bit."""
    nodes, link = tree.nodes, tree.links.new
    entry, exit_ = nodes.new("NodeGroupInput"), nodes.new("NodeGroupOutput")
    given = {socket.name: socket for socket in entry.outputs if socket.name}
    image = nodes.new("CompositorNodeImage")
    image.name = image.label = MATTE_NODE
    parked = nodes.new("CompositorNodeImage")
    parked.name = parked.label = PARKED_NODE
    image.image = parked.image = live_image(tree)
    red = nodes.new("CompositorNodeSeparateColor")
    link(image.outputs[0], red.inputs[0])
    column = [0.0]

    def math(operation: str, *values: object, clamp: bool = False) -> bpy.types.NodeSocket:
        node = nodes.new(compat.MATH)
        node.operation, node.use_clamp = operation, clamp
        node.location = (column[0], -200)
        column[0] += 170
        for socket, value in zip(node.inputs, values, strict=False):
            if isinstance(value, bpy.types.NodeSocket):
                link(value, socket)
            else:
                socket.default_value = value
        return node.outputs[0]

    # The matte is each operation's first input, so that the result keeps its place and size.
    black = given["Black Point"]
    span = math("MAXIMUM", math("SUBTRACT", given["White Point"], black), 1e-4)
    matte = math("DIVIDE", math("SUBTRACT", red.outputs[0], black), span, clamp=True)
    turned = math("MULTIPLY", math("MULTIPLY_ADD", matte, -2.0, 1.0), given["Invert"])
    matte = math("ADD", matte, turned, clamp=True)
    matte = math("MAXIMUM", matte, given["Core Matte"], clamp=True)
    # A 1 as large as the matte: 1 minus a picture that is smaller would be 0 all around that picture.
    one = math("MULTIPLY_ADD", matte, 0.0, 1.0)
    matte = math("MINIMUM", matte, math("SUBTRACT", one, given["Garbage Matte"], clamp=True))
    kept = math("SUBTRACT", one, given["Strength"])
    matte = math("ADD", math("MULTIPLY", matte, given["Strength"]), kept, clamp=True)
    # Not Set Alpha, which lays the matte on the image: on one that 4.2 turned, it left values far beyond 1.
    split, mask = nodes.new("CompositorNodeSeparateColor"), nodes.new("CompositorNodeCombineColor")
    link(given["Image"], split.inputs[0])
    for source, target in zip(split.outputs, mask.inputs, strict=True):
        link(math("MULTIPLY", matte, source), target)
    link(mask.outputs[0], exit_.inputs["Image"])
    link(matte, exit_.inputs["Matte"])
    image.location, red.location, entry.location = (-420, -200), (-180, -200), (-420, 200)
    parked.location = (-420, -560)
    split.location = (column[0] - 4 * 170, 200)
    mask.location, exit_.location = (column[0], 100), (column[0] + 220, 0)
