"""The journal: one line of JSON for each frame that is on disk and proven, added only after it is.

It lies in `.flyaway/` beside the mattes, one file for each range that was run, so that machines that
share a folder never write to the same one. A torn last line (the power went) is no line.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path, PurePath
from typing import Self

from flyaway.batch.places import Anchor
from flyaway.frames.atomic import DISK, Disk, WrittenFile
from flyaway.frames.sequence import FRAME_TOKEN, frame_range

STATE_FOLDER = ".flyaway"
# A line of a frame with a few outputs has some 500 bytes; a longer one is not ours.
_MAX_LINE = 1 << 16


@dataclass(frozen=True)
class Output:
    """A file that a line says is whole, as it is called from the folder that holds the journal's own."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """One frame that is done.

    Attributes
    ----------
    key : the frame's number, or the photograph's name.
    source : the plate, called like the outputs.
    source_bytes, source_mtime_ns : what it was when it was read.
    model, settings : hashes of the weights and of everything else that changes pixels.
    outputs : what was written; none in a line that only says that the frame is begun again, so that
        older lines about it no longer hold.
    coverage : the matte's mean.
    memory : what the frame remembers, by `flyaway.shot_place.Place.name`; "" for a still.
    engine : what ran the network; "" in lines of releases that did not say. Engines agree within a bound, so
        another one makes no frame stale, but it is told.
    at_ns : when the line was made; the latest of several journals' lines is the one that holds.
    """

    key: str
    source: str
    source_bytes: int
    source_mtime_ns: int
    model: str
    settings: str
    outputs: tuple[Output, ...]
    coverage: float | None = None
    memory: str = ""
    engine: str = ""
    at_ns: int = field(default_factory=time.time_ns)

    def line(self) -> bytes:
        """The entry as one line."""
        return json.dumps(asdict(self), ensure_ascii=True, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def parse(cls, line: bytes) -> Self | None:
        """The entry of a line, or None if the line is not whole."""
        if not line.endswith(b"\n") or len(line) > _MAX_LINE:
            return None
        try:
            values = json.loads(line)
            outputs = tuple(
                Output(str(item["path"]), int(item["bytes"]), str(item["sha256"]))
                for item in values.pop("outputs")
            )
            # Before journals had times: older than any that has one. What a later release adds is not ours.
            known = {name: values[name] for name in _FIELDS & values.keys()}
            entry = cls(outputs=outputs, **{"at_ns": 0, **known})
            sound = (
                isinstance(entry.key, str)
                and isinstance(entry.at_ns, int)
                and isinstance(entry.memory, str)
                and isinstance(entry.engine, str)
            )
            return entry if sound and not any("\0" in one.path for one in outputs) else None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None


_FIELDS = {one.name for one in fields(Entry)} - {"outputs"}


def output_of(written: WrittenFile, anchor: Anchor) -> Output:
    """How a journal calls a file that is on disk; `anchor` is the folder that the mattes lie in."""
    return Output(anchor.name(written.path), written.bytes, written.sha256)


def outputs_for(path: Path, entry: Entry | None, anchor: Anchor) -> tuple[Output, ...]:
    """What a line says of a file; more than one where it may be any of them.

    Known by its place; else by its name alone, since journals of earlier releases wrote some paths
    relative to the directory that the run was started in, and a part of a project may have been moved.
    """
    outputs = () if entry is None else entry.outputs
    place = anchor.key(path)
    exact = tuple(one for one in outputs if anchor.place(one.path) == place)
    return exact or tuple(one for one in outputs if PurePath(one.path).name == path.name)


def state_name(pattern: str) -> str:
    """A file name that stands for an output's pattern: `matte.####.exr` → `matte.@.exr`."""
    name = FRAME_TOKEN.sub("@", Path(pattern).name)
    return re.sub(r"[^\w.@+-]", "_", name)[-120:] or "frames"


def range_name(keys: Sequence[int | None]) -> str:
    """A file name for the frames of a run: `1001-1100`, `1001-1099x2` as fileseq says, or `all`."""
    if not keys or any(key is None for key in keys):
        return "all"
    text = frame_range([key for key in keys if key is not None])
    # A ragged list is long: its ends and its hash say which it is.
    if len(text) > 60:
        text = f"{text.split(',')[0]}~{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    return text.replace(",", "+")


class Journal:
    """A run's own journal, open for adding.

    Parameters
    ----------
    path : the file; made if it is not there.
    disk : where.
    """

    def __init__(self, path: Path, disk: Disk = DISK) -> None:
        self.path, self._disk = path, disk
        self._lock = threading.Lock()
        disk.make_folder(path.parent)
        existed = path.exists()
        self._descriptor = disk.open_append(path)
        try:
            if not existed:
                disk.share(path)
                disk.sync_folder(path.parent)
            size = os.fstat(self._descriptor).st_size
            os.lseek(self._descriptor, max(0, size - 1), os.SEEK_SET)
            # After a torn line, the next one must begin on its own.
            self._torn = size > 0 and os.read(self._descriptor, 1) != b"\n"
        except BaseException:
            os.close(self._descriptor)
            raise

    def add(self, entry: Entry) -> None:
        """Add a line and have it on disk. Raises OSError; then the entry is not to be relied upon."""
        with self._lock:
            line = b"\n" + entry.line() if self._torn else entry.line()
            self._torn = True
            self._disk.append(self._descriptor, line)
            self._torn = False

    def close(self) -> None:
        """Done adding."""
        with self._lock, contextlib.suppress(OSError):
            os.close(self._descriptor)


class JournalIndex:
    """What the journals of earlier runs say, latest line first; holds offsets, not lines.

    Parameters
    ----------
    state : the folder of journals.
    name : what `state_name` returned; all ranges are read.
    """

    def __init__(self, state: Path, name: str) -> None:
        self._files: list[Path] = []
        # key → (when, which file, where in it); nowhere (-1) for a frame that was begun again.
        self._where: dict[str, tuple[int, int, int]] = {}
        found = [
            path for path in state.glob("*.journal") if path.name.startswith(f"{name}.") and path.is_file()
        ]
        for path in sorted(found, key=lambda path: path.stat().st_mtime_ns):
            self._index(path)

    def _index(self, path: Path) -> None:
        number = len(self._files)
        self._files.append(path)
        offset = 0
        last: dict[str, tuple[int, int, int]] = {}
        with path.open("rb") as stream:
            for line in iter(lambda: stream.readline(_MAX_LINE + 1), b""):
                entry = Entry.parse(line)
                if entry is not None:
                    # Within a file the order is the truth; a clock may have been set back.
                    last[entry.key] = (entry.at_ns, number, offset if entry.outputs else -1)
                offset += len(line)
        for key, found in last.items():
            if found[0] >= self._where.get(key, (0,))[0]:
                self._where[key] = found

    def __len__(self) -> int:
        return sum(offset >= 0 for *_, offset in self._where.values())

    def knows(self, key: str) -> bool:
        """Whether a line of the frame is there, if only that it was begun again."""
        return key in self._where

    def get(self, key: str) -> Entry | None:
        """The latest entry of a frame; None also if it was begun again since, and not finished."""
        _, number, offset = self._where.get(key, (0, 0, -1))
        if offset < 0:
            return None
        with self._files[number].open("rb") as stream:
            stream.seek(offset)
            return Entry.parse(stream.readline(_MAX_LINE + 1))

    def entries(self) -> Iterator[Entry]:
        """Every frame's latest entry."""
        for key in self._where:
            entry = self.get(key)
            if entry is not None:
                yield entry
