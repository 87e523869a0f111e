"""One matte out of two teachers' and, where there is one, a person's mask drawn by hand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: A mask drawn by hand is believed farther than this (px) from its edge.
MASK_EDGE = 9
#: Beyond the edge, up to this far (px), hair is kept if both teachers see it.
HAIR_REACH = 24
#: Side of the window (px) in which the teachers are compared with the mask.
WINDOW = 31
#: Mattes that differ by more than this disagree.
DISAGREE = 0.3
#: Share of the frame from which a disagreement is a thing (a bag, a shoe) and not an edge.
LARGE = 0.0005


def intersection_over_union(a: Mask, b: Mask) -> float:
    """Return the IoU of two masks; two empty ones agree."""
    union = np.logical_or(a, b).sum()
    return float(np.logical_and(a, b).sum() / union) if union else 1.0


def fuse_with_mask(first: Floats, second: Floats, mask: Mask) -> Floats:
    """Fuse two mattes under a hand-drawn mask, all H×W, alpha 0..1.

    Away from its edge the mask decides. Near the edge each teacher counts by how well it follows the mask
    round about: the mask knows which thing is the person, the teachers know how soft its rim is.
    """
    depth = ndimage.distance_transform_edt(mask)
    height = ndimage.distance_transform_edt(~mask)
    errors = [ndimage.uniform_filter(np.abs(matte - mask), WINDOW) for matte in (first, second)]
    trust = [1 / (error + 0.02) ** 2 for error in errors]
    fused = (trust[0] * first + trust[1] * second) / (trust[0] + trust[1])
    fused = np.where((height > MASK_EDGE) & (height <= HAIR_REACH), np.minimum(first, second), fused)
    fused = np.where(height > HAIR_REACH, 0, fused)
    return np.where(depth > MASK_EDGE, 1, fused).astype(np.float32)


def fuse_without_mask(heads: Floats, bodies: Floats) -> Floats:
    """Fuse the matte of a teacher good on heads with that of one good on bodies, H×W, alpha 0..1.

    They are averaged; of large disagreements the second teacher decides those that touch what both call the
    person (bags, shoes), and all others are taken for background.
    """
    fused = (heads + bodies) / 2
    disagree = np.abs(heads - bodies) > DISAGREE
    things = ndimage.binary_opening(disagree, np.ones((5, 5), bool))
    labels, count = ndimage.label(things)
    if not count:
        return fused.astype(np.float32)
    index = np.arange(1, count + 1)
    body = ndimage.binary_dilation((heads > 0.5) & (bodies > 0.5), iterations=6)
    large = np.asarray(ndimage.sum_labels(things, labels, index)) > LARGE * fused.size
    touching = np.asarray(ndimage.maximum(body, labels, index)) > 0
    decided = np.concatenate([[False], large & touching])
    dropped = np.concatenate([[False], large & ~touching])
    # Opening rounds corners off; the rim of each thing goes the way of the thing.
    grown = ndimage.grey_dilation(labels, size=(7, 7)) * disagree
    fused = np.where(decided[grown], bodies, fused)
    return np.where(dropped[grown], np.minimum(heads, bodies), fused).astype(np.float32)
