"""A run over frames: read, matte, write, report. One frame that fails does not stop the others.

Reading ahead and writing behind happen in one thread each, so the network rarely waits for a disk;
never more than two plates and two mattes are held beside the one being matted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from flyaway.color import FloatImage
from flyaway.errors import FrameError, PatternError, ReadError
from flyaway.frames.options import check_options
from flyaway.frames.patterns import FrameJob
from flyaway.frames.preview import preview_path, write_preview
from flyaway.frames.read import Plate, ReadOptions, read_header, read_plate
from flyaway.frames.write import WriteOptions, check_existing, is_premultiplied, write_matte

if TYPE_CHECKING:
    from flyaway.matting import Matting

_AHEAD = 1
_BEHIND = 2

Existing = Literal["refuse", "overwrite", "skip"]
Status = Literal["written", "skipped", "failed"]


class ExitCode(IntEnum):
    """What the process says when it ends."""

    OK = 0  # every requested frame is on disk and was read back
    USAGE = 1  # bad arguments, no input, no weights, no such device: nothing was started
    FAILED = 2  # some frames failed
    INTERRUPTED = 130  # Ctrl-C or SIGTERM; what is on disk is whole


@dataclass(frozen=True)
class RunOptions:
    """How a run goes.

    Attributes:
        in_space: the plates' colour space where their files do not say.
        write: how mattes are written.
        existing: what to do about mattes that are there already; "skip" proves that they are whole.
        refine: False stops after the coarse stage.
        previews: where small pictures of the frames go, for a host's panel; None for none.
        read: which part, layer and OCIO configuration.
    """

    in_space: str | None = None
    write: WriteOptions = field(default_factory=WriteOptions)
    existing: Existing = "refuse"
    refine: bool = True
    previews: Path | None = None
    read: ReadOptions = field(default_factory=ReadOptions)


@dataclass(frozen=True)
class FrameResult:
    """What became of one frame.

    Attributes:
        job: the frame.
        status: "written" (and verified), "skipped" (there, and verified), or "failed".
        seconds: in the network.
        notes: what a user should know.
        error: why it failed.
    """

    job: FrameJob
    status: Status
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: FrameError | None = None


@dataclass(frozen=True)
class Report:
    """What became of a run."""

    results: tuple[FrameResult, ...]
    requested: int
    interrupted: bool = False

    @property
    def failed(self) -> tuple[FrameResult, ...]:
        """The frames that failed, in order."""
        return tuple(result for result in self.results if result.status == "failed")

    @property
    def exit_code(self) -> ExitCode:
        """See `ExitCode`."""
        if self.interrupted:
            return ExitCode.INTERRUPTED
        return ExitCode.FAILED if self.failed or len(self.results) < self.requested else ExitCode.OK


def matte_frames(
    matting: Matting,
    jobs: Sequence[FrameJob],
    options: RunOptions | None = None,
    progress: Callable[[FrameResult], None] | None = None,
) -> Report:
    """Matte every frame.

    Args:
        matting: from `flyaway.load`.
        jobs: from `flyaway.frames.plan_frames`.
        options: see `RunOptions`.
        progress: called in this thread with each result, in the order of `jobs`.

    Returns:
        A report; an interrupt (KeyboardInterrupt) ends the run early, and the report says so.

    Raises:
        PatternError: mattes are there already, and `options.existing` is "refuse". Nothing was started.
    """
    options = options or RunOptions()
    for job in jobs:  # found now, not after hours of matting
        check_options(job.target, options.write)
    if options.existing == "refuse":
        _refuse_existing(jobs)
    run = _Run(matting, options, progress)
    interrupted = False
    with ThreadPoolExecutor(1, "flyaway-read") as reader, ThreadPoolExecutor(1, "flyaway-write") as writer:
        ahead: deque[tuple[FrameJob, Future[Plate | FrameResult]]] = deque()
        waiting = iter(jobs)
        try:
            for job in waiting:
                ahead.append((job, reader.submit(run.prepare, job)))
                if len(ahead) > _AHEAD:
                    run.step(*ahead.popleft(), writer)
            while ahead:
                run.step(*ahead.popleft(), writer)
            run.drain(0)
        except KeyboardInterrupt:
            interrupted = True
            for _, future in ahead:
                future.cancel()
            # What is being written is finished, so that nothing half-done is left behind.
            run.drain(0)
    return Report(tuple(run.results), len(jobs), interrupted)


class _Run:
    """The state of one `matte_frames`: results so far, and mattes on their way to disk."""

    def __init__(
        self, matting: Matting, options: RunOptions, progress: Callable[[FrameResult], None] | None
    ) -> None:
        self.results: list[FrameResult] = []
        self._matting = matting
        self._options = options
        self._progress = progress
        self._behind: deque[Future[FrameResult]] = deque()
        self._provenance = {
            "model": matting.info.name,
            "licence": matting.info.licence,
            "device": matting.device,
            "stages": "coarse and refiner" if options.refine else "coarse",
            "channel": options.write.channel,
        }

    def prepare(self, job: FrameJob) -> Plate | FrameResult:
        """In the reader's thread: the plate, or the result if there is nothing left to do."""
        try:
            if self._options.existing == "skip" and _is_whole(job, self._options, self._provenance):
                return FrameResult(job, "skipped")
            return read_plate(job.source, self._options.in_space, job.frame, options=self._options.read)
        except Exception as error:
            return FrameResult(job, "failed", error=_frame_error(error, job))

    def step(self, job: FrameJob, future: Future[Plate | FrameResult], writer: ThreadPoolExecutor) -> None:
        """In the caller's thread: matte one plate and hand it to the writer."""
        plate = future.result()
        if isinstance(plate, FrameResult):
            self._behind.append(writer.submit(lambda: plate))
        else:
            try:
                pixels, encoding = plate.for_matting()
                started = time.perf_counter()
                alpha = self._matting(pixels, encoding=encoding, refine=self._options.refine).alpha
                seconds = time.perf_counter() - started
                self._behind.append(writer.submit(self._write, job, plate, alpha, seconds))
            except Exception as error:
                failure = FrameResult(job, "failed", error=_frame_error(error, job))
                self._behind.append(writer.submit(lambda: failure))
        self.drain(_BEHIND)

    def drain(self, keep: int) -> None:
        """Wait until no more than `keep` mattes are on their way, and report the others in order."""
        while len(self._behind) > keep:
            result = self._behind.popleft().result()
            self.results.append(result)
            if self._progress is not None:
                self._progress(result)

    def _write(self, job: FrameJob, plate: Plate, alpha: FloatImage, seconds: float) -> FrameResult:
        try:
            notes = write_matte(job.target, alpha, plate, self._options.write, self._provenance)
        except Exception as error:
            return FrameResult(job, "failed", seconds, error=_frame_error(error, job))
        return FrameResult(job, "written", seconds, plate.notes + notes + self._preview(job, plate, alpha))

    def _preview(self, job: FrameJob, plate: Plate, alpha: FloatImage) -> tuple[str, ...]:
        """Write the frame's preview; what goes wrong is a note, since the matte itself is on disk."""
        if self._options.previews is None:
            return ()
        try:
            write_preview(preview_path(self._options.previews, job.target), plate, alpha)
        except Exception as error:
            return (str(_frame_error(error, job)),)
        return ()


def _frame_error(error: Exception, job: FrameJob) -> FrameError:
    """Any failure of one frame, as the error that names it."""
    if isinstance(error, FrameError):
        return error
    said = str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        said = f"not enough memory ({said})"
    failure = FrameError(said, path=job.source, frame=job.frame)
    failure.__cause__ = error
    return failure


def _refuse_existing(jobs: Sequence[FrameJob]) -> None:
    existing = [job.target for job in jobs if job.target.exists()]
    if existing:
        others = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise PatternError(
            f"{existing[0]}{others} exist already. Use --overwrite to replace them, or --skip-existing"
            " to keep those that are whole."
        )


def _is_whole(job: FrameJob, options: RunOptions, provenance: Mapping[str, str]) -> bool:
    """Whether the matte is there from an earlier run and can be trusted; a broken one is done again."""
    if not job.target.exists():
        return False
    header = read_header(job.source, job.frame, options.read.part)
    try:
        made_with = {key: provenance[key] for key in ("model", "stages", "channel")}
        if options.write.output == "rgba":
            straight = not is_premultiplied(job.target, options.write)
            made_with["colour"] = "straight" if straight else "premultiplied"
        check_existing(job.target, header, options.write.output, made_with)
    except ReadError:
        return False
    return True
