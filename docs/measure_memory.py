"""What grows with the number of frames: memory, files and journal of a long shot, real network, 32×32 plates.

    python docs/measure_memory.py shot [--frames 100000]
    python docs/measure_memory.py job [--frames 100000] [--minutes 10] [--folder FOLDER]

`shot` hands drawn frames to `matting.shot()`; `job` runs `flyaway.batch.run_plan` over that many plates (hard
links to eight files), with journal, states and report. One line at 1,000 frames and at each tenth of the way.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

import flyaway
from flyaway.batch import RunOptions, Target, plan_shot, run_plan

SIDE, DRAWN, FIRST = 32, 8, 1_000  # px; different plates; the frame that others are compared with


def plates() -> list[NDArray[np.float32]]:
    """A bright disc that moves over grain; after eight frames it is back, so that no cut is noticed."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    found = []
    for number in range(DRAWN):
        centre = SIDE / 2 + 4 * np.sin(2 * np.pi * number / DRAWN)
        disc = np.clip(10 - np.hypot(x - centre, y - SIDE / 2), 0, 1)
        grain = np.random.default_rng(number).normal(0, 0.01, (SIDE, SIDE, 3))
        found.append(np.clip(0.2 + 0.6 * disc[..., None] + grain, 0, 1).astype(np.float32))
    return found


def resident() -> int:
    """Bytes of this process that are in memory now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Watch:
    """Prints what there is at 1,000 frames and at each tenth of the way, and keeps it.

    Parameters
    ----------
    frames : of the whole.
    more : what else is counted.
    """

    def __init__(self, frames: int, more: Callable[[], dict[str, int]] = dict) -> None:
        self.rows: list[dict[str, int]] = []
        self._at = {min(FIRST, frames), *(frames * tenth // 10 for tenth in range(1, 11))}
        self._more, self.done = more, 0

    def frame(self) -> None:
        """A frame is done."""
        self.done += 1
        if self.done in self._at:
            self.add()

    def add(self) -> None:
        """One more line."""
        self.rows.append({"frame": self.done, "resident": resident(), **self._more()})
        print(json.dumps(self.rows[-1]), flush=True)


def shot(matting: flyaway.Matting, frames: int) -> Watch:
    """All frames through one shot."""
    drawn, watch = plates(), Watch(frames)
    with matting.shot() as one:
        for number in range(frames):
            one(drawn[number % DRAWN], "srgb", frame=number + 1, refine=False, reread=False)
            watch.frame()
    return watch


def job(matting: flyaway.Matting, frames: int, minutes: float, folder: Path) -> Watch:
    """All frames through a run, as many as there is time for; then the same again, which skips them."""
    source = _linked(folder / "plates", frames)
    out = folder / "mattes"
    plan = plan_shot("long", source, [Target(str(out / "m.######.png"))])

    def files() -> dict[str, int]:
        state = [path.stat().st_size for path in (out / ".flyaway").iterdir()]
        return {"state_files": len(state), "state_bytes": sum(state)}

    watch, until = Watch(frames, files), time.monotonic() + 60 * minutes
    options = RunOptions(existing="resume", refine=False)
    report = run_plan(matting, plan, options, lambda _: watch.frame(), stop=lambda: time.monotonic() > until)
    if report.interrupted:
        watch.add()
    print(f"written {report.counts['written']} of {frames}, failed {report.counts['failed']}", flush=True)
    again = run_plan(matting, plan, options, stop=lambda: True)
    print(f"a run that resumes begins in {again.wall:.1f} s, resident {resident()}")
    return watch


def _linked(folder: Path, frames: int) -> str:
    """That many plates, of which eight lie on the disk; returns their pattern."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, plate in enumerate(plates()):
        pixels = oiio.ImageBuf(oiio.ImageSpec(SIDE, SIDE, 3, "uint8"))
        pixels.set_pixels(oiio.ROI(), plate)
        pixels.write(str(folder / f"drawn.{number}.png"))
    for number in range(frames):
        place = folder / f"p.{number + 1:06d}.png"
        if not place.exists():
            place.hardlink_to(folder / f"drawn.{number % DRAWN}.png")
    return str(folder / "p.######.png")


def main() -> None:
    """Measure, and say by how much memory grew after the first thousand frames."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("through", choices=["shot", "job"])
    parser.add_argument("--frames", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=10, help="after which a job is stopped")
    parser.add_argument("--folder", type=Path, help="for a job's files; a temporary one if not given")
    parser.add_argument("--model", default="fast")
    asked = parser.parse_args()
    matting = flyaway.load(asked.model, device="cpu", threads=1)
    if asked.through == "shot":
        watch = shot(matting, asked.frames)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            watch = job(matting, asked.frames, asked.minutes, asked.folder or Path(scratch))
    first, last = watch.rows[0], watch.rows[-1]
    grown = (last["resident"] - first["resident"]) / 2**20
    print(f"from frame {first['frame']} to frame {last['frame']}: {grown:+.1f} MiB resident")


if __name__ == "__main__":
    main()
