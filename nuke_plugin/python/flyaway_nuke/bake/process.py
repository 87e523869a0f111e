"""Our command line as a process beside the host: started, listened to, asked to stop.

No call here waits: two threads read what it says into a queue, and the host's own timer takes it out.
"""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from typing import IO

from .errors import LauncherError
from .launcher import creation_flags

# Windows: a process group of its own, so that the request to stop reaches it and not the host.
_NEW_GROUP = 0x00000200


class Process:
    """One run.

    Parameters
    ----------
    command : program and arguments; never a shell's line.
    environment : from `launcher.clean_environment`.
    folder : where it works.

    Raises
    ------
    LauncherError : it cannot be started.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: str) -> None:
        self.command = tuple(command)
        self.returncode: int | None = None
        self._lines: queue.Queue[str] = queue.Queue()
        # Kept for the message, should it end without a word of its own.
        self.last_words: collections.deque[str] = collections.deque(maxlen=20)
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 -- the program that the user named, no shell
                list(command),
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # A Ctrl-C in the host's terminal is the host's affair.
                start_new_session=os.name != "nt",
                creationflags=creation_flags() | (_NEW_GROUP if os.name == "nt" else 0),
            )
        except OSError as error:
            raise LauncherError(f"{command[0]} cannot be started: {error.strerror or error}.") from error
        self._readers = [
            threading.Thread(target=self._read, args=(stream,), name="flyaway-bake", daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        return int(self._process.pid)

    def lines(self) -> list[str]:
        """What was said since the last call, in order within each stream."""
        lines = []
        with contextlib.suppress(queue.Empty):
            while True:
                lines.append(self._lines.get_nowait())
        return lines

    def over(self) -> bool:
        """Whether it has ended and everything it said can be had by one more `lines()`."""
        if self.returncode is None and not any(reader.is_alive() for reader in self._readers):
            # A grandchild may hold the pipes open no longer than this; poll() never waits.
            self.returncode = self._process.poll()
        return self.returncode is not None

    def stop(self) -> None:
        """Ask it to finish the frame in hand and end; what is on disk stays whole."""
        if self._process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            if os.name == "nt":
                self._process.send_signal(signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined,unused-ignore]
            else:
                self._process.terminate()

    def kill(self) -> None:
        """End it at once. A frame that was being written is left under a temporary name, never its own."""
        if self._process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            if os.name == "nt":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end (in a terminal, never in a host's main thread); whether it came."""
        for reader in self._readers:
            reader.join(timeout)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return self.over()

    def _read(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            return
        with stream:
            for raw in iter(stream.readline, b""):
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                if line:
                    self.last_words.append(line)
                    self._lines.put(line)
