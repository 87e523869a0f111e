"""Make the pictures of docs/matte-controls.md from the released weights: `python docs/make_controls.py`.

One sheet shows each control on hair, at twice the plate's size, as alpha and over green. The other shows two
people in one plate, cut out one by one, and prints how much of the second torso each model leaves open.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway.controls import Controls, apply
from flyaway.evaluation.pixels import resize
from flyaway.pictures.convert import eight_bit, over_green
from flyaway.pictures.files import read, write
from flyaway.pictures.sheet import CELL, Strip, draw
from flyaway.subject import Subject, alone

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
EXAMPLES = ROOT / "examples"
TOP, LEFT, SIDE = 646, 930, CELL // 2
CONTROLS = {
    "as it is": Controls(),
    "black 0.15, white 0.85": Controls(black=0.15, white=0.85),
    "gamma 1.6": Controls(gamma=1.6),
    "choke 1": Controls(grow=-1),
    "grow 1": Controls(grow=1),
    "soften 2": Controls(soften=2),
    "fill holes 24": Controls(fill_holes=24),
    "invert": Controls(invert=True),
}
Byte = NDArray[np.uint8]


def hair() -> Byte:
    """Each control, on the same hair."""
    plate = eight_bit(read(EXAMPLES / "portrait.jpg")[..., :3])
    raw = flyaway.load("quality")(plate).alpha
    part = slice(TOP, TOP + SIDE), slice(LEFT, LEFT + SIDE)
    alphas, greens = {}, {}
    for name, controls in CONTROLS.items():
        alpha = apply(raw, controls)[part]
        alphas[name] = _twice(eight_bit(alpha[..., None].repeat(3, 2)))
        greens[name] = _twice(eight_bit(over_green(plate[part] / np.float32(255), alpha)))
    return draw([Strip("alpha", alphas), Strip("over green", greens)])


def two_people() -> tuple[NDArray[np.float32], int]:
    """A plate with two people who stand apart, and where the second begins: the shipped pictures."""
    left = read(EXAMPLES / "astronaut.png")[..., :3]
    right = resize(read(EXAMPLES / "portrait.jpg")[..., :3], 512, 512)
    return np.concatenate([left, right], 1), 512


def pair() -> Byte:
    """Two people, cut out one by one; prints what each model leaves open of them."""
    plate, middle = two_people()
    for model in ("fast", "quality", "clean"):
        matting = flyaway.load(model)
        raw = matting(plate).alpha
        for name, part in (("left", slice(0, middle)), ("right", slice(middle, None))):
            own = matting(np.ascontiguousarray(plate[:, part])).alpha
            torso = own[300:] > 0.99
            open_ = float((raw[300:, part][torso] < 0.9).mean())
            who = alone(raw, Subject.parse(f"{250 if name == 'left' else 780},400"))
            whole = np.zeros_like(raw)
            whole[:, part] = own
            iou = float(np.minimum(who, whole).sum() / np.maximum(who, whole).sum())
            print(f"{model} {name}: {100 * open_:.1f} % of the torso below 0.9; IoU with it alone {iou:.4f}")
        if model == "quality":
            shown = raw
    byte = eight_bit(plate)
    rows = []
    for name in ("all", "250,400", "780,400"):
        alpha = alone(shown, Subject.parse(name))
        panels = (byte, eight_bit(alpha[..., None].repeat(3, 2)), eight_bit(over_green(plate, alpha)))
        rows.append(np.concatenate([_small(panel) for panel in panels], 1))
    return np.concatenate(rows)


def _small(image: Byte) -> Byte:
    return eight_bit(resize(image.astype(np.float32) / 255, CELL, 2 * CELL))


def _twice(image: Byte) -> Byte:
    return image.repeat(2, 0).repeat(2, 1)


def main() -> None:
    """Write docs/images."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    write(IMAGES / "controls.jpg", hair(), "jpeg:92")
    write(IMAGES / "two-people.jpg", pair(), "jpeg:92")


if __name__ == "__main__":
    main()
