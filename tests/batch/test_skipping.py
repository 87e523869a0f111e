"""`--skip-existing`: what is whole stays, is told of where it is otherwise, and is never replaced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.batch.conftest import Luma
from tests.batch.test_finish import Green
from tests.batch.test_run import RESUME, alpha, statuses

from flyaway import UsageError
from flyaway.batch import ExitCode, Job, RunOptions, Shot, Target, plan_job, plan_shot, run_plan
from flyaway.batch import job as job_module
from flyaway.batch.finish import Finish
from flyaway.controls import Controls
from flyaway.errors import JobError
from flyaway.frames import WriteOptions, write_matte
from flyaway.frames.read import read_plate

SKIP = RunOptions(existing="skip")


def plan_of(source: str, out: Path, write: WriteOptions | None = None, frames: str | None = None):
    return plan_shot("shot", source, [Target(str(out / "m.####.exr"), write or WriteOptions())], frames)


def run(what, options=SKIP, matting=None):
    """A run → (its report, each frame's status, all that was told of kept frames)."""
    results = []
    report = run_plan(matting or Green(), what, options, results.append)
    return report, [one.status for one in results], {note for one in results for note in one.notes}


@pytest.mark.parametrize("options", [SKIP, RESUME], ids=["skip", "resume"])
@pytest.mark.parametrize("gone", ["plate", "all plates but one"])
def test_a_whole_matte_whose_plate_has_gone_is_done(shot, tmp_path, options, gone):
    source = shot(3)
    run(plan_of(source, tmp_path / "out"), RESUME)
    for frame in (1002,) if gone == "plate" else (1001, 1002):
        (tmp_path / "plates" / f"p.{frame}.exr").unlink()
    what = plan_of(source, tmp_path / "out", frames="1001-1003")
    assert any("fail if they are not done already" in notice for notice in what.notices)
    report, frames, _ = run(what, options)
    assert (report.exit_code, frames) == (ExitCode.OK, ["skipped"] * 3)
    broken = tmp_path / "out" / "m.1002.exr"
    broken.write_bytes(broken.read_bytes()[:-100])
    report, frames, _ = run(what, options)
    assert (report.exit_code, frames) == (ExitCode.FAILED, ["skipped", "failed", "skipped"])


KINDS = {
    "matte": WriteOptions(),
    "Y": WriteOptions(channel="Y"),
    "with unknown": WriteOptions(unknown=True),
    "unknown": WriteOptions("unknown"),
    "unknown called as mattes are": WriteOptions(channel="unknown.A"),
    "rgba": WriteOptions("rgba"),
    "straight": WriteOptions("rgba", premultiplied=False),
    "fg": WriteOptions("fg"),
    "comp": WriteOptions("comp", over="green"),
    "beside": WriteOptions("beside"),
}


@pytest.mark.parametrize("single", [False, True], ids=["sequence", "photograph"])
@pytest.mark.parametrize("first", KINDS)
def test_a_whole_picture_of_another_kind_is_never_replaced(shot, tmp_path, first, single):
    source = shot(1)
    if single:
        source, out = str(tmp_path / "plates" / "p.1001.exr"), tmp_path / "m.exr"
    else:
        out = tmp_path / "m.1001.exr"

    def planned(kind):
        target = str(tmp_path / ("m.exr" if single else "m.####.exr"))
        return plan_shot("shot", source, [Target(target, KINDS[kind])])

    assert run(planned(first), RunOptions())[1] == ["written"]
    assert run(planned(first))[1] == ["skipped"]
    before = out.read_bytes()
    for then in KINDS.keys() - {first}:
        report, _, _ = run(planned(then))
        assert report.exit_code is ExitCode.FAILED, then
        assert "replace it with --overwrite" in str(report.failures[0].error)
        assert report.failures[0].error.path == out
        assert out.read_bytes() == before, then
    assert run(planned("rgba"), RunOptions(existing="overwrite"))[1] == ["written"]


def test_another_kind_is_kept_also_where_a_file_beside_it_is_missing(shot, tmp_path):
    source = shot(1)
    run(plan_of(source, tmp_path, WriteOptions("fg")), RunOptions())
    before = (tmp_path / "m.1001.exr").read_bytes()
    targets = [Target(str(tmp_path / "new.####.exr")), Target(str(tmp_path / "m.####.exr"))]
    report, _, _ = run(plan_shot("shot", source, targets))
    assert report.exit_code is ExitCode.FAILED
    assert (tmp_path / "m.1001.exr").read_bytes() == before


@pytest.mark.parametrize(
    ("first", "then", "told"),
    [
        ({}, {"crop": True}, "not cropped"),
        ({"crop": True}, {}, "cropped, where that is not asked for"),
        ({"depth": "half"}, {"depth": "float"}, "stored as half, where float is asked for"),
        ({}, {"compression": "piz"}, "compressed with zip, where piz is asked for"),
    ],
)
def test_what_a_header_tells_is_told_of_what_is_kept(shot, tmp_path, first, then, told):
    source = shot(2)
    run(plan_of(source, tmp_path, WriteOptions(**first)), RunOptions())
    report, frames, notes = run(plan_of(source, tmp_path, WriteOptions(**then)))
    assert (report.exit_code, frames) == (ExitCode.OK, ["skipped"] * 2)
    assert notes == {f"kept as it is, where --resume would do it again: {told}"}


def test_what_the_journal_tells_is_told_of_what_is_kept(shot, tmp_path):
    source = shot(2)
    comp = WriteOptions("comp", over="green")
    run(plan_of(source, tmp_path, comp), RunOptions())
    whole = [path.read_bytes() for path in sorted(tmp_path.glob("*.exr"))]
    for what, options, matting, told in (
        (plan_of(source, tmp_path, comp), SKIP, Green(), ""),
        (plan_of(source, tmp_path, WriteOptions("comp", over="black")), SKIP, Green(), "other settings"),
        (
            plan_of(source, tmp_path, comp),
            RunOptions(existing="skip", finish=Finish(Controls(invert=True))),
            Green(),
            "other settings",
        ),
        (plan_of(source, tmp_path, comp), SKIP, Luma("green", "1" * 64), "another model"),
    ):
        report, frames, notes = run(what, options, matting)
        assert (report.exit_code, frames) == (ExitCode.OK, ["skipped"] * 2)
        assert len(notes) == bool(told)
        assert all(told in note for note in notes)
    assert [path.read_bytes() for path in sorted(tmp_path.glob("*.exr"))] == whole


def test_why_a_frame_is_done_again_is_true(shot, tmp_path, luma):
    what = plan_of(shot(3), tmp_path / "out")
    _, first = statuses(luma, what, SKIP)
    assert [why for *_, why in first] == ["", "", ""]  # nothing was there
    broken = tmp_path / "out" / "m.1002.exr"
    broken.write_bytes(broken.read_bytes()[:-100])
    (tmp_path / "out" / "m.1003.exr").unlink()
    _, again = statuses(luma, what, SKIP)
    assert [status for _, status, _ in again] == ["skipped", "written", "written"]
    assert again[1][2].startswith("m.1002.exr: truncated or damaged")
    assert again[2][2] == ""


@pytest.mark.parametrize("existing", ["refuse", "skip", "resume"])
def test_a_link_that_leads_nowhere_is_never_replaced(shot, tmp_path, luma, existing):
    link = tmp_path / "m.1001.exr"
    link.symlink_to(tmp_path / "unmounted" / "m.1001.exr")
    what = plan_of(shot(2), tmp_path)
    if existing == "refuse":
        with pytest.raises(UsageError, match="exist already"):
            run_plan(luma, what, RunOptions())
        assert not (tmp_path / "m.1002.exr").exists()
    else:
        report, found = statuses(luma, what, RunOptions(existing=existing))
        assert [status for _, status, _ in found] == ["failed", "written"]
        assert "a link to" in str(report.failures[0].error)
    assert link.is_symlink()
    assert run_plan(luma, what, RunOptions(existing="overwrite")).exit_code is ExitCode.OK
    assert not link.is_symlink()
    assert alpha(link).shape == (32, 32)


def test_a_raw_matte_is_not_written_in_the_place_of_a_link_that_leads_nowhere(shot, tmp_path, luma):
    link = tmp_path / "raw.1001.exr"
    link.symlink_to(tmp_path / "unmounted" / "raw.1001.exr")
    options = RunOptions(existing="resume", finish=Finish(raw=str(tmp_path / "raw.####.exr")))
    report, _, _ = run(plan_of(shot(1), tmp_path / "out"), options)
    assert "a link to" in str(report.failures[0].error)
    assert link.is_symlink()


def test_a_painters_picture_without_our_header_is_a_whole_matte(shot, tmp_path, write_plate):
    source = shot(1)
    write_plate(tmp_path / "m.1001.exr", np.full((32, 32, 1), 0.5, np.float32), channels=("A",))
    report, frames, notes = run(plan_of(source, tmp_path, WriteOptions(depth="float", crop=True)))
    assert (report.exit_code, frames, notes) == (ExitCode.OK, ["skipped"], set())


def test_one_photograph_says_what_its_header_can(shot, tmp_path):
    shot(1)
    plate = tmp_path / "plates" / "p.1001.exr"
    alpha_of = np.zeros((32, 32), np.float32)
    made_with = {"model": "other", "stages": "coarse and refiner"}
    write_matte(tmp_path / "m.exr", alpha_of, read_plate(plate), provenance=made_with)
    what = plan_shot("one", plate, [Target(str(tmp_path / "m.exr"))])
    report, frames, notes = run(what)
    assert (report.exit_code, frames) == (ExitCode.OK, ["skipped"])
    assert "made with model other" in next(iter(notes))


@pytest.mark.parametrize(
    ("target", "why"),
    [
        (Target("out/m.####.exr", WriteOptions("fg", premultiplied=True)), "--output rgba"),
        (Target("out/m.####.exr", WriteOptions(premultiplied=False)), "--output rgba"),
        (Target("out/m.####.exr", WriteOptions(), ".png"), "png contradicts its name"),
        (Target("out/m.####.tiff", WriteOptions(), ".exr"), "exr contradicts its name"),
        (Target("out/m.####.exr", WriteOptions("rgba", channel="matte.A")), "its alpha, A"),
        (Target("out/m.####.exr", WriteOptions(compression="zip:99")), "from 1 to 9"),
    ],
)
def test_jobs_and_scripts_are_refused_what_the_command_line_is(shot, tmp_path, monkeypatch, target, why):
    monkeypatch.setattr(job_module, "check_model", lambda name, torch: None)
    source = shot(1)
    with pytest.raises(UsageError, match=why):
        plan_shot("shot", source, [target])
    with pytest.raises((UsageError, JobError), match=why):
        plan_job(Job("night", (Shot("s", source, (target,)),)))
    assert not Path("out").exists()


@pytest.mark.parametrize("name", ["out/m.####.tiff", "out/m.####.tif"])
def test_a_format_that_agrees_with_its_name_passes(shot, name):
    plan_shot("shot", shot(1), [Target(name, WriteOptions(), ".tif")])
