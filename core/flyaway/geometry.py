"""Where a plate's pixels lie and what shape they have: sizes, offsets, pixel aspect, orientation.

In plain Python: the torch network, the numpy host loop, the frame readers and the hosts must agree on it.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

# The narrowest and widest pixel accepted from a header, as width over height: anamorphic lenses make 2.
NARROWEST, WIDEST = 0.25, 4.0
ALMOST_SQUARE = 0.02  # what a pixel may be off a square before a plate is looked at otherwise
SMALLEST_SIDE = 32  # px; below it there is nothing to matte
SMALL, ENLARGED, MOST_ENLARGED = 341, 512, 3.0  # px, px, times: of `viewing_size`
WIDE_FRAME = 9 / 16  # height over width
ALMOST_ALL = 0.99  # what is not a hundredth larger than it should be is left as it is

Box = tuple[int, int, int, int]  # top, bottom, left, right


class Framing(NamedTuple):
    """Where a picture that is looked at lies in its format, and which part of it a plate holds.

    Attributes
    ----------
    x, y : where its first pixel lies in the format.
    held : what the plate holds of it; None where that is all. Around it there is black.
    """

    x: int = 0
    y: int = 0
    held: Box | None = None

    def part(self, box: Box) -> Framing:
        """The framing of a part of the picture."""
        top, bottom, left, right = box
        height, width = bottom - top, right - left
        held = self.held
        if held is not None:
            first, last, near, far = held
            rows = min(max(0, first - top), height), min(max(0, last - top), height)
            held = (*rows, min(max(0, near - left), width), min(max(0, far - left), width))
        return Framing(self.x + left, self.y + top, None if held == (0, height, 0, width) else held)


def working_size(height: int, width: int, cap: int) -> tuple[int, int]:
    """Size of what the coarse stage sees: the long side at most `cap` px, never enlarged; 0 is no cap."""
    longest = max(height, width)
    if cap <= 0 or longest <= cap:
        return height, width
    return _scaled(height, width, cap / longest)


def viewing_size(height: int, width: int, pixel_aspect: float = 1.0, cap: int = 0) -> tuple[int, int]:
    """Size at which the network looks at a plate: square pixels, small ones enlarged, large reduced.

    The network learned from people of hundreds of pixels, seen in proportion. A plate of 225 px shown at
    512 px loses a third of its error; from about 450 px on nothing is gained
    (`models/training/EXPERIMENTS.md`, "Small plates"). Pixels that are not square are stretched along their
    longer side, so that no detail is lost. Of one that is larger than the refiner learned on it makes a worse
    matte in more time (there, "Large plates"; `flyaway.detail` puts back what the reduction took).

    Parameters
    ----------
    height, width : of the plate, in its own pixels.
    pixel_aspect : a pixel's width over its height; see `believed_aspect`.
    cap : the longer side is at most so many px, and there are no more than in a 16:9 frame of that width
        (`NetworkConfig.view`); 0 is no cap.
    """
    aspect = believed_aspect(pixel_aspect)
    square = abs(aspect - 1) <= ALMOST_SQUARE
    tall, wide = (height, width) if square else (height / min(aspect, 1), width * max(aspect, 1))
    longest = max(tall, wide)
    if longest <= SMALL:
        scale = min(ENLARGED / longest, MOST_ENLARGED)
    else:
        scale = reduction(tall, wide, cap) if cap > 0 else 1.0
    return _rounded(tall * scale), _rounded(wide * scale)


def reduction(height: float, width: float, cap: int) -> float:
    """By how much a plate is reduced to the pixels of a 16:9 frame of `cap` px width, and to that width.

    At most 1. Work goes by pixels: a square of that side would take twice the time, and be no better.
    """
    longest = max(height, width)
    area = math.sqrt(cap * cap * WIDE_FRAME / (height * width))
    return min(cap / longest, area if area < ALMOST_ALL else 1.0, 1.0)


def believed_aspect(pixel_aspect: float) -> float:
    """A pixel's width over its height as a header has it; 1 where no pixel can have it (0, NaN, 1000)."""
    return pixel_aspect if NARROWEST <= pixel_aspect <= WIDEST else 1.0


def orientation_of(a: int, b: int, c: int, d: int) -> int:
    """The EXIF orientation (1 to 8) that a movie's display matrix stands for.

    Parameters
    ----------
    a, b, c, d : its upper left corner, row by row: a stored pixel (x, y) is shown at (ax + cy, bx + dy).
        Of a turn by another angle than quarters the nearest is taken.

    References
    ----------
        ISO/IEC 14496-12, track header; CIPA DC-008 (EXIF), orientation.
    """
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return {(True, True): 1, (False, True): 2, (False, False): 3, (True, False): 4}[a >= 0, d >= 0]
    return {(True, True): 5, (True, False): 6, (False, False): 7, (False, True): 8}[b >= 0, c >= 0]


def is_turned(orientation: int) -> bool:
    """Whether rows become columns when a picture of this EXIF orientation is set upright."""
    return 5 <= orientation <= 8


def upright(image: Any, orientation: int) -> Any:
    """A view of an array (H×W or H×W×C) whose row 0 is the top as seen, by its EXIF orientation (1 to 8)."""
    if is_turned(orientation):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return image


def _scaled(height: int, width: int, scale: float) -> tuple[int, int]:
    return _rounded(height * scale), _rounded(width * scale)


def _rounded(length: float) -> int:
    return max(1, math.floor(length + 0.5))


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
