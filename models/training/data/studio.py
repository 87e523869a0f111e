"""Alpha and foreground colour of a portrait before a known backdrop, in closed form.

No matting network has a say in this: what is backdrop follows from the fitted backdrop and from geometry,
what lies between follows from the compositing equation ``I = alpha F + (1 - alpha) B`` with B known and F
drawn to the colours nearby that are surely the sitter's.

References
----------
Chuang, Curless, Salesin, Szeliski, "A Bayesian approach to digital matting", CVPR 2001: a Gaussian over
foreground colours and alternating solves for F and alpha. Here B is known instead of being sampled.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from models.mixing import Light, decoded, encoded
from models.training.data.backdrop import Backdrop, Floats, Mask, fit_backdrop
from scipy import ndimage

#: Differences (levels) below the first are backdrop; above the second they count in full.
NOISE_FLOOR, NOISE_CLEAR = 2.5, 6.0
#: Smoothed differences below the first are plain backdrop; raw ones above the second are strong.
PLAIN, STRONG = 4.0, 40.0
#: Nothing nearer than this (px) to the backdrop is taken for solid.
EDGE = 3.0
#: Height of the top of a head, as a part of the picture's.
DOME = 0.22
#: Standard deviation (levels) of the picture's noise in the solve.
SOLVE_NOISE = 3.0
SOLVE_ROUNDS = 4
#: Blur radii (px) at which foreground colours are gathered, nearest first.
REACHES = (9.0, 30.0, 110.0)


@dataclass(frozen=True)
class Regions:
    """What is known before the solve: three masks H×W; ``backdrop`` and ``solid`` do not meet."""

    backdrop: Mask
    solid: Mask
    garment: Mask


@dataclass(frozen=True)
class Solution:
    """Alpha H×W in 0..1, foreground colour H×W×3 in levels, and what they were solved from."""

    alpha: Floats
    foreground: Floats
    backdrop: Backdrop
    regions: Regions


def _ramp(values: Floats, low: float, high: float) -> Floats:
    t = np.clip((values - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def _disk(radius: int) -> Mask:
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    return np.asarray(x * x + y * y <= radius * radius)


def _opened(mask: Mask, radius: int) -> Mask:
    return np.asarray(ndimage.binary_opening(mask, _disk(radius)))


def _connected(mask: Mask, seeds: Mask) -> Mask:
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
    shirt = _opened(bright | bluer, 2)
    shirt[: int(0.6 * shirt.shape[0])] = False
    labels, count = ndimage.label(shirt)
    sizes = ndimage.sum_labels(shirt, labels, range(1, count + 1))
    large = [i + 1 for i, size in enumerate(sizes) if size > 0.001 * shirt.size]
    below = np.logical_or.accumulate(np.isin(labels, large), axis=0)
    return np.asarray(ndimage.binary_closing(np.pad(below, 12, "edge"), _disk(10))[12:-12, 12:-12])


def find_regions(image: Floats, backdrop: Backdrop) -> Regions:
    """Tell sure backdrop and sure sitter from what has to be solved."""
    calm = ndimage.gaussian_filter(backdrop.difference, 0.8)
    plain = calm < PLAIN
    garment = find_garment(image, backdrop)
    # The shirt's edge is sharp, and inside it nothing shines through.
    cloth = garment & (ndimage.distance_transform_edt(garment) > EDGE)
    cloth |= _between_shoulders(cloth)
    plain &= ~(garment | cloth)
    outside = _connected(_opened(plain, 2), _top_and_sides(plain.shape))
    # A gap in hair shows backdrop as plain as outside; a highlight only crosses its grey along a line.
    gaps = _opened(plain & ~outside, 3)
    gaps &= ndimage.distance_transform_edt(~outside) < 0.09 * plain.shape[1]
    away = ndimage.distance_transform_edt(~(outside | gaps))
    dense = ndimage.uniform_filter((backdrop.difference > STRONG).astype(np.float32), 9) > 0.97
    anchors = dense & (away > 8)
    # Where nothing comes near the backdrop's colour all around, nothing shines through.
    holey = ndimage.minimum_filter(calm, 41) < 10 * PLAIN
    anchors &= ~_see_through(image, backdrop, anchors & ~garment, anchors & holey)
    solid = _connected(_opened(anchors, 3) | cloth, _centre(plain.shape) | cloth)
    collar = ndimage.binary_dilation(garment, _disk(12))
    solid |= collar & ndimage.binary_closing(solid, _disk(7))
    solid = _filled(solid, calm) & (away > EDGE)
    return Regions(np.asarray(away < 1), solid, garment)


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
    strongest, _ = _gather(image, weight.astype(np.float32), where)
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


def _gather(image: Floats, weight: Floats, where: Mask) -> tuple[Floats, Floats]:
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


def _colours_around(
    image: Floats, values: Floats, backdrop: Backdrop, regions: Regions, where: Mask
) -> tuple[Floats, Floats]:
    """Gather foreground values, the shirt's apart from hair's and skin's, which it would whiten."""
    shirt = ndimage.binary_dilation(regions.garment, _disk(8))
    body = (regions.solid & ~shirt).astype(np.float32)
    cloth = (regions.solid & regions.garment).astype(np.float32)
    # Hair that falls before the shirt's edge is far darker than a shirt's shadow.
    on_shirt = shirt & ((backdrop.colour - image).max(axis=-1) < 45)
    mean, covariance = _gather(values, body, where)
    chosen = on_shirt[where]
    mean[chosen], covariance[chosen] = _gather(values, cloth, where & on_shirt)
    return mean, covariance


