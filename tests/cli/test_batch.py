"""Jobs as farms and hosts run them: processes, signals, exit codes, and what is left on the disk."""

from __future__ import annotations

import json

import pytest
from tests.cli.conftest import JOB, pixels

from flyaway import EngineError
from flyaway.cli.app import run as flyaway


def events(capsys):
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_job_is_planned_run_and_run_again(plates, tmp_path, capsys):
    plates(5)
    job = str(tmp_path / "job.toml")
    assert flyaway(["batch", job, "--dry-run", "--json"]) == 0
    (planned,) = events(capsys)
    assert [shot["cost"]["todo"] for shot in planned["shots"]] == [3, 2]
    assert [(shot["cost"]["width"], shot["cost"]["missing"]) for shot in planned["shots"]] == [(160, 0)] * 2
    assert not (tmp_path / "out").exists()
    report = tmp_path / "report.json"
    assert flyaway(["batch", job, "--progress", "ndjson", "--report", str(report)]) == 0
    told = events(capsys)
    assert [event["event"] for event in told] == ["start", *["frame"] * 3, "start", *["frame"] * 2, "end"]
    assert [event["done"] for event in told if event["event"] == "frame"] == [1, 2, 3, 4, 5]
    summary = json.loads(report.read_text())
    assert (summary["exit_code"], summary["written"], summary["failed"]) == (0, 5, 0)
    assert {key: told[-1][key] for key in summary} == summary
    found = sorted(str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*.*.*"))
    assert [name for name in found if ".flyaway" not in name] == [
        "abc/sh010/m.0001.exr",
        "abc/sh010/m.0002.exr",
        "abc/sh010/m.0003.exr",
        "abc/sh020/c.0004.tif",
        "abc/sh020/c.0005.tif",
    ]
    assert flyaway(["batch", job, "--progress", "ndjson"]) == 0
    assert events(capsys)[-1]["skipped"] == 5
    assert flyaway(["batch", job, "--shot", "sh020", "--frames", "5", "--overwrite"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 written"


def test_a_csv_of_shots_has_tokens_for_columns(plates, tmp_path, capsys):
    plates(2)
    (tmp_path / "shots.csv").write_text(
        "shot,source,output,kind,reel\nsh1,plates/p.####.exr,out/{reel}/{shot}.####.exr,rgba,A12\n"
    )
    assert flyaway(["batch", str(tmp_path / "shots.csv")]) == 0
    assert pixels(tmp_path / "out" / "A12" / "sh1.0002.exr").shape == (160, 160, 4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("coarse_only", "corse_only", "corse_only means nothing"),
        ("{show}", "{shw}", "no token {shw}"),
        ('show = "abc"', 'show = "../../etc"', "cannot be a part of a file's name"),
        ('frames = "1-3"', 'frames = "one"', "no frame range"),
        ('name = "sh020"', 'name = "sh010"', "2 shots have this name"),
        ("plates/p.####.exr", "plates/q.####.exr", "No frame of"),
        ('kind = "rgba"', 'kind = "cmyk"', "kind is one of"),
        ("[defaults]", "[defaults]\nmodel = 'nonsense'", "no model 'nonsense'"),
        ("[defaults]", "[defaults]\nin_space = 'nonsense'", "No colour space"),
        ("[defaults]", "[defaults]\nchunk = -1", "chunk is a number"),
        ("c.####.tif", "../sh010/m.####.exr", "would overwrite sh010"),
        ("[tokens]", "[tokens", "cannot be understood"),
    ],
)
def test_a_job_that_means_nothing_is_refused_before_anything_is_done(
    plates, tmp_path, capsys, old, new, message
):
    plates(5)
    job = tmp_path / "job.toml"
    text = JOB.replace(old, new)
    if message.startswith("would"):
        text = text.replace('frames = "4-5"', 'frames = "3-5"').replace('kind = "rgba"', "")
        text = text.replace("{shot}/../sh010", "sh010")
    job.write_text(text)
    assert flyaway(["batch", str(job)]) == 1
    printed = capsys.readouterr()
    assert message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--channel", ""), "no channel"),
        (("--premultiplied",), "rgba"),
        (("--format", "png"), "contradicts"),
        (("--resume", "--overwrite"), "exclude"),
    ],
)
def test_options_that_contradict_are_refused_and_not_ignored(plates, tmp_path, capsys, arguments, message):
    plates(1)
    target = str(tmp_path / "m.####.exr")
    assert flyaway(["matte", str(tmp_path / "plates" / "p.####.exr"), "-o", target, *arguments]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "trouble",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        EngineError("onnxruntime cannot load coarse.onnx: Failed to allocate memory for requested buffer"),
    ],
)
def test_want_of_memory_before_the_first_frame_is_what_farms_retry(plates, tmp_path, monkeypatch, trouble):
    def load(*_arguments, **_more):
        raise trouble

    plates(1)
    monkeypatch.setattr("flyaway.load", load)
    source = str(tmp_path / "plates" / "p.####.exr")
    assert flyaway(["matte", source, "-o", str(tmp_path / "m.####.exr")]) == 33


def test_a_destination_that_cannot_be_is_refused_at_once(plates, tmp_path, capsys):
    plates(2)
    for target in ("job.toml/m.####.exr", "x" * 250 + ".####.exr"):
        source = str(tmp_path / "plates" / "p.####.exr")
        assert flyaway(["matte", source, "-o", str(tmp_path / target)]) == 1
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_run_may_end_with_its_review(plates, tmp_path, capsys):
    plates(5)
    words = ["batch", str(tmp_path / "job.toml"), "--progress", "ndjson", "--review"]
    assert flyaway([*words, str(tmp_path / "review")]) == 0
    assert "index.html" in capsys.readouterr().err
    index = (tmp_path / "review" / "index.html").read_text()
    for shot in ("sh010", "sh020"):
        assert f'href="{shot}.html"' in index
        assert (tmp_path / "review" / f"{shot}.html").is_file()
    # A review that cannot be written is said, and changes nothing about the frames.
    (tmp_path / "file").write_text("in the way")
    assert flyaway([*words, str(tmp_path / "file")]) == 0
    assert "no review" in capsys.readouterr().err
