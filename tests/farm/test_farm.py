"""What farms are handed: run for real where an engine can be had here, else held to its grammar."""

from __future__ import annotations

import ast
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

from flyaway import JobError
from flyaway.batch import load_job
from flyaway.cli.app import run as flyaway
from flyaway.farm.tasks import cut

ALL = [f"m.{frame}.exr" for frame in range(1001, 1008)]


def tool(name):
    """A program that a Python package brings; where it is missing the test is skipped by name."""
    beside = os.path.join(os.path.dirname(sys.executable), name)  # noqa: PTH118, PTH120
    found = beside if os.path.exists(beside) else shutil.which(name)  # noqa: PTH110
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture
def program(tmp_path):
    """An executable that starts the flyaway under test."""
    path = tmp_path / "start flyaway"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m flyaway "$@"\n')
    path.chmod(0o755)
    return path


def test_openjd_runs_the_job_in_chunks(job_file, program, mattes, tmp_path):
    out = tmp_path / "job.template.json"
    assert flyaway(["farm", "openjd", str(job_file), "-o", str(out), "--program", str(program)]) == 0
    checked = subprocess.run([tool("openjd"), "check", str(out)], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = subprocess.run(
        [tool("openjd"), "run", str(out), "--step", "sh010"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert mattes() == ALL
    # At most three frames each, and of nearly one size: how, is the engine's own choice.
    assert len(list((tmp_path / "out" / "sh010" / ".flyaway").glob("*.journal"))) == 3
    assert "openjd_progress: 100.0" in done.stdout


def test_openjd_says_when_a_frame_failed(job_file, program, mattes, tmp_path):
    (tmp_path / "plates" / "p.1005.exr").write_bytes(b"not a plate")
    out = tmp_path / "job.template.json"
    assert flyaway(["farm", "openjd", str(job_file), "-o", str(out), "--program", str(program)]) == 0
    done = subprocess.run(
        [tool("openjd"), "run", str(out), "--step", "sh010", "-tp", "Frames=1004-1006"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode != 0
    assert mattes() == ["m.1004.exr", "m.1006.exr"]
    assert "openjd_fail: 2 written, 1 failed" in done.stdout


def test_an_outline_is_python_that_names_every_chunk(job_file, tmp_path):
    out = tmp_path / "job.outline.py"
    assert flyaway(["farm", "opencue", str(job_file), "-o", str(out), "--chunk", "4"]) == 0
    tree = ast.parse(out.read_text())
    layers = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and node.targets[0].id == "LAYERS"
    )
    assert [words[words.index("--frames") + 1] for words in layers["sh010"]] == ["1001-1004", "1005-1007"]


_PYCUERUN = """
import json, sys
from outline import cuerun, load_outline
from outline.backend import cue

loaded = load_outline(sys.argv[1])
launcher = cuerun.OutlineLauncher(loaded, shot="s", show="s", user="u", facility="local", pause=False)
print("SPECIFICATION", json.dumps(cue.serialize(launcher)))
launcher.setup()
for frame in (1, 2, 3):
    loaded.get_layer("sh010").execute(frame)
"""


def test_pyoutline_takes_the_outline_and_runs_its_frames(job_file, program, mattes, tmp_path):
    """OpenCue's own library: the job's specification as a Cuebot would get it, then every frame for real."""
    pytest.importorskip("outline", reason="opencue-pyoutline is not installed")
    out = tmp_path / "night.outline.py"
    words = ["farm", "opencue", str(job_file), "-o", str(out), "--program", f"'{program}'"]
    assert flyaway(words) == 0
    done = subprocess.run(
        [sys.executable, "-c", _PYCUERUN, str(out)],
        cwd=tmp_path,
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "SHOW": "s",
            "SHOT": "s",
            "JOB": "night",
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # The library writes log lines of its own to the same place.
    lines = [line for line in done.stdout.splitlines() if line.startswith("SPECIFICATION ")]
    specification = json.loads(lines[0].removeprefix("SPECIFICATION "))
    assert '<layer name="sh010" type="Render">' in specification
    assert "<range>1-3</range><chunk>1</chunk>" in specification
    assert mattes() == ALL


def test_deadline_files_say_what_its_manual_asks_for(job_file, tmp_path):
    out = tmp_path / "deadline"
    assert flyaway(["farm", "deadline", str(job_file), "-o", str(out), "--handles", "2"]) == 0
    job = dict(line.split("=", 1) for line in (out / "sh010.job").read_text().splitlines())
    plugin = dict(line.split("=", 1) for line in (out / "sh010.plugin").read_text().splitlines())
    assert (job["Plugin"], job["Frames"], job["ChunkSize"]) == ("CommandLine", "1001-1007", "3")
    assert plugin["Executable"] == "flyaway"
    assert "--frames <STARTFRAME>-<ENDFRAME> --chunk 3 --handles 2" in plugin["Arguments"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "1 shots, 3 tasks, which run 9 frames before their own for the shots' memory (--handles)"),
        (["--handles", "2"], "3 tasks, which run 4 frames before"),
        (["--handles", "0"], "1 shots, 3 tasks\n"),
    ],
)
def test_frames_that_tasks_run_for_the_memory_alone_are_told(job_file, tmp_path, capsys, words, told):
    assert flyaway(["farm", "opencue", str(job_file), "-o", str(tmp_path / "night.outline"), *words]) == 0
    assert told in capsys.readouterr().out


def test_deadline_refuses_a_range_its_tokens_cannot_say(job_file, tmp_path, capsys):
    job_file.write_text(job_file.read_text() + 'frames = "1001-1003,1006"\n')
    assert flyaway(["farm", "deadline", str(job_file), "-o", str(tmp_path / "d")]) == 1
    assert "openjd" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a b", 'a"b', "a;b", "a\nb", "{{x}}", ""])
def test_a_shot_whose_name_has_a_meaning_elsewhere_is_refused(job_file, name):
    job_file.write_text(job_file.read_text().replace('"sh010"', json.dumps(name)).replace("{shot}", "x"))
    with pytest.raises(JobError):
        cut(load_job(job_file))


# On a local cluster of several processes.

_DIES = "FLYAWAY_TEST_DIES"


def dying_load(name, device, engine):
    """The released model, in a worker that is killed (once) as it mattes its second frame."""
    import flyaway as package

    matting = package.load(name, device="cpu", engine=engine, threads=1)
    flag, look = os.environ[_DIES], matting.engine.look
    calls = 0

    def dying(*arguments, **more):
        nonlocal calls
        calls += 1
        if calls == 2:
            try:
                os.close(os.open(flag, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        return look(*arguments, **more)

    matting.engine.look = dying
    return matting


def test_a_worker_killed_in_the_middle_loses_nothing(job_file, mattes, tmp_path, monkeypatch):
    distributed = pytest.importorskip("distributed")
    from flyaway.batch import run_job
    from flyaway.farm.dask import run_on

    monkeypatch.setenv(_DIES, str(tmp_path / "died"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    job = load_job(job_file)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        before = {worker.pid for worker in cluster.workers.values()}
        report = run_on(client, job, cut(job), load=dying_load)
        after = {worker.pid for worker in cluster.workers.values()}
    assert (tmp_path / "died").exists()
    assert before != after
    assert report.exit_code == 0
    assert report.lost == {}
    assert mattes() == ALL
    summary = report.as_json()
    assert summary["written"] + summary["skipped"] == len(ALL)
    assert not [
        path for path in (tmp_path / "out").rglob("*") if ".part" in path.name or path.suffix == ".claim"
    ]
    # Nobody's word is taken for it: every frame proves itself against the journals.
    assert run_job(job).as_json()["skipped"] == len(ALL)


def test_a_frame_that_fails_on_a_cluster_is_named(job_file, tmp_path):
    distributed = pytest.importorskip("distributed")
    from flyaway.farm.dask import run_on

    (tmp_path / "plates" / "p.1002.exr").write_bytes(b"no plate")
    job = load_job(job_file)
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as here,
        distributed.Client(here) as client,
    ):
        report = run_on(client, job, cut(job))
    assert report.exit_code == 2
    failures = [
        failure for chunk in report.done.values() for shot in chunk["shots"] for failure in shot["failures"]
    ]
    assert [failure["frame"] for failure in failures] == [1002]
