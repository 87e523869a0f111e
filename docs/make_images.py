"""Make the README's pictures from the released weights: `python docs/make_images.py`.

Plate, matte, the person over green, and a part of that at the plate's own size. The foreground's colour is
the plate's own, so what shines through at the hair is the old background: the pictures hide nothing.

`--compose DATA SOLVED` makes the portrait's plate first, examples/portrait.jpg: a sitter of the Face Research
Lab London Set who is held out of training, with her solved alpha, over a view of an HDRI.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway.evaluation.pixels import resize
from flyaway.pictures.convert import eight_bit
from flyaway.pictures.files import read, write

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


def compose(data: Path, solved: Path) -> None:
    """The portrait's plate."""
    name = "london-neutral-001"
    colour = read(solved / f"{name}.fg.png")[..., :3]
    alpha = read(solved / f"{name}.alpha.png")[..., :1]
    view = read(data / "backgrounds" / "hdri-park-0.webp")[..., :3]
    side = min(view.shape[:2])
    left = (view.shape[1] - side) // 2
    behind = resize(view[:side, left : left + side], len(colour), len(colour))
    write(PORTRAIT, eight_bit(colour * alpha + behind * (1 - alpha)), "jpeg:90")


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
        panels = [*(resize(x, SIDE, SIDE) for x in (plate, alpha.repeat(3, 2), green)), part]
        write(IMAGES / name, eight_bit(np.concatenate(panels, 1)), "jpeg:92")


if __name__ == "__main__":
    main()
