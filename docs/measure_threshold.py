"""What is lost if fewer regions are refined: `python docs/measure_threshold.py SET … --every 6`.

A region is refined where the coarse stage's doubt is above a threshold somewhere in it. At the released one
(`RefinerConfig.low`) the refiner's correction begins to be blended in, so that a region left out would have
been as it is; a higher one leaves out regions in which it would have had little weight. SET is a folder of
`NAME.png` and `NAME.alpha.png`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

import flyaway
from flyaway.engines.host_loop import HostLoop
from flyaway.evaluation.metrics import sad

THRESHOLDS = (0.08, 0.12, 0.16, 0.2, 0.24, 0.32, 0.4)


def read(path: Path) -> NDArray[np.uint8]:
    """A picture as it is stored."""
    with Image.open(path) as picture:
        return np.asarray(picture)


def scores(matting: flyaway.Matting, plates: list[Path]) -> NDArray[np.float64]:
    """Means over plates: the share of regions that is refined, SAD, and the distance of soft pixels."""
    rows = []
    for path in plates:
        truth = read(path.with_suffix("").with_suffix(".alpha.png")).astype(np.float32) / 255
        matte = matting(read(path)[..., :3], "srgb")
        soft = (truth > 0.05) & (truth < 0.95)
        away = float(np.abs(matte.alpha - truth)[soft].mean()) if soft.any() else np.nan
        rows.append((matte.cells.mean(), sad(matte.alpha, truth), away))
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
        alphas = sorted(folder.glob("*.alpha.png"))[:: asked.every]
        plates = [path.with_name(path.name.replace(".alpha.png", ".png")) for path in alphas]
        print(f"\n{folder.name}, {len(plates)} plates\n")
        print("| threshold | regions | SAD | soft MAD |\n|---:|---:|---:|---:|")
        for threshold in asked.thresholds:
            engine.config = replace(config, refiner=replace(config.refiner, low=threshold))
            share, distance, soft = scores(matting, plates)
            print(f"| {threshold:g} | {share:.3f} | {distance:.3f} | {soft:.4f} |", flush=True)


if __name__ == "__main__":
    main()
