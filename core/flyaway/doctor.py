"""What is installed, which devices work, and how fast: by running a real frame on each."""

from __future__ import annotations

import platform
import statistics
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

import flyaway
from flyaway.engines.base import ENGINES
from flyaway.errors import FlyawayError
from flyaway.weights import earlier_models, list_models, verified

if TYPE_CHECKING:
    from flyaway.matting import Matting

PACKAGES = (
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "torch",
    "safetensors",
    "OpenImageIO",
    "fileseq",
    "typer",
    "rich",
)
HD = (1080, 1920)
_RUNS = 3


@dataclass(frozen=True)
class DeviceCheck:
    """One engine on one device.

    Attributes:
        engine, device: what was tried.
        milliseconds: median time of one HD frame, or None if it did not work.
        refined: share of cells that were refined.
        problem: why it did not work, or "".
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
    """Every released model and earlier version → "" if its files are those released, else what is wrong."""
    problems: dict[str, str] = {}
    for name, info in (list_models() | earlier_models()).items():
        problems[name] = ""
        for file in info.files.values():
            try:
                verified(file)
            except FlyawayError as error:
                problems[name] = str(error)
    return problems


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


def sample_plate(height: int, width: int) -> NDArray[np.uint8]:
    """A drawn figure with a soft outline before a textured wall: something to refine, without a photograph.

    Returns:
        height×width×3 uint8, sRGB.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = (y / height - 0.5) * 2, (x - width / 2) / height * 2
    head = 1 - np.hypot(x, (y + 0.35) * 0.8) / 0.34
    body = 1 - np.hypot(x * 0.9, (y - 1.05) * 0.75) / 0.75
    coverage = np.clip(np.maximum(head, body) * 12 + 0.5, 0, 1)[..., None]
    grain = np.random.default_rng(1).normal(0, 4, (height, width, 1)).astype(np.float32)
    wall = 95 + 35 * np.sin(x * 9)[..., None] * np.cos(y * 7)[..., None] * np.array([1, 0.9, 0.7], np.float32)
    skin = np.array([205, 160, 135], np.float32) * (0.8 + 0.2 * np.cos(x * 2))[..., None]
    plate: NDArray[np.float32] = skin * coverage + wall * (1 - coverage) + grain
    return np.clip(plate, 0, 255).astype(np.uint8)


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
