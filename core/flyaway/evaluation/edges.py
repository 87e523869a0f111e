"""What an edge is worth in a comp: bias of coverage by contrast, and the error over new backgrounds.

Both need more than a true alpha: the colours that the plate was made of. ``front`` and ``back`` below are
H×W×3 float arrays, straight sRGB-encoded values in 0..1, as they were before they were mixed.

A matte that is right is right in light: over a new background an edge shows the person's light times the
coverage. So comps are made in linear light and compared in encoded values, as they are looked at.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.color import linear_to_srgb, srgb_to_linear
from flyaway.errors import BadPlateError
from flyaway.evaluation.metrics import ndimage

Plane = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

BIAS_LOW, BIAS_HIGH = 0.1, 0.9
CONTRAST = 0.2
LEAST_PIXELS = 50
"""A plate with fewer pixels of a kind has no bias of that kind: one strand would decide it."""

COMP_LOW, COMP_HIGH = 0.01, 0.99
COMP_GROWTH = 5
COMP_BACKGROUNDS: dict[str, tuple[float, float, float]] = {
    "black": (0.0, 0.0, 0.0),
    "white": (1.0, 1.0, 1.0),
    "green": (0.05, 0.6, 0.05),
    "grey": (0.2, 0.2, 0.2),
}
"""Name → linear light of what is laid under the cut-out."""

BINS = np.linspace(-1, 1, 21)
"""Edges of the bins of contrast in a bias curve."""

BIAS = ("bias_darker", "bias_lighter")
COMP = ("comp_plate", "comp_own")

_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)


def contrast(front: Plane, back: Plane) -> NDArray[np.float32]:
    """Person less background, H×W: difference of Rec.709 luma of the encoded values, −1..1."""
    difference: NDArray[np.float32] = (np.asarray(front, np.float32) - np.asarray(back, np.float32)) @ _LUMA
    return difference


def bias(alpha: Plane, truth: Plane, front: Plane, back: Plane) -> dict[str, float]:
    """Mean of found less true alpha on soft pixels, where the person is darker, and where it is lighter.

    Soft is 0.1 < truth < 0.9; darker and lighter mean by more than 0.2 in encoded values. NaN where fewer
    than `LEAST_PIXELS` pixels are of the kind. A net that learned from plates mixed in encoded values has a
    bias below 0 where the person is darker and above 0 where it is lighter.
    """
    apart, soft = contrast(front, back), _soft(truth)
    difference = np.asarray(alpha, np.float64) - truth
    return {
        "bias_darker": _mean(difference[soft & (apart < -CONTRAST)], LEAST_PIXELS),
        "bias_lighter": _mean(difference[soft & (apart > CONTRAST)], LEAST_PIXELS),
    }


def bias_curve(
    alpha: Plane, truth: Plane, front: Plane, back: Plane
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sum of found less true alpha on soft pixels, and their number, by the `BINS` of contrast."""
    soft = _soft(truth)
    where = np.clip(np.digitize(contrast(front, back)[soft], BINS) - 1, 0, len(BINS) - 2)
    difference = (np.asarray(alpha, np.float64) - truth)[soft]
    sums = np.bincount(where, difference, minlength=len(BINS) - 1).astype(np.float64)
    return sums, np.bincount(where, minlength=len(BINS) - 1).astype(np.float64)


def comp_band(truth: Plane) -> Mask:
    """Where a comp is compared: true alpha between 0.01 and 0.99, grown by 5 px."""
    soft = (truth > COMP_LOW) & (truth < COMP_HIGH)
    if not soft.any():
        return soft
    return np.asarray(ndimage().distance_transform_edt(~soft) <= COMP_GROWTH)


def comp_error(alpha: Plane, colour: Plane, truth: Plane, front: Plane, band: Mask | None = None) -> float:
    """Mean absolute error of the comp in encoded values, over `COMP_BACKGROUNDS`, in the band.

    Parameters
    ----------
    alpha, truth : H×W, coverage.
    colour : H×W×3, straight colour used for the cut-out, sRGB-encoded 0..1: the plate's, or an estimate.
    front : H×W×3, the person's true colour, likewise.
    band : H×W; made by `comp_band` if not given.

    Returns
    -------
    The error in 0..1; NaN if the band is empty.

    Raises
    ------
    BadPlateError : the arrays do not fit one another.
    """
    if colour.shape != front.shape or front.shape[:2] != truth.shape or alpha.shape != truth.shape:
        raise BadPlateError(
            f"Matte {alpha.shape}, colour {colour.shape}, truth {truth.shape} and true colour {front.shape}"
            " are not of one size"
        )
    where = comp_band(truth) if band is None else band
    if not where.any():
        return float("nan")
    mine = _light(colour, where) * alpha[where][:, None].astype(np.float32)
    true = _light(front, where) * truth[where][:, None].astype(np.float32)
    over = [1 - a[where][:, None].astype(np.float32) for a in (alpha, truth)]
    errors = []
    for behind in COMP_BACKGROUNDS.values():
        light = np.array(behind, np.float32)
        errors.append(np.abs(_shown(mine + over[0] * light) - _shown(true + over[1] * light)).mean())
    return float(np.mean(errors))


def _light(colour: Plane, where: Mask) -> NDArray[np.float32]:
    return srgb_to_linear(np.clip(np.asarray(colour[where], np.float32), 0, 1))


def _shown(light: NDArray[np.float32]) -> NDArray[np.float32]:
    return linear_to_srgb(np.clip(light, 0, 1))


def _soft(truth: Plane) -> Mask:
    return np.asarray((truth > BIAS_LOW) & (truth < BIAS_HIGH))


def _mean(values: NDArray[np.float64], least: int) -> float:
    return float(values.mean()) if values.size >= least else float("nan")
