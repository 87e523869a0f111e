"""The program itself, as people and farms meet it: what cannot start, what it says of itself, exit codes."""

from __future__ import annotations

import json

import pytest
from tests.conftest import ROOT

import flyaway

ASTRONAUT = ROOT / "examples" / "astronaut.png"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("matte",), "SRC"),
        (("matte", ASTRONAUT), "-o"),
        (("matte", "nothing.png", "-o", "m.png"), "not there"),
        (("matte", ASTRONAUT, "-o", "m.png", "--model", "nonsense"), "no model 'nonsense'"),
        (("matte", ASTRONAUT, "-o", "m.png", "--device", "abacus"), "abacus"),
        (("matte", ASTRONAUT, "-o", "m.png", "--in-space", "nonsense"), "No colour space"),
        (("matte", ASTRONAUT, "-o", "m.jpg"), "badly"),
        (("matte", ASTRONAUT, "-o", "m.png", "--overwrite", "--skip-existing"), "exclude"),
        (("nonsense",), "nonsense"),
    ],
)
def test_what_cannot_start_is_one_clean_line_and_exit_1(run, tmp_path, arguments, message):
    done = run(*arguments)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_debug_shows_the_traceback(run):
    done = run("matte", "nothing.png", "-o", "m.png", "--debug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "PatternError" in done.stderr


def test_cuda_that_is_not_there_is_an_error_not_a_fallback(run, tmp_path):
    if "cuda" in flyaway.available_devices():
        pytest.skip("CUDA is there")
    done = run("matte", ASTRONAUT, "-o", "m.png", "--device", "cuda")
    assert done.returncode == 1
    assert "cuda" in done.stderr.lower()
    assert not (tmp_path / "m.png").exists()


def test_bare_command_and_version(run):
    assert run("--version").stdout == f"flyaway {flyaway.__version__}\n"
    help_text = run("--help").stdout
    for command in ("matte", "models", "doctor", "evaluate", "bench"):
        assert command in help_text


def test_models_lists_every_model_with_its_licence(run):
    done = run("models", COLUMNS="200")
    assert done.returncode == 0, done.stderr
    for info in flyaway.list_models().values():
        assert info.name in done.stdout
        assert info.licence in done.stdout
    card = run("models", "fast").stdout
    assert "GPL-3.0-or-later" in card


def test_doctor_runs_a_frame(run):
    done = run("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "onnxruntime on cpu:" in done.stdout
    assert "weights fast     whole" in done.stdout


def test_doctor_tells_programs_in_json(run):
    done = run("doctor", "--json", "--quick")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["packages"]["flyaway"] == flyaway.__version__
    assert report["weights"] == dict.fromkeys([*flyaway.list_models(), *flyaway.earlier_models()], "")
    assert {"engine": "onnxruntime", "device": "cpu"}.items() <= report["devices"][0].items()
    assert all(not device["problem"] for device in report["devices"])


@pytest.mark.parametrize("more", [(), ("--quick",), ("--json", "--quick")])
def test_doctor_names_a_model_that_is_not_there(run, more):
    done = run("doctor", "--model", "foo", *more)
    assert done.returncode == 1
    assert "pip install onnxruntime" not in done.stderr
    told = json.loads(done.stdout)["problem"] if "--json" in more else " ".join(done.stderr.split())
    assert f"There is no model 'foo'; there is {', '.join(flyaway.list_models())}." in told


def test_exit_codes_are_the_documented_ones():
    from flyaway.batch import ExitCode

    assert json.dumps({code.name: code.value for code in ExitCode}) == json.dumps(
        {"OK": 0, "USAGE": 1, "FAILED": 2, "OUT_OF_MEMORY": 33, "BUSY": 75, "INTERRUPTED": 130}
    )
