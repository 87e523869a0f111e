"""Jobs written, planned and read: --init, --dry-run, spreadsheets as they are exported."""

from __future__ import annotations

import json
import os
from collections import namedtuple

import numpy as np
import pytest

from flyaway import JobError
from flyaway.batch import cost, load_job
from flyaway.cli.app import run

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def plates(tmp_path, write_plate):
    """Two shots of two plates."""
    for name in ("sh010", "sh020"):
        (tmp_path / "plates" / name).mkdir(parents=True)
        for frame in (1001, 1002):
            write_plate(tmp_path / f"plates/{name}/{name}.{frame}.exr", np.full((64, 96, 3), 0.5, np.float32))
    return tmp_path


@pytest.mark.parametrize("name", ["night.toml", "shots.csv"])
def test_a_job_that_init_wrote_is_planned(plates, capsys, name):
    job = plates / name
    assert run(["batch", "--init", str(job)]) == 0
    assert "--dry-run" in capsys.readouterr().out
    assert run(["batch", str(job), "--frames", "1001-1002", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == [
        "shot",
        "model",
        "frames",
        "known",
        "to",
        "do",
        "size",
        "in",
        "out",
        "at",
        "most",
    ]
    assert lines[1].split()[:6] == ["sh010", "fast", "2", "0", "2", "96×64"]
    assert lines[-1].startswith(f"{job.stem}: 2 shots, 4 frames to do, at most")
    before = job.read_text()
    assert run(["batch", "--init", str(job)]) == 1
    assert "is there already" in capsys.readouterr().err
    assert job.read_text() == before


def test_the_shots_together_are_held_against_what_is_free(plates, capsys, monkeypatch):
    job = plates / "night.toml"
    run(["batch", "--init", str(job)])
    capsys.readouterr()
    # Each shot alone would fit.
    monkeypatch.setattr(cost.shutil, "disk_usage", lambda _: Usage(10**9, 0, 120_000))
    assert run(["batch", str(job), "--frames", "1001-1002", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "NOT ENOUGH" in printed
    assert run(["batch", str(job), "--frames", "1001-1002", "--dry-run", "--json"]) == 0
    (disk,) = json.loads(capsys.readouterr().out)["disks"]
    assert disk["bytes_out"] == 2 * 2 * 96 * 64 * 2 + 2 * 96 * 64 * 2 * 4
    assert (disk["bytes_free"], disk["enough"]) == (120_000, False)

    def none(_):
        raise OSError("no statvfs here")

    monkeypatch.setattr(cost.shutil, "disk_usage", none)
    assert run(["batch", str(job), "--frames", "1001-1002", "--dry-run"]) == 0
    assert "unknown" in capsys.readouterr().out


def test_matte_has_a_dry_run(plates, capsys):
    source = plates / "plates/sh010/sh010.####.exr"
    out = plates / "out"
    assert run(["matte", str(source), "-o", f"{out}/m.####.exr", "--dry-run"]) == 0
    assert "2 frames to do" in capsys.readouterr().out
    assert not out.exists()


def test_frames_that_are_run_for_the_memory_alone_are_planned(plates, capsys):
    job = plates / "night.toml"
    job.write_text(
        '[[shots]]\nname = "sh010"\nsource = "plates/sh010/sh010.####.exr"\noutputs = ["m/m.####.exr"]\n'
    )
    assert run(["batch", str(job), "--frames", "1002", "--dry-run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "sh010: run for the shot's memory, not written: 1 before a range or chunk" in lines
    assert "night: 1 shot, 1 frame to do and 1 run for memory alone, at most" in lines[-1]
    for more, expected in (([], (1, 1, 2)), (["--handles", "0"], (1, 0, 1)), (["--stills"], (1, 0, 1))):
        assert run(["batch", str(job), "--frames", "1002", "--dry-run", "--json", *more]) == 0
        (shot,) = json.loads(capsys.readouterr().out)["shots"]
        assert tuple(shot["cost"][key] for key in ("todo", "handles", "runs")) == expected


def test_threads_reach_the_engine(plates, monkeypatch):
    import flyaway

    threads = []

    def load(*_, **how):
        threads.append(how.get("threads"))
        raise flyaway.EngineError("no further")

    monkeypatch.setattr("flyaway.load", load)
    monkeypatch.setattr("flyaway.matting.load", load)
    source = plates / "plates/sh010/sh010.####.exr"
    assert run(["matte", str(source), "-o", f"{plates}/out/", "--threads", "3"]) == 1
    (plates / "j.toml").write_text(
        'threads = 2\n[[shots]]\nname = "a"\nsource = "plates/sh010/sh010.####.exr"\n'
        'outputs = ["o/m.####.exr"]\n'
    )
    assert run(["batch", str(plates / "j.toml")]) == 1
    assert run(["batch", str(plates / "j.toml"), "--threads", "5"]) == 1
    assert threads == [3, 2, 5]


@pytest.mark.parametrize("outputs", ["5", "true", '"o/m.####.exr"', "{path = 'a'}", "2024-01-01"])
def test_outputs_that_are_no_list_are_a_fault_of_the_job(tmp_path, outputs):
    (tmp_path / "j.toml").write_text(f'[[shots]]\nname = "a"\nsource = "p.exr"\noutputs = {outputs}\n')
    with pytest.raises(JobError, match="outputs are a list"):
        load_job(tmp_path / "j.toml")


@pytest.mark.parametrize(
    "text",
    [
        "shot;source;output\na;p.####.exr;o/a.####.exr\nb;q.####.exr;o/b.####.exr\n;;\n\n",
        "shot,source,output\na,p.####.exr,o/a.####.exr,,\nb,q.####.exr,o/b.####.exr\n,,\n,,,,\n",
        "\ufeffshot\tsource\toutput\r\na\tp.####.exr\to/a.####.exr\r\nb\tq.####.exr\to/b.####.exr\r\n",
    ],
)
def test_spreadsheets_as_they_are_exported(tmp_path, text):
    (tmp_path / "s.csv").write_text(text, newline="")
    job = load_job(tmp_path / "s.csv")
    assert [(shot.name, shot.source) for shot in job.shots] == [
        ("a", f"{tmp_path}/p.####.exr"),
        ("b", f"{tmp_path}/q.####.exr"),
    ]


@pytest.mark.parametrize("data", ["shot;source\na;p.exr\n".encode("utf-16"), b"\xff\xd8\xff\xe0JFIF"])
def test_what_is_not_saved_in_utf_8_is_told_how_to_be(tmp_path, data):
    (tmp_path / "s.csv").write_bytes(data)
    with pytest.raises(JobError, match="CSV in UTF-8"):
        load_job(tmp_path / "s.csv")


def test_a_row_that_is_too_long_is_still_refused(tmp_path):
    (tmp_path / "s.csv").write_text("shot,source,output\na,p.exr,o.exr,more\n")
    with pytest.raises(JobError, match="number of columns"):
        load_job(tmp_path / "s.csv")


def test_raw_mattes_count_among_what_is_written(plates, capsys):
    text = (
        'name = "night"\n[[shots]]\nname = "sh010"\nsource = "plates/sh010/sh010.####.exr"\n'
        'outputs = ["m/m.####.exr"]\nraw = "raw/{shot}.####.exr"\n'
    )
    job = plates / "night.toml"
    job.write_text(text)
    assert run(["batch", str(job), "--dry-run", "--json"]) == 0
    (shot,) = json.loads(capsys.readouterr().out)["shots"]
    pixels = 2 * 64 * 96
    folders = {str(plates / "m"): pixels * 2, str(plates / "raw"): pixels * 8}
    assert shot["cost"]["folders"] == folders
    source, raw = (str(plates / name) for name in ("plates/sh010/sh010.####.exr", "raw/r{1}.####.exr"))
    assert run(["matte", source, "-o", str(plates / "m/m.####.exr"), "--raw", raw, "--dry-run"]) == 0
    assert str(plates / "raw") in capsys.readouterr().out


def test_what_an_earlier_run_made_and_will_not_do_is_told(plates, capsys):
    job = plates / "night.toml"
    job.write_text(
        'name = "night"\n[[shots]]\nname = "sh010"\nsource = "plates/sh010/sh010.####.exr"\n'
        'outputs = ["m/m.####.exr"]\nmodel = "fast"\n'
    )
    plan = ["batch", str(job), "--dry-run"]
    assert run(["batch", str(job)]) == 0
    capsys.readouterr()
    assert run(plan) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:5] == ["sh010", "fast", "2", "2", "0"]
    assert run(plan) == 0
    assert "disk of" not in capsys.readouterr().out  # nothing goes there
    os.utime(plates / "plates/sh010/sh010.1001.exr", (1, 1))
    painted = plates / "m/m.1002.exr"
    painted.write_bytes(painted.read_bytes() + b"more")
    assert run(plan) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[1].split()[:5] == ["sh010", "fast", "2", "0", "2"]
    assert "sh010: stale, 1001: its plate has changed" in printed
    assert "sh010: stale, 1002: changed after it was written" in printed
    job.write_text(job.read_text() + "gamma = 2.0\n")
    assert run([*plan, "--json"]) == 0
    (shot,) = json.loads(capsys.readouterr().out)["shots"]
    assert shot["cost"]["stale"]["made with other settings"] == "1001"
    assert (shot["cost"]["known"], shot["cost"]["todo"]) == (0, 2)
