"""Places of a shot as the plates that are there now make them, for any of a run's threads."""

from __future__ import annotations

import threading
from collections.abc import Callable

from flyaway.shot_place import Place, beginning

Mark = Callable[[int], str]
_BYTES = 8  # of a place's digest


class Chain:
    """The place before any frame of a shot; each plate is looked at once.

    Eight bytes a frame are kept, since a shot may have a hundred thousand.

    Parameters
    ----------
    mark : what a frame's plate is now.
    """

    def __init__(self, mark: Mark) -> None:
        self._mark, self._lock = mark, threading.Lock()
        self._digests: dict[int, bytearray] = {}

    def before(self, frame: int, began: int) -> Place | None:
        """The place before a frame of a shot that began with another; None if that lies behind it."""
        if began > frame:
            return None
        with self._lock:
            first = bytes.fromhex(beginning(began).digest)
            digests = self._digests.setdefault(began, bytearray(first))
            place = _place(digests, began, min(frame, began + len(digests) // _BYTES - 1))
            while place.last < frame - 1:
                place = place.after(self._mark(place.last + 1))
                digests += bytes.fromhex(place.digest)
            return place


def _place(digests: bytearray, began: int, frame: int) -> Place:
    start = _BYTES * (frame - began)
    return Place(began, frame - 1, digests[start : start + _BYTES].hex())
