"""A run over frames: read, matte, write, prove, journal. One frame that fails does not stop the others."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from flyaway.batch.claim import claim
from flyaway.batch.finish import Finisher, Raw, anchored, check_finish, frame_settings, open_to
from flyaway.batch.journal import Entry, Journal, JournalIndex, output_of
from flyaway.batch.memory import UNSEEN, Kept, Memory, Stopped
from flyaway.batch.options import RunOptions
from flyaway.batch.pipeline import Pipeline, Reserve
from flyaway.batch.places import Anchor
from flyaway.batch.plan import Plan, plate_of
from flyaway.batch.report import FrameResult, FrameTask, Report, frame_error
from flyaway.batch.resume import (
    NEW,
    ResumePolicy,
    model_hash,
    network_hash,
    refuse_existing,
    settings_hash,
    sweep,
)
from flyaway.batch.weight import weigh
from flyaway.color import Encoding, FloatImage
from flyaway.errors import FlyawayError, WriteError
from flyaway.frames.atomic import DISK, Disk
from flyaway.frames.options import is_lossy
from flyaway.frames.preview import preview_path, write_preview
from flyaway.frames.read import Plate, read_plate
from flyaway.frames.write import store_matte
from flyaway.people import People, find_people

if TYPE_CHECKING:
    from flyaway.matting import Matting

_VOID = "its data window is too small to hold a person: the matte is empty"

_BEGAN = {
    "cut": "another take begins here: it remembers nothing before it",
    "size": "of another size than the frame before: it remembers nothing before it",
}
log = logging.getLogger(__name__)

Progress = Callable[[FrameResult], None]


@dataclass(frozen=True)
class _Read:
    """What a reader hands on: a plate, and what the network sees of it."""

    plate: Plate
    pixels: FloatImage
    encoding: Encoding
    size: int
    mtime_ns: int
    seconds: float
    why: str
    masks: Mapping[str, FloatImage]
    key: str
    raw: Raw | None
    memory: str = ""


@dataclass(frozen=True)
class _Matted:
    alpha: FloatImage
    seconds: float
    raw: Raw
    notes: tuple[str, ...]
    memory: str = ""
    kept: Kept | None = None


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
    UsageError : mattes are there already, and `options.existing` is "refuse". Nothing was started.
    PatternError : a mask is not there. Nothing was started.
    BusyError : another run is at work on the same frames. Nothing was started.
    """
    options = options or RunOptions()
    options = replace(options, finish=anchored(options.finish, plan))
    check_finish(options.finish, plan)
    if options.existing == "refuse":
        refuse_existing(plan)
    report = Report(plan.name, len(plan.tasks), gaps=plan.gaps, passed_over=plan.passed_over)
    tell = _teller(report, progress)
    started = time.perf_counter()
    disk.lacks.clear()  # a process may make several runs, and each reports what its own file systems lack
    with ExitStack() as held:
        run = _Run(matting, plan, options, stop, disk)
        try:
            report.recovered = run.open(held)
        except OSError as error:
            # Not even the state folder can be written: every frame fails, and is named.
            for task in plan.tasks:
                problem = WriteError(
                    f"cannot be written: {error.strerror or error}.", path=task.targets[0], frame=task.frame
                )
                tell(FrameResult(task, "failed", error=problem))
        else:
            report.journal = None if run.journal is None else run.journal.path
            report.interrupted = run.go(tell)
            report.peak_bytes = run.peak_bytes
    report.lacks = tuple(disk.lacks)
    report.wall = time.perf_counter() - started
    return report


