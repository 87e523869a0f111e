"""What a run cannot do with its plates, seen by the first one's header: before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flyaway.batch.report import FrameTask
from flyaway.errors import FrameError, UsageError
from flyaway.frames import library
from flyaway.frames.beside import refusal
from flyaway.frames.movie import is_movie
from flyaway.frames.options import WriteOptions
from flyaway.frames.read import check_header, read_header
from flyaway.frames.trust import trusted

if TYPE_CHECKING:
    from flyaway.batch.plan import Plan
    from flyaway.frames.read import ReadOptions


def unreadable(plan: Plan, options: ReadOptions) -> str:
    """Why the first plate has no such part or layer as is asked for, by its header alone; "" where it has.

    One that cannot be read at all is that frame's own affair.
    """
    task = next((task for task in plan.tasks if task.source.is_file()), None)
    if task is None or not _has_header(task):
        return ""
    try:
        check_header(task.source, task.frame, options)
    except FrameError as error:
        return str(error)
    return ""


def unwritable(plan: Plan, part: str | None) -> str:
    """Why mattes cannot be beside the plates' channels, or "": else each frame says so after the network.

    Frames of a sequence are alike, so its first plate speaks for it; photographs are asked until one can.
    """
    found = (_first_refusal(plan, part, write) for write in plan.writes if write.output == "beside")
    return next((why for why in found if why), "")


def check_writable(plan: Plan, part: str | None) -> None:
    """Raise where `unwritable` says why.

    Raises
    ------
    UsageError : naming the plate, and what to do.
    """
    why = unwritable(plan, part)
    if why:
        raise UsageError(why)


def _has_header(task: FrameTask) -> bool:
    try:
        read_header(task.source, task.frame)
    except FrameError:
        return False
    return True


def _first_refusal(plan: Plan, part: str | None, write: WriteOptions) -> str:
    first = ""
    for task in plan.tasks:
        why = _refusal(task, part, write)
        if why is None:
            continue
        if not why or task.frame is not None:
            return why
        first = first or why
    return first


def _refusal(task: FrameTask, part: str | None, write: WriteOptions) -> str | None:
    """Why a plate cannot have its matte beside it, "" where it can; None where it cannot be read at all."""
    if not task.source.is_file():
        return None
    try:
        why = _header_refusal(task.source, task.frame, part, write)
    except FrameError:
        return None
    return "" if why is None else f"{task.source}: {why}"


def _header_refusal(path: Path, frame: int | None, part: str | None, write: WriteOptions) -> str | None:
    if is_movie(path):
        return refusal(read_header(path, frame), "movie", write)
    source = library.open_input(path, frame, part)
    try:
        name = source.format_name()
        return refusal(trusted(source.spec(), name, path)[0], name, write)
    finally:
        source.close()
