"""A shot: its state, what resets it and what does not, and that stills are stills."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import flyaway
from flyaway import BadPlateError, BadStateError
from flyaway.engines import States
from flyaway.geometry import viewing_size
from flyaway.held_detail import Detail
from flyaway.resample import resize
from flyaway.shot_place import HANDLES
from flyaway.shots import ShotState

FIELDS = ("alpha", "coarse", "cells", "unsure", "trimap")


@pytest.fixture(scope="module")
def frames(astronaut) -> list[NDArray[np.uint8]]:
    """The astronaut's head and shoulders, who moves 4 px to the right a frame; 192×256."""
    return [np.ascontiguousarray(np.roll(astronaut[:192, 100:356], 4 * i, axis=1)) for i in range(6)]


@pytest.fixture(scope="module")
def unbroken(memory, frames) -> list[NDArray[np.float32]]:
    with memory.shot() as shot:
        return [shot(plate).alpha for plate in frames]


def test_a_shot_begins_with_a_still_and_then_remembers(memory, frames):
    shot = memory.shot()
    first, still = shot(frames[0]), memory(frames[0])
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(first, name), getattr(still, name))
    assert shot.began == "first"
    second, still = shot(frames[1]), memory(frames[1])
    assert shot.began == ""
    assert np.abs(second.alpha - still.alpha).max() > 0.01
    # A still in between neither takes part nor is told of it.
    third = shot(frames[2])
    other = memory.shot()
    for plate in frames[:2]:
        other(plate)
    np.testing.assert_array_equal(other(frames[2]).alpha, third.alpha)
    np.testing.assert_array_equal(memory(frames[1]).alpha, still.alpha)


def test_memory_fades_by_the_same_share_in_each_frame(memory, frames):
    shot = memory.shot()
    shot(frames[0])
    looked_at = resize(frames[0], *viewing_size(*frames[0].shape[:2]))
    found = memory.engine.infer(looked_at, states=States()).states
    handed_on = shot.state().states
    for left, kept in zip(found.arrays, handed_on.arrays, strict=True):
        np.testing.assert_array_equal(kept, left * np.float32(0.85))
    np.testing.assert_array_equal(handed_on.held, found.held)  # the choice of regions does not fade


@pytest.mark.slow
@pytest.mark.parametrize(
    ("of", "clips"), [("coarse", ("moving", "swaying", "locked")), ("refined", ("moving", "locked"))]
)
@pytest.mark.parametrize(("handles", "least"), [(24, 99.6), (HANDLES, 99.9)])
def test_a_chunk_with_handles_is_the_whole_shot_to_within_an_eight_bit_step(of, clips, handles, least):
    """So many of the pixels, by the program that makes the table of docs/shots.md."""
    script = Path(__file__).resolve().parents[1] / "docs" / "measure_handles.py"
    words = [sys.executable, str(script), "--clip", *clips, "--handles", str(handles), "--of", of]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    found = re.findall(r" handles: ([\d.]+)% within 1/255, the worst ([\d.]+)", done.stdout)
    assert len(found) == len(clips)
    for within, worst in found:
        assert float(within) >= least, done.stdout
        assert float(worst) < 0.05, done.stdout


def test_a_state_goes_through_a_file_bit_for_bit(memory, frames, unbroken, tmp_path):
    shot = memory.shot()
    for number in range(3):
        shot(frames[number], frame=1001 + number)
    np.savez(tmp_path / "state.npz", **shot.state().as_arrays())
    with np.load(tmp_path / "state.npz", allow_pickle=False) as stored:
        state = ShotState.from_arrays(dict(stored))
    assert state.frame == 1003
    other = memory.shot()
    other.restore(state)
    for number in range(3, 6):
        np.testing.assert_array_equal(other(frames[number], frame=1001 + number).alpha, unbroken[number])
        assert other.began == ""
    # What was taken has not changed, and can be gone back to.
    shot.restore(state)
    np.testing.assert_array_equal(shot(frames[3]).alpha, unbroken[3])


@pytest.mark.parametrize(
    "harm",
    [
        {"size": np.zeros(3, np.int64)},
        {"size": np.array([-1, 5])},
        {"frame": np.zeros((), np.float32)},
        {"state0": np.full((1, 2, 3, 4), np.nan, np.float32)},
        {"state0": np.full((1, 2, 3, 4), 7, np.float32)},
        {"state0": np.zeros((1, 2, 3, 4), np.float64)},
        {"look0": np.zeros((64, 64), np.float32)},
        {"look0": np.zeros((640, 640, 3), np.float32)},
        {"held": np.zeros((2, 2), np.int8)},
        {"size": None},
        {"origin": None},
    ],
)
def test_a_state_that_cannot_be_is_refused(harm):
    arrays = ShotState().as_arrays() | harm
    with pytest.raises(BadStateError, match="begin the shot anew"):
        ShotState.from_arrays({name: array for name, array in arrays.items() if array is not None})


