"""How fast a model is here: each configuration in a fresh process, with a forced share of unknown cells.

The cost of a frame depends on how much of it is refined, so the cells are forced and not left to the picture;
the plate can then be made by code (a gradient with noise) and no photograph is needed. The forced cells lie
along the outline of an ellipse, as unknown cells do in a portrait, because attention between neighbouring
cells costs what it costs where they have neighbours.

A fresh process for each configuration keeps one configuration's memory out of the peak of the next.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.bench_worker import force_cells
from flyaway.engines.base import DEFAULT_ENGINE
from flyaway.errors import EngineError, FlyawayError
from flyaway.machine import busy, cores, environment, environment_line
from flyaway.pictures.drawn import gradient_plate

SIZES = {"HD": (1920, 1080), "UHD": (3840, 2160)}
SHARES = (0.03, 0.06, 0.13)
RUNS = 20
WARM_UP = 3
RVM = "RVM-MobileNetV3"
FORMAT = 1


@dataclass(frozen=True)
class Configuration:
    """One configuration. ``share`` is the forced share of unknown cells, None for RVM, which has none."""

    model: str
    width: int
    height: int
    share: float | None = None
    device: str = "auto"
    engine: str = DEFAULT_ENGINE
    threads: int | None = None
    runs: int = RUNS


@dataclass(frozen=True)
class Timing:
    """What a job took. Times are in milliseconds, memory in 10⁶ bytes.

    Attributes
    ----------
    device : the device that it ran on.
    cells : how many cells were refined.
    median, p95 : wall time of one call, plate in (uint8), alpha out (float32).
    stages : median of each stage of `Matting.timings`; what is missing to the whole is spent around the
        network, on the plate's type and encoding and on the trimap.
    memory : high-water mark of the whole process's resident memory; None where the system does not say.
    device_memory : growth of the GPU's memory in use; None without one.
    """

    device: str
    cells: int
    median: float
    p95: float
    stages: dict[str, float]
    memory: float | None
    device_memory: float | None


def plan(
    models: Sequence[str],
    *,
    sizes: Sequence[tuple[int, int]] = tuple(SIZES.values()),
    shares: Sequence[float] = SHARES,
    with_rvm: bool = True,
    **options: Any,
) -> list[Configuration]:
    """All that is to be timed: size by size, the models first; ``options`` are fields of `Configuration`."""
    jobs = []
    for width, height in sizes:
        jobs += [Configuration(name, width, height, share, **options) for name in models for share in shares]
        if with_rvm:
            jobs.append(Configuration(RVM, width, height, **options))
    return jobs


def measure(job: Configuration) -> Timing:
    """Time a job in this process."""
    plate = gradient_plate(job.width, job.height)
    memory_before = _device_memory()
    call, device, cells = _open_rvm(job) if job.share is None else _open_model(job, plate)
    for _ in range(WARM_UP):
        call(plate)
    times, stages = [], []
    for _ in range(job.runs):
        start = time.perf_counter()
        stages.append(call(plate))
        times.append(time.perf_counter() - start)
    used = _device_memory()
    on_gpu = device != "cpu" and used is not None and memory_before is not None
    return Timing(
        device=device,
        cells=cells,
        median=1000 * float(np.median(times)),
        p95=1000 * float(np.percentile(times, 95)),
        stages={
            name: 1000 * float(np.median([stage.get(name, 0.0) for stage in stages])) for name in stages[-1]
        },
        memory=_peak_memory(),
        device_memory=used - memory_before if on_gpu else None,  # type: ignore[operator]
    )


Call = Callable[[NDArray[np.uint8]], dict[str, float]]
"""Mattes a plate; gives the seconds of each stage."""


def _open_model(job: Configuration, plate: NDArray[np.uint8]) -> tuple[Call, str, int]:
    import flyaway

    matting = flyaway.load(job.model, device=job.device, engine=job.engine, threads=job.threads)
    cells = force_cells(matting.grid(*plate.shape[:2]), job.share or 0.0)

    def call(image: NDArray[np.uint8]) -> dict[str, float]:
        matting(image, encoding="srgb", cells=cells)
        # The torch engine does not tell all stages apart; those it does not time stay at zero.
        return {stage: seconds for stage, seconds in matting.timings.items() if seconds > 0}

    return call, matting.device, int(cells.sum())


def _open_rvm(job: Configuration) -> tuple[Call, str, int]:
    from flyaway.yardsticks.rvm import RobustVideoMatting

    # One pass: what a frame of a video costs. (Scores on stills take two.)
    network = RobustVideoMatting(job.device, job.threads, passes=1)

    def call(image: NDArray[np.uint8]) -> dict[str, float]:
        network(image)
        return {}

    return call, network.device, 0


def measure_fresh(job: Configuration) -> Timing:
    """Time a job in a process of its own.

    Raises
    ------
    FlyawayError : the process's own message, if it failed.
    """
    what = f"Timing {job.model} at {job.width}×{job.height}"
    process = subprocess.run(
        [sys.executable, "-m", "flyaway.bench"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(process.stdout)
    except ValueError:
        last = (process.stderr.strip().splitlines() or ["no message"])[-1]
        raise EngineError(
            f"{what}: the process ended with exit status {process.returncode}: {last}"
        ) from None
    if "error" in answer:
        raise EngineError(f"{what}: {answer['error']}")
    return Timing(**answer)


def markdown(timings: Sequence[tuple[Configuration, Timing]]) -> str:
    """The timings as a table."""
    lines = [
        "| model | frame | unknown | device | median ms | p95 ms | frames/s | peak MB | ms a stage |",
        "| --- | --- | ---: | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for job, timing in timings:
        unknown = "–" if job.share is None else f"{job.share:.0%} ({timing.cells})"
        stages = ", ".join(f"{name} {milliseconds:.1f}" for name, milliseconds in timing.stages.items())
        memory = "–" if timing.memory is None else f"{timing.memory:.0f}"
        if timing.device_memory is not None:
            memory += f" + {timing.device_memory:.0f} GPU"
        lines.append(
            f"| {job.model} | {job.width}×{job.height} | {unknown} | {timing.device} | {timing.median:.1f} "
            f"| {timing.p95:.1f} | {1000 / timing.median:.2f} | {memory} | {stages or '–'} |"
        )
    return "\n".join(lines)


def as_json(timings: Sequence[tuple[Configuration, Timing]], load: float | None) -> str:
    """The timings, the machine and how busy it was, as JSON."""
    document = {
        "format": FORMAT,
        "environment": environment(),
        "load": load,
        "busy": busy(load, cores()),
        "rows": [asdict(job) | asdict(timing) for job, timing in timings],
    }
    return json.dumps(document, indent=1, ensure_ascii=False)


def remarks(jobs: Sequence[Configuration], load: float | None) -> list[str]:
    """What a reader must know: the machine, whether it was busy, how it was measured."""
    threads = jobs[0].threads
    lines: list[str] = [
        environment_line(),
        f"{jobs[0].runs} runs after {WARM_UP} to warm up; CPU threads: {threads or 'the engine chooses'}",
        "plate (uint8) in, alpha (float32) out, no files; each row in a fresh process, its memory whole",
        "the plate is synthetic (a gradient with noise): the unknown cells are forced, along an ellipse",
    ]
    if any(job.engine == "torch" and job.share is not None for job in jobs):
        lines.append("the torch engine times its network as one stage, under the name of the last")
    if any(job.share is None for job in jobs):
        lines.append(f"{RVM}: one pass a frame, coarse stage at 512 px on the long side")
    if busy(load, cores()):
        lines.append(
            f"THE MACHINE IS BUSY: load {load:.2f} on {cores()} cores before the first run; expect less of "
            "these timings on an idle one"
        )
    return lines


def _peak_memory() -> float | None:
    """High-water mark of this process's resident memory in 10⁶ bytes."""
    status = Path("/proc/self/status")
    if status.is_file():
        # Not getrusage: on Linux its mark survives exec, so a child would start from its parent's size.
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return None


def _device_memory() -> float | None:
    """Memory in use on the first NVIDIA GPU in 10⁶ bytes, of all processes; None without one."""
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "--id=0"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, check=True, timeout=20)  # noqa: S603
        return float(answer.stdout) * 2**20 / 1e6
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def _main() -> None:
    """A job as JSON from standard input, its timing as JSON on standard output."""
    try:
        answer = asdict(measure(Configuration(**json.load(sys.stdin))))
    except FlyawayError as error:
        answer = {"error": str(error)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    _main()
