"""What became of a run: frame by frame, in sum, and as the process's exit code."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal

from flyaway.batch.places import absolute
from flyaway.errors import FrameError, FrameMemoryError
from flyaway.frames.read import Oddities

Status = Literal["written", "skipped", "failed"]
# How engines and libraries word it; none of them raises MemoryError.
_MEMORY_WORDS = (
    "out of memory", "bad_alloc", "failed to allocate", "cannot allocate memory", "can't start new thread",
)  # fmt: skip


log = logging.getLogger(__name__)


class ExitCode(IntEnum):
    """What the process says when it ends."""

    OK = 0  # every requested frame is on disk and was read back
    USAGE = 1  # bad arguments, no input, no weights, no such device: nothing was started
    FAILED = 2  # some frames failed
    OUT_OF_MEMORY = 33  # some failed for want of memory: farms (OpenCue) try those on a larger machine
    BUSY = 75  # another run is at work on the same frames; this one changed nothing
    INTERRUPTED = 130  # Ctrl-C or SIGTERM; what is on disk is whole, and --resume does the rest


@dataclass(frozen=True)
class FrameTask:
    """One frame to do: a plate, and where its mattes go.

    Attributes
    ----------
    source : the plate.
    targets : one file for each of the run's outputs.
    frame : its number, or None in a folder of photographs.
    """

    source: Path
    targets: tuple[Path, ...]
    frame: int | None = None

    @property
    def key(self) -> str:
        """What the journal calls it."""
        return self.source.name if self.frame is None else str(self.frame)


@dataclass(frozen=True)
class FrameResult:
    """What became of one frame.

    Attributes
    ----------
    task : the frame.
    status : "written" (and verified), "skipped" (there, and verified), or "failed".
    seconds : stage → seconds: "read", "network", "write"; "memory" where frames were run for it.
    notes : what a user should know.
    error : why it failed.
    coverage : the matte's mean, or None.
    why : why it was done again (by a run that resumes), or "".
    oddities : what of its plate's pixels no camera gives, or None.
    size : width and height of its plate's display window, or None.
    replayed : frames that were run before it for the shot's memory, and not written.
    lacking : a frame before it failed after it was seen: a run that resumes does this one again.
    """

    task: FrameTask
    status: Status
    seconds: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    error: FrameError | None = None
    coverage: float | None = None
    why: str = ""
    oddities: Oddities | None = None
    size: tuple[int, int] | None = None
    replayed: int = 0
    lacking: bool = False

    def event(self) -> dict[str, Any]:
        """The result as plain JSON values; paths are absolute, since whoever reads it stands elsewhere."""
        return {
            "frame": self.task.frame,
            "status": self.status,
            "source": absolute(self.task.source),
            "targets": [absolute(path) for path in self.task.targets],
            "seconds": {stage: round(value, 6) for stage, value in self.seconds.items()},
            "coverage": self.coverage,
            "replayed": self.replayed,
            "lacking": self.lacking,
            "notes": list(self.notes),
            "why": self.why,
            "error": None if self.error is None else str(self.error),
        }


@dataclass
class Report:
    """What became of a run. Only failures are kept by name: 100,000 frames fit in it.

    Attributes
    ----------
    name : the shot's.
    requested : how many frames were asked for.
    counts : status → how many frames.
    failures : what failed, in order.
    seconds : stage → seconds, summed over the frames.
    wall : seconds from the first frame's start to the last one's end.
    interrupted : it was ended early by a signal.
    recovered : what was found of a run that had died, and cleared away.
    lacks : what the file systems that were written to do not offer, in words.
    peak_bytes : what frames on their way weighed together, at most.
    journal : where each frame's line is, or None where none is kept.
    gaps : frames that nobody asked for by number, and that have no plate, as a range.
    passed_over : what of a folder was no plate, and why.
    sizes : width and height of plates of a sequence → how many have it, and the first one's name.
    replayed : frames that were run for a shot's memory, and not written.
    kept_state : of a shot that was ended early: the frame whose state was kept, from which the next run
        goes on; None where none was.
    to_replay : of such a one: frames that the next run has to run again before it goes on.
    lacking : frames that were written, and lack what a frame before them would have left of hair: it failed.
    lacking_from : the first of them.
    odd : kind of oddity ("nan", "infinite", "negative") → in how many of the frames that were read.
    """

    name: str
    requested: int
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[FrameResult] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    wall: float = 0.0
    interrupted: bool = False
    recovered: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    peak_bytes: int = 0
    journal: Path | None = None
    replayed: int = 0
    kept_state: int | None = None
    to_replay: int = 0
    lacking: int = 0
    lacking_from: int | None = None
    gaps: str = ""
    odd: Counter[str] = field(default_factory=Counter)
    passed_over: tuple[str, ...] = ()
    sizes: dict[tuple[int, int], tuple[int, str]] = field(default_factory=dict)

    def add(self, result: FrameResult) -> None:
        """Take one more frame into account."""
        self.counts[result.status] += 1
        self.replayed += result.replayed
        if result.lacking:
            self.lacking += 1
            self.lacking_from = result.task.frame if self.lacking_from is None else self.lacking_from
        for stage, seconds in result.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        if result.oddities is not None:
            self.odd.update(kind for kind, pixels in vars(result.oddities).items() if pixels)
        if result.size is not None and result.task.frame is not None:
            count, first = self.sizes.get(result.size, (0, result.task.source.name))
            self.sizes[result.size] = (count + 1, first)
        if result.status == "failed":
            self.failures.append(result)

    @property
    def remarks(self) -> list[str]:
        """What a person should know beside the counts, without which a run that went well might not be."""
        notes = [f"no plates for frames {self.gaps}"] if self.gaps else []
        notes += [f"passed over {what}" for what in self.passed_over]
        if len(self.sizes) > 1:
            kinds = (f"{w}×{h} in {n} (first {name})" for (w, h), (n, name) in self.sizes.items())
            notes.append(f"plates of several sizes: {', '.join(kinds)}")
        # Negative ones are in many a sound plate: they are noted frame by frame, and in the report.
        words = {"nan": "NaN", "infinite": "infinite values"}
        notes += [f"{words[kind]} in {self.odd[kind]} plates" for kind in words if self.odd[kind]]
        notes += [f"recovered {what}" for what in self.recovered]
        if self.lacking:
            notes.append(
                f"a frame failed after it was seen: {self.lacking} frames from {self.lacking_from} on hold"
                " hair less well than they can, and a run that resumes does them again"
            )
        if self.kept_state is not None:
            notes.append(f"its memory is kept as frame {self.kept_state} left it")
        if self.to_replay:
            notes.append(f"its memory was not kept: the next run runs {self.to_replay} frames again first")
        return notes

    @property
    def done(self) -> int:
        """How many frames came to an end, good or bad."""
        return self.counts.total()

    @property
    def exit_code(self) -> ExitCode:
        """See `ExitCode`."""
        return worst([self._own_code()])

    def _own_code(self) -> ExitCode:
        if self.interrupted:
            return ExitCode.INTERRUPTED
        if any(isinstance(result.error, FrameMemoryError) for result in self.failures):
            return ExitCode.OUT_OF_MEMORY
        return ExitCode.FAILED if self.failures or self.done < self.requested else ExitCode.OK

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        return {
            "name": self.name,
            "exit_code": int(self.exit_code),
            "requested": self.requested,
            **{status: self.counts[status] for status in ("written", "skipped", "failed")},
            "interrupted": self.interrupted,
            "replayed": self.replayed,
            "kept_state": self.kept_state,
            "to_replay": self.to_replay,
            "lacking": self.lacking,
            "lacking_from": self.lacking_from,
            "wall_seconds": round(self.wall, 3),
            "stage_seconds": {stage: round(value, 3) for stage, value in self.seconds.items()},
            "peak_bytes": self.peak_bytes,
            "recovered": list(self.recovered),
            "lacks": list(self.lacks),
            "journal": None if self.journal is None else absolute(self.journal),
            "gaps": self.gaps,
            "passed_over": list(self.passed_over),
            "sizes": [
                {"width": w, "height": h, "frames": n, "first": name}
                for (w, h), (n, name) in self.sizes.items()
            ],
            "odd_plates": {kind: self.odd[kind] for kind in ("nan", "infinite", "negative")},
            "failures": [result.event() for result in self.failures],
        }


def worst(codes: list[ExitCode]) -> ExitCode:
    """The code that says most about several runs: a stop, then want of memory, then failures."""
    order = (
        ExitCode.INTERRUPTED,
        ExitCode.OUT_OF_MEMORY,
        ExitCode.FAILED,
        ExitCode.BUSY,
        ExitCode.USAGE,
        ExitCode.OK,
    )
    return next((code for code in order if code in codes), ExitCode.OK)


def lacks_memory(error: BaseException) -> bool:
    """Whether something failed for want of memory; hardly any library raises MemoryError for it."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(word in text for word in _MEMORY_WORDS)


def frame_error(error: Exception, task: FrameTask) -> FrameError:
    """Any failure of one frame, as the error that names it; reports may keep it: it holds no picture."""
    log.debug("frame %s failed", task.key, exc_info=error)
    _let_go(error)
    if isinstance(error, FrameError):
        error.frame = task.frame if error.frame is None else error.frame
        error.path = error.path or task.source
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, FrameMemoryError):
        return error
    kind: type[FrameError] = FrameError
    if lacks_memory(error):
        kind, text = FrameMemoryError, f"not enough memory ({text})"
    elif isinstance(error, FrameError):
        return error
    failure = kind(text, path=task.source, frame=task.frame)
    failure.__cause__ = error
    return failure


def _let_go(error: BaseException | None) -> None:
    """Have an error, and what led to it, no longer hold the pictures of whatever raised it."""
    waiting, known = [error], set[int]()
    while waiting:
        one = waiting.pop()
        if one is not None and id(one) not in known:
            known.add(id(one))
            one.__traceback__ = None
            waiting += [one.__cause__, one.__context__]
