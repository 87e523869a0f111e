"""Runs of a model with memory: broken off, killed, resumed, in chunks, with gaps, and what they remember."""

from __future__ import annotations

import errno
import subprocess
import sys
import threading
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.batch.conftest import Luma, Remembering
from tests.batch.test_run import RESUME, alpha, plan, statuses

from flyaway import shot_place, state_file
from flyaway.batch import RunOptions, memory, plan_shot, run_plan
from flyaway.batch.cost import cost_of
from flyaway.batch.finish import Finish
from flyaway.batch.finisher import Finisher
from flyaway.batch.memory import LACKING
from flyaway.batch.plan import Plan, Target
from flyaway.engines import open_engine
from flyaway.matting import Matting
from flyaway.resample import resize
from flyaway.shot_place import HANDLES
from flyaway.subject import Subject

SHOT_JOB = Path(__file__).with_name("shot_job.py")
MOVING = 32  # frames of the shot that the real network sees


@pytest.fixture(autouse=True)
def often_kept(monkeypatch):
    """States are kept every four frames, so that small shots have some."""
    monkeypatch.setattr(memory, "KEPT_EVERY", 4)


def mattes(folder: Path) -> dict[str, bytes]:
    """The stored pixels of all mattes in a folder; what a killed run was writing (a hidden file) is none."""
    return {path.name: alpha(path).tobytes() for path in sorted(folder.glob("m.*.exr"))}


def notes(matting, what, options=RESUME):
    results = []
    run_plan(matting, what, options, results.append)
    return {result.task.frame: "; ".join(result.notes) for result in results if result.status == "written"}


def states(folder: Path) -> list[int]:
    return sorted(int(path.name.split(".")[-3]) for path in (folder / ".flyaway").glob("*.state.npz"))


@pytest.fixture
def whole(shot, tmp_path):
    """A shot of 14 frames, and the mattes of an unbroken run."""
    source = shot(14)
    run_plan(Remembering(), plan(source, tmp_path / "whole"), RESUME)
    return source, mattes(tmp_path / "whole")


def test_states_are_kept_and_a_run_that_was_stopped_goes_on_from_the_last_one(whole, tmp_path):
    source, expected = whole
    assert states(tmp_path / "whole") == [1004, 1008, 1012]
    out, asked = tmp_path / "out", iter([False] * 6 + [True] * 100)
    report = run_plan(Remembering(), plan(source, out), RESUME, stop=lambda: next(asked))
    assert report.interrupted
    assert report.counts == {"written": 6}
    again = Remembering()
    told = notes(again, plan(source, out))
    assert again.calls == 8  # not one frame twice: the last state was kept when the run was stopped
    assert told[1007] == "its memory is restored as frame 1006 left it"
    assert mattes(out) == expected


@pytest.mark.parametrize("gone", [(1009,), (1001,), (1006, 1007, 1013), (1014,)])
def test_frames_that_are_missing_are_done_again_bit_for_bit(whole, tmp_path, gone):
    source, expected = whole
    out = tmp_path / "whole"
    for frame in gone:
        (out / f"m.{frame}.exr").unlink()
    report, results = statuses(Remembering(), plan(source, out))
    assert [frame for frame, status, _ in results if status == "written"] == list(gone)
    assert report.exit_code == 0
    assert mattes(out) == expected


def test_frames_in_between_are_run_again_and_told(whole, tmp_path):
    source, _ = whole
    (tmp_path / "whole" / "m.1011.exr").unlink()
    matting = Remembering()
    told = notes(matting, plan(source, tmp_path / "whole"))
    assert told == {
        1011: "its memory is restored as frame 1008 left it;"
        " 2 frames from 1009 on were run again, not written"
    }
    assert matting.calls == 3


def test_without_a_state_its_memory_is_warmed_up_and_that_is_told(whole, tmp_path):
    source, expected = whole
    for path in (tmp_path / "whole" / ".flyaway").glob("*.state.npz"):
        path.unlink()
    (tmp_path / "whole" / "m.1014.exr").unlink()
    what = plan(source, tmp_path / "whole", handles=5)
    told = notes(Remembering(), what)
    assert "its memory is 5 frames long" in told[1014]
    assert mattes(tmp_path / "whole") == expected  # this one remembers no more than five
    # Near the beginning there is no need: the shot itself is run again.
    (tmp_path / "whole" / "m.1003.exr").unlink()
    assert "begun anew" in notes(Remembering(), what)[1003]


