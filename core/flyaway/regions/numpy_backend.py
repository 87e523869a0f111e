"""Regions in numpy, for engines that have no torch: see `flyaway.regions`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from flyaway.geometry import disc_offsets, grid_size
from flyaway.levels import as_unit
from flyaway.resample import ALONE

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]
Index = NDArray[np.int64]
BAND = 1 << 16  # px upsampled at once: what is worked on stays in the cache


def source_coordinates(pixels: Index, length: int, source: int) -> tuple[Index, Index, Float]:
    """Where pixels of the plate lie in a smaller map, for bilinear sampling with its edges repeated.

    Parameters
    ----------
    pixels
        Any shape, pixel indices; those outside 0…length−1 are held to the edge.
    length
        The plate's length in px.
    source
        The map's length, covering the same extent.

    Returns
    -------
    tuple
        Lower index, upper index (int64) and the upper one's weight (float32), of the shape of `pixels`.
    """
    # The position (p + ½)·source/length − ½ is a fraction over 2·length; its whole part and rest are exact.
    rest = (2 * np.clip(pixels, 0, length - 1) + 1) * source - length
    low, rest = np.divmod(np.clip(rest, 0, (source - 1) * 2 * length), 2 * length)
    return low, np.minimum(low + 1, source - 1), rest.astype(np.float32) / np.float32(2 * length)


def sample(maps: Float, ys: Index, xs: Index, height: int, width: int) -> Float:
    """Bilinear samples of low-resolution maps at pixels of the plate.

    Parameters
    ----------
    maps
        C×h×w float32, covering the plate's whole extent.
    ys, xs
        N×P rows and N×Q columns of the plate, each ascending: a region then touches a small part of the map,
        which is cut out and interpolated by two small matrix products.
    height, width
        The plate's size in px.

    Returns
    -------
    array
        N×C×P×Q float32.
    """
    out = np.empty((len(ys), len(maps), ys.shape[1], xs.shape[1]), np.float32)
    _sample(maps, _matrices(ys, height, maps.shape[1]), _matrices(xs, width, maps.shape[2]), out)
    return out


def sample_cells(maps: Float, positions: Index, cell: int, height: int, width: int) -> Float:
    """`sample` at all pixels of cells: C×h×w at N×2 (row, column) of cells → N×C×cell×cell float32.

    Beyond the plate its last row and column are repeated.
    """
    rows, columns = grid_size(height, width, cell)
    down = _of_cells(rows, cell, 0, height, maps.shape[1])
    across = _of_cells(columns, cell, 0, width, maps.shape[2])
    row, column = positions.T
    out = np.empty((len(positions), len(maps), cell, cell), np.float32)
    _sample(maps, (down[0][row], down[1][row]), (across[0][column], across[1][column]), out)
    return out


def sample_points(maps: Float, ys: Index, xs: Index, height: int, width: int) -> Float:
    """`sample` at one pixel each: C×h×w at N rows and N columns of the plate → N×C float32."""
    y0, y1, fy = source_coordinates(ys, height, maps.shape[1])
    x0, x1, fx = source_coordinates(xs, width, maps.shape[2])
    top = maps[:, y0, x0] * (1 - fx) + maps[:, y0, x1] * fx
    bottom = maps[:, y1, x0] * (1 - fx) + maps[:, y1, x1] * fx
    return np.ascontiguousarray((top * (1 - fy) + bottom * fy).T)


def upsample(plane: Float, height: int, width: int) -> Float:
    """h×w → height×width float32, the arithmetic of `sample` at every pixel of the plate.

    Where the plane is 0, as behind a person, nothing is computed, and memory that is fresh is not touched.
    Values within 0..1 stay there: 1 − f and f never add up to more than 1, as they are rounded.
    """
    y0, y1, fy = source_coordinates(np.arange(height), height, plane.shape[0])
    x0, x1, fx = source_coordinates(np.arange(width), width, plane.shape[1])
    out = np.zeros((height, width), np.float32)
    held = plane != 0
    reach = _reach(held, x0, x1)
    x0, x1, fx = x0[reach], x1[reach], fx[reach]
    # np.take, since indexing the second axis would leave the result transposed in memory
    wide = np.take(plane, x0, axis=1) * (1 - fx) + np.take(plane, x1, axis=1) * fx
    inside = out[:, reach]
    rows = max(1, BAND // width)
    for start in range(0, height, rows):
        part = slice(start, start + rows)
        upper, lower = y0[part], y1[part]
        across = _reach(held[upper[0] : lower[-1] + 1], x0, x1)
        band = wide[upper, across]
        band *= (1 - fy[part])[:, None]
        below = wide[lower, across]
        below *= fy[part, None]
        np.add(band, below, out=inside[part, across])
    return out


def unknown_cells(unknown: Float, height: int, width: int, cell: int, threshold: float) -> Bool:
    """Cells in which any bilinear sample of the unknown probability can exceed a threshold.

    The maximum over the map's entries that touch a cell bounds every sample in it, so a cell that is left out
    would have been blended in with weight 0 everywhere.

    Parameters
    ----------
    unknown
        h×w probability.
    height, width
        The plate's size in px.
    cell
        Side of a cell in px.
    threshold
        Probability above which a cell is chosen.

    Returns
    -------
    array
        rows×columns bool.
    """
    rows, columns = grid_size(height, width, cell)
    ys = _cell_spans(rows, cell, height, unknown.shape[0])
    xs = _cell_spans(columns, cell, width, unknown.shape[1])
    return np.asarray(unknown[ys].max(1)[:, xs].max(2) > threshold)


def neighbourhoods(cells: Bool, count: int, radius: int) -> tuple[Index, Index, Index, Bool]:
    """Chosen cells, and for each the tokens that it attends to: its own, then its nearest neighbours'.

    Parameters
    ----------
    cells
        rows×columns bool.
    count
        K, the most neighbours of a region.
    radius
        How far neighbours may be, in cells, at least 1. (In torch 0 is as far as the frame goes: the paper.)

    Returns
    -------
    positions
        N×2 int64, (row, column) of each chosen cell, row by row.
    index
        N×(1+K) int64 into those, itself first; 0 where there is no such neighbour.
    where
        N×(1+K)×2 int64, their positions.
    valid
        N×(1+K) bool.
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


