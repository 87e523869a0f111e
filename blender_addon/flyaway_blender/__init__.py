"""Flyaway in Blender: a Portrait Matte node for the compositor."""

from __future__ import annotations

from . import (
    add,
    analyse,
    clip,
    failures,
    handlers,
    on_node,
    panel,
    pick,
    prefs,
    retouch,
    sequencer,
    settings,
)

PARTS = (prefs, settings, add, analyse, clip, sequencer, retouch, pick, failures, panel, on_node, handlers)


def register() -> None:
    """Blender enables the add-on."""
    for part in PARTS:
        part.register()


def unregister() -> None:
    """Blender disables it."""
    for part in reversed(PARTS):
        part.unregister()
