"""A large plate's own detail for a matte that was found at a smaller size.

The refiner was taught on plates of some 500 to 1500 px. In a larger one strands are wider than it knows, and
it takes nine times as long for a worse matte: a plate is therefore looked at with its longer side reduced
(`NetworkConfig.view`), and what the reduction took from the edge is put back from the plate. Around each
soft pixel alpha is nearly an affine function of colour, since it mixes two colours that hardly change from
one pixel to the next: it is fitted at the smaller size, enlarged, and asked of the plate's own pixels.

References
----------
Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting", 2008: the affine function.
He and Sun, "Fast Guided Filter", 2015: fitting it at a smaller size. Here what is filtered stays as it was
at that size, and gains only what the plate has beyond it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.geometry import grid_size
from flyaway.parallel import each
from flyaway.regions.numpy_backend import gather, region_pixels, sample_cells, upsample

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]

CELL = 32  # px of the smaller picture, and
TILE = 64  # of the plate, that are worked on together
RADIUS = 2  # px of the window in which the function is fitted
#: Variance of colour (display-referred, 0..1) below which a window is noise and no edge.
NOISE = np.float32(1e-4)
# Which of red, green, blue and alpha are multiplied.
_PRODUCTS = ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2), (0, 3), (1, 3), (2, 3))
AT_ONCE = 32  # tiles: bounds memory, and what is worked on stays in the cache


def detailed(
    plate: NDArray[Any], small: Float, alpha: Float, cells: Bool | None = None, threads: int = 1
) -> Float:
    """The alpha of a plate, of one that was found at a smaller size.

    Parameters
    ----------
    plate : H×W×3 display-referred, float32 in 0..1, or uint8 or uint16, whose largest value is 1.
    small : h×w×3 float32, the plate as the network looked at it.
    alpha : h×w float32, 0..1, what it found there.
    cells : rows×columns bool, those of `CELL` px that are worked on; None: `soft_cells`.
    threads : that work on it at once, for the same result to the bit.

    Returns
    -------
    H×W float32, 0..1: exactly 0 and 1 where the smaller one is 0 and 1 all around.
    """
    height, width = plate.shape[:2]
    result = upsample(alpha, height, width)
    edges = soft_cells(alpha) if cells is None else cells
    if not edges.any():
        return result
    maps = affine(small, alpha, edges, threads)
    tiles = np.argwhere(tiles_on(edges, (alpha.shape[0], alpha.shape[1]), (height, width)))

    def put_back(first: int) -> None:
        some = tiles[first : first + AT_ONCE]
        a = sample_cells(maps, some, TILE, height, width)
        colour = gather(plate, *region_pixels(some, TILE, 0))
        colour *= a[:, :3]
        values = colour.sum(1)
        values += a[:, 3]
        np.clip(values, 0, 1, out=values)
        for (row, column), tile in zip(some * TILE, values, strict=True):
            place = result[row : row + TILE, column : column + TILE]
            place[:] = tile[: place.shape[0], : place.shape[1]]

    each(put_back, range(0, len(tiles), AT_ONCE), threads)
    return result


def tiles_on(cells: Bool, small: tuple[int, int], size: tuple[int, int]) -> Bool:
    """Tiles of the plate that cells of the smaller picture are asked for: rows×columns bool."""
    return cells_on(cells, CELL, small, size, TILE, 1)  # samples read one pixel beyond


def cells_on(
    cells: Bool,
    cell: int,
    source: tuple[int, int],
    target: tuple[int, int],
    other: int | None = None,
    reach: int = 0,
) -> Bool:
    """Cells of a picture of one size (rows×columns bool) → those that touch them in one of another size.

    `other`: side of the latter, where it is another. Within `reach` px of the former counts as touching.
    """
    side, touch = other or cell, []
    for count, here, there in zip(cells.shape, source, target, strict=True):
        first = np.arange(-(-there // side)) * side
        low = (first * here // there - reach).clip(0) // cell
        high = (-(-np.minimum(first + side, there) * here // there) - 1 + reach) // cell
        spans = np.arange(count)
        touch.append((spans >= low[:, None]) & (spans <= high[:, None]))
    rows, columns = (along.astype(np.float32) for along in touch)
    return np.asarray(rows @ cells.astype(np.float32) @ columns.T > 0)


def soft_cells(alpha: Float) -> Bool:
    """Cells of `CELL` px that are not 0 or 1 throughout, nor beside such a change: rows×columns bool."""
    rows, columns = grid_size(alpha.shape[0], alpha.shape[1], CELL)
    reach = 2 * (RADIUS + 1)
    padded = np.pad(alpha, _margins(alpha.shape, reach), mode="edge")
    side = CELL + 2 * reach
    low, high = padded, padded
    for axis, count in ((0, rows), (1, columns)):
        starts = np.arange(count) * CELL
        spans = starts[:, None] + np.arange(side)
        low = np.take(low, spans, axis=axis).min(axis + 1)
        high = np.take(high, spans, axis=axis).max(axis + 1)
    return np.asarray(low != high)


def affine(small: Float, alpha: Float, cells: Bool, threads: int = 1) -> Float:
    """What alpha is of colour around each pixel: 4×h×w float32, three factors and what is added to them.

    Outside of `cells` the factors are 0, and alpha is what is added.
    """
    height, width = alpha.shape
    maps = np.zeros((4, height, width), np.float32)
    maps[3] = alpha
    reach = RADIUS + 1
    places = np.argwhere(cells)

    def fit(first: int) -> None:
        some = places[first : first + AT_ONCE]
        rows, columns = region_pixels(some, CELL, reach)
        block = np.empty((4, len(some), rows.shape[1], rows.shape[1]), np.float32)
        block[:3] = gather(small, rows, columns).transpose(1, 0, 2, 3)
        block[3] = gather(alpha[..., None], rows, columns)[:, 0]
        factors = _factors(block)
        inner = block[:, :, reach:-reach, reach:-reach]
        inner[3] -= (factors * inner[:3]).sum(0)
        for number, (top, left) in enumerate((some * CELL).tolist()):
            bottom, right = min(top + CELL, height), min(left + CELL, width)
            part = slice(0, bottom - top), slice(0, right - left)
            maps[:3, top:bottom, left:right] = factors[:, number][:, *part]
            maps[3, top:bottom, left:right] = inner[3, number][part]

    each(fit, range(0, len(places), AT_ONCE), threads)
    return maps


def _factors(block: Float) -> Float:
    """4×N×P×P colour and alpha → 3×N×(P−2·RADIUS−2)² factors of the colours, smoothed."""
    area = np.float32((2 * RADIUS + 1) ** 2)
    planes = np.empty((len(block) + len(_PRODUCTS), *block.shape[1:]), np.float32)
    planes[: len(block)] = block
    for product, (one, other) in zip(planes[len(block) :], _PRODUCTS, strict=True):
        np.multiply(block[one], block[other], out=product)
    # All planes in one go: steps that are over sooner make threads wait for the interpreter.
    means = _windows(planes, RADIUS)
    flat = (means[3] == 0) | (means[3] == area)
    means /= area
    spread = means[len(block) :]
    for product, (one, other) in zip(spread, _PRODUCTS, strict=True):
        product -= means[one] * means[other]
        if one == other:
            product += NOISE
    rr, rg, rb, gg, gb, bb, x, y, z = spread
    # By elimination: cofactors are fifty times less exact in float32 where colours lie nearly on one line.
    g_of_r, b_of_r = rg / rr, rb / rr
    gg -= g_of_r * rg
    gb -= g_of_r * rb
    bb -= b_of_r * rb
    b_of_g = gb / gg
    y -= g_of_r * x
    factors = np.empty((3, *flat.shape), np.float32)
    red, green, blue = factors
    np.divide(z - b_of_r * x - b_of_g * y, bb - b_of_g * gb, out=blue)
    np.subtract(y / gg, b_of_g * blue, out=green)
    np.subtract(x / rr - g_of_r * green, b_of_r * blue, out=red)
    factors[:, flat] = 0
    smoothed = _windows(factors, 1)
    smoothed /= np.float32(9)
    return smoothed


def _windows(planes: Float, radius: int) -> Float:
    """…×P×Q → …×(P−2r)×(Q−2r): sums over windows of 2r+1 px."""
    count = 2 * radius + 1
    down, across = (length - count + 1 for length in planes.shape[-2:])
    rows = planes[..., :down, :].copy()
    for shift in range(1, count):
        rows += planes[..., shift : down + shift, :]
    sums = rows[..., :across].copy()
    for shift in range(1, count):
        sums += rows[..., shift : across + shift]
    return sums


def _margins(shape: tuple[int, ...], reach: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """How far a picture is to be extended so that all cells with `reach` px around them lie in it."""
    down, across = ((-length) % CELL for length in shape[:2])
    return (reach, reach + down), (reach, reach + across)
