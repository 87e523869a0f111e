"""At which size a large plate is best looked at: `python docs/measure_view.py SET … --caps 0 2048 1280`.

A cap of 0 looks at plates as they are; any other one reduces the longer side to so many px and puts the
plate's detail back (`flyaway.detail`). SET is a folder as `flyaway evaluate` takes it; `--only 4096` takes
the plates whose names end so. Times are this process's own processor seconds.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway.evaluation.layouts import Item, open_set
from flyaway.evaluation.metrics import mad, soft_mad

CAPS = (0, 2560, 2048, 1536, 1280, 1024, 768)


def scores(matting: flyaway.Matting, items: Sequence[Item]) -> NDArray[np.float64]:
    """Means over plates: MAD ×10³, soft MAD, MAD ×10³ of the steps between neighbours, and seconds."""
    rows = []
    for item in items:
        truth, plate = item.load_alpha(), item.load_plate()
        began = time.process_time()
        alpha = matting(plate, "srgb").alpha
        seconds = time.process_time() - began
        steps = np.abs(np.diff(alpha, axis=1) - np.diff(truth, axis=1)).mean()
        rows.append((1e3 * mad(alpha, truth), soft_mad(alpha, truth), 1e3 * steps, seconds))
    means: NDArray[np.float64] = np.array(rows, np.float64).mean(0)
    return means


def main() -> None:
    """One table a set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--only", default="", help="plates whose names end so")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--caps", type=int, nargs="*", default=CAPS)
    asked = parser.parse_args()
    matting = flyaway.load(asked.model, device="cpu", threads=1)
    released = matting.info
    for folder in asked.sets:
        items = [item for item in open_set(folder).items if item.name.endswith(asked.only)][:: asked.every]
        print(f"\n{folder.name}, {len(items)} plates\n")
        print("| longer side | MAD ×10³ | soft MAD | steps ×10³ | s |\n|---:|---:|---:|---:|---:|")
        for cap in asked.caps:
            matting.info = replace(released, config={**released.config, "view": cap})
            values = scores(matting, items)
            told = " | ".join(f"{value:.3f}" for value in values)
            print(f"| {cap or 'as it is'} | {told} |", flush=True)


if __name__ == "__main__":
    main()
