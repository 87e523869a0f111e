"""Time each matte control at 3840×2160: `python docs/measure_controls.py`.

The matte is a real one (the shipped portrait, by `fast`), resized and laid into an empty UHD frame so that
about the asked-for share of 64 px tiles holds partial coverage. Prints the best and the median of the runs,
on the clock and on this thread's processor time: on a busy machine the latter is what a quiet one would take.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway import edges
from flyaway.controls import Controls, apply
from flyaway.evaluation.pixels import resize
from flyaway.pictures.files import read

HEIGHT, WIDTH = 2160, 3840
PORTRAIT = Path(__file__).parents[1] / "examples" / "portrait.jpg"
ROWS = {
    "levels": Controls(black=0.05, white=0.95),
    "gamma": Controls(gamma=1.4),
    "invert": Controls(invert=True),
    "levels, gamma, invert": Controls(black=0.05, white=0.95, gamma=1.4, invert=True),
    "choke 0.5": Controls(grow=-0.5),
    "choke 3": Controls(grow=-3),
    "soften 2": Controls(soften=2),
    "fill holes 12": Controls(fill_holes=12),
    "choke 0.5, soften 1, fill holes 12": Controls(grow=-0.5, soften=1, fill_holes=12),
}
Float = NDArray[np.float32]


def share(alpha: Float) -> float:
    """Of the 64 px tiles, how many hold partial coverage."""
    return float(edges._near_edges(alpha, 0).mean())  # noqa: SLF001


def frame(wanted: float) -> Float:
    """H×W: the portrait's matte, at the size that comes nearest to a share of partial tiles."""
    plate = read(PORTRAIT)[..., :3]
    found = flyaway.load("fast")(plate).alpha
    best = np.zeros((HEIGHT, WIDTH), np.float32)
    for side in range(600, HEIGHT + 1, 60):
        one = np.zeros((HEIGHT, WIDTH), np.float32)
        one[HEIGHT - side :, :side] = resize(found[..., None], side, side)[..., 0]
        if abs(share(one) - wanted) < abs(share(best) - wanted):
            best = one
    return best


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--unknown", type=float, default=6.0, help="per cent of tiles")
    parser.add_argument("--runs", type=int, default=9)
    args = parser.parse_args()
    alpha = frame(args.unknown / 100)
    print(f"{WIDTH}×{HEIGHT}, {100 * share(alpha):.1f} % of tiles partial")
    print("| control | best ms | median ms | best, processor ms |\n|---|---:|---:|---:|")
    for name, controls in ROWS.items():
        clock, thread = [], []
        for _ in range(args.runs):
            began, used = time.perf_counter(), time.thread_time()
            apply(alpha, controls)
            clock.append(1000 * (time.perf_counter() - began))
            thread.append(1000 * (time.thread_time() - used))
        print(f"| {name} | {min(clock):.0f} | {statistics.median(clock):.0f} | {min(thread):.0f} |")


if __name__ == "__main__":
    main()
