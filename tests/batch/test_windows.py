"""Shots whose data window wanders over the format: one picture, wherever its frames were cropped."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.batch.conftest import Remembering
from tests.batch.test_shots import SHOT_JOB, mattes
from tests.batch.test_run import RESUME, alpha, plan

from flyaway.batch import memory as runs_memory
from flyaway.batch import plan_shot, run_plan
from flyaway.batch.finish import Finish
from flyaway.batch.plan import Target
from flyaway.frames.canvas import MOST_PIXELS, canvas_window
from flyaway.frames.plate import Window
from flyaway.frames.windows import fit_window
from flyaway.geometry import Framing
from flyaway.shot_place import HANDLES
from flyaway.subject import Subject

HEIGHT, WIDTH, FIRST, COUNT = 256, 384, 1001, 10
FORMAT = Window(0, 0, WIDTH, HEIGHT)
FAR = 32  # px from what changes at a window's edge


@pytest.fixture(autouse=True)
def often_kept(monkeypatch):
    """States are kept every four frames."""
    monkeypatch.setattr(runs_memory, "KEPT_EVERY", 4)


@pytest.fixture(scope="module")
def still(astronaut):
    """A locked plate, scene-linear, with grain: frames of 384×256."""
    part = astronaut[:HEIGHT, 60 : 60 + WIDTH].astype(np.float32) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    rng = np.random.default_rng(5)
    noisy = (linear + rng.normal(0, 0.002, part.shape) for _ in range(COUNT))
    return [np.maximum(one, 0).astype(np.float32) for one in noisy]


def wandering(number: int) -> Window:
    """In size and in place, within the format: 24 to 48 px are left out at each side that is cropped."""
    left, top, right, bottom = 24 + 7 * (number % 3), (number * 11) % 40, (number * 13) % 48, 8 * (number % 4)
    return Window(left, top, WIDTH - left - right, HEIGHT - top - bottom)


def moving(number: int) -> Window:
    """Of one size, elsewhere in each frame."""
    return Window(5 * (number % 5), 3 * (number % 4), WIDTH - 40, HEIGHT - 24)


@pytest.fixture
def cropped(still, tmp_path, write_plate):
    """`cropped(windows, folder)` → pattern: the locked plate, in each frame the part that a window shows."""

    def write(windows, folder="plates", display=(0, 0, WIDTH, HEIGHT), name="p"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for number, pixels in enumerate(still):
            window = windows(number)
            found = fit_window(pixels, FORMAT, window)
            shown = display(number) if callable(display) else display
            path = tmp_path / folder / f"{name}.{FIRST + number}.exr"
            where = (window.x, window.y)
            write_plate(path, found, "float", window=where, display=shown, metadata={"owner": "an artist"})
        return str(tmp_path / folder / f"{name}.####.exr")

    return write


def run(matting, source, out, frames=None, options=RESUME, **pieces):
    """What is told of a run, frame by frame."""
    out.mkdir(exist_ok=True)
    results = []
    what = plan_shot("shot", source, [Target(str(out / "m.####.exr"))], frames, **pieces)
    report = run_plan(matting, what, options, results.append)
    assert report.exit_code == 0, [str(result.error) for result in results]
    return {result.task.frame: "; ".join(result.notes) for result in results}


def on_format(path):
    """A matte over the format, and where it is said."""
    held = oiio.ImageBuf(str(path))
    spec = held.spec()
    window = Window(spec.x, spec.y, spec.width, spec.height)
    values = np.asarray(held.get_pixels(oiio.FLOAT), np.float32)
    return fit_window(values, window, FORMAT)[..., 0], window


def inner(window: Window, far: int) -> np.ndarray:
    """What lies this far within a window, as far as that does not end with the format."""
    inside = np.zeros((HEIGHT, WIDTH), bool)
    top, left = (0 if side == 0 else side + far for side in (window.y, window.x))
    ends = (window.y + window.height, HEIGHT), (window.x + window.width, WIDTH)
    bottom, right = (side if side == whole else side - far for side, whole in ends)
    inside[top:bottom, left:right] = True
    return inside


@pytest.mark.parametrize("windows", [wandering, moving])
def test_a_window_that_wanders_over_a_locked_plate_makes_no_difference_far_from_its_edge(
    memory, cropped, tmp_path, windows
):
    full = run(memory, cropped(lambda _: FORMAT, "full"), tmp_path / "whole")
    told = run(memory, cropped(windows), tmp_path / "out")
    assert not any(full.values()), full
    assert not any(told.values()), told  # no frame begins anew, none is a cut
    apart, ever = [], np.ones((HEIGHT, WIDTH), bool)
    for number in range(COUNT):
        name = f"m.{FIRST + number}.exr"
        (whole, _), (found, window) = (on_format(tmp_path / folder / name) for folder in ("whole", "out"))
        assert window == windows(number)
        ever &= inner(window, FAR)
        apart.append(np.abs(whole - found)[ever])
    print("within 1/255:", [round(float((one <= 1 / 255).mean()), 5) for one in apart], max(one.max() for one in apart))


