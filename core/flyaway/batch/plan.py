"""What a run will do, frame by frame: found out before anything is loaded, read or written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flyaway.batch.destinations import absent, check_apart, check_destination, check_state
from flyaway.batch.journal import STATE_FOLDER, range_name, state_name
from flyaway.batch.report import FrameTask
from flyaway.chosen import PathField, path_field, whole
from flyaway.errors import JobError, PatternError
from flyaway.frames.edges import check_background
from flyaway.frames.movie import is_movie
from flyaway.frames.options import WriteOptions, check_options
from flyaway.frames.patterns import FrameJob, passed_over, plan_frames
from flyaway.frames.sequence import frame_range, gaps, is_pattern, sequence_of
from flyaway.shot_place import HANDLES

_LONGEST_NAME = 255  # bytes, on every file system in use
_PART_EXTRA = 16  # what `atomic.part_path` adds


@dataclass(frozen=True)
class Target:
    """One kind of output of a shot: where (a text or a `Path`), and how it is written."""

    path: PathField = path_field()
    write: WriteOptions = field(default_factory=WriteOptions)
    suffix: str | None = None


@dataclass(frozen=True)
class Plan:
    """A shot, resolved to files.

    Attributes
    ----------
    name : the shot's, for messages and reports.
    tasks : the frames that were asked for, in order.
    writes : how each of a task's targets is written.
    names : what each of a task's targets is called in the state of its folder.
    chunk : frames after which a model with a memory forgets, as it would on a farm; 0 for never.
    handles : frames before the first one, and before each chunk, that such a model sees first where their
        plates are there. They are not written.
    plates : frame → plate, for handles outside the range that was asked for.
    single : one photograph: no journal and no lock are kept for it, unless a run is to resume.
    gaps : where no range was asked for, the frames that the plates on disk leave out, as a range.
    passed_over : what of a folder of photographs is no plate, and why.
    """

    name: str
    tasks: Sequence[FrameTask]
    writes: tuple[WriteOptions, ...]
    names: tuple[str, ...]
    chunk: int = 0
    handles: int = HANDLES
    plates: str = ""
    single: bool = False
    gaps: str = ""
    passed_over: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[tuple[Path, str], ...]:
        """For each output: the folder of its run's state, and what it is called there."""
        folders = [target.parent / STATE_FOLDER for target in self.tasks[0].targets]
        found = zip(folders, self.names, strict=True)
        return tuple(dict.fromkeys(found))

    @property
    def journal(self) -> Path:
        """Where this run's journal is."""
        state, name = self.places[0]
        return state / f"{name}.{range_name([task.frame for task in self.tasks])}.journal"

    @property
    def notices(self) -> list[str]:
        """What a person should know before the work begins: what will not be matted, a line each."""
        notes = [f"passed over {what}" for what in self.passed_over]
        if self.gaps:
            notes.append(f"no plates for frames {self.gaps}")
        gone = set() if self.single else absent(task.source for task in self.tasks)
        lacking = [task for task in self.tasks if task.source in gone]
        if lacking:
            numbers = [task.frame for task in lacking if task.frame is not None]
            which = frame_range(numbers) or ", ".join(task.source.name for task in lacking[:5])
            notes.append(
                f"{len(lacking)} of {len(self.tasks)} frames have no plate, and fail if they are not done"
                f" already: {which}"
            )
        return notes

    def chunks(self) -> list[Sequence[FrameTask]]:
        """The tasks in pieces of at most `chunk`."""
        size = self.chunk or len(self.tasks)
        return [self.tasks[start : start + size] for start in range(0, len(self.tasks), size)]

    def handles_before(self, frame: int) -> int:
        """How many handles there are before a frame: at most `handles`, and none beyond a missing plate."""
        count = 0
        while count < self.handles and self.has_plate(frame - count - 1):
            count += 1
        return count

    def handle_frames(self) -> int:
        """How many frames a model with a memory runs before chunks, all of which are to be done."""
        firsts = (chunk[0].frame for chunk in self.chunks())
        return sum(self.handles_before(first) for first in firsts if first is not None)

    def has_plate(self, number: int) -> bool:
        """Whether there is a plate of this number, asked for or not; movies count from 1."""
        if not self.plates or (number < 1 and is_movie(self.plates)):
            return False
        return plate_of(self.plates, number).is_file()


