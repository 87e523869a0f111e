"""The filter that holds hair: it stops boiling, what moves is not dragged, and nothing else is touched."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from flyaway import ControlError, block_motion, steady
from flyaway.noise import noise_between, samples_of
from flyaway.resample import resize
from flyaway.shots import ShotState
from flyaway.steady import steadied
from flyaway.steady_history import History

HEIGHT, WIDTH = 176, 240  # the last row of cells hangs over
EVERYWHERE = np.ones((6, 8), bool)


def scene(seed: int, smooth: int = 6) -> NDArray[np.float32]:
    """Something to hold on to: colours that change over some pixels."""
    few = np.random.default_rng(seed).random((HEIGHT // smooth + 40, WIDTH // smooth + 60, 3), np.float32)
    return 0.15 + 0.6 * resize(few, HEIGHT + 120, WIDTH + 160)


def strands(x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float32]:
    """Alpha: a body to the left, and hair that thins out to the right of it; at any place, px."""
    body = np.clip((70 - x) / 12 + 0.5, 0, 1)
    hair = (0.5 + 0.5 * np.sin(y / 2.3 + x / 9)) * np.clip((140 - x) / 70, 0, 1) * 0.8
    return np.maximum(body, np.where(x < 140, hair, 0)).astype(np.float32)


def frame(dx: float, dy: float, noise: float, rng: np.random.Generator, behind: float = 0.0):
    """A plate (uint8) and its true alpha: person and hair moved by dx, dy, what is behind by `behind`."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    alpha = strands(x - dx, y - dy)
    front = read(scene(1), y - dy + 40, x - dx + 60)
    back = read(scene(2), y + 40, x - behind + 60)
    plate = 255 * (alpha[..., None] * front + (1 - alpha[..., None]) * back)
    return np.clip(np.rint(plate + rng.normal(0, noise, plate.shape)), 0, 255).astype(np.uint8), alpha


def read(picture, y, x):
    """The picture at places between its pixels."""
    top, left = np.floor(y).astype(int), np.floor(x).astype(int)
    down, across = (y - top)[..., None], (x - left)[..., None]
    upper = picture[top, left] * (1 - across) + picture[top, left + 1] * across
    lower = picture[top + 1, left] * (1 - across) + picture[top + 1, left + 1] * across
    return upper * (1 - down) + lower * down


