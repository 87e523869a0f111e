"""An alpha that comes with a plate: what the colour is without it, and whether it can be what it claims."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]

# What is made of an alpha that comes with a plate; see `flyaway.frames.ReadOptions`.
AlphaIn = Literal["auto", "premultiplied", "straight", "ignore"]
ALPHA_IN: tuple[AlphaIn, ...] = get_args(AlphaIn)

# Below this coverage a division amplifies rounding and grain sixteenfold: what comes out is bounded there.
_WELL_COVERED = np.float32(1 / 16)
_MOST_GAIN = np.float32(64)
# From this coverage on a pixel is as bright as its plate, and shows how bright that is.
_SOLID = np.float32(0.98)
# Eight-bit rounding, resampling and lossy compression leave less light than this where nothing covers.
_STRAY = np.float32(0.01)
# The share of pixels that may contradict an alpha (a glow, ringing) before it is rejected.
_TOLERATED = 0.1
_OUT_OF_RANGE_TOLERATED = 0.05
# Enough pixels to judge a plate by.
_PIXELS_TESTED = 1 << 20


def unpremultiply(colour: FloatImage, alpha: FloatImage) -> FloatImage:
    """Divide colour by its alpha, without blowing up what is hardly covered.

    Parameters
    ----------
    colour : H×W×3 float32, multiplied by `alpha`, in any encoding; may hold NaN and infinities.
    alpha : H×W float32, coverage.

    Returns
    -------
    H×W×3 float32, straight. Where alpha is 0, negative or no finite number, colour is light that nothing
    covers (a flare) and stays. From 1/16 on the division is exact. Below it colour grows at most
    64-fold, and not beyond the brightest that the well covered pixels show (or 1).
    """
    covered = (alpha > 0) & np.isfinite(alpha)
    divisor = np.where(covered, np.maximum(alpha, 1 / _MOST_GAIN), np.float32(1))[..., None]
    with np.errstate(invalid="ignore", over="ignore"):  # what is no number has been counted
        straight: FloatImage = (colour / divisor).astype(np.float32, copy=False)
        faint = covered & (alpha < _WELL_COVERED)
        if not faint.any():
            return straight
        brightness = np.abs(straight).max(axis=-1)
        sure = brightness[~faint & np.isfinite(brightness)]
        ceiling = max(np.float32(1), sure.max()) if sure.size else np.float32(1)
        # All three channels alike, so that the hue stays.
        over = faint & (brightness > ceiling) & np.isfinite(brightness)
        straight[over] *= (ceiling / brightness[over])[:, None]
    return straight


def why_not_coverage(colour: FloatImage, alpha: FloatImage) -> str:
    """Why an alpha cannot be the coverage that this colour was multiplied by; "" where it can.

    Premultiplied colour is never brighter than its coverage allows: at most alpha times the brightest of the
    plate. An alpha that is faint, noise, a roto that nobody multiplied by, or 0 under a whole picture leaves
    pixels that contradict it.

    Parameters
    ----------
    colour : H×W×3 float32, as the file holds it.
    alpha : H×W float32.
    """
    step = max(1, int(np.sqrt(alpha.size / _PIXELS_TESTED)))
    alpha = alpha[::step, ::step]
    if bool((alpha == 1).all()):
        return ""
    within = (alpha >= -_OUT_OF_RANGE_TOLERATED) & (alpha <= 1 + _OUT_OF_RANGE_TOLERATED)
    if float((~within).mean()) > _OUT_OF_RANGE_TOLERATED:
        return "it is outside 0…1"
    sample = colour[::step, ::step]
    light = np.where(np.isfinite(sample), sample, np.float32(0)).max(axis=-1)
    solid = alpha >= _SOLID
    brightest = max(1.0, float(np.percentile(light[solid], 99))) if solid.any() else 1.0
    lit = ~solid & (light > _STRAY)
    if not lit.any():
        return ""
    allowed = np.clip(np.nan_to_num(alpha), 0, 1) * np.float32(brightest) + _STRAY
    if float((light[lit] > allowed[lit]).mean()) > _TOLERATED:
        return "there is light where it covers little or nothing"
    return ""