@pytest.mark.parametrize(
    ("gone", "frames", "chunk", "handles", "expected"),
    [
        pytest.param((1011,), None, 0, 16, (0, 2), id="from the state of 1008"),
        pytest.param((1003,), None, 0, 16, (0, 2), id="from the shot's beginning"),
        pytest.param((1006, 1007, 1014), None, 0, 16, (0, 2), id="several"),
        pytest.param((), "1010-1012", 0, 5, (5, 0), id="a range elsewhere"),
        pytest.param((), None, 5, 3, (6, 0), id="chunks elsewhere"),
        pytest.param((), "1001-1004,1008-1010", 0, 5, (0, 0), id="a gap elsewhere"),
    ],
)
def test_a_plan_tells_what_is_run_for_the_memory_alone(
    whole, tmp_path, gone, frames, chunk, handles, expected
):
    source, _ = whole
    out = tmp_path / ("whole" if gone else "elsewhere")
    for frame in gone:
        (out / f"m.{frame}.exr").unlink()
    what, matting = plan(source, out, frames, chunk=chunk, handles=handles), Remembering()
    planned = cost_of(what, options=RESUME, info=matting.info)
    assert (planned.handles, planned.replays) == expected
    report = run_plan(matting, what, RESUME)
    assert (report.counts["written"], report.replayed) == (planned.todo, sum(expected))
    assert matting.calls == planned.runs


def test_a_plan_tells_frames_that_remember_a_plate_which_changed_and_what_overwriting_does(
    whole, tmp_path, write_plate
):
    source, _ = whole
    write_plate(tmp_path / "plates" / "p.1006.exr", np.full((32, 32, 3), 0.25, np.float32), "float")
    (tmp_path / "plates" / "p.1009.exr").write_bytes(b"no plate")
    for path in (tmp_path / "whole" / ".flyaway").glob("*1004.state.npz"):
        path.unlink()
    what, matting = plan(source, tmp_path / "whole"), Remembering()
    planned = cost_of(what, options=RESUME, info=matting.info)
    assert planned.stale == {
        "its plate has changed": "1006,1009",
        "a frame before it, which it remembers, has changed": "1007-1008,1010-1014",
    }
    assert (planned.todo, planned.handles, planned.replays) == (9, 0, 5)
    report = run_plan(matting, what, RESUME)
    assert (report.counts, report.replayed) == ({"skipped": 5, "written": 8, "failed": 1}, 5)
    again = cost_of(what, options=replace(RESUME, existing="overwrite"), info=matting.info)
    assert (again.known, again.todo, again.replays) == (0, 14, 0)


def test_a_plate_that_was_archived_makes_no_frame_after_it_stale(whole, tmp_path, write_plate):
    """Nothing that is there has changed: the plate counts as it was when its own matte was made."""
    source, expected = whole
    out = tmp_path / "whole"
    what = plan(source, out, "1001-1014")
    (tmp_path / "plates" / "p.1006.exr").unlink()
    assert cost_of(what, options=RESUME, info=Remembering().info).stale == {}
    assert run_plan(Remembering(), what, RESUME).counts == {"skipped": 14}
    # What is missing goes on from the state that remembers it.
    (out / "m.1009.exr").unlink()
    assert run_plan(Remembering(), what, RESUME).counts == {"skipped": 13, "written": 1}
    assert mattes(out) == expected
    # What can be reached without it alone is made without, once.
    (out / "m.1007.exr").unlink()
    assert run_plan(Remembering(), what, RESUME).counts == {"skipped": 13, "written": 1}
    assert run_plan(Remembering(), what, RESUME).counts == {"skipped": 14}
    # A plate that is there and has changed is seen all the same.
    write_plate(tmp_path / "plates" / "p.1010.exr", np.full((32, 32, 3), 0.25, np.float32), "float")
    _, results = statuses(Remembering(), what)
    assert [frame for frame, status, _ in results if status == "written"] == [1010, 1011, 1012, 1013, 1014]


