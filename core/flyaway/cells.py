"""Cells of a frame: the part of a plane that is kept from one frame of a shot to the next."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.block_motion import BLOCK, Bool
from flyaway.geometry import grid_size
from flyaway.plate import Plane

Bytes = NDArray[np.uint8]

CELL = 32  # px
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
    where = np.argwhere(cells)
    tiles = np.empty((len(where), side, side, *plane.shape[2:]), plane.dtype)
    for tile, (row, column) in zip(tiles, where, strict=True):
        part = plane[row * side : (row + 1) * side, column * side : (column + 1) * side]
        height, width = part.shape[:2]
        tile[:height, :width] = part
        if height < side:
            tile[height:, :width] = part[-1:]
        if width < side:
            tile[:, width:] = tile[:, width - 1 : width]
    return tiles


def luma_of(image: Plane, cells: Bool) -> Bytes:
    """Luma of an H×W×3 plate in some cells, 0..255: K×32×32."""
    tiles = tiles_of(image, cells)
    red, green, blue = (tiles[..., channel] for channel in range(3))
    if tiles.dtype == np.uint8:
        total = green.astype(np.uint16)
        total += green
        total += red
        total += blue
        total += 2
        total >>= 2
        return total.astype(np.uint8)
    top = np.float32(1 if tiles.dtype.kind == "f" else np.iinfo(tiles.dtype).max)
    light = green.astype(np.float32)
    light += light
    light += red
    light += blue
    light *= np.float32(255 / 4) / top
    light += np.float32(0.501)  # as bytes are rounded: half a level up, whatever single precision makes of it
    return light.astype(np.uint8)


def plane_of(tiles: NDArray[Any], cells: Bool) -> NDArray[Any]:
    """The inverse of `tiles_of`, for tiles of any size; 0 where none is."""
    (rows, columns), side = cells.shape, tiles.shape[1]
    plane = np.zeros((rows, side, columns, side), tiles.dtype)
    plane.transpose(0, 2, 1, 3)[cells] = tiles
    return plane.reshape(rows * side, columns * side)


def by_block(tiles: NDArray[Any]) -> NDArray[Any]:
    """A view of tiles as K×2×2×16×16."""
    return tiles.reshape(len(tiles), _BLOCKS, BLOCK, _BLOCKS, BLOCK).transpose(0, 1, 3, 2, 4)
