"""Make the README's pictures from the released weights: `python docs/make_images.py`.

Plate, matte, the person over green, and a part of that at the plate's own size. The foreground's colour is
the plate's own, so what shines through at the hair is the old background: the pictures hide nothing.

`--compose DATA SOLVED` makes the portrait's plate first, examples/portrait.jpg: a sitter of the Face Research
Lab London Set who is held out of training, with her solved alpha, over a view of an HDRI.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

import flyaway

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PORTRAIT = ROOT / "examples" / "portrait.jpg"
GREEN = (0.15, 0.62, 0.25)
SIDE = 400  # px of a panel
PICTURES = (
    # plate, picture, model, top left corner of the part that is shown at its own size
    (PORTRAIT, "portrait.jpg", "quality", (560, 740)),
    (ROOT / "examples" / "astronaut.png", "astronaut.jpg", "fast", (20, 80)),
)
Float = NDArray[np.float32]


def read(path: Path) -> Float:
    """H×W×C, display-referred."""
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT), np.float32)


def resized(image: Float, side: int) -> Float:
    """Any image as side×side×C."""
    source = oiio.ImageBuf(np.ascontiguousarray(image))
    roi = oiio.ROI(0, side, 0, side, 0, 1, 0, image.shape[2])
    return np.asarray(oiio.ImageBufAlgo.resize(source, roi=roi).get_pixels(oiio.FLOAT))


def write(path: Path, image: Float, quality: int) -> None:
    """An 8-bit JPEG."""
    picture: Any = oiio.ImageBuf(np.ascontiguousarray(image))
    picture.specmod().attribute("Compression", f"jpeg:{quality}")
    picture.set_write_format(oiio.UINT8)
    if not picture.write(str(path)):
        raise SystemExit(picture.geterror())


def compose(data: Path, solved: Path) -> None:
    """The portrait's plate."""
    name = "london-neutral-001"
    colour = read(solved / f"{name}.fg.png")[..., :3]
    alpha = read(solved / f"{name}.alpha.png")[..., :1]
    view = read(data / "backgrounds" / "hdri-park-0.webp")[..., :3]
    side = min(view.shape[:2])
    left = (view.shape[1] - side) // 2
    behind = resized(view[:side, left : left + side], len(colour))
    write(PORTRAIT, colour * alpha + behind * (1 - alpha), 90)


def main() -> None:
    """Matte the plates and write docs/images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--compose", type=Path, nargs=2, metavar=("DATA", "SOLVED"))
    args = parser.parse_args()
    if args.compose:
        compose(*args.compose)
    IMAGES.mkdir(parents=True, exist_ok=True)
    for path, name, model, (top, left) in PICTURES:
        plate = read(path)[..., :3]
        alpha = flyaway.load(model)(plate, encoding="srgb").alpha[..., None]
        green = plate * alpha + np.float32(GREEN) * (1 - alpha)
        part = green[top : top + SIDE, left : left + SIDE]
        panels = [*(resized(x, SIDE) for x in (plate, alpha.repeat(3, 2), green)), part]
        write(IMAGES / name, np.concatenate(panels, 1), 92)


if __name__ == "__main__":
    main()
