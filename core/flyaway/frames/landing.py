"""How a file gets under its final name: never before it is whole, proven and on the disk itself.

Temporary file in the same folder → written (every return checked) → closed → decoded and compared →
fsync → rename → fsync of the folder. Every change that a run makes to a disk goes through a `Disk`,
so that tests can put a failing one in its place.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import OpenImageIO as oiio

from flyaway.errors import WriteError

_CHUNK = 1 << 20
_PART = ".part"


@dataclass(frozen=True)
class Landed:
    """A file that is whole, on disk, under its name.

    Attributes:
        path: its name.
        bytes: its size.
        sha256: of what was decoded and found right.
        notes: what a user should know about it.
    """

    path: Path
    bytes: int
    sha256: str
    notes: tuple[str, ...] = ()


class Disk:
    """Everything a run does to a disk. Each method raises OSError where it could not be done."""

    def make_folder(self, path: Path) -> None:
        """Make a folder and those above it, each one's name on disk before anything lies in it."""
        missing = []
        while not path.is_dir():
            missing.append(path)
            path = path.parent
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            self.sync_folder(folder.parent)

    def image_output(self, path: Path) -> oiio.ImageOutput | None:
        """An OpenImageIO writer; its open, write_image and close say by their return what failed."""
        return oiio.ImageOutput.create(str(path))

    def write_bytes(self, path: Path, data: bytes) -> None:
        """A whole small file."""
        path.write_bytes(data)

    def open_append(self, path: Path, *, new: bool = False) -> int:
        """A file to add to; `new` says that it must not be there yet."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        return os.open(path, flags | os.O_EXCL if new else flags, 0o666)

    def append(self, descriptor: int, data: bytes) -> None:
        """Add to an open file, and have it on disk before returning."""
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)

    def sha256(self, path: Path) -> str:
        """The hash of a file's bytes."""
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    def sync(self, path: Path) -> None:
        """Have a closed file's bytes on the disk itself, not in a cache."""
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, part: Path, path: Path) -> None:
        """Give a file its final name, in one step."""
        part.replace(path)

    def sync_folder(self, path: Path) -> None:
        """Have a folder's names on the disk itself."""
        if os.name == "nt":  # a folder cannot be opened there; NTFS journals names itself
            return
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def remove(self, path: Path) -> None:
        """Delete a file that may be gone already."""
        path.unlink(missing_ok=True)


DISK = Disk()


def part_path(path: Path) -> Path:
    """A new name for `path` while it is being written.

    Hidden, so that a folder scan does not take it for a frame; in the same folder, so that the rename is
    one step; with the same suffix, because OpenImageIO chooses the format by it.
    """
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}{_PART}{path.suffix}")


def parts_of(folder: Path) -> dict[Path, str]:
    """Temporary files in a folder → the name each was meant to get."""
    found: dict[Path, str] = {}
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            stem, suffix = Path(entry.name).stem, Path(entry.name).suffix
            if entry.name.startswith(".") and stem.endswith(_PART):
                final, _, token = stem[1 : -len(_PART)].rpartition(".")
                if final and len(token) == 8:
                    found[Path(entry.path)] = final + suffix
    return found


def land(
    path: Path,
    write: Callable[[Path], None],
    verify: Callable[[Path], None],
    *,
    frame: int | None = None,
    disk: Disk = DISK,
) -> Landed:
    """Write a file so that its name never stands for anything less than the whole.

    Args:
        path: the final name; replaced if it exists.
        write: makes the file under the name that it is given.
        verify: reads it back and raises WriteError if it is not what was meant.
        frame: its number, for messages.
        disk: where.

    Raises:
        WriteError: it could not be written or proven; what was at `path` before is untouched, unless
            only the very last step failed, the folder's own fsync.
    """
    part = part_path(path)
    try:
        disk.make_folder(path.parent)
        write(part)
        verify(part)
        size = part.stat().st_size
        digest = disk.sha256(part)
        disk.sync(part)
        disk.replace(part, path)
        disk.sync_folder(path.parent)
    except OSError as error:
        raise WriteError(f"cannot be written: {error.strerror or error}.", path=path, frame=frame) from error
    finally:
        with contextlib.suppress(OSError):
            disk.remove(part)
    return Landed(path, size, digest)
