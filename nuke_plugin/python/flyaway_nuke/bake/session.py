"""All bakes of a host's session: one runs, the others wait; the host's timer moves them on.

One at a time, since two nets on one GPU are slower than one after the other, and may not fit at all.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping

from .cache import Cache
from .errors import BakeError
from .events import read_line
from .job import Job, Request
from .launcher import Cli, clean_environment, find_cli
from .process import Process

Listener = Callable[[Job], None]


class Session:
    """The bakes, in the order in which they were asked for.

    Parameters
    ----------
    environ : the host's environment.
    host : the host's own folder, whose library paths our program must not see.
    find : how our program is found; asked anew for every bake, so that a mended preference counts.
    """

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        host: str | None = None,
        find: Callable[[Mapping[str, str]], Cli] = find_cli,
    ) -> None:
        self.jobs: list[Job] = []
        # Called in the thread that calls `tick`, with the job that changed.
        self.listeners: list[Listener] = []
        self._environ, self._host, self._find = environ, host, find
        self._process: Process | None = None
        self._preparing: _Preparation | None = None
        self._current: Job | None = None
        self._finishers: dict[int, Listener] = {}
        self._number = 0

    def submit(self, request: Request, when_done: Listener | None = None) -> Job:
        """Ask for a bake; `when_done` is called once it has ended well, in the thread of `tick`.

        Raises
        ------
        BakeError : the same mattes are being made already.
        """
        for job in self.jobs:
            if job.active and job.request.folder == request.folder:
                raise BakeError(f"{job.request.title} is being baked into {request.folder} already.")
        self._number += 1
        job = Job(request, self._number)
        self.jobs.append(job)
        if when_done is not None:
            self._finishers[job.number] = when_done
        self._changed(job)
        return job

    def resume(self, job: Job) -> None:
        """Do what is missing of a bake that has ended; frames that are whole are kept."""
        if not job.active:
            job.state, job.message = "queued", ""
            self._changed(job)

    def cancel(self, job: Job) -> None:
        """Stop a bake: first after the frame in hand; asked a second time, at once."""
        if job.state == "queued":
            job.state, job.message = "cancelled", "taken out of the queue; Resume puts it back"
        elif job is self._current and job.state == "stopping" and self._process is not None:
            self._process.kill()
            job.say("stopping at once")
        elif job is self._current and job.state == "running":
            job.state = "stopping"
            job.say("stopping after the frame in hand")
            if self._process is not None:
                self._process.stop()
        self._changed(job)

    def remove(self, job: Job) -> None:
        """Take a bake that has ended off the list; its files stay."""
        if not job.active and job in self.jobs:
            self.jobs.remove(job)
            self._finishers.pop(job.number, None)
            self._changed(job)

    def tick(self) -> bool:
        """Take note of what happened, and start what waits. Never blocks.

        Returns
        -------
        Whether anything is left to do.
        """
        if self._current is not None:
            if self._preparing is not None and not self._preparing.is_alive():
                self._launch(self._current, self._preparing)
            if self._process is not None:
                self._listen(self._current, self._process)
        if self._current is None:
            waiting = next((job for job in self.jobs if job.state == "queued"), None)
            if waiting is not None:
                self._start(waiting)
        return any(job.active for job in self.jobs)

    def run(self, job: Job, pause: float = 0.2) -> None:
        """Tick until `job` has ended: for a terminal, where nothing else wants the thread."""
        while job.active:
            self.tick()
            if self._preparing is not None:
                self._preparing.join(pause)
            elif self._process is not None:
                self._process.wait(pause)

    def close(self) -> None:
        """The host is closing: end what runs. It can be resumed by another session."""
        if self._process is not None:
            self._process.stop()
            if not self._process.wait(5):
                self._process.kill()

    def _start(self, job: Job) -> None:
        """First a look at the plates, in a thread: on a slow disk that takes its time."""
        job.begin()
        self._current, self._preparing = job, _Preparation(job.request)
        self._preparing.start()
        self._changed(job)

    def _launch(self, job: Job, prepared: _Preparation) -> None:
        self._preparing = None
        try:
            if prepared.error is not None:
                raise prepared.error
            if job.state == "stopping":
                self._ended(job, 130)
            else:
                # Also where all seems to be there: a mask, a configuration or the weights may be others now,
                # and our program alone knows that.
                self._process = self._spawn(job)
        except Exception as error:
            # Whatever it is: what stayed the current job would keep all others waiting for good.
            self._current = None
            known = error if isinstance(error, BakeError) else None
            job.fail(known or BakeError(f"{type(error).__name__}: {error}"))
        self._changed(job)

    def _spawn(self, job: Job) -> Process:
        cli = self._find(self._environ)
        environment = clean_environment(self._environ, self._host)
        command = job.request.command(cli)
        job.say(" ".join(command))
        return Process(command, environment, str(job.request.folder))

    def _listen(self, job: Job, process: Process) -> None:
        # Asked before the last lines are taken: what was said before the end is all there then.
        over = process.over()
        lines = process.lines()
        for line in lines:
            job.take(read_line(line))
        if over and process.returncode is not None:
            self._process = None
            self._ended(job, process.returncode, tuple(process.last_words))
        if lines or over:
            self._changed(job)

    def _ended(self, job: Job, code: int, last_words: tuple[str, ...] = ()) -> None:
        self._current = None
        job.end(code, last_words)
        try:
            Cache.record(job)
            finisher = self._finishers.get(job.number)
            if job.state == "done" and finisher is not None:
                finisher(job)
        except Exception as error:
            # The mattes are there; what the host should have done with them is not. It may raise anything.
            job.message = f"{job.message}; but {error}"
            job.say(f"error: {error}")

    def _changed(self, job: Job) -> None:
        for listener in list(self.listeners):
            listener(job)


class _Preparation(threading.Thread):
    """`Cache.prepare`, off the host's main thread."""

    def __init__(self, request: Request) -> None:
        super().__init__(name="flyaway-prepare", daemon=True)
        self.error: BakeError | None = None
        self._request = request

    def run(self) -> None:
        try:
            Cache.prepare(self._request)
        except BakeError as error:
            self.error = error
        except Exception as error:  # a thread's exception would be lost, and the bake hang
            self.error = BakeError(f"{type(error).__name__}: {error}")
