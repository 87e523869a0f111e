"""What a plan will cost, before it is begun: frames, pixels, bytes, and on request seconds."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyaway.batch.journal import Past
from flyaway.batch.plan import Plan, Step
from flyaway.errors import FrameError
from flyaway.frames.read import read_header

if TYPE_CHECKING:
    from flyaway.matting import Matting

# What an uncompressed value has: mattes are half or 16 bits unless asked otherwise.
_BYTES_PER_VALUE = 2


@dataclass(frozen=True)
class Cost:
    """What a shot asks for.

    Attributes:
        frames: requested.
        known: of these, the journal of an earlier run knows (a run that resumes proves them).
        missing: of these, without a plate on disk.
        chunks, handles: pieces, and frames that are matted before them and not written.
        width, height: of the first plate that is there.
        bytes_in: the plates' files together.
        bytes_out: the mattes' at most, without compression.
        bytes_free: on the output's disk.
    """

    frames: int
    known: int
    missing: int
    chunks: int
    handles: int
    width: int
    height: int
    bytes_in: int
    bytes_out: int
    bytes_free: int

    @property
    def todo(self) -> int:
        """Frames that will be read and matted, as far as can be told without looking into files."""
        return self.frames - self.known - self.missing

    def as_json(self) -> dict[str, Any]:
        """The cost as plain JSON values."""
        return {**vars(self), "todo": self.todo}


def cost_of(plan: Plan, *, remembers: bool = False) -> Cost:
    """Add up a plan by looking at names, sizes and one header."""
    state, name = plan.places[0]
    past = Past(state, name) if state.is_dir() else None
    missing = known = bytes_in = 0
    size: tuple[int, int, int] | None = None
    for task in plan.tasks:
        if not task.source.is_file():
            missing += 1
            continue
        bytes_in += task.source.stat().st_size
        if past is not None and past.get(task.key) and all(path.is_file() for path in task.targets):
            known += 1
        if size is None:
            size = _size(Step(task))
    width, height, channels = size or (0, 0, 0)
    values = sum({"matte": 1, "rgba": 4}.get(write.output, channels + 1) for write in plan.writes)
    steps = list(plan.steps(remembers=remembers)) if remembers else []
    return Cost(
        frames=len(plan.tasks),
        known=known,
        missing=missing,
        chunks=len(plan.chunks()),
        handles=sum(step.task.warm for step in steps),
        width=width,
        height=height,
        bytes_in=bytes_in,
        bytes_out=(len(plan.tasks) - known) * width * height * values * _BYTES_PER_VALUE,
        bytes_free=_free(plan.tasks[0].targets[0].parent),
    )


def seconds_a_frame(matting: Matting, width: int, height: int) -> float:
    """How long the network takes for a drawn frame of this size, here and now (the second of two)."""
    from flyaway.doctor import sample_plate

    plate = sample_plate(height, width)
    matting(plate, encoding="srgb")
    started = time.perf_counter()
    matting(plate, encoding="srgb")
    return time.perf_counter() - started


def _size(step: Step) -> tuple[int, int, int] | None:
    try:
        spec = read_header(step.task.source, step.task.frame)
    except FrameError:
        return None
    return spec.width, spec.height, spec.nchannels


def _free(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
