"""Parts of a plate on several threads: the same result as on one, and nothing left behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from time import sleep
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from flyaway.detail import detailed
from flyaway.parallel import MOST, _helpers, each, threads_of
from flyaway.resample import resize


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_a_plate_is_reduced_alike_on_any_number_of_threads(kind: type) -> None:
    rng = np.random.default_rng(1)
    plate: NDArray[Any] = np.asarray(rng.random((397, 611, 3)) * (1 if kind is np.float32 else 255), kind)
    alone = resize(plate, 181, 300)
    for threads in (2, 3, 7):
        np.testing.assert_array_equal(resize(plate, 181, 300, threads), alone)


def test_detail_is_put_back_alike_on_any_number_of_threads() -> None:
    rng = np.random.default_rng(2)
    plate = rng.random((640, 900, 3)).astype(np.float32)
    small = resize(plate, 320, 450)
    alpha = resize(rng.random((40, 56, 1)).astype(np.float32), 320, 450)[..., 0]
    alone = detailed(plate, small, alpha)
    for threads in (2, 7):
        np.testing.assert_array_equal(detailed(plate, small, alpha, threads=threads), alone)


def test_each_part_is_done_once_by_as_many_threads_as_were_allowed() -> None:
    for threads in (1, 2, 3):
        done, who = list[int](), set[int]()

        def work(part: int, done: list[int] = done, who: set[int] = who) -> None:
            sleep(0.002)
            done.append(part)
            who.add(threading.get_ident())

        each(work, range(60), threads)
        assert sorted(done) == list(range(60))
        assert len(who) == threads
        assert threading.get_ident() in who


@pytest.mark.parametrize("helped", [True, False])
def test_what_a_part_raises_is_raised_and_no_part_goes_on_or_begins_behind_it(helped: bool) -> None:
    under_way, begun, failed, here = set[int](), list[int](), set[int](), threading.get_ident()

    def work(part: int) -> None:
        under_way.add(part)
        begun.append(part)
        sleep(0.01)
        if (threading.get_ident() != here) == helped:
            failed.add(part)
            raise ValueError(f"part {part}")
        under_way.discard(part)

    with pytest.raises(ValueError, match="part"):
        each(work, range(1000), 3)
    assert under_way == failed
    assert len(begun) < 10


def test_where_the_interpreter_ends_one_thread_does_all() -> None:
    """A script's last line is run, its thread goes on: threads that help can no more be had."""
    code = """
import threading
from flyaway.parallel import each
def work(part): done.append(part)
def late():
    threading.main_thread().join()
    each(work, range(100), 3)
    print(sorted(done) == list(range(100)))
done = []
threading.Thread(target=late).start()
"""
    told = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )
    assert (told.stdout, told.stderr) == ("True\n", "")


def test_where_no_thread_can_be_started_one_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    _helpers.cache_clear()
    monkeypatch.setattr(threading.Thread, "start", none)
    done = list[int]()
    each(done.append, range(100), 3)
    _helpers.cache_clear()
    assert done == list(range(100))


def test_threads_are_those_of_the_engine_and_never_too_many() -> None:
    assert threads_of(1) == 1
    assert threads_of(500) == MOST
    assert 1 <= threads_of(None) <= MOST


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system copies no processes")
def test_a_copy_of_the_process_has_threads_of_its_own() -> None:
    """The pool's threads do not come along in a fork: whoever waited for them would wait for ever."""
    code = """
import os, sys
from flyaway.parallel import each
def work(part): done.append(part)
done = []
each(work, range(100), 3)
if (child := os.fork()) == 0:
    done.clear()
    each(work, range(100), 3)
    os._exit(0 if sorted(done) == list(range(100)) else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)
