"""The live module's foreground, scripted, beside the core's: soft edges, frames of any size."""

from __future__ import annotations

import numpy as np
import pytest
import torch

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


@pytest.mark.parametrize("size", [(200, 330), (64, 64), (65, 200), (33, 47)])
@pytest.mark.parametrize("encoding", ["linear", "srgb"])
def test_it_is_the_cores(person, size, encoding):
    plate, alpha = shot(*size)
    if encoding == "srgb":
        plate = np.clip(plate, 0, 1)
    wanted = foreground(plate, alpha, encoding)
    given = torch.from_numpy(plate).permute(2, 0, 1).contiguous()
    found = person(given, torch.from_numpy(alpha), encoding == "srgb").permute(1, 2, 0).numpy()
    assert np.abs(found - wanted).max() <= BOUND
    np.testing.assert_array_equal(found[alpha == 1], plate[alpha == 1])
    assert np.abs(wanted - plate)[(alpha > 0.1) & (alpha < 0.9)].mean() > 0.02


def test_nobody_and_nothing_but_somebody(person):
    plate, _ = shot(150, 90)
    given = torch.from_numpy(plate).permute(2, 0, 1)
    assert (person(given, torch.zeros(150, 90), False) == 0).all()
    assert torch.equal(person(given, torch.ones(150, 90), False), given)
