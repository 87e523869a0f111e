"""Jobs in processes that are killed, stopped, crossed or out of disk: what is left, and how it goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from tests.cli.conftest import pixels

from flyaway.cli.app import run as flyaway

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}


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
