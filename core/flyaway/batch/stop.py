"""How a run is asked to end: finish the frame in hand, leave a job that can be resumed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signals(told: Callable[[int], None] | None = None) -> Iterator[Callable[[], bool]]:
    """Within it, the first SIGTERM or SIGINT makes the yielded function say True; a second one interrupts.

    `told` is called at once, in the handler, with how many there were so far; the frames in hand go on.

    For the command line; a host application keeps its own handlers, and hands its own function to the run.
    """
    asked = threading.Event()
    times = 0

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal times
        times += 1
        asked.set()
        if told is not None:
            told(times)
        if times > 1:
            raise KeyboardInterrupt

    # On Windows a host cannot send SIGTERM; Ctrl-Break is what reaches a process group.
    numbers = (signal.SIGTERM, signal.SIGINT, getattr(signal, "SIGBREAK", signal.SIGTERM))
    before = {number: signal.signal(number, handle) for number in dict.fromkeys(numbers)}
    try:
        yield asked.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
