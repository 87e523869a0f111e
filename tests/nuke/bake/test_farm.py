"""What the farm is handed: templates that the real engine runs, and words that no shell can twist."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from flyaway_nuke.bake import farm
from flyaway_nuke.bake.errors import FarmError
from flyaway_nuke.bake.job import Request, Settings


@pytest.fixture
def request_(tmp_path, sequence):
    """Three frames, two of them in one chunk."""
    source = (sequence / "plate.%04d.exr").as_posix()
    return Request(
        "sh 010", source, (1001, 1002, 1003), tmp_path / "bake", Settings(), "cpu", "", "/s/c.ocio"
    )


@pytest.mark.parametrize("frames", [(1001, 1002, 1003), (1001, 1003, 1004)], ids=["chunks", "gap"])
def test_openjds_own_engine_runs_the_template(request_, flyaway_python, tmp_path, frames):
    engine = shutil.which("openjd")
    if engine is None:
        pytest.skip("openjd is not on the path: pip install openjd-cli")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "flyaway"
    program.write_text(f'#!/bin/sh\nexec "{flyaway_python}" -m flyaway "$@"\n')
    program.chmod(0o755)
    request = Request("sh 010", request_.source, frames, request_.folder, Settings(), "cpu")
    reply = farm.submit(farm.Submission(request, 2, str(program)), "openjd")
    template = request.folder / "job.template.json"
    assert str(template) in reply
    done = subprocess.run([engine, "run", str(template), "--step", "Matte"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in request.folder.glob("*.exr")) == [
        f"matte.{frame}.exr" for frame in request.frames
    ]


def test_a_template_has_the_bakes_own_command_in_chunks(request_):
    template = farm.openjd_template(farm.Submission(request_, 2))
    step = template["steps"][0]
    assert step["parameterSpace"]["taskParameterDefinitions"][0] == {
        "name": "Frames",
        "type": "CHUNK[INT]",
        "range": "1001-1003",
        "chunks": {"defaultTaskCount": 2, "rangeConstraint": "CONTIGUOUS"},
    }
    words = step["script"]["actions"]["onRun"]["args"]
    assert "--frames={{Task.Param.Frames}}" in words
    assert words[words.index("--ocio") + 1] == "/s/c.ocio"
    assert "--resume" in words


def test_what_looks_like_a_placeholder_in_a_path_is_refused(tmp_path):
    request = Request("x", "/a/{{Job.Name}}.%04d.exr", (1, 3, 5), tmp_path / "bake")
    with pytest.raises(FarmError, match="placeholder of its own"):
        farm.openjd_template(farm.Submission(request))


def test_frames_with_gaps_or_steps_are_cut_into_tasks_here(tmp_path):
    """Openjd's own chunks of every other frame are one frame each, each of which would load the net."""
    request = Request("x", "/a/b.%04d.exr", (1, 3, 5, 7, 9, 20), tmp_path / "bake")
    template = farm.openjd_template(farm.Submission(request, 3))
    assert json.dumps(template).count("{{") == 1
    (frames,) = template["steps"][0]["parameterSpace"]["taskParameterDefinitions"]
    assert frames == {"name": "Frames", "type": "STRING", "range": ["1-5x2", "7,9,20"]}
    assert "extensions" not in template
    many = Request("x", "/a/b.%04d.exr", tuple(range(1, 5000, 2)), tmp_path / "bake")
    with pytest.raises(FarmError, match="raise frames a farm task"):
        farm.openjd_template(farm.Submission(many, 2))
    # Negative frames are no gaps.
    request = Request("x", "/a/b.%04d.exr", (-3, -2, -1), tmp_path / "bake")
    step = farm.openjd_template(farm.Submission(request))["steps"][0]
    assert step["parameterSpace"]["taskParameterDefinitions"][0]["range"] == "-3--1"


def test_deadline_mattes_no_frame_between_the_ones_asked_for(tmp_path):
    request = Request("x", "/a/b.%04d.exr", (1, 3, 5, 7, 9), tmp_path / "bake")
    job, plugin = farm.deadline_files(farm.Submission(request, 3))
    assert "Frames=1-9x2\n" in job
    assert "--frames=<STARTFRAME>-<ENDFRAME>x2" in plugin
    request = Request("x", "/a/b.%04d.exr", (1, 3, 5, 7, 9, 20), tmp_path / "bake")
    with pytest.raises(FarmError, match="submit 1-9x2 and 20 one after the other"):
        farm.deadline_files(farm.Submission(request, 3))


def test_what_the_farm_must_have_besides_is_told(request_):
    assert "need the OCIO configuration /s/c.ocio" in farm.submit(farm.Submission(request_), "command")


def test_a_still_is_one_task(tmp_path):
    template = farm.openjd_template(farm.Submission(Request("x", "/a.exr", (), tmp_path)))
    assert "parameterSpace" not in template["steps"][0]


def test_deadlines_own_placeholders_and_quotes(request_):
    job, plugin = farm.deadline_files(farm.Submission(request_, 5))
    assert "Frames=1001-1003\nChunkSize=5\n" in job
    assert "--frames=<STARTFRAME>-<ENDFRAME>" in plugin
    spaced = Request("sh", "/a b/p.%04d.exr", (1,), Path("/m n"))
    assert "<QUOTE>/a b/p.%04d.exr<QUOTE>" in farm.deadline_files(farm.Submission(spaced))[1]
    broken = Request("two\nlines", "/a.%04d.exr", (1,), Path("/m"))
    assert "Name=Flyaway two lines\n" in farm.deadline_files(farm.Submission(broken))[0]


def test_a_studio_brings_its_own(request_, monkeypatch):
    handed = []
    monkeypatch.setattr(farm, "_submitters", dict(farm._submitters))
    farm.register("tractor", lambda submission: handed.append(submission) or "job 7")
    assert farm.submit(farm.Submission(request_), "tractor").startswith("job 7")
    assert handed[0].request is request_
    # The record is there before the job is: it is how the result is found again.
    assert (request_.folder / "bake.json").is_file()
    with pytest.raises(FarmError, match="no render manager 'qube' here; there are command, deadline, openjd"):
        farm.submit(farm.Submission(request_), "qube")
    with pytest.raises(FarmError, match="at least one frame"):
        farm.submit(farm.Submission(request_, 0), "openjd")


def test_deadline_that_is_not_there_leaves_the_job_written(request_, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FarmError, match="deadlinecommand is not on PATH"):
        farm.submit(farm.Submission(request_), "deadline")
    assert (request_.folder / "deadline_job.txt").is_file()
