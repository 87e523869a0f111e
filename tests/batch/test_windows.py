"""Shots whose data window wanders over the format: one picture, wherever its frames were cropped."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.batch.conftest import Remembering
from tests.batch.test_run import RESUME, alpha
from tests.batch.test_shots import SHOT_JOB, mattes

from flyaway.batch import memory as runs_memory
from flyaway.batch import plan_shot, run_plan
from flyaway.batch.finish import Finish
from flyaway.batch.plan import Target
from flyaway.frames.canvas import MOST_PIXELS, canvas_window
from flyaway.frames.plate import Window
from flyaway.frames.windows import fit_window
from flyaway.geometry import Framing
from flyaway.subject import Subject

HEIGHT, WIDTH, FIRST, COUNT = 256, 384, 1001, 10
FORMAT = Window(0, 0, WIDTH, HEIGHT)
FAR_FROM_ALL = np.s_[72:200, 72:304]  # 32 px and more within every window


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


def stabilised(number: int) -> Window:
    """As large as the format, and moved in it: beyond it on two sides, short of it on the others."""
    return Window(4 + 5 * (number % 5), 3 * (number % 4) - 6, WIDTH, HEIGHT)


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


@pytest.mark.parametrize(("windows", "most"), [(wandering, 2e-3), (moving, 2e-3), (stabilised, 6e-3)])
def test_a_window_that_wanders_over_a_locked_plate_makes_no_difference_far_from_its_edge(
    memory, cropped, tmp_path, windows, most
):
    full = run(memory, cropped(lambda _: FORMAT, "full"), tmp_path / "whole")
    source = cropped(windows)
    told = run(memory, source, tmp_path / "out")
    run(memory, source, tmp_path / "stills", options=replace(RESUME, stills=True))
    assert not any(full.values()), full
    assert not any(told.values()), told  # no frame begins anew, none is a cut
    mattes_of = {}
    for folder in ("whole", "out", "stills"):
        read = [on_format(tmp_path / folder / f"m.{FIRST + number}.exr") for number in range(COUNT)]
        mattes_of[folder] = np.stack([one[FAR_FROM_ALL] for one, _ in read])
        assert [window for _, window in read] == [
            FORMAT if folder == "whole" else windows(number) for number in range(COUNT)
        ]
    apart = np.abs(mattes_of["whole"] - mattes_of["out"])
    # Not the same picture: less of it is seen, and a window that is fixed makes as much of a difference.
    assert (apart <= 1 / 255).mean() > 0.93
    assert apart.mean() < most
    # Data windows one by one change alpha several times as much (docs/shots.md).
    steps = {name: float(np.abs(np.diff(found, axis=0)).mean()) for name, found in mattes_of.items()}
    assert 3 * steps["out"] < steps["stills"]


def test_a_run_that_was_killed_and_resumed_is_the_unbroken_one(memory, memory_info, cropped, tmp_path):
    source = cropped(wandering)
    run(memory, source, tmp_path / "whole")
    out = tmp_path / "out" / "m.####.exr"
    weights = memory_info.files["shot"].path.parents[1]  # `name/file`, the folder of the manifest above it
    words = [sys.executable, str(SHOT_JOB), memory_info.name, str(weights), source, str(out), "4"]
    killed = subprocess.run([*words, "1007", "1"], capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    told = run(memory, source, tmp_path / "out")
    assert "restored as frame 1004 left it" in told[1008], told
    assert mattes(tmp_path / "out") == mattes(tmp_path / "whole")
    assert len(mattes(tmp_path / "out")) == COUNT


def test_a_chunk_needs_to_know_of_no_frame_but_its_handles(memory, cropped, tmp_path):
    source = cropped(wandering)
    run(memory, source, tmp_path / "whole")
    told = run(memory, source, tmp_path / "chunks", chunk=5, handles=5)
    run(memory, source, tmp_path / "task", "1006-1010", handles=5)
    assert not any("remembers nothing" in notes for notes in told.values()), told
    task, chunks = mattes(tmp_path / "task"), mattes(tmp_path / "chunks")
    assert task == {name: chunks[name] for name in task}  # what the farm's task makes
    # Its handles are all of the shot before it.
    assert chunks == mattes(tmp_path / "whole")


def test_overscan_that_stays_is_matted_as_a_plate_of_its_size(memory, still, cropped, tmp_path, write_plate):
    def inside(_):
        return 20, 10, WIDTH - 40, HEIGHT - 20

    told = run(memory, cropped(lambda _: FORMAT, "over", inside), tmp_path / "over")
    run(memory, cropped(lambda _: FORMAT, "whole"), tmp_path / "whole")
    assert not any(told.values()), told
    assert mattes(tmp_path / "over") == mattes(tmp_path / "whole")


def test_overscan_that_moves_begins_anew_and_says_so(memory, cropped, tmp_path):
    def inside(number):
        return 20 + 4 * (number == 2), 10, WIDTH - 40, HEIGHT - 20

    source = cropped(lambda _: FORMAT, display=inside)
    told = run(memory, source, tmp_path / "out", "1001-1005")
    anew = "elsewhere in its format than the frame before: it remembers nothing before it"
    assert told == {1001: "", 1002: "", 1003: anew, 1004: anew, 1005: ""}
    run(memory, source, tmp_path / "stills", "1003", replace(RESUME, stills=True))
    assert mattes(tmp_path / "stills")["m.1003.exr"] == mattes(tmp_path / "out")["m.1003.exr"]


def test_stills_are_matted_on_their_data_window(memory, still, cropped, tmp_path):
    run(memory, cropped(wandering), tmp_path / "out", "1001-1002", replace(RESUME, stills=True))
    for number in range(2):
        found = memory(fit_window(still[number], FORMAT, wandering(number)), "linear").alpha
        written = alpha(tmp_path / "out" / f"m.{FIRST + number}.exr")
        np.testing.assert_array_equal(written, found.astype(np.float16).astype(np.float32))


def test_what_is_written_keeps_the_plates_windows_and_header(memory, cropped, tmp_path):
    run(memory, cropped(wandering), tmp_path / "out", "1001-1003")
    for number in range(3):
        spec = oiio.ImageBuf(str(tmp_path / "out" / f"m.{FIRST + number}.exr")).spec()
        assert Window(spec.x, spec.y, spec.width, spec.height) == wandering(number)
        display = Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height)
        assert (display, spec.get_string_attribute("Copyright")) == (FORMAT, "an artist")


def test_a_frame_that_is_empty_is_passed_over(cropped, tmp_path):
    """Its window is a pixel; what comes after it goes on with what came before."""
    source = cropped(lambda number: Window(5, 5, 1, 1) if number == 3 else FORMAT)
    told = run(Remembering(), source, tmp_path / "out", "1001-1006")
    assert "the matte is empty" in told[1004]
    last = [
        np.clip(oiio.ImageBuf(source.replace("####", str(frame))).get_pixels(oiio.FLOAT)[..., 1], 0, 1)
        for frame in (1001, 1002, 1003, 1005)
    ]
    found = alpha(tmp_path / "out" / "m.1005.exr")
    np.testing.assert_allclose(found, np.mean(np.stack(last), axis=0), atol=5e-4)


def people(window):
    """Two people of 24 px, a red and a blue one, as a window shows them."""
    plate = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    plate[80:104, 200:224], plate[80:104, 300:324] = (1, 1, 0), (0, 1, 1)
    return fit_window(plate, FORMAT, window)


def test_a_person_is_followed_wherever_the_window_is(tmp_path, write_plate):
    """They stand; the window moves by as much as lies between them."""
    for number in range(4):
        window = Window(100 * (number % 2), 0, 284, HEIGHT) if number else FORMAT
        path = tmp_path / f"p.{FIRST + number}.exr"
        write_plate(path, people(window), "float", window=(window.x, 0), display=(0, 0, WIDTH, HEIGHT))
    options = replace(RESUME, finish=Finish(subject=Subject.parse("312,92")))
    run(Remembering(), str(tmp_path / "p.####.exr"), tmp_path / "out", options=options)
    blue, red = np.s_[82:102, 302:322], np.s_[82:102, 202:222]
    for number in (0, 1, 3):
        found, _ = on_format(tmp_path / "out" / f"m.{FIRST + number}.exr")
        assert found[blue].min() > 0.5, number
        assert found[red].max() == 0, number


def test_a_garbage_matte_leaves_the_same_part_wherever_the_window_is(memory, cropped, tmp_path, write_plate):
    mask = np.ones((HEIGHT, WIDTH, 1), np.float32)
    mask[60:180, 120:280] = 0
    garbage = write_plate(tmp_path / "garbage.exr", mask, "half", channels=("A",))
    options = replace(RESUME, finish=Finish(garbage=str(garbage)))
    told = run(memory, cropped(wandering), tmp_path / "out", "1001-1004", options)
    assert not any(told.values()), told


def test_a_part_that_moves_with_the_garbage_matte_begins_anew(memory, cropped, tmp_path, write_plate):
    for number in range(3):
        mask = np.ones((HEIGHT, WIDTH, 1), np.float32)
        left = 72 + 48 * (number == 2)
        mask[60:180, left : left + 144] = 0
        write_plate(tmp_path / f"g.{FIRST + number}.exr", mask, "half", channels=("A",))
    options = replace(RESUME, finish=Finish(garbage=str(tmp_path / "g.####.exr")))
    told = run(memory, cropped(lambda _: FORMAT), tmp_path / "out", "1001-1003", options)
    assert [bool(notes) for notes in told.values()] == [False, False, True]
    assert "elsewhere in its format" in told[1003]


@pytest.mark.parametrize(
    ("data", "canvas"),
    [
        pytest.param(Window(0, 0, 100, 50), Window(0, 0, 100, 50), id="all of it"),
        pytest.param(Window(20, 10, 30, 30), Window(0, 0, 100, 50), id="inside"),
        pytest.param(Window(-5, -5, 110, 60), Window(-5, -5, 110, 60), id="overscan"),
        pytest.param(
            Window(-5, 10, 40, 60), Window(-21, -21, 142, 92), id="beyond on one side, short on another"
        ),
        pytest.param(Window(100, 0, 40, 40), Window(100, 0, 40, 40), id="beside it"),
        pytest.param(Window(90, 0, MOST_PIXELS, 40), Window(90, 0, MOST_PIXELS, 40), id="huge"),
    ],
)
def test_a_canvas_depends_on_its_frame_alone(data, canvas):
    assert canvas_window(data, Window(0, 0, 100, 50)) == canvas


def test_a_part_of_a_framing_lies_where_it_lies():
    framing = Framing(-4, 6, (10, 50, 20, 80))
    assert framing.part((0, 40, 30, 100)) == Framing(26, 6, (10, 40, 0, 50))
    assert framing.part((10, 50, 20, 80)) == Framing(16, 16, None)
    assert framing.part((60, 90, 90, 120)) == Framing(86, 66, (0, 0, 0, 0))
    assert Framing().part((5, 10, 5, 10)) == Framing(5, 5)
