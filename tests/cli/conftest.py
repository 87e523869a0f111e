"""The command line as a process."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

JOB = """
name = "night"
[tokens]
show = "abc"
[defaults]
[[defaults.outputs]]
path = "out/{show}/{shot}/m.####.exr"
[[shots]]
name = "sh010"
source = "plates/p.####.exr"
frames = "1-3"
[[shots]]
name = "sh020"
source = "plates/p.####.exr"
frames = "4-5"
coarse_only = true
  [[shots.outputs]]
  path = "out/{show}/{shot}/c.####.tif"
  kind = "rgba"
"""

Start = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def start(cli: list[str], tmp_path: Path) -> Start:
    """`start("matte", …, environment=…)` in a folder of its own → the finished process."""

    def run(
        *arguments: object, environment: Mapping[str, str], timeout: float = 300
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*cli, *map(str, arguments)],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run


@pytest.fixture
def run(start):
    """`run("matte", …)` in a folder of its own → the finished process."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    environment.pop("FORCE_COLOR", None)

    def run_it(*arguments: object, **changes: str) -> subprocess.CompletedProcess[str]:
        return start(*arguments, environment=environment | changes)

    return run_it


@pytest.fixture(scope="session")
def person(astronaut):
    """256×256 of the astronaut: head and hair, quick to matte."""
    return np.ascontiguousarray(astronaut[:256, 100:356])


@pytest.fixture
def plates(tmp_path, write_plate, astronaut):
    """`plates(count)`: that many frames of a head, and a job about five of them."""

    def make(count: int) -> None:
        head = (astronaut[:160, 130:290] / 255.0).astype(np.float32) ** 2.2
        (tmp_path / "plates").mkdir()
        for number in range(1, count + 1):
            write_plate(tmp_path / "plates" / f"p.{number:04d}.exr", head * (1 - number * 0.01))
        (tmp_path / "job.toml").write_text(JOB)

    return make


def pixels(path):
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))
