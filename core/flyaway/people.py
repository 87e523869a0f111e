"""Who is in a matte: people who stand apart, told apart on a coarse grid. numpy alone.

A person is a connected region of cells that are more than half covered; regions that are small beside the
largest (a hand behind a microphone, a false island) belong to the person nearest to them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from flyaway.regions.numpy_backend import upsample

Float = NDArray[np.float32]
Labels = NDArray[np.int32]
GRID = 256  # cells along the frame's longer side
SMALL = 0.1  # of the largest: smaller regions are nobody of their own
MOST = 8  # people that are told apart; the smallest beyond that belong to their neighbours
BINS = 4  # of each of red, green and blue, above and below a person's middle


@dataclass(frozen=True)
class Person:
    """One of the people in a frame.

    Attributes
    ----------
    x, y : the middle, in cells.
    area : cells.
    colours : 2·BINS³ float32, how often each colour occurs above and below the middle; sums to 1.
    """

    x: float
    y: float
    area: float
    colours: Float = field(repr=False)


@dataclass(frozen=True)
class People:
    """The people in a frame of H×W.

    Attributes
    ----------
    solid : rows×columns int32: 0 where nobody is, else 1 + the person's index.
    nearest : rows×columns int32: the same of whoever is nearest; 0 only where there is nobody at all.
    people : the persons, the largest first.
    step : px to a cell.
    """

    solid: Labels = field(repr=False)
    nearest: Labels = field(repr=False)
    people: tuple[Person, ...]
    step: int

    def mask(self, index: int, height: int, width: int) -> Float:
        """H×W float32: 1 in the part of the frame that is nearest to a person, soft over a cell's width."""
        rows, columns = self.nearest.shape
        mine = (self.nearest == index + 1).astype(np.float32)
        wide = upsample(mine, rows * self.step, columns * self.step)
        return np.ascontiguousarray(wide[:height, :width])


def find_people(alpha: Float, image: NDArray[np.generic] | None = None, encoding: str = "srgb") -> People:
    """Tell the people in a frame apart.

    Parameters
    ----------
    alpha : H×W float32, coverage.
    image : H×W×3 float, for their colours; None where nobody will be followed.
    encoding : of the image: "srgb" (display-referred) or "linear" (scene-linear).
    """
    step = max(1, math.ceil(max(alpha.shape) / GRID))
    regions, count = label(_means(alpha, step) > 0.5)
    sizes = np.bincount(regions.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-sizes, kind="stable")[:MOST]
    kept = [int(which) for which in order if sizes[which] >= max(2, SMALL * sizes[order[0]])]
    names = np.zeros(count + 1, np.int32)
    for index, which in enumerate(kept):
        names[which + 1] = index + 1
    solid = names[regions]
    sampled = None if image is None else image[step // 2 :: step, step // 2 :: step][: len(solid)]
    curve = 1 / 2.2 if encoding == "linear" else 1.0
    people = tuple(_person(solid == index + 1, sampled, curve) for index in range(len(kept)))
    return People(solid, nearest_labels(solid), people, step)


def label(inside: NDArray[np.bool_]) -> tuple[Labels, int]:
    """Number the 8-connected regions of a rows×columns bool from 1 on, by runs and union-find."""
    rows, columns = inside.shape
    padded = np.zeros((rows, columns + 2), np.int8)
    padded[:, 1:-1] = inside
    change = np.diff(padded, axis=1)
    row, first = np.nonzero(change == 1)
    _, last = np.nonzero(change == -1)
    parent = list(range(len(row)))

    def root(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    starts = np.searchsorted(row, np.arange(rows + 1))
    for y in range(1, rows):
        above, stop, here, end = (int(starts[i]) for i in (y - 1, y, y, y + 1))
        while above < stop and here < end:
            if first[above] <= last[here] and first[here] <= last[above]:
                parent[root(here)] = root(above)
            if last[above] < last[here]:
                above += 1
            else:
                here += 1
    roots = np.array([root(one) for one in range(len(row))], np.int64)
    _, number = np.unique(roots, return_inverse=True)
    marks = np.zeros((rows, columns + 1), np.int32)
    np.add.at(marks, (row, first), number.astype(np.int32) + 1)
    np.add.at(marks, (row, last), -(number.astype(np.int32) + 1))
    return marks.cumsum(axis=1, dtype=np.int32)[:, :columns], int(number.max(initial=-1)) + 1


def nearest_labels(labels: Labels) -> Labels:
    """Give every cell without a label that of the nearest labelled one (in king's moves)."""
    found = labels.copy()
    if not found.any() or int(found.max()) == 1:
        found[:] = found.max(initial=0)
        return found
    empty = found == 0
    while empty.any():
        padded = np.pad(found, 1)
        tall = np.maximum(np.maximum(padded[:-2], padded[1:-1]), padded[2:])
        wide = np.maximum(np.maximum(tall[:, :-2], tall[:, 1:-1]), tall[:, 2:])
        found[empty] = wide[empty]
        empty = found == 0
    return found


def _means(alpha: Float, step: int) -> Float:
    """The mean of every step×step block; the last ones may hang over, and count what they have."""
    height, width = alpha.shape
    tall = np.add.reduceat(alpha, np.arange(0, height, step), axis=0)
    sums = np.add.reduceat(tall, np.arange(0, width, step), axis=1)
    rows = np.minimum(step, height - np.arange(0, height, step))
    columns = np.minimum(step, width - np.arange(0, width, step))
    means: Float = sums / (rows[:, None] * columns).astype(np.float32)
    return means


def _person(mine: NDArray[np.bool_], sampled: NDArray[np.generic] | None, curve: float) -> Person:
    ys, xs = np.nonzero(mine)
    middle = float(ys.mean())
    colours = np.zeros(2 * BINS**3, np.float32)
    if sampled is not None:
        rows, columns = np.minimum(ys, sampled.shape[0] - 1), np.minimum(xs, sampled.shape[1] - 1)
        values = np.clip(np.nan_to_num(sampled[rows, columns, :3].astype(np.float32)), 0, 1)
        bins = np.minimum((values**curve * BINS).astype(np.int64), BINS - 1)
        code = (bins[:, 0] * BINS + bins[:, 1]) * BINS + bins[:, 2] + BINS**3 * (ys > middle)
        colours = np.bincount(code, minlength=len(colours)).astype(np.float32) / np.float32(len(ys))
    return Person(float(xs.mean()), middle, float(len(ys)), colours)


def unlike(one: Float, other: Float) -> float:
    """How unlike two people's colours are: 0 the same, 1 nothing in common (Hellinger's distance)."""
    return math.sqrt(max(0.0, 1.0 - float(np.sqrt(one * other).sum())))
