"""The nodes inside a Portrait Matte: Blender's own, so that they work without this add-on.

Three pictures come in: the matte, the person's own colour at soft edges, and the unknown region. The colour's
alpha says where it counts: 1 at soft edges and a little beyond, a half where the plate itself is the person's
colour, 0 where nobody is. What has no picture yet has 0 there, and the plate stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import bpy

from . import compat

# 1 where levels and gamma are in the matte that comes in already.
DONE_NODE = "Flyaway Levels Done"
# Kind of picture → the Image node that brings it, and the one that leads nowhere, but keeps the image in
# memory with the tree, wherever that is linked.
SHOWN = {"matte": "Flyaway Matte", "colour": "Flyaway Colour", "unknown": "Flyaway Unknown"}
PARKED = {"matte": "Flyaway Live", "colour": "Flyaway Live Colour", "unknown": "Flyaway Live Unknown"}
LIGHT_NODE = "Flyaway Light"
_LARGEST = 3e38  # an infinite highlight, times nothing, would be no number
Socket = bpy.types.NodeSocket


class _Wires:
    """Nodes of a tree, added from left to right."""

    def __init__(self, tree: bpy.types.NodeTree):
        self.nodes, self.link = tree.nodes, tree.links.new
        self.column = 0.0

    def picture(self, kind: str, image: bpy.types.Image, row: float) -> Socket:
        """The Image node of a kind, and the parked one; its picture."""
        shown, parked = (self.nodes.new("CompositorNodeImage") for _ in range(2))
        for node, name, place in ((shown, SHOWN[kind], -420), (parked, PARKED[kind], -660)):
            node.name = node.label = name
            node.image, node.location = image, (place, row)
        return shown.outputs[0]

    def split(self, source: Socket) -> list[Socket]:
        """A picture's red, green, blue and alpha."""
        node = self.nodes.new("CompositorNodeSeparateColor")
        self.link(source, node.inputs[0])
        node.location = (-180, source.node.location[1])
        return list(node.outputs)

    def joined(self, channels: Sequence[Socket]) -> Socket:
        """A picture of three or four channels."""
        node = self.nodes.new("CompositorNodeCombineColor")
        node.location = (self.column, 100)
        for source, target in zip(channels, node.inputs, strict=False):
            self.link(source, target)
        return node.outputs[0]

    def math(self, operation: str, *values: object, clamp: bool = False) -> Socket:
        """One operation on numbers or sockets."""
        node = self.nodes.new(compat.MATH)
        node.operation, node.use_clamp = operation, clamp
        node.location = (self.column, -200)
        self.column += 170
        for socket, value in zip(node.inputs, values, strict=False):
            if isinstance(value, bpy.types.NodeSocket):
                self.link(value, socket)
            else:
                socket.default_value = value
        return node.outputs[0]


def fill(tree: bpy.types.NodeTree, images: Mapping[str, bpy.types.Image]) -> None:
    """The nodes inside. With every setting at its default the matte passes bit by bit.

    The matte is each operation's first input, so that the result keeps its place and size.
    """
    wires = _Wires(tree)
    entry, leave = wires.nodes.new("NodeGroupInput"), wires.nodes.new("NodeGroupOutput")
    given = {socket.name: socket for socket in entry.outputs if socket.name}
    entry.location = (-420, 200)
    pictures = {kind: wires.picture(kind, images[kind], -200 - 330 * i) for i, kind in enumerate(SHOWN)}
    matte, one = _matte(wires, given, wires.split(pictures["matte"])[0])
    mixed = wires.math("MULTIPLY", matte, given["Strength"])
    kept = wires.math("SUBTRACT", one, given["Strength"])
    matte = wires.math("ADD", mixed, kept, clamp=True)
    plate = wires.split(given["Image"])
    own = _Person(wires, given, one, plate, pictures["colour"])
    # Not Set Alpha, which lays the matte on the image: on one that 4.2 turned, it left values far beyond 1.
    image = [
        wires.math("MULTIPLY_ADD", mixed, colour, wires.math("MULTIPLY", kept, original))
        for colour, original in zip(own.at_edges(given), own.plate, strict=True)
    ]
    wires.link(wires.joined([*image, wires.math("MULTIPLY", matte, plate[3])]), leave.inputs["Image"])
    wires.link(matte, leave.inputs["Matte"])
    wires.link(wires.joined(own.straight()), leave.inputs["Foreground"])
    unknown = wires.split(pictures["unknown"])[0]
    wires.link(wires.math("MULTIPLY", one, unknown), leave.inputs["Unknown"])
    leave.location = (wires.column + 220, 0)


