"""The lighter shape (decision 13): what it costs, what it remembers, and what cannot be built."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from flyaway.engines.base import state_shapes
from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.flops import HD, cost
from flyaway.network.gated import convolved, convolved_early
from flyaway.network_config import LIGHTER_REFINER, NetworkConfig


@pytest.fixture(scope="module")
def network() -> MattingNetwork:
    torch.manual_seed(3)
    return MattingNetwork(CONFIGS["fast-5"]).eval()


@pytest.mark.parametrize(
    ("before", "after", "coarse"), [("fast-4", "fast-5", 0.80), ("quality-5", "quality-6", 1.01)]
)
def test_both_stages_cost_less(before: str, after: str, coarse: float) -> None:
    """In products of convolutions; of `quality` the refiner alone is lighter."""
    heavy, light = (cost(CONFIGS[name], *HD) for name in (before, after))
    assert light.coarse < coarse * heavy.coarse
    assert light.region < 0.65 * heavy.region


@pytest.mark.parametrize("name", ["fast-4", "fast-5", "quality-6"])
def test_states_are_as_large_as_engines_expect(name: str) -> None:
    network = MattingNetwork(CONFIGS[name]).eval()
    working, _ = network.working_image(torch.rand(1, 3, 96, 160))
    with torch.no_grad():
        _, states = network.frame(working)
    assert [tuple(state.shape) for state in states] == state_shapes(CONFIGS[name], 96, 160)


def test_a_state_of_nothing_gives_the_still_to_the_bit(network: MattingNetwork) -> None:
    working, _ = network.working_image(torch.rand(1, 3, 96, 160))
    with torch.no_grad():
        still, states = network.frame(working)
        shot, _ = network.frame(working, [torch.zeros_like(state) for state in states])
    torch.testing.assert_close(still.levels[-1].alpha, shot.levels[-1].alpha, rtol=0, atol=0)


def test_convolved_early_is_convolved_where_nothing_changes() -> None:
    """Over even features both ways agree, whatever the picture holds, but for the frame's edge."""
    torch.manual_seed(4)
    conv = torch.nn.Conv2d(6 + 3, 5, 3, padding=1)
    even, picture = torch.rand(1, 6, 1, 1).expand(1, 6, 8, 8), torch.rand(1, 3, 16, 16)
    enlarged = F.interpolate(even, scale_factor=2.0, mode="bilinear", align_corners=False)
    early, late = convolved_early(conv, even, [picture]), convolved(conv, (enlarged, picture))
    inside = (..., slice(3, -3), slice(3, -3))
    torch.testing.assert_close(early[inside], late[inside], rtol=0, atol=1e-5)


def test_a_refiners_first_kernel_lies_evenly_about_its_pixels() -> None:
    """Mirrored patches give mirrored answers, if the kernels are mirrored too."""
    torch.manual_seed(5)
    network = MattingNetwork(CONFIGS["fast-5"]).eval()
    enter = network.refiner.enter
    x = torch.rand(1, enter[0].in_channels, 40, 40)
    there = enter(x)
    enter[0].weight.data = enter[0].weight.data.flip(-1)
    torch.testing.assert_close(enter(x.flip(-1)).flip(-1), there, rtol=0, atol=1e-5)


@pytest.mark.parametrize("wrong", [{"entry": 5}, {"entry": 8}, {"skip": 5}, {"early": False}])
def test_what_cannot_be_built_says_so(wrong: dict[str, int]) -> None:
    config = replace(CONFIGS["fast-5"], refiner=replace(LIGHTER_REFINER, **wrong))
    with pytest.raises(ValueError, match=r"kernel|early"):
        MattingNetwork(config)


def test_a_manifest_holds_the_whole_shape() -> None:
    for name in ("fast-5", "quality-6"):
        assert NetworkConfig.from_dict(CONFIGS[name].to_dict()) == CONFIGS[name]
