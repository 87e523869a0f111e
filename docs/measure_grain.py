"""What grain does to the matte of a large shot: `python docs/measure_grain.py SET --only 4096 --grain 2 4 8`.

Each plate of a set with exact alpha becomes a shot of some frames that stands still (or is seen `--step` px
farther to the right in each) under grain of so many levels, new in each frame. Told of the last frame, in
the soft band (0.05 to 0.95): error, and how much alpha has changed since the one before. Columns: `MODEL` as
a shot, its detail not held, without steadiness, looking at the plate as it is, and RVM with memory.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway import matting as module
from flyaway.evaluation.layouts import open_set
from flyaway.yardsticks.rvm import RobustVideoMatting

Bytes = NDArray[np.uint8]
Float = NDArray[np.float32]
FRAMES = 6


def frames(plate: Bytes, truth: Float, grain: float, step: float) -> Iterator[tuple[Bytes, Float]]:
    """The shot's frames and their exact alpha."""
    width = plate.shape[1] - math.ceil(FRAMES * step)
    for number in range(FRAMES):
        part, whole = math.modf(number * step)
        window = slice(int(whole), int(whole) + width)
        noise = np.random.default_rng(number).normal(0, grain, (plate.shape[0], width, 3))
        seen, cover = shifted(plate, part)[:, window], shifted(truth, part)[:, window].clip(0, 1)
        yield np.clip(np.rint(seen + noise), 0, 255).astype(np.uint8), cover


def shifted(picture: NDArray[Any], by: float) -> NDArray[Any]:
    """H×W×C or H×W, seen by a fraction of a pixel farther to the right: by its spectrum, so nothing blurs."""
    if by == 0:
        return picture
    turns = np.exp(2j * np.pi * by * np.fft.rfftfreq(picture.shape[1]))
    turned = np.fft.rfft(picture, axis=1) * turns.reshape(1, -1, *[1] * (picture.ndim - 2))
    return np.fft.irfft(turned, picture.shape[1], axis=1).astype(np.float32)


def measured(matte: Callable[[Bytes], Float], shot: Iterator[tuple[Bytes, Float]]) -> tuple[float, float]:
    """Error in the soft band of the last frame, and what changed there since the one before."""
    last, change, error = None, 0.0, 0.0
    for plate, truth in shot:
        alpha, soft = matte(plate), (truth > 0.05) & (truth < 0.95)
        error = float(np.abs(alpha - truth)[soft].mean())
        if last is not None:
            change = float(np.abs(alpha - last)[soft].mean())
        last = alpha
    return error, change


def matters(model: str) -> Iterator[tuple[str, Callable[[Bytes], Float]]]:
    """What is compared, each ready for one shot."""
    matting = flyaway.load(model, device="cpu", threads=1)
    shot = matting.shot()
    yield "as a shot", lambda plate: shot(plate).alpha
    loose = matting.shot()
    unheld = mock.patch.object(module, "hold", return_value=None)

    def without(plate: Bytes) -> Float:
        with unheld:
            return loose(plate).alpha

    yield "detail not held", without
    bare = matting.shot(steadiness=0)
    yield "steadiness 0", lambda plate: bare(plate).alpha
    whole = flyaway.load(model, device="cpu", threads=1)
    whole.info = replace(whole.info, config={**whole.info.config, "view": 0})
    as_it_is = whole.shot()
    yield "plate as it is", lambda plate: as_it_is(plate).alpha
    rvm = RobustVideoMatting("cpu", 1, passes=1, memory=True)
    yield "RVM", lambda plate: np.asarray(rvm(plate), np.float32)


def main() -> None:
    """One row a grain: error · change."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--model", default="fast")
    parser.add_argument("--only", default="", help="plates whose names end so")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--grain", type=float, nargs="+", default=(2, 4, 8))
    parser.add_argument("--step", type=float, default=0)
    asked = parser.parse_args()
    items = [item for item in open_set(asked.set).items if item.name.endswith(asked.only)][:: asked.every]
    print(f"{asked.set.name}, {len(items)} plates, {asked.step:g} px a frame: soft MAD · change in it\n")
    for grain in asked.grain:
        rows: dict[str, list[tuple[float, float]]] = {}
        for item in items:
            plate, truth = item.load_plate(), item.load_alpha()
            for name, matte in matters(asked.model):
                rows.setdefault(name, []).append(measured(matte, frames(plate, truth, grain, asked.step)))
        told = (
            f"{name} {np.mean([e for e, _ in r]):.4f} · {np.mean([c for _, c in r]):.4f}"
            for name, r in rows.items()
        )
        print(f"grain {grain:g}: " + " | ".join(told), flush=True)


if __name__ == "__main__":
    main()