def test_handles_that_were_archived_make_no_range_stale(shot, tmp_path, write_plate):
    """No journal has a line of a handle, so what remembers it is taken at its word."""
    what = plan(shot(14), tmp_path / "out", "1010-1013", handles=5)
    run_plan(Remembering(), what, RESUME)
    for frame in range(1005, 1010):
        (tmp_path / "plates" / f"p.{frame}.exr").unlink()
    assert run_plan(Remembering(), what, RESUME).counts == {"skipped": 4}
    write_plate(tmp_path / "plates" / "p.1011.exr", np.full((32, 32, 3), 0.25, np.float32), "float")
    _, results = statuses(Remembering(), what)
    assert [frame for frame, status, _ in results if status == "written"] == [1011, 1012, 1013]


def test_a_handle_that_is_still_there_is_not_taken_at_another_s_word(shot, tmp_path, write_plate):
    """With one of them gone, another that was rendered anew was missed: no journal has a line of it."""
    what = plan(shot(14), tmp_path / "out", "1010-1013", handles=5)
    run_plan(Remembering(), what, RESUME)
    write_plate(tmp_path / "plates" / "p.1008.exr", np.full((32, 32, 3), 0.25, np.float32), "float")
    (tmp_path / "plates" / "p.1006.exr").unlink()
    assert run_plan(Remembering(), what, RESUME).counts == {"written": 4}
    assert run_plan(Remembering(), what, RESUME).counts == {"skipped": 4}


def test_frames_after_a_kept_state_whose_plates_were_archived_are_done_once(shot, tmp_path, monkeypatch):
    """The state remembers them as they were, and those after it are passed: that holds, too."""
    monkeypatch.setattr(memory, "KEPT_EVERY", 4)
    source, out = shot(12), tmp_path / "out"
    run_plan(Remembering(), plan(source, out, "1001-1006"), RESUME)
    for frame in range(1001, 1007):
        (tmp_path / "plates" / f"p.{frame}.exr").unlink()
    what = plan(source, out, "1001-1012")
    assert run_plan(Remembering(), what, RESUME).counts == {"skipped": 6, "written": 6}
    assert run_plan(Remembering(), what, RESUME).counts == {"skipped": 12}


def test_a_range_that_was_run_before_does_not_lead_a_broken_run_astray(shot, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "KEPT_EVERY", 2)
    source, out = shot(10), tmp_path / "out"
    run_plan(Remembering(), plan(source, tmp_path / "whole"), RESUME)
    run_plan(Remembering(), plan(source, out, "1005-1008", handles=1), RESUME)
    assert states(out) == [1005, 1007]
    asked = iter([False] * 6 + [True] * 100)
    stopped = run_plan(
        Remembering(), plan(source, out), RunOptions(existing="overwrite"), stop=lambda: next(asked)
    )
    assert stopped.counts == {"written": 6}
    # As if it had been killed before it kept what 1006 left: what 1005 left is the range's.
    next((out / ".flyaway").glob("*1006.state.npz")).unlink()
    for path in out.glob("m.100[78].exr"):
        path.unlink()
    run_plan(Remembering(), plan(source, out), RESUME)
    assert mattes(out) == mattes(tmp_path / "whole")


def test_very_many_states_are_thinned_evenly_and_a_run_goes_on_all_the_same(shot, tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "KEPT_EVERY", 1)
    monkeypatch.setattr(shot_place, "MOST_KEPT", 5)
    source, out = shot(14), tmp_path / "out"
    run_plan(Remembering(), plan(source, tmp_path / "whole"), RESUME)
    run_plan(Remembering(), plan(source, out, "1001-1012"), RESUME)
    left = states(out)
    assert (len(left), left[0], left[-2:]) == (5, 1001, [1011, 1012])
    gone = next(frame for frame in range(1003, 1011) if frame - 1 not in left)
    (out / f"m.{gone}.exr").unlink()
    report = run_plan(Remembering(), plan(source, out), RESUME)
    assert (report.counts["written"], report.replayed > 0) == (3, True)
    assert mattes(out) == mattes(tmp_path / "whole")


def test_states_of_a_hundred_thousand_frames_lie_apart_evenly():
    numbers: list[int] = []
    for number in range(50, 100_001, 50):
        numbers.append(number)
        for gone in shot_place.let_go(numbers):
            numbers.remove(gone)
    steps = np.diff(numbers)
    assert (len(numbers), numbers[0], numbers[-2:]) == (100, 50, [99_950, 100_000])
    assert steps.max() <= 2048


