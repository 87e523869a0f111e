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


@pytest.mark.parametrize("kind", [np.float32, np.uint8])
def test_what_is_left_in_a_tile_beyond_the_frame_is_read_by_nobody(cells, kind):
    """A block is filtered whole: beyond the frame it may hold what the frame's last line does not."""
    whole = np.ones_like(cells)
    tiles = tiles_of(np.ones(SIZE, kind), whole)
    last = np.zeros(SIZE, kind)
    last[:-1, :-1] = 1  # nothing on the frame's last line and column
    held = tiles_of(last, whole)
    beyond = np.ones((whole.shape[0] * CELL, whole.shape[1] * CELL), bool)
    beyond[: SIZE[0], : SIZE[1]] = False
    held[tiles_of(beyond, whole)] = tiles[tiles_of(beyond, whole)]
    found = plane_of(held, whole, SIZE, AROUND)
    np.testing.assert_array_equal(found[AROUND:-AROUND, AROUND:-AROUND][SIZE[0] - 1 :], 0)
    np.testing.assert_array_equal(found[AROUND:-AROUND, AROUND:-AROUND][:, SIZE[1] - 1 :], 0)
    assert found[AROUND : AROUND + SIZE[0] - 1, AROUND : AROUND + SIZE[1] - 1].all()


def test_tiles_are_written_back_where_they_came_from(plane, cells):
    changed = np.zeros_like(plane)
    put(changed, tiles_of(plane, cells), np.argwhere(cells))
    here = cells.repeat(CELL, 0).repeat(CELL, 1)[: SIZE[0], : SIZE[1]]
    np.testing.assert_array_equal(changed, np.where(here, plane, 0))


def test_luma_is_the_same_of_bytes_and_of_shares(cells):
    plate = np.random.default_rng(2).integers(0, 256, (*SIZE, 3), np.uint8)
    shares = plate.astype(np.float32) / np.float32(255)
    wide = plate.astype(np.uint16) * np.uint16(257)
    for other in (shares, wide):
        np.testing.assert_array_equal(luma_of(other, cells), luma_of(plate, cells))
