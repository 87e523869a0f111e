"""The panel's three rows of controls: what bakes, how the picture is shown, and what is done with a bake."""

from __future__ import annotations

from collections.abc import Callable

from ..bake.job import Job
from ..bake.ranges import format_range
from .qt import QtWidgets
from .theme import GAP, Line, mark
from .widgets import button, link, segments


class Head(QtWidgets.QHBoxLayout):
    """At the top: bake, with which model, on which device.

    Parameters
    ----------
    models, devices : what can be chosen.
    """

    def __init__(self, models: tuple[str, ...], devices: tuple[str, ...]) -> None:
        super().__init__()
        self.setContentsMargins(GAP, GAP - 2, GAP, GAP - 2)
        self.setSpacing(GAP)
        self.bake = button(
            "Bake selected", "Bake the Reads or FlyawayBake nodes that are selected", primary=True
        )
        self.bake.setSizePolicy(QtWidgets.QSizePolicy.Minimum, QtWidgets.QSizePolicy.Fixed)
        self._labels: list[QtWidgets.QLabel] = []
        self.model, self.device = QtWidgets.QComboBox(), QtWidgets.QComboBox()
        self.model.addItems(list(models))
        self.device.addItems(list(devices))
        self.model.setToolTip("Which weights new bakes use")
        self.device.setToolTip(
            "auto takes a GPU where there is one; a device that is named is used, or it is an error"
        )
        self.addWidget(self.bake)
        for text, box in (("model", self.model), ("device", self.device)):
            label = QtWidgets.QLabel(text)
            label.setProperty("dim", True)
            self._labels.append(label)
            self.addSpacing(4)
            self.addWidget(label)
            self.addWidget(box)
        self.addStretch(1)
        self.setup = link("Set-up", "Is Flyaway's own program there, and does it run?")
        self.addWidget(self.setup)

    def offer(self, models: tuple[str, ...], devices: tuple[str, ...]) -> None:
        """What is installed, now that it is known; what was chosen stays chosen."""
        for box, names in ((self.model, models), (self.device, ("auto", *devices))):
            chosen = box.currentText()
            box.clear()
            box.addItems(list(names))
            box.setCurrentIndex(max(0, box.findText(chosen)))

    def warn(self, words: str, tip: str) -> None:
        """Say on the set-up button that it wants to be pressed."""
        self.setup.setText(words)
        self.setup.setToolTip(tip)
        mark(self.setup, "warn", True)

    def set_narrow(self, narrow: bool) -> None:
        """Leave out what the boxes' tool tips say, too."""
        for label in self._labels:
            label.setVisible(not narrow)
        self.bake.setText("Bake" if narrow else "Bake selected")


class Views(QtWidgets.QHBoxLayout):
    """Under the picture: what of it is shown, on what, and whether it follows the bake.

    Parameters
    ----------
    set_after, set_behind : what is called with the view and with the background that were chosen.
    """

    def __init__(self, set_after: Callable[[str], None], set_behind: Callable[[str], None]) -> None:
        super().__init__()
        self.setContentsMargins(GAP, 6, GAP, 6)
        self.setSpacing(0)
        self.views = segments(self, (("Comp", "comp"), ("Matte", "matte"), ("Plate", "plate")), set_after)
        self.addSpacing(GAP * 2)
        self.backs = segments(self, (("", "checker"), ("", "black"), ("", "green")), set_behind)
        self.addStretch(1)
        self.follow = link("Follow", "Show each frame as it is done", checkable=True)
        self.follow.setChecked(True)
        self.show_log = link("Log", "What the program says", checkable=True)
        self.addWidget(self.follow)
        self.addWidget(self.show_log)


class Foot(QtWidgets.QBoxLayout):
    """At the bottom: how far a bake is, and what can be done with it."""

    def __init__(self) -> None:
        super().__init__(QtWidgets.QBoxLayout.LeftToRight)
        self.setContentsMargins(GAP, GAP - 2, GAP, GAP - 2)
        self.setSpacing(6)
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(6)
        self.words = Line()
        self.addWidget(self.words, 1)
        self.open = button("Open folder", "Show the mattes in the file browser")
        self.build = button("Build nodes", "Make the Read and the Copy from what is on disk")
        self.farm = button("Submit to farm", "Hand this bake to the render manager of the preferences")
        self.stop = button("Stop", "Stop after the frame in hand; pressed twice, at once")
        self.resume = button("Resume", "Do the frames that are missing; the others are kept")
        for each in (self.open, self.build, self.farm, self.stop, self.resume):
            row.addWidget(each)
        row.insertStretch(0, 0)
        self.addLayout(row)

    def set_narrow(self, narrow: bool) -> None:
        """The buttons below the words, or beside them."""
        self.setDirection(QtWidgets.QBoxLayout.TopToBottom if narrow else QtWidgets.QBoxLayout.LeftToRight)

    def show_job(self, job: Job | None) -> None:
        """What holds for this bake, now."""
        self.words.say(_summary(job) if job else "")
        self.stop.setVisible(job is not None and job.active)
        self.stop.setText("Stop now" if job is not None and job.state == "stopping" else "Stop")
        self.resume.setVisible(job is not None and not job.active)
        self.resume.setText("Bake again" if job is not None and job.state == "done" else "Resume")
        for each in (self.open, self.build, self.farm):
            each.setEnabled(job is not None)
        self.build.setEnabled(job is not None and job.finished > 0)


def _summary(job: Job) -> str:
    """One line: how far, how fast, how long still; or how it ended."""
    if job.state == "running":
        left = job.remaining()
        pace = [f"{len(job.frames)} of {job.total}"]
        if job.failed:
            pace.append(f"{job.failed} failed")
        if left is None:
            pace.append("loading the model")
        elif left > 0:
            pace.append(f"about {_duration(left)} left")
        return "   ·   ".join(pace)
    if job.state == "queued":
        return f"waiting for its turn: {format_range(job.request.frames, ' ') or 'a still'}"
    return job.message or job.state


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
