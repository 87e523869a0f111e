"""Which files a run reads and writes: one file, a folder, or a numbered sequence (fileseq)."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flyaway.errors import PatternError, UsageError
from flyaway.frames.formats import READABLE, is_readable, remedy
from flyaway.frames.movie import is_movie, probe
from flyaway.frames.options import WRITABLE, check_format, target_suffix
from flyaway.frames.reachable import reachable
from flyaway.frames.sequence import is_pattern, parse_frames, sequence_of, wildcard_hint


@dataclass(frozen=True)
class FrameJob:
    """One frame to do: a plate, and where its matte goes."""

    source: Path
    target: Path
    frame: int | None = None


@reachable()
def plan_frames(
    source: str | Path, destination: str | Path, frames: str | None = None, suffix: str | None = None
) -> list[FrameJob]:
    """Pair every plate with its matte, in order.

    Parameters
    ----------
    source : a file, a movie, a folder (every picture in it), or a frame pattern such as `plate.%04d.exr`,
        `plate.####.exr`, `plate.@@@@.exr` or `plate.$F4.exr`.
    destination : for a file, a file or folder; for a folder, a folder; for a pattern or a movie, a
        pattern or folder. In a folder every matte has its plate's name; in the plates' own,
        `NAME.matte.EXT`.
    frames : for a pattern or a movie (counted from 1), which frames (`1-10,20`, `1-100x5`); those found
        when None. Frames that are asked for but missing are planned all the same, and fail by name.
    suffix : the mattes' format in a folder (".exr", ".png", ".tif"); the plates' own where None and
        where that format holds a matte well.

    Raises
    ------
    PatternError : nothing matches, or the two do not fit together.
    UsageError : a plate would be overwritten, `frames` is given for what is no pattern, or `suffix`
        contradicts the destination's name.
    """
    check_format(destination, suffix)
    jobs = _planned(source, destination, frames, suffix)
    _check_targets(jobs)
    return jobs


@reachable()
def pair_frames(plates: str | Path, mattes: str | Path, frames: str | None = None) -> list[FrameJob]:
    """Pair plates with mattes that are there already, in order; a job's target is its matte.

    Parameters
    ----------
    plates : a file, a movie, a folder or a pattern, as for `plan_frames`.
    mattes : likewise; for a folder of plates a folder, in which a matte has its plate's stem.
    frames : for patterns and movies, which; None takes every frame of the plates. Mattes that are
        missing are paired all the same.

    Raises
    ------
    PatternError : nothing matches, or the two do not fit together.
    UsageError : `frames` is given for what is no pattern.
    """
    folder = Path(mattes)
    if not folder.is_dir() or is_pattern(mattes):
        return _planned(plates, mattes, frames, None)
    # A folder of mattes may be in another format than its plates.
    jobs = _planned(plates, folder, frames, None)
    return [FrameJob(job.source, _matte_in(folder, job.target), job.frame) for job in jobs]


def _matte_in(folder: Path, planned: Path) -> Path:
    suffixes = dict.fromkeys((planned.suffix, *WRITABLE))
    found = (folder / (planned.stem + suffix) for suffix in suffixes)
    return next((path for path in found if path.is_file()), planned)


def _planned(
    source: str | Path, destination: str | Path, frames: str | None, suffix: str | None
) -> list[FrameJob]:
    text, source_path, target_path = str(source), Path(source), Path(destination)
    if source_path.is_file() and is_movie(source_path):
        jobs = _movie_jobs(source_path, target_path, frames, suffix)
    elif source_path.is_file():
        _no_frames(frames, text)
        jobs = [FrameJob(source_path, _single_target(source_path, destination, suffix))]
    elif source_path.is_dir():
        _no_frames(frames, text)
        jobs = _folder_jobs(source_path, target_path, suffix)
    elif is_pattern(source_path):
        jobs = _sequence_jobs(text, target_path, frames, suffix)
    else:
        raise PatternError(
            f"{source} is not there: no such file or folder, and not a frame pattern.{wildcard_hint(text)}"
        )
    return jobs


def _no_frames(frames: str | None, source: str) -> None:
    if frames is not None:
        raise UsageError(f"--frames needs a frame pattern such as plate.%04d.exr; {source} is none.")


def _single_target(source: Path, destination: str | Path, suffix: str | None) -> Path:
    target = Path(destination)
    if is_pattern(target):
        raise PatternError(f"{target} is a pattern, but {source} is one file.")
    into_folder = target.is_dir() or str(destination).endswith(("/", os.sep)) or not target.suffix
    return target / _matte_name(source, suffix) if into_folder else target


def _folder_jobs(source: Path, target: Path, suffix: str | None) -> list[FrameJob]:
    if target.is_file() or is_pattern(target):
        raise PatternError(f"{source} is a folder, so its mattes need a folder too, not {target}.")
    if target.suffix.lower() in READABLE:
        raise PatternError(f"{target} names a file, but {source} is a folder; name a folder.")
    mark = ".matte" if target.resolve() == source.resolve() else ""
    found = [
        path
        for path in sorted(source.iterdir(), key=lambda path: _natural(path.name))
        # Among their plates mattes need a name of their own, and must not be plates the next time.
        if _may_be_plate(path) and not (mark and path.stem.endswith(mark))
    ]
    readable = [path for path in found if is_readable(path)]
    # A picture that cannot be read fails by name, unless one of the same name can: a raw file, its JPEG.
    stems = {path.stem for path in readable}
    unreadable = {path.stem: path for path in found if remedy(path) and path.stem not in stems}
    plates = {*readable, *unreadable.values()}
    if not plates:
        raise PatternError(f"{source} holds no picture ({', '.join(READABLE[:12])}, …).")
    return [FrameJob(path, target / _matte_name(path, suffix, mark)) for path in found if path in plates]


def _may_be_plate(path: Path) -> bool:
    hidden = path.name.startswith(".") or path.name.lower() in ("thumbs.db", "desktop.ini")
    return not hidden and path.is_file()


@reachable()
def passed_over(source: Path, jobs: Sequence[FrameJob]) -> list[str]:
    """What of a folder is no plate of a run, and why, in words; nothing of it is left out in silence."""
    taken = {job.source for job in jobs}
    stems = {path.stem for path in taken}
    targets = {job.target.resolve() for job in jobs}
    why: dict[str, list[str]] = {}
    for path in sorted(source.iterdir(), key=lambda path: _natural(path.name)):
        if path in taken or not _may_be_plate(path) or path.resolve() in targets:
            continue
        if is_movie(path):
            reason = "a movie, which is matted by itself"
        elif is_readable(path):
            reason = "a matte of an earlier run by its name"
        elif remedy(path):
            other = "a picture" if path.stem in stems else "another"
            reason = f"not read, and {other} of the same name was taken"
        else:
            reason = "no picture"
        why.setdefault(reason, []).append(path.name)
    return [f"{_few(names)}: {reason}" for reason, names in why.items()]


def _few(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _movie_jobs(source: Path, target: Path, frames: str | None, suffix: str | None) -> list[FrameJob]:
    length = probe(source).frames
    numbers = parse_frames(frames) if frames is not None else list(range(1, length + 1))
    if is_movie(target):
        raise PatternError(
            f"{target} is a movie: write the mattes as frames (-o matte.####.exr), then `flyaway movie`."
        )
    if is_pattern(target):
        output = sequence_of(target)
        targets = [output.frame(number) for number in numbers]
    elif target.suffix.lower() in READABLE and not target.is_dir():
        raise PatternError(f"{target} is one file for a movie; name a folder or a pattern.")
    else:
        targets = [target / f"{source.stem}.{number:04d}{suffix or '.exr'}" for number in numbers]
    return [FrameJob(source, *job) for job in zip(targets, numbers, strict=True)]


def _sequence_jobs(source: str, target: Path, frames: str | None, suffix: str | None) -> list[FrameJob]:
    pattern = sequence_of(source)
    numbers = parse_frames(frames) if frames is not None else pattern.asked()
    if numbers is None:
        numbers = pattern.on_disk()
    if not numbers:
        raise PatternError(f"No file on disk matches {source}.")
    plates = [pattern.frame(number) for number in numbers]
    if not any(path.is_file() for path in plates):
        raise PatternError(f"No frame of {source} is on disk{f' in {frames}' if frames else ''}.")
    if is_pattern(target):
        if target.suffix.lower() not in WRITABLE:
            raise PatternError(f"{target}: mattes are written as {', '.join(WRITABLE)}.")
        output = sequence_of(target)
        targets = [output.frame(number) for number in numbers]
    elif target.suffix.lower() in READABLE and not target.is_dir():
        raise PatternError(f"{target} is one file for a sequence; name a folder or a pattern.")
    else:
        targets = [target / _matte_name(path, suffix) for path in plates]
    return [FrameJob(*job) for job in zip(plates, targets, numbers, strict=True)]


def _matte_name(plate: Path, suffix: str | None, mark: str = "") -> str:
    return plate.stem + mark + (suffix or target_suffix(plate.suffix))


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort key by which frame 9 comes before frame 10."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part.lower()) for part in re.split(r"(\d+)", name)
    ]


def _check_targets(jobs: Sequence[FrameJob]) -> None:
    for job in jobs:
        if is_movie(job.target):
            raise PatternError(
                f"{job.target.name}: mattes are frames. Write them as matte.####.exr; `flyaway movie` then"
                " makes a movie of plates and mattes."
            )
        if job.target.suffix.lower() not in WRITABLE:
            raise PatternError(
                f"{job.target.name}: mattes are written as {', '.join(WRITABLE)};"
                " lossy and 8-bit formats hold a matte badly."
            )
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.target.resolve() in sources or same_file(job.target, job.source):
            raise UsageError(
                f"{job.target} is a plate: a matte would overwrite it. Name another destination."
            )
    repeated = [path for path, count in Counter(job.target for job in jobs).items() if count > 1]
    if repeated:
        clash = ", ".join(job.source.name for job in jobs if job.target == repeated[0])
        raise PatternError(f"{clash} would all be written to {repeated[0]}; give them different stems.")


def same_file(first: Path, second: Path) -> bool:
    """Whether two names are one file, through links or not; False where either is not there."""
    try:
        return first.samefile(second)
    except OSError:
        return False
