"""Outputs in several folders: known again from any directory, through links and after a move; never lost."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.batch.conftest import Luma
from tests.files import alter
from tests.ocio import STUDIO_CONFIG

from flyaway.batch import ExitCode, RunOptions, Target, load_job, plan_shot, run_job, run_plan
from flyaway.batch.cost import cost_of
from flyaway.batch.job import plan_job
from flyaway.batch.places import Anchor, absolute
from flyaway.frames import WriteOptions, fingerprint

# The shape of docs/batch.md's own example: two outputs in different folders, all paths relative.
JOB = """\
[tokens]
show = "abc"

[[shots]]
name = "sh020"
source = "plates/sh020/p.%04d.exr"
  [[shots.outputs]]
  path = "mattes/{show}/{shot}/{shot}.####.exr"
  [[shots.outputs]]
  path = "comp/{show}/{shot}/{shot}.####.exr"
  kind = "rgba"
"""
MATTE, COMP = "mattes/abc/sh020/sh020.1001.exr", "comp/abc/sh020/sh020.1001.exr"


@pytest.fixture
def project(tmp_path, shot):
    """A project folder with a job and two plates."""
    folder = tmp_path / "project"
    shot(2, folder="project-plates")
    (folder / "plates").mkdir(parents=True)
    (tmp_path / "project-plates").rename(folder / "plates" / "sh020")
    (folder / "night.toml").write_text(JOB)
    return folder


def run(job_file, existing="resume", **more):
    """A run → (what became of each frame and why, the report)."""
    results = []
    report = run_job(
        load_job(job_file),
        existing=existing,
        load=lambda *_, **__: Luma(),
        progress=lambda _, result: results.append((result.status, result.why)),
        **more,
    )
    return results, report


WRITTEN, SKIPPED = [("written", "")] * 2, [("skipped", "")] * 2


def test_a_job_with_two_folders_is_done_once(project, monkeypatch):
    monkeypatch.chdir(project)
    assert run(Path("night.toml"))[0] == WRITTEN
    assert run(Path("night.toml"))[0] == SKIPPED
    ((_, planned),) = plan_job(load_job("night.toml"))
    assert (cost_of(planned).known, cost_of(planned).todo) == (2, 0)
    lines = [json.loads(line) for line in planned.journal.read_text().splitlines()]
    first = next(line for line in lines if line["key"] == "1001")
    assert first["source"] == "../../../plates/sh020/p.1001.exr"
    assert [one["path"] for one in first["outputs"]] == ["sh020.1001.exr", f"../../../{COMP}"]


@pytest.mark.parametrize("which", [MATTE, COMP])
@pytest.mark.parametrize("journal", ["kept", "removed"])
def test_what_somebody_altered_under_our_header_is_never_replaced(project, monkeypatch, which, journal):
    monkeypatch.chdir(project)
    run(Path("night.toml"))
    theirs = alter(project / which)
    if journal == "removed":
        shutil.rmtree(project / "mattes/abc/sh020/.flyaway")
    for existing in ("resume", "skip"):
        _, report = run(Path("night.toml"), existing)
        assert (project / which).read_bytes() == theirs
        if existing == "resume":
            assert report.exit_code is ExitCode.FAILED
            (failure,) = report.reports[0].failures
            assert "was changed after it was written, and is kept" in str(failure.error)
            assert failure.error.path == Path(which)
    _, report = run(Path("night.toml"), "overwrite")
    assert report.exit_code is ExitCode.OK
    assert (project / which).read_bytes() != theirs
    assert run(Path("night.toml"))[0] == SKIPPED


def test_from_another_directory_through_a_link_and_after_a_move(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project)
    run(Path("night.toml"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert run(Path("../project/night.toml"))[0] == SKIPPED
    assert run(project / "night.toml")[0] == SKIPPED
    (tmp_path / "elsewhere" / "link").symlink_to(project)
    assert run(Path("link/night.toml"))[0] == SKIPPED
    moved = tmp_path / "archive" / "deep" / "renamed"
    moved.parent.mkdir(parents=True)
    project.rename(moved)
    assert run(moved / "night.toml")[0] == SKIPPED
    theirs = alter(moved / COMP)
    assert run(moved / "night.toml")[1].exit_code is ExitCode.FAILED
    assert (moved / COMP).read_bytes() == theirs


def test_where_the_outputs_folder_is_itself_a_link_to_another_disk(project, tmp_path, monkeypatch):
    disk = tmp_path / "big" / "disk" / "of" / "comps"
    disk.mkdir(parents=True)
    (project / "comp").symlink_to(disk)
    monkeypatch.chdir(project)
    run(Path("night.toml"))
    assert (disk / "abc/sh020/sh020.1001.exr").is_file()
    assert run(Path("night.toml"))[0] == SKIPPED
    # The project moves, the disk does not.
    project.rename(tmp_path / "moved")
    assert run(tmp_path / "moved" / "night.toml")[0] == SKIPPED
    theirs = alter(disk / "abc/sh020/sh020.1001.exr")
    assert run(tmp_path / "moved" / "night.toml")[1].exit_code is ExitCode.FAILED
    assert (disk / "abc/sh020/sh020.1001.exr").read_bytes() == theirs


def test_journals_of_earlier_releases_are_understood(project, tmp_path, monkeypatch):
    """They wrote paths outside the journal's own folder relative to wherever the run was started."""
    monkeypatch.chdir(project)
    run(Path("night.toml"))
    ((_, planned),) = plan_job(load_job("night.toml"))
    journal = project / planned.journal
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        line["outputs"][1]["path"] = f"comp/abc/sh020/{Path(line['outputs'][1]['path']).name}"
        line["source"] = f"plates/sh020/{Path(line['source']).name}"
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for there in (project, tmp_path):
        monkeypatch.chdir(there)
        assert run(project / "night.toml")[0] == SKIPPED
    theirs = alter(project / COMP)
    assert run(project / "night.toml")[1].exit_code is ExitCode.FAILED
    assert (project / COMP).read_bytes() == theirs


