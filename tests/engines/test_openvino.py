"""The OpenVINO engine, by the real package: within a bound of onnxruntime, in float32, in bounded memory."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import flyaway
from flyaway import CorruptWeightsError, DeviceUnavailableError
from flyaway.cli.app import run as run_command
from flyaway.engines import Engine, States, open_engine
from flyaway.frames.metadata import read_provenance
from flyaway.frames.read import read_header
from flyaway.geometry import grid_size
from flyaway.machine import cores
from flyaway.weights import model_info

pytest.importorskip("openvino", reason="openvino is not installed: `nox -s openvino` has it")
pytest.importorskip("onnxruntime")

from flyaway.engines import openvino_engine as module

# The network's own maps, alpha and states, against onnxruntime's; the largest that was found is 3e-5.
BOUND = 1e-4
# What is handed from graph to graph has no unit: of its largest value.
RELATIVE = 1e-4
MODELS = sorted(flyaway.list_models())
# MB of the whole process, Python and OpenVINO in it; measured: 348 and 1162.
FRAME_MB = {"HD": (1080, 1920, 400), "8K": (4320, 8192, 1300)}


@pytest.fixture(scope="module")
def engine(info) -> Engine:
    return open_engine(info, "cpu", "openvino", 1)


def corners(engine: Engine, height: int, width: int) -> np.ndarray:
    """Some cells, and the corners, where regions hang over the frame; no whole number of batches."""
    grid = grid_size(height, width, engine.config.refiner.cell)
    cells = np.random.default_rng(height).random(grid) < 0.3
    cells[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    assert cells.sum() % module.BATCH
    return cells


@pytest.mark.parametrize("name", MODELS)
def test_every_graph_agrees_with_onnxruntime(name, plates, monkeypatch):
    """What each graph is given in a run of onnxruntime is given to OpenVINO: all outputs, one by one."""
    info = model_info(name)
    reference, ours = (open_engine(info, "cpu", engine, 1) for engine in ("onnxruntime", "openvino"))
    asked: list[tuple[str, dict, list]] = []
    run = reference._run

    def noted(role, feed, **more):
        found = run(role, feed, **more)
        asked.append((role, dict(feed), found))
        return found

    monkeypatch.setattr(reference, "_run", noted)
    plate = plates(240, 320)
    cells = corners(reference, 240, 320)
    reference.infer(plate, cells=cells)
    if reference.remembers:
        states = reference.infer(plate, states=States(), cells=cells).states
        reference.infer(np.ascontiguousarray(np.roll(plate, 6, axis=1)), states=states, cells=cells)
    assert {role for role, *_ in asked} == set(info.files) - {"torch"}
    for role, feed, expected in asked:
        for part in range(0, len(next(iter(feed.values()))), module.BATCH):
            some = {key: array[part : part + module.BATCH] for key, array in feed.items()}
            found = ours._run(role, some)
            assert len(found) == len(expected)
            for one, whole in zip(found, expected, strict=True):
                other = whole[part : part + module.BATCH]
                assert one.shape == other.shape
                assert one.dtype == np.float32
                assert np.abs(one - other).max() <= RELATIVE * max(1, np.abs(whole).max()), role


@pytest.mark.parametrize(("height", "width"), [(33, 47), (270, 480), (457, 301)])
def test_the_same_cells_give_the_same_alpha(engine, ort_engine, plates, height, width):
    plate = plates(height, width)
    cells = np.ones(grid_size(height, width, engine.config.refiner.cell), bool)
    ours, reference = (one.infer(plate, cells=cells) for one in (engine, ort_engine))
    for what in ("alpha", "coarse_alpha", "trimap"):
        assert np.abs(getattr(ours, what) - getattr(reference, what)).max() <= BOUND, what
    assert np.abs(ours.alpha - ours.coarse_alpha).max() > 1e-3
    np.testing.assert_array_equal(ours.cells, cells)
    assert np.array_equal(engine.infer(plate, cells=cells).alpha, ours.alpha), "two calls, to the bit"


def test_a_shot_agrees_and_begins_with_the_still_bit_for_bit(engine, ort_engine, plates):
    frames = [np.ascontiguousarray(np.roll(plates(270, 480), 6 * number, axis=1)) for number in range(3)]
    still = engine.infer(frames[0])
    left = [States(), States()]
    for number, frame in enumerate(frames):
        ours, reference = (
            one.infer(frame, states=states) for one, states in zip((engine, ort_engine), left, strict=True)
        )
        if number == 0:
            np.testing.assert_array_equal(ours.alpha, still.alpha)
            np.testing.assert_array_equal(ours.trimap, still.trimap)
        assert np.abs(ours.coarse_alpha - reference.coarse_alpha).max() <= BOUND
        assert (np.abs(ours.alpha - reference.alpha) <= BOUND).mean() >= 0.999
        for one, other in zip(ours.states.arrays, reference.states.arrays, strict=True):
            assert np.abs(one - other).max() <= 1e-3
        left = [ours.states, reference.states]


def test_a_size_is_compiled_once_and_a_few_are_kept(info, plates):
    engine = open_engine(info, "cpu", "openvino", 1)
    compile_model, compiled = engine._core.compile_model, []

    def noted(model, *more):
        compiled.append(model)
        return compile_model(model, *more)

    class Core:
        read_model = engine._core.read_model

    Core.compile_model = staticmethod(noted)
    engine._core = Core
    first = engine.infer(plates(64, 96), refine=False)
    engine.infer(plates(64, 96), refine=False)
    assert len(compiled) == 1
    for width in range(128, 128 + 32 * module.SIZES, 32):
        engine.infer(plates(64, width), refine=False)
    assert len(compiled) == 1 + module.SIZES
    assert len(engine._compiled) == module.SIZES
    again = engine.infer(plates(64, 96), refine=False)  # it was let go
    assert len(compiled) == 2 + module.SIZES
    np.testing.assert_array_equal(again.alpha, first.alpha)


@pytest.mark.parametrize("threads", [1, 2])
def test_all_graphs_compute_in_float32_with_the_threads_asked_for_and_pin_none(info, plates, threads):
    engine = open_engine(info, "cpu", "openvino", threads)
    engine.infer(plates(64, 64), states=States(), cells=np.ones((2, 2), bool))
    assert {role for role, _ in engine._compiled} == {"shot", "tokens", "refine"}
    for one in engine._compiled.values():
        compiled = one.compiled
        assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
        assert compiled.get_property("INFERENCE_NUM_THREADS") == min(threads, cores())
        assert compiled.get_property("ENABLE_CPU_PINNING") is False


@pytest.mark.parametrize("device", ["cuda", "gpu", "cpu:0", ""])
def test_another_device_is_refused(info, device):
    with pytest.raises(DeviceUnavailableError, match="use auto, cpu"):
        open_engine(info, device, "openvino")


@pytest.mark.parametrize("role", ["coarse", "shot", "refine"])
def test_damaged_weights_are_never_run(info, plates, tmp_path, role):
    file = info.files[role]
    shutil.copy(file.path, tmp_path / file.path.name)
    data = bytearray(file.path.read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / file.path.name).write_bytes(data)
    damaged = replace(info, files={**info.files, role: replace(file, path=tmp_path / file.path.name)})
    with pytest.raises(CorruptWeightsError, match="reinstall flyaway"):
        open_engine(damaged, "cpu", "openvino", 1).infer(plates(64, 64), states=States())


CODE = """
import json, sys
connections = []
sys.addaudithook(lambda event, _: connections.append(event) if event.startswith("socket.") else None)
import flyaway
from flyaway import bench
from flyaway.geometry import grid_size
from flyaway.pictures import drawn

