"""The Portrait Matte itself: a plain compositing group, which renders with or without this add-on.

Inside, an Image node brings the matte: an image in memory that `render_pre` fills, or a sequence of analysed
EXRs. Everything after it (levels, gamma, garbage and core mattes, inversion) is made of Blender's own nodes,
in the core's order (`flyaway.controls`). What looks at a pixel's neighbours (grow, soften, fill holes) is
done by the core before, and then levels and gamma too, which come before those: `DONE_NODE` is 1, and the
nodes for levels are idle.
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
# 1 where levels and gamma are in the matte that comes in already.
DONE_NODE = "Flyaway Levels Done"
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
)
OUTPUTS = (
    ("Image", "NodeSocketColor", "The plate premultiplied by the matte"),
    ("Matte", "NodeSocketFloat", "Linear coverage"),
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
    _fill(tree)
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
    if DONE_NODE in tree.nodes or tree.library is not None:
        return False
    matte_node(tree)
    for name, kind, default, tip in INPUTS:
        if name not in compat.group_inputs(tree):
            _add_input(tree, name, kind, default, tip)
    tree.nodes.clear()
    _fill(tree)
    return True


def say_done(tree: bpy.types.NodeTree, done: bool) -> None:
    """Whether levels and gamma are in the matte that comes in."""
    node = tree.nodes.get(DONE_NODE)
    if node is not None and node.outputs[0].default_value != float(done):
        node.outputs[0].default_value = float(done)


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
    done = nodes.new(compat.VALUE)
    done.name = done.label = DONE_NODE
    done.outputs[0].default_value = 0.0
    idle = done.outputs[0]
    working = math("SUBTRACT", 1.0, idle)
    black = math("MULTIPLY", given["Black Point"], working)
    white = math("MAXIMUM", given["White Point"], idle)
    span = math("MAXIMUM", math("SUBTRACT", white, black), 1e-4)
    matte = math("DIVIDE", math("SUBTRACT", red.outputs[0], black), span, clamp=True)
    # To the power of 1 / gamma, or of 1.
    power = math("DIVIDE", 1.0, math("MAXIMUM", given["Gamma"], 0.01))
    power = math("ADD", math("MULTIPLY", power, working), idle)
    matte = math("POWER", matte, power, clamp=True)
    # A 1 as large as the matte: 1 minus a picture that is smaller would be 0 all around that picture.
    one = math("MULTIPLY_ADD", matte, 0.0, 1.0)
    matte = math("MULTIPLY", matte, math("SUBTRACT", one, given["Garbage Matte"], clamp=True))
    matte = math("MAXIMUM", matte, given["Core Matte"], clamp=True)
    turned = math("MULTIPLY", math("MULTIPLY_ADD", matte, -2.0, 1.0), given["Invert"])
    matte = math("ADD", matte, turned, clamp=True)
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
    parked.location, done.location = (-420, -560), (-420, -760)
    split.location = (column[0] - 4 * 170, 200)
    mask.location, exit_.location = (column[0], 100), (column[0] + 220, 0)
