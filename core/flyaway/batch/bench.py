"""How fast the batch is: each stage alone, all three together, start-up, and what a frame costs besides.

A pipeline is good when the whole takes as long as its slowest stage alone. Where the network runs on
the same cores as reading and writing, the cores are what is shared, and CPU-seconds are reported too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import OpenImageIO as oiio

from flyaway.batch.options import RunOptions
from flyaway.batch.pipeline import Limits
from flyaway.batch.plan import Plan, Target, plan_shot
from flyaway.batch.run import run_plan
from flyaway.color import srgb_to_linear
from flyaway.errors import WriteError
from flyaway.frames.read import read_plate
from flyaway.frames.write import store_matte
from flyaway.pictures.drawn import sample_plate
from flyaway.weights import ModelInfo

if TYPE_CHECKING:
    from flyaway.matting import Matting

_TINY = 16


@dataclass(frozen=True)
class Row:
    """One size, one kind of network.

    Attributes
    ----------
    width, height, frames : what was run.
    network : a model's name, or "waits N ms".
    read, work, write : seconds a frame of each stage alone, with as many threads as the pipeline has.
    together : seconds a frame of the whole, journal and proof included.
    cpu : CPU-seconds a frame of the whole, all threads.
    peak : bytes on their way at most.
    """

    width: int
    height: int
    frames: int
    network: str
    read: float
    work: float
    write: float
    together: float
    cpu: float
    peak: int

    @property
    def slowest(self) -> float:
        """Seconds a frame of the slowest stage alone."""
        return max(self.read, self.work, self.write)

    @property
    def ratio(self) -> float:
        """The whole against its slowest stage; 1 is perfect."""
        return self.together / self.slowest

    def as_json(self) -> dict[str, Any]:
        """The row as plain JSON values."""
        return {**vars(self), "slowest": self.slowest, "ratio": self.ratio}


class Waiting:
    """Stands in for a network that runs elsewhere (on a GPU): it waits, and computes nothing."""

    device = "elsewhere"

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.info = cast(
            "ModelInfo",
            SimpleNamespace(
                name=f"waits {seconds * 1000:.0f} ms", licence="none", files={}, reads_encoded=False
            ),
        )

    def __call__(self, plate: np.ndarray[Any, Any], **_options: object) -> Any:
        """A matte after the wait: the plate's green, H×W float32."""
        time.sleep(self._seconds)
        return SimpleNamespace(alpha=plate[..., 1].clip(0, 1).astype(np.float32))


def measure(
    matting: Matting | Waiting, folder: Path, width: int, height: int, frames: int, limits: Limits
) -> Row:
    """Time each stage alone, then the whole.

    Parameters
    ----------
    matting : a model, or `Waiting`.
    folder : on the disk that is to be measured; a folder is made in it, and removed.
    width, height, frames : of the plates, EXR half, ZIP.
    limits : threads and bytes.
    """
    with tempfile.TemporaryDirectory(prefix="flyaway-bench-", dir=folder) as made:
        root = Path(made)
        plan = make_plan(root, width, height, frames)
        plate = read_plate(plan.tasks[0].source)
        pixels, encoding = plate.for_matting()
        matting(pixels, encoding=encoding)
        alpha = matting(pixels, encoding=encoding).alpha

        def write(number: int) -> None:
            store_matte(root / "alone" / f"m.{number}.exr", alpha, plate)

        def read(number: int) -> None:
            read_plate(plan.tasks[number].source).for_matting()

        reading = _alone(read, frames, limits.readers)
        working = _alone(lambda _: matting(pixels, encoding=encoding), max(3, frames // 4), 1)
        writing = _alone(write, frames, limits.writers)
        cpu, started = time.process_time(), time.perf_counter()
        report = run_plan(cast("Matting", matting), plan, RunOptions(existing="overwrite", limits=limits))
        wall, cpu = time.perf_counter() - started, time.process_time() - cpu
        if report.exit_code:
            raise WriteError(f"the bench's own frames failed: {report.failures[0].error}", path=root)
    name = matting.info.name
    return Row(
        width, height, frames, name, reading, working, writing, wall / frames, cpu / frames, report.peak_bytes
    )


def overhead(folder: Path, frames: int = 200) -> float:
    """Seconds a frame that a run costs besides pixels: tiny frames, no network."""
    with tempfile.TemporaryDirectory(prefix="flyaway-bench-", dir=folder) as made:
        plan = make_plan(Path(made), _TINY, _TINY, frames)
        started = time.perf_counter()
        run_plan(cast("Matting", Waiting(0)), plan, RunOptions(existing="overwrite"))
        return (time.perf_counter() - started) / frames


def cold_start(folder: Path, model: str, device: str) -> float:
    """Seconds from nothing to the first (tiny) matte on disk, in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="flyaway-bench-", dir=folder) as made:
        plan = make_plan(Path(made), 64, 64, 1)
        words = [sys.executable, "-m", "flyaway", "matte", str(plan.tasks[0].source), "-o"]
        words += [str(Path(made) / "first.exr"), "--model", model, "--device", device]
        started = time.perf_counter()
        subprocess.run(words, check=True, capture_output=True)  # noqa: S603 our own program
        return time.perf_counter() - started


def make_plan(root: Path, width: int, height: int, frames: int) -> Plan:
    """Plates on disk (each another, so that no cache helps), and a plan for them."""
    (root / "plates").mkdir()
    drawn = srgb_to_linear(sample_plate(height, width).astype(np.float32) / np.float32(255))
    for number in range(1, frames + 1):
        path = root / "plates" / f"p.{number:06d}.exr"
        spec = oiio.ImageSpec(width, height, 3, "half")
        spec.attribute("compression", "zip")
        target = oiio.ImageOutput.create(str(path))
        pixels = np.ascontiguousarray(np.roll(drawn, number * 7, axis=1))
        if target is None or not (
            target.open(str(path), spec) and target.write_image(pixels) and target.close()
        ):
            raise WriteError("the bench's plates cannot be written; is the disk full?", path=path)
    target_path = str(root / "mattes" / "m.######.exr")
    return plan_shot("bench", str(root / "plates" / "p.######.exr"), [Target(target_path)])


def markdown(rows: list[Row]) -> str:
    """The rows as a table."""
    lines = [
        "| frame | network | read | network | write | slowest | together | ratio | CPU/cores | peak MB |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    cores = os.cpu_count() or 1
    for row in rows:
        stages = " | ".join(f"{1000 * value:.0f}" for value in (row.read, row.work, row.write, row.slowest))
        lines.append(
            f"| {row.width}×{row.height} | {row.network} | {stages} | {1000 * row.together:.0f} |"
            f" {row.ratio:.2f} | {1000 * row.cpu / cores:.0f} | {row.peak / 1e6:.0f} |"
        )
    return "\n".join(lines)


def _alone(do: Callable[[int], object], frames: int, threads: int) -> float:
    """Seconds a frame of one stage by itself."""
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        list(pool.map(do, range(frames)))
        return (time.perf_counter() - started) / frames
