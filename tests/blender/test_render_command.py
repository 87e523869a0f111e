"""`flyaway blender-render` on a real Blender: the exit code tells the truth, and the frame is named."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from numpy.typing import NDArray
from tests.blender.conftest import Blender, read_exr, to_linear
from tests.conftest import WritePlate

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def shot(blender: Blender, write_plate: WritePlate, astronaut: NDArray[Any], tmp_path: Path) -> Path:
    """A .blend with a Portrait Matte on four frames, of which the third is missing on disk."""
    plate = write_plate(tmp_path / "head.0001.exr", to_linear(astronaut[:240, 120:320]), "float")
    for frame in (2, 4):
        shutil.copy(plate, tmp_path / f"head.{frame:04d}.exr")
    blend = tmp_path / "shot.blend"
    blender("files.build", plate=plate, size=[200, 240], blend=blend, frames=[4, 1])
    return blend


@pytest.fixture
def run(cli: list[str], blender_python: Path, resources: Path) -> Run:
    """`run(file, …)` → the finished `flyaway blender-render file …`."""

    def start(*arguments: object, user: Path = resources) -> subprocess.CompletedProcess[str]:
        command = [*cli, "blender-render", *map(str, arguments), "--blender", str(blender_python)]
        kept = {**os.environ, "NO_COLOR": "1", "BLENDER_USER_RESOURCES": str(user)}
        return subprocess.run(command, env=kept, capture_output=True, text=True, timeout=240, check=False)

    return start


def test_a_frame_without_a_plate_fails_by_name_and_the_others_are_done(run: Run, shot: Path) -> None:
    done = run(shot, "--frames", "1-4")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "frame 3: Portrait Matte:" in done.stderr
    assert f"there is no file {shot.with_name('head.0003.exr')}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert "3 rendered, 1 failed" in done.stdout
    for frame in (1, 2, 4):
        assert read_exr(shot.with_name(f"render.{frame:04d}.exr"))["A"].mean() > 0.2
    # The picture of the failed frame is there, as Blender wrote it, and covers nothing.
    assert read_exr(shot.with_name("render.0003.exr"))["A"].max() == 0


def test_sound_frames_end_with_0_wherever_they_are_sent(run: Run, shot: Path, tmp_path: Path) -> None:
    before = shot.read_bytes()
    done = run(shot, "--frames", "1-4x3,2", "-o", tmp_path / "sent" / "comp.####")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in (tmp_path / "sent").iterdir()) == [
        "comp.0001.exr",
        "comp.0002.exr",
        "comp.0004.exr",
    ]
    assert shot.read_bytes() == before


def test_a_blender_without_the_add_on_is_refused(run: Run, shot: Path, tmp_path: Path) -> None:
    done = run(shot, "--frames", "1", user=tmp_path / "nobody")
    assert done.returncode == 1
    assert "not enabled" in done.stderr
    assert not shot.with_name("render.0001.exr").exists()


def test_an_unknown_scene_is_refused(run: Run, shot: Path) -> None:
    done = run(shot, "--frames", "1", "--scene", "Elsewhere")
    assert done.returncode == 1
    assert "no scene Elsewhere" in done.stderr


def test_a_matte_that_fails_in_a_scene_strip_fails_the_frame_that_shows_it(
    run: Run, blender: Blender, shot: Path
) -> None:
    edit = shot.with_name("edit.blend")
    blender("files.edit_of", blend=shot, to=edit, offset=10)
    done = run(edit, "--frames", "11-14")
    assert done.returncode == 2, done.stdout + done.stderr
    assert "frame 13: Scene, frame 3, Portrait Matte:" in done.stderr
    assert "3 rendered, 1 failed" in done.stdout
    for frame in (11, 12, 14):
        assert read_exr(shot.with_name(f"edit.{frame:04d}.exr"))["A"].mean() > 0.2
