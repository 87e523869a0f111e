"""The field's error measures of an alpha matte against its truth, one pure function each.

In every function below ``alpha`` and ``truth`` are H×W float arrays of linear coverage in [0, 1], of one
shape; nothing is modified and nothing is resized. Sums are in float64. Measures of a whole frame are in the
units of the P3M papers, so that they can stand beside published tables.

References
----------
.. [1] Rhemann et al., "A Perceptually Motivated Online Benchmark for Image Matting", CVPR 2009
   (gradient and connectivity errors).
.. [2] Xu et al., "Deep Image Matting", CVPR 2017 (SAD in thousands, MSE).
.. [3] Li et al., "Privacy-Preserving Portrait Matting", ACM MM 2021, and Ma et al., "Rethinking Portrait
   Matting with Privacy Preserving", IJCV 2023 (the P3M protocol: whole-image measures and SAD-T).
.. [4] Zhong & Zharkov, "Lightweight Portrait Matting via Regional Attention and Refinement", WACV 2024.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import BadPlateError
from flyaway.optional import require

Alpha = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Trimap = NDArray[np.uint8]

GRADIENT_SIGMA = 1.4
CONNECTIVITY_STEPS = 10  # thresholds 0.1, 0.2 … 1.0
CONNECTIVITY_TOLERANCE = 0.15

BAND_RADIUS = 10
"""Pixels by which the soft pixels of the truth are dilated to make the unknown band."""

BAND_MARGIN = 0.01
"""A truth pixel is soft where margin < alpha < 1 − margin. Not 0: one 8-bit step of compression noise
(0.004) on a flat background would otherwise turn the whole frame into unknown band."""

SOFT_LOW, SOFT_HIGH = 0.05, 0.95
COMPONENT_SHARE = 0.001


@cache
def ndimage() -> Any:
    """SciPy's module of that name, or what to install; it is optional."""
    return require("Evaluation", "scipy.ndimage", install="scipy")


def _pair(alpha: Alpha, truth: Alpha) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first, second = np.asarray(alpha, np.float64), np.asarray(truth, np.float64)
    if first.ndim != 2 or first.shape != second.shape:
        raise BadPlateError(
            f"A matte and its truth must be H×W arrays of one shape, not {first.shape} and {second.shape}"
        )
    if first.size == 0:
        raise BadPlateError("A matte without pixels cannot be scored")
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise BadPlateError("A matte with NaN or Inf cannot be scored: look at what its plate holds")
    return first, second


def sad(alpha: Alpha, truth: Alpha) -> float:
    """Sum of absolute differences over the whole frame, in thousands of pixels [2]_ [3]_."""
    first, second = _pair(alpha, truth)
    return float(np.abs(first - second).sum() / 1000)


def mse(alpha: Alpha, truth: Alpha) -> float:
    """Mean squared error over the whole frame [2]_ [3]_."""
    first, second = _pair(alpha, truth)
    return float(np.square(first - second).mean())


def mad(alpha: Alpha, truth: Alpha) -> float:
    """Mean absolute difference over the whole frame [3]_."""
    first, second = _pair(alpha, truth)
    return float(np.abs(first - second).mean())


def gradient_error(alpha: Alpha, truth: Alpha) -> float:
    """Squared difference of gradient magnitudes, summed over the frame and divided by 10 [1]_ [3]_.

    Gradients are first-order Gaussian derivatives with σ = 1.4, borders mirrored. The tenth is the P3M
    protocol's scale: the kernel of [1]_ is normalised to unit energy, which makes squared gradients about
    97 times larger, and its sum is given in thousands, so both arrive at nearly the same number.
    """
    first, second = _pair(alpha, truth)
    difference = _gradient_magnitude(first) - _gradient_magnitude(second)
    return float(np.square(difference).sum() / 10)


def _gradient_magnitude(image: NDArray[np.float64]) -> NDArray[np.float64]:
    blur = ndimage().gaussian_filter
    down = blur(image, GRADIENT_SIGMA, order=(1, 0))
    across = blur(image, GRADIENT_SIGMA, order=(0, 1))
    magnitude: NDArray[np.float64] = np.hypot(down, across)
    return magnitude