def _alternate(pixels: Floats, behind: Floats, mean: Floats, precision: Floats) -> Floats:
    """Solve N pixels for alpha (N) under a Gaussian prior over F."""
    foreground = mean
    for _ in range(SOLVE_ROUNDS):
        ray = foreground - behind
        alpha = np.clip(((pixels - behind) * ray).sum(-1) / ((ray * ray).sum(-1) + 50.0), 0, 1)
        foreground = _colours(alpha, pixels, behind, mean, precision)
    return np.asarray(alpha, np.float32)


def _colours(alpha: Floats, pixels: Floats, behind: Floats, mean: Floats, precision: Floats) -> Floats:
    """Return the likeliest F (N×3) where alpha (N) is given."""
    weight = (alpha / SOLVE_NOISE**2)[:, None]
    system = precision + (alpha[:, None] * weight)[..., None] * np.eye(3, dtype=np.float32)
    explained = pixels - (1 - alpha)[:, None] * behind
    target = np.einsum("nij,nj->ni", precision, mean) + weight * explained
    return np.clip(np.linalg.solve(system, target[..., None])[..., 0], 0, 255).astype(np.float32)


def _values(levels: Floats, light: Light) -> Floats:
    """What the compositing equation holds for: levels 0..255 as they are, or linear light on that scale."""
    if light == "encoded":
        return levels
    return np.asarray(255 * decoded(levels / 255), np.float32)


def solve(image: Floats, light: Light = "linear") -> Solution:
    """Solve one portrait.

    Parameters
    ----------
    image
        H×W×3, levels 0..255, display-referred sRGB, a sitter before a smooth plain backdrop.
    light
        What the equation is solved in: linear light, in which the camera mixed, or encoded values, as the
        literature has it and the encoded sets were made. Masks are found in encoded values either way.
    """
    backdrop = fit_backdrop(image)
    regions = find_regions(image, backdrop)
    near = ndimage.binary_dilation(~regions.solid & ~regions.backdrop, iterations=2) & ~regions.solid
    values = _values(image, light)
    pixels, behind = values[near], _values(backdrop.colour, light)[near]
    mean, covariance = _colours_around(image, values, backdrop, regions, near)
    spread = covariance + 40.0 * np.eye(3, dtype=np.float32)
    precision = np.asarray(np.linalg.inv(spread), np.float32)
    solved = _alternate(pixels, behind, mean, precision)
    solved = _settle(solved, _unlikeliness(pixels - mean, precision), image, backdrop, regions, near)
    alpha = regions.solid.astype(np.float32)
    alpha[near] = solved * _ramp(backdrop.difference[near], NOISE_FLOOR, NOISE_CLEAR)
    alpha = _without_sheen(_without_specks(alpha, regions.solid), image, backdrop)
    foreground = image.copy()
    colours = _colours(alpha[near], pixels, behind, mean, precision)
    foreground[near] = colours if light == "encoded" else 255 * encoded(colours / 255)
    foreground = _carried_outwards(foreground, alpha)
    return Solution(alpha, foreground, backdrop, regions)


