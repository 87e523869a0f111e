"""The first stage, in readers' threads: a frame's plate, or its result where nothing is left to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from flyaway.batch.finisher import Finisher
from flyaway.batch.memory import Memory
from flyaway.batch.options import RunOptions
from flyaway.batch.pipeline import Reserve
from flyaway.batch.plan import Plan
from flyaway.batch.plates import Plates, Read
from flyaway.batch.raw import RawMattes
from flyaway.batch.report import FrameResult, FrameTask, frame_error
from flyaway.batch.resume import ResumePolicy
from flyaway.batch.skipping import NEW
from flyaway.batch.weight import weigh


class ReadStage:
    """Reads what a run is to do.

    Parameters
    ----------
    plan, options : of the run.
    policy : what of earlier runs is kept.
    plates, finisher, raws : of the run.
    memory : of a run that mattes frames as a shot.
    prepare : `Matting.prepare`, where frames are matted several at once: the network's thread, which takes
        them in order, has the least time.
    """

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        policy: ResumePolicy,
        plates: Plates,
        finisher: Finisher,
        raws: RawMattes,
        memory: Memory | None,
        prepare: Callable[..., Any] | None = None,
    ) -> None:
        self._prepare = prepare
        self._plan, self._options, self._policy = plan, options, policy
        self._plates, self._finisher, self._raws, self._memory = plates, finisher, raws, memory

    def __call__(self, task: FrameTask, reserve: Reserve) -> Read | FrameResult:
        """Read one frame; `reserve` waits until there is memory for it."""
        try:
            found = self._policy.standing(task)
            why = found.why
            if not why and self._options.keeps:
                return FrameResult(task, "skipped", notes=found.notes)
            finish = self._options.finish
            kept = {"masks": len(finish.masks()), "raw": int(bool(finish.raw))}
            shot = self._memory is not None
            reserve(weigh(task, self._plan.writes, self._options.read.part, shot=shot, **kept))
            read = self._plates.read(task)
            key = self._finisher.key(read.size, read.mtime_ns, read.box)
            raw, memory = self._raws.stored(task, read.plate, key, self._remembers(task)) or (None, "")
            read = replace(read, why="" if why == NEW else why, key=key, raw=raw, memory=memory)
            return read if raw is not None or read.plate.is_void else self._prepared(read)
        except Exception as error:
            return FrameResult(task, "failed", error=frame_error(error, task))

    def _prepared(self, read: Read) -> Read:
        if self._prepare is None:
            return read
        began = time.perf_counter()
        prepared = self._prepare(read.searched, read.encoding, **read.plate.shape)
        return replace(read, prepared=prepared, seconds=read.seconds + time.perf_counter() - began)

    def _remembers(self, task: FrameTask) -> Callable[[str], bool] | None:
        """Whether a frame of a shot remembers now what it did by that name; None where frames are stills."""
        memory, frame = self._memory, task.frame
        if memory is None or frame is None:
            return None
        return lambda name: name != "" and not memory.is_stale(name, frame)
