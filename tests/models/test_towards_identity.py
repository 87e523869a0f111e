"""Blocks taken all the way let everything pass, and nothing but the blocks is touched."""

from __future__ import annotations

import pytest
import torch
from models.training.towards_identity import towards_identity

from flyaway.network.mobile import MobileConfig, MobileEncoder


@pytest.fixture(scope="module")
def encoder() -> MobileEncoder:
    torch.manual_seed(0)
    return MobileEncoder(MobileConfig(dim=32, heads=2, blocks=2)).eval().requires_grad_(False)


def weakened(encoder: MobileEncoder, share: float) -> MobileEncoder:
    tensors = {f"encoder.{name}": tensor for name, tensor in encoder.state_dict().items()}
    changed = towards_identity(tensors, share)
    other = MobileEncoder(MobileConfig(dim=32, heads=2, blocks=2)).eval().requires_grad_(False)
    other.load_state_dict({name.removeprefix("encoder."): tensor for name, tensor in changed.items()})
    return other


def test_all_the_way_tokens_pass_as_they_were_embedded(encoder: MobileEncoder) -> None:
    image = torch.rand(1, 3, 64, 96)
    embedded = encoder.embed(encoder.tokenizer(image)[-1])
    assert not torch.allclose(encoder(image)[-1], embedded, atol=1e-3)
    assert torch.equal(weakened(encoder, 1)(image)[-1], embedded)
    assert torch.equal(weakened(encoder, 0)(image)[-1], encoder(image)[-1])


def test_every_branch_is_weakened_by_the_share(encoder: MobileEncoder) -> None:
    block, other = encoder.blocks[1], weakened(encoder, 0.25).blocks[1]
    for layer, changed in (
        (block.position, other.position),
        (block.project, other.project),
        (block.mlp[2], other.mlp[2]),
    ):
        assert torch.allclose(changed.weight, 0.75 * layer.weight)
        assert torch.allclose(changed.bias, 0.75 * layer.bias)
    assert torch.equal(other.qkv.weight, block.qkv.weight)
    assert torch.equal(other.mlp[0].weight, block.mlp[0].weight)


def test_what_has_no_blocks_or_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="no transformer blocks"):
        towards_identity({"decoder.head.weight": torch.zeros(1)}, 0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        towards_identity({"encoder.blocks.0.mlp.2.bias": torch.zeros(1)}, 1.5)