class _Run:
    """The state of one `run_plan`."""

    def __init__(
        self, matting: Matting, plan: Plan, options: RunOptions, stop: Callable[[], bool], disk: Disk
    ) -> None:
        self.journal: Journal | None = None
        self.peak_bytes = 0
        self._matting, self._plan, self._options = matting, plan, options
        self._stop, self._disk = stop, disk
        self._past: JournalIndex | None = None
        self._model = model_hash(matting)
        self._memory = self._remember()
        self._settings = settings_hash(plan, options, remembers=self._memory is not None)
        self._provenance = {
            "model": matting.info.name,
            "modelLicence": matting.info.licence,
            "device": matting.device,
            "stages": "coarse and refiner" if options.refine else "coarse",
        }
        if hasattr(matting.info, "version"):  # a caller's own matting need not say
            self._provenance["modelVersion"] = str(matting.info.version)
        self._earlier = self._know_earlier()
        self._anchor = Anchor(plan.places[0][0].parent)
        self._finisher = Finisher(
            options.finish,
            f"{self._model} {network_hash(options)}",
            unknown=any(write.unknown or write.output == "unknown" for write in plan.writes),
            disk=disk,
        )
        self._lossy = any(is_lossy(write.compression or "") for write in plan.writes)

    def open(self, held: ExitStack) -> tuple[str, ...]:
        """Claim the frames, sweep what a dead run left, open the journal; returns what was recovered."""
        plan, recovered = self._plan, list[str]()
        if plan.single and self._options.existing != "resume" and not plan.journal.exists():
            return ()
        keys = [task.frame for task in plan.tasks]
        for state, name in plan.places:
            recovered += held.enter_context(claim(state, name, keys, self._disk)).recovered
        recovered += sweep(plan, self._disk)
        state, name = plan.places[0]
        self._past = JournalIndex(state, name)
        if self._memory is not None:
            self._memory.know(self._past)
        self._earlier = self._know_earlier()
        self.journal = Journal(plan.journal, self._disk)
        held.callback(self.journal.close)
        return tuple(recovered)

    def _know_earlier(self) -> ResumePolicy:
        made = (self._model, self._settings)
        return ResumePolicy(
            self._plan, self._options, made, self._provenance, self._past, self._disk, self._memory
        )

    def _remember(self) -> Memory | None:
        """The memory of a run that mattes frames as a shot; None where each is a still."""
        numbered = bool(self._plan.plates)
        if not numbered or self._options.stills:
            return None
        if not getattr(self._matting, "remembers", False):
            log.info("%s has no memory: each frame is a still", self._matting.info.name)
            return None
        return Memory(
            self._matting.shot(),
            self._plan,
            f"{self._model} {network_hash(self._options)}",
            replay=self._replay,
            mark=self._mark,
            readable=lambda frame: self._read_again(frame) is not None,
            stop=self._stop,
            disk=self._disk,
        )

    def go(self, tell: Progress) -> bool:
        """Drive the frames through; returns whether it was interrupted."""
        pipeline = Pipeline(self._prepare, self._matte, self._write, self._options.limits, self._stop)
        try:
            for result in pipeline.run(self._plan.tasks):
                if result is not None:
                    tell(result)
        except KeyboardInterrupt:
            self._tell_leftovers(pipeline, tell)
            return True
        finally:
            self.peak_bytes = pipeline.budget.peak
            self._keep_last(broken_off=pipeline.stopped)
        return pipeline.stopped

    @staticmethod
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

    def _keep_last(self, *, broken_off: bool) -> None:
        """Where a run ends early, the state of its last frame, so that the next run goes on there at once."""
        kept = self._memory.last() if self._memory is not None and broken_off else None
        if kept is not None and self._memory is not None:
            with suppress(WriteError):  # then the next run begins further back
                self._memory.keep(kept)

    def _prepare(self, task: FrameTask, reserve: Reserve) -> _Read | FrameResult:
        """In a reader's thread: the plate, or the result if there is nothing left to do."""
        try:
            why = self._earlier.why_again(task)
            if not why and self._options.existing in ("skip", "resume"):
                return FrameResult(task, "skipped")
            started = time.perf_counter()
            # Before it is read: a plate that changes meanwhile is stale, not overlooked.
            stat = task.source.stat() if task.source.exists() else None
            finish = self._options.finish
            kept = {"masks": len(finish.masks()), "raw": int(bool(finish.raw))}
            reserve(weigh(task, self._plan.writes, self._options.read.part, **kept))
            plate = read_plate(task.source, self._options.in_space, task.frame, options=self._options.read)
            pixels, encoding = plate.for_matting()
            seconds = time.perf_counter() - started
            size, mtime = (stat.st_size, stat.st_mtime_ns) if stat else (0, 0)
            masks = self._finisher.masks(task, plate)
            key = self._finisher.key(size, mtime, masks)
            raw, memory = self._finisher.stored(task, plate, key, self._remembers(task)) or (None, "")
            told = "" if why == NEW else why
            return _Read(plate, pixels, encoding, size, mtime, seconds, told, masks, key, raw, memory)
        except Exception as error:
            return FrameResult(task, "failed", error=frame_error(error, task))

    def _remembers(self, task: FrameTask) -> Callable[[str], bool] | None:
        """Whether a frame of a shot remembers now what it did by that name; None where frames are stills."""
        memory, frame = self._memory, task.frame
        if memory is None or frame is None:
            return None
        return lambda name: name != "" and not memory.is_stale(name, frame)

    def _matte(self, task: FrameTask, read: _Read | FrameResult) -> _Matted | FrameResult | None:
        """In the caller's thread: the network. None where the run is to end before this frame."""
        try:
            if isinstance(read, FrameResult):
                return read
            started = time.perf_counter()
            if read.plate.is_void:
                nothing = np.zeros(read.plate.pixels.shape[:2], np.float32)
                return _Matted(nothing, 0.0, Raw(nothing, nothing), (_VOID,))
            if read.raw is not None:
                found = _Matted(read.raw.alpha, 0.0, read.raw, (), read.memory)
            elif self._memory is not None and task.frame is not None:
                found = self._next_of_shot(self._memory, task.frame, read)
            else:
                found = _Matted(read.pixels, 0.0, self._network(self._matting, read), ())
            alpha, note = self._finisher.person(
                task, found.raw, read.pixels, read.encoding, read.plate, self._look, read.masks
            )
            notes = (*found.notes, *([note] if note else []))
            return replace(found, alpha=alpha, seconds=time.perf_counter() - started, notes=notes)
        except Stopped:
            return None
        except Exception as error:
            return FrameResult(task, "failed", error=frame_error(error, task))

    def _network(self, matting: Callable[..., Any], read: _Read) -> Raw:
        return self._finisher.network(
            matting, read.pixels, read.encoding, read.masks, self._options.refine, read.plate.shape
        )

    def _next_of_shot(self, memory: Memory, frame: int, read: _Read) -> _Matted:
        """The network with the memory of the frames before. `alpha` is not finished yet."""
        place, note = memory.reach(frame)
        raw = self._network(partial(memory.shot, frame=frame), read)
        kept = memory.went(self._mark_of(frame, read.size, read.mtime_ns))
        notes = tuple(one for one in (note, _BEGAN.get(memory.shot.began, "")) if one)
        return _Matted(raw.alpha, 0.0, raw, notes, place.name, kept)

    def _replay(self, frame: int) -> str | None:
        """Run a frame for the memory's sake; its mark, or None where it cannot be had."""
        memory, read = self._memory, self._read_again(frame)
        if memory is None or read is None:
            return None
        if not read.plate.is_void:
            try:
                self._network(partial(memory.shot, frame=frame), read)
            except Exception as error:
                # Whoever asked for this frame is told by its own result.
                log.info("frame %d is not remembered: %s", frame, error)
                return None
        return self._mark_of(frame, read.size, read.mtime_ns)

    def _read_again(self, frame: int) -> _Read | None:
        """A frame's plate, outside the pipeline; None where there is none, or it cannot be read."""
        path = plate_of(self._plan.plates, frame)
        try:
            stat = path.stat()
            plate = read_plate(path, self._options.in_space, frame, options=self._options.read)
            pixels, encoding = plate.for_matting()
            masks = self._finisher.masks(FrameTask(path, (), frame), plate)
        except (FlyawayError, OSError):
            return None
        return _Read(plate, pixels, encoding, stat.st_size, stat.st_mtime_ns, 0.0, "", masks, "", None)

    def _mark(self, frame: int) -> str:
        """What a frame's plate is now."""
        try:
            stat = plate_of(self._plan.plates, frame).stat()
        except OSError:
            return UNSEEN
        return self._mark_of(frame, stat.st_size, stat.st_mtime_ns)

    def _mark_of(self, frame: int, size: int, mtime_ns: int) -> str:
        # Where all is garbage the network does not look: with another garbage matte it is another frame.
        task = FrameTask(plate_of(self._plan.plates, frame), (), frame)
        return frame_settings(f"{size} {mtime_ns}", self._options.finish, (), task)

    def _look(self, frame: int) -> tuple[People, Plate] | None:
        """Who is in a frame, without its matte; None where there is no such plate. In the worker's thread."""
        path = plate_of(self._plan.plates, frame) if self._plan.plates else None
        if path is None or not path.is_file():
            return None
        try:
            plate = read_plate(path, self._options.in_space, frame, options=self._options.read)
            pixels, encoding = plate.for_matting()
            masks = self._finisher.masks(FrameTask(path, (), frame), plate)
            raw = self._finisher.network(
                self._matting, pixels, encoding, masks, refine=False, shape=plate.shape
            )
            return find_people(open_to(raw.alpha, masks), pixels, encoding), plate
        except FlyawayError:
            return None

    def _write(
        self, task: FrameTask, read: _Read | FrameResult, matted: _Matted | FrameResult | None
    ) -> FrameResult | None:
        """In a writer's thread: the mattes to disk, and then the frame's line in the journal."""
        if matted is None or isinstance(matted, FrameResult) or isinstance(read, FrameResult):
            return matted if isinstance(matted, FrameResult) else None
        try:
            return self._land(task, read, matted)
        except Exception as error:
            return FrameResult(task, "failed", error=frame_error(error, task))

    def _land(self, task: FrameTask, read: _Read, matted: _Matted) -> FrameResult:
        started = time.perf_counter()
        self._check_still_there(task)
        alpha = self._finisher.finished(matted.alpha, read.masks)
        coverage = round(float(alpha.mean()), 6)
        entry = Entry(
            task.key,
            self._anchor.name(task.source),
            read.size,
            read.mtime_ns,
            self._model,
            frame_settings(self._settings, self._options.finish, self._plan.writes, task),
            (),
            coverage,
            matted.memory,
        )
        if self._past is not None and (self._lossy or self._past.knows(task.key)):
            # What older lines say of it ends here, before any of its files is replaced. A lossy file
            # cannot say by itself that it is ours, so there the journal must, if the run dies after it.
            self._note(entry, task, "not begun, because the journal cannot be written")
        landed = []
        for target, write in zip(task.targets, self._plan.writes, strict=True):
            provenance = self._provenance | {"channel": write.first_channel}
            unknown = matted.raw.unknown
            landed.append(
                store_matte(target, alpha, read.plate, write, provenance, self._disk, unknown=unknown)
            )
        if read.raw is None:
            self._finisher.keep(
                task,
                matted.raw,
                read.plate,
                f"{read.key} {matted.memory}" if matted.memory else read.key,
                self._provenance,
                replace_theirs=self._options.existing == "overwrite",
            )
        if self.journal is not None:
            outputs = tuple(output_of(file, self._anchor) for file in landed)
            done = replace(entry, outputs=outputs, at_ns=time.time_ns())
            self._note(done, task, "written, but its line in the journal was not")
        preview = (*self._preview(task, read.plate, alpha), *self._kept(matted.kept))
        seconds = {"read": read.seconds, "network": matted.seconds, "write": time.perf_counter() - started}
        notes = dict.fromkeys(
            (
                *read.plate.notes,
                *matted.notes,
                *(note for file in landed for note in file.notes),
                *preview,
            )
        )
        # Below black is usual in video, and nothing to tell.
        odd = None if read.plate.format == "movie" else read.plate.oddities
        return FrameResult(
            task,
            "written",
            seconds,
            tuple(notes),
            coverage=coverage,
            why=read.why,
            oddities=odd,
            size=(read.plate.display_window.width, read.plate.display_window.height),
        )

    def _check_still_there(self, task: FrameTask) -> None:
        """Never make a folder anew that has gone: where a share was mounted lies another disk."""
        gone = [] if self.journal is None else [s for s, _ in self._plan.places if not s.is_dir()]
        if gone:
            raise WriteError(
                f"{gone[0]} was there when the run began, and has gone (a share that was unmounted?). Bring"
                " it back, and run this again with --resume.",
                path=task.targets[0],
                frame=task.frame,
            )

    def _note(self, entry: Entry, task: FrameTask, otherwise: str) -> None:
        if self.journal is None:
            return
        try:
            self.journal.add(entry)
        except OSError as error:
            raise WriteError(
                f"{otherwise} ({error.strerror or error}). A run with --resume does it again.",
                path=self.journal.path,
                frame=task.frame,
            ) from error

    def _kept(self, kept: Kept | None) -> tuple[str, ...]:
        """Keep a state beside the journal; without it a run that resumes begins further back."""
        if kept is None or self._memory is None or self.journal is None:
            return ()
        try:
            self._memory.keep(kept)
        except WriteError as error:
            return (f"the shot's state was not kept: {error}",)
        return ()

    def _preview(self, task: FrameTask, plate: Plate, alpha: FloatImage) -> tuple[str, ...]:
        """Write the frame's preview; what goes wrong is a note, since the matte itself is on disk."""
        if self._options.previews is None:
            return ()
        try:
            write_preview(preview_path(self._options.previews, task.targets[0]), plate, alpha)
        except Exception as error:
            return (str(frame_error(error, task)),)
        return ()


def _teller(report: Report, progress: Progress | None) -> Progress:
    def tell(result: FrameResult) -> None:
        report.add(result)
        if progress is not None:
            progress(result)

    return tell
