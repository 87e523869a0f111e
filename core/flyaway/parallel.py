"""Parts of a plate, worked on by several threads: numpy lets go of the interpreter while it computes.

A network fills the cores by itself. What is around it, reducing a large plate and putting its detail back,
would run on one of them while the others wait. Each part is computed as it would be alone and written to its
own place, so the result does not depend on how many threads there are, to the bit.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import TypeVar

from flyaway.machine import cores

Part = TypeVar("Part")
MOST = 8  # threads: beyond, memory's bandwidth is what there is to share


def threads_of(threads: int | None) -> int:
    """How many threads numpy's parts may take, where an engine was given so many (None: those it chooses)."""
    return min(MOST, cores() if threads is None else threads)


def each(work: Callable[[Part], None], parts: Iterable[Part], threads: int) -> None:
    """Call `work` with each part, in any order, on so many threads at most; this one is among them.

    What a call raises is raised here, after the parts that others are at are done. Where no more threads are
    to be had, as while the interpreter ends, this one does all.
    """
    queue = deque(parts)
    asked = [Future[None]() for _ in range(min(threads, len(queue), MOST) - 1)]

    def some() -> None:
        try:
            while queue:
                try:
                    part = queue.popleft()
                except IndexError:  # another thread was quicker
                    return
                work(part)
        except BaseException:
            queue.clear()  # nobody begins another part
            raise

    try:
        with suppress(RuntimeError):
            for future in asked:
                _helpers().submit(_help, some, future)
        some()
    finally:
        queue.clear()
        for future in asked:  # they write into the caller's memory: none may be left behind
            if not future.cancel():
                future.exception()
    for future in asked:
        if not future.cancelled():
            future.result()


def _help(some: Callable[[], None], future: Future[None]) -> None:
    """Do some parts, unless it is too late for that. The future is ours: it is known though asking failed."""
    if future.set_running_or_notify_cancel():
        try:
            some()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(None)


@lru_cache(maxsize=1)
def _helpers() -> ThreadPoolExecutor:
    """Threads that sleep until there is work; made when first asked for, one set a process."""
    return ThreadPoolExecutor(MOST - 1, thread_name_prefix="flyaway-parts")


if hasattr(os, "register_at_fork"):  # a copy of the process has none of its threads
    os.register_at_fork(after_in_child=_helpers.cache_clear)
