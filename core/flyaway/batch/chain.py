"""Places of a shot as the plates that are there now make them, for any of a run's threads."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection

from flyaway.batch.journal import Entry, JournalIndex
from flyaway.shot_place import Place, beginning

NOT_HAD = "unseen"  # the mark of a frame that could not be had; in journals, so the word stays
Mark = Callable[[int], str]
MarkNow = Callable[[int, Entry | None], str]
_BYTES = 8  # of a place's digest


class Chain:
    """The place before any frame of a shot; each plate is looked at once.

    Eight bytes a frame are kept, since a shot may have a hundred thousand.

    Parameters
    ----------
    mark : what a frame's plate is now.
    start : the place from which a shot is followed that began with a frame.
    """

    def __init__(self, mark: Mark, start: Callable[[int], Place] = beginning) -> None:
        self._mark, self._start, self._lock = mark, start, threading.Lock()
        # began → the frame that is followed first, and the digests from there on
        self._digests: dict[int, tuple[int, bytearray]] = {}

    def before(self, frame: int, began: int) -> Place | None:
        """The place before a frame of a shot that began with another; None if that lies behind it."""
        if began > frame:
            return None
        with self._lock:
            if began not in self._digests:
                start = self._start(began)
                self._digests[began] = (start.last + 1, bytearray.fromhex(start.digest))
            first, digests = self._digests[began]
            if first > frame:
                return None
            count = min(frame - first, len(digests) // _BYTES - 1)
            last = digests[_BYTES * count : _BYTES * (count + 1)].hex()
            place = Place(began, first + count - 1, last)
            while place.last < frame - 1:
                place = place.after(self._mark(place.last + 1))
                digests += bytes.fromhex(place.digest)
            return place


class Remembered:
    """Whether what a frame remembers is still so.

    Nothing that is gone has changed: a plate that was archived counts as it was when its own matte was made,
    which the journal says. To a run that goes by it now it is a frame that cannot be had, so that holds, too.

    Parameters
    ----------
    mark : what a frame's plate is now; where it is gone, what it was by a line of the journal, or `NOT_HAD`.
    past : what earlier runs did; None where no journal is kept.
    asked : the run's frames.
    readable : whether a frame's plate can be read.
    """

    def __init__(
        self,
        mark: MarkNow,
        past: JournalIndex | None,
        asked: Collection[int],
        readable: Callable[[int], bool],
    ) -> None:
        self._mark, self._past, self._asked, self._readable = mark, past, asked, readable
        self._can_be_read: dict[int, bool] = {}
        self._gone = False
        self._from_kept: dict[Place, Chain] = {}
        self._chains = (Chain(self._now), Chain(lambda frame: self._if_had(frame, self._now)))
        self._chains_with_gone = (
            Chain(self._as_it_was, self._told_start),
            Chain(lambda frame: self._if_had(frame, self._as_it_was), self._told_start),
        )

    def holds(self, place: Place) -> bool:
        """Whether a place is what the plates make it; frames that failed then must fail now."""
        if any(chain.before(place.last + 1, place.began) == place for chain in self._chains):
            return True
        if not self._gone:  # then the others are the same
            return False
        chains = self._chains_with_gone
        return any(chain.before(place.last + 1, place.began) == place for chain in chains)

    def goes_on(self, kept: Place, place: Place) -> bool:
        """Whether a place is what plates make of a kept one that holds; those that are gone are passed."""
        if not self._gone:
            return False
        if kept not in self._from_kept:
            self._from_kept[kept] = Chain(self._now, lambda _: kept)
        return self._from_kept[kept].before(place.last + 1, place.began) == place

    def _now(self, frame: int) -> str:
        mark = self._mark(frame, None)
        self._gone |= mark == NOT_HAD
        return mark

    def _as_it_was(self, frame: int) -> str:
        mark = self._now(frame)
        return self._mark(frame, self._entry(frame)) if mark == NOT_HAD else mark

    def _if_had(self, frame: int, mark: Mark) -> str:
        """The mark of a frame; of one that no run has done, after whether its plate can be read at all."""
        if self._past is None or self._entry(frame) is not None:
            return mark(frame)
        if frame not in self._can_be_read:
            self._can_be_read[frame] = self._readable(frame)
        return mark(frame) if self._can_be_read[frame] else NOT_HAD

    def _told_start(self, began: int) -> Place:
        """Where handles are gone, of which no journal has a line: the first frame after them, as it says."""
        frame, gone = began, True
        last = max(self._asked, default=began)
        while frame < last and frame not in self._asked and self._entry(frame) is None:
            # Of one that is still there nothing says whether it has changed since.
            gone &= self._now(frame) == NOT_HAD
            frame += 1
        gone &= frame > began
        entry = self._entry(frame) if gone else None
        told = None if entry is None else re.fullmatch(rf"{began}:([0-9a-f]{{16}})", entry.memory)
        return beginning(began) if told is None else Place(began, frame - 1, told[1])

    def _entry(self, frame: int) -> Entry | None:
        return None if self._past is None else self._past.get(str(frame))
