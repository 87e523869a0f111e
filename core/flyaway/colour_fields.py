"""Coarse fields of the person's colour and the background's over a whole frame, in light.

Each is known where alpha leaves no doubt, and is filled from there, near and then ever farther away (push
and pull): S. Gortler et al., "The Lumigraph", SIGGRAPH 1996. `flyaway.colours` makes them local.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Index = NDArray[np.int64]
# Rows and columns, slices or int64 of shapes h×1 and 1×w → h×w×3 float32: scene-linear colour there, finite.
Light = Callable[[Any, Any], Float]

STRIDE, FIELD = 4, 8  # px between the samples of the coarse field, and side of its cells
_SURE = 8  # power of alpha by which a pixel counts: only what is hardly mixed shows a colour unmixed
_DOUBT = np.float32(0.1)  # share of certain pixels at which a cell is as good as those around it together


def picked_by(rows: Index, columns: Index, step: int) -> tuple[Any, Any]:
    """What picks them out of a frame: slices, far quicker than indices, unless they hang over its edge."""
    if all(each[-1] - each[0] == step * (len(each) - 1) for each in (rows, columns)):
        return slice(rows[0], rows[-1] + 1, step), slice(columns[0], columns[-1] + 1, step)
    return rows[:, None], columns[None]


def coarse_fields(light: Light, alpha: Float, step: int = 1) -> Float:
    """Coarse fields of both colours: 6×(h+4)×(w+4), the person's channels first.

    Parameters
    ----------
    light, alpha : the plate and its matte, H×W; see `flyaway.colours.edge_colours`.
    step : px between the pixels that are looked at; h and w are H and W over 8 steps, and two cells
        more on either side, which repeat the last one.
    """
    height, width = alpha.shape
    stride, cell = step * STRIDE, step * FIELD
    rows, columns = (
        np.arange(stride // 2, -(-length // cell) * cell, stride).clip(max=length - 1)
        for length in (height, width)
    )
    observed = np.empty((3, len(rows), len(columns)), np.float32)
    for index in range(0, len(rows), 64):  # no second plate in memory
        some = rows[index : index + 64]
        observed[:, index : index + 64] = light(*picked_by(some, columns, stride)).transpose(2, 0, 1)
    cover = alpha[picked_by(rows, columns, stride)]
    front = _filled(observed, cover**_SURE)
    behind = _filled(observed, (1 - cover) ** _SURE)
    return np.pad(np.concatenate([front, behind]), ((0, 0), (2, 2), (2, 2)), "edge")


def _filled(observed: Float, weight: Float) -> Float:
    """Weighted colour 3×2h×2w → 3×h×w, with what has no weight filled from ever farther around."""
    everywhere = observed.mean((1, 2), keepdims=True)
    levels = [(_halved(observed * weight), _halved(weight[None]))]
    while max(levels[-1][1].shape[1:]) > 1:
        total, known = levels[-1]
        levels.append((_halved(total), _halved(known)))
    filled = everywhere
    for total, known in reversed(levels):
        if filled.shape[1:] != known.shape[1:]:
            filled = _doubled(filled, *known.shape[1:])
        filled = (total + _DOUBT * filled) / (known + _DOUBT)
    return np.asarray(filled, np.float32)


def _halved(planes: Float) -> Float:
    """C×h×w → the mean of each 2×2; what is beyond an odd edge counts as nothing."""
    _, height, width = planes.shape
    if height % 2 or width % 2:
        planes = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)))
    rows = planes[:, ::2] + planes[:, 1::2]
    mean = rows[..., ::2] + rows[..., 1::2]
    mean *= np.float32(0.25)
    return mean


def _doubled(planes: Float, height: int, width: int) -> Float:
    """C×h×w → C×height×width, bilinear, twice the size less what hangs over."""
    for axis, length in ((1, height), (2, width)):
        source = planes.shape[axis]
        place = ((np.arange(length) + 0.5) / 2 - 0.5).clip(0, source - 1)
        low = np.floor(place).astype(np.int64)
        upper = (place - low).astype(np.float32).reshape([-1 if each == axis else 1 for each in range(3)])
        high = np.minimum(low + 1, source - 1)
        planes = np.take(planes, low, axis) * (1 - upper) + np.take(planes, high, axis) * upper
    return planes
