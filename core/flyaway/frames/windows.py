"""Pictures and the windows that they lie in."""

from __future__ import annotations

import numpy as np

from flyaway.color import FloatImage
from flyaway.frames.read import Window

# Coverage below this (a quarter of an 8-bit code) is residual noise on an empty background.
CONTENT = np.float32(1e-3)


def crop_to_content(pixels: FloatImage, window: Window) -> tuple[Window, FloatImage]:
    """The smallest window that holds all coverage of `CONTENT` or more, and its pixels; one where is none.

    Coverage is the first channel: what comes beside it goes as far, and is no reason to keep a pixel.
    """
    covered = pixels[..., 0] >= CONTENT
    rows, columns = np.flatnonzero(covered.max(axis=1)), np.flatnonzero(covered.max(axis=0))
    if not rows.size:
        return Window(window.x, window.y, 1, 1), np.zeros_like(pixels[:1, :1])
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return (
        Window(window.x + left, window.y + top, right - left, bottom - top),
        pixels[top:bottom, left:right],
    )


def union(one: Window, other: Window) -> Window:
    """The smallest window that holds both."""
    left, top = min(one.x, other.x), min(one.y, other.y)
    right = max(one.x + one.width, other.x + other.width)
    bottom = max(one.y + one.height, other.y + other.height)
    return Window(left, top, right - left, bottom - top)


def fit_window(pixels: FloatImage, window: Window, target: Window) -> FloatImage:
    """`pixels` (H×W×C over `window`) as they lie in `target`, zero where they do not reach."""
    fitted = np.zeros((target.height, target.width, pixels.shape[2]), np.float32)
    left, top = max(window.x, target.x), max(window.y, target.y)
    right = min(window.x + window.width, target.x + target.width)
    bottom = min(window.y + window.height, target.y + target.height)
    if left < right and top < bottom:
        fitted[top - target.y : bottom - target.y, left - target.x : right - target.x] = pixels[
            top - window.y : bottom - window.y, left - window.x : right - window.x
        ]
    return fitted
