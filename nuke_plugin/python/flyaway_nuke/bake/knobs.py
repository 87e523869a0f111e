"""Knobs of the bake node that may not be there, and changes that Undo should know nothing of.

A node that is in a script keeps the knobs of the release that made it, and calls today's Python
(decision 0006 of the source): whatever came later is asked for here, with what it stands for when it is
not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import nuke


def value(node: nuke.Node, name: str, default: Any) -> Any:
    """A knob's value; `default` on a node of a release that had no such knob."""
    knob = node.knob(name)
    return default if knob is None else knob.value()


def hidden(node: nuke.Node, name: str) -> nuke.Knob:
    """A text that a node carries along unseen; the knob is made where the node has none."""
    knob = node.knob(name)
    if knob is None:
        knob = nuke.String_Knob(name, "")
        knob.setVisible(False)
        node.addKnob(knob)
    return knob


def choose(knob: nuke.Knob, choice: str) -> None:
    """Set a text or a menu; a menu that lacks the choice, such as another kind of device, gets it."""
    if isinstance(knob, nuke.Enumeration_Knob) and choice not in knob.values():
        knob.setValues([*knob.values(), choice])
    cast("nuke.String_Knob", knob).setValue(choice)


@contextmanager
def quietly() -> Iterator[None]:
    """What happens within is no step that an artist could want to undo."""
    undo = nuke.Undo()
    undo.disable()
    try:
        yield
    finally:
        undo.enable()


@contextmanager
def full_size() -> Iterator[None]:
    """Proxy mode is off within: a bake is of the plate itself, whatever the viewer shows meanwhile."""
    proxy = nuke.root()["proxy"]
    before = proxy.value()
    if not before:
        yield
        return
    with quietly():
        proxy.setValue(False)
    try:
        yield
    finally:
        with quietly():
            proxy.setValue(before)
