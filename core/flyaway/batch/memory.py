"""A run's memory: how a frame is reached whose shot is not where the run is.

Frames of a shot are run in order, so what a frame remembers is all frames since its shot *began*: the first
one, the one after a gap, or a handle before a chunk. A name for that (`flyaway.shot_place`) stands in each
frame's line of the journal. Every so many frames the state itself is kept beside the journal.

A run that does not go on at the frame after its last one (it resumes, it skips what is there, it is a chunk)
reaches that frame here: from the nearest state that holds, it runs the frames in between and writes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from flyaway.batch.chain import NOT_HAD, MarkNow, Remembered
from flyaway.batch.journal import JournalIndex
from flyaway.batch.kept import Kept, KeptStates
from flyaway.batch.plan import Plan
from flyaway.frames.atomic import Disk
from flyaway.shot_place import KEPT_EVERY, Place, beginning
from flyaway.shots import ShotState

LACKS = "!"  # after the name of what a frame remembers, which then is the name of nothing; in journals, too
REMEMBERS_OTHERS = "a frame before it, which it remembers, has changed"
LACKING = "a frame before it failed after it was seen, so how hair was held there was missing"

Replay = Callable[[int], "str | None"]


class Stopped(Exception):  # noqa: N818 -- no error: somebody asked for it
    """The run was asked to end while frames before the next one were run again."""


class Shot(Protocol):
    """What a memory asks of a `flyaway.shots.ShotMatting`; a dry run has one that runs nothing."""

    def state(self) -> ShotState:
        """What the last frame left."""
        ...

    def later(self) -> Callable[[], ShotState]:
        """The same, once that frame is finished: only the call waits for it."""
        ...

    def restore(self, state: ShotState) -> None:
        """Go on where a state was taken."""
        ...

    def begin(self) -> None:
        """Forget."""
        ...

    def passed(self, frame: int | None) -> None:
        """A frame could not be had."""
        ...


@dataclass(frozen=True)
class Reached:
    """A frame that was reached.

    Attributes
    ----------
    place : what it remembers.
    note : what to tell of how it was reached, or "".
    handles : frames before its range or chunk that were run for it.
    replays : frames of its range or chunk that were run again.
    """

    place: Place
    note: str = ""
    handles: int = 0
    replays: int = 0


class Memory:
    """The memory of one run.

    Parameters
    ----------
    shot : of the run's model.
    plan : the run's frames, which have numbers.
    made : a hash of the model and of how plates are read.
    past : what earlier runs did; None where no journal is kept.
    mark : what a frame's plate is now, by name, size and time; or what a line says that it was.
    readable : whether a frame's plate can be read.
    disk : where states are kept.
    """

    def __init__(
        self,
        shot: Shot,
        plan: Plan,
        made: str,
        past: JournalIndex | None,
        *,
        mark: MarkNow,
        readable: Callable[[int], bool],
        disk: Disk,
    ) -> None:
        self._shot, self._plan, self._past = shot, plan, past
        self._states = KeptStates(*plan.places[0], made, disk)
        self._part_of = _parts(plan)
        self._starts = {chunk[0].frame for chunk in plan.chunks()}
        self._at: Place | None = None
        self._part: int | None = None
        self._remembered = Remembered(mark, past, self._part_of, readable)
        self._resumed: dict[tuple[int, int], Place | None] = {}

    def is_stale(self, name: str, frame: int) -> bool:
        """Whether a frame whose line in the journal says `name` remembers other plates than there are now."""
        began, _, digest = name.partition(":")
        if not digest:
            return False  # its matte was made without any memory
        if not re.fullmatch(r"-?\d{1,12}", began):
            return True
        return not self._holds(Place(int(began), frame - 1, digest))

    def _holds(self, place: Place) -> bool:
        """Whether a place is what the plates make it, also by way of a state that a run began with again.

        Such a run remembers plates that are gone, and passes those that went after that state.
        """
        if self._remembered.holds(place):
            return True
        key = (place.began, place.last // KEPT_EVERY)
        if key not in self._resumed:
            earlier = self._states.places(place.began - 1, place.last - place.last % KEPT_EVERY + 1)
            own = (kept for kept in earlier if kept.began == place.began)
            self._resumed[key] = next((kept for kept in own if self._remembered.holds(kept)), None)
        kept = self._resumed[key]
        return kept is not None and self._remembered.goes_on(kept, place)

    def why_stale(self, name: str, frame: int) -> str:
        """Why a frame whose line in the journal says `name` has to be done again for its memory, or ""."""
        if name.endswith(LACKS):
            return LACKING
        return REMEMBERS_OTHERS if self.is_stale(name, frame) else ""

    def reach(self, frame: int, replay: Replay, stop: Callable[[], bool] = lambda: False) -> Reached:
        """Bring the shot to just before a frame.

        Parameters
        ----------
        frame : which.
        replay : runs a frame through the shot and writes nothing; returns its mark, or None where it fails.
        stop : says whether the run is to end.

        Raises
        ------
        Stopped : the run is to end.
        """
        part = self._part_of[frame]
        at, note = self._at, ""
        if at is None or self._part != part or at.last != frame - 1:
            same = at is not None and self._part == part and at.last < frame
            at, note = self._nearest(frame, at if same else None)
        self._at, self._part = at, part
        counts = [0, 0]
        for number in range(at.last + 1, frame):
            if stop():
                raise Stopped
            mark = replay(number)
            if mark is None:
                self._shot.passed(number)
            else:
                counts[number >= part] += 1
            # Frame by frame, so that a run that is broken off here knows where its shot is.
            self._at = at = at.after(NOT_HAD if mark is None else mark)
        return Reached(at, note, *counts)

    def went(self, mark: str) -> Callable[[], Kept | None]:
        """The frame that was reached has been looked at.

        What is returned gives its state where that is to be kept; its call waits until the frame is finished,
        and may come from any thread.
        """
        if self._at is None:
            raise RuntimeError("no frame was reached")
        at = self._at = self._at.after(mark)
        if (at.last - at.began + 1) % KEPT_EVERY:
            return lambda: None
        later = self._shot.later()

        def kept() -> Kept | None:
            state = later()
            return Kept(at, state) if state.whole else None

        return kept

    def last(self) -> Kept | None:
        """What the last frame that was run left; None before the first.

        None also where the shot is a frame further than is known of it: the run was broken off in between.
        And where a frame was seen and then failed.
        """
        at, state = self._at, self._shot.state()
        return None if at is None or state.frame != at.last or not state.whole else Kept(at, state)

    def behind(self, frame: int | None = None) -> int:
        """How many frames a run that goes on with a frame has to run again before that.

        `frame` is the one after the last one, unless it is told.
        """
        at = self._at
        if at is None:
            return 0
        last = at.last if frame is None else frame - 1
        own = (place for place in self._states.places(at.began - 1, last + 1) if place.began == at.began)
        return max(0, last - next((place.last for place in own if self._holds(place)), at.began - 1))

    def keep(self, kept: Kept) -> None:
        """Put a state beside the journal.

        Raises
        ------
        WriteError : it cannot be written.
        """
        self._states.keep(kept)

    def _nearest(self, frame: int, at: Place | None) -> tuple[Place, str]:
        """The place nearest before a frame from which the shot can go on; its state is restored."""
        first, handles = self._begins(frame)
        begin = beginning(first - handles)
        start = at or begin
        alone = bool(self._plan.chunk) or self._is_gap(first)
        # A chunk is what a farm's task makes of it, whoever did the frames before; a gap is a cut.
        own = begin.began if alone else self._began_before(frame)
        if at is None and own is not None and frame - own <= KEPT_EVERY + self._plan.handles:
            begin = start = beginning(own)
        # One that is not much earlier will do too: it is the shot itself, and handles are not.
        nearby = at is None and handles > 0 and not alone
        floor = min(start.last, frame - 1 - KEPT_EVERY) if nearby else start.last
        kept = self._kept_between(floor, frame, own)
        far = not self._plan.chunk and frame - 1 - start.last > KEPT_EVERY + self._plan.handles
        if kept is None and far and not alone:
            kept = self._kept_between(floor, frame, None)
        if kept is not None:
            self._shot.restore(kept.state)
            return kept.place, _told(f"restored as frame {kept.place.last} left it", kept.place, frame)
        if far:
            warm = self._plan.handles_before(frame)
            self._shot.begin()
            return beginning(frame - warm), f"no state is kept before it: its memory is {warm} frames long"
        if at is not None:
            return at, ""
        self._shot.begin()
        if frame == begin.began:
            return begin, "after a gap: it begins without memory" if self._is_gap(first) else ""
        return begin, _told("begun anew", begin, frame)

    def _begins(self, frame: int) -> tuple[int, int]:
        """The first frame of the piece that a frame is in, and how many handles come before it."""
        first = self._part_of[frame]
        return first, 0 if self._is_gap(first) else self._plan.handles_before(first)

    def _is_gap(self, first: int) -> bool:
        """Whether a piece begins because frames before it are not asked for or are not there."""
        return first not in self._starts

    def _began_before(self, frame: int) -> int | None:
        """Where the shot began that the frame before is of, or one a little earlier that did not fail."""
        for number in range(frame - 1, frame - 1 - KEPT_EVERY, -1):
            entry = None if self._past is None else self._past.get(str(number))
            if entry is not None and not self.is_stale(entry.memory, number):
                began = entry.memory.partition(":")[0]
                return int(began) if began else None
        return None

    def _kept_between(self, floor: int, frame: int, began: int | None) -> Kept | None:
        """The latest kept state before a frame that holds, and is later than `floor`.

        Of a shot that began with `began`: a state that a range of it left, handles before it, is another's.
        """
        for place in self._states.places(floor, frame):
            if began in (None, place.began) and self._holds(place):
                kept = self._states.read(place)
                if kept is not None:
                    return kept
        return None


def _parts(plan: Plan) -> dict[int, int]:
    """Each frame's piece, called by its first frame: chunks, cut where a number is left out."""
    found: dict[int, int] = {}
    for chunk in plan.chunks():
        numbers: Sequence[int] = [task.frame for task in chunk if task.frame is not None]
        for place, number in enumerate(numbers):
            follows = place > 0 and number == numbers[place - 1] + 1
            found[number] = found[numbers[place - 1]] if follows else number
    return found


def _told(how: str, place: Place, frame: int) -> str:
    count = frame - place.last - 1
    if not count:
        return f"its memory is {how}"
    return f"its memory is {how}; {count} frames from {place.last + 1} on were run again, not written"
