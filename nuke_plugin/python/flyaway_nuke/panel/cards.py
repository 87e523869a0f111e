"""The list of bakes: a card each, with its picture, its name, how far it is, and how it ended."""

from __future__ import annotations

from ..bake.job import Job
from ..bake.ranges import format_range
from .images import Images
from .qt import QtCore, QtGui, QtWidgets
from .strip import frames_of
from .theme import Theme, checkerboard, small

_HEIGHT = 74
_PICTURE = QtCore.QSize(78, 52)
_JOB = QtCore.Qt.UserRole + 1


class Cards(QtWidgets.QListView):
    """The sequences; `chosen` carries the job that was clicked."""

    chosen = QtCore.Signal(object)

    def __init__(self, images: Images, parent: QtWidgets.QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("cards", True)
        self._model = QtGui.QStandardItemModel(self)
        self.setModel(self._model)
        self.setItemDelegate(_Painter(images, self))
        self.setVerticalScrollMode(QtWidgets.QAbstractItemView.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(QtCore.Qt.ScrollBarAlwaysOff)
        self.setEditTriggers(QtWidgets.QAbstractItemView.NoEditTriggers)
        self.setMinimumWidth(190)
        self.selectionModel().currentChanged.connect(self._changed)
        images.arrived.connect(self.viewport().update)

    def show_jobs(self, jobs: list[Job]) -> None:
        """Show these, and keep what was chosen."""
        if [self._job(row) for row in range(self._model.rowCount())] != jobs:
            here = self.current()
            self._model.clear()
            for job in jobs:
                item = QtGui.QStandardItem(job.request.title)
                item.setData(job, _JOB)
                self._model.appendRow(item)
            if here in jobs:
                self.choose(here)
        self.viewport().update()

    def current(self) -> Job | None:
        """The chosen one."""
        index = self.currentIndex()
        return index.data(_JOB) if index.isValid() else None

    def choose(self, job: Job | None) -> None:
        """Choose one."""
        for row in range(self._model.rowCount()):
            if self._job(row) is job:
                self.setCurrentIndex(self._model.index(row, 0))
                self.scrollTo(self._model.index(row, 0))

    def _job(self, row: int) -> Job:
        job: Job = self._model.index(row, 0).data(_JOB)
        return job

    def _changed(self, index: QtCore.QModelIndex, _before: QtCore.QModelIndex) -> None:
        self.chosen.emit(index.data(_JOB) if index.isValid() else None)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802 -- Qt's name
        """Words where there is nothing yet."""
        super().paintEvent(event)
        if self._model.rowCount() == 0:
            painter, theme = QtGui.QPainter(self.viewport()), Theme(self)
            painter.setPen(theme.dim)
            room = self.viewport().rect().adjusted(24, 0, -24, 0)
            painter.drawText(room, QtCore.Qt.AlignCenter | QtCore.Qt.TextWordWrap, "Bakes are listed here.")
            painter.end()

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802
        """What is chosen stays in sight."""
        super().resizeEvent(event)
        if self.currentIndex().isValid():
            self.scrollTo(self.currentIndex())


class _Painter(QtWidgets.QStyledItemDelegate):
    """Paints a card."""

    def __init__(self, images: Images, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        self._images, self._checker = images, checkerboard(5)

    def sizeHint(self, option: QtWidgets.QStyleOptionViewItem, index: QtCore.QModelIndex) -> QtCore.QSize:  # noqa: N802, ARG002
        """Qt calls this."""
        return QtCore.QSize(190, _HEIGHT)

    def paint(
        self,
        painter: QtGui.QPainter,
        option: QtWidgets.QStyleOptionViewItem,
        index: QtCore.QModelIndex,
    ) -> None:
        """Qt calls this."""
        job: Job = index.data(_JOB)
        theme = Theme(option.widget)
        card = QtCore.QRectF(option.rect)
        painter.save()
        painter.setRenderHint(QtGui.QPainter.SmoothPixmapTransform)
        if option.state & QtWidgets.QStyle.State_Selected:
            painter.fillRect(card, theme.raised)
            painter.fillRect(QtCore.QRectF(card.left(), card.top(), 3, card.height() - 1), theme.accent)
        painter.fillRect(QtCore.QRectF(card.left(), card.bottom() - 1, card.width(), 1), theme.line)
        picture = QtCore.QRectF(card.left() + 11, card.top() + 10, _PICTURE.width(), _PICTURE.height())
        self._paint_picture(painter, theme, job, picture)
        words = QtCore.QRectF(picture.right() + 10, card.top() + 8, 0, card.height() - 16)
        words.setRight(card.right() - 10)
        self._paint_words(painter, theme, job, words, option.font)
        painter.restore()

    def _paint_picture(self, painter: QtGui.QPainter, theme: Theme, job: Job, rect: QtCore.QRectF) -> None:
        painter.fillRect(rect, theme.line)
        done = [frame for frame in frames_of(job) if job.frames.get(frame) in ("written", "skipped")]
        picture = None
        if done:
            picture = self._images.thumbnail(job.request.preview(done[len(done) // 2]), _PICTURE.height())
        if picture is None:
            painter.setPen(theme.dim)
            painter.drawText(rect, QtCore.Qt.AlignCenter, "…" if job.active else "–")
            return
        painter.save()
        painter.setClipRect(rect)
        scale = max(rect.width() / picture.width(), rect.height() / picture.height())
        whole = QtCore.QRectF(0, 0, picture.width() * scale, picture.height() * scale)
        whole.moveCenter(rect.center())
        painter.fillRect(rect, self._checker)
        painter.drawPixmap(whole, picture, QtCore.QRectF(picture.rect()))
        painter.restore()

    def _paint_words(
        self, painter: QtGui.QPainter, theme: Theme, job: Job, rect: QtCore.QRectF, font: QtGui.QFont
    ) -> None:
        bold = QtGui.QFont(font)
        bold.setBold(True)
        painter.setFont(bold)
        painter.setPen(theme.text)
        line = painter.fontMetrics().height() + 2
        title = painter.fontMetrics().elidedText(job.request.title, QtCore.Qt.ElideMiddle, int(rect.width()))
        painter.drawText(QtCore.QRectF(rect.left(), rect.top(), rect.width(), line), _LEFT, title)
        painter.setFont(small(font))
        painter.setPen(theme.dim)
        what = format_range(job.request.frames, " ") or "still"
        detail = painter.fontMetrics().elidedText(
            f"{what}  ·  {job.request.settings.model}", QtCore.Qt.ElideRight, int(rect.width())
        )
        painter.drawText(QtCore.QRectF(rect.left(), rect.top() + line, rect.width(), line), _LEFT, detail)
        foot = QtCore.QRectF(rect.left(), rect.bottom() - 19, rect.width(), 14)
        counter = f"{job.finished}/{job.total}"
        painter.drawText(foot, QtCore.Qt.AlignRight | QtCore.Qt.AlignVCenter, counter)
        painter.setPen(theme.of_state(job.state) if job.state != "queued" else theme.dim)
        state = _STATES.get(job.state, job.state)
        if job.state == "failed" and job.failed:
            state = f"{job.failed} frame{'s' if job.failed > 1 else ''} failed"
        painter.drawText(foot, _LEFT, state)
        bar = QtCore.QRectF(rect.left(), rect.bottom() - 3, rect.width(), 3)
        painter.fillRect(bar, theme.line)
        good = bar.width() * job.finished / job.total
        painter.fillRect(
            QtCore.QRectF(bar.left(), bar.top(), good, 3), theme.of_state(_BARS.get(job.state, ""))
        )
        bad = bar.width() * job.failed / job.total
        painter.fillRect(QtCore.QRectF(bar.left() + good, bar.top(), bad, 3), theme.bad)


_LEFT = QtCore.Qt.AlignLeft | QtCore.Qt.AlignVCenter
_STATES = {
    "queued": "waiting",
    "running": "baking",
    "stopping": "stopping…",
    "done": "done",
    "cancelled": "stopped",
    "failed": "failed",
}
_BARS = {
    "running": "running",
    "stopping": "stopping",
    "done": "done",
    "failed": "done",
    "cancelled": "skipped",
}
