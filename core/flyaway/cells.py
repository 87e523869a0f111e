"""Cells of a frame: the part of a plane that is kept from one frame of a shot to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from flyaway.block_motion import BLOCK, Bool, Index
from flyaway.geometry import grid_size
from flyaway.plate import Plane

Bytes = NDArray[np.uint8]

CELL = 32  # px
AT_ONCE = 32  # cells: what is worked on stays in the cache
_BLOCKS = CELL // BLOCK


def own_cells(refined: Bool, cell: int, height: int, width: int) -> Bool:
    """The refined regions on our grid."""
    if cell == CELL:
        return refined
    rows, columns = np.nonzero(refined.repeat(cell, 0).repeat(cell, 1)[:height, :width])
    cells = np.zeros(grid_size(height, width, CELL), bool)
    cells[rows // CELL, columns // CELL] = True
    return cells


def beside(cells: Bool) -> Bool:
    """Cells that are set, and their eight neighbours."""
    padded = np.pad(cells, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])


def tiles_of(plane: NDArray[Any], cells: Bool, side: int = CELL) -> NDArray[Any]:
    """An H×W (×C) plane in some cells: K×side×side (×C); beyond the frame the last line is repeated."""
    return tiles_at(plane, np.argwhere(cells), side)


def tiles_at(plane: NDArray[Any], where: Index, side: int = CELL) -> NDArray[Any]:
    """The same of cells at K×2 rows and columns."""
    tiles = np.empty((len(where), side, side, *plane.shape[2:]), plane.dtype)
    whole = plane.shape[0] // side, plane.shape[1] // side
    inside = (where < whole).all(1)
    tiles[inside] = _grid(plane, whole, side)[tuple(where[inside].T)]
    for number in np.flatnonzero(~inside):
        top, left = where[number] * side
        part = plane[top : top + side, left : left + side]
        beyond = [(0, side - length) for length in part.shape[:2]]
        tiles[number] = np.pad(part, (*beyond, *((0, 0) for _ in plane.shape[2:])), mode="edge")
    return tiles


def _grid(plane: NDArray[Any], count: tuple[int, int], side: int) -> NDArray[Any]:
    """A view of a plane's first cells: rows×columns×side×side (×C)."""
    shape = (*count, side, side, *plane.shape[2:])
    down, across, *within = plane.strides
    return as_strided(plane, shape, (down * side, across * side, down, across, *within))


def luma_of(image: Plane, cells: Bool) -> Bytes:
    """Luma of an H×W×3 plate in some cells, 0..255: K×32×32."""
    where = np.argwhere(cells)
    luma = np.empty((len(where), CELL, CELL), np.uint8)
    for first in range(0, len(where), AT_ONCE):
        luma[first : first + AT_ONCE] = _luma(tiles_at(image, where[first : first + AT_ONCE]))
    return luma


def _luma(tiles: NDArray[Any]) -> NDArray[Any]:
    """K×32×32×3 → K×32×32 of what luma's bytes are."""
    red, green, blue = (tiles[..., channel] for channel in range(3))
    if tiles.dtype == np.uint8:
        total = green.astype(np.uint16)
        total += green
        total += red
        total += blue
        total += 2
        total >>= 2
        return total
    top = np.float32(1 if tiles.dtype.kind == "f" else np.iinfo(tiles.dtype).max)
    light = green.astype(np.float32)
    light += light
    light += red
    light += blue
    light *= np.float32(255 / 4) / top
    light += np.float32(0.501)  # as bytes are rounded: half a level up, whatever single precision makes of it
    return light


def put(plane: NDArray[Any], tiles: NDArray[Any], where: Index) -> None:
    """Write tiles into a plane's cells at K×2 rows and columns, but for what lies beyond the plane."""
    side = tiles.shape[1]
    whole = plane.shape[0] // side, plane.shape[1] // side
    inside = (where < whole).all(1)
    _grid(plane, whole, side)[tuple(where[inside].T)] = tiles[inside]
    for number in np.flatnonzero(~inside):
        top, left = where[number] * side
        part = plane[top : top + side, left : left + side]
        part[...] = tiles[number, : part.shape[0], : part.shape[1]]


def plane_of(tiles: NDArray[Any], cells: Bool, size: tuple[int, int], around: int) -> NDArray[Any]:
    """The inverse of `tiles_of`, for tiles of any size; 0 where none is.

    Parameters
    ----------
    size : height and width of what counts; beyond it the last line is repeated.
    around : how many more lines there are on every side.
    """
    height, width = (count * tiles.shape[1] for count in cells.shape)
    plane = np.zeros((height + 2 * around, width + 2 * around), tiles.dtype)
    put(plane[around:-around, around:-around], tiles, np.argwhere(cells))
    repeat_edges(plane, size, around)
    return plane


def repeat_edges(plane: NDArray[Any], size: tuple[int, int], around: int) -> None:
    """Repeat the outermost lines of what counts, in place."""
    for lines, length in ((plane, size[0]), (plane.T, size[1])):
        for beyond, last in ((slice(around), around), (slice(around + length, None), around + length - 1)):
            # What is 0 on both sides is left: memory that is fresh stays untouched.
            if lines[last].any() or lines[beyond].any():
                lines[beyond] = lines[last]


def by_block(tiles: NDArray[Any]) -> NDArray[Any]:
    """A view of tiles as K×2×2×16×16."""
    return tiles.reshape(len(tiles), _BLOCKS, BLOCK, _BLOCKS, BLOCK).transpose(0, 1, 3, 2, 4)
