"""Sizes, bit depth and the green behind a person: of pictures that people look at."""

from __future__ import annotations

from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway.colorimetry import FloatImage, linear_to_srgb, srgb_to_linear
from flyaway.errors import FlyawayError

GREEN = np.array([0.0, 0.43, 0.05], np.float32)  # linear light


def shrink(picture: FloatImage, side: int) -> FloatImage:
    """H×W or H×W×C float32 → the same with no side longer than `side`; never enlarged.

    By the mean of the pixels that each one covers, so that a matte's coverage stays what it was.
    """
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    solid = np.ascontiguousarray(picture if picture.ndim == 3 else picture[..., None], np.float32)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    roi = oiio.ROI(0, columns, 0, rows, 0, 1, 0, solid.shape[2])
    small = oiio.ImageBufAlgo.resize(oiio.ImageBuf(solid), filtername="box", roi=roi)
    if small.has_error:
        raise FlyawayError(f"A picture could not be made smaller: {small.geterror()}")
    pixels = np.asarray(small.get_pixels(oiio.FLOAT), np.float32).reshape(rows, columns, -1)
    return pixels if picture.ndim == 3 else pixels[..., 0]


def eight_bit(picture: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Floats in 0..1 as uint8, rounded; NaN becomes 0."""
    scaled: NDArray[np.floating[Any]] = np.rint(np.clip(np.nan_to_num(picture), 0, 1) * 255)
    return scaled.astype(np.uint8)


def over_green(shown: FloatImage, alpha: FloatImage) -> FloatImage:
    """A picture over green through its matte, mixed in linear light.

    Parameters
    ----------
    shown : H×W×3 float32, sRGB-encoded, 0..1, straight.
    alpha : H×W float32, linear coverage.

    Returns
    -------
    H×W×3 float32, sRGB-encoded, 0..1.
    """
    cover = alpha[..., None]
    mixed = srgb_to_linear(shown) * cover + GREEN * (1 - cover)
    return np.clip(linear_to_srgb(mixed), 0, 1)
