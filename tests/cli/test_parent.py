"""A run that a host holds by its standard input ends with that host; any other pays no heed to it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from flyaway.cli.parent import VARIABLE

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
COMMAND = ("matte", "plates/p.%04d.exr", "-o", "out/m.%04d.exr", "--resume", "--progress", "ndjson")


def test_when_the_host_lets_go_the_frame_in_hand_is_finished_and_the_rest_is_left(cli, plates, tmp_path):
    plates(60)
    process = subprocess.Popen(
        [*cli, *COMMAND],
        cwd=tmp_path,
        env={**ENVIRONMENT, VARIABLE: "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "frame":
            break
    process.stdin.close()
    last = [json.loads(line) for line in process.stdout][-1]
    assert process.wait(120) == 130
    assert "stopping: " in process.stderr.read()
    on_disk = len(list((tmp_path / "out").glob("m.*.exr")))
    assert 0 < last["written"] == on_disk < 60


def test_who_has_let_go_already_is_told_as_by_a_signal(cli, plates, tmp_path):
    plates(60)
    stdin, writer = os.pipe()
    os.close(writer)
    environment = {**ENVIRONMENT, VARIABLE: "1"}
    done = subprocess.run([*cli, *COMMAND], cwd=tmp_path, env=environment, stdin=stdin, capture_output=True)
    assert done.returncode == 130, done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("stdin", "held"), [(subprocess.DEVNULL, True), ("closed pipe", False)], ids=["no pipe", "not asked"]
)
def test_a_standard_input_that_nobody_holds_says_nothing(cli, plates, tmp_path, stdin, held):
    plates(2)
    if stdin == "closed pipe":
        stdin, writer = os.pipe()
        os.close(writer)
    environment = {**ENVIRONMENT, **({VARIABLE: "1"} if held else {})}
    done = subprocess.run([*cli, *COMMAND], cwd=tmp_path, env=environment, stdin=stdin, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "out").glob("m.*.exr"))) == 2
