"""Sizes and offsets that the torch network and the numpy host loop must agree on, in plain Python."""

from __future__ import annotations

import math

SMALLEST_SIDE = 32  # px; below it there is nothing to matte
SMALL, ENLARGED, MOST_ENLARGED = 341, 512, 3.0  # px, px, times: of `viewing_size`


def working_size(height: int, width: int, cap: int) -> tuple[int, int]:
    """Size of what the coarse stage sees: the long side at most `cap` px, never enlarged; 0 is no cap."""
    longest = max(height, width)
    if cap <= 0 or longest <= cap:
        return height, width
    return _scaled(height, width, cap / longest)


def viewing_size(height: int, width: int) -> tuple[int, int]:
    """Size at which the network looks at a plate: a small one enlarged, any other as it is.

    The network learned from people of hundreds of pixels. A plate of 225 px shown at 512 px loses a third of
    its error; from about 450 px on nothing is gained (`models/training/EXPERIMENTS.md`, "Small plates").
    """
    longest = max(height, width)
    if longest > SMALL:
        return height, width
    return _scaled(height, width, min(ENLARGED / longest, MOST_ENLARGED))


def _scaled(height: int, width: int, scale: float) -> tuple[int, int]:
    return max(1, math.floor(height * scale + 0.5)), max(1, math.floor(width * scale + 0.5))


def padded(length: int, multiple: int) -> int:
    """The next multiple at or above `length`."""
    return (length + multiple - 1) // multiple * multiple


def grid_size(height: int, width: int, cell: int) -> tuple[int, int]:
    """Rows and columns of cells that cover the frame; the last ones may hang over."""
    return (height + cell - 1) // cell, (width + cell - 1) // cell


def disc_offsets(radius: int) -> list[tuple[int, int]]:
    """Offsets (dy, dx) within a disc, nearest first, without (0, 0).

    Equal distances are ordered by dy, then dx: one fixed order, so that the choice among equally near
    regions never depends on the sort that some library uses.
    """
    span = range(-radius, radius + 1)
    offsets = [(y, x) for y in span for x in span if 0 < y * y + x * x <= radius * radius]
    return sorted(offsets, key=lambda o: (o[0] * o[0] + o[1] * o[1], o[0], o[1]))