height, width = int(sys.argv[1]), int(sys.argv[2])
matting = flyaway.load("fast", device="cpu", engine="openvino", threads=1)
plate = drawn.gradient_plate(width, height)
cells = bench.force_cells(grid_size(height, width, matting.engine.config.refiner.cell), 0.06)
for _ in range(2):
    matte = matting(plate, cells=cells, reread=False)
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM:"))
print(json.dumps({"peak": peak * 1024 / 1e6, "sockets": connections, "shape": matte.alpha.shape}))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("size", FRAME_MB)
def test_memory_is_bounded_and_nothing_is_told_to_anyone(size):
    """The package that openvino brings for its makers' statistics opens no connection."""
    height, width, bound = FRAME_MB[size]
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(height), str(width)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["shape"] == [height, width]
    assert found["sockets"] == []
    assert found["peak"] < bound


def test_a_job_names_its_engine_and_a_resumed_one_says_where_it_was_another(
    tmp_path, write_plate, astronaut, capsys
):
    for number in (1, 2):
        write_plate(tmp_path / f"p.{number:04d}.exr", astronaut[::8, ::8] / 255.0)
    job = tmp_path / "j.toml"
    shot = '[[shots]]\nname = "a"\nsource = "p.####.exr"\noutputs = ["o/m.####.exr"]\n'
    job.write_text(f'engine = "openvino"\nthreads = 1\n{shot}')
    assert run_command(["batch", str(job), "--frames", "1"]) == 0
    assert read_provenance(read_header(tmp_path / "o" / "m.0001.exr"))["engine"] == "openvino"
    capsys.readouterr()
    assert run_command(["batch", str(job), "--engine", "onnxruntime"]) == 0
    said = capsys.readouterr().err
    assert "a: another engine than onnxruntime made 1 of 2 frames (1 by openvino). They are kept" in said
    assert said.count("--engine openvino") == 1
    assert read_provenance(read_header(tmp_path / "o" / "m.0001.exr"))["engine"] == "openvino"
    assert read_provenance(read_header(tmp_path / "o" / "m.0002.exr"))["engine"] == "onnxruntime"
