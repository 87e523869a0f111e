"""Alpha that was read in encoded values, read again as linear coverage.

A camera mixes hair and sky in light, and so does a comp. Networks of the field learn from pictures that were
mixed in encoded (sRGB) values, and read a soft pixel accordingly: where the person is darker than what is
behind, its coverage comes out too low, where lighter, too high, by an eighth in the middle of the scale. With
estimates of both colours, F and B, what such a network means is known: at the alpha it says, the pixel is
alpha·encode(F) + (1 - alpha)·encode(B). The coverage at which light, mixed, gives that pixel is the answer.

It is monotone in alpha, leaves 0 and 1 where they are, and changes nothing where F and B are alike. It suits
scene-linear plates. A photograph's tone curve is not the sRGB curve alone: cameras add contrast and roll
highlights off, so that its pixels do not mix linearly even when decoded; there part of the error stays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.colours import edge_colours, edge_tiles
from flyaway.curves import quick_decode, quick_encode

Float = NDArray[np.float32]
# Largest difference of F and B over the channels, encoded: below the first nothing is changed, above the
# second the answer counts in full.
UNLIKE = (0.05, 0.2)


def read_in_light(image: Float, alpha: Float) -> Float:
    """Read alpha again in linear light.

    Parameters
    ----------
    image : H×W×3 float32, display-referred sRGB 0..1: what the network saw. What was clipped (light beyond
        white, negatives) counts as it was seen.
    alpha : H×W float32, 0..1, as a network reads it that learned from encoded mixtures.

    Returns
    -------
    H×W float32, linear coverage 0..1, new memory; equal to `alpha` where that is 0 or 1.
    """
    result = alpha.copy()

    def light(rows: Any, columns: Any) -> Float:
        return quick_decode(image[rows, columns])

    for tiles in edge_colours(light, alpha, edge_tiles(alpha, under=False)):
        tiles.put(result, reread(tiles.inner, tiles.front, tiles.behind))
    return result


def reread(alpha: Float, front: Float, behind: Float) -> Float:
    """The coverage at which light mixes to what `alpha` mixes in encoded values.

    Parameters
    ----------
    alpha : N×h×w float32, 0..1.
    front, behind : N×3×h×w float32, scene-linear; clipped to 0..1.

    Returns
    -------
    N×h×w float32, 0..1.
    """
    front, behind = np.clip(front, 0, 1), np.clip(behind, 0, 1)
    coded_front, coded_behind = quick_encode(front), quick_encode(behind)
    coded = coded_front - coded_behind
    apart = np.abs(coded).max(1)
    coded *= alpha[:, None]
    coded += coded_behind
    mixed = quick_decode(coded)
    mixed -= behind
    front -= behind
    along = (mixed * front).sum(1)
    along /= np.maximum((front * front).sum(1), np.float32(1e-6))
    trust = np.clip((apart - np.float32(UNLIKE[0])) / np.float32(UNLIKE[1] - UNLIKE[0]), 0, 1)
    found = alpha + trust * (np.clip(along, 0, 1) - alpha)
    # Rounding must not soften what is certain.
    return np.where((alpha > 0) & (alpha < 1), np.clip(found, 0, 1), alpha)
