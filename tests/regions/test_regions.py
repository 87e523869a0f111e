"""What regions must be, whichever sibling works them out: against brute force and plain restatements."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.regions.backends import Backend, brute_force, every_backend, noise

from flyaway.geometry import grid_size
from flyaway.regions.numpy_backend import upsample


@every_backend
@pytest.mark.parametrize("radius", [1, 3])
@pytest.mark.parametrize("share", [0.004, 0.1, 0.5, 1.0])
def test_neighbours_equal_brute_force(backend: Backend, share: float, radius: int) -> None:
    cells = np.random.default_rng(1).random((19, 23)) < share
    positions, index, where, valid = backend("neighbourhoods", cells, 8, radius)
    nearest, ties = brute_force(cells, 8, radius)
    n = int(cells.sum())
    assert np.array_equal(positions, np.argwhere(cells))
    assert np.array_equal(index[:, 0], np.arange(n))
    assert valid[:, 0].all()
    assert [row[1:][there[1:]].tolist() for row, there in zip(index, valid, strict=True)] == nearest
    assert not index[~valid].any()
    assert np.array_equal(where, positions[index])
    assert ties > 0 or share != 0.5 or radius == 1, "no tie at the K-th place: their order was not tested"


@every_backend
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (17, 30), (68, 128)])
def test_nothing_and_everything_chosen(backend: Backend, shape: tuple[int, int]) -> None:
    _, index, where, valid = backend("neighbourhoods", np.zeros(shape, bool), 8, 3)
    assert (index.shape, where.shape, valid.shape) == ((0, 9), (0, 9, 2), (0, 9))
    _, _, _, valid = backend("neighbourhoods", np.ones(shape, bool), 8, 3)
    assert valid.all() == (min(shape) > 1)


@every_backend
def test_a_lonely_region_attends_to_itself_alone(backend: Backend) -> None:
    cells = np.zeros((9, 9), bool)
    cells[0, 0] = cells[8, 8] = True
    _, index, _, valid = backend("neighbourhoods", cells, 8, 3)
    assert valid.sum(1).tolist() == [1, 1]
    assert not index[:, 1:].any()


@every_backend
@settings(deadline=None, max_examples=40)
@given(
    plate=st.tuples(st.integers(32, 900), st.integers(32, 900)),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    cell=st.sampled_from([8, 16, 64]),
    power=st.sampled_from([1, 8, 40]),
    threshold=st.sampled_from([0.05, 0.3, 0.9]),
    seed=st.integers(0, 1000),
)
def test_a_cell_left_out_would_have_been_blended_in_nowhere(
    backend: Backend, plate, size, cell, power, threshold, seed
) -> None:
    unknown = noise(*size, seed=seed) ** power
    cells = backend("unknown_cells", unknown, *plate, cell, threshold)
    assert cells.dtype == bool
    # What a pixel is blended in with rises from 0 at the threshold: all of it must lie in chosen cells.
    above = np.maximum(backend("upsample", unknown, *plate) - threshold, 0)
    left_out = ~np.kron(cells, np.ones((cell, cell), bool))[: plate[0], : plate[1]]
    assert above[left_out].max(initial=0) <= 1e-7  # the last bit of interpolating between equals
    assert cells.any() or not above.any()


@every_backend
@pytest.mark.parametrize(("value", "chosen"), [(0.0, False), (0.05, False), (0.0501, True), (1.0, True)])
def test_a_flat_map_chooses_none_or_all(backend: Backend, value: float, chosen: bool) -> None:
    cells = backend("unknown_cells", np.full((36, 64), value, np.float32), 540, 960, 64, 0.05)
    assert cells.shape == (9, 15)
    assert (cells == chosen).all()


@every_backend
def test_samples_of_regions_are_the_upsampled_map(backend: Backend) -> None:
    maps = noise(2, 7, 9, seed=4)
    ys, xs = backend("region_pixels", np.array([[0, 0], [2, 1], [4, 5]]), 8, 4)
    sampled = backend("sample", maps, ys, xs, 40, 48)
    whole = np.stack([backend("upsample", plane, 40, 48) for plane in maps], -1)
    np.testing.assert_allclose(sampled, backend("gather", whole, ys, xs), rtol=0, atol=1e-6)


@every_backend
def test_pixels_of_regions_are_the_plate_with_its_edge_repeated(backend: Backend) -> None:
    image, cell, halo = noise(21, 30, 3, seed=5), 8, 3
    positions = np.argwhere(np.ones(grid_size(21, 30, cell), bool))
    patches = backend("gather", image, *backend("region_pixels", positions, cell, halo))
    edges = np.pad(image, ((halo, 8), (halo, 8), (0, 0)), mode="edge")
    for patch, (row, column) in zip(patches, positions * cell, strict=True):
        expected = edges[row : row + cell + 2 * halo, column : column + cell + 2 * halo]
        assert np.array_equal(patch.transpose(1, 2, 0), expected)
    both = backend("refiner_inputs", image, noise(2, 6, 7), positions, cell, halo)
    assert np.array_equal(both[:, :3], patches)
    assert both.shape == (len(positions), 5, cell + 2 * halo, cell + 2 * halo)


@every_backend
@pytest.mark.parametrize("halo", [0, 4])
@pytest.mark.parametrize("size", [(64, 96), (61, 97), (16, 16), (5, 40)])
def test_neighbours_that_agree_add_up_to_one(backend: Backend, size: tuple[int, int], halo: int) -> None:
    cells = np.ones(grid_size(*size, 16), bool)
    alpha = np.zeros(size, np.float32)
    changes = np.ones((cells.size, 16 + 2 * halo, 16 + 2 * halo), np.float32)
    backend("accumulate", alpha, np.argwhere(cells), changes, 16)
    np.testing.assert_allclose(alpha, 1, rtol=0, atol=1e-6)


@every_backend
def test_neighbours_that_disagree_leave_no_edge(backend: Backend) -> None:
    alpha = np.zeros((32, 64), np.float32)
    positions = np.argwhere(np.ones((1, 2), bool))
    changes = np.stack([np.zeros((40, 40), np.float32), np.ones((40, 40), np.float32)])
    backend("accumulate", alpha, positions, changes, 32)
    assert np.abs(np.diff(alpha, axis=1)).max() == pytest.approx(1 / 8)
    assert alpha[:, 0].max() == 0
    assert alpha[:, -1].min() == 1


@every_backend
def test_a_region_changes_its_cell_and_halo_alone(backend: Backend) -> None:
    alpha = np.zeros((61, 70), np.float32)
    backend("accumulate", alpha, np.array([[1, 2], [3, 4]]), np.ones((2, 20, 20), np.float32), 16)
    expected = np.zeros_like(alpha, bool)
    expected[14:34, 30:50] = expected[46:61, 62:70] = True
    assert np.array_equal(alpha > 0, expected)


@pytest.mark.parametrize("size", [(1080, 1920), (2160, 3840), (811, 457), (1, 333)])
def test_what_is_enlarged_stays_within_its_range_and_nothing_stays_nothing(size: tuple[int, int]) -> None:
    """The engine clips refined regions alone."""
    plane = np.zeros((288, 512), np.float32)
    plane[100:, 150:400] = np.random.default_rng(size[0]).random((188, 250)) ** 0.1
    plane[200:, 200:300] = 1
    wide = upsample(plane, *size)
    assert 0 <= wide.min() <= wide.max() <= 1
    whole = upsample(plane + np.float32(2), *size) - 2  # nowhere 0: every pixel is computed
    np.testing.assert_allclose(wide, whole, rtol=0, atol=2e-6)
    assert (wide[: size[0] // 3] == 0).all()
    assert not upsample(np.zeros((9, 9), np.float32), *size).any()
