"""The detail of a large plate in a shot: grain does not make it boil, and what moves is not held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import flyaway
from flyaway.detail import TILE, detailed, soft_cells, tiles_on
from flyaway.geometry import grid_size
from flyaway.held_detail import Detail, hold
from flyaway.resample import resize
from flyaway.state_file import read_state, write_state
from flyaway.steady import Held, steadied

SMALL, SIZE = (160, 224), (480, 672)
Float = NDArray[np.float32]


def strands(shift: float = 0.0) -> tuple[Float, Float]:
    """A plate of strands before a darker wall, moved to the right, and its exact alpha."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    x = x - np.float32(shift)
    alpha = (2 * np.sin(x / 2.3 + 0.02 * y) * np.sin(y / 55 + x / 40)).clip(0, 1)
    alpha *= (x > 150) & (x < 500) & (y > 60)
    front, back = np.array([0.7, 0.6, 0.5], np.float32), np.array([0.2, 0.25, 0.3], np.float32)
    return alpha[..., None] * front + (1 - alpha[..., None]) * back, alpha


def grainy(plate: Float, seed: int, much: float = 0.02) -> Float:
    grain = np.random.default_rng(seed).normal(0, much, plate.shape).astype(np.float32)
    return (plate + grain).clip(0, 1)


def still(moved: float = 0.0, unsure: float = 0.0) -> Held:
    """All that is told of a shot that has stood for three frames, where motion is off by so much."""
    blocks = np.argwhere(np.ones((SMALL[0] // 16, SMALL[1] // 16), bool)) * 16
    counts = np.full((len(blocks), 16, 16), 3, np.float32)
    motion = np.random.default_rng(7).normal(moved, unsure, (len(blocks), 2))
    return Held(blocks, counts, motion.astype(np.float32))


def held_in(
    plate: Float, small: Float, found: Float, held: Held | None, before: Detail | None, threads: int = 1
) -> tuple[Float, Float, Detail]:
    """A frame's detail as found, as held, and what it leaves."""
    edges = soft_cells(found)
    alpha = detailed(plate, small, found, edges)
    kept = alpha.copy()
    return alpha, kept, hold(kept, tiles_on(edges, SMALL, SIZE), SMALL, held, before, threads)


def run(
    shifts: list[float], moved: float, threads: int = 1, unsure: float = 0.0
) -> list[tuple[Float, Float, Float]]:
    """Each frame's detail as found, as held, and the truth."""
    before, rows = None, []
    for number, shift in enumerate(shifts):
        plate, truth = strands(shift)
        plate = grainy(plate, number)
        small = resize(plate, *SMALL)
        found = resize(truth[..., None], *SMALL)[..., 0].clip(0, 1)
        told = still(moved, unsure) if number else None
        alpha, kept, before = held_in(plate, small, found, told, before, threads)
        rows.append((alpha, kept, truth))
    return rows


@pytest.mark.parametrize("unsure", [0, 0.03])
def test_grain_does_not_make_the_detail_of_what_stands_still_boil(unsure: float) -> None:
    """Nor does it where it makes blocks seem to move by a tenth of the plate's pixels, each elsewhere."""
    rows = run([0.0] * 6, 0.0, unsure=unsure)
    soft = (rows[0][2] > 0.05) & (rows[0][2] < 0.95)
    found, held = (np.abs(rows[5][i] - rows[4][i])[soft].mean() for i in (0, 1))
    assert held < 0.35 * found
    assert np.abs(rows[5][1] - rows[5][2])[soft].mean() < np.abs(rows[5][0] - rows[5][2])[soft].mean()
    np.testing.assert_array_equal(rows[0][1], rows[0][0])  # nothing to hold in a first frame


def test_what_moves_by_a_pixel_of_the_plate_is_left_as_it_is_found() -> None:
    for alpha, kept, _ in run([0.0, 1.0, 2.0], 1 / 3):
        np.testing.assert_array_equal(kept, alpha)


@pytest.mark.parametrize("step", [0.1, 0.2])
def test_the_mean_does_not_lag_behind_what_drifts(step: float) -> None:
    """A slider, or a breath: as good as still in the smaller picture, and not on the plate."""
    before = history = None
    for number in range(8):
        plate, truth = strands(number * step)
        plate = grainy(plate, number)
        small, found = resize(plate, *SMALL), resize(truth[..., None], *SMALL)[..., 0].clip(0, 1)
        found, history, held = steadied(small, found, np.ones((5, 7), bool), 32, history)
        alpha, kept, before = held_in(plate, small, found, held, before)
    soft = (truth > 0.05) & (truth < 0.95)
    assert np.abs(kept - truth)[soft].mean() < 1.1 * np.abs(alpha - truth)[soft].mean()
    assert (kept != alpha).any()


def test_any_number_of_threads_hold_alike() -> None:
    for one, other in zip(run([0.0] * 3, 0.0), run([0.0] * 3, 0.0, threads=5), strict=True):
        np.testing.assert_array_equal(one[1], other[1])


def test_another_size_of_plate_begins_anew() -> None:
    _, truth = strands()
    tiles = np.ones(grid_size(*SIZE, TILE), bool)
    kept = hold(truth.copy(), tiles, SMALL, None, None, 1)
    assert kept.size == SIZE
    other = truth[:-1].copy()
    hold(other, tiles, SMALL, still(), kept, 1)
    np.testing.assert_array_equal(other, truth[:-1])


@pytest.fixture(scope="module")
def large(astronaut: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The astronaut standing still under grain, larger than she is looked at: 1100×1500."""
    plate = resize(astronaut[:352, :480], 1100, 1500)
    return [np.rint(255 * grainy(plate, number, 0.015)).astype(np.uint8) for number in range(5)]


def test_a_large_shot_boils_less_than_its_stills_and_goes_through_a_file_bit_for_bit(
    large: list[NDArray[np.uint8]], tmp_path: Path
) -> None:
    matting = flyaway.load("fast")
    with matting.shot() as shot:
        whole = [shot(plate).alpha for plate in large]
    stills = [matting(plate).alpha for plate in large[-2:]]
    np.testing.assert_array_equal(whole[0], matting(large[0]).alpha)
    soft = (whole[-1] > 0.05) & (whole[-1] < 0.95)
    assert np.abs(whole[-1] - whole[-2])[soft].mean() < 0.4 * np.abs(stills[1] - stills[0])[soft].mean()

    shot = matting.shot()
    for plate in large[:3]:
        shot(plate)
    write_state(tmp_path / "state.npz", shot.state(), {})
    other = matting.shot()
    other.restore(read_state(tmp_path / "state.npz")[1])
    for plate, wanted in zip(large[3:], whole[3:], strict=True):
        np.testing.assert_array_equal(other(plate).alpha, wanted)
    # Without steadiness nothing is kept, and nothing held.
    loose = matting.shot(steadiness=0)
    loose(large[0])
    assert loose.state().detail is None