def test_a_line_of_a_later_release_is_understood_as_far_as_it_goes(project, monkeypatch):
    monkeypatch.chdir(project)
    run(Path("night.toml"))
    ((_, planned),) = plan_job(load_job("night.toml"))
    lines = [json.loads(line) | {"invented": [1]} for line in planned.journal.read_text().splitlines()]
    planned.journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert run(Path("night.toml"))[0] == SKIPPED


def test_the_configuration_of_a_moved_project_is_the_same_one(project, tmp_path, monkeypatch):
    (project / "show.ocio").write_text(STUDIO_CONFIG.format(working="half_light"))
    (project / "night.toml").write_text(JOB.replace('name = "sh020"', 'name = "sh020"\nocio = "show.ocio"'))
    monkeypatch.chdir(project)
    assert [status for status, _ in run(Path("night.toml"))[0]] == ["written"] * 2
    project.rename(tmp_path / "moved")
    assert run(tmp_path / "moved" / "night.toml")[0] == SKIPPED


def test_a_report_names_files_absolutely(project, monkeypatch):
    monkeypatch.chdir(project)
    (project / "plates/sh020/p.1002.exr").write_bytes(b"no picture")
    document = run(Path("night.toml"))[1].as_json()["shots"][0]
    (failure,) = document["failures"]
    assert document["journal"].startswith(f"{project}/mattes/abc/sh020/.flyaway/")
    assert failure["source"] == f"{project}/plates/sh020/p.1002.exr"
    assert failure["targets"] == [
        f"{project}/mattes/abc/sh020/sh020.1002.exr",
        f"{project}/comp/abc/sh020/sh020.1002.exr",
    ]


def test_somebody_elses_picture_is_kept_by_skip_existing_too(project, monkeypatch, write_plate):
    monkeypatch.chdir(project)
    run(Path("night.toml"))
    foreign = write_plate(project / COMP, np.full((8, 8, 3), 0.5, np.float32))
    theirs = foreign.read_bytes()
    _, report = run(Path("night.toml"), "skip")
    assert report.exit_code is ExitCode.FAILED
    assert "is kept" in str(report.reports[0].failures[0].error)
    assert foreign.read_bytes() == theirs


