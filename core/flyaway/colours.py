"""What colours lie on either side of an edge: smooth estimates of foreground and background, in light.

Both what a soft pixel's alpha means (`flyaway.in_light`) and what its own colour is (`flyaway.foreground`)
follow from two colours: the person's there, and what is behind. They are estimated in two steps. A coarse
field over the whole frame, an eighth of its size, is filled from where alpha leaves no doubt, near and then
ever farther away (push and pull). In tiles that hold an edge it is then made local: each pixel's difference
from what the field predicts is shared out between the two colours, and both are averaged over 12 px.

References
----------
    M. Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021: the second step, there over 90 and
    then 6 px. S. Gortler et al., "The Lumigraph", SIGGRAPH 1996: push and pull.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Index = NDArray[np.int64]
# Rows and columns, slices or int64 of shapes h×1 and 1×w → h×w×3 float32: scene-linear colour there, finite.
Light = Callable[[Any, Any], Float]

TILE, MARGIN = 64, 8  # px; a tile sees its margin and answers for what is within
_SPAN = TILE + 2 * MARGIN
_STRIDE, _FIELD = 4, 8  # px between the samples of the coarse field, and side of its cells
_SURE = 8  # power of alpha by which a pixel counts: only what is hardly mixed shows a colour unmixed
_DOUBT = np.float32(0.1)  # share of certain pixels at which a cell is as good as those around it together
_BATCH = 8  # tiles at a time: what is worked on stays in the cache
LARGEST = np.float32(1e6)  # light beyond this is taken for it: sums stay finite


def _interpolation(pixels: Index, scale: int, first: int, count: int) -> Float:
    """len(pixels)×count weights: bilinear, of cells of `scale` px, the first of which is number `first`."""
    place = (pixels + 0.5) / scale - 0.5 - first
    weights = np.maximum(0.0, 1.0 - np.abs(place[:, None] - np.arange(count)[None]))
    return weights.astype(np.float32)


_PIXELS = np.arange(-MARGIN, TILE + MARGIN)
_FROM_FIELD = _interpolation(_PIXELS, _FIELD, -2, TILE // _FIELD + 4)
_QUARTERS = TILE // 4 + 2  # cells of 4 px, one more on either side
_MEAN = np.zeros((_QUARTERS, _SPAN), np.float32)  # the mean over 12 px, at each of them
for _cell in range(_QUARTERS):
    _MEAN[_cell, _cell * 4 : _cell * 4 + 12] = 1 / 12
_FROM_MEAN = _interpolation(np.arange(TILE), 4, -1, _QUARTERS)


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


def edge_tiles(alpha: Float, *, under: bool) -> Index:
    """Which tiles hold an edge: N×2 int64, row and column of the tile.

    Parameters
    ----------
    alpha : H×W.
    under : also those into which an edge reaches from a neighbour, by up to MARGIN px.
    """
    height, width = alpha.shape
    rows, columns = range(0, height, TILE), np.arange(0, width, TILE)

    def over(choose: np.ufunc) -> Float:
        tall = np.stack([choose.reduce(alpha[row : row + TILE], axis=0) for row in rows])
        return np.asarray(choose.reduceat(tall, columns, axis=1), np.float32)

    reached, open_ = over(np.maximum) > 0, over(np.minimum) < 1
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
    fields = np.concatenate(_fields(light, alpha))
    height, width = alpha.shape
    for start in range(0, len(tiles), _BATCH):
        some = tiles[start : start + _BATCH]
        rows = (some[:, :1] * TILE + _PIXELS).clip(0, height - 1)
        columns = (some[:, 1:] * TILE + _PIXELS).clip(0, width - 1)
        observed = np.empty((len(some), 3, _SPAN, _SPAN), np.float32)
        cover = np.empty((len(some), _SPAN, _SPAN), np.float32)
        for index in range(len(some)):
            place = _place(rows[index], columns[index], 1)
            observed[index] = light(*place).transpose(2, 0, 1)
            cover[index] = alpha[place]
        coarse = _sampled(fields, some)
        front, behind = _local(observed, cover, coarse[:, :3], coarse[:, 3:])
        inner = slice(MARGIN, -MARGIN)
        yield Tiles(rows[:, inner], columns[:, inner], observed, front, behind, cover)


def _place(rows: Index, columns: Index, step: int) -> tuple[Any, Any]:
    """What picks them out of a frame: slices, far quicker than indices, unless they hang over its edge."""
    if all(each[-1] - each[0] == step * (len(each) - 1) for each in (rows, columns)):
        return slice(rows[0], rows[-1] + 1, step), slice(columns[0], columns[-1] + 1, step)
    return rows[:, None], columns[None]


def _local(observed: Float, cover: Float, front: Float, behind: Float) -> tuple[Float, Float]:
    """N×3×SPAN×SPAN of plate and coarse estimates → N×3×TILE×TILE of both estimates, made local.

    The coarse estimates' memory is worked in: new memory for each step would cost as much as the step.
    """
    share = cover[:, None]
    rest = 1 - share
    part = share * front
    wrong = observed - part
    wrong -= np.multiply(rest, behind, out=part)
    low = darkest(observed)
    front += np.multiply(share, wrong, out=part)
    wrong *= rest
    behind += wrong
    np.maximum(front, low, out=front)
    np.maximum(behind, low, out=behind)
    return _averaged(front, share), _averaged(behind, rest)


def darkest(observed: Float) -> Float:
    """What a colour may be at least: black, or less where the plate around is. N×3×h×w → N×3×1×1."""
    return np.asarray(np.minimum(observed.min((2, 3), keepdims=True), 0), np.float32)


def _averaged(colour: Float, weight: Float) -> Float:
    """Weighted means over 12 px: N×3×SPAN×SPAN, which is overwritten → N×3×TILE×TILE."""
    tiny = np.float32(1e-4)  # so little weight everywhere leaves the unweighted mean
    weight = weight + tiny
    colour *= weight
    total = _MEAN @ colour @ _MEAN.T
    total /= _MEAN @ weight @ _MEAN.T
    return np.asarray(_FROM_MEAN @ total @ _FROM_MEAN.T, np.float32)


def _sampled(field: Float, tiles: Index) -> Float:
    """Coarse fields (C×h×w, padded by two) in tiles and their margins: N×C×SPAN×SPAN."""
    cells = TILE // _FIELD
    reach = np.arange(cells + 4)
    rows = (tiles[:, :1] * cells + reach).clip(0, field.shape[1] - 1)
    columns = (tiles[:, 1:] * cells + reach).clip(0, field.shape[2] - 1)
    parts = field[:, rows[:, :, None], columns[:, None, :]].transpose(1, 0, 2, 3)
    return np.asarray(_FROM_FIELD @ parts @ _FROM_FIELD.T, np.float32)


def _fields(light: Light, alpha: Float) -> tuple[Float, Float]:
    """Coarse fields of both colours: 3×(h+4)×(w+4) each, h and w an eighth of the frame's."""
    height, width = alpha.shape
    rows, columns = (
        np.arange(_STRIDE // 2, -(-length // _FIELD) * _FIELD, _STRIDE).clip(max=length - 1)
        for length in (height, width)
    )
    observed = np.empty((3, len(rows), len(columns)), np.float32)
    for index in range(0, len(rows), 64):  # no second plate in memory
        some = rows[index : index + 64]
        observed[:, index : index + 64] = light(*_place(some, columns, _STRIDE)).transpose(2, 0, 1)
    cover = alpha[_place(rows, columns, _STRIDE)]
    front = _filled(observed, cover**_SURE)
    behind = _filled(observed, (1 - cover) ** _SURE)
    return tuple(np.pad(field, ((0, 0), (2, 2), (2, 2)), "edge") for field in (front, behind))  # type: ignore[return-value]


def _filled(observed: Float, weight: Float) -> Float:
    """Weighted colour 3×2h×2w → 3×h×w, with what has no weight filled from ever farther around."""
    everywhere = observed.mean((1, 2), keepdims=True)
    levels = [(_halved(observed * weight), _halved(weight[None]))]
    while max(levels[-1][1].shape[1:]) > 1:
        total, known = levels[-1]
        levels.append((_halved(total), _halved(known)))
    filled = everywhere
    for total, known in reversed(levels):
        if filled.shape[1:] != known.shape[1:]:
            filled = _doubled(filled, *known.shape[1:])
        filled = (total + _DOUBT * filled) / (known + _DOUBT)
    return np.asarray(filled, np.float32)


def _halved(planes: Float) -> Float:
    """C×h×w → the mean of each 2×2; what is beyond an odd edge counts as nothing."""
    _, height, width = planes.shape
    if height % 2 or width % 2:
        planes = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)))
    rows = planes[:, ::2] + planes[:, 1::2]
    mean = rows[..., ::2] + rows[..., 1::2]
    mean *= np.float32(0.25)
    return mean


def _doubled(planes: Float, height: int, width: int) -> Float:
    """C×h×w → C×height×width, bilinear, twice the size less what hangs over."""
    for axis, length in ((1, height), (2, width)):
        source = planes.shape[axis]
        place = ((np.arange(length) + 0.5) / 2 - 0.5).clip(0, source - 1)
        low = np.floor(place).astype(np.int64)
        upper = (place - low).astype(np.float32).reshape([-1 if each == axis else 1 for each in range(3)])
        high = np.minimum(low + 1, source - 1)
        planes = np.take(planes, low, axis) * (1 - upper) + np.take(planes, high, axis) * upper
    return planes
