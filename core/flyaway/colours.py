"""What colours lie on either side of an edge: smooth estimates of foreground and background, in light.

Both what a soft pixel's alpha means (`flyaway.in_light`) and what its own colour is (`flyaway.foreground`)
follow from two colours: the person's there, and what is behind. They are estimated in two steps. A coarse
field over the whole frame, an eighth of its size, is filled from where alpha leaves no doubt, near and then
ever farther away (`flyaway.colour_fields`). In tiles that hold an edge it is then made local: each pixel's
difference from what the field predicts is shared out between the two colours, and both are averaged over
12 px. For large plates see `flyaway.large_plates`.

References
----------
    M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021: the second step, there over 90 and
    then 6 px.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.colour_fields import FIELD, Float, Index, Light, coarse_fields, picked_by

TILE, MARGIN = 64, 8  # px; a tile sees its margin and answers for what is within
SPAN = TILE + 2 * MARGIN
_BATCH = 8  # tiles at a time: what is worked on stays in the cache
LARGEST = np.float32(1e6)  # light beyond this is taken for it: sums stay finite


def interpolation(pixels: Index, scale: int, first: int, count: int) -> Float:
    """len(pixels)×count weights: bilinear, of cells of `scale` px, the first of which is number `first`."""
    place = (pixels + 0.5) / scale - 0.5 - first
    weights = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(count)[None]))
    return weights.astype(np.float32)


_PIXELS = np.arange(-MARGIN, TILE + MARGIN)
_FROM_FIELD = interpolation(_PIXELS, FIELD, -2, TILE // FIELD + 4)
CELLS = TILE // 4 + 2  # cells of 4 px, one more on either side


def means_over(width: int) -> Float:
    """CELLS×SPAN weights: the mean over `width` px around each cell of 4 px."""
    weights = np.zeros((CELLS, SPAN), np.float32)
    for cell in range(CELLS):
        first = cell * 4 + (12 - width) // 2
        weights[cell, first : first + width] = 1 / width
    return weights


_MEAN = means_over(12)
_FROM_MEAN = interpolation(np.arange(TILE), 4, -1, CELLS)


@dataclass(frozen=True)
class Tiles:
    """Some tiles of a frame, and the two colours in them.

    Attributes
    ----------
    rows, columns : N×TILE int64, where their pixels lie; beyond the frame its last line is repeated.
    light : N×3×SPAN×SPAN float32, the plate, scene-linear, with the margin.
    front, behind : N×3×TILE×TILE float32, the estimates, scene-linear.
    alpha : N×SPAN×SPAN float32, with the margin.
    """

    rows: Index
    columns: Index
    light: Float
    front: Float
    behind: Float
    alpha: Float

    @property
    def inner(self) -> Float:
        """Alpha without the margin: N×TILE×TILE."""
        return self.alpha[:, MARGIN:-MARGIN, MARGIN:-MARGIN]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """Which pixels lie in the frame: N×TILE×TILE."""
        steps = np.arange(TILE)
        rows, columns = (each == each[:, :1] + steps for each in (self.rows, self.columns))
        return np.asarray(rows[:, :, None] & columns[:, None, :], bool)

    def put(self, target: NDArray[Any], values: NDArray[Any]) -> None:
        """Write N×TILE×TILE values to their places in H×W."""
        height, width = target.shape
        for index, value in enumerate(values):
            top, left = int(self.rows[index, 0]), int(self.columns[index, 0])
            place = target[top : min(top + TILE, height), left : min(left + TILE, width)]
            place[...] = value[: place.shape[0], : place.shape[1]]


def each_channel(where: NDArray[np.bool_], count: int) -> NDArray[np.bool_]:
    """…×W → …×W×count: the same for all channels. numpy is four times as quick with it as with …×W×1."""
    return np.repeat(where, count, axis=-1).reshape(*where.shape, count)


def tile_extremes(alpha: Float) -> tuple[Float, Float]:
    """The least and the largest alpha of each tile: H×W → rows×columns both; NaN where there is one."""
    columns = np.arange(0, alpha.shape[1], TILE)
    low, high = [], []
    for row in range(0, alpha.shape[0], TILE):
        lines = alpha[row : row + TILE]
        low.append(np.minimum.reduceat(lines.min(0), columns))
        high.append(np.maximum.reduceat(lines.max(0), columns))
    return np.stack(low), np.stack(high)


def edge_tiles(alpha: Float, *, under: bool, extremes: tuple[Float, Float] | None = None) -> Index:
    """Which tiles hold an edge: N×2 int64, row and column of the tile.

    Parameters
    ----------
    alpha : H×W.
    under : also those into which an edge reaches from a neighbour, by up to MARGIN px.
    extremes : `tile_extremes(alpha)`, where they are known.
    """
    low, high = tile_extremes(alpha) if extremes is None else extremes
    reached, open_ = high > 0, low < 1
    if not under:
        # Partial coverage, not nothing beside everything: only tiles that may hold it are looked at.
        found = reached & open_
        for row, column in np.argwhere(found):
            part = alpha[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE]
            found[row, column] = ((part > 0) & (part < 1)).any()
        return np.argwhere(found)
    grown = reached.copy()
    for row, column in np.argwhere(_beside(reached) & ~reached & open_):
        top, left = row * TILE, column * TILE
        part = alpha[max(0, top - MARGIN) : top + TILE + MARGIN, max(0, left - MARGIN) : left + TILE + MARGIN]
        grown[row, column] = (part > 0).any()
    return np.argwhere(grown & open_)


def _beside(tiles: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tiles that are set, and their eight neighbours."""
    padded = np.pad(tiles, 1)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:]