def boiling(alpha, rng, much=0.08):
    """A matte as a refiner finds it: wrong by something else in each frame, and only where it is soft."""
    soft = (alpha > 0.02) & (alpha < 0.98)
    few = rng.normal(0, 1, (HEIGHT // 4, WIDTH // 4, 1)).astype(np.float32)
    wrong = resize(few, HEIGHT, WIDTH)[..., 0] * much * 1.5
    return np.clip(alpha + soft * wrong, 0, 1).astype(np.float32)


def run(frames, history=None, steadiness=1.0):
    """Each frame's (plate, matte) through the filter; returns mattes and what the last one left."""
    mattes = []
    for plate, matte in frames:
        alpha, history, _ = steadied(plate, matte.copy(), EVERYWHERE, 32, history, steadiness)
        mattes.append(alpha)
    return mattes, history


def clip(count, dx=0.0, dy=0.0, noise=2.0, behind=0.0, seed=5):
    rng = np.random.default_rng(seed)
    made = [frame(dx * n, dy * n, noise, rng, behind * n) for n in range(count)]
    return [(plate, boiling(alpha, rng)) for plate, alpha in made], [alpha for _, alpha in made]


def errors(mattes, truth):
    return [float(np.abs(matte - true).mean()) for matte, true in zip(mattes, truth, strict=True)]


def test_a_still_camera_s_hair_stops_boiling():
    frames, truth = clip(8)
    held, _ = run(frames)
    np.testing.assert_array_equal(held[0], frames[0][1])
    changes = [
        np.mean([np.abs(b - a).mean() for a, b in pairwise(mattes[3:])])
        for mattes in ([matte for _, matte in frames], held)
    ]
    assert changes[1] < 0.4 * changes[0]
    assert errors(held, truth)[-1] < 0.75 * errors([matte for _, matte in frames], truth)[-1]


@pytest.mark.parametrize(
    ("dx", "dy", "behind", "most"),
    [(0.3, -0.2, 0, 0.7), (1.0, 0.6, 0, 1.0), (5.5, -2.25, 0, 1.0), (6, 0, 6, 0.8), (2.0, 0, -6.0, 1.0)],
)
def test_what_moves_is_not_dragged(dx, dy, behind, most):
    frames, truth = clip(7, dx, dy, behind=behind)
    held, _ = run(frames)
    found, raw = errors(held, truth), errors([matte for _, matte in frames], truth)
    assert np.mean(found[2:]) < most * np.mean(raw[2:])
    if abs(dx) > 0.5:  # a matte of the frame before would fit no better
        assert np.mean(errors(held[1:], truth[:-1])[2:]) > np.mean(found[3:])


def test_motion_is_found_to_a_fraction_of_a_pixel():
    rng = np.random.default_rng(0)
    for dx, dy in ((0.25, -0.4), (6.0, 3.0), (-9.5, 4.0), (17.0, -12.0)):
        before, now = (read(scene(1), *np.mgrid[:HEIGHT, :WIDTH] - np.array([dy, dx]).reshape(2, 1, 1) * n
                            + np.array([40, 60]).reshape(2, 1, 1)) for n in (0, 1))  # fmt: skip
        planes = [(255 * p[..., 1] + rng.normal(0, 1, p.shape[:2])).astype(np.float32) for p in (before, now)]
        blocks = np.stack(np.meshgrid([48, 64, 80, 96], [64, 96, 128], indexing="ij"), -1).reshape(-1, 2)
        top, left = blocks[:, 0] - block_motion.MARGIN, blocks[:, 1] - block_motion.MARGIN
        ones = np.ones((len(blocks), block_motion.SIDE, block_motion.SIDE), np.float32)
        around = [np.pad(plane, block_motion.AROUND, mode="edge") for plane in planes]
        small = [np.pad(block_motion.shrunk(p[None])[0], block_motion.AROUND, mode="edge") for p in planes]
        steps = block_motion.whole_steps(small[1], small[0], blocks, ones, 2.0)
        here = block_motion.squares(around[1], top, left, block_motion.SIDE)
        there = block_motion.squares(around[0], top + steps[:, 0], left + steps[:, 1], block_motion.SIDE)
        aligned = block_motion.Alignment(here, ones[:, 1:-1, 1:-1], 2.0)
        found = steps + np.stack(aligned.step(there[:, 1:-1, 1:-1]), axis=1)
        assert np.median(np.abs(found - np.array([-dy, -dx]))) < 0.15, (dx, dy, found)


def test_another_picture_behind_the_same_hair_is_no_reason_to_hold():
    frames, truth = clip(2, noise=1)
    other, _ = clip(2, dx=0, behind=45, noise=1)
    held, _ = run([frames[0], other[1]])
    background = truth[1] < 0.5
    told = np.abs(held[1] - other[1][1])[background & (truth[1] > 0.02)]
    assert told.mean() < 0.15 * np.abs(frames[0][1] - other[1][1])[background & (truth[1] > 0.02)].mean()


def test_what_is_certain_and_what_was_not_refined_stay_bit_for_bit():
    frames, _ = clip(4)
    refined = EVERYWHERE.copy()
    refined[:, 3:] = refined[0] = False
    history = None
    before = np.zeros((HEIGHT, WIDTH), np.float32)
    for plate, matte in frames:
        alpha, history, _ = steadied(plate, matte.copy(), refined, 32, history)
        np.testing.assert_array_equal(alpha[:, 96:], matte[:, 96:])
        np.testing.assert_array_equal(alpha[:32], matte[:32])
        certain = ((matte == 0) | (matte == 1)) & (matte == before)
        inner = np.zeros_like(certain)
        inner[2:-2, 2:-2] = np.all(
            [certain[2 + i : HEIGHT - 2 + i, 2 + j : WIDTH - 2 + j] for i in (-2, 0, 2) for j in (-2, 0, 2)],
            0,
        )
        np.testing.assert_array_equal(alpha[inner], matte[inner])
        before = matte
    assert (alpha != matte).any()


def test_a_history_goes_through_arrays_bit_for_bit():
    frames, _ = clip(6, 1.5, 0.5)
    whole, _ = run(frames)
    _, history = run(frames[:3])
    arrays = {name: array.copy() for name, array in history.as_arrays().items()}
    resumed, _ = run(frames[3:], History.from_arrays(arrays))
    for one, other in zip(whole[3:], resumed, strict=True):
        np.testing.assert_array_equal(one, other)
    assert sum(array.nbytes for array in arrays.values()) < 7 * EVERYWHERE.size * 32**2 + 9 * 16 * 64 * 4
    assert History.from_arrays({}) is None


def test_history_is_forgotten_within_the_default_handles():
    frames, _ = clip(24, 0.4, 0.1)
    other, _ = clip(24, 0.4, 0.1, seed=9)
    whole, _ = run(frames)
    _, elsewhere = run(other[:8])
    warmed, _ = run(frames[8:], elsewhere)
    assert np.abs(warmed[0] - whole[8]).max() > 0.02
    assert (np.abs(warmed[-1] - whole[-1]) <= 1 / 255).mean() > 0.999


def test_less_steadiness_holds_less_and_none_is_no_filter():
    frames, _ = clip(5)
    raw = frames[-1][1]
    apart = [float(np.abs(run(frames, steadiness=share)[0][-1] - raw).mean()) for share in (0.0, 0.3, 1.0)]
    assert apart[0] == 0 < apart[1] < apart[2]
    for wrong in (-0.1, 1.1, float("nan")):
        with pytest.raises(ControlError, match="between 0 and 1"):
            steady.checked_steadiness(wrong)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_a_plate_s_type_makes_no_difference(kind):
    frames, _ = clip(4, 1.0)
    scale = {"uint8": 1, "uint16": 257, "float32": 1 / 255}[kind]
    same = [((plate.astype(np.float64) * scale).astype(kind), matte) for plate, matte in frames]
    one, other = run(same)[0][-1], run(frames)[0][-1]
    assert np.abs(one - other).mean() < 1e-4 < np.abs(one - frames[-1][1]).mean()


def test_noise_is_told_from_detail_and_from_motion():
    rng = np.random.default_rng(3)
    still = [frame(0, 0, 4, rng)[0] for _ in range(2)]
    moved = [frame(7 * n, 0, 4, rng, 9 * n)[0] for n in range(2)]
    # In luma three eighths of a channel's variance are left; a difference has twice that.
    expected = 2 * 0.375 * 16
    for one, other in (still, moved):
        assert 0.6 * expected < noise_between(samples_of(one), samples_of(other)) < 1.6 * expected


@pytest.mark.parametrize(
    "harm",
    [
        {"steady_cells": np.ones((6, 8), np.uint8)},
        {"steady_cells": np.ones((6, 7), bool)},
        {"steady_luma": np.zeros((48, 32, 32), np.float32)},
        {"steady_alpha": np.full((48, 32, 32), np.nan, np.float32)},
        {"steady_alpha": np.full((48, 32, 32), 1.5, np.float32)},
        {"steady_count": None},
        {"steady_samples": np.full((144, 8, 8), np.inf, np.float32)},
        {"steady_samples": np.zeros((3, 8, 8), np.float32)},
    ],
)
def test_a_history_that_cannot_be_is_refused(harm):
    _, history = run(clip(1)[0])
    arrays = ShotState(history=history).as_arrays()
    assert ShotState.from_arrays(arrays).history is not None
    arrays |= harm
    with pytest.raises(Exception, match="begin the shot anew"):
        ShotState.from_arrays({name: array for name, array in arrays.items() if array is not None})
