"""Edges of mattes moved, softened and closed: numpy alone, and only where alpha is partial or near it.

A matte is flat almost everywhere. It is cut into tiles; those that are flat for as far as an operation
reaches stay as they are, the others are worked on with so much of their surroundings around them. What one
tile holds stays in the cache, so the cost is that of the edges, not of the frame.

Greyscale morphology and closing by reconstruction: L. Vincent, "Morphological grayscale reconstruction in
image analysis", IEEE Transactions on Image Processing 2 (1993).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]
Index = NDArray[np.int64]
TILE = 64  # px
CHUNK = 16  # tiles worked on at once
FLAT = np.float32(2.0**-11)  # what lies this near to nothing or to everything is flat
SHALLOW = np.float32(2.0**-8)  # a pit of no more than an 8-bit code is no hole
LONGEST_STEP = 3.0  # px that one step of `grow` moves an edge
DIRECTIONS = 16
_ROUNDING = np.float32(1e-6)
_NOWHERE = np.float32(2.0)  # above all coverage: nothing is lowered to it


def grow(alpha: Float, amount: float) -> Float:
    """Move every edge outwards by `amount` px (inwards where it is negative): H×W float32 → the same.

    The matte is taken as a continuous picture (bilinear between pixels); each pixel becomes the largest
    (least) value within a disc of that radius. So an edge of true coverage moves by fractions of a pixel, in
    any direction, to 0.06 px or 2 %. Steps that are no whole pixels soften it by up to half a pixel. The
    frame's border is repeated outwards: who is cut off by the frame stays cut off there.
    """
    steps = math.ceil(abs(amount) / LONGEST_STEP)
    for number in range(steps):
        # Whole pixels first: along the axes they leave an edge as sharp as it is.
        radius = min(LONGEST_STEP, abs(amount) - number * LONGEST_STEP)
        if radius < 1e-4:
            break
        alpha = _disc(alpha, radius, np.maximum if amount > 0 else np.minimum)
    return alpha


def soften(alpha: Float, sigma: float) -> Float:
    """Blur edges with a Gaussian of a standard deviation in px; what is flat around stays bit for bit."""
    reach = max(1, math.ceil(3 * sigma))
    side = TILE + 2 * reach
    offsets = np.arange(side)[None] - np.arange(TILE)[:, None] - reach
    weights = np.where(np.abs(offsets) <= reach, np.exp(-0.5 * (offsets / sigma) ** 2), 0.0)
    matrix = (weights / weights.sum(1, keepdims=True)).astype(np.float32)
    turned = np.ascontiguousarray(matrix.T)

    def blur(patches: Float) -> Float:
        blurred = matrix @ (patches @ turned)
        own = patches[:, reach:-reach, reach:-reach]
        return np.where(np.abs(blurred - own) <= _ROUNDING, own, blurred.clip(0, 1))

    return _on_edges(alpha, reach, blur)


def fill_holes(alpha: Float, size: float) -> Float:
    """Fill holes narrower than `size` px up to the level of their rim: H×W float32 → the same.

    A hole is a pit in coverage that no square of `size` px fits into, and out of which no way leads that is
    as low, neither to the surroundings nor to a larger pit: the gap between two fingers is none, nor is a gap
    between strands of hair that opens to the outside. The frame's border is a rim. (Closing by
    reconstruction; there is no threshold.)
    """
    width = math.ceil(size)
    if width <= 1:
        return alpha
    reach = width - 1

    def close(patches: Float) -> Float:
        # As wide to the left as to the right in sum: the square's own place does not matter in a closing.
        wide = _windowed(_windowed(patches, width, 1, np.maximum), width, 2, np.maximum)
        return _windowed(_windowed(wide, width, 1, np.minimum), width, 2, np.minimum)

    closed = _on_edges(alpha, reach, close)
    return _reconstruct(alpha, closed)


def _disc(alpha: Float, radius: float, choose: np.ufunc) -> Float:
    """Each pixel becomes the extreme of a disc of at most `LONGEST_STEP` px around it."""
    reach = math.ceil(radius)
    span = range(-reach, reach + 1)
    whole = [(y, x) for y in span for x in span if y * y + x * x <= radius * radius + 1e-6]
    ring = [
        (radius * math.sin(angle), radius * math.cos(angle))
        for angle in (2 * math.pi * number / DIRECTIONS for number in range(DIRECTIONS))
    ]
    between = [place for place in ring if any(abs(side - round(side)) > 1e-6 for side in place)]

    def work(patches: Float) -> Float:
        size = patches.shape[1] - 2 * (reach + 1)

        def shifted(y: int, x: int) -> Float:
            top, left = reach + 1 + y, reach + 1 + x
            return patches[:, top : top + size, left : left + size]

        best = shifted(0, 0).copy()
        for y, x in whole:
            choose(best, shifted(y, x), out=best)
        for fine_y, fine_x in between:
            row, column = math.floor(fine_y), math.floor(fine_x)
            down, across = np.float32(fine_y - row), np.float32(fine_x - column)
            upper = shifted(row, column) * (1 - across)
            upper += shifted(row, column + 1) * across
            lower = shifted(row + 1, column) * (1 - across)
            lower += shifted(row + 1, column + 1) * across
            upper *= 1 - down
            lower *= down
            upper += lower
            choose(best, upper, out=best)
        return best

    return _on_edges(alpha, reach + 1, work)


def _windowed(patches: Float, width: int, axis: int, choose: np.ufunc) -> Float:
    """The extreme of every `width` neighbours along an axis, which becomes shorter by width - 1."""
    done = 1
    found = patches
    while done < width:
        step = min(done, width - done)
        length = found.shape[axis] - step
        first = found[:, :length] if axis == 1 else found[:, :, :length]
        second = found[:, step:] if axis == 1 else found[:, :, step:]
        found = choose(first, second)
        done += step
    return found


def _on_edges(alpha: Float, reach: int, work: Callable[[Float], Float]) -> Float:
    """Put N×(T+2·reach)² patches around the tiles that are not flat through `work`, which returns N×T²."""
    height, width = alpha.shape
    active = np.argwhere(_near_edges(alpha, reach))
    if not len(active):
        return alpha
    rows, columns = (math.ceil(side / TILE) for side in alpha.shape)
    # One array that is larger than the frame: every patch is then a plain slice of it.
    around = ((reach, rows * TILE - height + reach), (reach, columns * TILE - width + reach))
    padded = np.pad(alpha, around, mode="edge")
    out = alpha.copy()
    side = TILE + 2 * reach
    for start in range(0, len(active), CHUNK):
        places = active[start : start + CHUNK] * TILE
        patches = np.stack([padded[y : y + side, x : x + side] for y, x in places])
        for (y, x), done in zip(places, work(patches), strict=True):
            out[y : y + TILE, x : x + TILE] = done[: height - y, : width - x]
    return out


def _near_edges(alpha: Float, reach: int) -> Bool:
    """rows×columns bool: the tiles within `reach` px of which alpha is not flat."""
    least, most = _blocks(alpha, np.minimum), _blocks(alpha, np.maximum)
    for _ in range(math.ceil(reach / TILE)):
        least, most = _around(least, np.minimum), _around(most, np.maximum)
    near: Bool = (most > FLAT) & (least < 1 - FLAT)
    return near


def _blocks(alpha: Float, choose: np.ufunc) -> Float:
    """The extreme of every tile."""
    tall = np.stack([choose.reduce(alpha[y : y + TILE], axis=0) for y in range(0, alpha.shape[0], TILE)])
    starts = np.arange(0, alpha.shape[1], TILE)
    found: Float = choose.reduceat(tall, starts, axis=1)
    return found


def _around(blocks: Float, choose: np.ufunc) -> Float:
    """The extreme of every tile and its eight neighbours."""
    padded = np.pad(blocks, 1, mode="edge")
    rows = choose(choose(padded[:-2], padded[1:-1]), padded[2:])
    found: Float = choose(choose(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])
    return found


def _reconstruct(alpha: Float, closed: Float) -> Float:
    """Lower what was closed as far as a way leads to somewhere that stayed open: never below `alpha`.

    Only pixels that were closed can change, and of those only what lies beside one that just did: they are
    taken out into a list, in which each knows its neighbours. Place 0 of the list is nowhere.
    """
    where = np.flatnonzero(closed - alpha > SHALLOW)
    if not where.size:
        return alpha
    floor = alpha.ravel().take(where)
    beside, fixed = _neighbours(where, alpha)
    level = np.empty(where.size + 1, np.float32)
    level[0] = _NOWHERE
    level[1:] = np.minimum(closed.ravel().take(where), np.maximum(fixed, floor))
    front = np.flatnonzero(level[1:] > floor)
    while front.size:
        around = beside.take(front, axis=1)
        lowered = level.take(around[0])  # `take`, row by row: several times as quick as level[around].min(0)
        for row in around[1:]:
            np.minimum(lowered, level.take(row), out=lowered)
        np.maximum(lowered, floor.take(front), out=lowered)
        moved = np.flatnonzero(lowered < level.take(front + 1))
        level[front.take(moved) + 1] = lowered.take(moved)
        marked = np.zeros(level.size, bool)
        marked[around.take(moved, axis=1).ravel()] = True
        front = np.flatnonzero(marked[1:] & (level[1:] > floor))
    out = alpha.copy()
    out.ravel()[where] = level[1:]
    return out


def _neighbours(where: Index, alpha: Float) -> tuple[Index, Float]:
    """8×N places in a list, from 1, for N pixels, and the least of their neighbours that are in none.

    The frame's border is closed: nothing lies beyond.
    """
    height, width = alpha.shape
    line = width + 2  # one pixel of border all around, so that no neighbour needs a check
    places = where + (where // width + 1) * 2 + width + 1
    number = np.zeros((height + 2) * line, np.int32)  # the pages that nobody touches stay unused
    number[places] = np.arange(1, where.size + 1)
    others = np.full((height + 2, line), _NOWHERE)
    others[1:-1, 1:-1] = alpha
    others = others.ravel()
    others[places] = _NOWHERE
    beside = np.empty((8, where.size), np.int64)
    fixed = np.full(where.size, _NOWHERE)
    for row, step in enumerate((-line - 1, -line, -line + 1, -1, 1, line - 1, line, line + 1)):
        there = places + step
        beside[row] = number.take(there)
        np.minimum(fixed, others.take(there), out=fixed)
    return beside, fixed
