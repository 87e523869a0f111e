"""What is known of the shot that is being run: for a bar, for a log's summary, for who presses Ctrl-C."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from flyaway.batch import FrameResult, FrameTask
from flyaway.cli.notes import Notes, label


class ShotSoFar:
    """One shot, from its first frame on.

    Parameters
    ----------
    tasks : its frames, in the order they are done.
    name, model, device : as people call them.
    """

    def __init__(self, tasks: Sequence[FrameTask], name: str, model: str, device: str) -> None:
        self.tasks, self.name, self.model, self.device = tasks, name, model, device
        self._counts = Counter[str]()
        self._notes = Notes()
        # The clock runs from the first frame that is no longer skipped: those say nothing about the rate.
        self._since = self._last = time.monotonic()
        self._seconds = 0.0

    def add(self, result: FrameResult) -> list[str]:
        """Count a frame; returns those of its notes whose kind was not told yet."""
        self._counts[result.status] += 1
        self._last = time.monotonic()
        if result.status == "written":
            self._seconds += sum(result.seconds.values())
        elif not self._counts["written"]:
            self._since = self._last
        return self._notes.add(result.task, result.notes)

    def rate(self) -> str:
        """How fast frames are written, in words; "" as long as none is."""
        written, seconds = self._counts["written"], self._last - self._since
        if not written or seconds <= 0:
            return ""
        return (
            f"{seconds / written:.1f} s/frame" if seconds > written else f"{written / seconds:.1f} frames/s"
        )

    def in_hand(self) -> str:
        """What has to be waited for before the run can end."""
        done, written = self._counts.total(), self._counts["written"]
        if done >= len(self.tasks):
            return f"{self.name} is done, its journal is closed"
        about = f", about {self._seconds / written:.0f} s" if written else ""
        return (
            f"frame {label(self.tasks[done])} of {self.name}, and what is in hand beside it, is matted,"
            f" written and proven first{about}"
        )

    def summary(self, *, one_of_several: bool) -> list[str]:
        """Lines for the end: counts and rate, where a job goes on or sums up; then notes that several had."""
        counts = [
            f"{self._counts[kind]} {kind}" for kind in ("written", "skipped", "failed") if self._counts[kind]
        ]
        rate = self.rate()
        how = f" ({self.model} on {self.device}{f', {rate}' if rate else ''})"
        lines = [", ".join(counts or ["nothing done"]) + how] if one_of_several else []
        return [f"{self.name}: {line}" for line in (*lines, *self._notes.folded())]


def shorter(name: str, most: int) -> str:
    """A name with its middle left out where it is longer than `most`."""
    keep = (most - 1) // 2
    return name if len(name) <= most else f"{name[: most - 1 - keep]}…{name[-keep:]}"
