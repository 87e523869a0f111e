"""The second stage, in the run's own thread: the network, with what the frames before left.

Where frames are matted several at once, this thread looks at each as a whole, in order, and at the next one
while a writer's thread finishes it; see `flyaway.shot_frame`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from flyaway.batch.finisher import Finisher
from flyaway.batch.kept import Kept
from flyaway.batch.memory import LACKS, Memory, Stopped
from flyaway.batch.options import RunOptions
from flyaway.batch.person import Person
from flyaway.batch.plan import Plan
from flyaway.batch.plates import Plates, Read, mark_of
from flyaway.batch.raw import Raw
from flyaway.batch.report import FrameResult, FrameTask, frame_error
from flyaway.color import FloatImage
from flyaway.geometry import Framing
from flyaway.shot_frame import finishing

if TYPE_CHECKING:
    from flyaway.matting import Matting
    from flyaway.shots import ShotMatting

_VOID = "its data window is too small to hold a person: the matte is empty"
_BEGAN = {
    "cut": "another take begins here: it remembers nothing before it",
    "size": "of another size than the frame before: it remembers nothing before it",
    "place": "elsewhere in its format than the frame before: it remembers nothing before it",
}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Matted:
    """A frame's matte, on its way to the disk.

    Attributes
    ----------
    alpha : the chosen person's, before matte controls.
    raw : the network's.
    notes : what to tell.
    seconds : stage → seconds: "network", and "memory" where frames before it were run for it.
    replayed : how many these were.
    memory : what it remembers; see `Entry.memory`.
    kept : the state that it left, where that is to be kept.
    lacking : a frame before it failed after it was seen, so what holds hair had gaps.
    """

    alpha: FloatImage = field(repr=False)
    raw: Raw = field(repr=False)
    notes: tuple[str, ...] = ()
    seconds: dict[str, float] = field(default_factory=lambda: {"network": 0.0})
    replayed: int = 0
    memory: str = ""
    kept: Kept | None = None
    lacking: bool = False


@dataclass(frozen=True)
class UnderWay:
    """A frame that was looked at; `finish` does the rest, in a writer's thread, and raises nothing."""

    finish: Callable[[], Matted | FrameResult] = field(repr=False)


