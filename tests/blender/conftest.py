"""A real Blender, with the real zip installed as a user installs it.

`FLYAWAY_TEST_BLENDER` is a Python with `bpy` in an environment of its own, `FLYAWAY_TEST_ZIP` the extension;
`nox -s blender-5.0` makes both. Everything runs in processes of its own with a time limit: a Blender that
crashes or hangs is a failing test, never the end of the run.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray
from tests.conftest import WritePlate

INSIDE = Path(__file__).with_name("inside")
SECONDS = int(os.environ.get("FLYAWAY_TEST_SECONDS", "240"))  # more on a machine that is busy otherwise

# Of the shared plate: its size, and how many frames there are from which on.
SIZE, FRAMES = [256, 256], [3, 1]

Blender = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def blender_python() -> Path:
    """The Python that has bpy."""
    path = os.environ.get("FLYAWAY_TEST_BLENDER")
    if not path:
        pytest.skip(
            "no Blender: set FLYAWAY_TEST_BLENDER to a Python that has bpy, or run nox -s blender-5.0"
        )
    return Path(path)


@pytest.fixture(scope="session")
def extension_zip() -> Path:
    """The extension, as it is released."""
    path = os.environ.get("FLYAWAY_TEST_ZIP")
    if not path:
        pytest.skip("no extension: set FLYAWAY_TEST_ZIP to what blender_addon/build.py made")
    return Path(path)


@pytest.fixture(scope="session")
def resources(blender_python: Path, extension_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder in which the extension is installed."""
    folder = tmp_path_factory.mktemp("user")
    result = run_inside(blender_python, folder, "install.install", {"zip": str(extension_zip)}, enable=False)
    assert result["modules"] == ["bl_ext.user_default.flyaway"], result
    return folder


@pytest.fixture
def blender(blender_python: Path, resources: Path) -> Blender:
    """`blender("module.function", **arguments)` calls a function of `inside/`, in Blender with the add-on."""

    def call(
        function: str, *, enable: bool = True, timeout: float = SECONDS, **arguments: Any
    ) -> dict[str, Any]:
        return run_inside(blender_python, resources, function, arguments, enable=enable, timeout=timeout)

    return call


@pytest.fixture(scope="module")
def plate(
    astronaut: NDArray[np.uint8], write_plate: WritePlate, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The first of three scene-linear plates of 256×256; modules that need others have their own."""
    folder = tmp_path_factory.mktemp("plate")
    linear = to_linear(astronaut)[::2, ::2]
    for index in range(FRAMES[0]):
        write_plate(folder / f"plate.{1 + index:04d}.exr", np.roll(linear, 4 * index, 1), "float")
    return folder / "plate.0001.exr"


def run_inside(
    python: Path,
    resources: Path,
    function: str,
    arguments: dict[str, Any],
    *,
    enable: bool,
    timeout: float = SECONDS,
) -> dict[str, Any]:
    """Run `inside/harness.py`, and return what the function returned."""
    answer = resources / "answer.json"
    answer.unlink(missing_ok=True)
    task = {"function": function, "arguments": arguments, "enable": enable, "answer": str(answer)}
    done = subprocess.run(
        [str(python), str(INSIDE / "harness.py"), json.dumps(task, default=str)],
        env=environment(resources),
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    output = f"{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
    assert done.returncode == 0, f"{function} ended with {done.returncode}:\n{output}"
    result: dict[str, Any] = json.loads(answer.read_text("utf-8"))
    return result | {"output": output}


def environment(resources: Path) -> dict[str, str]:
    """What Blender is started with: a user's folder of its own, and no package from outside."""
    kept = {
        key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHONHOME", "OCIO")
    }
    return kept | {"BLENDER_USER_RESOURCES": str(resources), "PYTHONDONTWRITEBYTECODE": "1"}


def read_exr(path: Path | str) -> dict[str, NDArray[np.float32]]:
    """A file's channels by name, H×W float32 each."""
    source = oiio.ImageInput.open(str(path))
    assert source, oiio.geterror()
    spec = source.spec()
    pixels = np.asarray(source.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT))
    source.close()
    return {name: pixels[..., index] for index, name in enumerate(spec.channelnames)}


def to_linear(display: NDArray[np.uint8]) -> NDArray[np.float32]:
    """sRGB bytes → scene-linear float32."""
    x = display.astype(np.float32) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)
