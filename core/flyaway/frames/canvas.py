"""What of its format a frame of a shot is matted on, wherever its data window lies.

A renderer or a compositor crops each frame to what is in it. Frames of a shot must lie over each other, so
the network sees each on its display window, with black around what the file holds, as a compositor has it;
and the matte is cut back to the data window. What reaches beyond the display window on one side and falls
short of it on another (a plate that was stabilised) lies on a display window with a margin, in steps, so that
the canvas stays while the window wanders. Which one it is depends on the frame alone: a run that resumes, or
a chunk, needs to know of no other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from flyaway.color import FloatImage
from flyaway.frames.plate import Plate, Window
from flyaway.frames.windows import fit_window, union
from flyaway.geometry import Framing

STEPS = 16  # to the longer side of a display window, in which a margin around it grows
VERSION = 1  # another number makes mattes of shots stale
MOST_PIXELS = 1 << 26  # of a canvas that is larger than its plate: a display window may say anything


@dataclass(frozen=True)
class Canvas:
    """A plate's canvas.

    Attributes
    ----------
    window : of the canvas.
    data : the plate's data window, which lies inside it.
    framing : what a shot is told of it.
    """

    window: Window
    data: Window
    framing: Framing

    @property
    def is_more(self) -> bool:
        """Whether it is more than the plate holds."""
        return self.window != self.data

    @property
    def shift(self) -> tuple[int, int]:
        """Where its first pixel lies in the format: x, y."""
        return self.framing.x, self.framing.y

    def laid(self, pixels: FloatImage) -> FloatImage:
        """H×W×C or H×W over the data window → over the canvas, 0 around it."""
        return _fitted(pixels, self.data, self.window) if self.is_more else pixels

    def cut(self, pixels: FloatImage) -> FloatImage:
        """H×W×C or H×W over the canvas → over the data window."""
        return _fitted(pixels, self.window, self.data) if self.is_more else pixels


def canvas_window(data: Window, display: Window) -> Window:
    """What a frame of a shot is matted on, by its two windows.

    The display window where the data window lies inside it; the data window where that holds all of it; where
    it does neither, the display window with a margin of as many `STEPS` as it reaches beyond. And the data
    window where nothing of it is in the format, or the canvas would be huge.
    """
    beyond = max(
        display.x - data.x,
        display.y - data.y,
        data.x + data.width - display.x - display.width,
        data.y + data.height - display.y - display.height,
    )
    whole = union(data, display)
    if beyond > 0 and whole != data:
        step = -(-max(display.width, display.height) // STEPS)
        margin = -(-beyond // step) * step
        width, height = display.width + 2 * margin, display.height + 2 * margin
        whole = Window(display.x - margin, display.y - margin, width, height)
    return data if _apart(data, display) or whole.width * whole.height > MOST_PIXELS else whole


def _apart(one: Window, other: Window) -> bool:
    """Whether two windows have nothing in common."""
    return (
        one.x >= other.x + other.width
        or one.y >= other.y + other.height
        or other.x >= one.x + one.width
        or other.y >= one.y + one.height
    )


def canvas_of(plate: Plate, *, shot: bool) -> Canvas:
    """The canvas of a plate; that of a still (`shot` is False) is its data window."""
    data, display = plate.data_window, plate.display_window
    window = canvas_window(data, display) if shot else data
    top, left = data.y - window.y, data.x - window.x
    held = None if window == data else (top, top + data.height, left, left + data.width)
    return Canvas(window, data, Framing(window.x - display.x, window.y - display.y, held))


def _fitted(pixels: FloatImage, window: Window, target: Window) -> FloatImage:
    if pixels.ndim == 3:
        return fit_window(pixels, window, target)
    return np.ascontiguousarray(fit_window(pixels[..., None], window, target)[..., 0])
