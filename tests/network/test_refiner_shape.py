"""The refiner's cheaper form: the same products where it says so, and fitted kernels where it does not."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.cues import cues
from flyaway.network.gated import narrowed
from flyaway.network.refiner import unshuffled


def test_one_convolution_of_stride_2_is_the_unshuffled_input_convolved() -> None:
    torch.manual_seed(1)
    block = nn.Sequential(nn.Conv2d(4 * 5, 7, 3, padding=1), nn.LeakyReLU(0.1))
    x = torch.rand(2, 5, 24, 16)
    torch.testing.assert_close(unshuffled(block, x), block(F.pixel_unshuffle(x, 2)), rtol=0, atol=1e-5)


def test_features_convolved_before_they_are_enlarged_are_near_those_convolved_after() -> None:
    """On maps as smooth as features are; the fitted kernel is a start, which training moves."""
    torch.manual_seed(2)
    weight = torch.randn(6, 4, 3, 3)
    x = F.avg_pool2d(torch.rand(1, 4, 48, 48), 5, 1, 2)
    after = F.conv2d(F.interpolate(x, scale_factor=2.0), weight, padding=1)
    before = F.interpolate(F.conv2d(x, narrowed(weight), padding=1), scale_factor=2.0)
    inside = (..., slice(4, -4), slice(4, -4))
    assert (after - before)[inside].abs().mean() < 0.15 * after[inside].std()
    flat = torch.ones(1, 4, 16, 16)
    torch.testing.assert_close(
        F.conv2d(F.interpolate(flat, scale_factor=2.0), weight)[..., 4, 4],
        F.conv2d(flat, narrowed(weight))[..., 4, 4],
        rtol=0, atol=1e-4,
    )  # fmt: skip


@pytest.mark.parametrize(("front", "back"), [(0.02, 0.9), (0.8, 0.1)])
def test_cues_in_light_read_coverage_where_colours_are_mixed_in_light(front: float, back: float) -> None:
    """Dark hair before a bright sky, and light hair at night: colour says how much of it is there."""
    generator = torch.Generator().manual_seed(3)
    coverage = torch.rand(40, 40, generator=generator)
    light = front * coverage + back * (1 - coverage)
    encoded = torch.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)
    coarse = coverage + 0.3 * (torch.rand(40, 40, generator=generator) - 0.5)  # right on the average
    patches = torch.stack((encoded, encoded, encoded, coarse, torch.ones(40, 40)))[None]
    errors = [float((cues(patches, light=light)[1][0, 0] - coverage).abs().mean()) for light in (True, False)]
    assert errors[0] < 0.5 * errors[1]


def test_a_released_configuration_compares_colours_where_it_learned() -> None:
    for name in ("fast", "fast-2", "quality-2"):
        network = MattingNetwork(CONFIGS[name])
        assert network.refiner.light == (CONFIGS[name].mixed_in == "linear")
        assert network.refiner.early == CONFIGS[name].refiner.early
