"""One process of many threads against many of one: the same frames, EXR in, EXR out, through a real run.

Workers load the model and matte a frame before they say that they are ready; then all begin at once. What
is told is the time from there until the last one has its last matte on disk, journal and proof included.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from flyaway.batch.bench import make_plan
from flyaway.batch.options import RunOptions
from flyaway.batch.pipeline import Limits
from flyaway.batch.plan import Target, plan_shot
from flyaway.batch.run import run_plan
from flyaway.errors import EngineError

READY = "ready"


@dataclass(frozen=True)
class Arrangement:
    """So many processes, of so many threads each."""

    processes: int
    threads: int

    @property
    def name(self) -> str:
        """How a table names it."""
        return f"{self.processes} × {self.threads} thread{'s' if self.threads > 1 else ''}"


@dataclass(frozen=True)
class Throughput:
    """What an arrangement did. `seconds`: wall time of all `frames` together, the least of the rounds."""

    arrangement: Arrangement
    width: int
    height: int
    frames: int
    seconds: float

    @property
    def per_core_hour(self) -> float:
        """Frames an hour a core that was given."""
        given = self.arrangement.processes * self.arrangement.threads
        return 3600 * self.frames / self.seconds / given


def arrangements(cores: int) -> list[Arrangement]:
    """One process with all cores, and a process a core."""
    return list(dict.fromkeys([Arrangement(1, cores), Arrangement(cores, 1)]))


def measure(
    which: Sequence[Arrangement], model: str, folder: Path, width: int, height: int, frames: int, rounds: int
) -> list[Throughput]:
    """Time the arrangements in turns.

    Parameters
    ----------
    which : all that are to be compared.
    model : its name.
    folder : on the disk that is to be measured; a folder is made in it, and removed.
    width, height, frames : of the plates, EXR half, ZIP.
    rounds : how often each is timed, every time in fresh processes; every second round backwards.
    """
    best: dict[Arrangement, float] = {}
    with tempfile.TemporaryDirectory(prefix="flyaway-bench-", dir=folder) as made:
        root = Path(made)
        make_plan(root, width, height, frames)
        for number in range(rounds):
            for one in which if number % 2 == 0 else reversed(which):
                seconds = _timed(one, model, root, frames)
                best[one] = min(best.get(one, seconds), seconds)
    return [Throughput(one, width, height, frames, best[one]) for one in which]


def markdown(found: Sequence[Throughput]) -> str:
    """The arrangements as a table."""
    lines = ["| frame | processes | s a frame | frames an hour a core |", "|---|---|---:|---:|"]
    lines += [
        f"| {one.width}×{one.height} | {one.arrangement.name} | {one.seconds / one.frames:.3f} |"
        f" {one.per_core_hour:.0f} |"
        for one in found
    ]
    return "\n".join(lines)


def _timed(arrangement: Arrangement, model: str, root: Path, frames: int) -> float:
    """Seconds from the word to begin until the last process is done."""
    workers = []
    for number in range(arrangement.processes):
        job = {
            "model": model, "threads": arrangement.threads, "root": str(root), "number": number,
            "first": 1 + number * frames // arrangement.processes,
            "last": (number + 1) * frames // arrangement.processes,
        }  # fmt: skip
        words = [sys.executable, "-m", "flyaway.batch.bench_processes", json.dumps(job)]
        environment = os.environ | {"OMP_NUM_THREADS": str(arrangement.threads)}
        workers.append(
            subprocess.Popen(  # noqa: S603 our own program
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
            )
        )
    try:
        for worker in workers:
            if _line(worker) != READY:
                raise EngineError("a process of the bench ended before it was ready: see its message above")
        started = time.perf_counter()
        for worker in workers:
            _tell(worker, "go\n")
        for worker in workers:
            worker.wait()
        seconds = time.perf_counter() - started
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    if any(worker.returncode for worker in workers):
        raise EngineError("a process of the bench failed: see its message above")
    return seconds


def _line(worker: subprocess.Popen[str]) -> str:
    return worker.stdout.readline().strip() if worker.stdout is not None else ""


def _tell(worker: subprocess.Popen[str], word: str) -> None:
    if worker.stdin is not None:
        worker.stdin.write(word)
        worker.stdin.flush()


def _work(job: dict[str, str | int]) -> int:
    """Load, matte once, say so, wait for the word, then run this process's frames."""
    import flyaway
    from flyaway.frames.read import read_plate

    root, number = Path(str(job["root"])), int(job["number"])
    mattes = root / f"mattes{number}"
    span = f"{job['first']}-{job['last']}"
    plan = plan_shot(
        f"part {number}", str(root / "plates" / "p.######.exr"), [Target(str(mattes / "m.######.exr"))], span
    )
    matting = flyaway.load(str(job["model"]), device="cpu", threads=int(job["threads"]))
    pixels, encoding = read_plate(plan.tasks[0].source).for_matting()
    matting(pixels, encoding=encoding)
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    sys.stdin.readline()
    limits = replace(Limits(), readers=int(job["threads"]), writers=int(job["threads"]))
    return run_plan(matting, plan, RunOptions(existing="overwrite", limits=limits)).exit_code


if __name__ == "__main__":
    sys.exit(_work(json.loads(sys.argv[1])))