def test_a_deep_image_is_no_broken_matte(project, monkeypatch):
    monkeypatch.chdir(project)
    run(Path("night.toml"))
    spec = oiio.ImageSpec(4, 4, 2, "half")
    spec.deep, spec.channelnames = True, ("Z", "A")
    deep = oiio.DeepData()
    deep.init(16, 2, [oiio.TypeDesc("half")] * 2, ["Z", "A"])
    target = oiio.ImageOutput.create(str(project / COMP))
    assert target.open(str(project / COMP), spec)
    assert target.write_deep_image(deep)
    assert target.close()
    theirs = (project / COMP).read_bytes()
    shutil.rmtree(project / "mattes/abc/sh020/.flyaway")
    assert run(Path("night.toml"))[1].exit_code is ExitCode.FAILED
    assert (project / COMP).read_bytes() == theirs


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("m.exr", WriteOptions()),
        ("m.exr", WriteOptions(depth="float")),
        ("m.exr", WriteOptions(crop=True)),
        ("m.exr", WriteOptions("rgba")),
        ("m.exr", WriteOptions("rgba", channel="A", compression="piz")),
        ("m.exr", WriteOptions("beside", channel="matte.A")),
        ("m.png", WriteOptions()),
        ("m.png", WriteOptions("rgba", depth="uint8")),
        ("m.tif", WriteOptions()),
        ("m.tif", WriteOptions(depth="uint8", compression="lzw")),
        ("m.tif", WriteOptions("rgba", premultiplied=True)),
        ("m.tif", WriteOptions(depth="float")),
    ],
)
def test_every_kind_of_file_says_whether_it_was_altered(tmp_path, luma, write_plate, name, options):
    pixels = np.random.default_rng(3).random((40, 48, 3), np.float32)
    pixels[0, 0] = np.nan
    plate = write_plate(tmp_path / "p.exr", pixels, window=(5, 3), display=(0, 0, 64, 48))
    path = tmp_path / name
    what = plan_shot("one", plate, [Target(str(path), options)])
    assert run_plan(luma, what).exit_code is ExitCode.OK
    assert fingerprint.verdict(path) == "ours"
    # No journal knows it, and it is ours: it may be done again.
    assert run_plan(luma, what, RunOptions(existing="resume")).counts == {"written": 1}
    shutil.rmtree(tmp_path / ".flyaway")
    theirs = alter(path)
    assert fingerprint.verdict(path) == "altered"
    assert run_plan(luma, what, RunOptions(existing="resume")).exit_code is ExitCode.FAILED
    assert path.read_bytes() == theirs


def test_a_lossy_matte_is_redone_as_long_as_a_journal_knows_it_and_kept_else(shot, luma, tmp_path):
    options = WriteOptions(compression="dwaa")
    what = plan_shot("shot", shot(2), [Target(str(tmp_path / "out/m.####.exr"), options)])
    resume = RunOptions(existing="resume")
    run_plan(luma, what, resume)
    assert fingerprint.verdict(tmp_path / "out/m.1001.exr") == "unproven"
    assert run_plan(luma, what, resume).counts == {"skipped": 2}
    # As if the first run had died between a file and its line.
    lines = what.journal.read_bytes().splitlines(keepends=True)
    begun = [line for line in lines if not json.loads(line)["outputs"]]
    what.journal.write_bytes(b"".join(begun))
    assert run_plan(luma, what, resume).counts == {"written": 2}
    what.journal.write_bytes(begun[0])
    assert run_plan(luma, what, resume).counts == {"written": 1, "failed": 1}


def test_anchors(tmp_path, monkeypatch):
    (tmp_path / "real" / "in").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real" / "in")
    monkeypatch.chdir(tmp_path)
    anchor = Anchor(Path("link"))
    assert anchor.name(Path("link/x.exr")) == "x.exr"
    assert anchor.name(Path("real/in/x.exr")) == "x.exr"
    assert anchor.place(anchor.name(Path("other/x.exr"))) == str(tmp_path / "other" / "x.exr")
    # ".." behind a link is where the disk says, not where the text says.
    assert absolute("link/../x.exr") == str(tmp_path / "real" / "x.exr")
    assert absolute("real/../x.exr") == str(tmp_path / "x.exr")
    assert absolute("link/x.exr") == str(tmp_path / "link" / "x.exr")


def test_a_hostile_line_names_no_file():
    from flyaway.batch.journal import Entry, Output

    sound = Entry("1", "p", 1, 1, "m", "s", (Output("a", 1, "0"),))
    assert Entry.parse(sound.line()) == sound
    assert Entry.parse(replace(sound, outputs=(Output("a\0b", 1, "0"),)).line()) is None
    assert Entry.parse(sound.line().replace(b'"at_ns":', b'"at_ns":"x","other":')) is None
    assert os.sep not in sound.outputs[0].path
