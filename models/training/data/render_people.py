"""People drawn by code, for `clean`: bodies of every kind in made-up clothes, lit by panoramas; resumable.

``python -m models.training.data.render_people --data DATA --bank BANK --package ASSETS --count 400`` writes
``BANK/rendered/NUMBER.fg.png`` (straight colour) and ``NUMBER.alpha.png`` (coverage, exact). It needs `anny`
(Apache-2.0, shapes CC0), `embreex` and OpenImageIO; ASSETS is the unpacked npm package `@pmndrs/assets`
(CC0). Clothes are printed with free backgrounds. The same number draws the same person.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from models.evaluation.holdout import trains_on
from models.evaluation.sources import read_rows
from models.training.data.rendered.clothes import Shell, dressed
from models.training.data.rendered.draw import drawn
from models.training.data.rendered.figure import Figures, Floats, Generator
from models.training.data.rendered.light import light_of, read_panoramas
from models.training.data.solve_studio import to_bytes, write_picture
from PIL import Image
from scipy.spatial.transform import Rotation

PICTURES = 60  # for cloth


def cloths(data: Path, rng: Generator) -> list[Floats]:
    """Pictures that clothes are printed with."""
    rows = [row for row in read_rows(data / "free" / "backgrounds.csv") if trains_on(row)]
    found = []
    for number in rng.permutation(len(rows))[:PICTURES]:
        with Image.open(data / rows[number]["file"]) as picture:
            small = picture.convert("RGB")
            small.thumbnail((256, 256))
            found.append((np.asarray(small) / 255).astype(np.float32))
    return found


def seen(shells: list[Shell], height: int, rng: Generator) -> tuple[Floats, tuple[int, int]]:
    """A camera before the shells (`draw.drawn`), and the picture's height and width."""
    around = rng.normal(0, 45) if rng.random() < 0.6 else rng.uniform(-180, 180)
    roll = rng.normal(0, 4) if rng.random() < 0.92 else rng.uniform(-100, 100)
    turn = Rotation.from_euler("yxz", (roll, rng.normal(-4, 10), around), degrees=True).inv().as_matrix()
    points = np.concatenate([s.vertices for s in shells])
    middle = (points.min(0) + points.max(0)) / 2
    local = (points - middle) @ turn.T  # right, away from the eye, up
    away = float(rng.uniform(2.5, 7)) + max(0.0, -local[:, 1].min())
    flat = local[:, [0, 2]] * (away / (away + local[:, 1:2]))
    low, high = flat.min(0), flat.max(0)
    margin = rng.uniform(0.01, 0.16, (2, 2))
    if rng.random() < 0.3:  # nearer: the frame cuts the legs off, and perhaps a side
        low[1] += (high[1] - low[1]) * rng.uniform(0.2, 0.65)
        kept = flat[flat[:, 1] > low[1]]
        low[0], high[0] = kept[:, 0].min(), kept[:, 0].max()
        margin = rng.uniform(((-0.05, 0.0), (-0.05, 0.02)), ((0.1, 0.0), (0.1, 0.1)))
    span = max(high - low)
    low, high = low - margin[0] * span, high + margin[1] * span
    step = max(high - low) / height
    size = (max(32, round((high[1] - low[1]) / step)), max(32, round((high[0] - low[0]) / step)))
    plane = np.array([(low[0], 0, high[1]), (step, 0, 0), (0, 0, -step), (0, -away, 0)])
    camera = plane @ turn + np.array([middle, 0 * middle, 0 * middle, middle])
    return camera.T.astype(np.float32), size


def render(
    number: int, figures: Figures, panoramas: list[Floats], pictures: list[Floats], height: int
) -> tuple[Floats, Floats]:
    """Straight colour and coverage of one person."""
    rng = np.random.default_rng((11, number))
    shells = dressed(figures.draw(rng), rng)
    light = light_of(panoramas[rng.integers(len(panoramas))], float(rng.uniform(0, 2 * np.pi)))
    camera, size = seen(shells, height, rng)
    return drawn(shells, light, pictures, size, camera, rng)


def missing(
    about: str | None, folder: str, ending: str, count: int
) -> Iterator[tuple[int, Path, list[Floats], list[Floats], int]]:
    """What the command line asks for and ``BANK/folder`` has not yet.

    Yields each number with its file, the panoramas that may light it, pictures to print it with, and px.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--count", type=int, default=count)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--height", type=int, default=512, help="px of the longer side")
    args = parser.parse_args()
    target = args.bank / folder
    target.mkdir(parents=True, exist_ok=True)
    panoramas = list(read_panoramas(args.package).values())
    pictures = cloths(args.data, np.random.default_rng(7))
    for number in range(args.first, args.first + args.count):
        out = target / f"{number:05d}{ending}"
        if not out.exists():
            yield number, out, panoramas, pictures, args.height


def main() -> None:
    """Draw people until there are so many."""
    figures: Figures | None = None
    for number, out, panoramas, pictures, height in missing(__doc__, "rendered", ".fg.png", 400):
        figures = figures or Figures()  # the first takes a minute
        colour, alpha = render(number, figures, panoramas, pictures, height)
        write_picture(to_bytes(alpha, 255), out.with_name(f"{number:05d}.alpha.png"))
        write_picture(to_bytes(colour, 255), out)


if __name__ == "__main__":
    main()
