"""Buttons as the panel has them."""

from __future__ import annotations

from collections.abc import Callable

from .qt import QtCore, QtWidgets
from .theme import swatch


def button(text: str, tip: str, primary: bool = False) -> QtWidgets.QPushButton:
    """A push button; `primary` is the one that is meant to be pressed."""
    made = QtWidgets.QPushButton(text)
    made.setToolTip(tip)
    made.setProperty("primary", primary)
    made.setAutoDefault(False)
    return made


def link(text: str, tip: str, checkable: bool = False) -> QtWidgets.QToolButton:
    """A button that is drawn as its text alone."""
    button = QtWidgets.QToolButton()
    button.setText(text)
    button.setToolTip(tip)
    button.setCheckable(checkable)
    button.setProperty("link", True)
    return button


def segments(
    row: QtWidgets.QHBoxLayout, choices: tuple[tuple[str, str], ...], choose: Callable[[str], None]
) -> QtWidgets.QButtonGroup:
    """Buttons of which one is down."""
    group = QtWidgets.QButtonGroup(row)
    for index, (text, value) in enumerate(choices):
        button = QtWidgets.QToolButton()
        if text:
            button.setText(text)
        else:
            button.setIcon(swatch(value))
            button.setIconSize(QtCore.QSize(14, 14))
            button.setToolTip(f"behind the cut-out: {value}")
        button.setCheckable(True)
        button.setChecked(index == 0)
        button.setProperty("segment", True)
        button.setSizePolicy(QtWidgets.QSizePolicy.Preferred, QtWidgets.QSizePolicy.Fixed)
        button.clicked.connect(lambda _down=False, value=value: choose(value))
        group.addButton(button, index)
        row.addWidget(button)
    return group
