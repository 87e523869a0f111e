"""Parts of a plate, worked on by several threads: numpy lets go of the interpreter while it computes.

A network fills the cores by itself. What is around it, reducing a large plate and putting its detail back,
would run on one of them while the others wait. Each part is computed as it would be alone and written to its
own place, so the result does not depend on how many threads there are, to the bit.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
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

    What a call raises is raised here, after the parts that others are at are done. Parts must not call this
    function in turn.
    """
    queue = deque(parts)
    helpers = min(threads, len(queue), MOST) - 1

    def some() -> None:
        while queue:
            try:
                part = queue.popleft()
            except IndexError:  # another thread was quicker
                return
            work(part)

    asked = [_helpers().submit(some) for _ in range(helpers)]
    try:
        some()
    finally:
        queue.clear()
        for future in asked:  # they write into the caller's memory: none may be left behind
            if not future.cancel():
                future.exception()
    for future in asked:
        if not future.cancelled():
            future.result()


@lru_cache(maxsize=1)
def _helpers() -> ThreadPoolExecutor:
    """Threads that sleep until there is work; made when first asked for, one set a process."""
    return ThreadPoolExecutor(MOST - 1, thread_name_prefix="flyaway-parts")


if hasattr(os, "register_at_fork"):  # a copy of the process has none of its threads
    os.register_at_fork(after_in_child=_helpers.cache_clear)