def _matte(wires: _Wires, given: Mapping[str, Socket], matte: Socket) -> tuple[Socket, Socket]:
    """Levels, gamma, garbage, core, inversion; and a 1 as large as the matte."""
    math = wires.math
    done = wires.nodes.new(compat.VALUE)
    done.name = done.label = DONE_NODE
    done.outputs[0].default_value = 0.0
    done.location = (-420, -1200)
    idle = done.outputs[0]
    working = math("SUBTRACT", 1.0, idle)
    black = math("MULTIPLY", given["Black Point"], working)
    white = math("MAXIMUM", given["White Point"], idle)
    span = math("MAXIMUM", math("SUBTRACT", white, black), 1e-4)
    matte = math("DIVIDE", math("SUBTRACT", matte, black), span, clamp=True)
    # To the power of 1 / gamma, or of 1.
    power = math("DIVIDE", 1.0, math("MAXIMUM", given["Gamma"], 0.01))
    power = math("ADD", math("MULTIPLY", power, working), idle)
    matte = math("POWER", matte, power, clamp=True)
    # A 1 as large as the matte: 1 minus a picture that is smaller would be 0 all around that picture.
    one = math("MULTIPLY_ADD", matte, 0.0, 1.0)
    matte = math("MULTIPLY", matte, math("SUBTRACT", one, given["Garbage Matte"], clamp=True))
    matte = math("MAXIMUM", matte, given["Core Matte"], clamp=True)
    turned = math("MULTIPLY", math("MULTIPLY_ADD", matte, -2.0, 1.0), given["Invert"])
    return math("ADD", matte, turned, clamp=True), one


class _Person:
    """The person's colour, premultiplied by the plate's own alpha as the plate is."""

    def __init__(
        self,
        wires: _Wires,
        given: Mapping[str, Socket],
        one: Socket,
        plate: Sequence[Socket],
        picture: Socket,
    ):
        self._wires, self._one, self._alpha = wires, one, plate[3]
        self._spill = {1: given["Despill Green"], 2: given["Despill Blue"]}
        self.plate = [wires.math("MINIMUM", channel, _LARGEST) for channel in plate[:3]]
        light = wires.nodes.new("CompositorNodeConvertColorSpace")
        light.name = light.label = LIGHT_NODE
        light.location = (-180, picture.node.location[1] - 160)
        compat.from_light(light)
        wires.link(picture, light.inputs[0])
        *self._found, weight = wires.split(light.outputs[0])
        weight = wires.math("MULTIPLY", one, weight)
        self._edge = wires.math("MAXIMUM", wires.math("MULTIPLY_ADD", weight, 2.0, -1.0), 0.0)
        self._covered = wires.math("MINIMUM", wires.math("MULTIPLY", weight, 2.0), 1.0)

    def at_edges(self, given: Mapping[str, Socket]) -> list[Socket]:
        """What the matte is multiplied with: the plate, or the person at soft edges (not if inverted)."""
        share = self._wires.math("MULTIPLY", self._edge, given["Edge Colour"])
        person = self._wires.math("SUBTRACT", self._one, given["Invert"], clamp=True)
        return self._colour(self._wires.math("MULTIPLY", share, person))

    def straight(self) -> list[Socket]:
        """The person's colour alone, nothing where nobody is."""
        return [
            self._wires.math("MULTIPLY", self._covered, self._wires.math("DIVIDE", colour, self._alpha))
            for colour in self._colour(self._edge)
        ]

    def _colour(self, share: Socket) -> list[Socket]:
        """The plate, with so much of the person's own colour in it, and without the screen's light."""
        math = self._wires.math
        rest, mine = math("SUBTRACT", self._one, share), math("MULTIPLY", share, self._alpha)
        colour = [
            math("MULTIPLY_ADD", mine, own, math("MULTIPLY", rest, original))
            for own, original in zip(self._found, self.plate, strict=True)
        ]
        clean = list(colour)
        for screen, strength in self._spill.items():
            first, second = (colour[channel] for channel in range(3) if channel != screen)
            over = math("SUBTRACT", colour[screen], math("MAXIMUM", first, second))
            taken = math("MULTIPLY", math("MAXIMUM", over, 0.0), strength)
            clean[screen] = math("SUBTRACT", colour[screen], taken)
        return clean
