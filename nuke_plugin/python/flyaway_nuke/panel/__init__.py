"""The panel. Importing this touches neither Qt nor Nuke; `show` needs both."""

from __future__ import annotations

from typing import Any

NAME = "Flyaway"
ID = "org.flyaway.bakes"
WIDGET = "__import__('flyaway_nuke.panel.dock', fromlist=['BakePanel']).BakePanel"


def register() -> None:
    """Tell Nuke of the panel, so that it can be docked from any pane's menu. Call it in menu.py."""
    from nukescripts import panels

    panels.registerWidgetAsPanel(WIDGET, NAME, ID)


def show() -> Any:
    """Open the panel in a pane, or bring it to the front."""
    from .dock import show as show_docked

    return show_docked()
