"""A studio backdrop as a smooth function of position, fitted to a portrait around its sitter."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

#: Degree of the polynomial in x and y. Light fall-off and vignetting need four.
DEGREE = 4
#: The fit sees every STRIDE-th pixel of a smoothed picture.
STRIDE = 5
#: Local standard deviation (levels of 255) above which a spot is no plain backdrop.
FLAT_DEVIATION = 3.0
ROUNDS = 12


@dataclass(frozen=True)
class Backdrop:
    """A fitted backdrop.

    Attributes
    ----------
    colour
        H×W×3, levels 0..255, display-referred; also where the sitter stands.
    difference
        H×W, the largest of the three channels' absolute distances from the backdrop, levels.
    noise
        Robust standard deviation of the smoothed residual, levels.
    inliers
        Share of the picture that the fit was made from.
    """

    colour: Floats
    difference: Floats
    noise: float
    inliers: float


def _exponents(degree: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(degree + 1) for j in range(degree + 1 - i)]


def _terms(height: int, width: int, step: int) -> Floats:
    """Return H'×W'×T monomials on coordinates that run from -1 to 1."""
    y = np.linspace(-1, 1, height, dtype=np.float32)[::step, None]
    x = np.linspace(-1, 1, width, dtype=np.float32)[None, ::step]
    return np.stack([x**i * y**j for i, j in _exponents(DEGREE)], axis=-1)


def _first_guess(height: int, width: int) -> Mask:
    """Mark where a head-and-shoulders portrait shows nothing but backdrop: top strip and upper sides."""
    y, x = np.mgrid[0:height, 0:width]
    sides = ((x < 0.08 * width) | (x > 0.92 * width)) & (y < 0.75 * height)
    return np.asarray((y < 0.06 * height) | sides)


def _touching_top(mask: Mask) -> Mask:
    """Keep the connected parts of a mask that reach the top rows."""
    labels, _ = ndimage.label(mask)
    wanted = np.unique(labels[:3])
    return np.isin(labels, wanted[wanted > 0])


def fit_backdrop(image: Floats) -> Backdrop:
    """Fit a polynomial per channel, in rounds that each take in what the last one explained.

    Parameters
    ----------
    image
        H×W×3, levels 0..255, display-referred sRGB.
    """
    height, width = image.shape[:2]
    smooth = ndimage.uniform_filter(image, (5, 5, 1))[::STRIDE, ::STRIDE]
    spread = ndimage.uniform_filter(image**2, (7, 7, 1)) - ndimage.uniform_filter(image, (7, 7, 1)) ** 2
    flat = spread.mean(axis=-1)[::STRIDE, ::STRIDE] < FLAT_DEVIATION**2
    terms = _terms(height, width, STRIDE)
    powers = _exponents(DEGREE)
    used = _first_guess(*flat.shape) & flat
    noise = 1.0
    for round_ in range(ROUNDS):
        # A high degree swings freely where it has seen nothing yet; it has to wait for support.
        degree, reach = (2, 6.0) if round_ < 3 else (DEGREE, 6.0 if round_ < 5 else 4.0)
        kept = [k for k, (i, j) in enumerate(powers) if i + j <= degree]
        basis, values = terms[used][:, kept].astype(float), smooth[used].astype(float)
        weights = np.linalg.lstsq(basis, values, rcond=None)[0]
        residual = np.abs(smooth - terms[..., kept] @ weights).max(axis=-1)
        noise = float(max(1.4826 * np.median(residual[used]), 0.7))
        explained = _touching_top((residual < reach * noise) & flat)
        used = ndimage.binary_erosion(explained, iterations=2, border_value=1)
    colour = (_terms(height, width, 1)[..., kept] @ weights).astype(np.float32)
    colour += _leftover(smooth - colour[::STRIDE, ::STRIDE], used, (height, width))
    difference = np.abs(image - colour).max(axis=-1)
    return Backdrop(colour, difference.astype(np.float32), noise, float(used.mean()))


def _leftover(residual: Floats, used: Mask, shape: tuple[int, int]) -> Floats:
    """Return H×W×3, the slow part of the residual that the polynomial misses, fading out under the sitter."""
    sigma = 60 / STRIDE
    weight = ndimage.gaussian_filter(used.astype(np.float32), sigma)
    total = ndimage.gaussian_filter(np.where(used[..., None], residual, 0), (sigma, sigma, 0))
    slow = total / (weight + 0.05)[..., None]
    rows = np.minimum(np.arange(shape[0]) / STRIDE, slow.shape[0] - 1)
    columns = np.minimum(np.arange(shape[1]) / STRIDE, slow.shape[1] - 1)
    where = np.meshgrid(rows, columns, indexing="ij")
    planes = [ndimage.map_coordinates(slow[..., c], where, order=1) for c in range(3)]
    return np.stack(planes, axis=-1).astype(np.float32)