def test_a_state_that_cannot_be_kept_costs_no_frame(shot, tmp_path):
    source, out = shot(8), tmp_path / "out"
    (out / ".flyaway" / "m.@.exr.1004.state.npz").mkdir(parents=True)
    told = notes(Remembering(), plan(source, out))
    assert "was not kept" in told[1004]
    assert len(told) == 8
    assert states(out) == [1004, 1008]  # the folder in its way is still one
    run_plan(Remembering(), plan(source, tmp_path / "whole"), RESUME)
    (out / "m.1006.exr").unlink()
    run_plan(Remembering(), plan(source, out), RESUME)
    assert mattes(out) == mattes(tmp_path / "whole")


def test_a_state_that_is_larger_than_what_is_read_costs_no_frame(shot, tmp_path, monkeypatch):
    """Of a plate of hundreds of millions of pixels, all of them hair."""
    monkeypatch.setattr(state_file, "_MOST_BYTES", 100)
    told = notes(Remembering(), plan(shot(5), tmp_path / "out"))
    assert "was not kept" in told[1004]
    assert len(told) == 5
    assert states(tmp_path / "out") == []


def test_a_run_that_is_stopped_and_cannot_keep_its_state_says_what_the_next_one_runs_again(shot, tmp_path):
    source, out, asked = shot(9), tmp_path / "out", iter([False] * 7 + [True] * 100)
    (out / ".flyaway" / "m.@.exr.1007.state.npz").mkdir(parents=True)
    report = run_plan(Remembering(), plan(source, out), RESUME, stop=lambda: next(asked))
    assert (report.kept_state, report.to_replay) == (None, 3)
    assert "the next run runs 3 frames again first" in report.remarks[-1]
    assert run_plan(Remembering(), plan(source, out), RESUME).replayed == 3


@pytest.mark.parametrize("harm", [b"", b"no state", None])
def test_a_state_that_is_harmed_or_of_something_else_is_not_used(whole, tmp_path, harm):
    source, expected = whole
    folder = tmp_path / "whole" / ".flyaway"
    newest = max(folder.glob("*.state.npz"), key=lambda path: path.name)
    if harm is None:
        with np.load(newest) as stored:
            arrays = dict(stored)
        np.savez(newest, **(arrays | {"state0": arrays["state0"] * np.float32(np.nan)}))
    else:
        newest.write_bytes(harm)
    (tmp_path / "whole" / "m.1014.exr").unlink()
    assert "as frame 1008 left it" in notes(Remembering(), plan(source, tmp_path / "whole"))[1014]
    assert mattes(tmp_path / "whole") == expected


def test_a_plate_that_changed_makes_the_frames_after_it_stale_and_no_others(shot, tmp_path, write_plate):
    source, out = shot(10), tmp_path / "out"
    run_plan(Remembering(), plan(source, out), RESUME)
    write_plate(tmp_path / "plates" / "p.1006.exr", np.full((32, 32, 3), 0.25, np.float32), "float")
    _, results = statuses(Remembering(), plan(source, out))
    assert [status for _, status, _ in results] == ["skipped"] * 5 + ["written"] * 5
    assert results[5][2] == "its plate has changed"
    assert results[6][2] == "a frame before it, which it remembers, has changed"
    run_plan(Remembering(), plan(source, tmp_path / "fresh"), RESUME)
    assert mattes(out) == mattes(tmp_path / "fresh")
    assert statuses(Remembering(), plan(source, out))[0].counts == {"skipped": 10}


def test_a_frame_that_fails_does_not_poison_and_a_run_that_resumes_does_not_do_the_rest_again(
    shot, tmp_path, write_plate
):
    source, out = shot(8), tmp_path / "out"
    good = (tmp_path / "plates" / "p.1004.exr").read_bytes()
    (tmp_path / "plates" / "p.1004.exr").write_bytes(b"no plate")
    report, _ = statuses(Remembering(), plan(source, out))
    assert report.counts == {"written": 7, "failed": 1}
    # The frames after it remember those before it.
    plates = [
        np.asarray(oiio.ImageBuf(str(tmp_path / "plates" / f"p.{frame}.exr")).get_pixels(oiio.FLOAT))[..., 1]
        for frame in (1001, 1002, 1003, 1005)
    ]
    np.testing.assert_allclose(alpha(out / "m.1005.exr"), np.mean(plates, axis=0), atol=1e-3)
    report, _ = statuses(Remembering(), plan(source, out))
    assert report.counts == {"skipped": 7, "failed": 1}
    # Once it can be read, the frames after it are another shot's.
    (tmp_path / "plates" / "p.1004.exr").write_bytes(good)
    report, _ = statuses(Remembering(), plan(source, out))
    assert report.counts == {"skipped": 3, "written": 5}
    run_plan(Remembering(), plan(source, tmp_path / "fresh"), RESUME)
    assert mattes(out) == mattes(tmp_path / "fresh")


