"""What of a portrait is surely backdrop, surely the sitter, and garment, before alpha is solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from models.training.data.backdrop import Backdrop, Floats, Mask
from scipy import ndimage

#: Smoothed differences below the first are plain backdrop; raw ones above the second are strong.
PLAIN, STRONG = 4.0, 40.0
#: Nothing nearer than this (px) to the backdrop is taken for solid.
EDGE = 3.0
#: Blur radii (px) at which foreground colours are gathered, nearest first.
REACHES = (9.0, 30.0, 110.0)


@dataclass(frozen=True)
class Masks:
    """What is known before the solve: three masks H×W; ``backdrop`` and ``solid`` do not meet."""

    backdrop: Mask
    solid: Mask
    garment: Mask


def ramp(values: Floats, low: float, high: float) -> Floats:
    """Rise smoothly from 0 at ``low`` to 1 at ``high``."""
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def disk(radius: int) -> Mask:
    """Mark the pixels within ``radius`` of the middle one."""
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(x * x + y * y <= radius * radius)


def opened(mask: Mask, radius: int) -> Mask:
    """Leave out what is narrower than a disk."""
    return np.asarray(ndimage.binary_opening(mask, disk(radius)))


def connected(mask: Mask, seeds: Mask) -> Mask:
    """Keep the connected parts of ``mask`` that hold a seed."""
    labels, _ = ndimage.label(mask, structure=np.ones((3, 3)))
    wanted = np.unique(labels[seeds & mask])
    return np.isin(labels, wanted[wanted > 0])


def find_garment(image: Floats, backdrop: Backdrop) -> Mask:
    """Return what a light shirt covers: all that lies below its first pixel in each column.

    A white shirt crosses the backdrop's grey in its folds, and only there. Above grey it is brighter than
    the backdrop, below it is bluer; and shoulders only widen downwards, so each column is shirt (or what
    hangs before it) from its first shirt pixel to the picture's bottom edge.
    """
    lift = image - backdrop.colour
    bright = lift.min(axis=-1) > 9
    bluer = (lift[..., 2] - lift[..., 0] > 4) & (backdrop.difference > 5)
    shirt = opened(bright | bluer, 2)
    shirt[: int(0.6 * shirt.shape[0])] = False
    labels, count = ndimage.label(shirt)
    sizes = ndimage.sum_labels(shirt, labels, range(1, count + 1))
    large = [i + 1 for i, size in enumerate(sizes) if size > 0.001 * shirt.size]
    below = np.logical_or.accumulate(np.isin(labels, large), axis=0)
    return np.asarray(ndimage.binary_closing(np.pad(below, 12, "edge"), disk(10))[12:-12, 12:-12])


def find_masks(image: Floats, backdrop: Backdrop) -> Masks:
    """Tell sure backdrop and sure sitter from what has to be solved."""
    calm = ndimage.gaussian_filter(backdrop.difference, 0.8)
    plain = calm < PLAIN
    garment = find_garment(image, backdrop)
    # The shirt's edge is sharp, and inside it nothing shines through.
    cloth = garment & (ndimage.distance_transform_edt(garment) > EDGE)
    cloth |= _between_shoulders(cloth)
    plain &= ~(garment | cloth)
    outside = connected(opened(plain, 2), _top_and_sides(plain.shape))
    # A gap in hair shows backdrop as plain as outside; a highlight only crosses its grey along a line.
    gaps = opened(plain & ~outside, 3)
    gaps &= ndimage.distance_transform_edt(~outside) < 0.09 * plain.shape[1]
    away = ndimage.distance_transform_edt(~(outside | gaps))
    dense = ndimage.uniform_filter((backdrop.difference > STRONG).astype(np.float32), 9) > 0.97
    anchors = dense & (away > 8)
    # Where nothing comes near the backdrop's colour all around, nothing shines through.
    holey = ndimage.minimum_filter(calm, 41) < 10 * PLAIN
    anchors &= ~_see_through(image, backdrop, anchors & ~garment, anchors & holey)
    solid = connected(opened(anchors, 3) | cloth, _centre(plain.shape) | cloth)
    collar = ndimage.binary_dilation(garment, disk(12))
    solid |= collar & ndimage.binary_closing(solid, disk(7))
    solid = _filled(solid, calm) & (away > EDGE)
    return Masks(np.asarray(away < 1), solid, garment)


def _between_shoulders(cloth: Mask) -> Mask:
    """Fill each row from the left shoulder's cloth to the right one's: collar, throat, hair before them."""
    half = cloth.shape[1] // 2
    left = np.logical_or.accumulate(cloth[:, :half], axis=1)
    right = np.logical_or.accumulate(cloth[:, :half:-1], axis=1)[:, ::-1]
    filled = np.zeros_like(cloth)
    both = (left[:, -1] & right[:, 0])[:, None]
    filled[:, :half], filled[:, half + 1 :], filled[:, half] = left & both, right & both, both[:, 0]
    return filled


def _see_through(image: Floats, backdrop: Backdrop, anchors: Mask, where: Mask) -> Mask:
    """Mark dense but translucent hair: colours on the way from the backdrop to the strongest ones nearby."""
    weight = np.where(anchors, backdrop.difference**2, 0) / 255**2
    strongest, _ = gather_colours(image, weight.astype(np.float32), where)
    ray = strongest - backdrop.colour[where]
    offset = image[where] - backdrop.colour[where]
    along = (offset * ray).sum(-1) / ((ray * ray).sum(-1) + 50)
    aside = np.sqrt(((offset - along[..., None] * ray) ** 2).sum(-1))
    marked = np.zeros_like(where)
    marked[where] = (along < 0.75) & (aside < 15)
    return marked


def _filled(solid: Mask, calm: Floats) -> Mask:
    """Fill the holes through which no backdrop is seen: sheen on hair, teeth, the white of an eye."""
    # The picture's bottom edge cuts the sitter off, so what opens there only is closed too.
    closed = np.pad(solid, ((0, 1), (0, 0)), constant_values=True)
    holes = ndimage.binary_fill_holes(closed)[:-1] & ~solid
    labels, count = ndimage.label(holes)
    if not count:
        return solid
    calmness = ndimage.mean(calm < 2 * PLAIN, labels, range(1, count + 1))
    opaque = np.concatenate([[False], np.asarray(calmness) < 0.03])
    return np.asarray(solid | opaque[labels])


def _top_and_sides(shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, bool)
    mask[:3] = mask[:, :3] = mask[:, -3:] = True
    return mask


def _centre(shape: tuple[int, ...]) -> Mask:
    """Mark the strip where face, neck and shirt stand in every portrait."""
    mask = np.zeros(shape, bool)
    mask[int(0.4 * shape[0]) :, int(0.45 * shape[1]) : int(0.55 * shape[1])] = True
    return mask


def gather_colours(image: Floats, weight: Floats, where: Mask) -> tuple[Floats, Floats]:
    """Gather the colours around the N pixels of ``where``, weighted (H×W): mean N×3, covariance N×3×3."""
    points = np.argwhere(where).T
    total = np.zeros((10, points.shape[1]), np.float32)
    upper = np.triu_indices(3)
    for reach in REACHES:
        step = int(reach) // 3
        small, known = image[::step, ::step], weight[::step, ::step, None]
        products = small[..., upper[0]] * small[..., upper[1]]
        facts = np.concatenate([known, small * known, products * known], axis=-1)
        blurred = ndimage.gaussian_filter(facts, (reach / step, reach / step, 0), truncate=3)
        grid = points / step
        planes = np.moveaxis(blurred, -1, 0)
        sampled = np.stack([ndimage.map_coordinates(p, grid, order=1, mode="nearest") for p in planes])
        # The nearest reach with enough support wins; the next fills in where it has none.
        total += sampled * np.clip(1 - total[:1] / 0.02, 0, 1)
    total /= np.maximum(total[:1], 1e-6)
    mean = total[1:4].T
    second = np.empty((mean.shape[0], 3, 3), np.float32)
    second[:, upper[0], upper[1]] = second[:, upper[1], upper[0]] = total[4:].T
    return mean, second - mean[:, :, None] * mean[:, None, :]
