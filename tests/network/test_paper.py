"""The paper's configuration: its blocks against plain restatements of them, and the whole on any size."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network import CoarseMaps, PaperNetwork
from flyaway.network.attention import CrossRegionAttention, relative_index
from flyaway.network.decoder import UNKNOWN
from flyaway.network.paper_refiner import PaperRefiner
from flyaway.network.swin import SwinBackbone, SwinBlock, from_windows, shift_mask, to_windows
from flyaway.network_config import PAPER


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def build() -> PaperNetwork:
    """Random weights whose refined alphas differ between regions and are not all clamped."""
    torch.manual_seed(0)
    network = PaperNetwork(PAPER).eval().requires_grad_(False)
    network.refiner.head.bias.fill_(0.5)
    network.refiner.from_token.weight.mul_(4)
    # Batch statistics of a real pass: without them a dozen layers of random weights leave nothing to see.
    for module in network.refiner.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    network.refiner.train()
    network.refine(plate(128, 128, seed=9)[0], random_maps(16, 16), torch.ones(16, 16, dtype=torch.bool))
    return network.eval()


def random_maps(rows: int, columns: int) -> CoarseMaps:
    generator = seeded(8)
    maps = torch.rand(2, rows, columns, generator=generator)
    return CoarseMaps(maps, torch.rand(768, 1, 1), torch.rand(3, rows, columns, generator=generator))


def plate(height: int, width: int, seed: int = 1) -> Tensor:
    """A picture with large and small structure: noise at three scales."""
    generator = seeded(seed)
    sizes = [(max(2, height // scale), max(2, width // scale)) for scale in (1, 8, 40)]
    layers = [torch.rand(1, 3, *size, generator=generator) for size in sizes]
    resized = [F.interpolate(layer, (height, width), mode="bilinear") for layer in layers]
    return torch.stack(resized).mean(0)


@pytest.fixture(scope="module")
def paper() -> PaperNetwork:
    return build()


# Swin -------------------------------------------------------------------------------------------------


def test_windows_go_out_and_back() -> None:
    tokens = torch.rand(2, 14, 21, 5, generator=seeded(1))
    windows = to_windows(tokens, 7)
    assert windows.shape == (2 * 2 * 3, 49, 5)
    assert torch.equal(windows[4].view(7, 7, 5), tokens[0, 7:14, 7:14])
    assert torch.equal(from_windows(windows, 7, 14, 21), tokens)


@pytest.mark.parametrize("shift", [0, 3])
def test_block_equals_attention_among_all_tokens_of_the_same_window(shift: int) -> None:
    """Windows, shift, mask, padding and bias restated: all pairs of tokens, those of other windows at −∞."""
    torch.manual_seed(2)
    block = SwinBlock(12, 3, 7, shift, 4).eval().requires_grad_(False)
    h, w, rows, columns = 9, 16, 14, 21
    tokens = torch.rand(1, h, w, 12)
    attention = block.attention

    normed = F.pad(block.norm_attention(tokens), (0, 0, 0, columns - w, 0, rows - h)).view(-1, 12)
    q, k, v = attention.qkv(normed).view(-1, 3, 3, 4).permute(1, 2, 0, 3)
    ys, xs = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    ys, xs = ys.flatten(), xs.flatten()
    window = (ys - shift).div(7, rounding_mode="floor") * 100 + (xs - shift).div(7, rounding_mode="floor")
    dy, dx = ys[:, None] - ys, xs[:, None] - xs
    together = window[:, None] == window
    bias = attention.bias[((dy + 6) * 13 + dx + 6).where(together, 0)].permute(2, 0, 1)
    score = (q @ k.transpose(1, 2) / 2 + bias).masked_fill(~together, -torch.inf)
    mixed = attention.out((score.softmax(-1) @ v).transpose(0, 1).reshape(-1, 12))
    expected = tokens + mixed.view(1, rows, columns, 12)[:, :h, :w]
    expected = expected + block.mlp(block.norm_mlp(expected))

    got = block(tokens, shift_mask(rows, columns, 7, 3, tokens))
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (128, 384), (256, 640)])
def test_backbone_has_four_strides_at_any_size(paper: PaperNetwork, height: int, width: int) -> None:
    maps = paper.encoder(plate(height, width))
    assert [tuple(m.shape) for m in maps] == [
        (1, dim, height // stride, width // stride)
        for dim, stride in zip((96, 192, 384, 768), (16, 32, 64, 128), strict=True)
    ]
    for features in maps:
        assert torch.isfinite(features).all()
        torch.testing.assert_close(features.mean(1), torch.zeros_like(features[:, 0]), rtol=0, atol=1e-4)


def test_pictures_of_a_batch_do_not_see_each_other(paper: PaperNetwork) -> None:
    one, two = plate(128, 256, seed=3), plate(128, 256, seed=4)
    together = paper.encoder(torch.cat((one, two)))
    for both, first, second in zip(together, paper.encoder(one), paper.encoder(two), strict=True):
        torch.testing.assert_close(both, torch.cat((first, second)), rtol=0, atol=1e-4)


def test_the_backbone_normalises_by_imagenet() -> None:
    torch.manual_seed(0)
    backbone = SwinBackbone(PAPER.swin).eval()
    embedded: list[Tensor] = []
    backbone.embed.register_forward_pre_hook(lambda _, inputs: embedded.append(inputs[0]))
    backbone(torch.tensor([0.485 + 0.229, 0.456, 0.406 - 0.225]).view(1, 3, 1, 1).expand(1, 3, 128, 128))
    expected = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1).expand_as(embedded[0])
    torch.testing.assert_close(embedded[0], expected, rtol=0, atol=1e-6)


# Refiner ----------------------------------------------------------------------------------------------


def test_position_bias_does_not_alias() -> None:
    """Each offset within ±3 cells has its own entry; every other offset, however far, shares the last."""
    span = range(-60, 61)
    offsets = [(dy, dx) for dy in span for dx in span]
    positions = torch.tensor([[(200, 300), (200 + dy, 300 + dx)] for dy, dx in offsets])
    index = relative_index(positions, 3)[:, 0, 1].tolist()
    near = {o: i for o, i in zip(offsets, index, strict=True) if max(map(abs, o)) <= 3}
    far = {i for o, i in zip(offsets, index, strict=True) if max(map(abs, o)) > 3}
    assert sorted(near.values()) == list(range(49))
    assert far == {49}


def test_attention_equals_torch_s_transformer_asked_for_the_first_token() -> None:
    torch.manual_seed(3)
    config = PAPER.attention
    attention = CrossRegionAttention(config).eval().requires_grad_(False)
    tokens = torch.randn(20, 9, 128)
    positions = torch.randint(0, 12, (20, 9, 2))
    valid = torch.rand(20, 9) < 0.7
    valid[:, 0] = True
    offset = positions[:, None] - positions[:, :, None]
    inside = (offset.abs() <= 3).all(-1)
    entry = ((offset[..., 0] + 3) * 7 + offset[..., 1] + 3).where(inside, 49)

    expected = tokens
    for layer in attention.layers:
        layer.bias.normal_()
        theirs = nn.TransformerEncoderLayer(128, 8, 128, 0.0, "gelu", batch_first=True, norm_first=True)
        theirs.self_attn.in_proj_weight = layer.qkv.weight
        theirs.self_attn.in_proj_bias = layer.qkv.bias
        theirs.self_attn.out_proj = layer.project
        theirs.norm1, theirs.norm2 = layer.norm1, layer.norm2
        theirs.linear1, theirs.linear2 = layer.mlp[0], layer.mlp[2]
        bias = layer.bias[:, entry].transpose(0, 1).masked_fill(~valid[:, None, None], -torch.inf)
        expected = theirs(expected, src_mask=bias.reshape(-1, 9, 9))
    torch.testing.assert_close(attention(tokens, positions, valid), expected[:, 0], rtol=0, atol=1e-5)


def test_refiner_shapes_and_range() -> None:
    torch.manual_seed(0)
    refiner = PaperRefiner(128).eval()
    features, token = refiner.encode(torch.rand(5, 4, 8, 8))
    assert [tuple(f.shape[1:]) for f in features] == [(32, 8, 8), (64, 4, 4), (64, 2, 2)]
    assert token.shape == (5, 128)
    alpha = refiner.decode(features, 100 * torch.randn(5, 128))
    assert alpha.shape == (5, 1, 8, 8)
    assert alpha.min() >= 0
    assert alpha.max() <= 1


def test_every_parameter_learns() -> None:
    network = build().train().requires_grad_(True)
    everything = torch.ones(16, 16, dtype=torch.bool)
    network.refine(plate(128, 128)[0], random_maps(16, 16), everything).square().sum().backward()
    levels = network.coarse(plate(128, 128)).levels
    sum(level.alpha.sum() + level.trimap.square().sum() for level in levels).backward()
    idle = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert idle == []


# The whole --------------------------------------------------------------------------------------------


def restated(network: PaperNetwork, image: Tensor, coarse: CoarseMaps, cells: Tensor) -> Tensor:
    """The paper's second stage without grid, chunks or gathering: unfold, all pairs, overwrite."""
    height, width = image.shape[2:]
    rows, columns = cells.shape
    whole = F.pad(image, (0, columns * 8 - width, 0, rows * 8 - height), mode="replicate")
    alpha = coarse.maps[None, :1]
    smooth = F.interpolate(alpha, scale_factor=8, mode="bilinear", align_corners=False)
    patches = F.unfold(torch.cat((whole, smooth), 1), 8, stride=8)[0].T.view(-1, 4, 8, 8)[cells.flatten()]
    places = cells.nonzero()
    offset = places[None] - places[:, None]  # [i, j]: from i to j
    # A key of distance, dy, dx; a region itself comes first at distance 0.
    key = offset.square().sum(-1) * 10**8 + (offset[..., 0] + 5000) * 10**4 + offset[..., 1] + 5000
    near = key.argsort(1)[:, :9]
    features, tokens = network.refiner.encode(patches)
    valid = torch.ones_like(near, dtype=torch.bool)
    refined = network.refiner.decode(features, network.attention(tokens[near], places[near], valid))
    out = F.interpolate(alpha, scale_factor=8, mode="nearest")[0, 0]
    for (row, column), region in zip(places.tolist(), refined[:, 0], strict=True):
        out[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = region
    return out[:height, :width]


def maps_of(network: PaperNetwork, image: Tensor) -> CoarseMaps:
    working, size = network.working_image(image)
    return network.coarse_maps(network.coarse(working), size)


@pytest.mark.parametrize(("height", "width"), [(389, 517), (517, 389), (32, 32), (33, 47), (128, 256)])
def test_any_size(paper: PaperNetwork, height: int, width: int) -> None:
    out = paper(plate(height, width))
    grid = ((height + 7) // 8, (width + 7) // 8)
    assert out.alpha.shape == out.coarse.shape == (height, width)
    assert tuple(out.cells.shape) == grid
    assert tuple(out.trimap.shape) == (3, *grid)
    assert torch.isfinite(out.alpha).all()
    assert out.alpha.min() >= 0
    assert out.alpha.max() <= 1
    assert torch.equal(out.cells, out.trimap.argmax(0) == UNKNOWN)


@pytest.mark.parametrize("share", [0.15, 1.0])
@pytest.mark.parametrize(("height", "width"), [(131, 203), (96, 72)])
def test_second_stage_equals_its_restatement(
    paper: PaperNetwork, height: int, width: int, share: float
) -> None:
    image = plate(height, width)
    coarse = maps_of(paper, image)
    cells = torch.rand((height + 7) // 8, (width + 7) // 8, generator=seeded(5)) < share
    expected = restated(paper, image, coarse, cells)
    refined = expected[cells.repeat_interleave(8, 0).repeat_interleave(8, 1)[:height, :width]]
    assert refined.std() > 0.02, "refined alphas hardly differ: the comparison would prove nothing"
    got = paper(image, cells=cells).alpha
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-5)


def test_neighbours_matter(paper: PaperNetwork) -> None:
    """A region's alpha depends on what another region shows, or the comparison above is blind to it."""
    image = plate(128, 128)
    coarse = maps_of(paper, image)
    cells = torch.zeros(16, 16, dtype=torch.bool)
    cells[4, 4] = cells[4, 6] = True
    before = paper.refine(image[0], coarse, cells)
    changed = image.clone()
    changed[:, :, 32:40, 48:56] = 1 - changed[:, :, 32:40, 48:56]
    after = paper.refine(changed[0], coarse, cells)
    assert (before - after)[32:40, 32:40].abs().max() > 1e-4


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_chunks_change_nothing(paper: PaperNetwork, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    image = plate(101, 83)
    coarse = maps_of(paper, image)
    cells = torch.rand(13, 11, generator=seeded(6)) < 0.8
    assert int(cells.sum()) > 64
    whole = paper.refine(image[0], coarse, cells)
    # Sums run in another order for another batch size: exact but for the last bits.
    monkeypatch.setattr(paper, "config", replace(PAPER, refiner=replace(PAPER.refiner, chunk=chunk)))
    torch.testing.assert_close(paper.refine(image[0], coarse, cells), whole, rtol=0, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(131, 203), (32, 40)])
def test_nothing_selected_leaves_the_coarse_alpha(paper: PaperNetwork, height: int, width: int) -> None:
    image = plate(height, width)
    nothing = torch.zeros((height + 7) // 8, (width + 7) // 8, dtype=torch.bool)
    out = paper(image, cells=nothing)
    coarse = maps_of(paper, image).maps[:1][None]
    nearest = F.interpolate(coarse, scale_factor=8, mode="nearest")[0, 0, :height, :width]
    bilinear = F.interpolate(coarse, scale_factor=8, mode="bilinear", align_corners=False)
    assert torch.equal(out.alpha, nearest)
    torch.testing.assert_close(out.coarse, bilinear[0, 0, :height, :width], rtol=0, atol=1e-5)


def test_only_chosen_cells_are_written(paper: PaperNetwork) -> None:
    image = plate(64, 64)
    cells = torch.zeros(8, 8, dtype=torch.bool)
    cells[2, 5] = True
    touched = paper(image, cells=cells).alpha != paper(image, cells=torch.zeros_like(cells)).alpha
    assert touched[16:24, 40:48].any()
    touched[16:24, 40:48] = False
    assert not touched.any()


def test_without_refining(paper: PaperNetwork) -> None:
    out = paper(plate(70, 50), refine=False)
    assert torch.equal(out.alpha, out.coarse)
    assert not out.cells.any()
