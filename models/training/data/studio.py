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
from models.training.data.studio_masks import (
    PLAIN,
    Masks,
    connected,
    disk,
    find_masks,
    gather_colours,
    opened,
    ramp,
)
from scipy import ndimage

#: Differences (levels) below the first are backdrop; above the second they count in full.
NOISE_FLOOR, NOISE_CLEAR = 2.5, 6.0
#: Height of the top of a head, as a part of the picture's.
DOME = 0.22
#: Standard deviation (levels) of the picture's noise in the solve.
SOLVE_NOISE = 3.0
SOLVE_ROUNDS = 4


@dataclass(frozen=True)
class Solution:
    """Alpha H×W in 0..1, foreground colour H×W×3 in levels, and what they were solved from."""

    alpha: Floats
    foreground: Floats
    backdrop: Backdrop
    masks: Masks


def _colours_around(
    image: Floats, values: Floats, backdrop: Backdrop, masks: Masks, where: Mask
) -> tuple[Floats, Floats]:
    """Gather foreground values, the shirt's apart from hair's and skin's, which it would whiten."""
    shirt = ndimage.binary_dilation(masks.garment, disk(8))
    body = (masks.solid & ~shirt).astype(np.float32)
    cloth = (masks.solid & masks.garment).astype(np.float32)
    # Hair that falls before the shirt's edge is far darker than a shirt's shadow.
    on_shirt = shirt & ((backdrop.colour - image).max(axis=-1) < 45)
    mean, covariance = gather_colours(values, body, where)
    chosen = on_shirt[where]
    mean[chosen], covariance[chosen] = gather_colours(values, cloth, where & on_shirt)
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
    masks = find_masks(image, backdrop)
    near = ndimage.binary_dilation(~masks.solid & ~masks.backdrop, iterations=2) & ~masks.solid
    values = _values(image, light)
    pixels, behind = values[near], _values(backdrop.colour, light)[near]
    mean, covariance = _colours_around(image, values, backdrop, masks, near)
    spread = covariance + 40.0 * np.eye(3, dtype=np.float32)
    precision = np.asarray(np.linalg.inv(spread), np.float32)
    solved = _alternate(pixels, behind, mean, precision)
    solved = _inside(solved, _unlikeliness(pixels - mean, precision), image, backdrop, masks, near)
    alpha = masks.solid.astype(np.float32)
    alpha[near] = solved * ramp(backdrop.difference[near], NOISE_FLOOR, NOISE_CLEAR)
    alpha = _without_sheen(_without_specks(alpha, masks.solid), image, backdrop)
    foreground = image.copy()
    colours = _colours(alpha[near], pixels, behind, mean, precision)
    foreground[near] = colours if light == "encoded" else 255 * encoded(colours / 255)
    foreground = _carried_outwards(foreground, alpha)
    return Solution(alpha, foreground, backdrop, masks)


def _carried_outwards(foreground: Floats, alpha: Floats) -> Floats:
    """Give empty pixels their nearest foreground colour, so that resampling F takes in no backdrop."""
    nearest = ndimage.distance_transform_edt(alpha < 0.3, return_distances=False, return_indices=True)
    return np.where((alpha < 0.02)[..., None], foreground[tuple(nearest)], foreground)


def _unlikeliness(apart: Floats, precision: Floats) -> Floats:
    """Return N Mahalanobis distances."""
    return np.asarray(np.sqrt(np.maximum(np.einsum("ni,nij,nj->n", apart, precision, apart), 0)), np.float32)


def _inside(
    alpha: Floats, unlikely: Floats, image: Floats, backdrop: Backdrop, masks: Masks, near: Mask
) -> Floats:
    """Raise alpha (N) to 1 where a pixel well inside has a colour that the sitter plainly has there.

    Lit strands are lighter than the mean of hair and would pass for see-through ones. At the rim alpha stays
    as solved, lest thin strands grow.
    """
    depth = ndimage.distance_transform_edt(~masks.backdrop)[near]
    likely = (1 - ramp(unlikely, 1.5, 3.0)) * ramp(depth, 5.0, 16.0)
    # Where all around keeps its distance from the backdrop's colour, sheen is likelier than a hole.
    calm = ndimage.gaussian_filter(backdrop.difference, 0.8)
    closed = ramp(ndimage.minimum_filter(calm, 31)[near], 45.0, 60.0)
    # Where much is brighter or warmer than any veil of hair over the backdrop could be, it is lit hair.
    offset = image - backdrop.colour
    lit = (offset.min(axis=-1) > 10) | (offset[..., 0] - offset[..., 2] > 45)
    share = ndimage.gaussian_filter(lit.astype(np.float32), 6)[near]
    bright = ramp(share, 0.15, 0.35) * ramp(depth, 3.0, 10.0)
    return np.asarray(alpha + (1 - alpha) * np.maximum(np.maximum(likely, closed), bright), np.float32)


def _without_sheen(alpha: Floats, image: Floats, backdrop: Backdrop) -> Floats:
    """Close the holes that light from above makes in the top of a head, as grey there as what is behind.

    Only there: lower down, at ears and neck, an enclosed hole is most often a gap between strands.
    """
    opaque = ndimage.binary_closing(alpha > 0.7, disk(5))
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
    flat = ndimage.binary_dilation(opened((spread < 9) & (calm < 2.5 * PLAIN), 1), iterations=2)
    flatness = np.asarray(ndimage.mean(flat, labels, range(1, count + 1)))
    sheen = np.concatenate([[False], flatness < 0.06])[labels]
    return np.where(sheen | (depth > 25), 1, alpha).astype(np.float32)


def _without_specks(alpha: Floats, solid: Mask) -> Floats:
    """Drop what does not hang together with the sitter: dust and stains on the backdrop."""
    reach = ndimage.binary_dilation(alpha > 0.03, disk(6))
    kept = connected(reach, solid)
    return np.where(kept, alpha, 0).astype(np.float32)
