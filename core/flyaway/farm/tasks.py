"""A job cut into tasks: one shot's chunk each, as the command line that does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flyaway.batch.job import Job, Shot, plan_job
from flyaway.batch.plan import Plan
from flyaway.errors import JobError
from flyaway.frames.sequence import frame_range
from flyaway.weights import model_info

DEFAULT_CHUNK = 50


@dataclass(frozen=True)
class ShotTasks:
    """A shot's tasks.

    Attributes
    ----------
    shot : the shot.
    frames : its whole range, or "" where it has no frame numbers (a folder, a photograph).
    chunks : ranges, one for each task; [""] where there are no numbers.
    size : frames in a chunk.
    handles : frames before each chunk.
    handle_frames : how many that makes together, where the model has a memory; each is run and not written.
    """

    shot: Shot
    frames: str
    chunks: tuple[str, ...]
    size: int
    handles: int
    handle_frames: int = 0


def cut(job: Job, chunk: int | None = None, handles: int | None = None) -> list[ShotTasks]:
    """Cut every shot into chunks.

    Parameters
    ----------
    job : what to do; its plates are looked at. Who hands it in need not be let write where the mattes go.
    chunk : frames a task; the shot's own, or 50, when None.
    handles : frames before each chunk for a model with a memory; the shot's own when None.

    Raises
    ------
    JobError : a shot cannot be run.
    """
    return [_cut(shot, plan, chunk, handles) for shot, plan in plan_job(job, to_write=False)]


def command(
    job_file: Path,
    tasks: ShotTasks,
    frames: str,
    *,
    program: Sequence[str] = ("flyaway",),
    progress: str = "lines",
) -> list[str]:
    """The command line of one task."""
    words = [*program, "batch", str(job_file), "--shot", tasks.shot.name, "--resume", "--progress", progress]
    if frames:
        words += ["--frames", frames, "--chunk", str(tasks.size), "--handles", str(tasks.handles)]
    return words


def check_plain(name: str) -> str:
    """A shot's name where an engine has a syntax of its own around it.

    Raises
    ------
    JobError : it holds more than letters, digits and `_ . -`.
    """
    if not name or not all(character.isalnum() or character in "_.-" for character in name):
        raise JobError(f"{name!r}: on a farm a shot's name has letters, digits, '_', '.' and '-' alone.")
    return name


def _cut(shot: Shot, plan: Plan, chunk: int | None, handles: int | None) -> ShotTasks:
    check_plain(shot.name)
    size = (shot.chunk if chunk is None else chunk) or DEFAULT_CHUNK
    numbers = [task.frame for task in plan.tasks if task.frame is not None]
    if len(numbers) < len(plan.tasks):
        return ShotTasks(shot, "", ("",), size, 0)
    handles = shot.handles if handles is None else handles
    cut_so = replace(plan, chunk=size, handles=handles)
    remembers = model_info(shot.model).remembers and not shot.stills
    pieces = [numbers[start : start + size] for start in range(0, len(numbers), size)]
    return ShotTasks(
        shot,
        frame_range(numbers),
        tuple(frame_range(piece) for piece in pieces),
        size,
        handles,
        cut_so.handle_frames() if remembers else 0,
    )
