"""A large plate's own detail for a matte found at a smaller size."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import flyaway
from flyaway.detail import CELL, affine, cells_on, detailed, soft_cells
from flyaway.geometry import grid_size
from flyaway.pictures.drawn import sample_plate
from flyaway.regions.numpy_backend import upsample
from flyaway.resample import resize
from flyaway.weights import model_info

HEIGHT, WIDTH = 420, 600


def mixed(seed: int = 3) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """A plate of bright strands over a dark wall, both slowly changing, and its exact alpha."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    strands = np.sin(x / 2.3 + 0.02 * y + 3 * np.sin(y / 40)) * np.sin(y / 55)
    inside = ((x > 150) & (x < 450) & (y > 100)).astype(np.float32)
    alpha = (strands * 2).clip(0, 1) * inside
    front = np.stack((0.8 + 0.1 * y / HEIGHT, 0.6 + 0 * x, 0.5 + 0.1 * x / WIDTH), -1)
    back = np.stack((0.1 + 0.1 * x / WIDTH, 0.2 + 0 * x, 0.3 + 0.1 * y / HEIGHT), -1)
    plate = front * alpha[..., None] + back * (1 - alpha[..., None])
    noise = random.normal(0, 0.004, plate.shape)
    return (plate + noise).clip(0, 1).astype(np.float32), alpha.astype(np.float32)


@pytest.mark.parametrize("scale", [1.5, 2.0, 3.0, 3.37])
def test_what_the_reduction_took_from_strands_is_put_back(scale: float) -> None:
    plate, alpha = mixed()
    size = round(HEIGHT / scale), round(WIDTH / scale)
    small = resize(plate, *size)
    found = resize(alpha[..., None], *size)[..., 0].clip(0, 1)
    bare = np.abs(upsample(found, HEIGHT, WIDTH) - alpha).mean()
    ours = np.abs(detailed(plate, small, found) - alpha).mean()
    assert ours < 0.45 * bare


def test_what_is_nobody_or_solid_all_around_stays_exactly_so() -> None:
    plate, alpha = mixed()
    plate[:, :60] = np.random.default_rng(1).random((HEIGHT, 60, 3))  # a busy wall, far from anybody
    small, found = resize(plate, HEIGHT // 3, WIDTH // 3), resize(alpha[..., None], HEIGHT // 3, WIDTH // 3)
    found = found[..., 0].clip(0, 1)
    found[80:120, 60:90] = 1
    result = detailed(plate, small, found)
    assert result.dtype == np.float32
    assert result.min() == 0
    assert result.max() == 1
    assert (result[:, :90] == 0).all()
    assert (result[270:330, 210:240] == 1).all()


def test_a_plate_of_integers_is_read_as_shares_of_their_largest() -> None:
    plate, alpha = mixed()
    small, found = resize(plate, 210, 300), resize(alpha[..., None], 210, 300)[..., 0].clip(0, 1)
    bytes_ = np.round(plate * 255).astype(np.uint8)
    words = np.round(plate * 65535).astype(np.uint16)
    exact = detailed(plate, small, found)
    assert np.abs(detailed(words, small, found) - exact).max() < 1e-3
    assert np.abs(detailed(bytes_, small, found) - exact).mean() < 2e-3


def test_nothing_is_worked_on_where_nothing_is_soft() -> None:
    alpha = np.zeros((100, 200), np.float32)
    assert not soft_cells(alpha).any()
    assert not soft_cells(alpha + 1).any()
    alpha[40, 69] = 0.5
    found = soft_cells(alpha)
    assert found.shape == grid_size(100, 200, CELL)
    assert found[1, 2]
    assert found.sum() == 2  # the cell to the left ends 6 px away, the one above 9
    maps = affine(np.full((100, 200, 3), 0.5, np.float32), alpha, found)
    np.testing.assert_array_equal(maps[3], alpha)  # a plate of one colour has no detail
    assert not maps[:3].any()


def test_cells_are_those_that_touch_them_in_another_size() -> None:
    cells = np.zeros(grid_size(96, 160, 32), bool)
    cells[1, 2] = True
    larger = cells_on(cells, 32, (96, 160), (192, 320))
    assert np.argwhere(larger).tolist() == [[2, 4], [2, 5], [3, 4], [3, 5]]
    np.testing.assert_array_equal(cells_on(larger, 32, (192, 320), (96, 160)), cells)
    uneven = cells_on(cells, 32, (96, 160), (100, 170))
    assert np.argwhere(uneven).tolist() == [[1, 2], [1, 3], [2, 2], [2, 3]]


def test_a_large_plate_is_looked_at_smaller_and_its_matte_has_its_size() -> None:
    matting = flyaway.load("fast", threads=1)
    cap = matting.info.view
    height, width = cap, cap + cap // 2
    rows, columns = matting.view(height, width)
    assert rows * columns == pytest.approx(cap * cap * 9 / 16, rel=2e-3)
    plate = resize(sample_plate(400, 600).astype(np.float32) / 255, height, width)
    matte = matting(plate)
    assert matte.alpha.shape == (height, width)
    assert matte.cells.shape == grid_size(height, width, 32)
    assert matting.timings["detail"] > 0
    view = resize(plate, *matting.view(height, width))
    small = matting(view)
    assert "detail" not in matting.timings
    np.testing.assert_array_equal(matte.alpha, detailed(plate, view, small.alpha))
    np.testing.assert_array_equal(matting(plate, refine=False).alpha, matte.coarse)


def test_weights_that_came_before_look_at_plates_as_they_did() -> None:
    before, reduced = model_info("fast@6"), model_info("fast@7")
    assert before.view == 0
    assert {f.sha256 for f in before.files.values()} == {f.sha256 for f in reduced.files.values()}
    assert reduced.view == model_info("fast").view
    matting = flyaway.load("fast@6", threads=1)
    assert matting.view(2160, 3840) == (2160, 3840)
    assert matting.grid(2160, 3840) == grid_size(2160, 3840, 32)


def test_forced_cells_are_of_either_grid() -> None:
    matting = flyaway.load("fast", threads=1)
    plate = sample_plate(1440, 1600)
    chosen = np.zeros(matting.grid(1440, 1600), bool)
    chosen[5, 5] = True
    matting(plate, cells=chosen)
    assert "detail" in matting.timings
    own = np.zeros(grid_size(1440, 1600, 32), bool)
    own[5, 5] = True
    matte = matting(plate, cells=own)
    assert "detail" not in matting.timings
    np.testing.assert_array_equal(matte.cells, own)
