"""What is scored while training: shots, and where the refiner counts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from models.training.score_refined import blended, shot
from models.training.score_shots import matted, scores

from flyaway.network import CONFIGS, MattingNetwork


def test_what_changes_where_the_truth_does_not_is_chatter_and_a_shift_with_it_is_none() -> None:
    truth = np.zeros((8, 40), np.float32)
    truth[:, 20:] = 1
    moved = np.roll(truth, 1, axis=1)
    held = scores([truth, truth, moved], [truth, truth, moved])
    assert held == {"MAD": 0, "dtSSD": 0, "chatter": 0, "IoU": 1}
    other = truth.copy()
    other[:, :4] = 0.5
    found = scores([truth, other, truth], [truth] * 3)
    assert found["chatter"] == pytest.approx(1e3 * 0.5 * 4 / 40)
    assert found["dtSSD"] == pytest.approx(1e2 * 0.5 * np.sqrt(4 / 40))
    assert found["MAD"] == pytest.approx(1e3 * 0.5 * 4 / 40 / 3)
    lagging = scores([truth, truth, truth], [truth, truth, moved])
    assert lagging["dtSSD"] > 0
    assert lagging["chatter"] == 0


@torch.no_grad()
@pytest.mark.parametrize("config", ["fast-4", "clean-3"])  # with and without a memory
def test_regions_are_blended_in_between_the_two_doubts_that_are_asked_for(config: str) -> None:
    torch.manual_seed(4)
    network = MattingNetwork(CONFIGS[config]).eval()
    torch.nn.init.normal_(network.refiner.head.weight, std=0.5)
    plate = np.random.default_rng(1).integers(0, 256, (96, 128, 3), np.uint8)
    coarse = matted(network, [plate, plate])
    blended(network, 0.0, 0.01)
    everywhere = shot(network, [plate, plate])
    assert np.abs(everywhere[0] - coarse[0]).max() > 0.05
    blended(network, 1.0, 1.01)
    nowhere = shot(network, [plate, plate])
    for found, expected in zip(nowhere, coarse, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)
