"""What a plan will cost, before it is begun: frames, pixels, bytes, and on request seconds."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import OpenImageIO as oiio

from flyaway.batch.foresight import judge, rehearse
from flyaway.batch.journal import JournalIndex
from flyaway.batch.places import absolute
from flyaway.batch.plan import Plan
from flyaway.batch.raw import RAW_BYTES, raw_path
from flyaway.batch.report import FrameTask
from flyaway.batch.resume import weights_hash
from flyaway.errors import FrameError
from flyaway.frames.compose import default_depth
from flyaway.frames.options import CHANNELS
from flyaway.frames.read import read_header
from flyaway.frames.sequence import frame_range
from flyaway.weights import ModelInfo

if TYPE_CHECKING:
    from flyaway.batch.options import RunOptions
    from flyaway.matting import Matting

_BYTES = {"half": 2, "float": 4, "uint8": 1, "uint16": 2}


@dataclass(frozen=True)
class Cost:
    """What a shot asks for.

    Attributes
    ----------
    frames : requested.
    known : of these, the journal of an earlier run knows (a run that resumes proves them), made with the
        same weights; none where all are to be done again.
    missing : of these, without a plate on disk.
    chunks : pieces.
    handles, replays : frames that are run for the shot's memory alone, and not written: before a range or
        chunk, and again of its own.
    width, height : of the first plate that is there.
    bytes_in : the plates' files together; a movie counts once.
    bytes_out : the mattes' at most, without compression, as if every frame of a sequence were of the
        first one's size.
    bytes_free : on the output's disk; None where its file system does not say.
    stale : why frames that an earlier run made are to be done again → which, as a range or names.
    folders : the mattes' folders → what of `bytes_out` goes there.
    """

    frames: int
    known: int
    missing: int
    chunks: int
    handles: int
    replays: int
    width: int
    height: int
    bytes_in: int
    bytes_out: int
    bytes_free: int | None
    folders: dict[str, int] = field(default_factory=dict)
    stale: dict[str, str] = field(default_factory=dict)

    @property
    def todo(self) -> int:
        """Frames that will be read and matted, as far as can be told without looking into files."""
        return self.frames - self.known - self.missing

    @property
    def runs(self) -> int:
        """Frames that the network will run on: those to do, and those for the memory's sake."""
        return self.todo + self.handles + self.replays

    def as_json(self) -> dict[str, Any]:
        """The cost as plain JSON values."""
        return {**vars(self), "todo": self.todo, "runs": self.runs}


def cost_of(
    plan: Plan,
    *,
    options: RunOptions | None = None,
    info: ModelInfo | None = None,
) -> Cost:
    """Add up a plan by looking at names, sizes and one header; in a folder of photographs, at each.

    Parameters
    ----------
    plan : the frames.
    options : how they are run; what an earlier run did with others is to be done.
    info : the model; frames that other weights made are not known then, but to be done.
    """
    model = None if info is None else weights_hash(info)
    part, raw = (None, "") if options is None else (options.read.part, options.finish.raw)
    state, name = plan.places[0]
    past = JournalIndex(state, name) if state.is_dir() else None
    overwrites = options is not None and options.replaces
    shot = None if info is None or options is None else rehearse(plan, options, info, past)
    why_not = None if options is None else judge(plan, options, None if shot is None else shot.memory)
    missing = known = handles = replays = 0
    folders: dict[str, int] = {}
    sources: dict[Path, int] = {}
    stale: dict[str, list[FrameTask]] = {}
    first: oiio.ImageSpec | None = None
    for task in plan.tasks:
        if not task.source.is_file():
            missing += 1
            continue
        sources[task.source] = task.source.stat().st_size
        entry = None if past is None or overwrites else past.get(task.key)
        made = entry is not None and model in (None, entry.model)
        why = why_not(task, entry) if why_not and entry and made and _all_there(task) else ""
        if why:
            stale.setdefault(why, []).append(task)
        if made and not why and _all_there(task):
            known += 1
            spec = None
        elif task.frame is None or first is None:
            spec = _header(task, part)
        else:
            spec = first
        first = first or spec
        if spec is not None and shot is not None and task.frame is not None:
            reached = shot.run(task.frame)
            handles, replays = handles + reached.handles, replays + reached.replays
        for target, size in _bytes_of(spec, plan, task, raw) if spec is not None else ():
            folders[absolute(target.parent)] = folders.get(absolute(target.parent), 0) + size
    if first is None:  # all is known: the size is reported all the same
        there = next((task for task in plan.tasks if task.source.is_file()), None)
        first = None if there is None else _header(there, part)
    width, height = (first.width, first.height) if first is not None else (0, 0)
    return Cost(
        frames=len(plan.tasks),
        known=known,
        missing=missing,
        chunks=len(plan.chunks()),
        handles=handles,
        replays=replays,
        width=width,
        height=height,
        bytes_in=sum(sources.values()),
        bytes_out=sum(folders.values()),
        bytes_free=disk_of(plan.tasks[0].targets[0].parent)[1],
        folders=folders,
        stale={why: _named(tasks) for why, tasks in stale.items()},
    )


def _all_there(task: FrameTask) -> bool:
    return all(path.is_file() for path in task.targets)


def _named(tasks: list[FrameTask]) -> str:
    """Frames as a range, photographs by their names."""
    numbers = [task.frame for task in tasks if task.frame is not None]
    return frame_range(numbers) if numbers else ", ".join(task.source.name for task in tasks)


def seconds_a_frame(matting: Matting, width: int, height: int, *, refine: bool = True) -> float:
    """How long the network takes for a drawn frame of this size, here and now (the second of two)."""
    from flyaway.pictures.drawn import sample_plate

    plate = sample_plate(height, width)
    matting(plate, encoding="srgb", refine=refine)
    started = time.perf_counter()
    matting(plate, encoding="srgb", refine=refine)
    return time.perf_counter() - started


def _header(task: FrameTask, part: str | None) -> oiio.ImageSpec | None:
    try:
        return read_header(task.source, task.frame, part)
    except FrameError:
        return None


def _bytes_of(plate: oiio.ImageSpec, plan: Plan, task: FrameTask, raw: str) -> list[tuple[Path, int]]:
    """What each of a frame's mattes has, uncompressed; one that is kept raw, too."""
    found = []
    if raw:
        found.append((raw_path(raw, task), int(plate.width * plate.height * RAW_BYTES)))
    for write, target in zip(plan.writes, task.targets, strict=True):
        if write.output == "beside":
            # The plate's own channels as they are; asked for natively, each has its own type.
            values = plate.pixel_bytes(native=True) + _BYTES[write.depth or "half"] * (1 + write.added)
        else:
            kind = write.depth or default_depth(target.suffix.lower(), str(plate.format), write.output)
            values = _BYTES[kind] * (CHANNELS[write.output] + write.added)
        found.append((target, int(plate.width * plate.height * values)))
    return found


def disk_of(folder: str | Path) -> tuple[object, int | None]:
    """Which disk a folder is (or would be) on, and what is free there.

    Returns
    -------
    A key that is the same for one disk, and bytes; None where its file system does not say.
    """
    folder = Path(folder)
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return str(folder), None
    # A share that does not know its size says 0 of 0.
    return folder.stat().st_dev, usage.free if usage.total else None
