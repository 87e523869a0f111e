"""A run over frames: read, matte, write, prove, journal. One frame that fails does not stop the others.

What is done with a frame is in the three stages (`read_stage`, `network_stage`, `write_stage`); here is what
a run holds for them, and how it begins and ends.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyaway.batch.claim import claim
from flyaway.batch.destinations import let_in
from flyaway.batch.finish import anchored, check_finish
from flyaway.batch.finisher import Finisher
from flyaway.batch.first_plate import check_writable
from flyaway.batch.journal import Journal, JournalIndex
from flyaway.batch.memory import Memory
from flyaway.batch.network_stage import Matted, NetworkStage, UnderWay
from flyaway.batch.options import RunOptions
from flyaway.batch.pipeline import Pipeline
from flyaway.batch.plan import Plan
from flyaway.batch.plates import Plates, Read, mark_now
from flyaway.batch.raw import RawMattes
from flyaway.batch.read_stage import ReadStage
from flyaway.batch.report import FrameResult, FrameTask, Report
from flyaway.batch.resume import (
    ResumePolicy,
    model_hash,
    network_hash,
    refuse_existing,
    settings_hash,
    sweep,
)
from flyaway.batch.write_stage import WriteStage
from flyaway.errors import PatternError, WriteError
from flyaway.frames.atomic import DISK, Disk

if TYPE_CHECKING:
    from flyaway.matting import Matting
    from flyaway.shots import ShotMatting

log = logging.getLogger(__name__)

MANY = 6  # frames, which a second opening of the model is quickly made up for by

Progress = Callable[[FrameResult], None]
_Pipeline = Pipeline[
    FrameTask, Read | FrameResult, Matted | UnderWay | FrameResult | None, FrameResult | None
]


def run_plan(
    matting: Matting,
    plan: Plan,
    options: RunOptions | None = None,
    progress: Progress | None = None,
    *,
    stop: Callable[[], bool] = lambda: False,
    disk: Disk = DISK,
) -> Report:
    """Do what was planned.

    Parameters
    ----------
    matting : from `flyaway.load`.
    plan : from `flyaway.batch.plan_shot`.
    options : see `RunOptions`.
    progress : called in this thread with each result, in the order of the plan.
    stop : asked before each frame; once it says True, the frames in hand are finished and the rest is
        left for a run that resumes.
    disk : where everything is written.

    Returns
    -------
    A report. An interrupt (KeyboardInterrupt) ends the run early, and the report says so.

    Raises
    ------
    UsageError : mattes are there already, and `options.existing` is "refuse"; or the first plate's header
        says that it cannot be written as asked. Nothing was started.
    PatternError : a mask is not there, or the journal cannot be kept. Nothing was started.
    BusyError : another run is at work on the same frames. Nothing was started.
    """
    options = options or RunOptions()
    options = replace(options, finish=anchored(options.finish, plan))
    check_finish(options.finish, plan, options.previews)
    check_writable(plan, options.read.part)
    if not (options.keeps or options.replaces):
        refuse_existing(plan)
    report = Report(plan.name, len(plan.tasks), gaps=plan.gaps, passed_over=plan.passed_over)
    tell = _teller(report, progress)
    started = time.perf_counter()
    disk.lacks.clear()  # a process may make several runs, and each reports what its own file systems lack
    with ExitStack() as held:
        run = _Run(matting, plan, options, stop, disk)
        try:
            report.recovered = run.open(held)
        except PermissionError as error:
            culprit = Path(error.filename or plan.places[0][0])
            raise PatternError(
                f"{culprit} cannot be written to: {error.strerror}. {let_in(plan.places[0][0])}"
            ) from error
        except OSError as error:
            # Not even the state folder can be written: every frame fails, and is named.
            culprit = Path(error.filename or plan.places[0][0])
            for task in plan.tasks:
                why = f"not begun, because {culprit} cannot be written: {error.strerror or error}."
                tell(
                    FrameResult(task, "failed", error=WriteError(why, path=task.targets[0], frame=task.frame))
                )
        else:
            report.journal = None if run.journal is None else run.journal.path
            run.go(report, tell)
    report.lacks = tuple(disk.lacks)
    report.wall = time.perf_counter() - started
    return report


class _Run:
    """What one `run_plan` holds: its claim, its journal, its memory, and the stages that use them."""

    def __init__(
        self, matting: Matting, plan: Plan, options: RunOptions, stop: Callable[[], bool], disk: Disk
    ) -> None:
        self.journal: Journal | None = None
        pair = _pair(matting, plan, options)
        self._at_once, self._alone = pair is not None, None if pair is None else matting
        self._matting, self._plan, self._options = pair or matting, plan, options
        self._stop, self._disk = stop, disk
        self._memory: Memory | None = None

    def open(self, held: ExitStack) -> tuple[str, ...]:
        """Claim the frames, sweep what a dead run left, open the journal; returns what was recovered."""
        plan, recovered = self._plan, list[str]()
        past: JournalIndex | None = None
        if not plan.single or self._options.existing == "resume" or plan.journal.exists():
            keys = [task.frame for task in plan.tasks]
            for state, name in plan.places:
                recovered += held.enter_context(claim(state, name, keys, self._disk)).recovered
            recovered += sweep(plan, self._disk)
            past = JournalIndex(*plan.places[0])
            self.journal = Journal(plan.journal, self._disk)
            held.callback(self.journal.close)
        self._make_stages(past)
        return tuple(recovered)

    def _make_stages(self, past: JournalIndex | None) -> None:
        matting, plan, options = self._matting, self._plan, self._options
        model, shot = model_hash(matting), self._begin_shot()
        made_with = f"{model} {network_hash(options, remembers=shot is not None)}"
        wants_unknown = any(write.unknown or write.output == "unknown" for write in plan.writes)
        finisher = Finisher(options.finish, made_with, unknown=wants_unknown)
        raws = RawMattes(options.finish.raw, self._disk)
        plates = Plates(plan, options, finisher, shot=shot is not None)
        memory = None if shot is None else self._remember(shot, plates, made_with, past)
        self._memory = memory
        made = (model, settings_hash(plan, options, remembers=memory is not None))
        provenance = self._provenance()
        policy = ResumePolicy(plan, options, made, provenance, past, self._disk, memory)
        prepare = partial(matting.prepare, once=True) if self._at_once else None
        self._read = ReadStage(plan, options, policy, plates, finisher, raws, memory, prepare)
        self._matte = NetworkStage(
            matting,
            plan,
            options,
            plates,
            finisher,
            shot,
            memory,
            self._stop,
            alone=self._alone,
        )
        self._write = WriteStage(
            plan, options, made, provenance, finisher, raws, memory, self.journal, past, self._disk
        )

    def _provenance(self) -> dict[str, str]:
        """What is written into mattes' headers."""
        info = self._matting.info
        found = {
            "model": info.name,
            "modelLicence": info.licence,
            "device": self._matting.device,
            "stages": "coarse and refiner" if self._options.refine else "coarse",
        }
        # A caller's own matting need not say.
        if engine := str(getattr(getattr(self._matting, "engine", None), "name", "")):
            found["engine"] = engine
        return found | ({"modelVersion": str(info.version)} if hasattr(info, "version") else {})

    def _begin_shot(self) -> ShotMatting | None:
        """The shot of a run that mattes frames as one; None where each is a still."""
        if not self._plan.plates or self._options.stills:
            return None
        if not getattr(self._matting, "remembers", False):
            log.info("%s has no memory: each frame is a still", self._matting.info.name)
            return None
        return self._matting.shot(steadiness=self._options.steadiness)

    def _remember(
        self, shot: ShotMatting, plates: Plates, made_with: str, past: JournalIndex | None
    ) -> Memory:
        plan, finish = self._plan, self._options.finish
        return Memory(
            shot,
            plan,
            made_with,
            past,
            mark=lambda frame, then: mark_now(plan, finish, frame, then),
            readable=lambda frame: plates.again(frame) is not None,
            disk=self._disk,
        )

    def go(self, report: Report, tell: Progress) -> None:
        """Drive the frames through, and put into the report how that ended."""
        limits = self._options.limits
        # Frames under way are finished by writers' threads: one more, so that as many write as ever.
        limits = replace(limits, writers=limits.writers + self._at_once)
        pipeline: _Pipeline = Pipeline(self._read, self._matte, self._write, limits, self._stop)
        try:
            for result in pipeline.run(self._plan.tasks):
                if result is not None:
                    tell(result)
        except KeyboardInterrupt:
            report.interrupted = True
            _tell_leftovers(pipeline, tell)
        finally:
            report.peak_bytes = pipeline.budget.peak
        report.interrupted |= pipeline.stopped
        if report.interrupted and self._memory is not None and self.journal is not None:
            _keep_last(self._memory, report)


