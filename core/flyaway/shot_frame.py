"""Frames under way: looked at, and not finished yet, so that the next one need not wait.

What the network remembers of a frame is known once it was looked at as a whole; refining its regions, and
what is done to its alpha after that, the next frame's look needs nothing of. What holds hair from frame to
frame goes on from the one before, and waits for it. So two frames are worked on at once, with the same
result to the bit: each core has a frame, and none waits for another in the middle of a layer.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from flyaway.errors import FinishedError
from flyaway.held_detail import Detail
from flyaway.steady_history import History

if TYPE_CHECKING:
    from flyaway.engines.base import Inference
    from flyaway.matte import Matte
    from flyaway.shots import ShotState

Began = Literal["", "first", "asked", "size", "place", "gap", "cut"]
WORKERS = 2  # that finish frames while the next one is looked at


class Left(NamedTuple):
    """What is held of hair after a frame, and whether all frames that it should be of were finished."""

    history: History | None = None
    detail: Detail | None = None
    whole: bool = True


@dataclass(frozen=True)
class Seen:
    """A frame that was looked at.

    Attributes
    ----------
    state : what it leaves, but for what is held of hair.
    began : why it began anew; "" where it goes on.
    refine : the rest of the network's work.
    hold : with that, and with what the frame before left: its matte, and what it leaves itself.
    holds : whether hair is held, so that the frames after it need it finished.
    """

    state: ShotState
    began: Began
    refine: Callable[[], Inference]
    hold: Callable[[Inference, Left], tuple[Matte, Left]]
    holds: bool = True


class ShotFrame:
    """A frame of a shot, which whoever needs it first finishes. Safe to be asked by several threads.

    Parameters
    ----------
    seen : the frame.
    before : what the frame before left; waits for it, or finishes it.
    """

    def __init__(self, seen: Seen, before: Callable[[], Left]) -> None:
        self._seen: Seen | None = seen
        self._before: Callable[[], Left] | None = None if seen.began else before
        self._lock = Lock()
        self._matte: Matte | None = None
        self._error: Exception | None = None
        self._left = Left()

    def __call__(self) -> Matte:
        """Its matte.

        Raises
        ------
        EngineError, MemoryError : as the engine does. The frame has been seen all the same: the frames after
            it remember it, but for their hair, which goes on from the frame before.
        FinishedError : it was asked for before.
        """
        self._finish()
        matte, self._matte = self._matte, None
        error, self._error = self._error, None
        if error is not None:
            raise error
        if matte is None:
            raise FinishedError("a frame's matte is given once: keep what the first call gave.")
        return matte

    def left(self) -> Left:
        """What the next frame goes on with."""
        self._finish()
        return self._left

    def _finish(self) -> None:
        with self._lock:
            if self._seen is None:
                return
            error = None
            try:
                found = self._seen.refine()
                self._matte, self._left = self._seen.hold(found, self._goes_on_with())
            except Exception as problem:
                error, self._left = problem, self._goes_on_with()
                if self._seen.holds:
                    self._left = self._left._replace(whole=False)
            # Nothing is let go of before that: who is interrupted here may be asked again.
            self._error, self._seen, self._before = error, None, None

    def _goes_on_with(self) -> Left:
        return Left() if self._before is None else self._before()


def in_flight(frames: Generator[Callable[[], Matte]]) -> Iterator[Matte]:
    """Mattes in order, while the frames after them are begun.

    Parameters
    ----------
    frames : frames under way; taking the next one looks at it, in this thread. Closed in the end.

    Raises
    ------
    What a frame raises, in its turn: the mattes of those before it are given first.
    """
    pool = ThreadPoolExecutor(WORKERS, "flyaway-frame")
    under_way: deque[Future[Matte]] = deque()
    failed: Exception | None = None
    try:
        while failed is None:
            try:
                under_way.append(pool.submit(next(frames)))
            except StopIteration:
                break
            except Exception as error:
                failed = error
            if len(under_way) > WORKERS:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
        if failed is not None:
            raise failed
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        frames.close()


def one_ahead(make: Callable[[Any], Any], items: Iterable[Any]) -> Generator[Any]:
    """What is made of items, in order; of the next one while the one before is used.

    Raises
    ------
    What an item, or taking it, raises, in its turn: what is made of those before it is given first.
    """
    source, failed = iter(items), None
    with ThreadPoolExecutor(1, "flyaway-plate") as pool:
        waiting: Future[Any] | None = None
        while failed is None:
            begun: Future[Any] | None = None
            try:
                begun = pool.submit(make, next(source))
            except StopIteration:
                break
            except Exception as error:
                failed = error
            if waiting is not None:
                yield waiting.result()
            waiting = begun
        if waiting is not None:
            yield waiting.result()
        if failed is not None:
            raise failed


def finishing(call: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """A model or a shot, as one whose frames are finished when they are begun."""

    def start(*plate: Any, **options: Any) -> Callable[[], Any]:
        found = call(*plate, **options)
        return lambda: found

    return start
