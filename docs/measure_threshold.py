"""What is lost if fewer regions are refined: `python docs/measure_threshold.py SET … --every 6`.

A region is refined where the coarse stage's doubt is above a threshold somewhere in it. At the released one
(`RefinerConfig.low`) the refiner's correction begins to be blended in, so that a region left out would have
been as it is; a higher one leaves out regions in which it would have had little weight. SET is a folder as
`flyaway evaluate` takes it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway.engines.host_loop import HostLoop
from flyaway.evaluation.layouts import Item, open_set
from flyaway.evaluation.metrics import sad, soft_mad

THRESHOLDS = (0.3, 0.34, 0.38, 0.42, 0.46, 0.5)  # from where `fast` and `quality` begin


def scores(matting: flyaway.Matting, items: Sequence[Item]) -> NDArray[np.float64]:
    """Means over plates: the share of regions that is refined, SAD, and the distance of soft pixels."""
    rows = []
    for item in items:
        truth = item.load_alpha()
        matte = matting(item.load_plate(), "srgb")
        rows.append((matte.cells.mean(), sad(matte.alpha, truth), soft_mad(matte.alpha, truth)))
    means: NDArray[np.float64] = np.array(rows, np.float64).mean(0)
    return means


def main() -> None:
    """One table a set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--thresholds", type=float, nargs="*", default=THRESHOLDS)
    asked = parser.parse_args()
    matting = flyaway.load(asked.model, device="cpu", threads=1)
    engine = matting.engine
    if not isinstance(engine, HostLoop):
        raise SystemExit("the engine chooses regions by itself")
    config = engine.config
    for folder in asked.sets:
        items = open_set(folder).items[:: asked.every]
        print(f"\n{folder.name}, {len(items)} plates\n")
        print("| threshold | regions | SAD | soft MAD |\n|---:|---:|---:|---:|")
        for threshold in asked.thresholds:
            engine.config = replace(config, refiner=replace(config.refiner, low=threshold))
            share, distance, soft = scores(matting, items)
            print(f"| {threshold:g} | {share:.3f} | {distance:.3f} | {soft:.4f} |", flush=True)


if __name__ == "__main__":
    main()
