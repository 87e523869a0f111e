"""Make the README's picture from the released weights: `python docs/make_images.py`.

Plate, matte, and the person over green and over a checkerboard, side by side. The foreground's colour is the
plate's own, so what shines through at the hair is the old background: the picture hides nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

import flyaway

ROOT = Path(__file__).parents[1]
GREEN = (0.15, 0.62, 0.25)


def checkerboard(height: int, width: int, side: int = 16) -> NDArray[np.float32]:
    """H×W×3 display-referred greys."""
    y, x = np.mgrid[:height, :width] // side
    return np.where((x + y) % 2, 0.75, 0.55).astype(np.float32)[..., None].repeat(3, 2)


def main() -> None:
    """Read the astronaut, matte her, write docs/images/astronaut.png."""
    source = oiio.ImageBuf(str(ROOT / "examples" / "astronaut.png"))
    plate = np.asarray(source.get_pixels(oiio.FLOAT))[..., :3]
    alpha = flyaway.load()(plate, encoding="srgb").alpha[..., None]
    panels = [
        plate,
        alpha.repeat(3, 2),
        plate * alpha + np.float32(GREEN) * (1 - alpha),
        plate * alpha + checkerboard(*plate.shape[:2]) * (1 - alpha),
    ]
    picture = oiio.ImageBuf(np.ascontiguousarray(np.concatenate(panels, 1)))
    folder = ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    small = oiio.ImageBufAlgo.resize(picture, roi=oiio.ROI(0, 1600, 0, 400))
    small.set_write_format(oiio.UINT8)
    if not small.write(str(folder / "astronaut.png")):
        raise SystemExit(small.geterror())


if __name__ == "__main__":
    main()