def connectivity_error(alpha: Alpha, truth: Alpha) -> float:
    """Difference in how firmly pixels hang together with the subject, summed, in thousands [1]_ [3]_.

    For each threshold 0.1, 0.2 … 1.0 the *source* is the largest 4-connected component in which matte and
    truth both reach it. A pixel's level is the last threshold before it first falls out of the source (1 if
    it never does). Its connectivity is 1 − d, where d is its alpha less that level, counted only from 0.15.
    """
    first, second = _pair(alpha, truth)
    level = np.ones(first.shape)
    undecided = np.ones(first.shape, bool)
    both = np.minimum(first, second)
    for step in range(1, CONNECTIVITY_STEPS + 1):
        source = _largest_component(both >= step / CONNECTIVITY_STEPS)
        if source is None:
            # Nothing reaches this threshold: the protocol passes over it, and over all higher ones.
            break
        fallen = undecided & ~source
        level[fallen] = (step - 1) / CONNECTIVITY_STEPS
        undecided &= source
    return float(np.abs(_connectivity(first, level) - _connectivity(second, level)).sum() / 1000)


def _connectivity(image: NDArray[np.float64], level: NDArray[np.float64]) -> NDArray[np.float64]:
    distance = image - level
    return 1 - np.where(distance >= CONNECTIVITY_TOLERANCE, distance, 0)


def _largest_component(mask: Mask) -> Mask | None:
    labels, count = ndimage().label(mask)
    if count == 0:
        return None
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    return np.asarray(labels == areas.argmax())


def trimap_of(truth: Alpha, *, radius: float = BAND_RADIUS, margin: float = BAND_MARGIN) -> Trimap:
    """Trimap of a true alpha: its soft pixels, dilated by a disc, are unknown.

    Parameters
    ----------
    truth : H×W float, coverage in [0, 1].
    radius : radius of the disc in pixels of the truth, whatever the frame's size.
    margin : a pixel is soft where ``margin < truth < 1 - margin``.

    Returns
    -------
    H×W uint8: 0 background, 128 unknown, 255 foreground. A hard edge (0 beside 1) has no soft pixel; the
    pixels on both sides of it are taken as soft, so that a binary mask has an unknown band as well.
    """
    image = np.asarray(truth, np.float64)
    soft = (image > margin) & (image < 1 - margin)
    inside = image >= 0.5
    down, across = inside[1:] != inside[:-1], inside[:, 1:] != inside[:, :-1]
    soft[1:] |= down
    soft[:-1] |= down
    soft[:, 1:] |= across
    soft[:, :-1] |= across
    trimap = np.where(inside, 255, 0).astype(np.uint8)
    if soft.any():
        trimap[ndimage().distance_transform_edt(~soft) <= radius] = 128
    return trimap


def unknown_band(trimap: Trimap) -> Mask:
    """The unknown pixels of an H×W uint8 trimap (0, 128, 255): those nearer to 128 than to 0 or 255."""
    return (trimap > 64) & (trimap < 192)


def sad_unknown(alpha: Alpha, truth: Alpha, trimap: Trimap) -> float:
    """SAD in thousands over the unknown pixels of an H×W uint8 trimap: SAD-T of [3]_ and [4]_."""
    first, second = _pair(alpha, truth)
    return float(np.abs(first - second)[_band(trimap, first)].sum() / 1000)


def mse_unknown(alpha: Alpha, truth: Alpha, trimap: Trimap) -> float:
    """MSE over the unknown pixels of an H×W uint8 trimap; NaN if it has none [2]_."""
    first, second = _pair(alpha, truth)
    squares = np.square(first - second)[_band(trimap, first)]
    return float(squares.mean()) if squares.size else float("nan")


def sad_known(alpha: Alpha, truth: Alpha, trimap: Trimap) -> float:
    """SAD in thousands away from the edge: over all pixels that the trimap does not call unknown."""
    first, second = _pair(alpha, truth)
    return float(np.abs(first - second)[~_band(trimap, first)].sum() / 1000)


def mad_known(alpha: Alpha, truth: Alpha, trimap: Trimap) -> float:
    """Mean absolute difference away from the edge, as `sad_known`; NaN if all is unknown."""
    first, second = _pair(alpha, truth)
    differences = np.abs(first - second)[~_band(trimap, first)]
    return float(differences.mean()) if differences.size else float("nan")


