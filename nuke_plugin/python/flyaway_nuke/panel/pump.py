"""The timer that moves a session on in the host's main thread, whether a panel is open or not."""

from __future__ import annotations

from ..bake.session import Session
from .qt import QtCore, QtWidgets

_EVERY = 100  # milliseconds
_timers: dict[int, QtCore.QTimer] = {}


def start(session: Session) -> None:
    """Let the session go on by itself; it costs nothing while there is nothing to do."""
    timer = _timers.get(id(session))
    if timer is None:
        timer = QtCore.QTimer(QtWidgets.QApplication.instance())
        timer.setInterval(_EVERY)
        timer.timeout.connect(lambda: _tick(session))
        _timers[id(session)] = timer
    if not timer.isActive():
        timer.start()


def _tick(session: Session) -> None:
    if not session.tick():
        _timers[id(session)].stop()
