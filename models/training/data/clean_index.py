"""The index of `clean`: what may be learned from without a copyleft or research-only string.

`python -m models.training.data.clean_index --index BANK/train.csv --isnet DIR --out BANK/clean.csv` keeps the
solved studio portraits, and the official headshots with ISNet's mattes (`label_isnet.py`) instead of RVM's. A
matte is left out that is no single person: nearly empty, nearly full, or in several large pieces.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

COVERAGE = (0.12, 0.9)
ONE_PIECE = 0.98  # share of the matte in its largest piece
WEIGHT = 0.8


def is_one_person(alpha: Path) -> bool:
    """Whether the matte is one connected thing of a plausible size."""
    with Image.open(alpha) as picture:
        solid = np.asarray(picture.convert("L")) > 127
    if not COVERAGE[0] <= solid.mean() <= COVERAGE[1]:
        return False
    labels, _ = ndimage.label(solid)
    sizes = np.bincount(labels.ravel())[1:]
    return bool(sizes.max() / sizes.sum() >= ONE_PIECE)


def main() -> None:
    """Write the index."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--isnet", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
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
    with args.out.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(kept)
    print(f"{len(kept)} pictures of {len(rows)}")


if __name__ == "__main__":
    main()
