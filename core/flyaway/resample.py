"""Resampling in numpy, so that matting needs nothing else. Agrees with torch's antialiased bilinear."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


@lru_cache(maxsize=16)
def _triangle(source: int, target: int) -> Float:
    """target×source weights of a triangle filter as wide as the reduction (or one pixel)."""
    scale = source / target
    support = max(scale, 1.0)
    centre = (np.arange(target) + 0.5) * scale
    distance = np.abs((np.arange(source) + 0.5)[None] - centre[:, None]) / support
    weights = np.maximum(0.0, 1.0 - distance)
    weights /= weights.sum(1, keepdims=True)
    result = weights.astype(np.float32)
    result.setflags(write=False)
    return result


def resize(image: Float, height: int, width: int) -> Float:
    """H×W×C → height×width×C, bilinear with antialiasing. Two matrix products: BLAS does the work."""
    h, w, c = image.shape
    if (h, w) == (height, width):
        return image
    rows = _triangle(h, height) @ image.reshape(h, w * c)
    columns = _triangle(w, width) @ rows.reshape(height, w, c)  # broadcast over rows
    return np.ascontiguousarray(columns)


def coordinates(
    pixels: NDArray[np.int64], length: int, source: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], Float]:
    """Twin of `network.regions.source_coordinates`: lower index, upper index, weight of the upper."""
    position = (np.clip(pixels, 0, length - 1) + 0.5) * (source / length) - 0.5
    position = np.clip(position, 0, source - 1)
    low = np.floor(position).astype(np.int64)
    return low, np.minimum(low + 1, source - 1), (position - low).astype(np.float32)


def sample(maps: Float, ys: NDArray[np.int64], xs: NDArray[np.int64], height: int, width: int) -> Float:
    """Twin of `network.regions.sample`: C×h×w at N×P rows and columns of the plate → N×C×P×P."""
    y0, y1, fy = coordinates(ys, height, maps.shape[1])
    x0, x1, fx = coordinates(xs, width, maps.shape[2])
    out = np.empty((len(ys), maps.shape[0], ys.shape[1], xs.shape[1]), np.float32)
    for n in range(len(ys)):  # a region touches few entries of the map: cut them out, then two small products
        top, left = y0[n, 0], x0[n, 0]
        part = maps[:, top : y1[n, -1] + 1, left : x1[n, -1] + 1]
        out[n] = _rows(y0[n] - top, y1[n] - top, fy[n], part.shape[1]) @ part @ _rows(
            x0[n] - left, x1[n] - left, fx[n], part.shape[2]
        ).T
    return out


def _rows(low: NDArray[np.int64], high: NDArray[np.int64], weight: Float, count: int) -> Float:
    """P×count interpolation matrix."""
    matrix = np.zeros((len(low), count), np.float32)
    index = np.arange(len(low))
    matrix[index, low] += 1 - weight
    matrix[index, high] += weight
    return matrix


def upsample(plane: Float, height: int, width: int) -> Float:
    """h×w → height×width, bilinear, as `sample` does it."""
    y0, y1, fy = coordinates(np.arange(height), height, plane.shape[0])
    x0, x1, fx = coordinates(np.arange(width), width, plane.shape[1])
    wide = plane[:, x0] * (1 - fx) + plane[:, x1] * fx
    return wide[y0] * (1 - fy)[:, None] + wide[y1] * fy[:, None]
