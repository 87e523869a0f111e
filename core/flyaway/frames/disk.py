"""Everything a run does to a disk, through one object, so that tests can put a failing one in its place.

File systems differ in what they offer: a network share, a drive mount or FUSE may know no sync of a
folder, no locks, no exclusive creation. What is not offered is noted once (`Disk.lacks`) and lived
without; what fails (a full disk, a broken one, a mount that has gone) is raised.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

import OpenImageIO as oiio

_CHUNK = 1 << 20
# How file systems say that they know no such thing. EPERM and EINVAL are among FUSE's and SMB's ways.
NOT_OFFERED = frozenset({errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL, errno.EPERM, errno.ENOSYS})
# Of a folder also: it cannot be opened, or only to be listed; of locks: there is no lock service.
_NO_FOLDER_SYNC = NOT_OFFERED | {errno.EACCES, errno.EISDIR, errno.EBADF}
_NO_LOCKS = NOT_OFFERED | {errno.ENOLCK, errno.EBADF}

LACKS_SYNC = "files cannot be synced there: after a power cut, run it again"
LACKS_FOLDER_SYNC = "folders cannot be synced there: after a power cut, run it again"
LACKS_LOCKS = "there are no file locks there: another run is noticed by a file that it touches every 15 s"
LACKS_EXCLUSIVE = "files cannot be created exclusively there: names are told apart by chance alone"
LACKS_APPEND = "files cannot be opened for appending there: the journal is written at its known end"
LACKS_TIMES = "times cannot be set there: a run shows that it is alive by writing instead"


class Disk:
    """What a run needs of a disk. Each method raises OSError where it could not be done.

    Attributes
    ----------
    lacks : what some file system did not offer so far, in words for people.
    """

    def __init__(self) -> None:
        self.lacks: dict[str, None] = {}

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
        """A file to add to; `new` says that it must not be there yet (its name holds a random part)."""
        flags = os.O_RDWR | os.O_CREAT
        ways: list[tuple[int, tuple[str, ...]]] = [(os.O_APPEND, ()), (0, (LACKS_APPEND,))]
        if new:
            ways = [(way | os.O_EXCL, lacks) for way, lacks in ways] + [
                (way, (*lacks, LACKS_EXCLUSIVE)) for way, lacks in ways
            ]
        for way, lacks in ways:
            try:
                descriptor = self._open(path, flags | way)
            except OSError as error:
                if error.errno not in NOT_OFFERED or not (flags | way) & (os.O_APPEND | os.O_EXCL):
                    raise
                continue
            self.lacks.update(dict.fromkeys(lacks))
            return descriptor
        raise AssertionError("the last way raises")

    def append(self, descriptor: int, data: bytes) -> None:
        """Add to an open file, and have it on disk before returning."""
        os.lseek(descriptor, 0, os.SEEK_END)
        if os.write(descriptor, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._offered(lambda: self._fsync(descriptor), LACKS_SYNC)

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
            self._offered(lambda: self._fsync(descriptor), LACKS_SYNC)
        finally:
            os.close(descriptor)

    def replace(self, part: Path, path: Path) -> None:
        """Give a file its final name, in one step."""
        part.replace(path)

    def sync_folder(self, path: Path) -> None:
        """Have a folder's names on the disk itself."""
        if os.name == "nt":  # a folder cannot be opened there; NTFS journals names itself
            return
        self._offered(lambda: self._sync_open_folder(path), LACKS_FOLDER_SYNC, _NO_FOLDER_SYNC)

    def remove(self, path: Path) -> None:
        """Delete a file that may be gone already."""
        path.unlink(missing_ok=True)

    def lock(self, descriptor: int, *, wait: bool = False) -> bool | None:
        """Lock an open file; False if another holds it, None where the file system has no locks."""
        try:
            offered = self._offered(lambda: self._flock(descriptor, wait=wait), LACKS_LOCKS, _NO_LOCKS)
        except BlockingIOError:
            return False
        return True if offered else None

    def touch(self, path: Path, descriptor: int) -> None:
        """Give an open file the present time, as the file system tells it."""
        if not self._offered(lambda: self._utime(path), LACKS_TIMES):
            os.lseek(descriptor, 0, os.SEEK_END)
            os.write(descriptor, b" ")

    def can_write_in(self, folder: Path) -> bool:
        """Whether files can be made in a folder; where mode bits say no, one is: they may mean nothing."""
        if os.access(folder, os.W_OK | os.X_OK):
            return True
        probe = folder / f".flyaway-{secrets.token_hex(6)}"
        try:
            os.close(self._open(probe, os.O_RDWR | os.O_CREAT))
        except OSError:
            return False
        with contextlib.suppress(OSError):
            probe.unlink()
        return True

    def can_write_to(self, path: Path) -> bool:
        """Whether a file that is there can be added to."""
        if os.access(path, os.W_OK):
            return True
        try:
            os.close(self._open(path, os.O_RDWR))
        except OSError:
            return False
        return True

    def share(self, path: Path) -> None:
        """Let whoever may write in a folder write to what was made in it; a umask knows nothing of that."""
        if os.name == "nt":
            return
        with contextlib.suppress(OSError):  # a file system without mode bits lets everybody write, or nobody
            own, around = path.stat().st_mode, stat.S_IMODE(path.parent.stat().st_mode)
            # Whom the folder does not let write gets nothing: what a umask kept private stays so.
            writers = (0o070 if around & 0o020 else 0) | (0o007 if around & 0o002 else 0)
            wanted = stat.S_IMODE(own) | (around & writers & (0o777 if stat.S_ISDIR(own) else 0o666))
            if wanted != stat.S_IMODE(own):
                path.chmod(wanted)

    # What a file system may not offer, one call each, for tests to answer.

    def _open(self, path: Path, flags: int) -> int:
        return os.open(path, flags, 0o666)

    def _fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def _utime(self, path: Path) -> None:
        os.utime(path)

    def _flock(self, descriptor: int, *, wait: bool) -> None:
        if os.name == "nt":
            import msvcrt

            how = msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK  # type: ignore[attr-defined,unused-ignore]
            try:
                msvcrt.locking(descriptor, how, 1)  # type: ignore[attr-defined,unused-ignore]
            except OSError as error:  # EACCES, EDEADLOCK: another has it, and did not let go
                raise BlockingIOError(*error.args) from error
            return
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def _sync_open_folder(self, path: Path) -> None:
        descriptor = self._open(path, os.O_RDONLY)
        try:
            self._fsync(descriptor)
        finally:
            os.close(descriptor)

    def _offered(self, call: Callable[[], object], lack: str, answers: frozenset[int] = NOT_OFFERED) -> bool:
        """Do what a file system may not offer; False if it says so. What fails otherwise is raised."""
        try:
            call()
        except OSError as error:
            if error.errno not in answers:
                raise
            self.lacks[lack] = None
            return False
        return True


DISK = Disk()
