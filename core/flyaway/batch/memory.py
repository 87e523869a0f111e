"""A run's memory: what the network has seen before a frame, how that is found again, and where it is kept.

Frames of a shot are run in order, so what a frame remembers is all frames since its shot *began*: the first
one, the one after a gap, or a handle before a chunk. A name for that (where it began, and a hash over what
the plates since then were) stands in each frame's line of the journal: a matte whose line names anything but
what is there now is stale. Every so many frames the state itself is kept beside the journal.

A run that does not go on at the frame after its last one (it resumes, it skips what is there, it is a chunk)
reaches that frame here: from the nearest state that holds, it runs the frames in between and writes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flyaway.batch.plan import Plan
from flyaway.errors import BadStateError, WriteError
from flyaway.frames.atomic import Disk, write_atomically
from flyaway.shots import ShotMatting, ShotState

if TYPE_CHECKING:
    from flyaway.batch.journal import JournalIndex

KEPT_EVERY = 50  # frames; a state of `fast` has some 4 MB, as much as a few mattes
_MOST_BYTES = 256 << 20
_FORMAT = 1
UNSEEN = "unseen"

Mark = Callable[[int], str]


class Stopped(Exception):  # noqa: N818 -- no error: somebody asked for it
    """The run was asked to end while frames before the next one were run again."""


@dataclass(frozen=True)
class Place:
    """How far a shot has come.

    Attributes
    ----------
    began : the first frame that it remembers.
    last : the last one.
    digest : a hash over what these frames were.
    """

    began: int
    last: int
    digest: str

    @property
    def name(self) -> str:
        """What the journal says of a frame that follows."""
        return f"{self.began}:{self.digest}"

    def after(self, mark: str) -> Place:
        """One frame further."""
        return Place(self.began, self.last + 1, _hash(f"{self.digest} {self.last + 1} {mark}"))


def beginning(frame: int) -> Place:
    """A shot that begins with a frame, before it was run."""
    return Place(frame, frame - 1, _hash(f"begin {frame}"))


class Chain:
    """Places as the plates that are there now make them; for any of a run's threads."""

    def __init__(self, mark: Mark) -> None:
        self._mark, self._lock = mark, threading.Lock()
        self._places: dict[int, list[Place]] = {}

    def before(self, frame: int, began: int) -> Place | None:
        """The place before a frame of a shot that began with another; None if that lies behind it."""
        if began > frame:
            return None
        with self._lock:
            places = self._places.setdefault(began, [beginning(began)])
            while len(places) <= frame - began:
                places.append(places[-1].after(self._mark(places[-1].last + 1)))
            return places[frame - began]


@dataclass(frozen=True)
class Kept:
    """A state to be kept: where the shot was, and what it left."""

    place: Place
    state: ShotState


