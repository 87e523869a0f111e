"""Colours and measures.

All but the states are mixed from the host's own palette, so that the panel is at home in Nuke's dark grey as
it is in any other.
"""

from __future__ import annotations

from .qt import QtCore, QtGui, QtWidgets

# One rhythm for every distance.
GAP = 8
RADIUS = 3
CHECKER = 8
GREEN = QtGui.QColor(0, 177, 64)


class Theme:
    """The colours of a widget's surroundings.

    Parameters
    ----------
    widget : anything inside the host's window.
    """

    def __init__(self, widget: QtWidgets.QWidget) -> None:
        palette = widget.palette()
        self.window = palette.color(QtGui.QPalette.Window)
        self.text = palette.color(QtGui.QPalette.WindowText)
        self.accent = palette.color(QtGui.QPalette.Highlight)
        self.on_accent = palette.color(QtGui.QPalette.HighlightedText)
        dark = self.window.lightness() < 128
        self.sunken = mix(self.window, QtGui.QColor("black"), 0.28 if dark else 0.07)
        self.raised = mix(self.window, QtGui.QColor("white"), 0.07 if dark else 0.5)
        self.line = mix(self.window, QtGui.QColor("black"), 0.40 if dark else 0.2)
        self.bright = mix(self.text, QtGui.QColor("white" if dark else "black"), 0.6)
        self.hover = mix(self.window, QtGui.QColor("white"), 0.13 if dark else 0.7)
        self.pressed = mix(self.window, QtGui.QColor("black"), 0.14)
        self.chosen = mix(self.window, QtGui.QColor("white"), 0.24 if dark else 0.9)
        self.dim = mix(self.text, self.window, 0.3)  # 4.5 to 1 on Nuke's grey: small words must be read
        self.faint = mix(self.text, self.window, 0.72)
        self.good = QtGui.QColor(124, 172, 118) if dark else QtGui.QColor(70, 130, 70)
        self.bad = QtGui.QColor(214, 94, 80) if dark else QtGui.QColor(190, 60, 45)

    def of_state(self, state: str) -> QtGui.QColor:
        """A job's or a frame's state as a colour."""
        return {
            "done": self.good,
            "good": self.good,
            "written": self.good,
            "skipped": mix(self.good, self.window, 0.35),
            "failed": self.bad,
            "bad": self.bad,
            "running": self.accent,
            "stopping": mix(self.accent, self.window, 0.4),
        }.get(state, self.faint)


def mix(one: QtGui.QColor, other: QtGui.QColor, share: float) -> QtGui.QColor:
    """`one` with a `share` of `other`."""
    return QtGui.QColor(
        *(
            round(a + (b - a) * share)
            for a, b in (
                (one.red(), other.red()),
                (one.green(), other.green()),
                (one.blue(), other.blue()),
            )
        )
    )


def checkerboard(cell: int = CHECKER) -> QtGui.QBrush:
    """The pattern behind what is transparent: dark enough for an artist's room."""
    tile = QtGui.QPixmap(2 * cell, 2 * cell)
    tile.fill(QtGui.QColor(72, 72, 72))
    painter = QtGui.QPainter(tile)
    for corner in (QtCore.QRect(0, 0, cell, cell), QtCore.QRect(cell, cell, cell, cell)):
        painter.fillRect(corner, QtGui.QColor(96, 96, 96))
    painter.end()
    return QtGui.QBrush(tile)


def sized(font: QtGui.QFont, by: int) -> QtGui.QFont:
    """A font, so many points (or pixels, where the host counts in those) larger."""
    changed = QtGui.QFont(font)
    if font.pointSize() > 0:
        changed.setPointSize(max(6, font.pointSize() + by))
    else:
        changed.setPixelSize(max(8, font.pixelSize() + by))
    return changed


def small(font: QtGui.QFont) -> QtGui.QFont:
    """A font, a little smaller."""
    return sized(font, -1)


def mark(widget: QtWidgets.QWidget, name: str, value: bool) -> None:
    """Set a property that the style sheet goes by: Qt looks at those once, unless it is told."""
    widget.setProperty(name, value)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


