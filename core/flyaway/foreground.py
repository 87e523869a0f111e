"""The person's own colour at soft edges, with no old background in it; and despill for screens.

A soft pixel of a plate shows the person's colour and the background's, mixed by alpha. Multiplied by alpha
and laid over something else it brings its old background along, as a halo. Here the mixture is undone in
linear light: where the plate differs from what the estimates of both colours (`flyaway.colours`) predict, the
difference is given to the person in proportion to its coverage. In large plates both are estimated of
samples, and the difference is divided by how much each colour varies, too (`flyaway.large_plates`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import DTypeLike, NDArray

from flyaway.chosen import share
from flyaway.colorimetry import linear_to_srgb, srgb_to_linear
from flyaway.colour_fields import Float, Index, Light
from flyaway.colours import (
    LARGEST,
    MARGIN,
    TILE,
    Tiles,
    darkest,
    each_channel,
    edge_colours,
    edge_tiles,
    tile_extremes,
)
from flyaway.curves import quick_decode, quick_encode
from flyaway.errors import BadPlateError, UsageError
from flyaway.large_plates import REACH, large_edges, near
from flyaway.levels import as_coverage
from flyaway.plate import BAND, Pixels, straight_rows

Screen = Literal["green", "blue"]
LARGE = 960  # px: from half as much again on, a plate's longer side is sampled at about so many places
_PLAIN = np.float32(9e4)  # codes whose squares' sum is smaller are finite, and none is light beyond LARGEST
_HALF_MAX = np.float32(65504)


@dataclass(frozen=True)
class Despill:
    """Light of a screen to be taken off the person.

    Attributes
    ----------
    screen : "green" or "blue".
    strength : 0 (nothing) to 1: the screen's channel is brought down to the larger of the two others.

    Raises
    ------
    UsageError : another screen or strength.
    """

    screen: Screen
    strength: float = 1.0

    def __post_init__(self) -> None:
        if self.screen not in get_args(Screen):
            raise UsageError(f"despill is for green or blue screens, not {self.screen!r}.")
        object.__setattr__(self, "strength", share(self.strength, "a despill strength"))


def foreground(
    plate: Any,
    alpha: Any,
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
    alpha : H×W, linear coverage: floats, uint8 or uint16 as shares of their white, or bool. NaN counts as 0,
        and values are held to 0..1.
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
    BadPlateError : the plate cannot be one, or alpha has another size or integers without an agreed white.
    UsageError : `despill` is no `Despill`.
    """
    if despill is not None and not isinstance(despill, Despill):
        raise UsageError(f"despill is a Despill, such as Despill('green'), or None, not {despill!r}.")
    rows_of, (height, width) = straight_rows(plate, encoding, premultiplied)
    cover = as_coverage(alpha, BadPlateError, "alpha")
    if cover.shape != (height, width):
        raise BadPlateError(f"an alpha of {'×'.join(map(str, cover.shape))} for a plate of {height}×{width}")
    extremes = tile_extremes(cover)
    if not (extremes[0].min() >= 0 and extremes[1].max() <= 1):  # False for NaN too
        cover = np.nan_to_num(cover, nan=0.0)
        np.clip(cover, 0, 1, out=cover)
        extremes = tile_extremes(cover)
    result = np.zeros((height, width, 3), np.dtype(dtype))
    if result.dtype not in (np.float32, np.float16):
        raise BadPlateError(f"colour is float32 or float16, not {result.dtype}")
    _copy_solid(result, rows_of, cover, *extremes)
    _fill_edges(result, rows_of, cover, encoding, edge_tiles(cover, under=True, extremes=extremes))
    if despill is not None and despill.strength > 0:
        _despill(result, encoding, despill)
    return result


def _copy_solid(result: NDArray[Any], rows_of: Pixels, cover: Float, low: Float, high: Float) -> None:
    """Write the plate where alpha is 1: whole tiles, or pixel by pixel where one holds others too."""
    kinds = np.where(low >= 1, 2, high >= 1)
    for row, kind in enumerate(kinds):
        starts = np.flatnonzero(np.diff(kind, prepend=-1))
        for first, last in zip(starts, [*starts[1:], len(kind)], strict=True):
            if kind[first]:
                place = slice(row * TILE, (row + 1) * TILE), slice(first * TILE, last * TILE)
                own = _fit(rows_of(*place), result.dtype)
                solid = True if kind[first] == 2 else each_channel(cover[place] >= 1, 3)
                np.copyto(result[place], own, where=solid)


def _fill_edges(result: NDArray[Any], rows_of: Pixels, cover: Float, encoding: str, edges: Index) -> None:
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
    step = (max(cover.shape) + LARGE // 2) // LARGE
    found = large_edges(light, cover, edges, step) if step > 1 else _small_edges(light, cover, edges)
    for places, colour, seen in found:
        if encoded:  # where the plate has a white, the person does not go beyond it
            colour = quick_encode(np.minimum(colour, np.maximum(seen, np.float32(1), out=seen), out=colour))
        for channel, values in enumerate(_fit(colour, result.dtype)):
            flat[3 * places + channel] = values


def _small_edges(light: Light, cover: Float, edges: Index) -> Iterator[tuple[Index, Float, Float]]:
    """`large_edges`, with both colours estimated at each pixel."""
    under = slice(MARGIN - REACH, TILE + MARGIN - REACH)
    for tiles in edge_colours(light, cover, edges):
        spots = Spots.of((tiles.inner < 1) & near(tiles.alpha > 0)[:, under, under] & tiles.inside)
        corner = tiles.rows[:, 0] * cover.shape[1] + tiles.columns[:, 0]
        places = corner[spots.tile] + spots.row * cover.shape[1] + spots.column
        yield places, *unmixed(tiles, spots)


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


def unmixed(tiles: Tiles, spots: Spots) -> tuple[Float, Float]:
    """The person's colour at K pixels of some tiles, and the plate's: 3×K each, scene-linear."""
    (light,) = spots.picked(tiles.light, margin=MARGIN)
    front, behind = spots.picked(tiles.front, tiles.behind)
    share = tiles.alpha[spots.tile, spots.row + MARGIN, spots.column + MARGIN]
    wrong = light - share * front
    wrong -= (1 - share) * behind
    wrong *= share
    front += wrong
    inner = slice(MARGIN, -MARGIN)
    lowest = darkest(tiles.light[..., inner, inner])[:, :, 0, 0]
    return np.maximum(front, lowest.T.take(spots.tile, axis=1), out=front), light


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
