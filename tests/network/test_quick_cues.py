"""The cues that are exported are the network's own, whatever the patches hold."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from flyaway.export.cues import QuickCues
from flyaway.network.cues import CUES, cues

# Both round in their own order. Where colour hardly varies, what rounding leaves of a variance is weighed
# against 2e-4; beside the same in double precision both err by as much as they differ.
BOUND = 1e-3
BOUND_OF_ALPHA = 1e-4  # that of the engines


def noise(seed: int, side: int) -> Tensor:
    return torch.rand(3, 7, side, side, generator=torch.Generator().manual_seed(seed))


def hair(seed: int, side: int) -> Tensor:
    """A soft edge between two colours, with a little noise, and alpha that is near the truth."""
    patches = noise(seed, side)
    across = torch.linspace(-2, 2, side)
    alpha = (across[:, None] + torch.sin(3 * across[None])).sigmoid().expand(3, 1, side, side)
    front, back = noise(seed + 1, 1)[:, :3], noise(seed + 2, 1)[:, :3]
    patches[:, :3] = (alpha * front + (1 - alpha) * back + 0.02 * patches[:, :3]).clamp(0, 1)
    patches[:, 3:4] = (alpha + 0.05 * (patches[:, 3:4] - 0.5)).clamp(0, 1)
    patches[:, 4:5] = 4 * alpha * (1 - alpha)
    return patches


def flat(seed: int, side: int) -> Tensor:
    """One colour, alpha and all: nothing but rounding varies."""
    return noise(seed, 1).expand(3, 7, side, side).contiguous()


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("side", [40, 72])
@pytest.mark.parametrize("content", [noise, hair, flat])
def test_they_are_the_networks_cues_but_for_rounding(content, side: int, light: bool) -> None:
    for seed in range(3):
        patches = content(seed, side)
        found, alpha = QuickCues(side)(patches, light)
        expected, expected_alpha = cues(patches, light)
        assert found.shape == expected.shape == (3, CUES, side, side)
        assert (found - expected).abs().max() <= BOUND
        assert (alpha - expected_alpha).abs().max() <= BOUND_OF_ALPHA
        if content is not flat:
            assert expected.std((2, 3)).min() > 1e-3, "cues that say nothing compare nothing"


def test_they_add_nothing_to_what_a_model_stores() -> None:
    assert not QuickCues(40).state_dict()
