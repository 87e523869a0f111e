"""Three stages at once: readers → one worker → writers, in order, within a budget of bytes.

Wall time is that of the slowest stage, not the stages' sum; memory does not grow with the number of
items. Its reader states how much memory an item needs before it allocates any; then it waits until the
items before it have let go of enough.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from flyaway.chosen import whole

Item = TypeVar("Item")
Read = TypeVar("Read")
Worked = TypeVar("Worked")
Result = TypeVar("Result")

Reserve = Callable[[int], None]


@dataclass(frozen=True)
class Limits:
    """How much a pipeline may hold.

    Attributes
    ----------
    readers, writers : threads.
    bytes : what items between the start of their reading and the end of their writing may weigh
        together; one that is heavier goes through alone.

    Raises
    ------
    UsageError : one of them is no whole number from 1.
    """

    readers: int = 2
    writers: int = 2
    bytes: int = 2 << 30

    def __post_init__(self) -> None:
        """Refuse what nothing could pass through."""
        for name in ("readers", "writers", "bytes"):
            object.__setattr__(self, name, whole(getattr(self, name), 1, name))


class Budget:
    """Bytes, granted strictly in the order of items, so that a late one never starves an early one."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.peak = 0
        self._used = 0
        self._next = 0
        self._held: dict[int, int] = {}
        self._changed = threading.Condition()
        self._closed = False

    def reserve(self, ticket: int, amount: int) -> None:
        """Wait for the turn of `ticket`, and until `amount` fits (or nothing else is held)."""
        with self._changed:
            while not self._closed and (
                ticket != self._next or (self._used > 0 and self._used + amount > self.total)
            ):
                self._changed.wait()
            self._next = max(self._next, ticket + 1)
            self._held[ticket] = amount
            self._used += amount
            self.peak = max(self.peak, self._used)
            self._changed.notify_all()

    def release(self, ticket: int) -> None:
        """Give back what `ticket` holds."""
        with self._changed:
            self._used -= self._held.pop(ticket, 0)
            self._changed.notify_all()

    def close(self) -> None:
        """Let everyone through: the pipeline ends."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Pipeline(Generic[Item, Read, Worked, Result]):
    """Items through three functions, results in the items' order.

    Parameters
    ----------
    read : (item, reserve) → what was read; in a reader's thread. Calls `reserve(bytes)` once before
        it allocates; one that does not is taken to weigh nothing.
    work : (item, read) → what was made of it; in the caller's thread, in order.
    write : (item, read, worked) → the result; in a writer's thread.
    limits : see `Limits`.
    stop : asked before each item's work; once it says yes, no further item is begun, and those that
        were worked on are written.

    None of the three raises an Exception for an item that fails: its failure is its result.
    """

    def __init__(
        self,
        read: Callable[[Item, Reserve], Read],
        work: Callable[[Item, Read], Worked],
        write: Callable[[Item, Read, Worked], Result],
        limits: Limits | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.limits = limits or Limits()
        self.budget = Budget(self.limits.bytes)
        self.stopped = False
        self._read, self._work, self._write, self._stop = read, work, write, stop
        self._behind: deque[Future[Result]] = deque()

    def run(self, items: Iterable[Item]) -> Iterator[Result]:
        """Drive every item through; yields each result as soon as it and all before it are done."""
        limits = self.limits
        readers = ThreadPoolExecutor(limits.readers, "flyaway-read")
        writers = ThreadPoolExecutor(limits.writers, "flyaway-write")
        ahead: deque[tuple[int, Item, Future[Read]]] = deque()
        try:
            for ticket, item in enumerate(items):
                ahead.append((ticket, item, readers.submit(self._reading, ticket, item)))
                # One more than there are readers: the next plate is read while this one is worked on.
                if len(ahead) > limits.readers:
                    yield from self._advance(ahead, writers)
                if self.stopped:
                    break
            while ahead and not self.stopped:
                yield from self._advance(ahead, writers)
            yield from self._finished(0)
        finally:
            self.budget.close()
            readers.shutdown(wait=True, cancel_futures=True)
            # What is being written is finished, so that nothing half-done is left behind.
            writers.shutdown(wait=True)

    def leftovers(self) -> Iterator[Result]:
        """After `run` was broken off: the results of what had been worked on by then, which is written.

        May be broken off and asked for again.
        """
        yield from self._finished(0)

    def _reading(self, ticket: int, item: Item) -> Read:
        asked = False

        def reserve(amount: int) -> None:
            nonlocal asked
            if not asked:
                asked = True
                self.budget.reserve(ticket, amount)

        try:
            return self._read(item, reserve)
        finally:
            reserve(0)

    def _advance(
        self, ahead: deque[tuple[int, Item, Future[Read]]], writers: ThreadPoolExecutor
    ) -> Iterator[Result]:
        ticket, item, future = ahead.popleft()
        yield from self._finished(None)
        # Bytes are given back by writers alone, which need nothing from this thread: no deadlock.
        read = future.result()
        if self._stop():
            self.stopped = True
            return
        worked = self._work(item, read)
        self._behind.append(writers.submit(self._writing, ticket, item, read, worked))
        yield from self._finished(self.limits.writers)

    def _writing(self, ticket: int, item: Item, read: Read, worked: Worked) -> Result:
        try:
            return self._write(item, read, worked)
        finally:
            del read, worked
            self.budget.release(ticket)

    def _finished(self, keep: int | None) -> Iterator[Result]:
        """Results at the head of the line: those that are there (None), or all but `keep`, waited for."""
        while self._behind and (self._behind[0].done() if keep is None else len(self._behind) > keep):
            # Waited for before it is taken out: an interrupt meanwhile must leave it to `leftovers`.
            result = self._behind[0].result()
            self._behind.popleft()
            yield result
