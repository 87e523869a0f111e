"""Draw hair strands with exact coverage around a sitter's head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from models.evaluation.composite import Floats, Sitter, as_shown, in_light, place
from models.mixing import Light
from numpy.typing import NDArray
from scipy import ndimage

LARGEST = 4096
SIZES = (4096, 2048, 1024)

#: Silhouettes that get strands; hair of four kinds.
_CHOSEN = ("london-neutral-044", "london-neutral-129", "london-smiling-041", "london-smiling-120")

#: Locks, and strands in each; a lock of one is a flyaway.
FLYAWAYS, LOCKS, LOCK_SIZE = 320, 45, (6, 16)
#: Strand width (px at LARGEST) at the root; the tip has a third of it.
WIDTH = (0.8, 2.6)
#: Distance (px) from a strand's middle within which it can cover a pixel.
SPLAT = 2


@dataclass(frozen=True)
class Strand:
    """A polyline N×2 (x, y; px) with N widths (px) and N×3 colours (levels)."""

    points: Floats
    widths: Floats
    colours: Floats


def chosen(name: str) -> bool:
    """Tell whether a sitter is among those that get strands."""
    return name in _CHOSEN


def shrink(plane: Floats, size: int) -> Floats:
    """Average H×W or H×W×C over whole blocks: exact for alpha and for premultiplied colour."""
    step = plane.shape[0] // size
    shape = (size, step, size, step, *plane.shape[2:])
    return np.asarray(plane.reshape(shape).mean(axis=(1, 3)), np.float32)


def add_strands(
    sitter: Sitter, size: int, rng: np.random.Generator, light: Light = "linear"
) -> tuple[Floats, Floats]:
    """Place a sitter in a square frame and add strands: alpha H×W and premultiplied colour H×W×3.

    ``light`` is what the sitter's colour is in, and what is mixed where strands lie over one another.
    """
    alpha, colour = place(sitter, size, size, rng)
    roots, outward = find_roots(alpha)
    for _ in range(FLYAWAYS):
        pick = rng.integers(len(roots))
        path = grow(roots[pick], outward[pick], size, rng)
        draw(alpha, colour, strand(path, hair_colour(alpha, colour, path[0]), rng, light))
    for _ in range(LOCKS):
        pick = rng.integers(len(roots))
        path = grow(roots[pick], outward[pick], size, rng)
        base = hair_colour(alpha, colour, path[0])
        for _ in range(rng.integers(*LOCK_SIZE)):
            draw(alpha, colour, strand(astray(path, size, rng), base, rng, light))
    return alpha, colour


def find_roots(alpha: Floats) -> tuple[Floats, Floats]:
    """Return M points (x, y) along the solid rim of the head's upper part, and their outward directions."""
    size = alpha.shape[0]
    step = size // 512
    small = alpha[::step, ::step]
    solid = (small > 0.95).astype(np.float32)
    smooth = ndimage.gaussian_filter(solid, 5)
    rim = (smooth > 0.5) & ~ndimage.binary_erosion(smooth > 0.5)
    crown = int(np.argmax(rim.any(axis=1)))
    rim[crown + 170 :] = False
    rim[:6] = rim[:, :6] = rim[:, -6:] = False
    y, x = np.nonzero(rim)
    slope = np.stack([ndimage.sobel(smooth, axis=1)[y, x], ndimage.sobel(smooth, axis=0)[y, x]], axis=-1)
    outward = -slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-6)
    roots = np.stack([x, y], axis=-1).astype(np.float32) * step
    return roots, outward.astype(np.float32)


def grow(root: Floats, outward: Floats, size: int, rng: np.random.Generator) -> Floats:
    """Return a path N×2 in steps of half a pixel: outwards, curling, and falling with its length."""
    length = size * (0.02 + min(rng.exponential(0.05), 0.16))
    count = int(2 * length)
    along = np.arange(count) / 2
    heading = np.arctan2(outward[1], outward[0]) + rng.normal(0, 0.6)
    curl = rng.normal(0, 1.2) * along / length
    wave = rng.normal(0, 0.5) * np.sin(along / length * rng.uniform(3, 18) + rng.uniform(0, 6.3))
    angle = heading + curl + wave
    direction = np.stack([np.cos(angle), np.sin(angle) + 1.2 * (along / length) ** 2], axis=-1)
    direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
    start = root - outward * size * rng.uniform(0.002, 0.012)
    return np.asarray(start + np.cumsum(direction / 2, axis=0), np.float32)


