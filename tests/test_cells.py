import numpy as np
import pytest

from flyaway.block_motion import AROUND, squares
from flyaway.cells import CELL, luma_of, plane_of, put, tiles_of
from flyaway.geometry import grid_size

SIZE = (75, 110)  # neither is a multiple of a cell's side


@pytest.fixture
def plane():
    return np.random.default_rng(0).random(SIZE, np.float32)


@pytest.fixture
def cells():
    found = np.random.default_rng(1).random(grid_size(*SIZE, CELL)) < 0.6
    found[-1, -1] = found[0, 0] = True
    return found


def test_tiles_hold_what_the_plane_does_and_repeat_its_last_line(plane, cells):
    tiles = tiles_of(plane, cells)
    for tile, (row, column) in zip(tiles, np.argwhere(cells), strict=True):
        rows, columns = (
            np.minimum(first * CELL + np.arange(CELL), length - 1)
            for first, length in zip((row, column), SIZE, strict=True)
        )
        np.testing.assert_array_equal(tile, plane[np.ix_(rows, columns)])
    colours = np.stack((plane, plane * 2, plane * 3), axis=2)
    np.testing.assert_array_equal(tiles_of(colours, cells)[..., 2], tiles_of(colours[..., 2], cells))


def test_squares_of_a_plane_go_on_beyond_the_frame_as_its_last_line_does(plane, cells):
    whole = plane_of(tiles_of(plane, cells), cells, SIZE, AROUND)
    known = plane * cells.repeat(CELL, 0).repeat(CELL, 1)[: SIZE[0], : SIZE[1]]
    # As far as blocks at the frame's corners may reach, and the middle.
    top, left = np.array([-40, 30, SIZE[0] + 31]), np.array([-40, 50, SIZE[1] + 31])
    found = squares(whole, top, left, 26)
    for square, first, beside in zip(found, top, left, strict=True):
        rows, columns = (
            np.clip(start + np.arange(26), 0, length - 1)
            for start, length in zip((first, beside), SIZE, strict=True)
        )
        np.testing.assert_array_equal(square, known[np.ix_(rows, columns)])
    with pytest.raises(IndexError):
        squares(whole, np.array([SIZE[0] + 2 * AROUND]), np.array([0]), 26)


def test_tiles_are_written_back_where_they_came_from(plane, cells):
    changed = np.zeros_like(plane)
    put(changed, tiles_of(plane, cells), np.argwhere(cells))
    here = cells.repeat(CELL, 0).repeat(CELL, 1)[: SIZE[0], : SIZE[1]]
    np.testing.assert_array_equal(changed, np.where(here, plane, 0))


def test_luma_is_the_same_of_bytes_and_of_shares(cells):
    plate = np.random.default_rng(2).integers(0, 256, (*SIZE, 3), np.uint8)
    shares = plate.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(luma_of(plate, cells), luma_of(shares, cells))
