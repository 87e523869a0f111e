"""The index of `clean`: what may be learned from without a copyleft or research-only string.

`python -m models.training.data.clean_index --index BANK/train.csv --isnet DIR --out BANK/clean.csv` keeps the
solved studio portraits, and the official headshots with ISNet's mattes (`label_isnet.py`) instead of RVM's. A
matte is left out that is no single person: nearly empty, nearly full, or in several large pieces. With
`--backgrounds BANK/backgrounds.csv` it also writes OUT's `_backgrounds`: the clean ones, and free pictures
that scikit-image carries (a cat, a cup, a rocket, three textures): what stands out is not always a person.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

COVERAGE = (0.12, 0.9)
ONE_PIECE = 0.98  # share of the matte in its largest piece
WEIGHT = 0.8
# Of scikit-image, CC0 or in the public domain, and how often each stands in the index.
CC0 = {"chelsea.png": 4, "coffee.png": 2, "rocket.jpg": 2, "brick.png": 1, "grass.png": 1, "gravel.png": 1}


def is_one_person(alpha: Path) -> bool:
    """Whether the matte is one connected thing of a plausible size."""
    with Image.open(alpha) as picture:
        solid = np.asarray(picture.convert("L")) > 127
    if not COVERAGE[0] <= solid.mean() <= COVERAGE[1]:
        return False
    labels, _ = ndimage.label(solid)
    sizes = np.bincount(labels.ravel())[1:]
    return bool(sizes.max() / sizes.sum() >= ONE_PIECE)


def write_backgrounds(index: Path, out: Path) -> None:
    """The clean rows of an index of backgrounds, and scikit-image's pictures."""
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise SystemExit("scikit-image's pictures are needed: pip install scikit-image")
    folder = Path(spec.origin).parent / "data"
    with index.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["licence"] == "clean"]
    for name, times in CC0.items():
        for number in range(times):
            values = {"name": f"cc0-{Path(name).stem}-{number}", "image": str(folder / name)}
            rows.append({**values, "source": "skimage", "licence": "clean"})
    write(list(rows[0]), rows, out)


def write(columns: list[str], rows: list[dict[str, object]], out: Path) -> None:
    """An index."""
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Write the index."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--isnet", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path)
    args = parser.parse_args()
    with args.index.open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = []
    for row in rows:
        alpha = args.isnet / f"{Path(row['image']).stem}.png"
        if row["licence"] == "clean":
            kept.append(row)
        elif row["source"] == "civil" and alpha.exists() and is_one_person(alpha):
            label = {"alpha": str(alpha.resolve()), "licence": "clean", "weight": WEIGHT, "teacher": "isnet"}
            kept.append(row | label)
    write(list(rows[0]), kept, args.out)
    if args.backgrounds is not None:
        write_backgrounds(args.backgrounds, args.out.with_name(f"{args.out.stem}_backgrounds.csv"))
    print(f"{len(kept)} pictures of {len(rows)}")


if __name__ == "__main__":
    main()
