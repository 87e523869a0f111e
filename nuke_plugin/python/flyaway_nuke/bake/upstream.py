"""What feeds a node: through dots, out of groups, and through what expressions name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import nuke

from .errors import PlateError

# Nodes that change nothing: a plate that comes through them is still the plate.
_TRANSPARENT = ("Dot", "NoOp")
_MOST_NODES = 100_000


def first_that_counts(node: nuke.Node) -> nuke.Node | None:
    """The first node upstream that does anything."""
    each = node.input(0)
    for _ in range(_MOST_NODES):
        if each is None or not (each.Class() in _TRANSPARENT or is_disabled(each)):
            return each
        each = each.input(0)
    raise PlateError("The nodes above go round in a circle.")


def is_disabled(node: nuke.Node) -> bool:
    """Whether it is switched off for all frames; by an expression, it is on at some and off at others."""
    knob = node.knob("disable")
    return knob is not None and bool(knob.value()) and not knob.isAnimated() and not knob.hasExpression()


def sources(node: nuke.Node) -> list[nuke.Node | None]:
    """What a node takes its picture from, in the order of its inputs; a group's Input, from outside."""
    if node.Class() == "Input":
        around, number = node.parent(), node.knob("number")
        if around is None or isinstance(around, nuke.Root):
            return []
        return [around.input(int(number.value()) if number is not None else 0)]
    return [node.input(index) for index in range(node.inputs())]


def named(node: nuke.Node) -> list[nuke.Node]:
    """What a node's expressions name: it may lie anywhere in the script."""
    return [each for each in node.dependencies(nuke.EXPRESSIONS) if each is not None]


def upstream(tops: Iterable[nuke.Node | None], *, expressions: bool = False) -> Iterator[nuke.Node]:
    """Every node upstream of these, themselves too, sources first, each once; groups with what is inside.

    Raises
    ------
    PlateError : there are so many that something is wrong.
    """
    visited: set[str] = set()
    stack = [(top, False) for top in tops if top is not None]
    # What is inside the groups around these is not above them, also where an expression asks those groups.
    around = {group for top, _ in stack for group in _around(top)}
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
            continue
        if node.fullName() in visited:
            continue
        visited.add(node.fullName())
        if len(visited) > _MOST_NODES:
            raise PlateError(f"More than {_MOST_NODES} nodes lie above. Bake further up.")
        stack.append((node, True))
        inner = list(node.nodes()) if isinstance(node, nuke.Group) and node.fullName() not in around else []
        also = named(node) if expressions else []
        stack += [(each, False) for each in (*inner, *also, *sources(node)) if each is not None]


def _around(node: nuke.Node) -> Iterator[str]:
    group = node.parent()
    while group is not None and not isinstance(group, nuke.Root):
        yield group.fullName()
        group = group.parent()
    yield nuke.root().fullName()
