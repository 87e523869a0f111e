"""The wizard: is our program there, does it run, are weights and a device there; and what to do if not."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from ..bake.diagnosis import Check, Diagnosis, diagnose
from ..bake.errors import BakeError
from ..bake.preferences import write_preference
from .qt import QtCore, QtGui, QtWidgets
from .theme import GAP, Theme, mark, sheet, sized, tabular


class Setup(QtWidgets.QDialog):
    """The checks, each with its remedy; runs them off the main thread.

    Parameters
    ----------
    host : the host's own folder.
    ask : makes the diagnosis; takes some seconds.
    """

    finished_check = QtCore.Signal(object)

    def __init__(
        self,
        host: str | None = None,
        ask: Callable[[], Diagnosis] | None = None,
        parent: QtWidgets.QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._ask = ask or (lambda: diagnose(os.environ, host))
        self._found: Diagnosis | None = None
        self._running: threading.Thread | None = None
        self.setWindowTitle("Flyaway: set-up")
        self.setMinimumWidth(560)
        self.setStyleSheet(sheet(Theme(self)))
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        column.setSpacing(GAP)
        self.head = QtWidgets.QLabel()
        font = sized(self.font(), 4)
        font.setBold(True)
        self.head.setFont(font)
        column.addWidget(self.head)
        words = QtWidgets.QLabel(
            "Flyaway works beside Nuke, in a Python environment of its own. Nothing is installed into Nuke."
        )
        words.setProperty("dim", True)
        words.setWordWrap(True)
        column.addWidget(words)
        column.addSpacing(GAP)
        self.rows = QtWidgets.QVBoxLayout()
        self.rows.setSpacing(GAP)
        column.addLayout(self.rows)
        column.addStretch(1)
        column.addLayout(self._buttons())
        self.finished_check.connect(self._show)
        self.again()

    def again(self) -> None:
        """Check anew."""
        if self._running is not None and self._running.is_alive():
            return
        self.head.setText("Looking…")
        self.retry.setEnabled(False)
        self._running = threading.Thread(target=self._look, name="flyaway-setup", daemon=True)
        self._running.start()

    def wait(self) -> None:
        """Until the check is made; its result is shown by the event loop."""
        if self._running is not None:
            self._running.join()

    def _look(self) -> None:
        try:
            found = self._ask()
        except BakeError as error:
            found = Diagnosis((Check("Program", "bad", str(error)),))
        # A signal crosses to the main thread by itself; the dialog may be gone by then.
        try:
            self.finished_check.emit(found)
        except RuntimeError:
            return

    def _show(self, found: Diagnosis) -> None:
        self._found = found
        self.retry.setEnabled(True)
        self.head.setText("Ready to bake" if found.ready else "Something is missing")
        for button, next_step in ((self.leave, found.ready), (self.retry, not found.ready)):
            button.setDefault(next_step)
            mark(button, "primary", next_step)
        colour = Theme(self).of_state("good" if found.ready else "bad")
        self.head.setStyleSheet(f"color: {colour.name()}")
        while self.rows.count():
            widget = self.rows.takeAt(0).widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for check in found.checks:
            self.rows.addWidget(_Row(check, self))

    def _buttons(self) -> QtWidgets.QHBoxLayout:
        row = QtWidgets.QHBoxLayout()
        choose = QtWidgets.QPushButton("Choose program…")
        choose.clicked.connect(self._choose)
        copy = QtWidgets.QPushButton("Copy report")
        copy.clicked.connect(self._copy)
        self.retry = QtWidgets.QPushButton("Check again")
        self.retry.clicked.connect(self.again)
        self.leave = QtWidgets.QPushButton("Close")
        self.leave.clicked.connect(self.close)
        row.addWidget(choose)
        row.addWidget(copy)
        row.addStretch(1)
        row.addWidget(self.retry)
        row.addWidget(self.leave)
        return row

    def _choose(self) -> None:
        path, _filter = QtWidgets.QFileDialog.getOpenFileName(
            self, "Flyaway's program, or the Python it is in"
        )
        if path:
            self.take(path)

    def take(self, path: str) -> None:
        """Remember this program, and check it."""
        try:
            write_preference("cli", path)
        except BakeError as error:
            self.head.setText(str(error))
            return
        self.again()

    def _copy(self) -> None:
        if self._found is not None:
            QtWidgets.QApplication.clipboard().setText(self._found.text())


class _Row(QtWidgets.QWidget):
    """One check: a dot, what was found, and the remedy in a box that can be copied from."""

    def __init__(self, check: Check, parent: QtWidgets.QWidget) -> None:
        super().__init__(parent)
        theme = Theme(parent)
        grid = QtWidgets.QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GAP + 2)
        grid.setVerticalSpacing(4)
        grid.addWidget(_Dot(theme.of_state(check.state)), 0, 0, QtCore.Qt.AlignTop)
        name = QtWidgets.QLabel(f"<b>{check.name}</b>")
        name.setFixedWidth(70)
        grid.addWidget(name, 0, 1, QtCore.Qt.AlignTop)
        text = QtWidgets.QLabel(check.text)
        text.setWordWrap(True)
        text.setTextFormat(QtCore.Qt.PlainText)
        text.setTextInteractionFlags(QtCore.Qt.TextSelectableByMouse)
        text.setProperty("dim", check.state == "open")
        grid.addWidget(text, 0, 2, QtCore.Qt.AlignTop)
        grid.setColumnStretch(2, 1)
        if check.remedy:
            box = QtWidgets.QPlainTextEdit(check.remedy)
            box.setProperty("commands", True)
            box.setReadOnly(True)
            box.setFont(tabular(self.font()))
            lines = check.remedy.count("\n") + 2
            box.setFixedHeight(box.fontMetrics().lineSpacing() * lines + 12)
            box.setLineWrapMode(QtWidgets.QPlainTextEdit.NoWrap)
            grid.addWidget(box, 1, 2)


class _Dot(QtWidgets.QWidget):
    """A state's colour."""

    def __init__(self, colour: QtGui.QColor) -> None:
        super().__init__()
        self._colour = colour
        self.setFixedSize(12, 18)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802, ARG002 -- Qt's name
        """Qt calls this."""
        painter = QtGui.QPainter(self)
        painter.setRenderHint(QtGui.QPainter.Antialiasing)
        painter.setPen(QtCore.Qt.NoPen)
        painter.setBrush(self._colour)
        painter.drawEllipse(QtCore.QRectF(1, 4, 10, 10))
        painter.end()


_open: list[Setup] = []


def show_setup(host: str | None = None) -> None:
    """Show the wizard beside the host's windows; it stops nothing."""
    dialog = Setup(host, parent=QtWidgets.QApplication.activeWindow())
    _open[:] = [dialog]
    dialog.show()
