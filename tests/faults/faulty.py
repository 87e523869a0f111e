"""A disk that fails on command, at any of its operations, in every way that disks and machines do.

After "kill" nothing that the run still tries changes anything, as if the process were gone. "power" also
takes what was not synced: bytes of files, and names in folders.
"""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import threading
from pathlib import Path
from typing import Any

import OpenImageIO as oiio

from flyaway.frames.atomic import Disk

KINDS = ("kill", "power", "enospc", "full", "eio", "short", "silent", "rot", "unreadable")
# Kinds after which the process goes on; for these the run itself must say what became of each frame.
SURVIVED = KINDS[2:]


# What some file systems do not offer.
OFFERED = ("folder sync", "file sync", "locks", "exclusive creation", "appending", "times")


class Killed(BaseException):
    """The process is gone."""


class FaultyDisk(Disk):
    """Fails at its `at`-th operation.

    Args:
        kind: one of `KINDS`, "count" (never fails), or "sigkill" (the process really kills itself).
        at: which operation, from 0.
        seed: for how much of a write arrives, and what a power cut takes.
        lacking: what its file system answers with `answer`, always: of `OFFERED`.
        answer: an errno.
    """

    def __init__(self, kind: str, at: int, seed: int, lacking: str = "", answer: int = 0) -> None:
        super().__init__()
        self.lacking, self.answer = lacking, answer
        self.answered = 0
        self.kind, self.at = kind, at
        self.random = random.Random(seed)
        self.operations: list[str] = []
        self.dead = self.struck = False
        self._lock = threading.RLock()
        self._loose_bytes: set[Path] = set()
        self._loose_names: list[tuple[Path, Path, bytes | None]] = []

    # What can happen to any operation.

    def strike(self, what: str) -> bool:
        """Count an operation; True if this one is to go wrong in a way of its own."""
        with self._lock:
            if self.dead:
                raise Killed
            number = len(self.operations)
            self.operations.append(what)
            if self.kind == "full" and number > self.at and what in ("append", "image", "bytes", "folder"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if number != self.at:
                return False
            self.struck = True
            if self.kind == "sigkill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.kind in ("kill", "power"):
                if self.kind == "power":
                    self._cut_power()
                self.dead = True
                raise Killed
            if self.kind in ("enospc", "full"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if self.kind == "eio" or (self.kind == "unreadable" and what in ("read", "decode")):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return self.kind != "count"

    def _cut_power(self) -> None:
        for part, path, before in reversed(self._loose_names):
            if self.random.random() < 0.5 and path.exists():
                path.replace(part)
                if before is not None:
                    path.write_bytes(before)
        for path in sorted(self._loose_bytes):
            if path.exists():
                os.truncate(path, self.random.randrange(path.stat().st_size + 1))

    def _garble(self, path: Path) -> None:
        """Bytes that did not arrive, or not as they were sent."""
        size = path.stat().st_size
        if size and self.kind == "rot":
            with path.open("r+b") as stream:
                stream.seek(self.random.randrange(size))
                byte = stream.read(1)
                stream.seek(-1, os.SEEK_CUR)
                stream.write(bytes([byte[0] ^ 0x55]))
        elif size:
            os.truncate(path, self.random.randrange(size))

    # The operations.

    def make_folder(self, path: Path) -> None:
        self.strike("folder")
        super().make_folder(path)

    def image_output(self, path: Path) -> Any:
        self.strike("create")
        self._loose_bytes.add(path)
        return _FaultyOutput(self, path)

    def write_bytes(self, path: Path, data: bytes) -> None:
        short = self.strike("bytes")
        self._loose_bytes.add(path)
        super().write_bytes(path, data)
        if short:
            self._garble(path)

    def open_append(self, path: Path, *, new: bool = False) -> int:
        self.strike("open")
        return super().open_append(path, new=new)

    def append(self, descriptor: int, data: bytes) -> None:
        try:
            short = self.strike("append")
        except Killed:
            # Some of it may have arrived, if the process died in the middle of this one.
            if self.operations[-1] == "append" and len(self.operations) - 1 == self.at:
                os.write(descriptor, data[: self.random.randrange(len(data) + 1)])
            raise
        if short:
            os.write(descriptor, data[: self.random.randrange(len(data))])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().append(descriptor, data)

    def sha256(self, path: Path) -> str:
        self.strike("hash")
        return super().sha256(path)

    def sync(self, path: Path) -> None:
        self.strike("sync")
        super().sync(path)
        self._loose_bytes.discard(path)

    def replace(self, part: Path, path: Path) -> None:
        self.strike("rename")
        with self._lock:
            before = path.read_bytes() if path.exists() else None
            super().replace(part, path)
            self._loose_names.append((part, path, before))
            if part in self._loose_bytes:
                self._loose_bytes.discard(part)
                self._loose_bytes.add(path)

    def sync_folder(self, path: Path) -> None:
        self.strike("sync folder")
        super().sync_folder(path)
        with self._lock:
            self._loose_names = [loose for loose in self._loose_names if loose[1].parent != path]

    def remove(self, path: Path) -> None:
        self.strike("remove")
        super().remove(path)

    # What a file system may not offer.

    def _unless_lacking(self, what: str) -> None:
        if what == self.lacking:
            self.answered += 1
            raise OSError(self.answer, os.strerror(self.answer))

    def _open(self, path: Path, flags: int) -> int:
        if flags & os.O_EXCL:
            self._unless_lacking("exclusive creation")
        if flags & os.O_APPEND:
            self._unless_lacking("appending")
        return super()._open(path, flags)

    def _fsync(self, descriptor: int) -> None:
        folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        self._unless_lacking("folder sync" if folder else "file sync")
        super()._fsync(descriptor)

    def _flock(self, descriptor: int, *, wait: bool) -> None:
        self._unless_lacking("locks")
        super()._flock(descriptor, wait=wait)

    def _utime(self, path: Path) -> None:
        self._unless_lacking("times")
        super()._utime(path)


class _FaultyOutput:
    """An OpenImageIO writer on a faulty disk: says False like the real one, or lies like a bad disk."""

    def __init__(self, disk: FaultyDisk, path: Path) -> None:
        self._disk, self._path = disk, path
        self._real = oiio.ImageOutput.create(str(path))
        self._problem = ""
        self._garble = False

    def open(self, *arguments: Any) -> bool:
        return self._call("open", lambda: self._real.open(*arguments))

    def write_image(self, pixels: Any) -> bool:
        return self._call("image", lambda: self._real.write_image(pixels))

    def close(self) -> bool:
        closed = self._call("close", self._real.close)
        if self._garble and self._path.exists():
            self._disk._garble(self._path)
        return closed

    def geterror(self) -> str:
        return self._problem or self._real.geterror()

    def _call(self, what: str, do: Any) -> bool:
        try:
            strange = self._disk.strike(what)
        except OSError as error:
            # This is how the library tells of it; what it had written stays, in part.
            self._problem, self._garble = str(error), what == "image"
            if what == "close":
                self._real.close()
            return False
        done = bool(do())
        if strange:
            self._garble = True
            if what == "close" and self._path.exists():
                self._disk._garble(self._path)
            if self._disk.kind == "short":
                self._problem = "short write"
                return what == "close"  # as OpenImageIO does: write_image says False, close says True
        return done
