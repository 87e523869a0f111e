"""The quick backward pass of depthwise convolutions is the one that torch has."""

from __future__ import annotations

import pytest
import torch
from models.training.depthwise import Depthwise, quicken
from torch import nn

from flyaway.network import CONFIGS, MattingNetwork


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("size", [(16, 16), (17, 20)])
def test_gradients_are_those_of_torch(kernel: int, dilation: int, stride: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(6, 6, kernel, stride, dilation * (kernel - 1) // 2, dilation, groups=6).double()
    image = torch.randn(2, 6, *size, dtype=torch.double, requires_grad=True)
    above = torch.randn_like(layer(image))
    expected = torch.autograd.grad(layer(image), (image, *layer.parameters()), above)
    assert quicken(nn.Sequential(layer)) == 1
    assert type(layer) is Depthwise
    found = torch.autograd.grad(layer(image), (image, *layer.parameters()), above)
    for mine, torchs in zip(found, expected, strict=True):
        # The kernel's is summed in float32.
        torch.testing.assert_close(mine, torchs, rtol=1e-5, atol=1e-4)


def test_a_network_with_quick_layers_is_the_same_network() -> None:
    torch.manual_seed(1)
    network = MattingNetwork(CONFIGS["fast-2"]).eval()
    image, names = torch.rand(1, 3, 64, 96), list(network.state_dict())
    with torch.no_grad():
        before = network.coarse(image).levels[-1].alpha
        assert quicken(network) > 10
        after = network.coarse(image).levels[-1].alpha
    assert torch.equal(before, after)
    assert list(network.state_dict()) == names
    assert quicken(network) == 0  # once is enough


def test_what_is_no_depthwise_convolution_stays_as_it_is() -> None:
    layers = nn.Sequential(
        nn.Conv2d(4, 4, 3),
        nn.Conv2d(4, 8, 3, groups=4),
        nn.Conv2d(4, 4, (3, 5), groups=4),
        nn.Conv2d(4, 4, 1, groups=4),
    )
    assert quicken(layers) == 0
