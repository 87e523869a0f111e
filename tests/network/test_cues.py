"""Alpha by colour: numbers and gradients stay finite on whatever a plate may hold."""

from __future__ import annotations

import pytest
import torch

from flyaway.network.cues import CUES, cues


@pytest.mark.parametrize("fill", [0.0, 0.5, 1.0, None])
@pytest.mark.parametrize("alpha", [0.0, 1.0, None])
def test_a_region_of_one_colour_has_finite_cues_and_gradients(
    fill: float | None, alpha: float | None
) -> None:
    generator = torch.Generator().manual_seed(1)
    patches = torch.rand(2, 7, 24, 24, generator=generator)
    if fill is not None:
        patches[:, :3] = fill
    if alpha is not None:
        patches[:, 3] = alpha
    still, _ = cues(patches)
    patches.requires_grad_(True)
    found, far = cues(patches)
    assert found.shape == (2, CUES, 24, 24)
    assert torch.equal(found, still), "the way to the gradient changes no number"
    assert torch.isfinite(found).all()
    (found.square().sum() + far.sum()).backward()
    assert patches.grad is not None
    assert torch.isfinite(patches.grad).all()
