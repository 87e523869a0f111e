"""How plates move from one frame to the next, and what a matte does along that motion: flicker and pops.

The motion is DIS optical flow, by OpenCV (the extra ``shots``). Without it only pixels in which the plate
stands still can be followed (`still`).

References
----------
.. [1] Kroeger et al., "Fast Optical Flow using Dense Inverse Search", ECCV 2016 (DIS).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

BAND_LOW, BAND_HIGH, BAND_REACH = 0.02, 0.98, 20
AGREEMENT = 1.5
"""Pixels by which the flow there and the flow back may miss each other."""
FIT = 0.08
"""Encoded value by which the plate itself may miss the plate before, moved by the flow."""
STILL = 0.025
"""Encoded value by which a plate that stands still may change."""
POP, PATCH = 0.25, 7

INSTALL = "pip install opencv-python-headless"
MEASURES = ("flicker", "pops", "followed")


@dataclass(frozen=True)
class Motion:
    """Where each pixel of a frame was in the frame before.

    Attributes
    ----------
    trusted : H×W bool, where it is known.
    columns, rows : H×W float32, the place in the frame before, px; None where nothing moves.
    """

    trusted: Mask
    columns: NDArray[np.float32] | None = None
    rows: NDArray[np.float32] | None = None


def opencv() -> Any | None:
    """OpenCV's module, or None where it is not installed; it is optional."""
    try:
        import cv2  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        return None
    return cv2


def between(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Motion | None:
    """Motion between two plates (H×W×3 uint8, sRGB-encoded); None without OpenCV, or below 16 px.

    DIS at its medium preset on luma, in both directions [1]_. Trusted where both agree within `AGREEMENT`,
    and the plate itself fits within `FIT`.
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
    rows, columns = np.mgrid[:height, :width].astype(np.float32) + np.moveaxis(there[..., ::-1], -1, 0)
    found = Motion(np.ones((height, width), bool), columns, rows)
    returned = np.stack([moved(back[..., axis], found) for axis in (0, 1)], axis=-1)
    agrees = np.hypot(*np.moveaxis(there + returned, -1, 0)) <= AGREEMENT
    inside = (columns >= 0) & (columns <= width - 1) & (rows >= 0) & (rows <= height - 1)
    differences = [np.abs(moved(before[..., c] / 255.0, found) - after[..., c] / 255.0) for c in range(3)]
    fits = sum(differences) / 3 <= FIT
    return Motion(agrees & inside & fits, columns, rows)


def still(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> Motion:
    """No motion, trusted where the means of two plates' channels (H×W×3 uint8) differ by less than STILL."""
    change = np.abs(after.mean(axis=-1, dtype=np.float32) - before.mean(axis=-1, dtype=np.float32))
    return Motion(change < 255 * STILL)


def moved(plane: Plane, by: Motion) -> NDArray[np.float32]:
    """An H×W plane of the frame before as it lies in this frame, read bilinearly."""
    source = np.ascontiguousarray(plane, np.float32)
    if by.columns is None or by.rows is None:
        return source
    cv2: Any = opencv()
    result: NDArray[np.float32] = cv2.remap(
        source, by.columns, by.rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return result


def near(mask: Mask, reach: int = BAND_REACH) -> Mask:
    """Pixels whose distance to the nearest one of an H×W mask is at most `reach` px."""
    height, width = mask.shape
    # A disc is a stack of rows: how many of the mask lie in each row's span is a difference of two sums.
    sums = np.cumsum(np.pad(mask, ((0, 0), (reach + 1, reach))), axis=1, dtype=np.int32)
    found = np.zeros(mask.shape, bool)
    for down in range(min(reach, height - 1) + 1):
        half = isqrt(reach * reach - down * down)
        last, first = reach + 1 + half, reach - half
        wide = sums[:, last : last + width] > sums[:, first : first + width]
        found[down:] |= wide[: height - down]
        found[: height - down] |= wide[down:]
    return found


def patches(alpha: Plane, before: Plane, by: Motion, side: int = PATCH) -> float:
    """Share of the picture in squares of `side` px that change whole by more than `POP`: holes and limbs.

    Both mattes are H×W, linear coverage; what is not trusted does not count. A thin line along an edge, which
    the motion's own error can leave, holds no such square.
    """
    popped = (np.abs(alpha.astype(np.float32) - moved(before, by)) > POP) & by.trusted
    if not popped.any() or min(popped.shape) < side:
        return 0.0
    whole = _boxes(popped, side) == side * side
    return float((_boxes(np.pad(whole, side - 1), side) > 0).mean())


def _boxes(mask: Mask, side: int) -> NDArray[np.int32]:
    """How many pixels of an H×W mask lie in each square that is wholly within: (H-side+1)×(W-side+1)."""
    sums = np.pad(mask, ((1, 0), (1, 0))).cumsum(axis=0, dtype=np.int32).cumsum(axis=1, dtype=np.int32)
    return np.asarray(sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side])


def flicker(alpha: Plane, before: Plane, by: Motion) -> dict[str, float]:
    """Change along the plate's motion, near the edge of either matte (H×W, linear coverage).

    Returns
    -------
    flicker : mean absolute change. pops : share of pixels that change by more than `POP`. followed : share of
    the pixels near the edge whose motion is trusted; the other two are NaN where it is none, and all three
    where neither matte has an edge.
    """
    brought = moved(before, by)
    either = ((alpha > BAND_LOW) & (alpha < BAND_HIGH)) | ((brought > BAND_LOW) & (brought < BAND_HIGH))
    if not either.any():
        return dict.fromkeys(MEASURES, float("nan"))
    band = near(either)
    compared = band & by.trusted
    change = np.abs(alpha.astype(np.float64) - brought)[compared]
    nothing = float("nan")
    return {
        "flicker": float(change.mean()) if change.size else nothing,
        "pops": float((change > POP).mean()) if change.size else nothing,
        "followed": float(compared.sum() / band.sum()),
    }