class Line(QtWidgets.QLabel):
    """One line of words, cut with an ellipsis where there is no room; it never widens what it is in."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextInteractionFlags(QtCore.Qt.TextSelectableByMouse)
        self.setSizePolicy(QtWidgets.QSizePolicy.Ignored, QtWidgets.QSizePolicy.Preferred)
        self._whole = ""

    def say(self, words: str) -> None:
        """Show these; whole in the tool tip where they are cut."""
        self._whole = " ".join(words.split())
        self._fit()

    def whole(self) -> str:
        """What was said, uncut."""
        return self._whole

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802 -- Qt's name
        """Qt calls this."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        shown = self.fontMetrics().elidedText(self._whole, QtCore.Qt.ElideRight, self.width())
        if shown != self.text():
            self.setText(shown)
        self.setToolTip(self._whole if shown != self._whole else "")


def swatch(kind: str) -> QtGui.QIcon:
    """A small square of what a background looks like."""
    tile = QtGui.QPixmap(14, 14)
    tile.fill(GREEN if kind == "green" else QtGui.QColor("black"))
    painter = QtGui.QPainter(tile)
    if kind == "checker":
        painter.fillRect(tile.rect(), QtGui.QColor(70, 70, 70))
        for corner in (QtCore.QRect(0, 0, 7, 7), QtCore.QRect(7, 7, 7, 7)):
            painter.fillRect(corner, QtGui.QColor(150, 150, 150))
    painter.setPen(QtGui.QColor(20, 20, 20))
    painter.drawRect(0, 0, 13, 13)
    painter.end()
    return QtGui.QIcon(tile)


def tabular(font: QtGui.QFont) -> QtGui.QFont:
    """A fixed-pitch font of the same size, for numbers that count and for the log."""
    changed = small(font)
    changed.setFamily("DejaVu Sans Mono")
    changed.setStyleHint(QtGui.QFont.Monospace)
    changed.setFixedPitch(True)
    return changed


def sheet(theme: Theme) -> str:
    """The little that Qt's own drawing does not do well; scoped to our panel, never the host's."""
    brighter = mix(theme.accent, QtGui.QColor("white"), 0.12)
    return f"""
    QToolButton[segment="true"] {{
        border: 1px solid {theme.line.name()}; padding: 3px 10px; background: {theme.sunken.name()};
        color: {theme.dim.name()}; margin: 0 -1px 0 0;
    }}
    QToolButton[segment="true"]:checked {{
        background: {theme.chosen.name()}; color: {theme.bright.name()};
    }}
    QToolButton[segment="true"]:hover {{ color: {theme.bright.name()}; }}
    QToolButton[link="true"] {{
        border: none; border-bottom: 1px solid transparent; color: {theme.dim.name()}; padding: 3px 2px;
        margin-left: 10px;
    }}
    QToolButton[link="true"]:hover {{ color: {theme.bright.name()}; }}
    QToolButton[link="true"]:checked {{
        color: {theme.bright.name()}; border-bottom: 1px solid {theme.accent.name()};
    }}
    QToolButton[warn="true"] {{ color: {theme.bad.name()}; font-weight: bold; }}
    QPushButton {{
        background: {theme.raised.name()}; color: {theme.text.name()}; border: 1px solid {theme.line.name()};
        border-radius: {RADIUS}px; padding: 4px 12px;
    }}
    QPushButton:hover, QPushButton:focus {{ color: {theme.bright.name()}; background: {theme.hover.name()}; }}
    QPushButton:pressed {{ background: {theme.pressed.name()}; }}
    QPushButton:disabled {{ color: {theme.faint.name()}; background: {theme.window.name()}; }}
    QPushButton[primary="true"] {{
        background: {theme.accent.name()}; color: {theme.on_accent.name()}; padding: 4px 18px;
        font-weight: bold;
    }}
    QPushButton[primary="true"]:hover, QPushButton[primary="true"]:focus {{
        background: {brighter.name()}; color: {theme.on_accent.name()};
    }}
    QPushButton[primary="true"]:disabled {{
        background: {theme.raised.name()}; color: {theme.faint.name()}; font-weight: normal;
    }}
    QPlainTextEdit[log="true"] {{
        background: {theme.sunken.name()}; color: {theme.dim.name()}; border: none; padding: 4px;
    }}
    QPlainTextEdit[commands="true"] {{
        background: {theme.sunken.name()}; color: {theme.text.name()}; border: none;
        border-left: 2px solid {theme.accent.name()}; padding: 4px 6px;
    }}
    QListView[cards="true"] {{ background: {theme.sunken.name()}; border: none; outline: none; }}
    QSplitter::handle {{ background: {theme.line.name()}; }}
    QLabel[dim="true"] {{ color: {theme.dim.name()}; }}
    """
