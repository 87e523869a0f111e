"""More hair on solved portraits: strands with exact coverage, drawn by code over sitters that teach.

``python -m models.training.data.strand_portraits --data DATA --bank BANK`` takes the portraits that
`solve_studio` solved into ``BANK/london``, lays flyaways and locks over each, more on some than on others,
and writes alpha and straight colour to ``BANK/clean2/strands/NAME.alpha.png`` and ``NAME.fg.png`` (8 bit).
There are 57 sitters, whose own outlines a network soon knows by heart. The strands are those of
`models.evaluation.strands`, finer and in other numbers, over other sitters: whoever learns from them has
seen the like of the set `hair4k`. Resumable.
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from models.evaluation import strands
from models.evaluation.composite import Floats, as_shown, in_light
from models.training.data.clean2_index import studio
from models.training.data.solve_studio import to_bytes, write_picture
from PIL import Image

#: Fewest and most flyaways, and locks, of a portrait; drawn evenly between, so that some have hardly any.
FLYAWAYS, LOCKS = (20, 420), (2, 60)
#: Width of its strands over those of `strands.WIDTH`, which are meant for a picture three times as large.
FINER = (0.3, 0.8)


def with_strands(alpha: Floats, colour: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Alpha H×W (0..1) and straight linear colour H×W×3 (levels) of a sitter with more hair."""
    size = alpha.shape[0]
    alpha, mixed = alpha.copy(), colour * alpha[..., None]
    roots, outward = strands.find_roots(alpha)
    finer = rng.uniform(*FINER)

    def lay(path: Floats, base: Floats) -> None:
        drawn = strands.strand(path, base, rng, "linear")
        strands.draw(alpha, mixed, replace(drawn, widths=(drawn.widths * finer).astype(np.float32)))

    for lock in [False] * rng.integers(*FLYAWAYS) + [True] * rng.integers(*LOCKS):
        pick = rng.integers(len(roots))
        path = strands.grow(roots[pick], outward[pick], size, rng)
        base = strands.hair_colour(alpha, mixed, path[0])
        if lock:
            for _ in range(rng.integers(*strands.LOCK_SIZE)):
                lay(strands.astray(path, size, rng), base)
        else:
            lay(path, base)
    straight = np.where(alpha[..., None] > 1 / 512, mixed / np.maximum(alpha, 1 / 512)[..., None], colour)
    return alpha, straight.astype(np.float32)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw what is not drawn yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    args = parser.parse_args(arguments)
    folder = args.bank / "clean2" / "strands"
    folder.mkdir(parents=True, exist_ok=True)
    for entry in studio(args.data, args.bank):
        alpha_file, colour_file = (folder / f"{entry.name}.{kind}.png" for kind in ("alpha", "fg"))
        if alpha_file.exists():
            continue
        with Image.open(entry.alpha) as one, Image.open(entry.fg) as other:
            alpha = (np.asarray(one.convert("L"), np.float32) / 255).astype(np.float32)
            levels = np.asarray(other.convert("RGB"), np.float32)
        rng = np.random.default_rng(zlib.crc32(entry.name.encode()))
        alpha, colour = with_strands(alpha, in_light(levels, "linear"), rng)
        write_picture(to_bytes(as_shown(colour, "linear"), 1), colour_file)
        write_picture(to_bytes(alpha, 255), alpha_file)  # last: what has an alpha is whole


if __name__ == "__main__":
    main()