class NetworkStage:
    """Runs the network on what was read.

    Parameters
    ----------
    matting : of the run.
    plan, options, plates, finisher : of the run.
    shot, memory : of a run that mattes frames as a shot; None where each is a still.
    stop : says whether the run is to end.
    alone : where `matting` is one of a pair, which works on several frames at once: the same model with all
        threads for one frame, for those that are run for the memory alone.
    """

    def __init__(
        self,
        matting: Matting,
        plan: Plan,
        options: RunOptions,
        plates: Plates,
        finisher: Finisher,
        shot: ShotMatting | None,
        memory: Memory | None,
        stop: Callable[[], bool],
        *,
        alone: Matting | None = None,
    ) -> None:
        self._at_once, self._alone = alone is not None, alone
        self._matting, self._plan, self._options = matting, plan, options
        self._plates, self._finisher = plates, finisher
        self._shot, self._memory, self._stop = shot, memory, stop
        self._person = Person(options.finish.subject, partial(plates.people, matting=matting))

    def __call__(self, task: FrameTask, read: Read | FrameResult) -> Matted | UnderWay | FrameResult | None:
        """Matte one frame, or begin it; None where the run is to end before it."""
        try:
            if isinstance(read, FrameResult):
                return read
            if read.plate.is_void:
                nothing = np.zeros(read.plate.pixels.shape[:2], np.float32)
                return Matted(nothing, Raw(nothing, nothing), (_VOID,))
            started = time.perf_counter()
            found = self._found(task, read)
            finish = partial(self._finished, task, read, found, time.perf_counter() - started)
            return UnderWay(finish) if self._at_once else finish()
        except Stopped:
            return None
        except Exception as error:
            return FrameResult(task, "failed", error=frame_error(error, task))

    def _finished(
        self, task: FrameTask, read: Read, found: Callable[[], Matted], looked: float
    ) -> Matted | FrameResult:
        """A frame that took `looked` seconds until now."""
        try:
            started = time.perf_counter()
            matted = found()
            alpha, note = self._person.alpha(task, matted.raw, read)
            network = looked + time.perf_counter() - started - matted.seconds.get("memory", 0.0)
            notes = (*matted.notes, *([note] if note else []))
            return replace(matted, alpha=alpha, seconds=matted.seconds | {"network": network}, notes=notes)
        except Exception as error:
            return FrameResult(task, "failed", error=frame_error(error, task))

    def _found(self, task: FrameTask, read: Read) -> Callable[[], Matted]:
        """What the network finds, or found in an earlier run."""
        if read.raw is not None:
            known = Matted(read.raw.alpha, read.raw, memory=read.memory)
            return lambda: known
        if self._memory is not None and self._shot is not None and task.frame is not None:
            return self._next_of_shot(self._memory, self._shot, task.frame, read)
        begun = self._network(self._matting.start if self._at_once else finishing(self._matting), read)

        def found() -> Matted:
            raw = begun()
            return Matted(raw.alpha, raw)

        return found

    def _network(
        self, start: Callable[..., Callable[[], Any]], read: Read, framing: Framing | None = None
    ) -> Callable[[], Raw]:
        """The network's matte over the data window of a plate; `framing` of a shot's."""
        canvas = read.canvas
        begun = self._finisher.network(
            start,
            read.searched if read.prepared is None else read.prepared,
            read.encoding,
            read.box,
            self._options.refine,
            read.plate.shape,
            (canvas.window.height, canvas.window.width),
            framing,
        )

        def cut() -> Raw:
            raw = begun()
            return Raw(canvas.cut(raw.alpha), None if raw.unknown is None else canvas.cut(raw.unknown))

        return cut

    def _in_shot(self, start: Callable[..., Callable[[], Any]], frame: int, read: Read) -> Callable[[], Raw]:
        return self._network(partial(start, frame=frame), read, read.canvas.framing)

    def _next_of_shot(
        self, memory: Memory, shot: ShotMatting, frame: int, read: Read
    ) -> Callable[[], Matted]:
        """The network with the memory of the frames before."""
        started = time.perf_counter()
        reached = memory.reach(frame, partial(self._replay, shot), self._stop)
        replayed = reached.handles + reached.replays
        seconds = {"memory": time.perf_counter() - started} if replayed else {}
        begun = self._in_shot(shot.start if self._at_once else finishing(shot), frame, read)
        left = shot.left
        kept = memory.went(self._mark(frame, read))
        notes = tuple(one for one in (reached.note, _BEGAN.get(shot.began, "")) if one)

        def matted() -> Matted:
            raw = begun()
            if left().whole:
                return Matted(raw.alpha, raw, notes, seconds, replayed, reached.place.name, kept())
            # A frame before it was seen, and then failed: a run that resumes does this one again, too.
            name = f"{reached.place.name}{LACKS}"
            return Matted(raw.alpha, raw, notes, seconds, replayed, name, lacking=True)

        return matted

    def _replay(self, shot: ShotMatting, frame: int) -> str | None:
        """Run a frame for the memory's sake; its mark, or None where it cannot be had."""
        read = self._plates.again(frame)
        if read is None:
            return None
        if read.plate.is_void:
            shot.passed(frame)  # nothing is in it, and the frame after it goes on with those before it
        else:
            try:
                # One after the other, so with all threads.
                with nullcontext() if self._alone is None else shot.run_by(self._alone):
                    self._in_shot(finishing(shot), frame, read)()
            except Exception as error:
                # Whoever asked for this frame is told by its own result.
                log.info("frame %d is not remembered: %s", frame, error)
                return None
        return self._mark(frame, read)

    def _mark(self, frame: int, read: Read) -> str:
        return mark_of(self._plan, self._options.finish, frame, read.size, read.mtime_ns)
