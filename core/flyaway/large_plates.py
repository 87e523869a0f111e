"""The person's own colour in large plates: the colours around an edge are estimated of samples, and enlarged.

The two colours that a soft pixel mixes hardly change from one pixel to the next: they need not be estimated
at each of them. What `flyaway.colours` does is done here with every so many-th pixel of every so many-th row.
Not with means: averaged, thin strands are mixed more than any of their pixels, and show less of the person's
colour. Samples lie farther apart than pixels, so fewer of them are averaged, and those that are hardly mixed
count for more.

What the plate differs from the mixture of both is then divided between them at the plate's own pixels: by
coverage, and by how much either colour varies around. Before a background out of focus all detail is the
person's, before a sharp one hardly any. That is the most likely answer if both are normally distributed, as
in Y. Chuang et al., "A Bayesian Approach to Digital Matting", CVPR 2001, with alpha known.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from flyaway.colour_fields import Float, Index, Light, coarse_fields
from flyaway.colours import CELLS, TILE, averaged, cut_out, darkest, interpolation, local, means_over

REACH = 6  # px by which colour goes on under the matte: filters of twice that pull in no black
_MEAN = means_over(8)
_EVEN = np.float32(1e-5)  # variance of light below which a colour is as good as even
_NEITHER = np.float32(0.05)  # share of both variances that noise is given, and what alpha is wrong by


def large_edges(light: Light, alpha: Float, tiles: Index, step: int) -> Iterator[tuple[Index, Float, Float]]:
    """The person's colour where alpha is partial, and `REACH` px beyond.

    Parameters
    ----------
    light : the plate; see `Light`.
    alpha : H×W float32, 0..1, finite.
    tiles : N×2 int64, from `edge_tiles`.
    step : px between the samples.

    Yields
    ------
    K places in H×W, flattened, int64; the person's colour there and the plate's, 3×K float32, scene-linear.
    """
    if not len(tiles):
        return
    fields = coarse_fields(light, alpha, step)
    wide, group = np.unique(tiles // step, axis=0, return_inverse=True)
    for number, one in enumerate(wide[:, None]):
        _, _, observed, cover = cut_out(light, alpha, one, step)
        means = _means(*local(observed, cover, fields, one), cover)
        lowest = darkest(observed)[0, :, 0]
        own = tiles[group.reshape(-1) == number]
        for row in np.unique(own[:, 0]).tolist():  # a row of tiles within the wide one at a time
            columns = own[own[:, 0] == row, 1]
            run = slice(int(columns.min()), int(columns.max()) + 1)
            part = alpha[row * TILE : (row + 1) * TILE, run.start * TILE : run.stop * TILE]
            spots = np.flatnonzero(_wanted(alpha, (row * TILE, run.start * TILE), part.shape))
            if spots.size:
                first = row % step, run.start % step
                found = _enlarged(means, step, first, part.shape, spots)
                rows = spots // part.shape[1]
                columns = spots - rows * part.shape[1] + run.start * TILE
                rows += row * TILE
                seen = np.ascontiguousarray(light(rows[:, None], columns[:, None])[:, 0].T)
                colour = _unmixed(seen, part.reshape(-1).take(spots), found, lowest)
                yield rows * alpha.shape[1] + columns, colour, seen


def _means(front: Float, behind: Float, cover: Float) -> Float:
    """Both colours of samples, 1×3×SPAN×SPAN, averaged: 6×CELLS×CELLS, and which of them varies, 0..1."""
    means, spread = [], []
    for colour, weight in ((front, cover), (behind, 1 - cover)):
        squares = np.einsum("ncij,ncij->nij", colour, colour)[:, None]
        mean = averaged(np.concatenate([colour, squares], axis=1), (weight**2) ** 2, _MEAN)[0]
        means.append(mean[:3])
        spread.append(np.maximum(mean[3] - (mean[:3] ** 2).sum(0), 0) + _EVEN)
    return np.concatenate([*means, (spread[0] / (spread[0] + spread[1]))[None]])


def _enlarged(means: Float, step: int, first: tuple[int, int], shape: tuple[int, ...], spots: Index) -> Float:
    """`_means` at K pixels of a part of so many rows and columns, whose first tile is number `first`: 7×K."""
    (down, left), (across, right) = (
        _from_means(step, tile, tile + -(-length // TILE)) for tile, length in zip(first, shape, strict=True)
    )
    whole = (left @ (means[:, down, across] @ right.T))[:, : shape[0], : shape[1]]
    found = np.empty((7, spots.size), np.float32)
    for target, plane in zip(found, whole.reshape(7, -1), strict=True):
        np.take(plane, spots, out=target, mode="clip")
    return found


def _unmixed(light: Float, share: Float, found: Float, lowest: Float) -> Float:
    """The person's colour, 3×K, of the plate, alpha and `_means` at K pixels; the latter are overwritten."""
    front, behind, varies = found[:3], found[3:6], found[6]
    rest = 1 - share
    behind *= rest
    wrong = light - behind
    wrong -= np.multiply(share, front, out=behind)
    own = share * varies
    # The less of it shows, the less is what is behind wrong by: at full coverage the plate is the person.
    spare = 1 - varies
    spare *= rest
    spare += _NEITHER
    spare *= rest
    wrong *= own / (share * own + spare)
    front += wrong
    np.maximum(front, np.minimum(light, lowest, out=wrong), out=front)
    return front


def _wanted(alpha: Float, corner: tuple[int, int], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where something is covered within REACH px, but not all: of so many rows and columns of the frame."""
    (top, left), (height, width) = corner, shape
    above, before = min(top, REACH), min(left, REACH)
    around = alpha[top - above : top + height + REACH, left - before : left + width + REACH]
    covered = np.zeros((height + 2 * REACH, width + 2 * REACH), bool)
    inside = covered[REACH - above :, REACH - before :][: around.shape[0], : around.shape[1]]
    np.greater(around, 0, out=inside)
    return np.logical_and(near(covered), alpha[top : top + height, left : left + width] < 1)


def near(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where something is covered within REACH px, of …×h×w: …×(h−2·REACH)×(w−2·REACH)."""
    for shift in (1, 2, 4, 2 * REACH + 1 - 8):  # windows of 2, 4, 8 px, and all
        covered = covered[..., :-shift, :] | covered[..., shift:, :]
    for shift in (1, 2, 4, 2 * REACH + 1 - 8):
        covered = covered[..., :-shift] | covered[..., shift:]
    return covered


@lru_cache(maxsize=64)
def _from_means(step: int, first: int, last: int) -> tuple[slice, Float]:
    """Among which of a wide tile's cells its tiles from `first` to `last` lie, and the weights of these."""
    weights = interpolation(np.arange(first * TILE, last * TILE), 4 * step, -1, CELLS)
    (used,) = np.nonzero(weights.any(0))
    some = slice(int(used[0]), int(used[-1]) + 1)
    return some, np.ascontiguousarray(weights[:, some])
