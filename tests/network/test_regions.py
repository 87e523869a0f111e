"""Regions in torch: neighbours equal to brute force, sampling equal to interpolation, pixels in and out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.geometry import disc_offsets
from flyaway.network import regions


def brute_force(cells: Tensor, count: int, radius: int) -> tuple[list[list[int]], int]:
    """The nearest cells by looking at all pairs: near before far, then by dy, then by dx."""
    places = [tuple(place) for place in cells.nonzero().tolist()]
    nearest, ties = [], 0
    for i, (y, x) in enumerate(places):
        found = [((v - y) ** 2 + (u - x) ** 2, v - y, u - x, j) for j, (v, u) in enumerate(places) if j != i]
        found = sorted(f for f in found if radius == 0 or f[0] <= radius * radius)
        ties += len(found) > count and found[count - 1][0] == found[count][0]
        nearest.append([f[3] for f in found[:count]])
    return nearest, ties


def as_lists(index: Tensor, valid: Tensor) -> list[list[int]]:
    return [row[there].tolist() for row, there in zip(index, valid, strict=True)]


def random_cells(rows: int, columns: int, share: float, seed: int) -> Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) < share


@pytest.mark.parametrize("radius", [0, 1, 3])
@pytest.mark.parametrize("share", [0.004, 0.02, 0.1, 0.5, 1.0])
def test_neighbours_equal_brute_force(share: float, radius: int) -> None:
    cells = random_cells(23, 31, share, seed=1)
    index, valid = regions.nearest_cells(cells, 8, radius)
    nearest, ties = brute_force(cells, 8, radius)
    assert as_lists(index, valid) == nearest
    assert not index[~valid].any()
    if share == 0.1 and radius == 0:
        assert ties > 0, "no tie at the K-th place: the order of ties was not tested"


@pytest.mark.parametrize("count", [1, 4, 8])
def test_lonely_cells_find_the_far_ones(count: int) -> None:
    cells = torch.zeros(150, 271, dtype=torch.bool)
    cells[:3, :3] = True
    for place in [(0, 270), (149, 0), (149, 270), (75, 135), (75, 136), (30, 60), (60, 30)]:
        cells[place] = True
    index, valid = regions.nearest_cells(cells, count, 0)
    assert valid.all()
    assert as_lists(index, valid) == brute_force(cells, count, 0)[0]


def test_lonely_cells_break_ties_in_the_same_order() -> None:
    cells = torch.zeros(129, 129, dtype=torch.bool)
    cells[64, 64] = True
    fifty_off = [(0, 50), (50, 0), (0, -50), (-50, 0), (30, 40), (-30, 40), (40, -30), (-40, -30), (14, 48)]
    for dy, dx in fifty_off:
        cells[64 + dy, 64 + dx] = True
    index, valid = regions.nearest_cells(cells, 8, 0)
    assert as_lists(index, valid) == brute_force(cells, 8, 0)[0]


@pytest.mark.parametrize("radius", [0, 3])
@pytest.mark.parametrize("selected", [0, 1, 2, 5])
def test_fewer_cells_than_neighbours(selected: int, radius: int) -> None:
    cells = torch.zeros(40, 60, dtype=torch.bool)
    for i in range(selected):
        cells[7 * i, 11 * i] = True
    index, valid = regions.nearest_cells(cells, 8, radius)
    assert index.shape == valid.shape == (selected, 8)
    assert as_lists(index, valid) == brute_force(cells, 8, radius)[0]


@pytest.mark.parametrize("share", [0.003, 0.05, 1.0])
def test_looking_in_small_portions_changes_nothing(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = random_cells(60, 61, share, seed=2)
    whole = regions.nearest_cells(cells, 8, 0)
    monkeypatch.setattr(regions, "LOOKED_AT", 100)
    portions = regions.nearest_cells(cells, 8, 0)
    assert torch.equal(whole[0], portions[0])
    assert torch.equal(whole[1], portions[1])


def test_offsets_are_a_disc_in_one_fixed_order() -> None:
    offsets = disc_offsets(2)
    assert offsets == [
        *[(-1, 0), (0, -1), (0, 1), (1, 0)],
        *[(-1, -1), (-1, 1), (1, -1), (1, 1)],
        *[(-2, 0), (0, -2), (0, 2), (2, 0)],
    ]
    span = range(-24, 25)
    assert len(disc_offsets(24)) == sum(y * y + x * x <= 24 * 24 for y in span for x in span) - 1


@pytest.mark.parametrize(("height", "width"), [(64, 96), (61, 97), (8, 12), (5, 7)])
def test_upsampling_equals_interpolation(height: int, width: int) -> None:
    maps = torch.rand(3, 8, 12, generator=torch.Generator().manual_seed(3))
    expected = F.interpolate(maps[None], (height, width), mode="bilinear", align_corners=False)[0]
    torch.testing.assert_close(regions.upsample(maps, height, width), expected, rtol=0, atol=1e-5)


def test_samples_of_regions_equal_the_upsampled_map() -> None:
    maps = torch.rand(2, 7, 9, generator=torch.Generator().manual_seed(4))
    positions = torch.tensor([[0, 0], [2, 1], [4, 5]])
    ys, xs = regions.region_pixels(positions, 8, 4)
    sampled = regions.sample(maps, ys, xs, 40, 48)
    whole = regions.upsample(maps, 40, 48)
    torch.testing.assert_close(sampled, regions.gather(whole, ys, xs), rtol=0, atol=1e-6)


def test_gather_repeats_the_edge_and_scatter_writes_it_back() -> None:
    image = torch.rand(1, 21, 30, generator=torch.Generator().manual_seed(5))
    rows, columns = 3, 4
    positions = torch.ones(rows, columns, dtype=torch.bool).nonzero()
    with_halo = regions.gather(image, *regions.region_pixels(positions, 8, 3))
    edges = F.pad(image[None], (3, 8, 3, 8), mode="replicate")[0]
    for patch, (row, column) in zip(with_halo, positions.tolist(), strict=True):
        assert torch.equal(patch, edges[:, row * 8 : row * 8 + 14, column * 8 : column * 8 + 14])
    canvas = torch.full((rows * 8, columns * 8), -1.0)
    regions.scatter(canvas, positions, with_halo[:, 0, 3:11, 3:11])
    assert torch.equal(canvas[:21, :30], image[0])


@pytest.mark.parametrize(("height", "width"), [(200, 260), (129, 193), (700, 500)])
def test_a_cell_left_out_would_have_been_blended_in_nowhere(height: int, width: int) -> None:
    generator = torch.Generator().manual_seed(6)
    unknown = torch.rand(52, 65, generator=generator) ** 40
    cells = regions.unknown_cells(unknown, height, width, 64, 0.05)
    assert 0 < int(cells.sum()) < cells.numel()
    above = regions.upsample(unknown[None], height, width)[0] > 0.05
    whole = F.pad(above, (0, cells.shape[1] * 64 - width, 0, cells.shape[0] * 64 - height))
    needed = whole.view(cells.shape[0], 64, cells.shape[1], 64).any(3).any(1)
    assert not (needed & ~cells).any()
