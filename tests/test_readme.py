"""The README's own commands, run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def plate() -> np.ndarray:
    pixels = oiio.ImageBuf(str(ROOT / "examples" / "astronaut.png")).get_pixels(oiio.FLOAT)
    return np.asarray(pixels)[..., :3]


def test_the_first_command_cuts_the_portrait_out(tmp_path: Path) -> None:
    first = next(block for block in blocks("sh") if "flyaway matte" in block)
    command = shlex.split(first.rsplit("&&", 1)[1])
    assert command[0].endswith("flyaway")
    command = [sys.executable, "-m", "flyaway", *command[1:]]
    command = [str(ROOT / part) if part.startswith("examples/") else part for part in command]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cut_out = np.asarray(oiio.ImageBuf(str(tmp_path / "portrait.png")).get_pixels(oiio.FLOAT))
    plate = np.asarray(oiio.ImageBuf(str(ROOT / "examples" / "portrait.jpg")).get_pixels(oiio.FLOAT))
    assert cut_out.shape == (*plate.shape[:2], 4)
    alpha = cut_out[..., 3]
    assert alpha[500:800, 550:800].min() > 0.95  # her face
    assert alpha[:200, :200].max() < 0.05  # the sky
    assert ((alpha > 0.1) & (alpha < 0.9)).sum() > 5000  # hair
    inside = alpha == 1
    # A coverage of 0.999 is 255 in the file, and its colour is an estimate.
    assert np.quantile(np.abs(cut_out[..., :3] - plate)[inside], 0.999) < 2 / 255


def test_the_python_example_runs(plate: np.ndarray) -> None:
    scope: dict[str, object] = {"plate": plate}
    for block in blocks("python"):
        exec(block, scope)  # noqa: S102
    assert scope["matte"].alpha.shape == plate.shape[:2]  # type: ignore[attr-defined]


def test_files_that_the_readme_names_are_there() -> None:
    for name in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / name).exists(), name
