"""Bakes on disk: a folder for each plate and settings, found again where the plate was moved.

Every bake's folder holds its mattes, small previews and a record, `bake.json`: the settings, and for
each frame what the plate was when it was matted. A plate that was moved finds its bake by that; one that
was copied is another plate, since its frames may be painted on and the first one's mattes must stay. Which
mattes still hold is for our program to say, which knows of masks, colour and weights too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from .errors import CacheError
from .job import Job, Request, Settings
from .record import (
    RECORD,
    STILL,
    Glimpse,
    Record,
    frame_numbers,
    glimpse,
    read_record,
    record_or_none,
    write_record,
)

_HEAD, _TAIL = 64 * 1024, 16 * 1024
_MOST_FOLDERS = 2000


class Cache:
    """The bakes below one folder.

    Parameters
    ----------
    root : where bakes are put; made when the first one is.
    """

    def __init__(self, root: Path) -> None:
        # Our program works in another folder than the host: a relative name would mean two places.
        self.root = root.absolute()

    def folder(self, title: str, source: str, frames: tuple[int, ...], settings: Settings) -> Path:
        """Where a bake of this plate with these settings is, or would go.

        Reads few bytes: it is called while somebody waits.
        """
        usual = self._usual(title, source, settings)
        if _is_bake_of(glimpse(usual), source, settings) and record_or_none(usual):
            return usual
        moved = None
        for folder, seen in self._glimpses():
            if seen.settings != settings.as_dict():
                continue
            if seen.source == source and record_or_none(folder):
                return folder
            if moved is None and _may_have_moved(seen, source, still=not frames):
                record = record_or_none(folder)
                moved = folder if record is not None and _has_moved(record, source) else None
        if moved is not None:
            return moved
        # The usual name is taken where this plate's bake has gone with it, and another was put in its place.
        folder, number = usual, 1
        while (folder / RECORD).exists():
            number += 1
            folder = usual.with_name(f"{usual.name}-{number}")
        return folder

    def _usual(self, title: str, source: str, settings: Settings) -> Path:
        signature = json.dumps([source, settings.as_dict()], sort_keys=True)
        name = re.sub(r"[^\w.-]+", "_", title).strip("._") or "plate"
        return self.root / f"{name[:60]}-{hashlib.sha256(signature.encode()).hexdigest()[:10]}"

    def _glimpses(self) -> Iterable[tuple[Path, Glimpse]]:
        """All bakes below the root, newest first; what cannot be read is passed over."""
        try:
            found = [entry.path for entry in os.scandir(self.root) if entry.is_dir()]
        except OSError:
            return
        newest = sorted(found, key=lambda path: Path(path).stat().st_mtime_ns, reverse=True)
        for path in newest[:_MOST_FOLDERS]:
            seen = glimpse(Path(path))
            if seen is not None:
                yield Path(path), seen

    @staticmethod
    def prepare(request: Request) -> None:
        """Before a run: note what the plates are, and no longer count on mattes of those that changed.

        Raises
        ------
        CacheError : the folder cannot be written, or holds the mattes of another plate that is still there.
        """
        before = record_or_none(request.folder)
        if before and before.source != request.source and not _has_moved(before, request.source):
            raise CacheError(
                f"{request.folder} holds the mattes of {before.source}. Press Bake on the node: it gives this"
                " plate a folder of its own."
            )
        try:
            request.folder.mkdir(parents=True, exist_ok=True)
            plates = dict(before.plates) if before else {}
            mattes = dict(before.mattes) if before else {}
            outdated = dict(before.outdated) if before else {}
            for key, path in _plates(request.source, request.frames):
                known = plates.get(key, "")
                # A plate that is not there (a drive is off line) is no reason to throw its matte away.
                now = identity(path, known) or known
                if known and not _same_content(known, now):
                    mattes.pop(key, None)
                    outdated[key] = _stat(_matte(request, key))
                plates[key] = now
            settings = request.settings.as_dict()
            write_record(Record(request.folder, request.source, settings, plates, mattes, outdated))
        except OSError as error:
            raise CacheError(f"{request.folder} cannot be used: {error.strerror or error}.") from error

    @staticmethod
    def adopt(folder: Path) -> Record:
        """Note mattes that somebody else made in `folder`: a farm, which knows our program and no record.

        Our program gives a matte its name only after it was read back, so one that is there is whole. One
        whose plate has changed since then counts only once it was written anew.

        Raises
        ------
        CacheError : it is no bake's folder, or cannot be written.
        """
        before = read_record(folder)
        written = Settings(output=before.output)
        request = Request("", before.source, tuple(frame_numbers(before.plates)), folder, written)
        there = {key: stat for key in before.plates if (stat := _stat(_matte(request, key)))}
        mattes = {key: stat for key, stat in there.items() if before.outdated.get(key) != stat}
        outdated = {key: stat for key, stat in before.outdated.items() if there.get(key) == stat}
        record = Record(folder, before.source, before.settings, before.plates, mattes, outdated)
        if mattes != before.mattes:
            try:
                write_record(record)
            except OSError as error:
                raise CacheError(
                    f"{folder / RECORD} cannot be written: {error.strerror or error}."
                ) from error
        return record

    @staticmethod
    def record(job: Job) -> None:
        """After a run: note which mattes are there; only those that our program reported as written.

        Raises
        ------
        CacheError : the folder cannot be written.
        """
        request = job.request
        record = record_or_none(request.folder)
        if record is None:
            return
        mattes, outdated = dict(record.mattes), dict(record.outdated)
        for frame, status in job.frames.items():
            key = STILL if frame is None else str(frame)
            stat = _stat(_matte(request, key))
            if status == "failed" or not stat:
                mattes.pop(key, None)
                outdated[key] = stat
            else:
                mattes[key] = stat
                outdated.pop(key, None)
        plates, settings = record.plates, record.settings
        try:
            write_record(Record(record.folder, record.source, settings, plates, mattes, outdated))
        except OSError as error:
            raise CacheError(
                f"{request.folder / RECORD} cannot be written: {error.strerror or error}."
            ) from error


def identity(path: Path, known: str = "") -> str:
    """What a file is: "size:mtime:digest of its beginning and end"; "" if it is not there.

    An EXR's header and last lines differ between any two renders; the whole of 8K plates is not read.
    A file with the size and time of `known` is taken to be that one.
    """
    try:
        stat = path.stat()
        if known.startswith(f"{stat.st_size}:{stat.st_mtime_ns}:"):
            return known
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_HEAD))
            if stat.st_size > _HEAD:
                file.seek(max(_HEAD, stat.st_size - _TAIL))
                digest.update(file.read(_TAIL))
    except OSError:
        return ""
    return f"{stat.st_size}:{stat.st_mtime_ns}:{digest.hexdigest()[:24]}"


def frame_path(pattern: str, frame: int) -> str:
    """A pattern's file for one frame: `%04d`, `####` or a plain name. A folder's name stands as it is."""
    folder, slash, name = pattern.rpartition("/")
    if re.search(r"%0?\d*d", name):
        name = re.sub(r"%0?(\d*)d", lambda match: str(frame).zfill(int(match.group(1) or 1)), name)
    else:
        name = re.sub(r"#+", lambda match: str(frame).zfill(len(match.group())), name)
    return f"{folder}{slash}{name}"


def _is_bake_of(seen: Glimpse | None, source: str, settings: Settings) -> bool:
    return seen is not None and (seen.source, seen.settings) == (source, settings.as_dict())


def _may_have_moved(seen: Glimpse, source: str, *, still: bool) -> bool:
    """Whether one of a bake's frames is in this place too."""
    if seen.plate is None or (seen.plate[0] == STILL) != still:
        return False
    key, known = seen.plate
    return _is_there(_plate(source, key), known)


