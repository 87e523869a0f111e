"""What a run will make of earlier frames, and run for its memory: told beforehand, nothing is run.

By names, sizes and times alone; into files it looks where an earlier run may have failed on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flyaway.batch.chain import NOT_HAD
from flyaway.batch.finish import anchored, frame_settings
from flyaway.batch.journal import Entry, JournalIndex, outputs_for
from flyaway.batch.memory import Memory, Reached
from flyaway.batch.places import Anchor
from flyaway.batch.plan import Plan, plate_of
from flyaway.batch.plates import mark_now
from flyaway.batch.report import FrameTask
from flyaway.batch.resume import network_hash, settings_hash, weights_hash, why_stale
from flyaway.errors import FrameError
from flyaway.frames.atomic import DISK
from flyaway.frames.read import read_header
from flyaway.shots import ShotState

if TYPE_CHECKING:
    from flyaway.batch.options import RunOptions
    from flyaway.weights import ModelInfo

CHANGED = "changed after it was written: a whole picture is kept, and fails its frame, without --overwrite"
Judge = Callable[[FrameTask, Entry], str]


class NoShot:
    """A shot in which nothing is run."""

    def state(self) -> ShotState:
        """What no frame left."""
        return ShotState()

    def later(self) -> Callable[[], ShotState]:
        """The same."""
        return ShotState

    def restore(self, state: ShotState) -> None:
        """Nothing to do."""

    def begin(self) -> None:
        """Nothing to do."""

    def passed(self, frame: int | None) -> None:
        """Nothing to do."""


class Rehearsal:
    """A run's memory, walked through as the run will walk, but nothing is run.

    Parameters
    ----------
    plan, options, info : of the run; the model has a memory.
    past : what earlier runs did.
    """

    def __init__(self, plan: Plan, options: RunOptions, info: ModelInfo, past: JournalIndex | None) -> None:
        self._plan, self._options = plan, options
        self._finish = anchored(options.finish, plan)
        made = f"{weights_hash(info)} {network_hash(options, remembers=True)}"
        self.memory = Memory(
            NoShot(), plan, made, past, mark=self._mark, readable=self._is_readable, disk=DISK
        )

    def run(self, frame: int) -> Reached:
        """A frame that will be done."""
        reached = self.memory.reach(frame, self._replayed)
        self.memory.went(self._mark(frame))
        return reached

    def _mark(self, frame: int, then: Entry | None = None) -> str:
        return mark_now(self._plan, self._finish, frame, then)

    def _replayed(self, frame: int) -> str | None:
        mark = self._mark(frame)
        return None if mark == NOT_HAD or not self._is_readable(frame) else mark

    def _is_readable(self, frame: int) -> bool:
        try:
            read_header(plate_of(self._plan.plates, frame), frame, self._options.read.part)
        except FrameError:
            return False
        return True


def rehearse(plan: Plan, options: RunOptions, info: ModelInfo, past: JournalIndex | None) -> Rehearsal | None:
    """The memory of a run beforehand; None where each frame will be a still."""
    shot = bool(plan.plates) and not options.stills and info.remembers
    return Rehearsal(plan, options, info, past) if shot else None


def judge(plan: Plan, options: RunOptions, memory: Memory | None = None) -> Judge:
    """A function that says why what the journal says of a frame will not do, or "".

    It looks into no file, so a matte that was changed and kept its size is found by the run alone.

    Parameters
    ----------
    plan : the frames; all of an entry's files must be there.
    options : how they are run.
    memory : of a run that mattes frames as a shot.
    """
    finish = anchored(options.finish, plan)
    # Whether the model has a memory is known only when it is loaded; either answer is an earlier run's.
    hashes = {settings_hash(plan, options, remembers=remembers) for remembers in (False, True)}
    anchor = Anchor(plan.places[0][0].parent)

    def why(task: FrameTask, entry: Entry) -> str:
        for path in task.targets:
            if path.stat().st_size not in {one.bytes for one in outputs_for(path, entry, anchor)}:
                return CHANGED
        settings = {frame_settings(one, finish, plan.writes, task) for one in hashes}
        current = entry.settings if entry.settings in settings else ""
        stale = why_stale(entry, task, entry.model, current)
        if not stale and memory is not None and task.frame is not None:
            return memory.why_stale(entry.memory, task.frame)
        return stale

    return why