def astray(path: Floats, size: int, rng: np.random.Generator) -> Floats:
    """Return a lock's path moved a little, more so towards its tip, and cut at a length of its own."""
    t = np.linspace(0, 1, len(path))[:, None]
    lean = rng.normal(0, 0.004 * size, 2) * t**1.5 + rng.normal(0, 0.0008 * size, 2)
    ripple = 0.0006 * size * np.sin(t * rng.uniform(5, 25) + rng.uniform(0, 6.3)) * t
    moved = path + lean + ripple * rng.normal(0, 1, 2)
    return np.asarray(moved[: max(8, int(len(path) * rng.uniform(0.6, 1.0)))], np.float32)


def hair_colour(alpha: Floats, premultiplied: Floats, point: Floats) -> Floats:
    """Return the mean colour of what stands around a point."""
    x, y = (int(np.clip(v, 0, alpha.shape[0] - 1)) for v in point)
    window = (slice(max(y - 12, 0), y + 13), slice(max(x - 12, 0), x + 13))
    weight = max(float(alpha[window].sum()), 1.0)
    return np.asarray(premultiplied[window].sum(axis=(0, 1)) / weight, np.float32)


def strand(path: Floats, colour: Floats, rng: np.random.Generator, light: Light = "encoded") -> Strand:
    """Give a path width and colour, with a gleam somewhere along it (as bright in either light)."""
    t = np.linspace(0, 1, len(path))
    widths = rng.uniform(*WIDTH) * (1 - 0.67 * t)
    gleam = 0.5 * np.exp(-(((t - rng.uniform(0, 1)) / 0.15) ** 2)) * rng.random()
    shade = np.exp(rng.normal(0, 0.2)) * (1 + gleam)
    shown = np.clip(as_shown(colour, light) * shade[:, None] + 30 * gleam[:, None], 0, 255)
    return Strand(path, widths.astype(np.float32), in_light(shown.astype(np.float32), light))


def coverage(drawn: Strand, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], Floats, NDArray[np.intp]]:
    """Return the window a strand lies in, its coverage there (h×w) and the nearest path point's number.

    A pixel's coverage follows from its centre's distance to the strand's middle: full inside, falling over
    one pixel at the side, and never more than the width of a strand thinner than a pixel.
    """
    low = np.maximum(np.floor(drawn.points.min(axis=0)).astype(int) - SPLAT, 0)
    high = np.minimum(np.ceil(drawn.points.max(axis=0)).astype(int) + SPLAT + 1, shape[::-1])
    window = (slice(low[1], high[1]), slice(low[0], high[0]))
    width, height = np.maximum(high - low, 0)
    best = np.zeros(height * width, np.float32)
    which = np.zeros(height * width, np.intp)
    centre = np.rint(drawn.points).astype(int)
    number = np.arange(len(centre))
    tangent = np.gradient(drawn.points, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-6)
    for dy in range(-SPLAT, SPLAT + 1):
        for dx in range(-SPLAT, SPLAT + 1):
            pixel = centre + np.array([dx, dy])
            offset = pixel - drawn.points
            away = np.abs(offset[:, 0] * tangent[:, 1] - offset[:, 1] * tangent[:, 0])
            covered = np.clip(drawn.widths / 2 + 0.5 - away, 0, np.minimum(drawn.widths, 1))
            beside = np.abs((offset * tangent).sum(axis=-1)) <= 0.5
            inside = beside & ((pixel >= low) & (pixel < high)).all(axis=-1) & (covered > 0)
            flat = ((pixel[:, 1] - low[1]) * width + pixel[:, 0] - low[0])[inside]
            np.maximum.at(best, flat, covered[inside].astype(np.float32))
            which[flat] = number[inside]
    return window, best.reshape(height, width), which.reshape(height, width)


def draw(alpha: Floats, premultiplied: Floats, drawn: Strand) -> None:
    """Lay a strand over what is there, in place."""
    window, cover, which = coverage(drawn, alpha.shape)
    if cover.size == 0:
        return
    rest = 1 - cover
    alpha[window] = cover + rest * alpha[window]
    premultiplied[window] = cover[..., None] * drawn.colours[which] + rest[..., None] * premultiplied[window]
