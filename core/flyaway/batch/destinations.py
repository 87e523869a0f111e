"""Where a run may write: found out before anything is matted, and refused with what is in the way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from flyaway.batch.report import FrameTask
from flyaway.errors import JobError, PatternError
from flyaway.frames.disk import DISK
from flyaway.frames.reachable import reachable


@reachable()
def check_destination(folder: Path) -> Path:
    """Refuse, before anything is matted, a folder that cannot be made or written to.

    Returns
    -------
    The nearest folder on the way to it that is there.

    Raises
    ------
    PatternError : naming what is in the way.
    """
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        if nearest.is_symlink():
            raise PatternError(
                f"{folder} cannot be a folder: {nearest} is a link to {nearest.readlink()}, where nothing"
                " is. Make that folder, or name another destination."
            )
        nearest = nearest.parent
    if not nearest.is_dir():
        raise PatternError(f"{folder} cannot be a folder: {nearest} is a file. Name another destination.")
    if not DISK.can_write_in(nearest):
        raise PatternError(
            f"{folder} cannot be written to: {nearest} does not allow it. {let_in(nearest, all_in_it=False)}"
        )
    return nearest


def check_state(state: Path, journal: Path) -> None:
    """Refuse a run whose journal cannot be kept: what it would write there is somebody else's alone.

    Parameters
    ----------
    state : the folder of an output's journals; one that is not there will be made.
    journal : the run's own.

    Raises
    ------
    PatternError : naming what is in the way.
    """
    if not state.exists():
        return
    if not state.is_dir():
        raise PatternError(f"{state} is a file, where runs keep their journals. Move it away.")
    if not DISK.can_write_in(state):
        raise PatternError(f"{state}, where runs keep their journals, cannot be written to. {let_in(state)}")
    if journal.exists() and not DISK.can_write_to(journal):
        raise PatternError(f"{journal}, the journal of these frames, cannot be written to. {let_in(state)}")


def let_in(folder: Path, *, all_in_it: bool = True) -> str:
    """What to do about a folder that does not let somebody write; of a run's state, all in it."""
    how = "chmod -R a+rwX" if all_in_it else "chmod a+rwx"
    return f"Its owner can let you ({how} '{folder}'); or name another folder."


def absent(paths: Iterable[Path]) -> set[Path]:
    """The files of some that are not there, by listing their folders once."""
    there: dict[Path, set[str]] = {}
    found = set()
    for path in paths:
        if path.parent not in there:
            there[path.parent] = set()
            with contextlib.suppress(OSError):
                there[path.parent] = {entry.name for entry in os.scandir(path.parent)}
        # A name may be spelled in other ways on the disk than in the listing.
        if path.name not in there[path.parent] and not path.is_file():
            found.add(path)
    return found


def check_apart(name: str, tasks: Sequence[FrameTask]) -> None:
    """Refuse outputs of one shot that are one file in any of its frames, however they are spelled.

    Patterns of different padding meet late: m.####.exr and m.%d.exr do at frame 1000.

    Raises
    ------
    JobError : naming the file.
    """
    if len(tasks[0].targets) < 2:
        return
    taken: dict[tuple[str, str], int] = {}
    real: dict[str, str] = {}  # once a folder: there may be a hundred thousand frames
    for task in tasks:
        for index, path in enumerate(task.targets):
            folder, file = os.path.split(path)
            if folder not in real:
                real[folder] = os.path.realpath(folder)
            if taken.setdefault((real[folder], file), index) != index:
                where = "" if task.frame is None else f" in frame {task.frame}"
                raise JobError(
                    f"{name}: two outputs would be written to {path}{where}; give one of them another name."
                )
