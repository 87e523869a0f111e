"""Colour of large plates: estimated of samples, and nearer the true one. `test_foreground` holds the rest."""

from __future__ import annotations

import numpy as np
import pytest

import flyaway.foreground
from flyaway.foreground import foreground

FRONT, BEHIND = np.array([0.30, 0.18, 0.10], np.float32), np.array([0.05, 0.60, 0.05], np.float32)


def mixed(cover: np.ndarray, front: np.ndarray = FRONT, behind: np.ndarray = BEHIND) -> np.ndarray:
    return (cover[..., None] * front + (1 - cover[..., None]) * behind).astype(np.float32)


def test_plates_of_up_to_1439_px_are_estimated_at_each_pixel(monkeypatch):
    """What they gave before there was anything else."""
    rng = np.random.default_rng(5)
    for width, changes in ((1280, False), (1439, False), (1440, True)):
        cover = np.clip(np.linspace(-6, 7, width, dtype=np.float32), 0, 1) * np.ones((80, 1), np.float32)
        plate = mixed(cover) + rng.uniform(0, 0.1, (80, width, 3)).astype(np.float32)
        found = foreground(plate, cover, "linear")
        with monkeypatch.context() as never:
            never.setattr(flyaway.foreground, "LARGE", 10**9)
            assert np.array_equal(found, foreground(plate, cover, "linear")) is not changes


@pytest.fixture(scope="module")
def strands() -> tuple[np.ndarray, np.ndarray]:
    """Coverage and colour of a body with hair of many colours, 3 px wide, in 900×1600."""
    rng = np.random.default_rng(6)
    y, x = np.mgrid[:900, :1600].astype(np.float32)
    cover = np.clip((500 - x) / 10, 0, 1)
    colour = np.broadcast_to(FRONT, (*cover.shape, 3)).copy()
    for start in np.linspace(20, 880, 60):
        rise, own = rng.uniform(-0.4, 0.4), rng.uniform(0.3, 1.5, 3).astype(np.float32) * FRONT
        far = np.abs(y - start - rise * (x - 500)) / np.hypot(1, rise)
        strand = np.clip(2 - far, 0, 1) * (x > 480) * (x < 1000)
        colour[strand > cover] = own
        cover = np.maximum(cover, strand)
    return cover, colour


@pytest.mark.parametrize("sharp", [False, True], ids=["out of focus", "sharp"])
def test_a_large_plates_comp_is_nearer_the_true_one_than_with_an_estimate_at_each_pixel(
    strands, sharp, monkeypatch
):
    cover, front = strands
    rng = np.random.default_rng(7)
    cells = rng.uniform(0, 1, (113, 200, 3)).astype(np.float32)
    behind = np.kron(cells, np.ones((8, 8, 1), np.float32))[:900] if sharp else BEHIND
    plate = mixed(cover, front, behind)
    soft = (cover > 0) & (cover < 1)

    def error() -> float:
        wrong = np.abs(foreground(plate, cover, "linear") - front)[soft]
        return float((wrong * cover[soft][:, None]).mean())

    large = error()
    monkeypatch.setattr(flyaway.foreground, "LARGE", 10**9)
    assert large < 0.95 * error()
    assert large < 0.2 * np.abs((plate - front) * cover[..., None])[soft].mean()


def test_a_large_plate_may_lie_in_memory_as_it_likes(strands):
    cover, front = strands
    plate = mixed(cover, front)
    wanted = foreground(plate, cover, "linear")
    turned = np.ascontiguousarray(plate.transpose(1, 0, 2)).transpose(1, 0, 2)
    assert np.array_equal(foreground(turned, np.asfortranarray(cover), "linear"), wanted)


def test_colour_does_not_jump_where_coverage_becomes_whole():
    """At full coverage the plate is the person's colour; just below it is all but that, even or not."""
    rng = np.random.default_rng(8)
    cover = np.clip((800 - np.arange(1600, dtype=np.float32)) / 400, 0, 1) * np.ones((200, 1), np.float32)
    busy = rng.uniform(0, 1, (200, 1600, 3)).astype(np.float32)  # behind: so the person is the even one
    plate = mixed(cover, FRONT, busy)
    plate[60:140, 300:400] *= 1.3  # what the estimate, a mean over some pixels, does not know
    nearly = np.where(cover >= 1, np.float32(1 - 1e-5), cover)
    whole, almost = foreground(plate, cover, "linear"), foreground(plate, nearly, "linear")
    assert np.abs(whole - almost)[:, 280:400].max() < 1e-3
