"""The numpy host loop chooses the cells, neighbours and pixels that the torch network chooses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flyaway import cells as grid
from flyaway.geometry import grid_size, padded, working_size
from flyaway.resample import upsample

torch = pytest.importorskip("torch")

from flyaway.network import regions  # noqa: E402

CELLS = hnp.arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24)))


def compare(cells: np.ndarray, count: int, radius: int) -> tuple[np.ndarray, ...]:
    positions, index, where, valid = grid.neighbourhoods(cells, count, radius)
    expected_index, expected_valid = regions.nearest_cells(torch.from_numpy(cells), count, radius)
    n = int(cells.sum())
    assert index.shape == valid.shape == (n, 1 + count)
    assert np.array_equal(positions, torch.from_numpy(cells).nonzero().numpy())
    assert np.array_equal(index[:, 0], np.arange(n))
    assert valid[:, 0].all()
    assert np.array_equal(index[:, 1:], expected_index.numpy())
    assert np.array_equal(valid[:, 1:], expected_valid.numpy())
    assert np.array_equal(where, positions[index])
    assert where.dtype == index.dtype == np.int64
    return positions, index, where, valid


@settings(deadline=None, max_examples=100)
@given(cells=CELLS, count=st.integers(1, 12), radius=st.integers(1, 5))
def test_neighbours_equal_the_networks(cells, count, radius):
    compare(cells, count, radius)


@settings(deadline=None, max_examples=50)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 130)),
    share=st.sampled_from([0.001, 0.03, 0.13, 0.5]),
    seed=st.integers(0, 1000),
)
def test_neighbours_equal_the_networks_on_the_grids_of_real_frames(shape, share, seed):
    compare(np.random.default_rng(seed).random(shape) < share, 8, 3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (17, 30), (68, 128)])
def test_nothing_and_everything_selected(shape):
    _, index, _, _ = compare(np.zeros(shape, bool), 8, 3)
    assert index.shape == (0, 9)
    _, _, _, valid = compare(np.ones(shape, bool), 8, 3)
    assert valid.all() == (min(shape) > 1)


def test_a_lonely_cell_sees_itself_alone():
    cells = np.zeros((9, 9), bool)
    cells[0, 0] = cells[8, 8] = True
    _, index, _, valid = compare(cells, 8, 3)
    assert valid.sum(1).tolist() == [1, 1]
    assert not index[:, 1:].any()


@settings(deadline=None, max_examples=100)
@given(
    plate=st.tuples(st.integers(32, 900), st.integers(32, 900)),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    cell=st.sampled_from([8, 16, 64]),
    power=st.sampled_from([1, 8, 40]),
    threshold=st.sampled_from([0.05, 0.3, 0.9]),
    seed=st.integers(0, 1000),
)
def test_unknown_cells_equal_the_networks_and_none_is_missed(plate, size, cell, power, threshold, seed):
    unknown = np.random.default_rng(seed).random(size, np.float32) ** power
    cells = grid.unknown_cells(unknown, *plate, cell, threshold)
    expected = regions.unknown_cells(torch.from_numpy(unknown), *plate, cell, threshold)
    assert cells.dtype == bool
    assert np.array_equal(cells, expected.numpy())
    # What a pixel is blended in with rises from 0 at the threshold: all of it must lie in chosen cells.
    above = np.maximum(upsample(unknown, *plate) - threshold, 0)
    left_out = ~np.kron(cells, np.ones((cell, cell), bool))[: plate[0], : plate[1]]
    assert above[left_out].max(initial=0) <= 1e-7  # the last bit of interpolating between equals
    assert cells.any() or not above.any()


@pytest.mark.parametrize(("value", "chosen"), [(0.0, False), (0.05, False), (0.0501, True), (1.0, True)])
def test_a_flat_map_chooses_none_or_all(value, chosen):
    cells = grid.unknown_cells(np.full((36, 64), value, np.float32), 540, 960, 64, 0.05)
    assert cells.shape == (9, 15)
    assert (cells == chosen).all()


@settings(deadline=None)
@given(cells=CELLS, cell=st.sampled_from([8, 64]), halo=st.integers(0, 4))
def test_pixels_of_regions_equal_the_networks(cells, cell, halo):
    positions = np.argwhere(cells)
    expected = regions.region_pixels(torch.from_numpy(positions), cell, halo)
    for ours, theirs in zip(grid.pixels(positions, cell, halo), expected, strict=True):
        assert np.array_equal(ours, theirs.numpy())


@given(height=st.integers(32, 9000), width=st.integers(32, 9000), cap=st.sampled_from([0, 256, 512, 768]))
def test_the_working_size_keeps_the_shape_and_is_never_larger(height, width, cap):
    h, w = working_size(height, width, cap)
    assert 1 <= h <= height
    assert 1 <= w <= width
    if cap == 0 or max(height, width) <= cap:
        assert (h, w) == (height, width)
    else:
        assert max(h, w) == cap
        assert abs(h * width - w * height) <= max(height, width)


@given(length=st.integers(1, 10_000), multiple=st.sampled_from([1, 16, 32, 128]))
def test_padding_reaches_the_next_multiple(length, multiple):
    assert 0 <= padded(length, multiple) - length < multiple
    assert padded(length, multiple) % multiple == 0
    assert grid_size(length, 1, multiple) == (padded(length, multiple) // multiple, 1)


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(17, 90), st.integers(17, 90)),
    halo=st.integers(0, 4),
    share=st.floats(0.1, 1),
    seed=st.integers(0, 99),
)
def test_changes_are_spread_as_the_network_spreads_them(size, halo, share, seed):
    height, width = size
    rng = np.random.default_rng(seed)
    cells = rng.random(grid_size(height, width, 16)) < share
    positions = np.argwhere(cells)
    changes = rng.normal(size=(len(positions), 16 + 2 * halo, 16 + 2 * halo)).astype(np.float32)
    before = rng.random((height, width), np.float32)
    after = before.copy()
    grid.spread(after, positions, changes, 16)
    canvas = torch.zeros(cells.shape[0] * 16 + 2 * halo, cells.shape[1] * 16 + 2 * halo)
    canvas[halo : halo + height, halo : halo + width] = torch.from_numpy(before)
    regions.spread(canvas, torch.from_numpy(positions), torch.from_numpy(changes), 16)
    expected = canvas[halo : halo + height, halo : halo + width].numpy()
    np.testing.assert_allclose(after, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("halo", [0, 4])
@pytest.mark.parametrize("size", [(64, 96), (61, 97)])
def test_neighbours_that_agree_add_up_to_one(size, halo):
    cells = np.ones(grid_size(*size, 16), bool)
    alpha = np.zeros(size, np.float32)
    grid.spread(
        alpha, np.argwhere(cells), np.ones((cells.size, 16 + 2 * halo, 16 + 2 * halo), np.float32), 16
    )
    np.testing.assert_allclose(alpha, 1, rtol=0, atol=1e-6)


def test_neighbours_that_disagree_leave_no_edge():
    alpha = np.zeros((32, 64), np.float32)
    positions = np.argwhere(np.ones((1, 2), bool))
    changes = np.stack([np.zeros((40, 40), np.float32), np.ones((40, 40), np.float32)])
    grid.spread(alpha, positions, changes, 32)
    assert np.abs(np.diff(alpha, axis=1)).max() == pytest.approx(1 / 8)
    assert alpha[:, 0].max() == 0
    assert alpha[:, -1].min() == 1
