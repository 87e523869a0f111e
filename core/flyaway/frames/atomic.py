"""How a file gets under its final name: never before it is whole, proven and on the disk itself.

Temporary file in the same folder → written (every return checked) → closed → decoded and compared →
fsync → rename → fsync of the folder, all of it through a `flyaway.frames.disk.Disk`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flyaway.errors import WriteError
from flyaway.frames.disk import DISK, Disk

__all__ = [
    "DISK",
    "Disk",
    "WrittenFile",
    "leads_nowhere",
    "part_path",
    "unfinished_files",
    "write_atomically",
    "write_text",
]

_PART = ".part"


@dataclass(frozen=True)
class WrittenFile:
    """A file that is whole, on disk, under its name.

    Attributes
    ----------
    path : its name.
    bytes : its size.
    sha256 : of what was decoded and found right.
    notes : what a user should know about it.
    """

    path: Path
    bytes: int
    sha256: str
    notes: tuple[str, ...] = ()


def part_path(path: Path) -> Path:
    """A new name for `path` while it is being written.

    Hidden, so that a folder scan does not take it for a frame; in the same folder, so that the rename is
    one step; with the same suffix, because OpenImageIO chooses the format by it.
    """
    return path.with_name(f".{path.stem}.{secrets.token_hex(4)}{_PART}{path.suffix}")


def leads_nowhere(path: Path) -> bool:
    """Whether a name is a link, and what it leads to is not there (on a disk that is not mounted now)."""
    return path.is_symlink() and not path.exists()


def unfinished_files(folder: Path) -> dict[Path, str]:
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


def write_atomically(
    path: Path,
    write: Callable[[Path], None],
    verify: Callable[[Path], None],
    *,
    frame: int | None = None,
    disk: Disk = DISK,
) -> WrittenFile:
    """Write a file so that its name never stands for anything less than the whole.

    Parameters
    ----------
    path : the final name; replaced if it exists.
    write : makes the file under the name that it is given.
    verify : reads it back and raises WriteError if it is not what was meant.
    frame : its number, for messages.
    disk : where.

    Raises
    ------
    WriteError : it could not be written or proven; what was at `path` before is untouched, unless
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
    return WrittenFile(path, size, digest)


def write_text(path: Path, text: str, disk: Disk = DISK) -> None:
    """Write a small text file in UTF-8, whole or not at all.

    Raises
    ------
    WriteError : it cannot be written.
    """
    data = text.encode()

    def verify(part: Path) -> None:
        if part.read_bytes() != data:
            raise WriteError("does not read back as it was written; is the disk sound?", path=path)

    write_atomically(path, lambda part: disk.write_bytes(part, data), verify, disk=disk)
