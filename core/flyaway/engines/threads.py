"""How many CPU threads an engine may be given."""

from __future__ import annotations

from flyaway.chosen import as_whole
from flyaway.errors import EngineError
from flyaway.machine import cores


def most_threads() -> int:
    """The most CPU threads that an engine is given.

    Each takes memory and time as the model is loaded: hundreds on a machine of few cores take it a minute,
    more than the system can have end it. More than there are cores are no quicker; what a job file asks for
    that was written on a large workstation runs on any.
    """
    return max(256, 4 * cores())


def checked_threads(threads: int | None) -> int | None:
    """A number of CPU threads as Python's own; EngineError unless it is from 1 to `most_threads()`."""
    if threads is None:
        return None
    count = as_whole(threads)
    if count is None or count < 1:
        raise EngineError(f"{threads!r} threads cannot run anything: give a whole number from 1 up, or None")
    if count > most_threads():
        raise EngineError(
            f"{count} threads are more than this machine has use for: give at most {most_threads()}; it has"
            f" {cores()} cores, and the engine chooses well where nothing is said (--threads)"
        )
    return count
