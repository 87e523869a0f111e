"""What all tests share: real pictures on disk, and skips that continuous integration does not accept."""

from __future__ import annotations

import fcntl
import hashlib
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

import flyaway
from flyaway.engines import open_engine
from flyaway.matting import Matting
from flyaway.weights import ModelInfo, model_info

ROOT = Path(__file__).resolve().parents[1]
ASTRONAUT = ROOT / "examples" / "astronaut.png"

WritePlate = Callable[..., Path]


# Packages of extras: without them the modules that need them skip, by name.
OPTIONAL = {
    **dict.fromkeys(("torch", "safetensors", "onnx", "onnxscript", "pymatting", "PIL"), "train"),
    "scipy": "evaluate",
    "av": "movie",
    "cv2": "shots",
}
# A machine may lack these; anything else that is missing must be installed where CI=true.
HARDWARE = ("cuda", "gpu")


# What only a nox session of its own installs, and the variable by which that session says so.
APART = {"openvino": "FLYAWAY_TEST_OPENVINO"}


def refuse_skip(report: pytest.CollectReport | pytest.TestReport) -> None:
    """Locally a missing part skips a test and names it; in continuous integration that is a failure."""
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    accepted = [*HARDWARE, *(name for name, variable in APART.items() if variable not in os.environ)]
    if not any(word in reason.lower() for word in accepted):
        report.outcome = "failed"
        report.longrepr = f"continuous integration must not skip this. {reason}"


def name_what_is_missing(report: pytest.CollectReport) -> None:
    """A test module whose optional package is not installed is a skip that names it, not an error."""
    call = getattr(report, "call", None)
    cause = call.excinfo.value.__cause__ if report.failed and call is not None and call.excinfo else None
    package = (cause.name or "").partition(".")[0] if isinstance(cause, ModuleNotFoundError) else ""
    if package in OPTIONAL:
        wanted = "pillow" if package == "PIL" else f"-e '.[{OPTIONAL[package]}]'"
        reason = f"{package} is not installed: pip install {wanted}"
        report.outcome = "skipped"
        report.longrepr = (report.fspath or report.nodeid, 0, f"Skipped: {reason}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    report = yield
    name_what_is_missing(report)
    refuse_skip(report)
    return report


@pytest.fixture(scope="session")
def astronaut() -> NDArray[np.uint8]:
    """512×512×3 uint8, sRGB: Eileen Collins (NASA, public domain)."""
    source = oiio.ImageInput.open(str(ASTRONAUT))
    pixels = source.read_image(0, 0, 0, 3, oiio.UINT8)
    source.close()
    return np.asarray(pixels)


@pytest.fixture(scope="session")
def write_plate() -> WritePlate:
    """`write_plate(path, pixels, type, channels=…, metadata={…}, window=…, display=…)` → path."""

    def write(
        path: Path,
        pixels: NDArray[Any],
        channel_type: str = "half",
        *,
        channels: tuple[str, ...] | None = None,
        metadata: dict[str, Any] | None = None,
        window: tuple[int, int] = (0, 0),
        display: tuple[int, int, int, int] | None = None,
    ) -> Path:
        height, width, count = pixels.shape
        spec = oiio.ImageSpec(width, height, count, channel_type)
        spec.x, spec.y = window
        if display is not None:
            spec.full_x, spec.full_y, spec.full_width, spec.full_height = display
        if channels is not None:
            spec.channelnames = channels
        spec.attribute("compression", "zip" if path.suffix != ".jpg" else "jpeg:95")
        spec.attribute("oiio:UnassociatedAlpha", 0 if path.suffix == ".exr" else 1)
        for name, value in (metadata or {}).items():
            if isinstance(value, tuple) and isinstance(value[0], str):
                spec.attribute(name, value[0], value[1])
            else:
                spec.attribute(name, value)
        target = oiio.ImageOutput.create(str(path))
        assert target.open(str(path), spec), target.geterror()
        assert target.write_image(np.ascontiguousarray(pixels)), target.geterror()
        assert target.close()
        return path

    return write


@pytest.fixture(scope="session")
def memory_info(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelInfo:
    """A model with memory: the released `fast` as soon as it has one, until then a checkpoint of it.

    That is exported once (most of a minute), and kept by pytest's cache for as long as neither it nor what
    exports it changes.
    """
    released = model_info("fast")
    if "shot" in released.files:
        return released
    pytest.importorskip("torch")
    from flyaway.export.release import release

    checkpoint = ROOT / "models" / "training" / "checkpoints" / "fast-2-wide.fp16.safetensors"
    if not checkpoint.is_file():
        pytest.skip(f"no model with memory is released, and {checkpoint.name} is not here")
    package = Path(flyaway.__file__).parent
    parts = [checkpoint, package / "network_config.py", *sorted(package.glob("network/*.py"))]
    parts += sorted(package.glob("export/*.py"))
    made_of = hashlib.sha256(b"".join(path.read_bytes() for path in parts)).hexdigest()[:16]
    cache = getattr(request.config, "cache", None)
    root = cache.mkdir("models") if cache is not None else tmp_path_factory.mktemp("models")
    folder = root / made_of / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "lock").open("w") as lock:  # tests may run in several processes
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "manifest.json").is_file():
            release(checkpoint, "fast-2", "remembers", folder, "for tests", "GPL-3.0-or-later")
    return model_info("remembers", folder)


@pytest.fixture(scope="session")
def memory(memory_info: ModelInfo) -> Matting:
    """It, loaded on the CPU with one thread."""
    return Matting(memory_info, open_engine(memory_info, "cpu", threads=1))


@pytest.fixture(scope="session")
def cli() -> list[str]:
    """How to start the command line of the installed package in a process of its own."""
    return [sys.executable, "-m", "flyaway"]
