"""Before and after: the plate on the left of a line that can be dragged, what became of it on the right."""

from __future__ import annotations

from pathlib import Path

from . import images
from .qt import QtCore, QtGui, QtWidgets, position
from .theme import GREEN, Theme, checkerboard, sized, small

_HANDLE = 14
_GRAB = 10
_MOST_ZOOM = 8.0


class Wipe(QtWidgets.QWidget):
    """A frame before and after.

    Drag the line; the wheel zooms at the pointer, the middle button pans, F or a double click fits.
    """

    stepped = QtCore.Signal(int)

    def __init__(self, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._plate = QtGui.QPixmap()
        self._cut = QtGui.QPixmap()
        self._matte = QtGui.QPixmap()
        self._shown: tuple[str, int] = ("", 0)
        self._after, self._behind = "comp", "checker"
        self._split, self._zoom, self._shift = 0.5, 1.0, QtCore.QPointF()
        self._drag: str | None = None
        self._from = QtCore.QPointF()
        self._words: tuple[str, ...] = ()
        self._bad, self._checker = False, checkerboard(10)
        self.setMouseTracking(True)
        self.setFocusPolicy(QtCore.Qt.StrongFocus)
        self.setMinimumSize(200, 140)
        self.setSizePolicy(QtWidgets.QSizePolicy.Expanding, QtWidgets.QSizePolicy.Expanding)

    def show_preview(self, path: Path | None, words: tuple[str, ...] = (), bad: bool = False) -> None:
        """Show a frame's preview, or where there is none words: a title, and lines below it."""
        self._words, self._bad = words, bad
        try:
            key = (str(path), path.stat().st_mtime_ns) if path is not None else ("", 0)
        except OSError:
            key = ("", 0)
        if key != self._shown:
            self._shown = key
            image = images.read(Path(key[0])) if key[0] else QtGui.QImage()
            self._cut = QtGui.QPixmap.fromImage(image)
            self._plate = QtGui.QPixmap.fromImage(images.plate_of(image)) if not image.isNull() else self._cut
            self._matte = QtGui.QPixmap.fromImage(images.matte_of(image)) if not image.isNull() else self._cut
        self.update()

    def set_after(self, what: str) -> None:
        """What is right of the line: "comp", "matte", or "plate" (then there is no line)."""
        self._after = what
        self.update()

    def set_behind(self, what: str) -> None:
        """What is behind the cut-out: "checker", "black" or "green"."""
        self._behind = what
        self.update()

    def set_split(self, share: float) -> None:
        """Where the line is, 0…1 of the picture's width."""
        self._split = min(1.0, max(0.0, share))
        self.update()

    def split(self) -> float:
        """Where the line is."""
        return self._split

    def has_picture(self) -> bool:
        """Whether a frame is shown."""
        return not self._plate.isNull()

    def fit(self) -> None:
        """The whole picture, in the middle."""
        self._zoom, self._shift = 1.0, QtCore.QPointF()
        self.update()

    def frame_rect(self) -> QtCore.QRectF:
        """Where the picture is, in widget coordinates."""
        size = QtCore.QSizeF(self._plate.size())
        if size.isEmpty():
            return QtCore.QRectF()
        room = QtCore.QRectF(self.rect()).adjusted(12, 12, -12, -12)
        scale = min(room.width() / size.width(), room.height() / size.height()) * self._zoom
        rect = QtCore.QRectF(0, 0, size.width() * scale, size.height() * scale)
        rect.moveCenter(room.center() + self._shift)
        return rect

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802, ARG002 -- Qt's name
        """Qt calls this."""
        painter, theme = QtGui.QPainter(self), Theme(self)
        painter.setRenderHint(QtGui.QPainter.SmoothPixmapTransform)
        painter.setRenderHint(QtGui.QPainter.Antialiasing)
        painter.fillRect(self.rect(), QtGui.QColor(24, 24, 24))
        rect = self.frame_rect()
        if rect.isEmpty():
            self._paint_words(painter, theme)
            painter.end()
            return
        self._paint_picture(painter, rect)
        if self._after != "plate":
            self._paint_line(painter, rect, theme)
        painter.end()

    def words(self) -> str:
        """What is said where there is no picture."""
        return "\n".join(filter(None, self._words))

    def _paint_words(self, painter: QtGui.QPainter, theme: Theme) -> None:
        if not self._words:
            return
        title, body = self._words[0], "\n".join(filter(None, self._words[1:]))
        large = sized(self.font(), 4)
        large.setBold(True)
        wide = min(self.width() - 48, 460)
        wrap = QtCore.Qt.AlignLeft | QtCore.Qt.AlignTop | QtCore.Qt.TextWordWrap
        room = QtCore.QRect(0, 0, wide, 10_000)
        head = QtGui.QFontMetrics(large).boundingRect(room, int(wrap), title)
        lines = [
            (line, QtGui.QFontMetrics(self.font()).boundingRect(room, int(wrap), line))
            for line in body.splitlines()
        ]
        tall = head.height() + sum(box.height() + 6 for _line, box in lines) + (8 if lines else 0)
        broad = max(head.width(), *(box.width() for _line, box in lines)) if lines else head.width()
        left, top = (self.width() - broad) // 2, max(12, (self.height() - tall) // 2)
        painter.setFont(large)
        painter.setPen(theme.bad if self._bad else theme.text)
        painter.drawText(QtCore.QRect(left, top, wide, head.height()), int(wrap), title)
        painter.setFont(self.font())
        painter.setPen(theme.dim)
        top += head.height() + 8
        for line, box in lines:
            painter.drawText(QtCore.QRect(left, top, wide, box.height() + 4), int(wrap), line)
            top += box.height() + 6

    def _paint_picture(self, painter: QtGui.QPainter, rect: QtCore.QRectF) -> None:
        painter.drawPixmap(rect, self._plate, QtCore.QRectF(self._plate.rect()))
        if self._after == "plate":
            return
        right = QtCore.QRectF(rect)
        right.setLeft(rect.left() + rect.width() * self._split)
        painter.save()
        painter.setClipRect(right)
        if self._after == "matte":
            painter.drawPixmap(rect, self._matte, QtCore.QRectF(self._matte.rect()))
        else:
            backs = {"black": QtGui.QBrush(QtCore.Qt.black), "green": QtGui.QBrush(GREEN)}
            painter.setBrushOrigin(rect.topLeft())
            painter.fillRect(rect, backs.get(self._behind, self._checker))
            painter.drawPixmap(rect, self._cut, QtCore.QRectF(self._cut.rect()))
        painter.restore()

    def _paint_line(self, painter: QtGui.QPainter, rect: QtCore.QRectF, theme: Theme) -> None:
        x = rect.left() + rect.width() * self._split
        top, bottom = max(rect.top(), 0.0), min(rect.bottom(), float(self.height()))
        painter.setPen(QtGui.QPen(QtGui.QColor(0, 0, 0, 120), 3))
        painter.drawLine(QtCore.QPointF(x, top), QtCore.QPointF(x, bottom))
        painter.setPen(QtGui.QPen(QtGui.QColor(240, 240, 240), 1))
        painter.drawLine(QtCore.QPointF(x, top), QtCore.QPointF(x, bottom))
        middle = QtCore.QPointF(x, (top + bottom) / 2)
        painter.setBrush(theme.accent if self._drag == "line" else QtGui.QColor(240, 240, 240))
        painter.setPen(QtGui.QPen(QtGui.QColor(0, 0, 0, 140), 1))
        painter.drawEllipse(middle, _HANDLE / 2 + 1, _HANDLE / 2 + 1)
        painter.setPen(QtGui.QPen(QtGui.QColor(40, 40, 40), 1.4))
        for side in (-1, 1):
            tip = middle + QtCore.QPointF(side * 4.5, 0)
            for end in (-2.5, 2.5):
                painter.drawLine(tip, middle + QtCore.QPointF(side * 2.0, end))
        painter.setFont(small(self.font()))
        if x - rect.left() > 60:
            self._tag(painter, QtCore.QPointF(x - 10, top + 10), "PLATE", QtCore.Qt.AlignRight)
        if rect.right() - x > 60:
            self._tag(painter, QtCore.QPointF(x + 10, top + 10), self._after.upper(), QtCore.Qt.AlignLeft)

    @staticmethod
    def _tag(painter: QtGui.QPainter, at: QtCore.QPointF, text: str, side: QtCore.Qt.AlignmentFlag) -> None:
        width = painter.fontMetrics().horizontalAdvance(text) + 12
        left = at.x() - width if side == QtCore.Qt.AlignRight else at.x()
        box = QtCore.QRectF(left, at.y(), width, painter.fontMetrics().height() + 4)
        painter.setPen(QtCore.Qt.NoPen)
        painter.setBrush(QtGui.QColor(0, 0, 0, 130))
        painter.drawRoundedRect(box, 3, 3)
        painter.setPen(QtGui.QColor(235, 235, 235))
        painter.drawText(box, _CENTRE, text)

    def _near_line(self, at: QtCore.QPointF) -> bool:
        rect = self.frame_rect()
        if rect.isEmpty() or self._after == "plate":
            return False
        return abs(at.x() - rect.left() - rect.width() * self._split) <= _GRAB

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """Take hold of the line, or of the picture."""
        at = position(event)
        if event.button() == QtCore.Qt.LeftButton and self.has_picture() and self._after != "plate":
            self._drag = "line"
            self._move_line(at)
        elif event.button() == QtCore.Qt.MiddleButton:
            self._drag, self._from = "picture", at - self._shift

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """Drag."""
        at = position(event)
        if self._drag == "line":
            self._move_line(at)
        elif self._drag == "picture":
            self._shift = at - self._from
            self.update()
        else:
            shape = QtCore.Qt.SplitHCursor if self._near_line(at) else QtCore.Qt.ArrowCursor
            self.setCursor(shape)

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802, ARG002
        """Let go."""
        self._drag = None
        self.update()

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802, ARG002
        """Fit."""
        self.fit()
        self.set_split(0.5)

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:  # noqa: N802
        """Zoom at the pointer."""
        before = self.frame_rect()
        if before.isEmpty():
            return
        at = position(event)
        factor = 1.0015 ** event.angleDelta().y()
        zoom = min(_MOST_ZOOM, max(1.0, self._zoom * factor))
        share = zoom / self._zoom
        centre = before.center()
        self._shift += (at - centre) * (1 - share)
        self._zoom = zoom
        if zoom == 1.0:
            self._shift = QtCore.QPointF()
        self.update()

    def keyPressEvent(self, event: QtGui.QKeyEvent) -> None:  # noqa: N802
        """F fits; the arrows step."""
        steps = {QtCore.Qt.Key_Left: -1, QtCore.Qt.Key_Right: 1}
        if event.key() == QtCore.Qt.Key_F:
            self.fit()
        elif event.key() in steps:
            self.stepped.emit(steps[event.key()])
        else:
            super().keyPressEvent(event)

    def _move_line(self, at: QtCore.QPointF) -> None:
        rect = self.frame_rect()
        if not rect.isEmpty():
            self.set_split((at.x() - rect.left()) / rect.width())


_CENTRE = QtCore.Qt.AlignCenter
