"""What is installed, which devices work, and how fast: by running a real frame on each."""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np

import flyaway
from flyaway.earlier import earlier_remedy
from flyaway.engines.base import DEFAULT_ENGINE, ENGINES
from flyaway.errors import FlyawayError, MissingPackageError
from flyaway.pictures.drawn import sample_plate
from flyaway.weights import TORCH, ModelInfo, earlier_models, list_models, verified

if TYPE_CHECKING:
    from flyaway.matting import Matting

PACKAGES = (
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "torch",
    "safetensors",
    "OpenImageIO",
    "fileseq",
    "typer",
    "rich",
)
HD = (1080, 1920)
_RUNS = 3
_QUICKER = 0.95  # of the default engine's time; what is less of a gain is not worth another engine


@dataclass(frozen=True)
class DeviceCheck:
    """One engine on one device.

    Attributes
    ----------
    engine, device : what was tried.
    milliseconds : median time of one HD frame, or None if it did not work.
    refined : share of cells that were refined.
    problem : why it did not work, or "".
    """

    engine: str
    device: str
    milliseconds: float | None = None
    refined: float = 0.0
    problem: str = ""


def installed() -> dict[str, str]:
    """Versions of what matters here; "" where a package is not installed."""
    versions = {
        "flyaway": flyaway.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
    }
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = ""
    return versions


def check_weights() -> dict[str, str]:
    """Every released model and earlier version → "" if its files are those released, else what is wrong.

    Earlier versions are left out where their package is not installed: few need it (see `advice`). So are
    their copies for torch.
    """
    problems: dict[str, str] = {}
    for name, info in (list_models() | earlier_models()).items():
        found = _problem(info)
        if found is not None:
            problems[name] = found
    return problems


def _problem(info: ModelInfo) -> str | None:
    """What is wrong with a model's files, "" for nothing; None where their package is not installed."""
    for role, file in info.files.items():
        try:
            verified(file)
        except MissingPackageError:
            if role != TORCH:
                return None
        except FlyawayError as error:
            return str(error)
    return ""


def check_devices(model: str, *, run: bool = True) -> list[DeviceCheck]:
    """Run a frame on every device of every engine that is installed; without `run` only list them."""
    checks = []
    for engine in ENGINES:
        try:
            devices = flyaway.available_devices(engine)
        except (FlyawayError, ImportError) as error:
            checks.append(DeviceCheck(engine, "", problem=str(error)))
            continue
        checks += [
            _check_device(model, engine, device) if run else DeviceCheck(engine, device) for device in devices
        ]
    return checks


def advice(checks: Sequence[DeviceCheck], packages: Mapping[str, str]) -> list[str]:
    """Which engine runs, why, and what would be quicker.

    Parameters
    ----------
    checks : of `check_devices`.
    packages : of `installed`.
    """
    lines = [
        f"{DEFAULT_ENGINE} runs unless --engine names another one: what else is installed changes no matte"
    ]
    if not packages.get("openvino"):
        lines.append(
            "openvino is not installed: on some processors it may be quicker (docs/performance.md); "
            "pip install openvino, and this command times it"
        )
    if earlier := [name for name, info in earlier_models().items() if not info.installed]:
        lines.append(
            f"{', '.join(earlier)} are not installed; shows that were begun with one of them go on with it: "
            + earlier_remedy()
        )
    times = {(one.engine, one.device): one.milliseconds for one in checks if one.milliseconds is not None}
    for (engine, device), milliseconds in times.items():
        usual = times.get((DEFAULT_ENGINE, device))
        if engine != DEFAULT_ENGINE and usual is not None and milliseconds <= _QUICKER * usual:
            lines.append(
                f"{engine} took {milliseconds / usual:.2f} of {DEFAULT_ENGINE}'s time on {device} just now: "
                f"--engine {engine}; a show that was begun with one engine is best finished with it"
            )
    return lines


def _check_device(model: str, engine: str, device: str) -> DeviceCheck:
    try:
        matting: Matting = flyaway.load(model, device=device, engine=engine)
        plate = sample_plate(*HD)
        matte = matting(plate, encoding="srgb")
        seconds = []
        for _ in range(_RUNS):
            started = time.perf_counter()
            matte = matting(plate, encoding="srgb")
            seconds.append(time.perf_counter() - started)
    except Exception as error:  # a driver may fail in any way; that is what this command is for
        return DeviceCheck(engine, device, problem=f"{type(error).__name__}: {error}")
    return DeviceCheck(engine, device, statistics.median(seconds) * 1000, float(np.mean(matte.cells)))
