"""Who is kept when two people cross: clips made of portraits with mattes, by a released model.

`python -m models.evaluation.two_people --data DATA [--model fast] [--clips 10]`

DATA is the folder of portraits, mattes and backgrounds that training uses. In each clip two people walk
towards each other and past (in every third they turn back); one is chosen in the first frame, and followed.
Prints, for frames in which the two stand apart, the IoU of the chosen one with the matte they were pasted by,
and how often the same person is kept at the end.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway.evaluation.pixels import resize
from flyaway.following import State, begin, follow, mask_of
from flyaway.people import find_people
from flyaway.pictures.files import read
from flyaway.subject import Subject

HEIGHT, WIDTH = 360, 640
AGREED = 0.985  # two passes of the teacher agree at least so well on a portrait's matte
Float = NDArray[np.float32]


class Person:
    """A portrait, cut out by its matte and as tall as asked for; it stands on the frame's lower edge."""

    def __init__(self, data: Path, row: dict[str, str], tall: int):
        colour, alpha = read(data / row["image"])[..., :3], read(data / row["matte"])[..., :1]
        ys, xs = np.nonzero(alpha[..., 0] > 0.5)
        part = slice(max(0, ys.min() - 4), None), slice(max(0, xs.min() - 4), xs.max() + 5)
        colour, alpha = colour[part], alpha[part]
        wide = max(8, round(colour.shape[1] * tall / colour.shape[0]))
        self.colour, self.alpha = resize(colour, tall, wide), resize(alpha, tall, wide)

    def at(self, middle: float) -> tuple[Float, Float]:
        """Colour and coverage over the frame: H×W×3 and H×W×1."""
        tall, wide = self.alpha.shape[:2]
        left = round(middle - wide / 2)
        colour, alpha = np.zeros((HEIGHT, WIDTH, 3), np.float32), np.zeros((HEIGHT, WIDTH, 1), np.float32)
        first, last = max(0, -left), min(wide, WIDTH - left)
        place = slice(HEIGHT - tall, None), slice(left + first, left + last)
        colour[place], alpha[place] = self.colour[:, first:last], self.alpha[:, first:last]
        return colour, alpha


def iou(one: Float, other: Float) -> float:
    """Of two soft mattes."""
    return float(np.minimum(one, other).sum() / max(1e-6, float(np.maximum(one, other).sum())))


def clip(
    matting: flyaway.Matting, pair: tuple[Person, Person], behind: Float, frames: int, number: int
) -> tuple[list[float], bool]:
    """IoU of the frames in which the two stand apart, and whether the same one is kept at the end."""
    state: State | None = None
    apart: list[float] = []
    mine = own = others = np.zeros((HEIGHT, WIDTH), np.float32)
    for frame in range(frames):
        share = frame / (frames - 1)
        way = 0.55 * (1 - abs(1 - 2 * share)) if number % 3 == 2 else share
        middles = 140 + 360 * way, 500 - 360 * way
        plate, covers = behind, [np.zeros((HEIGHT, WIDTH, 1), np.float32)] * 2
        for which in (0, 1) if number % 2 else (1, 0):  # who passes in front takes turns
            colour, cover = pair[which].at(middles[which])
            plate = plate * (1 - cover) + colour * cover
            covers = [one * (1 - cover) for one in covers]
            covers[which] = cover
        own, others = (one[..., 0] for one in covers)
        plate = np.clip(plate, 0, 1).astype(np.float32)
        raw = matting(plate).alpha
        people = find_people(raw, plate)
        if state is None:
            ys, xs = np.nonzero(own > 0.9)
            state = begin(people, Subject("point", (float(xs.mean()), float(ys.mean()))))
        else:
            state = follow(state, people)
        if state is None:
            return [], False
        mask, _ = mask_of(state, people, HEIGHT, WIDTH)
        mine = raw if mask is None else raw * mask
        if abs(middles[0] - middles[1]) > sum(one.alpha.shape[1] for one in pair) / 2 + 12:
            apart.append(iou(mine, own))
    return apart, iou(mine, own) > iou(mine, others)


def main() -> None:
    """Print a line a clip, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--clips", type=int, default=10)
    parser.add_argument("--frames", type=int, default=9)
    parser.add_argument("--seed", type=int, default=5)
    args = parser.parse_args()
    with (args.data / "portraits.csv").open(encoding="utf-8") as stream:
        rows = [
            row
            for row in csv.DictReader(stream)
            if row["source"] in ("civil", "london") and float(row["teacher_agreement_iou"] or 0) > AGREED
        ]
    with (args.data / "backgrounds.csv").open(encoding="utf-8") as stream:
        behind = [row["image"] for row in csv.DictReader(stream) if float(row["person_coverage"]) <= 0.01]
    rng, matting = np.random.default_rng(args.seed), flyaway.load(args.model)
    everyone: list[float] = []
    kept = 0
    for number in range(args.clips):
        chosen = rng.choice(len(rows), 2, replace=False)
        first, second = (Person(args.data, rows[one], int(rng.integers(170, 260))) for one in chosen)
        back = resize(read(args.data / behind[int(rng.integers(len(behind)))])[..., :3], HEIGHT, WIDTH)
        apart, same = clip(matting, (first, second), back, args.frames, number)
        everyone += apart
        kept += same
        print(
            f"clip {number}: {'kept' if same else 'SWAPPED'}; apart in {len(apart)} frames, IoU"
            f" {np.mean(apart):.4f}, at least {np.min(apart):.4f}",
            flush=True,
        )
    print(
        f"{args.model}: the same person at the end of {kept} of {args.clips} clips; IoU in {len(everyone)}"
        f" frames apart {np.mean(everyone):.4f}, median {np.median(everyone):.4f}, at least"
        f" {np.min(everyone):.4f}"
    )


if __name__ == "__main__":
    main()
