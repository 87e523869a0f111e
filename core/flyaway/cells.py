"""Which cells of a plate are refined, and who their neighbours are: numpy twin of `network.regions`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flyaway.geometry import disc_offsets, grid_size
from flyaway.resample import coordinates

Bool = NDArray[np.bool_]
Index = NDArray[np.int64]


def unknown_cells(unknown: NDArray[np.float32], height: int, width: int, cell: int, threshold: float) -> Bool:
    """Cells in which any bilinear sample of the unknown probability can exceed a threshold.

    Args:
        unknown: h×w probability.
        height, width: the plate's size in px.
        cell: side of a cell in px.

    Returns:
        rows×columns bool.
    """
    rows, columns = grid_size(height, width, cell)
    ys = _spans(rows, cell, height, unknown.shape[0])
    xs = _spans(columns, cell, width, unknown.shape[1])
    return np.asarray(unknown[ys].max(1)[:, xs].max(2) > threshold)


def _spans(count: int, cell: int, length: int, source: int) -> Index:
    first = np.arange(count) * cell
    low, _, _ = coordinates(first, length, source)
    _, high, _ = coordinates(first + cell - 1, length, source)
    span = int((high - low).max()) + 1
    return np.asarray(np.minimum(low[:, None] + np.arange(span), high[:, None]))


def neighbourhoods(cells: Bool, count: int, radius: int) -> tuple[Index, Index, Index, Bool]:
    """Selected cells, and for each the tokens that it attends to: itself, then its nearest neighbours.

    Args:
        cells: rows×columns bool.
        count: K.
        radius: how far neighbours may be, in cells, at least 1.

    Returns:
        positions: N×2 (row, column).
        index: N×(1+K) into the selected cells; 0 where masked.
        where: N×(1+K)×2, their positions.
        valid: N×(1+K) bool.
    """
    rows, columns = cells.shape
    positions = np.argwhere(cells)
    n = len(positions)
    numbers = np.full((rows + 2 * radius, columns + 2 * radius), -1, np.int64)
    numbers[radius : radius + rows, radius : radius + columns][cells] = np.arange(n)
    offsets = np.array(disc_offsets(radius), np.int64)
    around = positions[:, None] + offsets + radius  # N×M×2
    candidates = numbers[around[..., 0], around[..., 1]]
    rank = (candidates >= 0).cumsum(1)
    who, slot = np.nonzero((candidates >= 0) & (rank <= count))
    index = np.zeros((n, 1 + count), np.int64)
    valid = np.zeros((n, 1 + count), bool)
    index[:, 0], valid[:, 0] = np.arange(n), True
    index[who, rank[who, slot]] = candidates[who, slot]
    valid[who, rank[who, slot]] = True
    return positions, index, positions[index], valid


def pixels(positions: Index, cell: int, halo: int) -> tuple[Index, Index]:
    """Pixel rows and columns of regions with their halo: two N×(cell+2·halo), may leave the frame."""
    span = np.arange(-halo, cell + halo)
    return positions[:, :1] * cell + span, positions[:, 1:] * cell + span


def spread(alpha: NDArray[np.float32], positions: Index, changes: NDArray[np.float32], cell: int) -> None:
    """Add regions' changes to the coarse alpha, each faded into its neighbours over their halos.

    Args:
        alpha: H×W, changed in place; the last cells and all halos may hang over the frame.
        positions: N×2 (row, column) of cells.
        changes: N×P×P, P = cell + 2·halo.
        cell: side of a cell in px.
    """
    height, width = alpha.shape
    rows, columns = grid_size(height, width, cell)
    side = changes.shape[-1]
    halo = (side - cell) // 2
    down, across = (
        _fades(positions[:, axis] == 0, positions[:, axis] == count - 1, side, halo)
        for axis, count in enumerate((rows, columns))
    )
    for (top, left), change, weights, others in zip(
        positions * cell - halo, changes, down, across, strict=True
    ):
        inside = slice(max(0, -top), min(side, height - top)), slice(max(0, -left), min(side, width - left))
        faded = change[inside] * weights[inside[0], None] * others[inside[1]]
        y, x = max(0, top), max(0, left)
        alpha[y : y + faded.shape[0], x : x + faded.shape[1]] += faded


def _fades(first: Bool, last: Bool, side: int, halo: int) -> NDArray[np.float32]:
    """N×side: how much each row (or column) of a region counts; at the frame's edge nothing fades."""
    rise = np.ones(side, np.float32)
    if halo > 0:
        rise = ((np.arange(side, dtype=np.float32) + 0.5) / (2 * halo)).clip(0, 1)
    whole = np.ones_like(rise)
    before = np.where(first[:, None], whole, rise)
    return np.asarray(before * np.where(last[:, None], whole, rise[::-1]))