def test_a_network_that_fails_in_one_frame_leaves_the_memory_of_those_before(shot, tmp_path, write_plate):
    source = shot(6)
    pixels = np.full((32, 32, 3), 0.5, np.float32)
    pixels[0, 0, 0] = np.nan
    write_plate(tmp_path / "plates" / "p.1003.exr", pixels, "float")
    report, _ = statuses(Remembering(), plan(source, tmp_path / "out"))
    assert report.counts == {"written": 5, "failed": 1}


def test_a_gap_is_a_cut_and_is_told(shot, tmp_path):
    source = shot(9)
    what = plan(source, tmp_path / "out", "1001-1004,1007-1009")
    told = notes(Remembering(), what)
    assert told[1007] == "after a gap: it begins without memory"
    run_plan(Remembering(), plan(source, tmp_path / "alone", "1007-1009", handles=0), RESUME)
    for frame in (1007, 1008, 1009):
        np.testing.assert_array_equal(
            alpha(tmp_path / "out" / f"m.{frame}.exr"), alpha(tmp_path / "alone" / f"m.{frame}.exr")
        )
    assert statuses(Remembering(), what)[0].counts == {"skipped": 7}


def test_a_range_of_a_shot_that_is_done_is_neither_stale_nor_other_when_done_again(whole, tmp_path):
    source, expected = whole
    out = tmp_path / "whole"
    part = plan(source, out, "1010-1012")
    assert statuses(Remembering(), part)[0].counts == {"skipped": 3}
    run_plan(Remembering(), part, RunOptions(existing="overwrite"))
    assert mattes(out) == expected
    assert statuses(Remembering(), plan(source, out))[0].counts == {"skipped": 14}


def test_raw_mattes_are_used_again_without_the_network(shot, tmp_path):
    from flyaway import Controls
    from flyaway.batch.finish import Finish

    source, out = shot(6), tmp_path / "out"
    finish = Finish(raw=str(tmp_path / "raw" / "r.####.exr"))
    run_plan(Remembering(), plan(source, out), replace(RESUME, finish=finish))
    again = Remembering()
    finish = replace(finish, controls=Controls(gamma=2.0))
    assert run_plan(again, plan(source, out), replace(RESUME, finish=finish)).counts == {"written": 6}
    assert again.calls == 0
    # By another bake too, which has no journal of its own; as stills they are other mattes.
    other = plan(source, tmp_path / "other")
    assert run_plan(again, other, replace(RESUME, finish=finish)).counts == {"written": 6}
    assert again.calls == 0
    assert mattes(tmp_path / "other") == mattes(out)
    # A frame whose raw matte is gone remembers all the same.
    (tmp_path / "raw" / "r.1004.exr").unlink()
    before = mattes(out)
    (out / "m.1004.exr").unlink()
    run_plan(again, plan(source, out), replace(RESUME, finish=finish))
    assert mattes(out) == before


def test_stills_are_what_they_were(shot, tmp_path):
    source, out = shot(4), tmp_path / "out"

    class Still(Remembering):
        def __call__(self, plate, encoding="srgb", *, refine=True):
            return Luma.__call__(self, plate, encoding, refine=refine)

    run_plan(Still(), plan(source, out), RunOptions(existing="resume", stills=True))
    run_plan(Luma(), plan(source, tmp_path / "luma"), RESUME)
    assert mattes(out) == mattes(tmp_path / "luma")
    assert states(out) == []
    # As a shot they are other mattes.
    assert run_plan(Still(), plan(source, out), RESUME).counts == {"written": 4}