def edge_colours(light: Light, alpha: Float, tiles: Index) -> Iterator[Tiles]:
    """The two colours in some tiles, a few tiles at a time.

    Parameters
    ----------
    light : the plate; see `Light`.
    alpha : H×W float32, 0..1, finite.
    tiles : N×2 int64, from `edge_tiles`.
    """
    if not len(tiles):
        return
    fields = coarse_fields(light, alpha)
    inner = slice(MARGIN, -MARGIN)
    for start in range(0, len(tiles), _BATCH):
        some = tiles[start : start + _BATCH]
        rows, columns, observed, cover = cut_out(light, alpha, some)
        both = zip(local(observed, cover, fields, some), (cover, 1 - cover), strict=True)
        front, behind = (
            np.asarray(_FROM_MEAN @ averaged(*each, _MEAN) @ _FROM_MEAN.T, np.float32) for each in both
        )
        yield Tiles(rows[:, inner], columns[:, inner], observed, front, behind, cover)


def cut_out(light: Light, alpha: Float, tiles: Index, step: int = 1) -> tuple[Index, Index, Float, Float]:
    """N tiles and their margins, of every `step`-th pixel; beyond the frame its last line is repeated.

    Returns
    -------
    Rows and columns, N×SPAN each, the plate there, N×3×SPAN×SPAN, and alpha, N×SPAN×SPAN.
    """
    rows, columns = (
        ((tiles[:, axis, None] * TILE + _PIXELS) * step + step // 2).clip(0, length - 1)
        for axis, length in enumerate(alpha.shape)
    )
    observed = np.empty((len(tiles), 3, SPAN, SPAN), np.float32)
    cover = np.empty((len(tiles), SPAN, SPAN), np.float32)
    for index in range(len(tiles)):
        place = picked_by(rows[index], columns[index], step)
        observed[index] = light(*place).transpose(2, 0, 1)
        cover[index] = alpha[place]
    return rows, columns, observed, cover


def local(observed: Float, cover: Float, fields: Float, tiles: Index) -> tuple[Float, Float]:
    """What the fields say in N tiles, and at each pixel its share of what they do not explain.

    N×3×SPAN×SPAN of the plate, N×SPAN×SPAN of alpha → both colours, N×3×SPAN×SPAN each, yet to be averaged.
    What was read of the fields is worked in: new memory for each step would cost as much as the step.
    """
    front, behind = _sampled(fields, tiles)
    share = cover[:, None]
    rest = 1 - share
    part = share * front
    wrong = observed - part
    wrong -= np.multiply(rest, behind, out=part)
    low = darkest(observed)
    front += np.multiply(share, wrong, out=part)
    wrong *= rest
    behind += wrong
    return np.maximum(front, low, out=front), np.maximum(behind, low, out=behind)


def darkest(observed: Float) -> Float:
    """What a colour may be at least: black, or less where the plate around is. N×3×h×w → N×3×1×1."""
    return np.asarray(np.minimum(observed.min((2, 3), keepdims=True), 0), np.float32)


def averaged(colour: Float, weight: Float, mean: Float) -> Float:
    """Weighted means of N×3×SPAN×SPAN, which is overwritten, by N×SPAN×SPAN, 4 px apart: N×3×CELLS×CELLS."""
    tiny = np.float32(1e-4)  # so little weight everywhere leaves the unweighted mean
    weight = (weight + tiny)[:, None]
    colour *= weight
    total = mean @ colour @ mean.T
    total /= mean @ weight @ mean.T
    return np.asarray(total, np.float32)


def _sampled(field: Float, tiles: Index) -> tuple[Float, Float]:
    """Both coarse fields (6×h×w, padded by two) in tiles and their margins: N×3×SPAN×SPAN each."""
    cells = TILE // FIELD
    reach = np.arange(cells + 4)
    rows = (tiles[:, :1] * cells + reach).clip(0, field.shape[1] - 1)
    columns = (tiles[:, 1:] * cells + reach).clip(0, field.shape[2] - 1)
    parts = field[:, rows[:, :, None], columns[:, None, :]].transpose(1, 0, 2, 3)
    found = np.asarray(_FROM_FIELD @ parts @ _FROM_FIELD.T, np.float32)
    return found[:, :3], found[:, 3:]
