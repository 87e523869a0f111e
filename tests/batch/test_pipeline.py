"""The pipeline: order, overlap, a budget of bytes, and memory that does not grow with a run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest

from flyaway.batch.pipeline import Budget, Limits, Pipeline


class Weighed:
    """Something that is counted as long as anyone holds it."""

    alive = most = 0
    lock = threading.Lock()

    def __init__(self) -> None:
        with Weighed.lock:
            Weighed.alive += 1
            Weighed.most = max(Weighed.most, Weighed.alive)

    def __del__(self) -> None:
        with Weighed.lock:
            Weighed.alive -= 1


@pytest.mark.parametrize(("readers", "writers"), [(1, 1), (2, 2), (4, 3)])
@pytest.mark.parametrize("budget", [1, 300, 1 << 40])
def test_results_come_in_order_and_bytes_stay_within_the_budget(readers, writers, budget):
    def read(item, reserve):
        reserve(100)
        return item

    pipeline = Pipeline(read, lambda _, x: x * 2, lambda _, __, x: x + 1, Limits(readers, writers, budget))
    assert list(pipeline.run(range(500))) == [2 * item + 1 for item in range(500)]
    # What is heavier than the whole budget goes through alone.
    assert pipeline.budget.peak <= max(budget, 100)


def test_the_three_stages_run_at_once():
    """Reading waits until the item before is in the network, writing until the next one is: no times here."""
    together = threading.Barrier(3, timeout=60)

    def read(item, reserve):
        if item == 2:
            together.wait()
        return item

    def work(item, _read):
        if item == 1:
            together.wait()
        return item

    def write(item, _read, _worked):
        if item == 0:
            together.wait()
        return item

    assert list(Pipeline(read, work, write, Limits(1, 1)).run(range(5))) == [0, 1, 2, 3, 4]


def test_a_slow_writer_holds_readers_back():
    Weighed.most = 0
    gate = threading.Event()
    limits = Limits(readers=2, writers=2, bytes=400)
    begun = []

    def read(item, reserve):
        reserve(100)
        begun.append(item)
        if len(begun) == 4:
            gate.set()  # four are within the budget; a fifth would not be
        return Weighed()

    def write(_item, _read, _worked):
        assert gate.wait(60)

    for _ in Pipeline(read, lambda _, x: None, write, limits).run(range(100)):
        pass
    assert Weighed.most <= 4


def test_budget_is_granted_in_order_so_that_nobody_starves():
    budget = Budget(100)
    budget.reserve(0, 60)
    order = []

    def late():
        budget.reserve(2, 10)
        order.append(2)

    def early():
        budget.reserve(1, 90)
        order.append(1)
        budget.release(1)

    threads = [threading.Thread(target=late), threading.Thread(target=early)]
    for thread in threads:
        thread.start()
    budget.release(0)
    for thread in threads:
        thread.join(60)
    assert order == [1, 2]


def test_an_error_of_ours_ends_the_pipeline_and_not_in_a_deadlock():
    def read(item, reserve):
        reserve(1 << 40)
        if item == 3:
            raise RuntimeError("a fault")
        return item

    with pytest.raises(RuntimeError, match="a fault"):
        list(Pipeline(read, lambda _, x: x, lambda *_: None, Limits(2, 2, 10)).run(range(100)))


_RUN = """
import resource, sys
from flyaway.batch.pipeline import Limits, Pipeline

def read(item, reserve):
    reserve(1 << 18)
    return bytearray(1 << 18)

pipeline = Pipeline(read, lambda _, plate: bytes(64), lambda item, *_: item, Limits(2, 2, 4 << 20))
count = last = 0
for last in pipeline.run(iter(range(int(sys.argv[1])))):
    count += 1
assert count == int(sys.argv[1]) and last == count - 1
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_number_of_frames():
    """`nox -s faults` runs the hundred thousand; the default session as many as are quick."""
    peaks = [
        int(
            subprocess.run(
                [sys.executable, "-c", _RUN, str(count)], capture_output=True, text=True, check=True
            ).stdout
        )
        for count in (1_000, int(os.environ.get("FLYAWAY_SIMULATED_FRAMES", "8000")))
    ]
    # MB. Even 8,000 plates of 256 KiB are 2 GB; what is let go of is not given back to the last page.
    assert peaks[1] <= peaks[0] + 4
