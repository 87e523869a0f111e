"""The glance at a smaller mirror image: what it changes, at which sizes, and what it must leave alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from flyaway.network import MattingNetwork
from flyaway.network_config import CONFIGS, NetworkConfig


def glancing(**changes: float) -> NetworkConfig:
    """QUALITY_3 with other settings of its coarse stage."""
    config = CONFIGS["quality-3"]
    return replace(config, coarse=replace(config.coarse, **changes))


@pytest.fixture(scope="module")
def network() -> MattingNetwork:
    torch.manual_seed(0)
    return MattingNetwork(CONFIGS["quality-3"]).eval()


@torch.no_grad()
def test_a_share_of_the_deepest_features_is_the_mirror_images(network: MattingNetwork) -> None:
    """At full size and a share of a half the deepest features do not know left from right."""
    even = MattingNetwork(glancing(glance=640, glance_share=0.5)).eval()
    even.load_state_dict(network.state_dict())
    image = torch.rand(1, 3, 96, 160)
    one, other = (even.coarse(each).context for each in (image, image.flip(-1)))
    torch.testing.assert_close(one, other.flip(-1))
    alone, back = (network.encoder(each)[-1] for each in (image, image.flip(-1)))
    torch.testing.assert_close(one, (alone + back.flip(-1)) / 2)
    assert not torch.allclose(alone, back.flip(-1), rtol=1e-3, atol=1e-3)


@torch.no_grad()
def test_no_share_changes_nothing_but_the_context_is_what_the_decoder_got(network: MattingNetwork) -> None:
    none = MattingNetwork(glancing(glance_share=0.0)).eval()
    plain = MattingNetwork(glancing(glance=0)).eval()
    image = torch.rand(1, 3, 96, 160)
    for each in (none, plain):
        each.load_state_dict(network.state_dict())
    torch.testing.assert_close(none.coarse(image).levels[-1].alpha, plain.coarse(image).levels[-1].alpha)
    assert not torch.allclose(network.coarse(image).levels[-1].alpha, plain.coarse(image).levels[-1].alpha)


@pytest.mark.parametrize(
    ("size", "seen"),
    [((384, 640), (320, 512)), ((640, 640), (512, 512)), ((32, 32), (32, 32)), ((64, 96), (64, 64))],
)
@torch.no_grad()
def test_the_mirror_image_is_of_whole_blocks(
    network: MattingNetwork, size: tuple[int, int], seen: tuple[int, int]
) -> None:
    sizes: list[tuple[int, ...]] = []
    hook = network.encoder.register_forward_pre_hook(lambda _, given: sizes.append(tuple(given[0].shape[2:])))
    network.coarse(torch.rand(1, 3, *size))
    hook.remove()
    assert sizes == [size, seen]


@pytest.mark.parametrize("glance", [300, 700])
def test_a_glance_that_cannot_be_is_refused(glance: int) -> None:
    with pytest.raises(ValueError, match="glance"):
        MattingNetwork(glancing(glance=glance))
