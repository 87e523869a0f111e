"""Pixels of evaluation sets as the metrics and matters want them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import DatasetError, FlyawayError
from flyaway.pictures.convert import eight_bit
from flyaway.pictures.files import openimageio, read


def read_alpha(path: Path) -> NDArray[np.float32]:
    """Coverage from a matte file as H×W float32 in 0..1: the only channel, or the first of several."""
    return np.clip(np.nan_to_num(read(path)[..., 0]), 0, 1)


def read_trimap(path: Path) -> NDArray[np.uint8]:
    """Trimap file as H×W uint8: 0 background, 128 (or near it) unknown, 255 foreground."""
    return eight_bit(read(path)[..., 0])


def read_cutout(path: Path) -> NDArray[np.float32]:
    """An RGBA image as H×W×4 float32 in 0..1 with straight colour, as encoded in the file."""
    pixels = read(path)
    if pixels.shape[2] != 4:
        raise DatasetError(f"{path} has {pixels.shape[2]} channels; a cut-out has four (RGBA)")
    return pixels


def resize(image: NDArray[Any], height: int, width: int) -> NDArray[np.float32]:
    """An H×W×C image in 0..1 (or uint8) at another size, float32, by OpenImageIO's default filter."""
    oiio = openimageio()
    source = oiio.ImageBuf(np.ascontiguousarray(image, np.float32) / (255 if image.dtype == np.uint8 else 1))
    region = oiio.ROI(0, width, 0, height, 0, 1, 0, image.shape[2])
    resized = oiio.ImageBufAlgo.resize(source, roi=region)
    if resized.has_error:
        raise FlyawayError(f"An image could not be resized to {width}×{height}: {resized.geterror()}")
    pixels = np.asarray(resized.get_pixels(oiio.FLOAT), np.float32).reshape(height, width, image.shape[2])
    return np.clip(pixels, 0, 1)