def _pair(matting: Matting, plan: Plan, options: RunOptions) -> Matting | None:
    """The same model for several frames at once, where there are so many that opening it again is worth it.

    Whoever is followed from frame to frame is found in finished mattes, so there each is finished first.
    """
    if len(plan.tasks) < MANY or options.finish.subject.kind != "all" or not hasattr(matting, "pair"):
        return None
    return matting.pair()


def _keep_last(memory: Memory, report: Report) -> None:
    """Where a run ends early, the state of its last frame, so that the next run goes on there at once."""
    try:
        last = memory.last()
        if last is not None:
            memory.keep(last)
            report.kept_state = last.place.last
    except (WriteError, KeyboardInterrupt):
        pass  # then the next run begins further back, and is told so
    report.to_replay = memory.behind(report.lacking_from)


def _tell_leftovers(pipeline: Pipeline[Any, Any, Any, FrameResult | None], tell: Progress) -> None:
    """What was being written when the run was broken off is finished and counted, however often."""
    while True:
        try:
            for result in pipeline.leftovers():
                if result is not None:
                    tell(result)
        except KeyboardInterrupt:
            continue
        return


def _teller(report: Report, progress: Progress | None) -> Progress:
    def tell(result: FrameResult) -> None:
        report.add(result)
        if progress is not None:
            progress(result)

    return tell
