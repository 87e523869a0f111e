"""`--skip-existing`: what is whole is kept, whatever made it; another kind of picture is never replaced."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flyaway.errors import OtherKindError, ReadError, WriteError
from flyaway.frames.atomic import leads_nowhere
from flyaway.frames.existing import check_existing
from flyaway.frames.read import read_header

if TYPE_CHECKING:
    from flyaway.batch.plan import Plan
    from flyaway.batch.report import FrameTask

# Why a frame is done that was never done before: nothing to tell anyone.
NEW = "new"


@dataclass(frozen=True)
class Standing:
    """A frame's files on disk: why it is done (again), "" where they will do; what of them is otherwise."""

    why: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell of a frame that is kept."""
        if not self.remarks:
            return ()
        return (f"kept as it is, where --resume would do it again: {'; '.join(self.remarks)}",)


def standing_of(task: FrameTask, plan: Plan, part: str | None, made_with: Mapping[str, str]) -> Standing:
    """Look at a frame's files, each decoded in full.

    Parameters
    ----------
    task, plan : the frame, and how its files are written.
    part : of the plate.
    made_with : see `check_existing`.

    Raises
    ------
    OtherKindError : one of them is whole, and is something else.
    ReadError : the plate is there, and cannot be read.
    """
    there = [path.is_file() for path in task.targets]
    if not any(there):
        return Standing(NEW)
    # A good matte of a plate that has gone is what was asked for, as in a run that resumes.
    header = read_header(task.source, task.frame, part) if task.source.is_file() else None
    why, remarks = "", list[str]()
    for path, write, is_there in zip(task.targets, plan.writes, there, strict=True):
        if not is_there:
            why = why or f"{path.name} is missing"
            continue
        try:
            remarks += check_existing(path, header, write, made_with)
        except OtherKindError:
            raise
        except ReadError as error:
            why = why or f"{path.name}: {error.args[0]}"
    return Standing(why, tuple(dict.fromkeys(remarks)))


def kept_as_another(error: OtherKindError, frame: int | None) -> WriteError:
    """The error of a frame in whose place is a whole picture of another kind."""
    return WriteError(
        f"is whole, and no such picture as is asked for ({error.args[0]}): it is kept. Name another output,"
        " or replace it with --overwrite.",
        path=error.path,
        frame=frame,
    )


def refuse_links_to_nowhere(task: FrameTask) -> None:
    """Never put a file in the place of a link: what it leads to may be on a disk that is not mounted now.

    Raises
    ------
    WriteError : naming which.
    """
    for path in task.targets:
        if leads_nowhere(path):
            raise WriteError(
                f"is a link to {path.readlink()}, which is not there: it is kept. Bring that back, move the"
                " link away, or replace it with --overwrite.",
                path=path,
                frame=task.frame,
            )
