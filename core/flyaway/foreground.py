"""The person's own colour at soft edges, with no old background in it; and despill for screens.

A soft pixel of a plate shows the person's colour and the background's, mixed by alpha. Multiplied by alpha
and laid over something else it brings its old background along, as a halo. Here the mixture is undone in
linear light: where the plate differs from what the estimates of both colours (`flyaway.colours`) predict, the
difference is given to the person in proportion to its coverage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from flyaway.colorimetry import linear_to_srgb, srgb_to_linear
from flyaway.colours import (
    LARGEST,
    MARGIN,
    TILE,
    Float,
    Index,
    Tiles,
    darkest,
    each_channel,
    edge_colours,
    edge_tiles,
)
from flyaway.curves import quick_decode, quick_encode
from flyaway.errors import BadPlateError
from flyaway.plate import BAND, straight_rows

Screen = Literal["green", "blue"]
# What is covered is grown by so much to either side, one after the other: by all of it, and by all between.
_STEPS = (1, 2, 3)
REACH = sum(_STEPS)  # px by which colour goes on under the matte: filters of twice that pull in no black
_PLAIN = np.float32(9e4)  # codes whose squares' sum is smaller are finite, and none is light beyond LARGEST
_HALF_MAX = np.float32(65504)


@dataclass(frozen=True)
class Despill:
    """Light of a screen to be taken off the person.

    Attributes
    ----------
    screen : "green" or "blue".
    strength : 0 (nothing) to 1: the screen's channel is brought down to the larger of the two others.
    """

    screen: Screen
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.screen not in ("green", "blue"):
            raise ValueError(f"despill is for green or blue screens, not {self.screen!r}")
        if not 0 <= self.strength <= 1:
            raise ValueError(f"a despill strength lies between 0 and 1, and {self.strength!r} does not")


def foreground(
    plate: Any,
    alpha: NDArray[np.floating[Any]],
    encoding: str = "srgb",
    *,
    premultiplied: bool = False,
    despill: Despill | None = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[np.floating[Any]]:
    """Straight colour of what `alpha` covers.

    Parameters
    ----------
    plate : H×W, H×W×1, H×W×3 or H×W×4, as `flyaway.matting.Matting` takes it.
    alpha : H×W, linear coverage; NaN counts as 0, and values are held to 0..1.
    encoding : "srgb" (display-referred) or "linear" (scene-linear; the primaries do not matter).
    premultiplied : an RGBA plate's colour is multiplied by its own alpha, and is divided by it first.
    despill : takes a screen's light off all that is covered; None takes nothing.
    dtype : float32, or float16 where a second plate in memory is too much (values beyond its range are
        clipped to it).

    Returns
    -------
    H×W×3 in the plate's own encoding, straight (not multiplied by alpha), new memory. Where alpha is 1
    (and without despill) it is the plate bit for bit, NaN and negatives too; integers are shares of
    their largest value. Where 0 < alpha < 1 it is the estimate: finite, HDR kept, never darker than
    black unless the plate is. It goes on for `REACH` px where alpha is 0, so that a filter pulls in no
    black; beyond that it is 0.

    Raises
    ------
    BadPlateError : the plate cannot be one, or alpha has another size.
    """
    rows_of, (height, width) = straight_rows(plate, encoding, premultiplied)
    cover = np.asarray(alpha)
    if cover.shape != (height, width):
        raise BadPlateError(f"an alpha of {'×'.join(map(str, cover.shape))} for a plate of {height}×{width}")
    if not (cover.dtype == np.float32 and cover.min() >= 0 and cover.max() <= 1):  # False for NaN too
        cover = np.nan_to_num(cover.astype(np.float32), copy=False, nan=0.0)
        np.clip(cover, 0, 1, out=cover)
    result = np.zeros((height, width, 3), np.dtype(dtype))
    if result.dtype not in (np.float32, np.float16):
        raise BadPlateError(f"colour is float32 or float16, not {result.dtype}")
    step = max(1, BAND // width)
    for start in range(0, height, step):
        part = slice(start, start + step)
        solid = cover[part] >= 1
        columns = np.flatnonzero(solid.any(0))
        if columns.size:  # between the first and the last: a person rarely fills the frame's width
            across = slice(columns[0], columns[-1] + 1)
            own = _fit(rows_of(part, across), result.dtype)
            np.copyto(result[part, across], own, where=each_channel(solid[:, across], 3))
    _fill_edges(result, rows_of, cover, encoding)
    if despill is not None and despill.strength > 0:
        _despill(result, encoding, despill)
    return result


def _fill_edges(result: NDArray[Any], rows_of: Any, cover: Float, encoding: str) -> None:
    """Write the estimates where alpha is partial, and a little beyond."""
    encoded = encoding == "srgb"

    def light(rows: Any, columns: Any) -> Float:
        observed: Float = rows_of(rows, columns)
        with np.errstate(all="ignore"):
            plain = np.einsum("ijk,ijk->", observed, observed) < _PLAIN
        if not plain:
            observed = np.nan_to_num(observed, nan=0.0, posinf=0.0, neginf=0.0)
        if encoded:
            observed = quick_decode(observed)
        return observed if plain else np.clip(observed, -LARGEST, LARGEST, out=observed)

    flat = result.reshape(-1)
    for tiles in edge_colours(light, cover, edge_tiles(cover, under=True)):
        where = (tiles.inner < 1) & _near(tiles.alpha > 0) & tiles.inside
        spots = Spots.of(where)
        colour = unmixed(tiles, spots, limit=np.float32(1) if encoded else None)
        if encoded:
            colour = quick_encode(colour)
        corner = tiles.rows[:, 0] * cover.shape[1] + tiles.columns[:, 0]
        place = 3 * (corner[spots.tile] + spots.row * cover.shape[1] + spots.column)
        for channel, values in enumerate(_fit(colour, result.dtype)):
            flat[place + channel] = values


class Spots(NamedTuple):
    """K pixels of some tiles: K int64 each."""

    tile: Index
    row: Index
    column: Index

    @classmethod
    def of(cls, where: NDArray[np.bool_]) -> Spots:
        """Those that N×TILE×TILE names: as `np.nonzero` has them, which takes several times as long."""
        flat = np.flatnonzero(where)
        line = flat // TILE
        tile = line // TILE
        return cls(tile, line - tile * TILE, flat - line * TILE)

    def picked(self, *planes: Float, margin: int = 0) -> list[Float]:
        """Their values in planes N×3×side×side with so wide a margin: 3×K each, new memory."""
        _, channels, side, _ = planes[0].shape
        first = (self.tile * (channels * side) + (self.row + margin)) * side + (self.column + margin)
        places = first + side * side * np.arange(channels)[:, None]
        return [each.reshape(-1).take(places) for each in planes]


def unmixed(tiles: Tiles, spots: Spots, limit: np.float32 | None = None) -> Float:
    """The person's colour at K pixels of some tiles: 3×K, scene-linear.

    Parameters
    ----------
    tiles : the plate and the estimates.
    spots : which pixels.
    limit : what colour may not exceed where the plate does not either; None for light, which has no white.
    """
    (light,) = spots.picked(tiles.light, margin=MARGIN)
    front, behind = spots.picked(tiles.front, tiles.behind)
    share = tiles.alpha[spots.tile, spots.row + MARGIN, spots.column + MARGIN]
    wrong = light - share * front
    wrong -= (1 - share) * behind
    wrong *= share
    front += wrong
    inner = slice(MARGIN, -MARGIN)
    lowest = darkest(tiles.light[..., inner, inner])[:, :, 0, 0]
    np.maximum(front, lowest.T.take(spots.tile, axis=1), out=front)
    return front if limit is None else np.minimum(front, np.maximum(light, limit, out=light), out=front)


def _near(covered: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Where something is covered within REACH px: N×SPAN×SPAN → N×TILE×TILE."""
    for axis in (1, 2):
        for shift in _STEPS:
            grown = covered.copy()
            ahead, back = [slice(None)] * 3, [slice(None)] * 3
            ahead[axis], back[axis] = slice(shift, None), slice(None, -shift)
            grown[tuple(ahead)] |= covered[tuple(back)]
            grown[tuple(back)] |= covered[tuple(ahead)]
            covered = grown
    return covered[:, MARGIN:-MARGIN, MARGIN:-MARGIN]


def _fit(values: Float, dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype == np.float16:
        return np.clip(values, -_HALF_MAX, _HALF_MAX).astype(np.float16)
    return values


def _despill(colour: NDArray[Any], encoding: str, despill: Despill) -> None:
    """Bring the screen's channel down towards the larger of the two others, in linear light, in place."""
    screen, others = (1, (0, 2)) if despill.screen == "green" else (2, (0, 1))
    step = max(1, BAND // colour.shape[1])
    for start in range(0, len(colour), step):
        part = colour[start : start + step]
        with np.errstate(invalid="ignore"):
            limit = np.maximum(part[..., others[0]], part[..., others[1]])
            spilt = part[..., screen] > limit  # the curve is monotone: more in light is more in code
        if not spilt.any():
            continue
        own, most = (part[..., screen][spilt].astype(np.float32), limit[spilt].astype(np.float32))
        if encoding == "srgb":
            own, most = srgb_to_linear(own), srgb_to_linear(most)
        own += np.float32(despill.strength) * (most - own)
        part[..., screen][spilt] = linear_to_srgb(own) if encoding == "srgb" else own
