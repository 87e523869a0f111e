"""`flyaway blender-render` without a Blender: what it refuses, and how. With one: tests/blender."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flyaway.blender.job import even_ranges


@pytest.fixture
def run(start, tmp_path):
    """`run(…)` → the finished process, on a path on which no Blender is."""
    (tmp_path / "a.blend").write_bytes(b"BLENDER")
    environment = {**os.environ, "NO_COLOR": "1", "PATH": str(tmp_path)}
    environment.pop("FLYAWAY_BLENDER", None)

    def run_it(*arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        return start("blender-render", *arguments, environment=environment | changes, timeout=120)

    return run_it


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.blend", "--frames", "1-x"), "no frame range"),
        (("b.blend", "--frames", "1", "--blender", sys.executable), "b.blend is not there"),
        (("a.blend", "--frames", "1", "--blender", "nowhere/blender"), "nowhere/blender is no program"),
        (("a.blend",), "--frames"),
    ],
)
def test_what_cannot_be_started_is_one_line_and_exit_code_1(run, arguments, message):
    done = run(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.fixture
def python_without_bpy() -> Path:
    """A Python in which bpy is not installed."""
    done = subprocess.run([sys.executable, "-c", "import bpy"], capture_output=True, check=False)
    assert done.returncode, "these tests are for an environment without bpy"
    return Path(sys.executable)


def test_a_python_without_bpy_is_refused(run, python_without_bpy):
    done = run("a.blend", "--frames", "1", FLYAWAY_BLENDER=str(python_without_bpy))
    assert done.returncode == 1
    assert "has no bpy" in done.stderr


def test_no_blender_anywhere_is_said(run, python_without_bpy):
    done = run("a.blend", "--frames", "1")
    assert done.returncode == 1
    assert "--blender PATH" in done.stderr


def test_a_program_that_ends_without_a_word_has_failed_every_frame(run, tmp_path):
    crash = tmp_path / "blender"
    crash.write_text("#!/bin/sh\necho Saved nothing\nkill -SEGV $$\n")
    crash.chmod(0o755)
    done = run("a.blend", "--frames", "3-4")
    assert done.returncode == 2
    assert (
        "frame 3: Blender was ended by signal 11 before it was done. Its last words: Saved nothing"
        in done.stderr
    )
    assert "frame 4: Blender was ended by signal 11" in done.stderr
    assert "2 failed" in done.stdout


@pytest.mark.parametrize(
    ("frames", "ranges"),
    [
        ([7], [(7, 7, 1)]),
        ([1, 2, 3], [(1, 3, 1)]),
        ([1, 3, 5, 6, 7], [(1, 5, 2), (6, 7, 1)]),
        ([10, 4, 20, 21], [(10, 10, 1), (4, 20, 16), (21, 21, 1)]),
        ([5, 4, 3], [(5, 5, 1), (4, 4, 1), (3, 3, 1)]),
        ([-2, -1, 0, 9], [(-2, 0, 1), (9, 9, 1)]),
    ],
)
def test_frames_are_rendered_in_the_longest_even_steps(frames, ranges):
    assert list(even_ranges(frames)) == ranges
    assert [frame for first, last, step in ranges for frame in range(first, last + 1, step)] == frames
