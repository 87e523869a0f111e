"""The panel: bakes on the left; the chosen one on the right, before and after, with its frames and log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..bake.job import Job
from ..bake.session import Session
from .cards import Cards
from .images import Images
from .qt import QtCore, QtGui, QtWidgets
from .rows import Foot, Head, Views
from .strip import Strip, frames_of
from .theme import Theme, sheet, tabular
from .wipe import Wipe

_NARROW = 620
# Of a panel that has nothing to show: a title, and what to do.
EMPTY = (
    "No bakes yet",
    "1.  Select the Reads of the plates in the node graph.",
    "2.  Press Bake. Nuke stays yours while it works.",
    "3.  When it is done, connect the Copy that stands below the Read.",
)


@dataclass(frozen=True)
class Actions:
    """What the panel asks the host to do; None where it cannot, and the button is not there.

    Attributes
    ----------
    bake_selected : bake what is selected in the host, with this model and device.
    resume : go on with a bake (and keep its node told).
    build : make the nodes of a bake.
    submit : hand a bake to the farm.
    setup : show the wizard.
    """

    bake_selected: Callable[[str, str], None] | None = None
    resume: Callable[[Job], None] | None = None
    build: Callable[[Job], None] | None = None
    submit: Callable[[Job], str] | None = None
    setup: Callable[[], None] | None = None


class Panel(QtWidgets.QWidget):
    """The whole panel; docks anywhere, and stacks up where it is narrow.

    Parameters
    ----------
    session : whose bakes are shown.
    actions : see `Actions`.
    models, devices : what can be chosen.
    """

    def __init__(
        self,
        session: Session,
        actions: Actions | None = None,
        models: tuple[str, ...] = ("fast",),
        devices: tuple[str, ...] = ("auto", "cpu", "cuda"),
        parent: QtWidgets.QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.session, self.actions = session, actions or Actions()
        self._index, self._follow, self._logged = 0, True, (0, 0)
        self.images = Images(self)
        self.cards, self.wipe, self.strip = Cards(self.images), Wipe(), Strip(self.images)
        self.head, self.views, self.foot = self._rows(models, devices)
        self._lay_out()
        self.setStyleSheet(sheet(Theme(self)))
        self.cards.chosen.connect(self._choose)
        self.strip.chosen.connect(self._scrub)
        self.wipe.stepped.connect(lambda step: self._scrub(self._index + step))
        session.listeners.append(self._changed)
        self.destroyed.connect(_unlisten(session, self._changed))
        # For the time that is left, which passes while nothing happens.
        self._clock = QtCore.QTimer(self)
        self._clock.setInterval(1000)
        self._clock.timeout.connect(lambda: self.foot.show_job(self.job()))
        self._clock.start()
        self.refresh()

    def job(self) -> Job | None:
        """The bake that is shown."""
        return self.cards.current()

    def offer(self, models: tuple[str, ...], devices: tuple[str, ...]) -> None:
        """What is installed, now that it is known; what was chosen stays chosen."""
        self.head.offer(models, devices)

    def warn(self, words: str, tip: str) -> None:
        """Say on the set-up button that it wants to be pressed."""
        self.head.warn(words, tip)

    def refresh(self) -> None:
        """Show everything as it is now."""
        self.cards.show_jobs(self.session.jobs)
        if self.job() is None and self.session.jobs:
            self.cards.choose(self.session.jobs[-1])
        self._show_job()

    def _rows(self, models: tuple[str, ...], devices: tuple[str, ...]) -> tuple[Head, Views, Foot]:
        """The rows of controls; a button that the host gives nothing to do is not shown."""
        actions, head, foot = self.actions, Head(models, devices), Foot()
        for button, does, there in (
            (head.bake, self._bake_selected, actions.bake_selected is not None),
            (head.setup, lambda: actions.setup and actions.setup(), actions.setup is not None),
            (foot.open, self._open_folder, True),
            (foot.build, self._build_nodes, actions.build is not None),
            (foot.farm, self._submit, actions.submit is not None),
            (foot.stop, self._stop, True),
            (foot.resume, self._resume, True),
        ):
            button.clicked.connect(does)
            button.setVisible(there)
        views = Views(self.wipe.set_after, self.wipe.set_behind)
        views.follow.toggled.connect(self._set_follow)
        views.show_log.toggled.connect(self._toggle_log)
        return head, views, foot

    def _lay_out(self) -> None:
        outer = QtWidgets.QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        # Side by side it would refuse to become narrow enough to be stacked.
        outer.setSizeConstraint(QtWidgets.QLayout.SetNoConstraint)
        self.setMinimumSize(360, 320)
        outer.addLayout(self.head)
        self._halves = QtWidgets.QSplitter(QtCore.Qt.Horizontal)
        self._halves.setHandleWidth(1)
        self._halves.setChildrenCollapsible(False)
        self._halves.addWidget(self.cards)
        self._halves.addWidget(self._stage())
        self._halves.setStretchFactor(0, 0)
        self._halves.setStretchFactor(1, 1)
        self._halves.setSizes([236, 640])
        outer.addWidget(self._halves, 1)

    def _stage(self) -> QtWidgets.QWidget:
        stage = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(stage)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._lower = QtWidgets.QSplitter(QtCore.Qt.Vertical)
        self._lower.setHandleWidth(1)
        upper = QtWidgets.QWidget()
        inner = QtWidgets.QVBoxLayout(upper)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self.wipe, 1)
        inner.addLayout(self.views)
        inner.addWidget(self.strip)
        self.log = QtWidgets.QPlainTextEdit()
        self.log.setProperty("log", True)
        self.log.setReadOnly(True)
        self.log.setMaximumBlockCount(5000)
        self.log.setFont(tabular(self.font()))
        self.log.setLineWrapMode(QtWidgets.QPlainTextEdit.NoWrap)
        self.log.hide()
        self._lower.addWidget(upper)
        self._lower.addWidget(self.log)
        self._lower.setStretchFactor(0, 1)
        self._lower.setSizes([460, 120])
        column.addWidget(self._lower, 1)
        column.addLayout(self.foot)
        return stage

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802 -- Qt's name
        """In a narrow dock the list goes above the picture."""
        super().resizeEvent(event)
        narrow = self.width() < _NARROW
        self.foot.set_narrow(narrow)
        self.head.set_narrow(narrow)
        wanted = QtCore.Qt.Vertical if narrow else QtCore.Qt.Horizontal
        if self._halves.orientation() != wanted:
            self._halves.setOrientation(wanted)
            self._halves.setSizes([150, 460] if narrow else [236, 640])

    def _changed(self, job: Job) -> None:
        self.cards.show_jobs(self.session.jobs)
        if self.job() is None:
            self.cards.choose(job)
        if job is self.job():
            self._show_job()

    def _choose(self, _job: Job | None) -> None:
        self._logged, self._index = (0, 0), 0
        self.log.clear()
        self.views.follow.setChecked(True)
        self._show_job()

    def _show_job(self) -> None:
        job = self.job()
        if job is not None and self._follow and job.frames:
            frames = frames_of(job)
            last = job.last if job.last in job.frames else next(iter(job.frames))
            self._index = frames.index(last) if last in frames else 0
        self._show_frame()
        self.foot.show_job(self.job())
        self._refresh_log()

    def _show_frame(self) -> None:
        job = self.job()
        self.strip.show_job(job, self._index)
        if job is None:
            self.wipe.show_preview(None, EMPTY if self.actions.bake_selected else EMPTY[:1])
            return
        frame = frames_of(job)[self._index]
        name = "This frame" if frame is None else f"Frame {frame}"
        status = job.frames.get(frame)
        words: tuple[str, ...]
        if status in ("written", "skipped"):
            words = (f"{name} is done", "It has no preview; the matte is on disk.")
            self.wipe.show_preview(job.request.preview(frame), words)
        elif status == "failed":
            words = (f"{name} failed", job.problems.get(frame, ""), "Mend it, then Resume: the rest is kept.")
            self.wipe.show_preview(None, words, bad=True)
        elif job.state == "failed" and not job.frames:
            remedy = "Set-up, at the top, says what a bake needs." if self.actions.setup else ""
            self.wipe.show_preview(None, ("This bake did not start", job.message, remedy), bad=True)
        else:
            words = ("is waiting", "") if job.active else ("was not baked", "Resume does what is missing.")
            self.wipe.show_preview(None, (f"{name} {words[0]}", words[1]))

    def _refresh_log(self) -> None:
        job = self.job()
        if job is None:
            return
        number, shown = self._logged
        already = shown if number == job.number else 0
        if number != job.number:
            self.log.clear()
        fresh = job.log[max(0, already - job.dropped) :]
        if fresh:
            self.log.appendPlainText("\n".join(fresh))
        self._logged = (job.number, job.dropped + len(job.log))

    def _scrub(self, index: int) -> None:
        job = self.job()
        if job is not None:
            self._index = min(len(frames_of(job)) - 1, max(0, index))
            self.views.follow.setChecked(False)
            self._show_frame()

    def _set_follow(self, follow: bool) -> None:
        self._follow = follow
        if follow:
            self._show_job()

    def _toggle_log(self, shown: bool) -> None:
        self.log.setVisible(shown)

    def _bake_selected(self) -> None:
        if self.actions.bake_selected is not None:
            self.actions.bake_selected(self.head.model.currentText(), self.head.device.currentText())
            self.refresh()

    def _stop(self) -> None:
        job = self.job()
        if job is not None:
            self.session.cancel(job)

    def _resume(self) -> None:
        job = self.job()
        if job is not None:
            (self.actions.resume or self.session.resume)(job)

    def _build_nodes(self) -> None:
        job = self.job()
        if job is not None and self.actions.build is not None:
            self.actions.build(job)

    def _submit(self) -> None:
        job = self.job()
        if job is not None and self.actions.submit is not None:
            reply = self.actions.submit(job)
            if reply:
                job.say(reply)
                self.views.show_log.setChecked(True)
                self._refresh_log()

    def _open_folder(self) -> None:
        job = self.job()
        if job is not None:
            QtGui.QDesktopServices.openUrl(QtCore.QUrl.fromLocalFile(str(job.request.folder)))


def _unlisten(session: Session, listener: Callable[[Job], None]) -> Callable[..., None]:
    """The session outlives its panels; a closed one is told no more."""

    def take_away(*_ignored: object) -> None:
        if listener in session.listeners:
            session.listeners.remove(listener)

    return take_away