def test_a_job_file_and_the_command_line_have_the_switch_back(tmp_path):
    from flyaway.batch import load_job
    from flyaway.batch.job import run_options
    from flyaway.cli.batch import narrowed

    path = tmp_path / "job.toml"
    shots = ['name = "a"\nsource = "a.####.exr"', 'name = "b"\nsource = "b.####.exr"\nstills = true']
    path.write_text("\n".join(f'[[shots]]\n{one}\noutputs = ["{one[8]}/m.####.exr"]' for one in shots))
    job = load_job(path)
    assert [run_options(one, "resume").stills for one in job.shots] == [False, True]
    assert [run_options(one, "resume").steadiness for one in job.shots] == [1.0, 1.0]
    assert [one.handles for one in job.shots] == [HANDLES] * 2
    assert all(one.stills for one in narrowed(job, None, {"stills": True}).shots)


# The real network, in processes of its own --------------------------------------------------------------


@pytest.fixture(scope="module")
def moving(astronaut, tmp_path_factory, write_plate):
    """`moving(count)` → the pattern of that many plates, 96×64: the astronaut, who moves, before grain."""
    folder = tmp_path_factory.mktemp("moving")
    small = resize(astronaut[:256, 64:448].astype(np.float32) / 255, 64, 96)
    for number in range(MOVING):
        rng = np.random.default_rng(number)
        plate = np.roll(small, number, axis=1) + rng.normal(0, 0.01, small.shape)
        write_plate(folder / f"p.{number + 1:04d}.png", np.clip(plate, 0, 1).astype(np.float32), "uint8")
    return str(folder / "p.####.png")


def real_plan(moving: str, out: Path) -> Plan:
    return plan_shot("shot", moving, [Target(str(out / "m.####.exr"))], "1-9")


@pytest.fixture
def job(memory_info, moving):
    def run(
        out: Path, *piece: str, kill_at: int | str = 0, every: int = 4, threads: int = 1
    ) -> subprocess.CompletedProcess[str]:
        # `name/file`, the folder of the manifest above it
        weights = memory_info.files["shot"].path.parents[1]
        words = [sys.executable, str(SHOT_JOB), memory_info.name, str(weights), moving]
        words += [str(out / "m.####.exr"), str(every), str(kill_at), str(threads), *piece]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    return run


@pytest.mark.parametrize("threads", [1, 2])  # of which two are two frames at once
def test_a_killed_run_that_resumes_is_the_unbroken_one_bit_for_bit(job, tmp_path, threads):
    unbroken = job(tmp_path / "whole", "1-12", "0", "0")
    assert unbroken.returncode == 0, unbroken.stderr
    killed = job(tmp_path / "out", "1-12", "0", "0", kill_at=6, threads=threads)
    assert killed.returncode == -9
    assert 6 <= len(mattes(tmp_path / "out")) < 12
    again = job(tmp_path / "out", "1-12", "0", "0", kill_at=9, threads=threads)
    assert again.returncode == -9
    last = job(tmp_path / "out", "1-12", "0", "0", threads=threads)
    assert last.returncode == 0, last.stderr
    assert "its memory is restored as frame" in again.stdout
    assert mattes(tmp_path / "out") == mattes(tmp_path / "whole")
    assert [path.name for path in (tmp_path / "out").glob(".*.exr")] == []  # half a matte of a killed run
    # The memory is there at all: a frame by itself is another.
    job(tmp_path / "still", "9", "0", "0")
    assert mattes(tmp_path / "still")["m.0009.exr"] != mattes(tmp_path / "whole")["m.0009.exr"]


@pytest.mark.parametrize(
    ("how", "threads"),
    [("SIGINT:6:before", 1), ("SIGINT:6:after", 1), ("SIGTERM:6:after", 1), ("SIGINT:6:after", 2)],
)
def test_a_run_that_is_broken_off_in_a_frame_keeps_what_the_one_before_left(job, tmp_path, how, threads):
    unbroken = job(tmp_path / "whole", "1-8", "0", "0", every=50)
    assert unbroken.returncode == 0, unbroken.stderr
    broken = job(tmp_path / "out", "1-8", "0", "0", kill_at=how, every=50, threads=threads)
    assert broken.returncode == 130, broken.stderr
    assert "asked 2" in broken.stdout
    # The frame in hand is lost, and no other: those before it are written, and its memory is kept.
    assert list(mattes(tmp_path / "out")) == [f"m.{frame:04d}.exr" for frame in range(1, 6)]
    assert broken.stdout.splitlines()[-1] == "its memory is kept as frame 5 left it"
    last = job(tmp_path / "out", "1-8", "0", "0", every=50, threads=threads)
    assert last.returncode == 0, last.stderr
    assert "its memory is restored as frame 5 left it" in last.stdout
    assert mattes(tmp_path / "out") == mattes(tmp_path / "whole")


