"""Who works on which frames of a folder: one run wins, the other says so, the dead are recovered.

A claim is a small file in `.flyaway/` that its run holds locked (flock) for as long as it lives; the
kernel lets go of the lock when the process dies, however it dies. Where claims come from other
machines, whose locks a file system may not show here, a claim also counts as alive while its owner
has touched it within the last minute.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyaway.errors import BusyError
from flyaway.frames.atomic import DISK, Disk
from flyaway.frames.sequence import frame_range, parse_frames

BEAT_SECONDS = 15.0
STALE_SECONDS = 60.0
_MAX_CLAIM = 1 << 20


@dataclass(frozen=True)
class Claim:
    """What a run holds: its file, and what it cleared away of dead runs."""

    path: Path
    recovered: tuple[str, ...]


@contextmanager
def claim(state: Path, name: str, keys: Sequence[int | None], disk: Disk = DISK) -> Iterator[Claim]:
    """Hold the frames `keys` of the output called `name` for the time of a run.

    Raises
    ------
    BusyError : a living run holds some of them.
    OSError : the folder cannot be written to.
    """
    new = not state.is_dir()
    disk.make_folder(state)
    if new:
        disk.share(state)
    mine = state / f"{name}.{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}.claim"
    frames = "" if any(key is None for key in keys) else frame_range([key for key in keys if key is not None])
    with _mutex(state / f"{name}.mutex", disk):
        descriptor = disk.open_append(mine, new=True)
        try:
            disk.share(mine)
            disk.lock(descriptor)
            recovered = _resolve_claims(state, name, mine, frames, disk)
            claim = {"host": socket.gethostname(), "pid": os.getpid(), "frames": frames}
            disk.append(descriptor, json.dumps(claim).encode())
        except BaseException:
            _drop(mine, descriptor, disk)
            raise
    ended = threading.Event()
    beat = threading.Thread(
        target=_beat, args=(mine, descriptor, ended, disk), name="flyaway-claim", daemon=True
    )
    beat.start()
    try:
        yield Claim(mine, tuple(recovered))
    finally:
        ended.set()
        beat.join()
        _drop(mine, descriptor, disk)


def _resolve_claims(state: Path, name: str, mine: Path, frames: str, disk: Disk) -> list[str]:
    """Look at the other claims: refuse where a living one overlaps, clear away the dead."""
    now = mine.stat().st_mtime  # by the file system's clock, not this machine's
    recovered = []
    for other in sorted(state.glob("*.claim")):
        if other == mine or not other.name.startswith(f"{name}."):
            continue
        claim = _read(other)
        owner = f"process {claim.get('pid', '?')} on {claim.get('host', '?')}"
        if _is_alive(other, claim, now, disk):
            if _overlap(frames, str(claim.get("frames", ""))):
                raise BusyError(
                    f"{owner} is at work on {name} in {state.parent}"
                    f" (frames {claim.get('frames') or 'all'}). It goes on; nothing was changed here."
                    f" If that machine is gone for good, remove {other}."
                )
        else:
            with contextlib.suppress(PermissionError):  # of another user, in a folder like /tmp: it is dead
                disk.remove(other)
            recovered.append(f"the lock of {owner}, which has died")
    return recovered


def _is_alive(path: Path, claim: dict[str, Any], now: float, disk: Disk) -> bool:
    locked: bool | None = None
    try:
        try:
            descriptor = os.open(path, os.O_RDWR)
        except PermissionError:  # somebody else's, on a disk that heeds mode bits
            silent = now - path.stat().st_mtime >= STALE_SECONDS
            return not silent
        try:
            locked = disk.lock(descriptor)
            silent = now - os.fstat(descriptor).st_mtime >= STALE_SECONDS
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return False
    if locked is False:
        return True
    # We could lock it. From this machine that is proof; from another one, or where there are no
    # locks, only with silence.
    elsewhere = claim.get("host", "") not in ("", socket.gethostname())
    return (elsewhere or locked is None) and not silent


def _overlap(first: str, second: str) -> bool:
    if not first or not second:
        return True
    try:
        return not set(parse_frames(first)).isdisjoint(parse_frames(second))
    except ValueError:
        return True


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            entries = json.loads(stream.read(_MAX_CLAIM))
    except (OSError, ValueError, RecursionError):
        return {}
    return entries if isinstance(entries, dict) else {}


def _drop(path: Path, descriptor: int, disk: Disk) -> None:
    # The name first: who opens it afterwards finds either nothing or a lock.
    try:
        with contextlib.suppress(OSError):
            disk.remove(path)
    finally:
        os.close(descriptor)


def _beat(path: Path, descriptor: int, ended: threading.Event, disk: Disk) -> None:
    while not ended.wait(BEAT_SECONDS):
        with contextlib.suppress(OSError):
            disk.touch(path, descriptor)


@contextmanager
def _mutex(path: Path, disk: Disk) -> Iterator[None]:
    """Only one process at a time looks at claims and makes one."""
    try:
        new = not path.exists()
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        if new:
            disk.share(path)
    except PermissionError:
        if not path.exists():
            raise
        descriptor = os.open(path, os.O_RDONLY)  # another user's, on a disk that heeds mode bits
    try:
        disk.lock(descriptor, wait=True)
        yield
    finally:
        os.close(descriptor)