def test_a_state_of_another_size_or_model_is_refused_or_begins_anew(memory, frames, astronaut):
    shot = memory.shot()
    shot(frames[0])
    larger = shot(astronaut)
    assert shot.began == "size"
    np.testing.assert_array_equal(larger.alpha, memory(astronaut).alpha)


@pytest.mark.parametrize(
    "harm",
    [
        {"detail_size": np.array([2880, 0], np.int64)},
        {"detail_size": np.array([2880, 1 << 40], np.int64)},
        {"detail_tiles": np.ones((3, 3), bool)},
        {"detail_alpha": np.zeros((1, 64, 64), np.float32)},
        {"detail_alpha": np.zeros((0, 64, 64), np.uint16)},
        {"detail_alpha": None},
    ],
)
def test_detail_that_no_frame_leaves_is_refused(harm):
    tiles = np.zeros((2, 3), bool)
    tiles[1, 2] = True
    given = ShotState(detail=Detail((100, 150), tiles, np.full((1, 64, 64), 7, np.uint16))).as_arrays()
    found = ShotState.from_arrays(given).detail
    assert found is not None
    assert found.size == (100, 150)
    np.testing.assert_array_equal(found.alpha, 7)
    broken = {name: array for name, array in (given | harm).items() if array is not None}
    with pytest.raises(BadStateError):
        ShotState.from_arrays(broken)


def test_a_gap_in_the_numbers_begins_anew_and_so_does_who_asks(memory, frames):
    shot = memory.shot()
    shot(frames[0], frame=1)
    shot(frames[1], frame=2)
    np.testing.assert_array_equal(shot(frames[3], frame=4).alpha, memory(frames[3]).alpha)
    assert shot.began == "gap"
    shot.begin()
    np.testing.assert_array_equal(shot(frames[4], frame=5).alpha, memory(frames[4]).alpha)
    assert shot.began == "asked"


def test_without_steadiness_a_shot_is_what_the_network_says(memory, frames, unbroken, monkeypatch):
    held = memory.shot()
    for plate in frames:
        held(plate)
    assert held.state().history is not None
    monkeypatch.setattr("flyaway.matting.steadied", lambda *_: 1 / 0)
    free = memory.shot(steadiness=0)
    for plate in frames:
        alpha = free(plate).alpha
        assert free.state().history is None
    assert np.abs(alpha - unbroken[-1]).max() > 1e-3, "the filter does nothing here"


def test_another_take_begins_anew(memory, frames):
    drawn = np.random.default_rng(0).integers(0, 255, (6, 8, 3)).repeat(32, 0).repeat(32, 1).astype(np.uint8)
    shot = memory.shot()
    shot(frames[0])
    np.testing.assert_array_equal(shot(drawn).alpha, memory(drawn).alpha)
    assert shot.began == "cut"


def test_a_frame_that_raises_leaves_the_state_as_it_was(memory, frames, unbroken, monkeypatch):
    shot = memory.shot()
    for number in range(3):
        shot(frames[number], frame=number)
    before = shot.state()
    with pytest.raises(BadPlateError):
        shot(np.zeros((3, 3, 3, 3)), frame=3)
    with monkeypatch.context() as broken:
        broken.setattr(memory.engine, "_refine", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            shot(frames[3], frame=3)
    for name in ("states", "looks", "history", "detail"):
        assert getattr(shot.state(), name) is getattr(before, name), name
    # It may be tried again, or passed over.
    np.testing.assert_array_equal(shot(frames[3], frame=3).alpha, unbroken[3])
    shot.restore(before)
    shot.passed(3)
    shot(frames[4], frame=4)
    assert shot.began == ""


def test_a_model_without_memory_makes_a_row_of_stills(frames):
    matting = flyaway.load("clean", "cpu", threads=1)
    shot = matting.shot()
    assert not shot.remembers
    for number in (0, 1, 3):
        np.testing.assert_array_equal(shot(frames[number], frame=number).alpha, matting(frames[number]).alpha)
        assert shot.began == ""


def test_memory_does_not_grow_with_the_shot(memory, frames):
    small = [np.ascontiguousarray(plate[:64, :96]) for plate in frames]
    shot = memory.shot()

    def run(count: int) -> int:
        for number in range(count):
            shot(small[number % len(small)], refine=False)
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        early = run(600)  # by then the interpreter's own lists have as good as stopped growing
        late = run(270)
    finally:
        tracemalloc.stop()
    assert late - early < 64 << 10
    assert sum(array.nbytes for array in shot.state().as_arrays().values()) < 4 << 20
