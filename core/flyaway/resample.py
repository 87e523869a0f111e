"""Resizing in numpy, so that matting needs nothing else. Agrees with torch's antialiased bilinear."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.levels import as_unit
from flyaway.parallel import each

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


@lru_cache(maxsize=16)
def _interleaved(source: int, target: int, channels: int) -> tuple[tuple[int, int, Float], ...]:
    """`_triangle` for lines whose values are `channels` interleaved, to multiply by from the right."""
    blocks = []
    for first, last, weights in _triangle(source, target):
        block = np.kron(weights.T, np.eye(channels, dtype=np.float32))
        block.setflags(write=False)
        blocks.append((first * channels, last * channels, block))
    return tuple(blocks)


def _fewer_rows(image: NDArray[Any], target: int, threads: int) -> Float:
    """H×M → target×M float32; integers become shares of their largest value on the way."""
    width = image.shape[1]
    out = np.empty((target, width), np.float32)
    stretches = _triangle(len(image), target)

    def make(number: int) -> None:
        first, last, weights = stretches[number]
        block, stretch = out[number * BLOCK : number * BLOCK + len(weights)], image[first:last]
        step = max(1, ALONE // weights.size)
        for left in range(0, width, step):
            np.matmul(weights, as_unit(stretch[:, left : left + step]), out=block[:, left : left + step])

    each(make, range(len(stretches)), threads)
    return out


def _fewer_columns(rows: Float, source: int, target: int, channels: int, threads: int) -> Float:
    """H×(source·channels) → H×(target·channels), in the order of memory: nothing is transposed."""
    out = np.empty((len(rows), target * channels), np.float32)
    stretches = _interleaved(source, target, channels)

    def make(number: int) -> None:
        first, last, weights = stretches[number]
        left = number * BLOCK * channels
        step = max(1, ALONE // weights.size)
        for top in range(0, len(rows), step):
            part = slice(top, top + step)
            np.matmul(rows[part, first:last], weights, out=out[part, left : left + weights.shape[1]])

    each(make, range(len(stretches)), threads)
    return out


def resize(image: NDArray[Any], height: int, width: int, threads: int = 1) -> Float:
    """H×W×C → height×width×C float32, bilinear with antialiasing.

    Integers become shares of their type's largest value. A new array, unless it is float32 of that size.
    The same on any number of threads, to the bit.
    """
    h, w, c = image.shape
    if (h, w) == (height, width):
        return as_unit(image)
    rows = _fewer_rows(image.reshape(h, w * c), height, threads)
    return _fewer_columns(rows, w, width, c, threads).reshape(height, width, c)
