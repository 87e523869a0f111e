"""The choices of colour at edges that commands share."""

from __future__ import annotations

from enum import StrEnum


class EdgeKind(StrEnum):
    """Whose colour soft edges have."""

    FOREGROUND = "foreground"
    PLATE = "plate"


class ScreenKind(StrEnum):
    """Which screen's light is taken off."""

    GREEN = "green"
    BLUE = "blue"
