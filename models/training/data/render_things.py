"""Things drawn by code, for `clean`: nobody, but as lit and as sharp as people of `render_people`; resumable.

``python -m models.training.data.render_things --data DATA --bank BANK --package ASSETS --count 300`` writes
``BANK/things/NUMBER.png`` (RGBA, straight colour, exact coverage). It needs `embreex` and OpenImageIO;
ASSETS is the unpacked npm package `@pmndrs/assets` (CC0). The same number draws the same thing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from models.training.data.render_people import cloths, seen
from models.training.data.rendered.draw import drawn
from models.training.data.rendered.figure import Floats
from models.training.data.rendered.light import light_of, read_panoramas
from models.training.data.rendered.objects import made_up
from PIL import Image


def render(
    number: int, panoramas: list[Floats], pictures: list[Floats], height: int
) -> tuple[Floats, Floats]:
    """Straight colour and coverage of one thing."""
    rng = np.random.default_rng((17, number))
    shells = made_up(rng)
    light = light_of(panoramas[rng.integers(len(panoramas))], float(rng.uniform(0, 2 * np.pi)))
    camera, size = seen(shells, height, rng)
    return drawn(shells, light, pictures, size, camera, rng)


def main() -> None:
    """Draw things until there are so many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--height", type=int, default=512, help="px of the longer side")
    args = parser.parse_args()
    folder = args.bank / "things"
    folder.mkdir(parents=True, exist_ok=True)
    panoramas = list(read_panoramas(args.package).values())
    pictures = cloths(args.data, np.random.default_rng(7))
    for number in range(args.first, args.first + args.count):
        out = folder / f"{number:05d}.png"
        if out.exists():
            continue
        colour, alpha = render(number, panoramas, pictures, args.height)
        rgba = np.round(np.concatenate((colour, alpha[..., None]), 2) * 255).astype(np.uint8)
        partial = out.with_suffix(".part")
        Image.fromarray(rgba).save(partial, "PNG")
        partial.replace(out)


if __name__ == "__main__":
    main()
