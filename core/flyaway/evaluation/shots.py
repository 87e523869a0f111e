"""How a matte behaves from one frame to the next: dtSSD, chatter, flicker, pops, and lag.

Measures of a pair of frames, one pure function each; those of a shot are means over its pairs. Against a true
alpha: *dtSSD*, *chatter* and the two *shifts*. Against the plate's own motion, so that no truth is needed:
*flicker* and *pops*, of `flyaway.pictures.motion`. Without OpenCV (the extra ``shots``) those two are not
measured, and the report says so.

References
----------
.. [1] Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015 (dtSSD).
"""

from __future__ import annotations

import numpy as np

from flyaway.pictures import motion
from flyaway.pictures.motion import Motion, Plane

STILL_TRUTH = 1e-4
"""Truth that changes by less than this stands still."""

WITH_TRUTH = ("dtssd", "chatter", "shift_late", "shift_early")
WITH_FLOW = motion.MEASURES
MEASURES = (*WITH_TRUTH, *WITH_FLOW)


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
    return scores if by is None else scores | motion.flicker(alpha, before, by)
