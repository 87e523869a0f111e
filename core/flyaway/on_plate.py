"""What was found in a plate that was looked at in another size, on the plate's own pixels."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flyaway.detail import cells_on, detailed, soft_cells, tiles_on
from flyaway.engines.base import Inference
from flyaway.regions.numpy_backend import upsample
from flyaway.resample import resize


class OnPlate(NamedTuple):
    """What was found, and the tiles that have detail besides (rows×columns bool), or None."""

    result: Inference
    tiles: NDArray[np.bool_] | None


def on_plate(
    image: NDArray[Any],
    result: Inference,
    looked_at: NDArray[Any],
    cell: int,
    threads: int,
    *,
    refined: bool,
    forced: bool = False,
) -> OnPlate:
    """Bring what was found to the plate's own pixels.

    Parameters
    ----------
    image : H×W×3, the plate, display-referred: float32 0..1 or integers.
    result : what a network made of `looked_at`.
    looked_at : h×w×3, what it was shown of the plate; of the plate's size, nothing is done.
    cell : px, side of its regions.
    threads : that numpy's parts may take.
    refined : whether regions were refined at all.
    forced : whether they were forced, to measure what they cost.
    """
    if looked_at.shape == image.shape:
        return OnPlate(result, None)
    watch, tiles = perf_counter(), None
    size = height, width = image.shape[0], image.shape[1]
    small = rows, columns = result.alpha.shape[0], result.alpha.shape[1]
    if not refined and height >= rows and width >= columns:
        alpha = upsample(result.coarse_map, height, width).clip(0, 1)
    elif not refined or (height <= rows and width <= columns):
        alpha = resize(result.alpha[..., None], height, width)[..., 0].clip(0, 1)
    else:
        edges = soft_cells(result.alpha)
        if forced and result.cells.shape == edges.shape:
            # Cells that are forced, to measure what they cost, cost all that a soft edge in them would.
            edges |= result.cells
        alpha = detailed(image, looked_at, result.alpha, edges, threads)
        tiles = tiles_on(edges, small, size)
    cells = cells_on(result.cells, cell, small, size)
    return OnPlate(timed(replace(result, alpha=alpha, cells=cells), "detail", watch), tiles)


def timed(result: Inference, stage: str, began: float) -> Inference:
    """The same, with the seconds since `began` (of `perf_counter`) added to a stage's."""
    seconds = result.timings.get(stage, 0.0) + perf_counter() - began
    return replace(result, timings={**result.timings, stage: seconds})