def _has_moved(record: Record, source: str) -> bool:
    """Whether the whole plate of a bake is in this place now, and nothing of it is left in its own.

    As long as it is, it is a copy, and the bake belongs to what it was copied from.
    """
    known = {key: plate for key, plate in record.plates.items() if plate}
    return (
        bool(known)
        and all(_is_gone(_plate(record.source, key)) for key in known)
        and all(_is_there(_plate(source, key), plate) for key, plate in known.items())
    )


def _is_gone(path: Path) -> bool:
    """Whether a file is surely not there: a share that does not answer says nothing of its files."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _is_there(path: Path, known: str) -> bool:
    """Whether a file is what an identity says; a look at its size spares reading most that are not."""
    try:
        size = path.stat().st_size
    except OSError:
        return False
    return known.startswith(f"{size}:") and _same_content(known, identity(path, known))


def _same_content(first: str, second: str) -> bool:
    """Whether two identities are of the same bytes, whenever they were written."""
    one, two = first.split(":"), second.split(":")
    return len(one) == len(two) == 3 and (one[0], one[2]) == (two[0], two[2])


def _plates(source: str, frames: tuple[int, ...]) -> list[tuple[str, Path]]:
    if not frames:
        return [(STILL, Path(source))]
    return [(str(frame), _plate(source, str(frame))) for frame in frames]


def _plate(source: str, key: str) -> Path:
    return Path(source if key == STILL else frame_path(source, int(key)))


def _matte(request: Request, key: str) -> Path:
    return request.matte(None if key == STILL else int(key))


def _stat(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{stat.st_size}:{stat.st_mtime_ns}"
