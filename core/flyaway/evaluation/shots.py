"""How a matte behaves from one frame to the next: dtSSD, chatter, flicker, pops, and lag.

Measures of a pair of frames, one pure function each; those of a shot are means over its pairs. Against a true
alpha: *dtSSD*, *chatter* and the two *shifts*. Against the plate's own motion, so that no truth is needed:
*flicker* and *pops*. The motion is DIS optical flow, by OpenCV (the extra ``shots``); without it those two
are not measured, and the report says so.

References
----------
.. [1] Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015 (dtSSD).
.. [2] Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016 (DIS).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.evaluation.metrics import ndimage

Plane = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

STILL_TRUTH = 1e-4
"""Truth that changes by less than this stands still."""

BAND_LOW, BAND_HIGH, BAND_REACH = 0.02, 0.98, 20
AGREEMENT = 1.5
"""Pixels by which the flow there and the flow back may miss each other."""
FIT = 0.08
"""Encoded value by which the plate itself may miss the plate before, moved by the flow."""
POP = 0.25

INSTALL = "pip install opencv-python-headless"
WITH_TRUTH = ("dtssd", "chatter", "shift_late", "shift_early")
WITH_FLOW = ("flicker", "pops", "followed")
MEASURES = (*WITH_TRUTH, *WITH_FLOW)


@dataclass(frozen=True)
class Motion:
    """Where each pixel of a frame was in the frame before.

    Attributes
    ----------
    columns, rows : H×W float32, the place in the frame before, px.
    trusted : H×W bool, where both directions agree and the plate itself fits.
    """

    columns: NDArray[np.float32]
    rows: NDArray[np.float32]
    trusted: Mask


def opencv() -> Any | None:
    """OpenCV's module, or None where it is not installed; it is optional."""
    try:
        import cv2  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return cv2


def motion(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Motion | None:
    """Motion between two plates (H×W×3 uint8, sRGB-encoded); None without OpenCV.

    DIS at its medium preset on luma, in both directions [2]_.
    """
    cv2 = opencv()
    if cv2 is None or min(after.shape[:2]) < 16:
        return None
    grey = [cv2.cvtColor(plate, cv2.COLOR_RGB2GRAY) for plate in (before, after)]
    there, back = (
        cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(first, second, None)
        for first, second in ((grey[1], grey[0]), (grey[0], grey[1]))
    )
    height, width = after.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    found = Motion(columns + there[..., 0], rows + there[..., 1], np.ones((height, width), bool))
    returned = np.stack([moved(back[..., axis], found) for axis in (0, 1)], axis=-1)
    agrees = np.hypot(*np.moveaxis(there + returned, -1, 0)) <= AGREEMENT
    inside = (found.columns >= 0) & (found.columns <= width - 1)
    inside &= (found.rows >= 0) & (found.rows <= height - 1)
    differences = [np.abs(moved(before[..., c] / 255.0, found) - after[..., c] / 255.0) for c in range(3)]
    fits = sum(differences) / 3 <= FIT
    return Motion(found.columns, found.rows, agrees & inside & fits)


def moved(plane: Plane, by: Motion) -> NDArray[np.float32]:
    """An H×W plane of the frame before as it lies in this frame, read bilinearly."""
    cv2: Any = opencv()
    source = np.ascontiguousarray(plane, np.float32)
    result: NDArray[np.float32] = cv2.remap(
        source, by.columns, by.rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return result


def dtssd(alpha: Plane, before: Plane, truth: Plane, truth_before: Plane) -> float:
    """Root of the mean squared difference between the matte's change and the truth's [1]_."""
    change = (alpha.astype(np.float64) - before) - (truth.astype(np.float64) - truth_before)
    return float(np.sqrt(np.square(change).mean()))


def chatter(alpha: Plane, before: Plane, truth: Plane, truth_before: Plane) -> float:
    """Mean absolute change of the matte where the truth stands still; NaN where it does nowhere."""
    still = np.abs(truth.astype(np.float64) - truth_before) < STILL_TRUTH
    return float(np.abs(alpha.astype(np.float64) - before)[still].mean()) if still.any() else float("nan")


def shifts(alpha: Plane, before: Plane, truth: Plane, truth_before: Plane) -> tuple[float, float]:
    """By how much MAD grows if this matte is taken for the frame before, and that one for this frame.

    The first is below 0 for a matte that lags a frame behind, the second for one that runs ahead.
    """
    here = float(np.abs(alpha.astype(np.float64) - truth).mean())
    there = float(np.abs(before.astype(np.float64) - truth_before).mean())
    late = float(np.abs(alpha.astype(np.float64) - truth_before).mean())
    early = float(np.abs(before.astype(np.float64) - truth).mean())
    return late - here, early - there


def flicker(alpha: Plane, before: Plane, by: Motion) -> dict[str, float]:
    """Change along the plate's motion, near the edge of either matte.

    Returns
    -------
    flicker : mean absolute change. pops : share of pixels that change by more than 0.25. followed : share of
    the pixels near the edge whose motion is trusted; the other two are NaN where it is none.
    """
    brought = moved(before, by)
    either = ((alpha > BAND_LOW) & (alpha < BAND_HIGH)) | ((brought > BAND_LOW) & (brought < BAND_HIGH))
    if not either.any():
        return dict.fromkeys(WITH_FLOW, float("nan"))
    near = ndimage().distance_transform_edt(~either) <= BAND_REACH
    compared = near & by.trusted
    change = np.abs(alpha.astype(np.float64) - brought)[compared]
    nothing = float("nan")
    return {
        "flicker": float(change.mean()) if change.size else nothing,
        "pops": float((change > POP).mean()) if change.size else nothing,
        "followed": float(compared.sum() / near.sum()),
    }


def pair(
    alpha: Plane, before: Plane, truth: Plane, truth_before: Plane, by: Motion | None, *, hard: bool
) -> dict[str, float]:
    """All measures of a pair by name.

    Parameters
    ----------
    by : the plate's motion, or None where it is not known: then those of `WITH_FLOW` are left out.
    hard : the truth is a mask of 0 and 1; then those of `WITH_TRUTH` are left out, since an edge that moves
        within a pixel stands still there and then leaps.
    """
    scores: dict[str, float] = {}
    if not hard:
        late, early = shifts(alpha, before, truth, truth_before)
        scores = {
            "dtssd": dtssd(alpha, before, truth, truth_before),
            "chatter": chatter(alpha, before, truth, truth_before),
            "shift_late": late,
            "shift_early": early,
        }
    return scores if by is None else scores | flicker(alpha, before, by)