def region_pixels(positions: Index, cell: int, halo: int) -> tuple[Index, Index]:
    """Pixel rows and columns of regions with their halo: two N×(cell+2·halo), may leave the frame."""
    span = np.arange(-halo, cell + halo)
    return positions[:, :1] * cell + span, positions[:, 1:] * cell + span


def gather(image: NDArray[Any], ys: Index, xs: Index) -> Float:
    """H×W×C at N×P rows and N×P columns → N×C×P×P float32; outside the frame the edge is repeated.

    Integers become shares of their type's largest value.
    """
    out = np.empty((len(ys), image.shape[2], ys.shape[1], xs.shape[1]), np.float32)
    _gather(image, ys, xs, out)
    return out


def refiner_inputs(image: NDArray[Any], maps: Float, positions: Index, cell: int, halo: int) -> Float:
    """What the refiner is given of regions: the plate's pixels, and the coarse maps sampled at them.

    Parameters
    ----------
    image
        The plate: H×W×3 display-referred sRGB, float32 in 0..1, or uint8 or uint16, whose largest is 1.
    maps
        C×h×w float32: coarse alpha, unknown probability, refiner features.
    positions
        N×2 (row, column) of cells.
    cell, halo
        Side of a cell and width of the halo, in px of the plate.

    Returns
    -------
    array
        N×(3+C)×P×P float32, P = cell + 2·halo.
    """
    height, width, colours = image.shape
    ys, xs = region_pixels(positions, cell, halo)
    side = cell + 2 * halo
    out = np.empty((len(positions), colours + len(maps), side, side), np.float32)
    _gather(image, ys, xs, out[:, :colours])
    rows, columns = grid_size(height, width, cell)
    down = _of_cells(rows, cell, halo, height, maps.shape[1])
    across = _of_cells(columns, cell, halo, width, maps.shape[2])
    row, column = positions.T
    _sample(maps, (down[0][row], down[1][row]), (across[0][column], across[1][column]), out[:, colours:])
    return out


def blend_ramps(positions: Index, rows: int, columns: int, cell: int, halo: int) -> tuple[Float, Float]:
    """How much each row and each column of a region with its halo counts: two N×(cell+2·halo) float32.

    Over the halos of two neighbours one ramp falls as the other rises; they add up to one. At the edge of the
    frame, where there is no neighbour, the region counts whole.
    """
    side = cell + 2 * halo
    rise = np.ones(side, np.float32)
    if halo > 0:
        rise = ((np.arange(side, dtype=np.float32) + 0.5) / (2 * halo)).clip(0, 1)
    whole = np.ones_like(rise)

    def along(which: Index, count: int) -> Float:
        before = np.where((which == 0)[:, None], whole, rise)
        return np.asarray(before * np.where((which == count - 1)[:, None], whole, rise[::-1]))

    return along(positions[:, 0], rows), along(positions[:, 1], columns)


