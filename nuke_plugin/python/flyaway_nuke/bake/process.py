"""Our command line as a process beside the host: started, listened to, asked to stop.

No call here waits: two threads read what it says into a queue, and the host's own timer takes it out.

What was started need not be our program itself: studios put wrappers around it. So signals go to all that
descends from it, and the end of a wrapper is not taken for the end of the bake. Our program holds one end
of a pipe as its standard input, and ends by itself once nobody holds the other: a host that dies takes its
bake with it, however it dies.
"""

from __future__ import annotations

import collections
import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

from .errors import LauncherError
from .launcher import creation_flags

# Windows: a process group of its own, so that the request to stop reaches it and not the host.
_NEW_GROUP = 0x00000200
# Our program heeds its standard input where this is set; see docs/batch.md.
_HEEDS_STDIN = {"FLYAWAY_ENDS_WITH_STDIN": "1"}


class Process:
    """One run.

    Parameters
    ----------
    command : program and arguments; never a shell's line.
    environment : from `launcher.clean_environment`.
    folder : where it works.
    grace : seconds of silence after which what a wrapper left behind is ended too; after a stop 30 at most.

    Raises
    ------
    LauncherError : it cannot be started.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: str, grace: float = 600.0
    ) -> None:
        self.command = tuple(command)
        self.returncode: int | None = None
        self._grace, self._asked, self._killed = grace, False, False
        self._lines: queue.Queue[str] = queue.Queue()
        # Kept for the message, should it end without a word of its own.
        self.last_words: collections.deque[str] = collections.deque(maxlen=20)
        try:
            self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603 -- the program that the user named, no shell
                list(command),
                env={**environment, **_HEEDS_STDIN},
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # A Ctrl-C in the host's terminal is the host's affair.
                start_new_session=os.name != "nt",
                creationflags=creation_flags() | (_NEW_GROUP if os.name == "nt" else 0),
            )
        except OSError as error:
            raise LauncherError(f"{command[0]} cannot be started: {error.strerror or error}.") from error
        self._heard = time.monotonic()
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
        if self.returncode is None:
            ended = self._process.poll()  # never waits
            if ended is not None and (not self._is_heard() or self._is_abandoned()):
                self._hang_up()
                self.returncode = ended
        return self.returncode is not None

    def stop(self) -> None:
        """Ask it to finish the frame in hand and end; what is on disk stays whole."""
        self._asked = True
        if os.name == "nt":
            with contextlib.suppress(OSError):
                self._process.send_signal(signal.CTRL_BREAK_EVENT)  # type: ignore[attr-defined,unused-ignore]
            # A program without a window need not share the console that the signal goes by.
            self._hang_up()
        else:
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once. A frame that was being written is left under a temporary name, never its own."""
        self._asked = self._killed = True
        if os.name == "nt":
            self._kill_tree()
        else:
            self._signal(signal.SIGKILL)
        # Whoever left the group is asked in the only way that is left.
        self._hang_up()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for the end (in a terminal, never in a host's main thread); whether it came."""
        until = None if timeout is None else time.monotonic() + timeout
        for wait in (*(reader.join for reader in self._readers), self._process.wait):
            left = None if until is None else max(0.0, until - time.monotonic())
            with contextlib.suppress(subprocess.TimeoutExpired):
                wait(left)
        return self.over()

    def _is_heard(self) -> bool:
        """Whether anyone could still say something: our program, or what it or a wrapper started."""
        return any(reader.is_alive() for reader in self._readers)

    def _is_abandoned(self) -> bool:
        """Whether a wrapper has ended, and what it left behind says nothing more; it is then ended too."""
        # A net that is loaded, or a large frame, may take minutes without a word.
        grace = min(self._grace, 2.0 if self._killed else 30.0) if self._asked else self._grace
        if time.monotonic() - self._heard < grace:
            return False
        self.kill()
        return True

    def _signal(self, number: int) -> None:
        """Send a signal to all in the process group, which may outlive the process that it is named after."""
        # Its number is free for others once it has ended and nobody of the group is left.
        if self._process.poll() is None or self._is_heard():
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, number)

    def _kill_tree(self) -> None:
        """Windows has no groups to end. The parents' numbers lead to the children while the parent lives."""
        if self._process.poll() is None:
            with contextlib.suppress(OSError, subprocess.SubprocessError):
                subprocess.run(  # noqa: S603 -- Windows' own
                    ["taskkill", "/F", "/T", "/PID", str(self._process.pid)],  # noqa: S607
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=5,
                    check=False,
                    creationflags=creation_flags(),
                )
            with contextlib.suppress(OSError):
                self._process.kill()

    def _hang_up(self) -> None:
        """Let go of its standard input."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()

    def _read(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            return
        with stream:
            for raw in iter(stream.readline, b""):
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                self._heard = time.monotonic()
                if line:
                    self.last_words.append(line)
                    self._lines.put(line)
