"""What the bench forces, how it measures in processes of their own, and what it says of the machine."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from flyaway import bench, machine
from flyaway.cli import bench as command
from flyaway.errors import EngineError, NoEngineError
from flyaway.pictures.drawn import gradient_plate
from flyaway.yardsticks import rvm


@given(st.integers(1, 80), st.integers(1, 80), st.floats(0.001, 1))
def test_the_share_forced_is_the_share_asked_for(rows, columns, share):
    cells = bench.force_cells((rows, columns), share)
    assert cells.shape == (rows, columns)
    assert cells.sum() == max(1, round(share * rows * columns))


def test_forced_cells_have_neighbours_and_surround_a_middle():
    cells = bench.force_cells((135, 240), 0.06)
    assert not cells[60:75, 110:130].any()
    padded = np.pad(cells, 1)
    around = sum(
        np.roll(padded, (down, right), (0, 1)).astype(int) for down in (-1, 0, 1) for right in (-1, 0, 1)
    )
    assert (around[padded] >= 3).all()  # itself and two at least


def test_the_plate_is_the_same_everywhere_and_not_flat():
    plate = gradient_plate(96, 64)
    assert plate.shape == (64, 96, 3)
    assert plate.dtype == np.uint8
    assert np.array_equal(plate, gradient_plate(96, 64))
    assert plate[-1, :, 0].mean() - plate[0, :, 0].mean() > 150


def test_the_plan_has_every_configuration_once():
    jobs = bench.plan(["fast"], threads=1, runs=2)
    assert [(job.model, job.width, job.share) for job in jobs] == [
        ("fast", 1920, 0.03),
        ("fast", 1920, 0.06),
        ("fast", 1920, 0.13),
        (bench.RVM, 1920, None),
        ("fast", 3840, 0.03),
        ("fast", 3840, 0.06),
        ("fast", 3840, 0.13),
        (bench.RVM, 3840, None),
    ]
    assert all((job.threads, job.runs) == (1, 2) for job in jobs)
    assert all(job.share for job in bench.plan(["fast"], with_rvm=False))


TIMED = (
    bench.Configuration("fast", 1920, 1080, 0.06, threads=1),
    bench.Timing("cpu", 486, 250.0, 260.0, {"coarse": 200.0, "refine": 40.0}, 285.4, None),
)


def test_the_table_has_times_rates_and_stages():
    last = bench.markdown([TIMED]).splitlines()[-1]
    assert last == (
        "| fast | 1920×1080 | 6% (486) | cpu | 250.0 | 260.0 | 4.00 | 285 | coarse 200.0, refine 40.0 |"
    )


def test_json_has_what_the_table_has_and_the_machine():
    document = json.loads(bench.as_json([TIMED], load=99.0))
    assert document["busy"] is True
    assert document["environment"]["processor"]
    assert document["rows"][0]["median"] == 250.0
    assert document["rows"][0]["threads"] == 1


def test_a_busy_machine_is_said_to_be_busy():
    assert any("BUSY" in line for line in bench.remarks([TIMED[0]], load=machine.cores() * 1.0))
    assert not any("BUSY" in line for line in bench.remarks([TIMED[0]], load=0.0))
    assert not any("BUSY" in line for line in bench.remarks([TIMED[0]], load=None))


def test_rvm_is_timed_in_its_own_process():
    pytest.importorskip("onnxruntime")
    try:
        rvm.find_weights()
    except NoEngineError as error:
        pytest.skip(str(error))
    timing = bench.measure_fresh(bench.Configuration(bench.RVM, 160, 96, device="cpu", threads=1, runs=3))
    assert timing.device == "cpu"
    assert 0 < timing.median <= timing.p95
    # A process with the network loaded, but without what this one holds.
    assert timing.memory is None or 30 < timing.memory < 400


@pytest.fixture(scope="module")
def untrained(tmp_path_factory):
    """A model of the released structure with random weights, on the torch engine."""
    pytest.importorskip("torch")
    from safetensors.torch import save_file

    from flyaway.engines.base import open_engine
    from flyaway.matting import Matting
    from flyaway.network.model import MattingNetwork
    from flyaway.network_config import FAST
    from flyaway.weights import ModelInfo, WeightFile

    path = tmp_path_factory.mktemp("weights") / "untrained.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in MattingNetwork(FAST).state_dict().items()}, path)
    file = WeightFile(path, hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    info = ModelInfo("untrained", "", "", path, {"torch": file}, FAST.to_dict())
    return Matting(info, open_engine(info, "cpu", "torch", threads=1))


@pytest.mark.parametrize("share", [0.03, 0.13])
def test_a_model_is_timed_with_the_cells_forced(monkeypatch, untrained, share):
    import flyaway

    monkeypatch.setitem(vars(flyaway), "load", lambda *_, **__: untrained)
    timing = bench.measure(
        bench.Configuration("untrained", 640, 360, share, device="cpu", engine="torch", runs=2)
    )
    plate = gradient_plate(640, 360)
    every = untrained(plate, refine=False).cells.size
    assert timing.cells == round(share * every) >= 2
    assert timing.device == "cpu"
    # torch has one stage, which is part of the whole; alpha is read again after it.
    assert list(timing.stages) == ["refine", "reread"]
    assert 0 < timing.stages["refine"] <= timing.median <= timing.p95


def test_an_error_in_the_process_keeps_its_message():
    with pytest.raises(EngineError, match="no-such-model"):
        bench.measure_fresh(bench.Configuration("no-such-model", 64, 64, 0.06))


def test_a_process_that_dies_says_how():
    with pytest.raises(EngineError, match="exit status"):
        bench.measure_fresh(bench.Configuration(bench.RVM, -1, 64, device="cpu"))


@pytest.mark.parametrize(
    ("text", "size"), [("hd", (1920, 1080)), ("UHD", (3840, 2160)), ("640x480", (640, 480))]
)
def test_sizes(text, size):
    assert command.parse_size(text) == size


@pytest.mark.parametrize("text", ["8K", "640", "640x", "0x480", "-1x480"])
def test_what_is_no_size(text):
    with pytest.raises(typer.BadParameter):
        command.parse_size(text)


@pytest.fixture
def app():
    made = typer.Typer()
    command.register(made)
    return made


def test_the_command_refuses_an_impossible_share(app):
    result = CliRunner().invoke(app, ["--unknown", "0"])
    assert result.exit_code == 2
