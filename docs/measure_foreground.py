"""What the person's own colour costs beside the matte: `OMP_NUM_THREADS=1 python docs/measure_foreground.py`.

The shipped portrait, enlarged to the frame's height, at HD and UHD. Prints milliseconds of processor time of
a call of `fast` on one thread and of `matte.foreground`, the least of the runs, and the memory that the
colour takes beyond its own result.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

import flyaway
from flyaway.evaluation.pixels import resize
from flyaway.pictures.files import read

PORTRAIT = Path(__file__).parents[1] / "examples" / "portrait.jpg"


def least(work: Callable[[], object], runs: int) -> float:
    """Milliseconds of processor time of the quickest run."""
    found = []
    for _ in range(runs):
        began = time.process_time()
        work()
        found.append(1000 * (time.process_time() - began))
    return min(found)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    picture = read(PORTRAIT)[..., :3]
    matting = flyaway.load("fast", threads=1)
    print("| frame | soft pixels | call | foreground | of the call | memory beside the result |")
    print("|---|---:|---:|---:|---:|---:|")
    for height, width in ((1080, 1920), (2160, 3840)):
        plate = np.full((height, width, 3), 0.2, np.float32)
        plate[:, width // 8 : width // 8 + height] = resize(picture, height, height)
        matte = matting(plate)
        call, own = (least(partial(work, plate), runs) for work in (matting, matte.foreground))
        tracemalloc.start()
        colour = matte.foreground(plate)
        beside = tracemalloc.get_traced_memory()[1] - colour.nbytes
        tracemalloc.stop()
        soft = float(((matte.alpha > 0) & (matte.alpha < 1)).mean())
        columns = f"{100 * soft:.1f} % | {call:.0f} ms | {own:.0f} ms | {100 * own / call:.0f} %"
        print(f"| {width}×{height} | {columns} | {beside / 2**20:.0f} MB |", flush=True)


if __name__ == "__main__":
    main()
