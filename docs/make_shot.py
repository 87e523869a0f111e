"""Make docs/images/shot.webp: a moving comparison of a shot, by Flyaway as stills and as a shot, and by RVM.

`python docs/make_shot.py`. The portrait sways by up to 20 px, with grain and changing light, at 450×450.
Each panel is the cut-out over grey, with the change from the frame before below (alpha, moved along, eight
times): what flickers is bright there. Needs Pillow, and RVM's package.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import flyaway
from flyaway.pictures.convert import eight_bit
from flyaway.pictures.files import read
from flyaway.resample import resize
from flyaway.yardsticks.rvm import RobustVideoMatting

ROOT = Path(__file__).parents[1]
SIDE, FRAMES, PAD = 450, 24, 40
CROP = slice(60, 360), slice(90, 390)  # head and hair
GREY = 0.5
Float = NDArray[np.float32]


def frames() -> tuple[list[NDArray[np.uint8]], list[int]]:
    """The plates, and by how many pixels each is moved to the right."""
    whole = resize(read(ROOT / "examples" / "portrait.jpg")[..., :3], SIDE, SIDE)
    made, moves = [], []
    for number in range(FRAMES):
        move = round(20 * np.sin(2 * np.pi * number / FRAMES))
        light = 1 + 0.15 * np.sin(2 * np.pi * number / FRAMES + 1)
        grain = np.random.default_rng(number).normal(0, 0.03, whole.shape)
        padded = np.pad(whole, ((0, 0), (PAD, PAD), (0, 0)), mode="edge")
        plate = padded[:, PAD - move : PAD - move + SIDE] * light + grain
        made.append(eight_bit(np.clip(plate, 0, 1).astype(np.float32)))
        moves.append(move)
    return made, moves


def panel(plate: NDArray[np.uint8], alpha: Float, before: Float | None, move: int) -> Float:
    """The cut-out over grey, and below it what changed."""
    over = plate / np.float32(255) * alpha[..., None] + GREY * (1 - alpha[..., None])
    change = np.zeros_like(alpha) if before is None else np.abs(alpha - np.roll(before, move, 1)) * 8
    both = over[CROP], np.repeat(change[CROP][..., None], 3, 2)
    return np.concatenate(both, 0).clip(0, 1).astype(np.float32)


def main() -> None:
    """Matte the shot three times and write the animation."""
    plates, moves = frames()
    fast = flyaway.load("fast", device="cpu")
    rvm = RobustVideoMatting("cpu", passes=1, memory=True)
    with fast.shot() as shot:
        found = [[fast(p).alpha for p in plates], [shot(p).alpha for p in plates], [rvm(p) for p in plates]]
    for name, alphas in zip(("stills", "shot", "RVM"), found, strict=True):
        pairs = zip(alphas[1:], alphas, np.diff(moves), strict=False)
        changes = [np.abs(a - np.roll(b, m, 1))[CROP].mean() for a, b, m in pairs]
        print(f"{name}: mean change along the motion {1000 * np.mean(changes):.2f}e-3")
    rows = []
    for number, plate in enumerate(plates):
        move = moves[number] - moves[number - 1]
        row = [panel(plate, a[number], a[number - 1] if number else None, move) for a in found]
        rows.append(Image.fromarray(eight_bit(np.concatenate(row, 1))))
    target = ROOT / "docs" / "images" / "shot.webp"
    rows[1].save(target, save_all=True, append_images=rows[2:], duration=80, loop=0, quality=40, method=4)
    print(f"{target.stat().st_size >> 10} KB")


if __name__ == "__main__":
    main()