def _carried_outwards(foreground: Floats, alpha: Floats) -> Floats:
    """Give empty pixels their nearest foreground colour, so that resampling F takes in no backdrop."""
    nearest = ndimage.distance_transform_edt(alpha < 0.3, return_distances=False, return_indices=True)
    return np.where((alpha < 0.02)[..., None], foreground[tuple(nearest)], foreground)


def _unlikeliness(apart: Floats, precision: Floats) -> Floats:
    """Return N Mahalanobis distances."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("ni,nij,nj->n", apart, precision, apart), 0)), np.float32)


def _settle(
    alpha: Floats, unlikely: Floats, image: Floats, backdrop: Backdrop, regions: Regions, near: Mask
) -> Floats:
    """Raise alpha (N) to 1 where a pixel well inside has a colour that the sitter plainly has there.

    Lit strands are lighter than the mean of hair and would pass for see-through ones. At the rim alpha stays
    as solved, lest thin strands grow.
    """
    depth = ndimage.distance_transform_edt(~regions.backdrop)[near]
    likely = (1 - _ramp(unlikely, 1.5, 3.0)) * _ramp(depth, 5.0, 16.0)
    # Where all around keeps its distance from the backdrop's colour, sheen is likelier than a hole.
    calm = ndimage.gaussian_filter(backdrop.difference, 0.8)
    closed = _ramp(ndimage.minimum_filter(calm, 31)[near], 45.0, 60.0)
    # Where much is brighter or warmer than any veil of hair over the backdrop could be, it is lit hair.
    offset = image - backdrop.colour
    lit = (offset.min(axis=-1) > 10) | (offset[..., 0] - offset[..., 2] > 45)
    share = ndimage.gaussian_filter(lit.astype(np.float32), 6)[near]
    bright = _ramp(share, 0.15, 0.35) * _ramp(depth, 3.0, 10.0)
    return np.asarray(alpha + (1 - alpha) * np.maximum(np.maximum(likely, closed), bright), np.float32)


def _without_sheen(alpha: Floats, image: Floats, backdrop: Backdrop) -> Floats:
    """Close the holes that light from above makes in the top of a head, as grey there as what is behind.

    Only there: lower down, at ears and neck, an enclosed hole is most often a gap between strands.
    """
    opaque = ndimage.binary_closing(alpha > 0.7, _disk(5))
    inner = ndimage.binary_fill_holes(np.pad(opaque, ((0, 1), (0, 0)), constant_values=True))[:-1]
    crown = int(np.argmax((alpha > 0.9).sum(axis=1) > 10))
    inner[crown + int(DOME * inner.shape[0]) :] = False
    depth = ndimage.distance_transform_edt(np.pad(inner, ((0, 1), (0, 0)), mode="edge"))[:-1]
    labels, count = ndimage.label((depth > 6) & (alpha < 1), structure=np.ones((3, 3)))
    if not count:
        return alpha
    # Backdrop seen through a gap is flat; sheen is not.
    luma = image.mean(axis=-1)
    spread = ndimage.uniform_filter(luma**2, 5) - ndimage.uniform_filter(luma, 5) ** 2
    calm = ndimage.gaussian_filter(backdrop.difference, 0.8)
    flat = ndimage.binary_dilation(_opened((spread < 9) & (calm < 2.5 * PLAIN), 1), iterations=2)
    flatness = np.asarray(ndimage.mean(flat, labels, range(1, count + 1)))
    sheen = np.concatenate([[False], flatness < 0.06])[labels]
    return np.where(sheen | (depth > 25), 1, alpha).astype(np.float32)


def _without_specks(alpha: Floats, solid: Mask) -> Floats:
    """Drop what does not hang together with the sitter: dust and stains on the backdrop."""
    reach = ndimage.binary_dilation(alpha > 0.03, _disk(6))
    kept = _connected(reach, solid)
    return np.where(kept, alpha, 0).astype(np.float32)
