"""A run that a host started ends with that host, however it died: its standard input closes then.

Only where the host asks for it, by an environment variable, which older releases and wrappers between
them pass over in silence; a farm's or a shell's standard input says nothing of the kind.
"""

from __future__ import annotations

import _thread
import os
import signal
import stat
import threading
from collections.abc import Mapping

VARIABLE = "FLYAWAY_ENDS_WITH_STDIN"
_STDIN = 0


def end_with_stdin(environ: Mapping[str, str] = os.environ) -> None:
    """Where `VARIABLE` is set: once standard input is at its end, do as for SIGTERM. In a thread.

    A standard input that is no pipe was never held by anyone: a wrapper put it there.
    """
    if not environ.get(VARIABLE):
        return
    try:
        held = stat.S_ISFIFO(os.fstat(_STDIN).st_mode)
    except OSError:  # closed
        held = False
    if held:
        threading.Thread(target=_watch, name="flyaway-parent", daemon=True).start()


def _watch() -> None:
    try:
        while os.read(_STDIN, 4096):
            pass
    except OSError:
        return
    if os.name == "nt":
        # A signal that is sent there ends a process without a word; this calls its handler.
        _thread.interrupt_main(signal.SIGTERM)
    else:
        # To the main thread, so that what it waits for is interrupted.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)
