"""Jobs as farms and hosts run them: processes, signals, exit codes, and what is left on the disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import OpenImageIO as oiio
import pytest

from flyaway import EngineError
from flyaway.cli.app import run as flyaway

JOB = """
name = "night"
[tokens]
show = "abc"
[defaults]
[[defaults.outputs]]
path = "out/{show}/{shot}/m.####.exr"
[[shots]]
name = "sh010"
source = "plates/p.####.exr"
frames = "1-3"
[[shots]]
name = "sh020"
source = "plates/p.####.exr"
frames = "4-5"
coarse_only = true
  [[shots.outputs]]
  path = "out/{show}/{shot}/c.####.tif"
  kind = "rgba"
"""
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}


@pytest.fixture
def plates(tmp_path, write_plate, astronaut):
    """`plates(count)`: that many frames of a head, and a job about five of them."""

    def make(count: int) -> None:
        head = (astronaut[:160, 130:290] / 255.0).astype(np.float32) ** 2.2
        (tmp_path / "plates").mkdir()
        for number in range(1, count + 1):
            write_plate(tmp_path / "plates" / f"p.{number:04d}.exr", head * (1 - number * 0.01))
        (tmp_path / "job.toml").write_text(JOB)

    return make


def pixels(path):
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))


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


def test_a_killed_process_is_resumed_and_the_result_is_that_of_an_undisturbed_run(plates, tmp_path, cli):
    plates(8)
    command = [*cli, "matte", "plates/p.####.exr", "--progress", "ndjson", "--resume", "-o"]
    process = subprocess.Popen(
        [*command, "out/m.####.exr"], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line).get("done") == 2:
            process.kill()
            break
    assert process.wait(60) == -signal.SIGKILL
    done = subprocess.run(
        [*command, "out/m.####.exr"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    end = json.loads(done.stdout.splitlines()[-1])
    assert end["skipped"] >= 2
    assert end["skipped"] + end["written"] == 8
    assert "which has died" in end["recovered"][0]
    whole = subprocess.run(
        [*command, "whole/m.####.exr"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False
    )
    assert whole.returncode == 0
    for number in range(1, 9):
        name = f"m.{number:04d}.exr"
        np.testing.assert_array_equal(pixels(tmp_path / "out" / name), pixels(tmp_path / "whole" / name))
    left = [path for path in (tmp_path / "out").rglob("*") if ".part" in path.name or path.suffix == ".claim"]
    assert left == []


def test_sigterm_finishes_the_frame_in_hand_and_the_same_command_does_the_rest(plates, tmp_path, cli):
    plates(40)
    command = [*cli, "matte", "plates/p.####.exr", "-o", "out/m.####.exr", "--progress", "ndjson", "--resume"]
    process = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = []
    for line in process.stdout:
        told.append(json.loads(line))
        if told[-1].get("done") == 1:
            process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 130
    written = told[-1]["written"]
    assert told[-1]["interrupted"]
    assert 1 <= written < 40
    # The journal and the disk agree: all that was in hand is there.
    assert len(list((tmp_path / "out").glob("*.exr"))) == written
    source, target = str(tmp_path / "plates" / "p.####.exr"), str(tmp_path / "out" / "m.####.exr")
    assert flyaway(["matte", source, "-o", target, "--frames", f"1-{written + 1}", "--resume"]) == 0
    assert len(list((tmp_path / "out").glob("*.exr"))) == written + 1


def test_two_processes_at_once_one_wins_and_the_other_says_so(plates, tmp_path, cli):
    plates(4)
    command = [*cli, "matte", "plates/p.####.exr", "-o", "out/m.####.exr", "--progress", "ndjson", "--resume"]
    first = subprocess.Popen(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    for line in first.stdout:
        if json.loads(line).get("done") == 1:
            # Held still, so that it is at work for as long as this takes.
            first.send_signal(signal.SIGSTOP)
            assert os.WIFSTOPPED(os.waitpid(first.pid, os.WUNTRACED)[1])
            break

    def on_disk() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.exr")}

    before = on_disk()
    # Another spelling of the same files, and a part of the range.
    words = [*cli, "matte", "plates/p.%04d.exr", "-o", "out/m.@@@@.exr", "--frames", "2-3", "--resume"]
    second = subprocess.run(words, cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert second.returncode == 75, second.stderr
    assert f"process {first.pid} on {os.uname().nodename} is at work" in second.stderr
    assert on_disk() == before
    first.send_signal(signal.SIGCONT)
    assert first.wait(120) == 0
    first.stdout.close()
    assert len(on_disk()) == 4


def test_a_reader_that_goes_away_does_not_stop_the_run(plates, tmp_path, cli):
    plates(4)
    process = subprocess.Popen(
        [*cli, "matte", "plates/p.####.exr", "-o", "out"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "written" in process.stdout.readline()
    process.stdout.close()
    assert process.wait(120) == 0
    assert process.stderr is not None
    assert process.stderr.read() == ""
    process.stderr.close()
    assert len(list((tmp_path / "out").glob("*.exr"))) == 4


def test_ctrl_c_while_libraries_load_is_one_line(tmp_path):
    # At a point that is always the same: as the first heavy library is looked for.
    code = """
import os, signal, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == "OpenImageIO":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder())
sys.argv = ["flyaway", "--version"]
from flyaway.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "error: interrupted.\n")


_FULL = """
set -e
mkdir disk
mount -t tmpfs -o size=56k tmpfs disk
set +e
{flyaway} matte 'plates/p.####.exr' -o 'disk/out/m.####.exr' --resume --report full.json
echo $? > full.code
ls -A disk/out > full.list
mount -o remount,size=8m disk
{flyaway} matte 'plates/p.####.exr' -o 'disk/out/m.####.exr' --resume --report after.json
echo $? > after.code
cp -r disk/out out
"""


def test_a_disk_that_is_really_full(plates, tmp_path, cli):
    """A tmpfs of 56 kB in a mount namespace of its own, and then with room."""
    unshare = shutil.which("unshare")
    if (
        unshare is None
        or subprocess.run([unshare, "-rm", "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("unshare -rm (util-linux) is not allowed here")
    plates(8)
    script = _FULL.format(flyaway=" ".join(cli))
    subprocess.run(
        [unshare, "-rm", "sh", "-c", script], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=True
    )
    full, after = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("full", "after"))
    assert (tmp_path / "full.code").read_text().strip() == "2"
    assert full["written"] >= 1
    assert full["failed"] >= 1
    assert full["written"] + full["failed"] == 8
    assert all(failure["frame"] and failure["error"] for failure in full["failures"])
    listed = [name for name in (tmp_path / "full.list").read_text().split() if name != ".flyaway"]
    # What is there is what was said to be there, or a frame whose journal line found no more room.
    assert full["written"] <= len(listed) <= 8
    assert not [name for name in listed if "part" in name]
    assert (tmp_path / "after.code").read_text().strip() == "0"
    assert after["skipped"] == full["written"]
    assert len(list((tmp_path / "out").glob("*.exr"))) == 8
    for path in (tmp_path / "out").glob("*.exr"):
        assert pixels(path).shape[:2] == (160, 160)


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
