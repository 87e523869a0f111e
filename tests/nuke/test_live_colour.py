"""The live module's foreground, scripted, beside the core's: soft edges, frames of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import flyaway.foreground
from flyaway.export import nuke_colour
from flyaway.foreground import foreground

BOUND = 1e-4


@pytest.fixture(scope="module")
def person():
    """Compiled once."""
    return torch.jit.script(nuke_colour.person_colour)


def shot(height: int, width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A plate with highlights and a little below black, and a matte: solid, soft and empty in parts."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] + 0.5
    away = np.hypot(y - height * 0.6, x - width * 0.4) - 0.3 * min(height, width)
    alpha = np.clip(0.5 - away / 12 + rng.normal(0, 0.05, away.shape), 0, 1).astype(np.float32)
    plate = rng.random((height, width, 3), np.float32) * np.float32(0.4)
    plate += np.where(alpha[..., None] > 0.5, [0.6, 0.3, 0.1], [0.1, 0.4, 1.9]).astype(np.float32)
    return plate - np.float32(0.15), alpha


def found_by(person, plate: np.ndarray, alpha: np.ndarray, encoding: str) -> np.ndarray:
    """H×W×3 float32, of a plate of any type, as Nuke would hand it over."""
    given = plate.astype(np.float32) / 255 if plate.dtype == np.uint8 else plate
    planes = torch.from_numpy(given).permute(2, 0, 1).contiguous()
    return person(planes, torch.from_numpy(alpha), encoding == "srgb").permute(1, 2, 0).numpy()


def off(person, plate: np.ndarray, alpha: np.ndarray, encoding: str) -> float:
    return float(np.abs(found_by(person, plate, alpha, encoding) - foreground(plate, alpha, encoding)).max())


@pytest.mark.parametrize("size", [(200, 330), (64, 64), (65, 200), (33, 47)])
@pytest.mark.parametrize("encoding", ["linear", "srgb"])
def test_it_is_the_cores(person, size, encoding):
    plate, alpha = shot(*size)
    if encoding == "srgb":
        plate = np.clip(plate, 0, 1)
    wanted = foreground(plate, alpha, encoding)
    found = found_by(person, plate, alpha, encoding)
    assert np.abs(found - wanted).max() <= BOUND
    np.testing.assert_array_equal(found[alpha == 1], plate[alpha == 1])
    assert np.abs(wanted - plate)[(alpha > 0.1) & (alpha < 0.9)].mean() > 0.02


# Samples of every 2nd to 5th pixel; tiles of 64 px and of 64 samples hang over, or fill the frame to a pixel.
LARGE = [(400, 1440), (1501, 389), (33, 2399), (64, 2400), (401, 3457), (256, 3840), (47, 4400)]


@pytest.mark.parametrize("size", LARGE, ids=lambda size: f"{size[1]}x{size[0]}")
@pytest.mark.parametrize("encoding", ["linear", "srgb", "bytes"])
def test_a_large_plate_is_the_cores(person, size, encoding, monkeypatch):
    plate, alpha = shot(*size)
    if encoding != "linear":
        plate = np.clip(plate, 0, 1)
    if encoding == "bytes":
        plate, encoding = np.round(plate * 255).astype(np.uint8), "srgb"
    assert off(person, plate, alpha, encoding) <= BOUND
    monkeypatch.setattr(flyaway.foreground, "LARGE", 10**9)
    assert off(person, plate, alpha, encoding) > 100 * BOUND, "it is sampled"


def test_a_plate_of_1439_px_is_not_sampled(person, monkeypatch):
    plate, alpha = shot(90, 1439)
    monkeypatch.setattr(flyaway.foreground, "LARGE", 10**9)
    assert off(person, plate, alpha, "linear") <= BOUND


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_large_plates_edge_at_the_frames_edge(person, side):
    """Somebody of whom a strip of 20 px is in the picture: only tiles along one side hold an edge."""
    plate, _ = shot(300, 1499)
    y, x = np.mgrid[:300, :1499]
    away = {"left": x, "right": 1498 - x, "top": y, "bottom": 299 - y}[side]
    alpha = np.clip(1 - away / 20, 0, 1).astype(np.float32)
    assert off(person, plate, alpha, "linear") <= BOUND


def test_a_large_plate_that_is_soft_all_over(person):
    rng = np.random.default_rng(1)
    plate, alpha = rng.random((300, 1501, 3), np.float32), rng.random((300, 1501), np.float32)
    assert off(person, plate, alpha, "srgb") <= BOUND


def test_a_large_plate_of_even_colours(person):
    """Where neither colour varies, rounding alone decides which of them varies more."""
    y, x = np.mgrid[:389, :1603]
    alpha = np.clip((500 - np.hypot(y - 150, x - 800)) / 40, 0, 1).astype(np.float32)
    share = alpha[..., None]
    plate = (share * (0.6, 0.3, 0.1) + (1 - share) * (0.1, 0.4, 1.9)).astype(np.float32)
    assert off(person, plate, alpha, "linear") <= BOUND


@pytest.mark.parametrize("size", [(150, 90), (70, 1500)])
def test_nobody_and_nothing_but_somebody(person, size):
    plate, _ = shot(*size)
    given = torch.from_numpy(plate).permute(2, 0, 1)
    assert (person(given, torch.zeros(*size), False) == 0).all()
    assert torch.equal(person(given, torch.ones(*size), False), given)