def test_a_chunk_is_the_shot_that_begins_at_its_handles_and_nearer_to_the_whole_than_without(
    job, tmp_path, capsys
):
    """How near depends on the weights: docs/measure_handles.py measures it, docs/shots.md tells it."""
    first, last = MOVING - 3, MOVING
    handles = 24  # fewer than the default, so that the shot may be short
    assert first - handles > 1, "the chunk's handles are the whole shot"
    assert job(tmp_path / "whole", f"1-{last}", "0", "0").returncode == 0
    assert job(tmp_path / "cut", f"{first}-{last}", "4", str(handles)).returncode == 0
    assert job(tmp_path / "bare", f"{first}-{last}", "4", "0").returncode == 0
    assert job(tmp_path / "early", f"{first - handles}-{last}", "0", "0").returncode == 0
    whole, cut, bare = (
        np.stack([alpha(tmp_path / name / f"m.{frame:04d}.exr") for frame in range(first, last + 1)])
        for name in ("whole", "cut", "bare")
    )
    early = mattes(tmp_path / "early")
    assert mattes(tmp_path / "cut") == {name: early[name] for name in mattes(tmp_path / "cut")}
    with_handles, without = np.abs(cut - whole), np.abs(bare - whole)
    with capsys.disabled():
        for name, found in ((f"{handles} handles", with_handles), ("none", without)):
            print(
                f"\n{name}: {(found <= 1 / 255).mean():.2%} within 1/255, the worst {found.max():.3f}", end=""
            )
    assert with_handles.mean() < without.mean()
    assert (with_handles <= 1 / 255).mean() > (without <= 1 / 255).mean()


def fail_once(pair: Matting, number: int) -> None:
    """Have the frame that is looked at as the numberth fail when it is finished."""
    look, seen = pair.engine.look, []

    def broken(*given, **options):
        seen.append(1)
        looked = look(*given, **options)
        return replace(looked, finish=lambda: 1 / 0) if len(seen) == number else looked

    pair.engine.look = broken


def test_a_frame_that_fails_after_it_was_seen_has_those_after_it_done_again(memory_info, moving, tmp_path):
    whole = Matting(memory_info, open_engine(memory_info, "cpu", threads=1))
    run_plan(whole, real_plan(moving, tmp_path / "whole"), RESUME)
    two = Matting(memory_info, open_engine(memory_info, "cpu", threads=2))
    fail_once(two.pair(), 4)
    report = run_plan(two, real_plan(moving, tmp_path / "out"), RESUME)
    assert report.counts == {"written": 8, "failed": 1}
    assert [failure.task.frame for failure in report.failures] == [4]
    assert (report.lacking, report.lacking_from) == (5, 5)
    (told,) = report.remarks
    assert "5 frames from 5 on" in told
    # States that hold its hair are not kept: the first four frames' would be the last.
    assert states(tmp_path / "out") == []
    again = dict[int, str]()
    plan = real_plan(moving, tmp_path / "out")
    report = run_plan(two, plan, RESUME, lambda result: again.update({result.task.frame: result.why}))
    assert report.counts == {"skipped": 3, "written": 6}
    assert report.lacking == 0
    assert all(again[frame] == LACKING for frame in range(5, 10))
    assert mattes(tmp_path / "out") == mattes(tmp_path / "whole")


def test_without_holding_hair_only_the_frame_that_failed_is_done_again(memory_info, moving, tmp_path):
    options = replace(RESUME, steadiness=0)
    whole = Matting(memory_info, open_engine(memory_info, "cpu", threads=1))
    run_plan(whole, real_plan(moving, tmp_path / "whole"), options)
    two = Matting(memory_info, open_engine(memory_info, "cpu", threads=2))
    fail_once(two.pair(), 4)
    report = run_plan(two, real_plan(moving, tmp_path / "out"), options)
    assert (report.counts, report.lacking) == ({"written": 8, "failed": 1}, 0)
    report = run_plan(two, real_plan(moving, tmp_path / "out"), options)
    assert report.counts == {"skipped": 8, "written": 1}
    assert mattes(tmp_path / "out") == mattes(tmp_path / "whole")


