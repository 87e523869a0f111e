"""Resizing in numpy, so that matting needs nothing else. Agrees with torch's antialiased bilinear."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.levels import as_unit

Float = NDArray[np.float32]
BLOCK = 8  # lines of the result that one matrix product makes
# Multiplications up to which OpenBLAS does a matrix product in one thread. For more it wakes all cores, and
# its threads then wait in a loop for the next one, for longer than a network runs: they take its cores.
ALONE = 1 << 18


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


def _resize_lines(lines: NDArray[Any], target: int) -> Float:
    """source×M → target×M float32; integers become shares of their largest value on the way."""
    width = lines.shape[1]
    out = np.empty((target, width), np.float32)
    for number, (first, last, weights) in enumerate(_triangle(len(lines), target)):
        block, stretch = out[number * BLOCK : number * BLOCK + len(weights)], lines[first:last]
        step = max(1, ALONE // weights.size)
        for left in range(0, width, step):
            np.matmul(weights, as_unit(stretch[:, left : left + step]), out=block[:, left : left + step])
    return out


def resize(image: NDArray[Any], height: int, width: int) -> Float:
    """H×W×C → height×width×C float32, bilinear with antialiasing.

    Integers become shares of their type's largest value. A new array, unless it is float32 of that size.
    """
    h, w, c = image.shape
    if (h, w) == (height, width):
        return as_unit(image)
    rows = _resize_lines(image.reshape(h, w * c), height)
    columns = rows.reshape(height, w, c).transpose(1, 0, 2).reshape(w, height * c)
    resized = _resize_lines(columns, width).reshape(width, height, c)
    return np.ascontiguousarray(resized.transpose(1, 0, 2))
