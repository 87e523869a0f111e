"""Qt as this host has it: PySide6 in Nuke 16 and later, PySide2 before. One code for both."""

from __future__ import annotations

from typing import Any

try:
    from PySide6 import QtCore, QtGui, QtWidgets
except ImportError:  # Nuke 14 and 15
    from PySide2 import QtCore, QtGui, QtWidgets  # type: ignore[no-redef,import-not-found,unused-ignore]

__all__ = ["QtCore", "QtGui", "QtWidgets", "position"]


def position(event: Any) -> QtCore.QPointF:
    """Where the mouse is, in the widget; Qt 6 renamed it."""
    return event.position() if hasattr(event, "position") else QtCore.QPointF(event.pos())