def test_frames_before_a_range_are_run_with_all_threads(memory_info, moving, tmp_path, monkeypatch):
    """They go one after the other, so halves of the threads would be idle."""
    two = Matting(memory_info, open_engine(memory_info, "cpu", threads=2))
    run, seen = type(two.engine).look, []

    def noted(engine, *given, **options):
        seen.append(engine.threads)
        return run(engine, *given, **options)

    monkeypatch.setattr(type(two.engine), "look", noted)
    plan = plan_shot("shot", moving, [Target(str(tmp_path / "m.####.exr"))], "4-9", handles=3)
    report = run_plan(two, plan, RESUME)
    assert (report.counts, report.replayed) == ({"written": 6}, 3)
    assert seen == [2] * 3 + [1] * 6
    one = Matting(memory_info, open_engine(memory_info, "cpu", threads=1))
    alone = plan_shot("shot", moving, [Target(str(tmp_path / "one" / "m.####.exr"))], "4-9", handles=3)
    run_plan(one, alone, RESUME)
    assert mattes(tmp_path) == mattes(tmp_path / "one")


@pytest.mark.parametrize("threads", [1, 2])
def test_frames_that_fail_are_let_go_of(memory_info, moving, tmp_path, threads):
    """A full disk in a long shot: what is kept of each failure is its name, and none of its pictures."""
    model = Matting(memory_info, open_engine(memory_info, "cpu", threads=threads))
    failed = list[weakref.ref[np.ndarray]]()
    finish = Finisher.finished

    def full(finisher, alpha, masks):
        failed.append(weakref.ref(alpha))
        finish(finisher, alpha, masks)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Finisher, "finished", full)
        report = run_plan(model, real_plan(moving, tmp_path), RESUME)
    assert report.counts == {"failed": 9}
    assert all("No space left" in str(one.error) for one in report.failures)
    assert report.failures[0].error.__cause__ is not None
    assert [one() for one in failed] == [None] * 9


def test_a_state_is_not_waited_for_where_frames_are_looked_at(memory_info, moving, tmp_path):
    """Two Ctrl-C while the fourth frame's was being finished left a state of a frame that was not written."""
    two = Matting(memory_info, open_engine(memory_info, "cpu", threads=2))
    look, looked, waited = two.pair().engine.look, [], []

    def noted(*given, **options):
        number = len(looked) + 1
        found = look(*given, **options)

        def done():
            if number == 4:  # whose state is kept: the next one is looked at meanwhile
                waited.append(fifth.wait(20))
            return found.finish()

        looked.append(number)
        if number == 5:
            fifth.set()
        return replace(found, finish=done)

    fifth = threading.Event()
    two.pair().engine.look = noted
    report = run_plan(two, real_plan(moving, tmp_path), RESUME)
    assert report.counts == {"written": 9}
    assert waited == [True]
    assert states(tmp_path) == [4, 8]


def test_who_is_followed_is_followed_frame_by_frame(memory_info, moving, tmp_path):
    """Whoever is chosen is found in finished mattes, so no two frames are under way."""
    for threads in (1, 2):
        matting = Matting(memory_info, open_engine(memory_info, "cpu", threads=threads))
        options = replace(RESUME, finish=Finish(subject=Subject.parse("largest")))
        run_plan(matting, real_plan(moving, tmp_path / str(threads)), options)
    assert len(mattes(tmp_path / "1")) == 9
    assert mattes(tmp_path / "1") == mattes(tmp_path / "2")


def test_a_movie_is_a_shot(memory, astronaut, tmp_path):
    av = pytest.importorskip("av")
    movie = tmp_path / "plates.mov"
    with av.open(str(movie), "w") as container:
        stream = container.add_stream("prores_ks", rate=24)
        stream.width, stream.height, stream.pix_fmt = 256, 192, "yuv422p10le"
        for number in range(3):
            pixels = np.ascontiguousarray(np.roll(astronaut[:192, 100:356], 4 * number, axis=1))
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    out = [tmp_path / name for name in ("shot", "stills")]
    for folder, stills in zip(out, (False, True), strict=True):
        what = plan_shot("movie", movie, [Target(str(folder / "m.####.exr"))])
        report = run_plan(memory, what, RunOptions(refine=False, stills=stills))
        assert report.counts == {"written": 3}
    first, third = (
        np.abs(alpha(out[0] / f"m.{frame:04d}.exr") - alpha(out[1] / f"m.{frame:04d}.exr")).max()
        for frame in (1, 3)
    )
    assert first == 0
    assert third > 0.01
