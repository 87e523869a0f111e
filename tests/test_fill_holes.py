"""Filling holes is exact: on drawn and on random mattes it is what a flood over the whole frame finds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from flyaway import edges

Float = NDArray[np.float32]


def flooded(alpha: Float, size: int) -> Float:
    """The definition, without a thought for time: closing by a square, then a flood from all that is open."""
    padded = np.pad(alpha, size - 1, mode="edge")
    largest = sliding_window_view(padded, (size, size)).max((2, 3))  # of every square that touches the frame
    closed = sliding_window_view(largest, (size, size)).min((2, 3))
    pits = closed - alpha > edges.SHALLOW
    level = np.where(pits, closed, alpha)
    while True:
        beside = sliding_window_view(np.pad(level, 1, constant_values=2), (3, 3)).min((2, 3))
        lower = np.where(pits, np.maximum(alpha, beside), alpha)
        if np.array_equal(lower, level):
            return level
        level = lower


def noise(rng: np.random.Generator, height: int, width: int, smooth: int) -> Float:
    """Random coverage with blobs of about `smooth` px, solid and empty in parts."""
    values = rng.normal(size=(height // smooth + 2, width // smooth + 2))
    grown = values.repeat(smooth, 0).repeat(smooth, 1)[:height, :width]
    return np.clip(0.5 + 1.5 * grown + 0.2 * rng.normal(size=(height, width)), 0, 1).astype(np.float32)


def strands(rng: np.random.Generator, height: int, width: int) -> Float:
    """Long thin lines across each other, between which gaps are closed or, by a pixel, open."""
    alpha = np.zeros((height, width), np.float32)
    for _ in range(40):
        x, y, turn = rng.uniform(0, width), rng.uniform(0, height), rng.uniform(0, np.pi)
        for step in np.arange(0, rng.uniform(20, 90), 0.5):
            turn += rng.normal(0, 0.05)
            x, y = x + 0.5 * np.cos(turn), y + 0.5 * np.sin(turn)
            if 0 <= int(y) < height and 0 <= int(x) < width:
                alpha[int(y), int(x)] = max(alpha[int(y), int(x)], np.float32(1 - step / 120))
    return alpha


@pytest.mark.parametrize("seed", range(6))
def test_random_mattes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    height, width = (int(side) for side in rng.integers(3, 150, 2))
    for alpha in (noise(rng, height, width, 1 + seed), strands(rng, height, width)):
        for size in (2, int(rng.integers(3, 9)), int(rng.integers(9, 25))):
            found = edges.fill_holes(alpha, size)
            np.testing.assert_array_equal(found, flooded(alpha, size))
    assert alpha.dtype == found.dtype == np.float32


def test_a_hole_at_the_border_a_spiral_and_a_frame_of_one_line() -> None:
    alpha = np.ones((80, 70), np.float32)
    alpha[:5, 20:25] = 0  # open to the outside of the picture, which is a rim
    alpha[40:45, 30:35] = 0
    spiral = (
        [(y, 10) for y in range(10, 70)]
        + [(69, x) for x in range(10, 60)]
        + [(y, 59) for y in range(69, 3, -1)]
    )
    for y, x in [*spiral, *((4, x) for x in range(59, 69)), *((y, 69) for y in range(4, 80))]:
        alpha[y, x] = 0.1
    for size in (3, 7):
        np.testing.assert_array_equal(edges.fill_holes(alpha, size), flooded(alpha, size))
    line = np.array([[1, 1, 0, 0, 1, 0.5, 1, 1]], np.float32)
    np.testing.assert_array_equal(edges.fill_holes(line, 4), flooded(line, 4))
    assert edges.fill_holes(alpha, 7)[42, 32] == 1
