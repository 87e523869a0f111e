"""What torch alone has: the paper's unlimited search, overwriting of cells, gradients, interpolation."""

from __future__ import annotations

import pytest
import torch
from tests.regions.backends import brute_force
from torch import Tensor
from torch.nn import functional as F

from flyaway.regions import torch_backend as regions


def as_lists(index: Tensor, valid: Tensor) -> list[list[int]]:
    return [row[there].tolist() for row, there in zip(index, valid, strict=True)]


def random_cells(rows: int, columns: int, share: float, seed: int) -> Tensor:
    return torch.rand(rows, columns, generator=torch.Generator().manual_seed(seed)) < share


@pytest.mark.parametrize("share", [0.004, 0.02, 0.1, 0.5, 1.0])
def test_an_unlimited_search_equals_brute_force(share: float) -> None:
    cells = random_cells(23, 31, share, seed=1)
    index, valid = regions.nearest_cells(cells, 8, 0)
    nearest, ties = brute_force(cells.numpy(), 8, 0)
    assert as_lists(index, valid) == nearest
    assert not index[~valid].any()
    if share == 0.1:
        assert ties > 0, "no tie at the K-th place: the order of ties was not tested"


@pytest.mark.parametrize("count", [1, 4, 8])
def test_lonely_cells_find_the_far_ones(count: int) -> None:
    cells = torch.zeros(150, 271, dtype=torch.bool)
    cells[:3, :3] = True
    for place in [(0, 270), (149, 0), (149, 270), (75, 135), (75, 136), (30, 60), (60, 30)]:
        cells[place] = True
    index, valid = regions.nearest_cells(cells, count, 0)
    assert valid.all()
    assert as_lists(index, valid) == brute_force(cells.numpy(), count, 0)[0]


def test_lonely_cells_break_ties_in_the_same_order() -> None:
    cells = torch.zeros(129, 129, dtype=torch.bool)
    cells[64, 64] = True
    fifty_off = [(0, 50), (50, 0), (0, -50), (-50, 0), (30, 40), (-30, 40), (40, -30), (-40, -30), (14, 48)]
    for dy, dx in fifty_off:
        cells[64 + dy, 64 + dx] = True
    index, valid = regions.nearest_cells(cells, 8, 0)
    assert as_lists(index, valid) == brute_force(cells.numpy(), 8, 0)[0]


@pytest.mark.parametrize("radius", [0, 3])
@pytest.mark.parametrize("selected", [0, 1, 2, 5])
def test_fewer_cells_than_neighbours(selected: int, radius: int) -> None:
    cells = torch.zeros(40, 60, dtype=torch.bool)
    for i in range(selected):
        cells[7 * i, 11 * i] = True
    index, valid = regions.nearest_cells(cells, 8, radius)
    assert index.shape == valid.shape == (selected, 8)
    assert as_lists(index, valid) == brute_force(cells.numpy(), 8, radius)[0]


@pytest.mark.parametrize("share", [0.003, 0.05, 1.0])
def test_looking_in_small_portions_changes_nothing(share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    cells = random_cells(60, 61, share, seed=2)
    whole = regions.nearest_cells(cells, 8, 0)
    monkeypatch.setattr(regions, "COMPARED", 100)
    portions = regions.nearest_cells(cells, 8, 0)
    assert torch.equal(whole[0], portions[0])
    assert torch.equal(whole[1], portions[1])


@pytest.mark.parametrize(("height", "width"), [(64, 96), (61, 97), (8, 12), (5, 7)])
def test_upsampling_equals_interpolation(height: int, width: int) -> None:
    plane = torch.rand(8, 12, generator=torch.Generator().manual_seed(3))
    expected = F.interpolate(plane[None, None], (height, width), mode="bilinear", align_corners=False)[0, 0]
    torch.testing.assert_close(regions.upsample(plane, height, width), expected, rtol=0, atol=1e-5)


def test_overwriting_puts_gathered_cells_back_where_they_were() -> None:
    image = torch.rand(1, 21, 30, generator=torch.Generator().manual_seed(5))
    positions = torch.ones(3, 4, dtype=torch.bool).nonzero()
    patches = regions.gather(image, *regions.region_pixels(positions, 8, 0))
    canvas = torch.full((24, 32), -1.0)
    regions.overwrite(canvas, positions, patches[:, 0])
    assert torch.equal(canvas[:21, :30], image[0])


def test_a_gradient_reaches_plate_maps_and_changes() -> None:
    generator = torch.Generator().manual_seed(7)
    image, maps = torch.rand(3, 40, 50, generator=generator), torch.rand(2, 9, 11, generator=generator)
    changes = torch.rand(4, 24, 24, generator=generator)
    for x in (image, maps, changes):
        x.requires_grad_(True)
    positions = torch.tensor([[0, 0], [0, 1], [1, 1], [2, 3]])
    patches = regions.refiner_inputs(image, maps, positions, 16, 4)
    alpha = regions.upsample(maps[0], 40, 50)
    regions.accumulate(alpha, positions, changes * patches[:, 0], 16)
    alpha.square().sum().backward()
    gradients = {name: x.grad for name, x in (("image", image), ("maps", maps), ("changes", changes))}
    assert all(gradient is not None for gradient in gradients.values())
    assert gradients["image"][0].any()
    assert gradients["maps"][0].any()
    assert (gradients["changes"] != 0).flatten(1).any(1).all()


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
def test_half_precision_changes_are_added_in_the_alphas_own(kind: torch.dtype) -> None:
    alpha = torch.zeros(32, 32)
    changes = torch.full((4, 24, 24), 0.5, dtype=kind)
    regions.accumulate(alpha, torch.ones(2, 2, dtype=torch.bool).nonzero(), changes, 16)
    torch.testing.assert_close(alpha, torch.full_like(alpha, 0.5))
