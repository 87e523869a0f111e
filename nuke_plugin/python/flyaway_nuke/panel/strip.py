"""All frames of a bake in one strip: thumbnails above, below them a tick for each frame and its state."""

from __future__ import annotations

import math

from ..bake.job import Job
from .images import Images
from .qt import QtCore, QtGui, QtWidgets, position
from .theme import Theme, checkerboard, small

_PICTURES = 54
_TICKS = 12
_LABELS = 16


class Strip(QtWidgets.QWidget):
    """Scrub to look at a frame; red ticks are frames that failed."""

    chosen = QtCore.Signal(int)

    def __init__(self, images: Images, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self._images = images
        self._job: Job | None = None
        self._index = 0
        self._checker = checkerboard(5)
        images.arrived.connect(self.update)
        self.setFixedHeight(_PICTURES + _TICKS + _LABELS + 8)
        self.setMouseTracking(True)
        self.setCursor(QtCore.Qt.PointingHandCursor)

    def show_job(self, job: Job | None, index: int) -> None:
        """Show a bake, with the frame of this index marked."""
        self._job, self._index = job, index
        self.update()

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802, ARG002 -- Qt's name
        """Qt calls this."""
        painter, theme = QtGui.QPainter(self), Theme(self)
        painter.setRenderHint(QtGui.QPainter.SmoothPixmapTransform)
        painter.fillRect(self.rect(), theme.sunken)
        if self._job is None:
            return
        frames = frames_of(self._job)
        self._paint_pictures(painter, theme, self._job, frames)
        self._paint_ticks(painter, theme, self._job, frames)
        self._paint_mark(painter, theme, frames)
        painter.end()

    def index_at(self, x: float) -> int:
        """The frame's index below the pointer."""
        count = len(frames_of(self._job)) if self._job else 1
        return min(count - 1, max(0, int((x - 4) / max(1, self.width() - 8) * count)))

    def _paint_pictures(
        self, painter: QtGui.QPainter, theme: Theme, job: Job, frames: list[int | None]
    ) -> None:
        row = QtCore.QRectF(4, 4, self.width() - 8, _PICTURES)
        # As many as have room beside one another, evenly spread over the whole range.
        wide = self._cell_width(job, frames)
        # No wider than the picture is, so that it is cut at the sides and never at the head.
        count = max(1, min(len(frames), math.ceil(row.width() / wide)))
        step = row.width() / count
        for place in range(count):
            cell = QtCore.QRectF(row.left() + place * step, row.top(), step - 2, row.height())
            first, last = place * len(frames) // count, max(0, (place + 1) * len(frames) // count - 1)
            painter.fillRect(cell, theme.window)
            shown = next(
                (
                    frames[index]
                    for index in range(first, last + 1)
                    if job.frames.get(frames[index]) in ("written", "skipped")
                ),
                False,
            )
            if shown is False:
                continue
            picture = self._images.thumbnail(job.request.preview(shown), _PICTURES)
            if picture is not None:
                self._paint_cell(painter, cell, picture)

    def _paint_cell(self, painter: QtGui.QPainter, cell: QtCore.QRectF, picture: QtGui.QPixmap) -> None:
        painter.save()
        painter.setClipRect(cell)
        # Filled like a film's frame: the middle of the picture, cut at the sides.
        scale = max(cell.width() / picture.width(), cell.height() / picture.height())
        rect = QtCore.QRectF(0, 0, picture.width() * scale, picture.height() * scale)
        rect.moveCenter(cell.center())
        painter.setBrushOrigin(cell.topLeft())
        painter.fillRect(cell, self._checker)
        painter.drawPixmap(rect, picture, QtCore.QRectF(picture.rect()))
        painter.restore()

    def _cell_width(self, job: Job, frames: list[int | None]) -> float:
        for frame in frames:
            if job.frames.get(frame) in ("written", "skipped"):
                picture = self._images.thumbnail(job.request.preview(frame), _PICTURES)
                if picture is not None:
                    return max(36.0, min(120.0, picture.width() / picture.height() * _PICTURES))
        return 84.0

    def _paint_ticks(self, painter: QtGui.QPainter, theme: Theme, job: Job, frames: list[int | None]) -> None:
        row = QtCore.QRectF(4, 4 + _PICTURES + 2, self.width() - 8, _TICKS)
        painter.fillRect(row, theme.window)
        step = row.width() / len(frames)
        gap = 1.0 if step >= 4 else 0.0
        # Good ones first: a single failure among ten thousand must not be painted over.
        for failed in (False, True):
            for index, frame in enumerate(frames):
                status = job.frames.get(frame)
                if status is None or (status == "failed") != failed:
                    continue
                width = max(2.0 if failed else step - gap, step - gap)
                tick = QtCore.QRectF(row.left() + index * step, row.top(), width, row.height())
                painter.fillRect(tick, theme.of_state(status))

    def _paint_mark(self, painter: QtGui.QPainter, theme: Theme, frames: list[int | None]) -> None:
        step = (self.width() - 8) / len(frames)
        index = min(self._index, len(frames) - 1)
        x = 4 + (index + 0.5) * step
        painter.setPen(QtGui.QPen(theme.text, 1))
        painter.drawLine(QtCore.QPointF(x, 4), QtCore.QPointF(x, 6 + _PICTURES + _TICKS))
        painter.setFont(small(self.font()))
        metrics = painter.fontMetrics()
        base = 4 + _PICTURES + 2 + _TICKS + metrics.ascent() + 2
        ends = [(4.0, frames[0]), (float(self.width()), frames[-1])]
        here = "" if frames[index] is None else str(frames[index])
        half = metrics.horizontalAdvance(here) / 2
        left = min(max(4.0, x - half), self.width() - 4 - 2 * half)
        painter.setPen(theme.dim)
        for place, frame in ends:
            text = "" if frame is None else str(frame)
            width = metrics.horizontalAdvance(text)
            at = place if place == 4.0 else place - 4 - width
            if at + width + 6 < left or at > left + 2 * half + 6:
                painter.drawText(QtCore.QPointF(at, base), text)
        painter.setPen(theme.text)
        painter.drawText(QtCore.QPointF(left, base), here)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """Choose a frame."""
        if self._job is not None:
            self.chosen.emit(self.index_at(position(event).x()))

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        """Scrub, or say what is below the pointer."""
        if self._job is None:
            return
        index = self.index_at(position(event).x())
        if event.buttons() & QtCore.Qt.LeftButton:
            self.chosen.emit(index)
        frame = frames_of(self._job)[index]
        name = "the frame" if frame is None else f"frame {frame}"
        status = self._job.problems.get(frame) or self._job.frames.get(frame, "not done yet")
        self.setToolTip(f"{name}: {status}")


def frames_of(job: Job) -> list[int | None]:
    """All frames that are asked for; [None] for a still."""
    return list(job.request.frames) or [None]