def accumulate(alpha: Float, positions: Index, changes: Float, cell: int) -> None:
    """Add regions' changes to the coarse alpha in place, each by its blend ramps.

    Parameters
    ----------
    alpha
        H×W float32; the last cells and all halos may hang over the frame.
    positions
        N×2 (row, column) of cells.
    changes
        N×P×P, P = cell + 2·halo.
    cell
        Side of a cell in px.
    """
    height, width = alpha.shape
    side = changes.shape[-1]
    halo = (side - cell) // 2
    down, across = blend_ramps(positions, *grid_size(height, width, cell), cell, halo)
    weighted = changes * down[:, :, None]
    weighted *= across[:, None]
    for (top, left), part in zip((positions * cell - halo).tolist(), weighted, strict=True):
        y, x = max(0, top), max(0, left)
        alpha[y : top + side, x : left + side] += part[y - top : height - top, x - left : width - left]


def _reach(held: Bool, x0: Index, x1: Index) -> slice:
    """From the first to the last column of the plate whose samples touch one in which anything is set."""
    columns = np.flatnonzero(held.any(0))
    if not columns.size:
        return slice(0)
    return slice(int(np.searchsorted(x1, columns[0])), int(np.searchsorted(x0, columns[-1], "right")))


def _cell_spans(count: int, cell: int, length: int, source: int) -> Index:
    """count×S: the map's entries that samples in each cell touch, the last of them repeated."""
    first = np.arange(count) * cell
    low, _, _ = source_coordinates(first, length, source)
    _, high, _ = source_coordinates(first + cell - 1, length, source)
    span = int((high - low).max()) + 1
    return np.asarray(np.minimum(low[:, None] + np.arange(span), high[:, None]))


def _gather(image: NDArray[Any], ys: Index, xs: Index, out: Float) -> None:
    height, width = image.shape[:2]
    tall, broad = ys.shape[1], xs.shape[1]
    inside = (ys[:, 0] >= 0) & (xs[:, 0] >= 0) & (ys[:, -1] < height) & (xs[:, -1] < width)
    if inside.any():  # all of them in one go, row by row as they lie
        windows = sliding_window_view(image, (tall, broad), axis=(0, 1))
        pixels = windows.transpose(0, 1, 3, 4, 2)[ys[inside, 0], xs[inside, 0]]
        out[inside] = as_unit(pixels).transpose(0, 3, 1, 2)
    for number in np.flatnonzero(~inside):
        rows = image[np.clip(ys[number], 0, height - 1)]
        out[number] = as_unit(rows[:, np.clip(xs[number], 0, width - 1)]).transpose(2, 0, 1)


def _sample(maps: Float, down: tuple[Index, Float], across: tuple[Index, Float], out: Float) -> None:
    (tops, vertical), (lefts, horizontal) = down, across
    count, reach, breadth = len(tops), vertical.shape[2], horizontal.shape[2]
    tall, broad = vertical.shape[1], horizontal.shape[1]
    windows = sliding_window_view(maps, (reach, breadth), axis=(1, 2)).transpose(1, 2, 3, 0, 4)
    parts = windows[tops, lefts]  # N×S×C×S'
    # Two products a region for several maps together, and not two a map: the calls cost more than the sums.
    several = max(1, ALONE // (max(breadth, tall) * reach * broad))
    for first in range(0, len(maps), several):
        some = parts[:, :, first : first + several].reshape(count, -1, breadth)
        wide = some @ horizontal.transpose(0, 2, 1)  # N×(S·C)×Q
        both = vertical @ wide.reshape(count, reach, -1)  # N×P×(C·Q)
        out[:, first : first + several] = both.reshape(count, tall, -1, broad).transpose(0, 2, 1, 3)


@lru_cache(maxsize=8)
def _of_cells(count: int, cell: int, halo: int, length: int, source: int) -> tuple[Index, Float]:
    """`_matrices` of all rows or all columns of cells: they are the same from frame to frame."""
    first, weights = _matrices(
        np.arange(count)[:, None] * cell + np.arange(-halo, cell + halo), length, source
    )
    first.setflags(write=False)
    weights.setflags(write=False)
    return first, weights


def _matrices(pixels: Index, length: int, source: int) -> tuple[Index, Float]:
    """Where the S entries of the map begin that N regions touch (N), and N×P×S weights of theirs."""
    low, high, weight = source_coordinates(pixels, length, source)
    span = int((high - low[:, :1]).max()) + 1
    first = np.minimum(low[:, :1], source - span)
    matrix = np.zeros((*pixels.shape, span), np.float32)
    region, pixel = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    matrix[region, pixel, low - first] = 1 - weight
    matrix[region, pixel, high - first] += weight
    return first[:, 0], matrix
