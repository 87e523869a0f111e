"""Pixels of evaluation sets, read and written through OpenImageIO as the metrics and matters want them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import DatasetError, FlyawayError
from flyaway.optional import require
from flyaway.plate import linear_to_display

Plate = NDArray[np.uint8]


def openimageio() -> Any:
    """The OpenImageIO module, or an error that says how to get it."""
    return require("Reading images", "OpenImageIO", install="OpenImageIO")


def read(path: Path) -> NDArray[np.float32]:
    """All channels of an image as stored: H×W×C float32, integers scaled to 0..1, alpha unassociated."""
    oiio = openimageio()
    config = oiio.ImageSpec()
    # PNG and WebP hold straight colour, which OpenImageIO would multiply by alpha on reading.
    config.attribute("oiio:UnassociatedAlpha", 1)
    source = oiio.ImageInput.open(str(path), config)
    if source is None:
        raise DatasetError(f"{path} cannot be read: {oiio.geterror()}")
    try:
        pixels = source.read_image(oiio.FLOAT)
        if pixels is None:
            raise DatasetError(f"{path} cannot be read in full: {source.geterror()}")
    finally:
        source.close()
    return np.atleast_3d(np.asarray(pixels, np.float32))


def channels(path: Path) -> int:
    """How many channels an image has, by its header; 0 if it is no image."""
    oiio = openimageio()
    source = oiio.ImageInput.open(str(path))
    if source is None:
        oiio.geterror()  # taken, or it would be printed when the process ends
        return 0
    count = int(source.spec().nchannels)
    source.close()
    return count


def read_plate(path: Path) -> Plate:
    """Colour of an image as H×W×3 uint8 sRGB. Grey is repeated; EXR is taken as scene-linear Rec.709."""
    pixels = read(path)
    colour = pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    if path.suffix.lower() == ".exr":
        colour = linear_to_display(np.nan_to_num(colour))
    return eight_bit(colour)


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


def write(path: Path, image: NDArray[np.uint8], compression: str | None = None) -> None:
    """Write an H×W×C uint8 image (a fourth channel is straight alpha); the format is the suffix.

    ``compression`` is OpenImageIO's attribute of that name, as ``"jpeg:20"``.
    """
    oiio = openimageio()
    height, width, channels = image.shape
    spec = oiio.ImageSpec(width, height, channels, "uint8")
    spec.attribute("oiio:UnassociatedAlpha", 1)
    if compression is not None:
        spec.attribute("compression", compression)
    target = oiio.ImageOutput.create(str(path))
    if target is None or not target.open(str(path), spec):
        raise FlyawayError(f"{path} cannot be written: {target.geterror() if target else oiio.geterror()}")
    written = target.write_image(np.ascontiguousarray(image))
    if not (target.close() and written):
        raise FlyawayError(f"{path} cannot be written in full: {target.geterror()}")


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


def eight_bit(image: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Floats in 0..1 as uint8, rounded; NaN becomes 0."""
    scaled: NDArray[np.floating[Any]] = np.rint(np.clip(np.nan_to_num(image), 0, 1) * 255)
    return scaled.astype(np.uint8)