def plan_shot(
    name: str,
    source: str | Path,
    targets: Sequence[Target],
    frames: str | None = None,
    *,
    chunk: int = 0,
    handles: int = HANDLES,
    to_write: bool = True,
) -> Plan:
    """Pair every plate with its mattes, in the order of their numbers.

    `to_write=False` is for who only looks at mattes, and need not be let write where they are.

    Raises
    ------
    PatternError : see `flyaway.frames.plan_frames`; also a format that cannot hold what is asked of it,
        and a folder that mattes, or their journal, cannot be written to.
    JobError : no output, or two that are the same file in any frame.
    UsageError : `chunk` or `handles` is no whole number from 0.
    """
    chunk, handles = whole(chunk, 0, "chunk"), whole(handles, 0, "handles")
    if not targets:
        raise JobError(f"{name}: no output; say where the mattes go.")
    paired = [plan_frames(source, target.path, frames, target.suffix) for target in targets]
    tasks = [_task(jobs) for jobs in zip(*paired, strict=True)]
    if all(task.frame is not None for task in tasks):  # 1010-1001 names frames; a shot is seen forwards
        tasks.sort(key=lambda task: task.frame or 0)
    writes = tuple(target.write for target in targets)
    for folder in {path.parent for task in tasks for path in task.targets} if to_write else ():
        check_destination(folder)
    # A temporary name is longer than the final one.
    longest = max(
        (path for task in tasks for path in task.targets), key=lambda path: len(os.fsencode(path.name))
    )
    if len(os.fsencode(longest.name)) + _PART_EXTRA > _LONGEST_NAME:
        raise PatternError(f"{longest.name[:40]}…: this name is too long for a disk; name a shorter one.")
    for index, write in enumerate(writes):  # found now, not after hours of matting
        check_options(tasks[0].targets[index], write)
        if write.over is not None:
            check_background(write.over, tasks[0].frame)
    check_apart(name, tasks)
    numbered = tasks[0].frame is not None
    plan = Plan(
        name=name,
        tasks=tasks,
        writes=writes,
        names=tuple(_name_of(target, source, tasks[0], index) for index, target in enumerate(targets)),
        chunk=chunk,
        handles=handles,
        plates=str(source) if numbered else "",
        single=not numbered and Path(source).is_file(),
        gaps=gaps([task.frame for task in tasks if task.frame is not None]) if frames is None else "",
        passed_over=tuple(passed_over(Path(source), paired[0])) if Path(source).is_dir() else (),
    )
    for state, _ in plan.places if to_write and not plan.single else ():  # one photograph keeps no journal
        check_state(state, plan.journal)
    return plan


def plate_of(pattern: str, number: int) -> Path:
    """The plate of a frame."""
    if is_movie(pattern):
        return Path(pattern)
    return sequence_of(pattern).frame(number)


def _task(jobs: tuple[FrameJob, ...]) -> FrameTask:
    return FrameTask(jobs[0].source, tuple(job.target for job in jobs), jobs[0].frame)


def _name_of(target: Target, source: str | Path, task: FrameTask, index: int) -> str:
    """What an output is called in its folder's state; the same for every range of it."""
    path = task.targets[index]
    if task.frame is None:
        return state_name(f"photographs{path.suffix}" if Path(source).is_dir() else path.name)
    pattern = Path(target.path) if is_pattern(target.path) else Path(source).with_suffix(path.suffix)
    if is_movie(source) or not is_pattern(pattern):
        return state_name(pattern.name)
    # A range within the pattern (m.1-10####.exr) names the same files as one that stands beside it.
    return state_name(sequence_of(pattern.name).stem())
