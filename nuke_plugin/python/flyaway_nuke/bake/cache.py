"""Bakes on disk: found again by what the plate and the settings are, not by what it was called.

Every bake's folder holds its mattes, small previews and a record, `bake.json`: the settings, and for
each frame what the plate was when it was matted. So a plate that was moved or copied finds its bake; a
frame that was rendered anew is matted anew, and only that one; a longer range adds to what is there.
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
from .record import RECORD, STILL, Record, frame_numbers, read_record, record_or_none, write_record

_HEAD, _TAIL = 64 * 1024, 16 * 1024
_MOST_FOLDERS = 2000


class Cache:
    """The bakes below one folder.

    Parameters
    ----------
    root : where bakes are put; made when the first one is.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, title: str, source: str, frames: tuple[int, ...], settings: Settings) -> Path:
        """Where a bake of this plate with these settings is, or would go.

        Looks at three frames' contents only: it is called while somebody waits.
        """
        sample = {key: identity(path) for key, path in _plates(source, _some(frames)) if path.is_file()}
        moved = None
        for record in self._records():
            if record.settings != settings.as_dict():
                continue
            if record.source == source:
                return record.folder
            if sample and all(_same_content(record.plates.get(key, ""), now) for key, now in sample.items()):
                moved = moved or record.folder
        if moved is not None:
            return moved
        signature = json.dumps([source, settings.as_dict()], sort_keys=True)
        name = re.sub(r"[^\w.-]+", "_", title).strip("._") or "plate"
        return self.root / f"{name[:60]}-{hashlib.sha256(signature.encode()).hexdigest()[:10]}"

    def _records(self) -> Iterable[Record]:
        """All bakes below the root, newest first; what cannot be read is passed over."""
        try:
            found = [entry.path for entry in os.scandir(self.root) if entry.is_dir()]
        except OSError:
            return
        newest = sorted(found, key=lambda path: Path(path).stat().st_mtime_ns, reverse=True)
        for path in newest[:_MOST_FOLDERS]:
            try:
                yield read_record(Path(path))
            except CacheError:
                continue

    @staticmethod
    def prepare(request: Request) -> None:
        """Before a run: note what the plates are, and no longer count on mattes of those that changed.

        Raises
        ------
        CacheError : the folder cannot be written.
        """
        try:
            request.folder.mkdir(parents=True, exist_ok=True)
            before = record_or_none(request.folder)
            plates = dict(before.plates) if before else {}
            mattes = dict(before.mattes) if before else {}
            for key, path in _plates(request.source, request.frames):
                known = plates.get(key, "")
                # A plate that is not there (a drive is off line) is no reason to throw its matte away.
                now = identity(path, known) or known
                if known and not _same_content(known, now):
                    mattes.pop(key, None)
                plates[key] = now
            settings = request.settings.as_dict()
            write_record(Record(request.folder, request.source, settings, plates, mattes))
        except OSError as error:
            raise CacheError(f"{request.folder} cannot be used: {error.strerror or error}.") from error

    @staticmethod
    def complete(request: Request) -> bool:
        """Whether every frame asked for is there, untouched since it was verified. After `prepare`."""
        record = record_or_none(request.folder)
        return record is not None and all(
            record.mattes.get(key) == _stat(_matte(request, key)) != ""
            for key, _ in _plates(request.source, request.frames)
        )

    @staticmethod
    def adopt(folder: Path) -> Record:
        """Note mattes that somebody else made in `folder`: a farm, which knows our program and no record.

        Our program gives a matte its name only after it was read back, so one that is there is whole.

        Raises
        ------
        CacheError : it is no bake's folder, or cannot be written.
        """
        before = read_record(folder)
        written = Settings(output=before.output)
        request = Request("", before.source, tuple(frame_numbers(before.plates)), folder, written)
        mattes = {key: stat for key in before.plates if (stat := _stat(_matte(request, key)))}
        record = Record(folder, before.source, before.settings, before.plates, mattes)
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
        mattes = dict(record.mattes)
        for frame, status in job.frames.items():
            key = STILL if frame is None else str(frame)
            stat = _stat(_matte(request, key))
            if status == "failed" or not stat:
                mattes.pop(key, None)
            else:
                mattes[key] = stat
        try:
            write_record(Record(record.folder, record.source, record.settings, record.plates, mattes))
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
    """A pattern's file for one frame: `%04d`, `####` or a plain name."""
    if re.search(r"%0?\d*d", pattern):
        return re.sub(r"%0?(\d*)d", lambda match: str(frame).zfill(int(match.group(1) or 1)), pattern)
    return re.sub(r"#+", lambda match: str(frame).zfill(len(match.group())), pattern)


def _same_content(first: str, second: str) -> bool:
    """Whether two identities are of the same bytes, whenever they were written."""
    one, two = first.split(":"), second.split(":")
    return len(one) == len(two) == 3 and (one[0], one[2]) == (two[0], two[2])


def _plates(source: str, frames: tuple[int, ...]) -> list[tuple[str, Path]]:
    if not frames:
        return [(STILL, Path(source))]
    return [(str(frame), Path(frame_path(source, frame))) for frame in frames]


def _some(frames: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted({frames[0], frames[len(frames) // 2], frames[-1]})) if frames else ()


def _matte(request: Request, key: str) -> Path:
    return request.matte(None if key == STILL else int(key))


def _stat(path: Path) -> str:
    try:
        stat = path.stat()
    except OSError:
        return ""
    return f"{stat.st_size}:{stat.st_mtime_ns}"
