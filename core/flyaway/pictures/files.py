"""Pictures in files as they are stored: for test sets, sheets and documentation, not for plates of a run.

`flyaway.frames` reads plates and writes mattes; here nothing is converted and nothing is proven.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import DatasetError, FlyawayError
from flyaway.optional import require
from flyaway.pictures.convert import eight_bit
from flyaway.plate import linear_to_display


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


def read_eight_bit(path: Path) -> NDArray[np.uint8]:
    """Colour of an image as H×W×3 uint8 sRGB. Grey is repeated; EXR is taken as scene-linear Rec.709."""
    pixels = read(path)
    colour = pixels[..., :3] if pixels.shape[2] >= 3 else np.repeat(pixels[..., :1], 3, axis=2)
    if path.suffix.lower() == ".exr":
        colour = linear_to_display(np.nan_to_num(colour))
    return eight_bit(colour)


def write(
    path: Path, image: NDArray[np.uint8], compression: str | None = None, software: str | None = None
) -> None:
    """Write an H×W×C uint8 image (a fourth channel is straight alpha); the format is the suffix.

    ``compression`` is OpenImageIO's attribute of that name, as ``"jpeg:20"``; ``software`` who made it.
    """
    oiio = openimageio()
    height, width, channels = image.shape
    spec = oiio.ImageSpec(width, height, channels, "uint8")
    spec.attribute("oiio:UnassociatedAlpha", 1)
    if compression is not None:
        spec.attribute("compression", compression)
    if software is not None:
        spec.attribute("Software", software)
    target = oiio.ImageOutput.create(str(path))
    if target is None or not target.open(str(path), spec):
        raise FlyawayError(f"{path} cannot be written: {target.geterror() if target else oiio.geterror()}")
    written = target.write_image(np.ascontiguousarray(image))
    if not (target.close() and written):
        raise FlyawayError(f"{path} cannot be written in full: {target.geterror()}")