def _band(trimap: Trimap, like: NDArray[np.float64]) -> Mask:
    if trimap.shape != like.shape:
        raise BadPlateError(f"A trimap of shape {trimap.shape} does not fit a matte of shape {like.shape}")
    return unknown_band(trimap)


def soft_mad(alpha: Alpha, truth: Alpha) -> float:
    """Mean absolute difference where 0.05 < truth < 0.95 (hair, motion blur); NaN if nowhere."""
    first, second = _pair(alpha, truth)
    differences = np.abs(first - second)[(second > SOFT_LOW) & (second < SOFT_HIGH)]
    return float(differences.mean()) if differences.size else float("nan")


def iou(alpha: Alpha, truth: Alpha) -> float:
    """Intersection over union of the two mattes cut at alpha ≥ 0.5; 1 if both are empty there."""
    first, second = (image >= 0.5 for image in _pair(alpha, truth))
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 1.0


def false_components(alpha: Alpha, truth: Alpha) -> int:
    """Islands and holes, each above 0.1 % of the frame, that the truth does not have.

    The matte is cut at alpha ≥ 0.5 and split into 4-connected components of foreground and of background.
    A component counts when more than half of its pixels are on the wrong side of the truth cut alike: a
    patch of wall taken for the person, a bite out of a coat. What merely widens the true outline does not.
    """
    return false_islands(alpha, truth) + false_holes(alpha, truth)


def false_islands(alpha: Alpha, truth: Alpha) -> int:
    """The foreground components among `false_components`: background taken for the person."""
    first, second = (image >= 0.5 for image in _pair(alpha, truth))
    return _mostly_wrong(first, second != first)


def false_holes(alpha: Alpha, truth: Alpha) -> int:
    """The background components among `false_components`: parts of the person that are missing."""
    first, second = (image >= 0.5 for image in _pair(alpha, truth))
    return _mostly_wrong(~first, second != first)


def _mostly_wrong(mask: Mask, wrong: Mask) -> int:
    labels, count = ndimage().label(mask)
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    errors = np.bincount(labels[wrong], minlength=count + 1)[1:]
    return int(np.count_nonzero((areas > COMPONENT_SHARE * mask.size) & (2 * errors > areas)))


WHOLE_FRAME: dict[str, Callable[[Alpha, Alpha], float]] = {
    "sad": sad,
    "mse": mse,
    "mad": mad,
    "grad": gradient_error,
    "conn": connectivity_error,
    "soft_mad": soft_mad,
    "iou": iou,
    "false_islands": false_islands,
    "false_holes": false_holes,
    "false_components": false_components,
}
UNKNOWN_BAND: dict[str, Callable[[Alpha, Alpha, Trimap], float]] = {
    "sad_unknown": sad_unknown,
    "mse_unknown": mse_unknown,
    "sad_known": sad_known,
    "mad_known": mad_known,
}


MEASURES = (*WHOLE_FRAME, *UNKNOWN_BAND)
SLOW = ("grad", "conn")
"""Measures that take seconds an image from a few megapixels up."""


def score(
    alpha: Alpha, truth: Alpha, trimap: Trimap | None = None, measures: Collection[str] = MEASURES
) -> dict[str, float]:
    """Measures of this module by name; the trimap is made from the truth if none is given.

    Parameters
    ----------
    measures : those that are wanted, of `MEASURES`; the others are not computed.
    """
    # Converted here once, not by every measure again.
    first, second = _pair(alpha, truth)
    wanted = set(measures)
    parts = "false_components" in wanted
    if parts:
        # Their sum: islands and holes need not be labelled twice.
        wanted = (wanted | {"false_islands", "false_holes"}) - {"false_components"}
    scores = {name: float(measure(first, second)) for name, measure in WHOLE_FRAME.items() if name in wanted}
    if wanted & UNKNOWN_BAND.keys():
        band = trimap_of(truth) if trimap is None else trimap
        scores |= {
            name: float(measure(first, second, band))
            for name, measure in UNKNOWN_BAND.items()
            if name in wanted
        }
    if parts:
        scores["false_components"] = scores["false_islands"] + scores["false_holes"]
    return scores
