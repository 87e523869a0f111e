"""Resampling in numpy, so that matting needs nothing else. Agrees with torch's antialiased bilinear."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Index = NDArray[np.int64]
BLOCK = 8  # lines of the result that one matrix product makes
BAND = 1 << 16  # px upsampled at once: what is worked on stays in the cache


@lru_cache(maxsize=16)
def _triangle(source: int, target: int) -> tuple[tuple[int, int, Float], ...]:
    """Weights of a triangle filter as wide as the reduction (or one pixel), without the zeros.

    A block of result lines sees only a stretch of the source: (first, last, lines×stretch weights) a block.
    """
    # In single precision, as torch has it: at 500 px it is 3e-5 px off, and so should we be.
    scale = float(np.float32(source) / np.float32(target))
    support = max(scale, 1.0)
    blocks = []
    for start in range(0, target, BLOCK):
        centre = (np.arange(start, min(start + BLOCK, target)) + 0.5) * scale
        centre = centre.astype(np.float32).astype(np.float64)
        first = max(0, int(centre[0] - support))
        last = min(source, int(centre[-1] + support) + 1)
        distance = np.abs((np.arange(first, last) + 0.5)[None] - centre[:, None]) / support
        weights = np.maximum(0.0, 1.0 - distance)
        weights /= weights.sum(1, keepdims=True)
        block = weights.astype(np.float32)
        block.setflags(write=False)
        blocks.append((first, last, block))
    return tuple(blocks)


def _resize_lines(lines: Float, target: int) -> Float:
    """source×M → target×M."""
    out = np.empty((target, lines.shape[1]), np.float32)
    for number, (first, last, weights) in enumerate(_triangle(len(lines), target)):
        np.matmul(weights, lines[first:last], out=out[number * BLOCK : number * BLOCK + len(weights)])
    return out


def resize(image: Float, height: int, width: int) -> Float:
    """H×W×C → height×width×C, bilinear with antialiasing; a new array, unless the size is the same."""
    h, w, c = image.shape
    if (h, w) == (height, width):
        return image
    rows = _resize_lines(image.reshape(h, w * c), height)
    columns = rows.reshape(height, w, c).transpose(1, 0, 2).reshape(w, height * c)
    resized = _resize_lines(columns, width).reshape(width, height, c)
    return np.ascontiguousarray(resized.transpose(1, 0, 2))


def coordinates(pixels: Index, length: int, source: int) -> tuple[Index, Index, Float]:
    """Twin of `network.regions.source_coordinates`: lower index, upper index, weight of the upper."""
    position = (np.clip(pixels, 0, length - 1) + 0.5) * (source / length) - 0.5
    position = np.clip(position, 0, source - 1)
    low = np.floor(position).astype(np.int64)
    return low, np.minimum(low + 1, source - 1), (position - low).astype(np.float32)


def sample(maps: Float, ys: Index, xs: Index, height: int, width: int, out: Float | None = None) -> Float:
    """Twin of `network.regions.sample`: C×h×w at N×P rows and columns of the plate → N×C×P×P.

    The rows and columns of a region must ascend: it then touches a small part of the map, which is cut
    out and interpolated by two small matrix products.
    """
    rows, down = _matrices(ys, height, maps.shape[1])
    columns, across = _matrices(xs, width, maps.shape[2])
    parts = maps[:, rows[:, :, None], columns[:, None, :]].transpose(1, 0, 2, 3)  # N×C×S×S'
    half = down[:, None] @ parts  # N×C×P×S'
    return np.matmul(half, across[:, None].transpose(0, 1, 3, 2), out=out)


def _matrices(pixels: Index, length: int, source: int) -> tuple[Index, Float]:
    """N×S entries of the map that N regions touch, and N×P×S weights of theirs."""
    low, high, weight = coordinates(pixels, length, source)
    first = low[:, :1]
    span = int((high - first).max()) + 1
    matrix = np.zeros((*pixels.shape, span), np.float32)
    region, pixel = np.ogrid[: pixels.shape[0], : pixels.shape[1]]
    matrix[region, pixel, low - first] = 1 - weight
    matrix[region, pixel, high - first] += weight
    return np.minimum(first + np.arange(span), source - 1), matrix


def sample_points(maps: Float, ys: Index, xs: Index, height: int, width: int) -> Float:
    """`sample` at one pixel each: C×h×w at N rows and columns of the plate → N×C."""
    y0, y1, fy = coordinates(ys, height, maps.shape[1])
    x0, x1, fx = coordinates(xs, width, maps.shape[2])
    top = maps[:, y0, x0] * (1 - fx) + maps[:, y0, x1] * fx
    bottom = maps[:, y1, x0] * (1 - fx) + maps[:, y1, x1] * fx
    return np.ascontiguousarray((top * (1 - fy) + bottom * fy).T)


def upsample(plane: Float, height: int, width: int) -> Float:
    """h×w → height×width, bilinear, as `sample` does it."""
    y0, y1, fy = coordinates(np.arange(height), height, plane.shape[0])
    x0, x1, fx = coordinates(np.arange(width), width, plane.shape[1])
    # np.take, since indexing the second axis would leave the result transposed in memory
    wide = np.take(plane, x0, axis=1) * (1 - fx) + np.take(plane, x1, axis=1) * fx
    out = np.empty((height, width), np.float32)
    rows = max(1, BAND // width)
    for start in range(0, height, rows):
        part = slice(start, start + rows)
        band = out[part]
        np.take(wide, y0[part], axis=0, out=band, mode="clip")  # "raise" would buffer the result
        band *= (1 - fy[part])[:, None]
        band += wide[y1[part]] * fy[part, None]
    return out
