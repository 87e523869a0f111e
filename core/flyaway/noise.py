"""How much noise a shot has, from small squares of two of its frames."""

from __future__ import annotations

import numpy as np

from flyaway.block_motion import Float
from flyaway.levels import as_unit
from flyaway.plate import Plane

ACROSS, DOWN, PATCH = 16, 9, 8  # places at which noise is looked for, and their side in px
LUMA = np.array([0.25, 0.5, 0.25], np.float32) * 255


def samples_of(image: Plane) -> Float:
    """Luma at some places of the frame: P×8×8, 0..255."""
    height, width = image.shape[:2]
    span = np.arange(PATCH)
    tops, lefts = (
        ((np.arange(count) + 0.5) * (length - PATCH) / count).astype(np.int64)
        for count, length in ((DOWN, height), (ACROSS, width))
    )
    part = image[(tops[:, None] + span).reshape(-1, 1), (lefts[:, None] + span).reshape(1, -1)]
    luma = as_unit(part.reshape(-1, 3)) @ LUMA
    patches = luma.reshape(DOWN, PATCH, ACROSS, PATCH).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(patches).reshape(-1, PATCH, PATCH)


def noise_between(before: Float, now: Float) -> float:
    """Variance of the noise in a difference of two frames, levels²: P×8×8 of luma each.

    The quietest fifth of the places says it: of what changed where nothing moves, and of what cannot be
    detail where everything does; whichever is less.
    """
    level = now.mean((1, 2))
    open_ = (level > 4) & (level < 251)  # what is clipped shows no noise
    if np.count_nonzero(open_) < 8:
        return 0.0
    now, change = now[open_], now[open_] - before[open_]
    fine = now[:, :-2] - 2 * now[:, 1:-1] + now[:, 2:]
    fine = fine[:, :, :-2] - 2 * fine[:, :, 1:-1] + fine[:, :, 2:]
    # Means of 64 and 36 squares, whose lowest fifth lies at these shares of their mean.
    changed = _lowest_fifth(np.square(change).mean((1, 2))) / 0.86
    detail = _lowest_fifth(np.square(fine).mean((1, 2))) / 36 * 2 / 0.8
    return min(changed, detail)


def _lowest_fifth(values: Float) -> float:
    place = len(values) // 5
    return float(np.partition(values, place)[place])