class Memory:
    """The memory of one run.

    Parameters
    ----------
    shot : of the run's model.
    plan : the run's frames, which have numbers.
    made : a hash of the model and of how plates are read.
    replay : runs a frame through `shot` and writes nothing; returns its mark, or None where it fails.
    mark : what a frame's plate is now, by name, size and time.
    readable : whether a frame's plate can be read.
    stop : says whether the run is to end.
    disk : where states are kept.
    """

    def __init__(
        self,
        shot: ShotMatting,
        plan: Plan,
        made: str,
        *,
        replay: Callable[[int], str | None],
        mark: Mark,
        readable: Callable[[int], bool],
        stop: Callable[[], bool],
        disk: Disk,
    ) -> None:
        self.shot, self._plan, self._made = shot, plan, made
        self._replay, self._mark, self._readable = replay, mark, readable
        self._stop, self._disk = stop, disk
        self._folder, self._name = plan.places[0]
        self._part_of = _parts(plan)
        self._at: Place | None = None
        self._part: int | None = None
        self._past: JournalIndex | None = None
        self._can_be_read: dict[int, bool] = {}
        self._now = Chain(mark)
        self._with_failures = Chain(self._mark_if_seen)

    def know(self, past: JournalIndex) -> None:
        """What earlier runs did."""
        self._past = past

    def is_stale(self, name: str, frame: int) -> bool:
        """Whether a frame whose line in the journal says `name` remembers other plates than there are now."""
        began, _, digest = name.partition(":")
        if not digest:
            return False  # its matte was made without any memory: there was nothing to be seen in it
        if not re.fullmatch(r"-?\d{1,12}", began):
            return True
        return not self._holds(Place(int(began), frame - 1, digest))

    def reach(self, frame: int) -> tuple[Place, str]:
        """Bring the shot to just before a frame; returns where that is, and what to tell, or "".

        Raises
        ------
        Stopped : the run is to end.
        """
        part = self._part_of[frame]
        at, note = self._at, ""
        if at is None or self._part != part or at.last != frame - 1:
            same = at is not None and self._part == part and at.last < frame
            at, note = self._nearest(frame, at if same else None)
        self._part = part
        for number in range(at.last + 1, frame):
            if self._stop():
                raise Stopped
            at = self._passed(at, number)
        self._at = at
        return at, note

    def went(self, mark: str) -> Kept | None:
        """The frame that was reached has been run; returns its state where that is to be kept."""
        if self._at is None:
            raise RuntimeError("no frame was reached")
        self._at = self._at.after(mark)
        due = (self._at.last - self._at.began + 1) % KEPT_EVERY == 0
        return Kept(self._at, self.shot.state()) if due else None

    def last(self) -> Kept | None:
        """What the last frame that was run left; None before the first."""
        return None if self._at is None else Kept(self._at, self.shot.state())

    def keep(self, kept: Kept) -> None:
        """Put a state beside the journal.

        Raises
        ------
        WriteError : it cannot be written.
        """
        place = kept.place
        about = {"format": _FORMAT, "made": self._made, "began": place.began, "digest": place.digest}
        arrays = kept.state.as_arrays()
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        path = self._path(place.last)

        def write(part: Path) -> None:
            # numpy adds its own suffix to a name without it.
            with part.open("wb") as stream:
                np.savez(stream, **arrays)  # type: ignore[arg-type, unused-ignore]

        def verify(part: Path) -> None:
            if _load(part)[0] != about:
                raise WriteError("does not read back as it was written.", path=path)

        write_atomically(path, write, verify, disk=self._disk)

    def _passed(self, at: Place, number: int) -> Place:
        """A frame before the one that is to be reached: run, or passed over where it cannot be."""
        mark = self._replay(number)
        if mark is None:
            self.shot.passed(number)
        return at.after(UNSEEN if mark is None else mark)

    def _nearest(self, frame: int, at: Place | None) -> tuple[Place, str]:
        """The place nearest before a frame from which the shot can go on; its state is restored."""
        first, handles = self._begins(frame)
        begin = beginning(first - handles)
        start = at or begin
        kept = self._kept_before(frame, start.last, begin, nearby=at is None and handles > 0)
        if kept is not None:
            self.shot.restore(kept.state)
            return kept.place, _told(f"restored as frame {kept.place.last} left it", kept.place, frame)
        if not self._plan.chunk and frame - 1 - start.last > KEPT_EVERY + self._plan.handles:
            warm = self._handles_before(frame)
            self.shot.begin()
            return beginning(frame - warm), f"no state is kept before it: its memory is {warm} frames long"
        if at is not None:
            return at, ""
        self.shot.begin()
        if frame == begin.began:
            return begin, "after a gap: it begins without memory" if self._is_gap(first) else ""
        return begin, _told("begun anew", begin, frame)

    def _begins(self, frame: int) -> tuple[int, int]:
        """The first frame of the piece that a frame is in, and how many handles come before it."""
        first = self._part_of[frame]
        return first, 0 if self._is_gap(first) else self._handles_before(first)

    def _is_gap(self, first: int) -> bool:
        """Whether a piece begins because frames before it are not asked for or are not there."""
        starts = {chunk[0].frame for chunk in self._plan.chunks()}
        return first not in starts

    def _handles_before(self, frame: int) -> int:
        count = 0
        while count < self._plan.handles and self._plan.has_plate(frame - count - 1):
            count += 1
        return count

    def _kept_before(self, frame: int, floor: int, begin: Place, *, nearby: bool) -> Kept | None:
        """The latest kept state before a frame that holds, and is later than `floor`.

        Parameters
        ----------
        frame : which.
        floor : the last frame that the shot has come to without it.
        begin : where this piece would begin.
        nearby : one that is not much earlier will do too: it is the shot itself, and handles are not.
        """
        # A chunk is what a farm's task makes of it, whoever did the frames before; a gap is a cut.
        alone = bool(self._plan.chunk) or self._is_gap(self._part_of[frame])
        if nearby and not alone:
            floor = min(floor, frame - 1 - KEPT_EVERY)
        for number in sorted(self._numbers(), reverse=True):
            if floor < number < frame:
                kept = self._read(number)
                if kept is not None and (not alone or kept.place.began == begin.began):
                    return kept
        return None

    def _numbers(self) -> list[int]:
        pattern = re.compile(re.escape(self._name) + r"\.(-?\d{1,12})\.state\.npz")
        found = (pattern.fullmatch(path.name) for path in self._folder.glob("*.state.npz"))
        return [int(match[1]) for match in found if match]

    def _read(self, number: int) -> Kept | None:
        """A kept state, if it is one, was made of the same, and by plates as they are now."""
        try:
            about, state = _load(self._path(number))
            place = Place(int(about["began"]), number, str(about["digest"]))
        except (OSError, BadStateError, KeyError, TypeError, ValueError):
            return None
        same = about.get("format") == _FORMAT and about.get("made") == self._made and state.frame == number
        return Kept(place, state) if same and self._holds(place) else None

    def _holds(self, place: Place) -> bool:
        """Whether a place is what the plates make it; frames that failed then must fail now."""
        chains = (self._now, self._with_failures)
        return any(chain.before(place.last + 1, place.began) == place for chain in chains)

    def _mark_if_seen(self, frame: int) -> str:
        """The mark of a frame; of one that no run has done, after whether its plate can be read at all."""
        if self._past is None or self._past.get(str(frame)) is not None:
            return self._mark(frame)
        if frame not in self._can_be_read:
            self._can_be_read[frame] = self._readable(frame)
        return self._mark(frame) if self._can_be_read[frame] else UNSEEN

    def _path(self, number: int) -> Path:
        return self._folder / f"{self._name}.{number}.state.npz"


def _load(path: Path) -> tuple[dict[str, Any], ShotState]:
    """A state and what is said of it, from a file that is not believed: no pickle, nothing that unfolds."""
    if path.stat().st_size > _MOST_BYTES:
        raise BadStateError(f"{path} is larger than a state can be: remove it")
    try:
        with zipfile.ZipFile(path) as held:
            if any(item.compress_type != zipfile.ZIP_STORED for item in held.infolist()):
                raise BadStateError(f"{path} was not written by flyaway: remove it")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        about = json.loads(bytes(arrays.pop("about")))
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, RecursionError) as error:
        raise BadStateError(f"{path} is no state ({error}): remove it") from error
    if not isinstance(about, dict):
        raise BadStateError(f"{path} is no state: remove it")
    return about, ShotState.from_arrays(arrays)


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


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
