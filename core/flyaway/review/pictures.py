"""Small pictures for people: plate as seen, matte, and the plate over green, as bytes of a file."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway import color
from flyaway.color import FloatImage
from flyaway.errors import FlyawayError
from flyaway.frames.canvas import Canvas
from flyaway.frames.edges import edged
from flyaway.frames.read import Plate
from flyaway.geometry import SMALLEST_SIDE
from flyaway.pictures.convert import shrink


def as_seen(plate: Plate, canvas: Canvas, side: int) -> FloatImage:
    """A plate on its canvas, at most `side` pixels long, display-referred sRGB, h×w×3 float32 in 0..1."""
    pixels, encoding = plate.for_matting()
    small = shrink(canvas.laid(np.nan_to_num(pixels, posinf=1, neginf=0)), side)
    shown = color.linear_to_srgb(small) if encoding == "linear" else small
    return np.clip(shown, 0, 1)


def own_colour(shown: FloatImage, alpha: FloatImage) -> FloatImage:
    """The person's own colour in a picture (display-referred), straight; small ones have no edge."""
    if min(alpha.shape) < SMALLEST_SIDE:
        return shown
    own = edged(shown, alpha, "srgb", "foreground")
    # Where it ends the plate goes on, which nobody sees: a step to black would ring in a JPEG.
    ended = (alpha <= 0) & (own.max(axis=-1) <= 0)
    return np.where(ended[..., None], shown, own)


def data_uri(picture: NDArray[np.uint8], kind: str = "jpeg", quality: int = 88) -> str:
    """A picture (H×W or H×W×3 uint8) as text that an HTML page shows: "jpeg", or "png" without loss."""
    solid = picture if picture.ndim == 3 else picture[..., None]
    height, width, channels = solid.shape
    spec = oiio.ImageSpec(width, height, channels, "uint8")
    spec.attribute("compression", f"jpeg:{quality}" if kind == "jpeg" else "zip:9")
    with tempfile.TemporaryDirectory(prefix="flyaway-review-") as folder:
        path = Path(folder) / ("picture.jpg" if kind == "jpeg" else "picture.png")
        target = oiio.ImageOutput.create(str(path))
        if target is None or not target.open(str(path), spec):
            raise FlyawayError(f"A picture could not be encoded: {oiio.geterror()}")
        if not (target.write_image(np.ascontiguousarray(solid)) and target.close()):
            raise FlyawayError(f"A picture could not be encoded: {target.geterror()}")
        return f"data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
