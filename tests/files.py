"""Picture files that tests write, alter and look into, past Flyaway: by OpenImageIO alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

# EXIF orientation → a movie track's display matrix (a, b, c, d): x' = ax + cy, y' = bx + dy, y downwards.
DISPLAY_MATRICES = {
    1: (1, 0, 0, 1),
    2: (-1, 0, 0, 1),
    3: (-1, 0, 0, -1),
    4: (1, 0, 0, -1),
    5: (0, 1, 1, 0),
    6: (0, 1, -1, 0),
    7: (0, -1, -1, 0),
    8: (0, -1, 1, 0),
}


def header(path: Path) -> oiio.ImageSpec:
    """What OpenImageIO finds in a file's header."""
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    spec = oiio.ImageSpec(source.spec())
    source.close()
    return spec


def write_picture(path: Path, pixels: np.ndarray, kind: str = "uint8", **attributes: Any) -> Path:
    """Write H×W×3 as `kind` with these header attributes; returns the path."""
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, kind)
    for name, value in attributes.items():
        spec.attribute(name, value)
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), spec), target.geterror()
    assert target.write_image(np.ascontiguousarray(pixels))
    assert target.close()
    return path


def alter(path: Path, factor: float = 0.5) -> bytes:
    """What `oiiotool FILE --mulc 0.5 -o FILE` does: other pixels under the header as it is."""
    picture = oiio.ImageBuf(str(path))
    changed = oiio.ImageBufAlgo.mul(picture, factor)
    changed.specmod().extra_attribs = picture.spec().extra_attribs
    changed.set_write_format(picture.spec().format)
    assert changed.write(str(path)), changed.geterror()
    return path.read_bytes()
