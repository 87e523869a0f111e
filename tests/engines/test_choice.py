"""An engine, a device and whole weights, or an error that says what to do. Nothing falls back in silence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flyaway import (
    ConflictingEnginesError,
    CorruptWeightsError,
    DeviceUnavailableError,
    EngineError,
    UnknownModelError,
    available_devices,
    load,
)
from flyaway.engines import base, open_engine
from flyaway.engines import threads as thread_counts

ort = pytest.importorskip("onnxruntime")

from flyaway.engines import ort_device  # noqa: E402
from flyaway.engines.ort import GRAPHS  # noqa: E402

NO_CUDA = "CUDAExecutionProvider" not in ort.get_available_providers()
CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"


def in_fresh_process(code: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(not NO_CUDA, reason="this onnxruntime can use CUDA")
def test_cuda_asked_for_and_not_there_is_an_error(info):
    with pytest.raises(DeviceUnavailableError, match="pip install onnxruntime-gpu"):
        open_engine(info, "cuda")


def test_cuda_asked_of_torch_and_not_there_is_an_error(info, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceUnavailableError, match="--device cpu"):
        open_engine(info, "cuda", "torch")


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
@pytest.mark.parametrize("device", ["", "gpu", "CPU", "cuda:x", "tpu"])
def test_a_device_that_does_not_exist_lists_those_that_do(info, engine, device):
    pytest.importorskip(engine)
    with pytest.raises(DeviceUnavailableError, match="use auto, cpu"):
        open_engine(info, device, engine)


@pytest.mark.skipif(not NO_CUDA, reason="this onnxruntime can use CUDA")
def test_auto_is_the_cpu_where_there_is_nothing_better(info):
    assert available_devices() == ["cpu"]
    assert open_engine(info).device == "cpu"


def test_auto_does_not_choose_cuda_where_no_gpu_answers(monkeypatch):
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    monkeypatch.setattr(ort_device, "_device_count", lambda: 0)
    assert ort_device.choose("auto") == "cpu"
    monkeypatch.setattr(ort_device, "_device_count", lambda: 1)
    assert ort_device.choose("auto") == "cuda"


@pytest.mark.skipif(not NO_CUDA, reason="this onnxruntime can use CUDA")
def test_a_provider_that_falls_back_is_found_out(info, monkeypatch):
    """onnxruntime-gpu with a broken CUDA: the provider is offered, and what runs is the CPU."""
    monkeypatch.setattr(ort, "get_available_providers", lambda: [CUDA, CPU])
    with (
        pytest.warns(UserWarning, match=CUDA),
        pytest.raises(DeviceUnavailableError, match="fell back to CPU"),
    ):
        open_engine(info, "cuda")


def test_placement_counts_what_ran_where(info):
    for role in GRAPHS:
        where = ort_device.placement(info.files[role].path, CPU)
        assert {provider for _, provider in where} == {CPU}
        assert sum(count for (op, _), count in where.items() if op in ort_device.HEAVY) >= 3
        ort_device.assert_placement(info.files[role].path, CPU)


@pytest.mark.skipif(not NO_CUDA, reason="this onnxruntime can use CUDA")
@pytest.mark.filterwarnings("ignore:Specified provider")
def test_nodes_that_run_elsewhere_are_an_error(info):
    with pytest.raises(DeviceUnavailableError, match=r"tokens\.onnx elsewhere than on CUDA"):
        ort_device.assert_placement(info.files["tokens"].path, CUDA)


def test_an_engine_that_does_not_exist(info):
    with pytest.raises(EngineError, match="use one of onnxruntime, openvino, torch"):
        open_engine(info, engine="tensorflow")


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True])
def test_threads_are_a_whole_number(info, engine, threads):
    with pytest.raises(EngineError, match="whole number from 1 up"):
        open_engine(info, "cpu", engine, threads)


def test_threads_are_passed_on(info, monkeypatch):
    threads = []
    session = ort.InferenceSession

    def spy(path, options, providers):
        threads.append(options.intra_op_num_threads)
        return session(path, options, providers=providers)

    monkeypatch.setattr(ort, "InferenceSession", spy)
    open_engine(info, "cpu", threads=2)
    assert threads == [2, 2, 2]


def test_both_onnxruntimes_at_once_conflict(tmp_path):
    for name in ("onnxruntime", "onnxruntime-gpu"):
        folder = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    code = """
import sys
sys.path.insert(0, sys.argv[1])
import flyaway
try:
    flyaway.load("fast")
except flyaway.ConflictingEnginesError as error:
    print(error)
print("onnxruntime" in sys.modules)
"""
    message, imported = in_fresh_process(code, str(tmp_path)).splitlines()
    assert "pip uninstall both" in message
    assert imported == "False"


def test_the_conflict_is_not_hidden_from_those_who_ask_for_devices(monkeypatch):
    monkeypatch.setattr(base, "_installed", lambda name: True)
    with pytest.raises(ConflictingEnginesError):
        available_devices()


def test_no_engine_names_what_to_install():
    code = """
import importlib.metadata, sys

class Finder:
    # As if no engine were installed: neither importable nor listed.
    def __init__(self, real):
        self.real = real
    def __getattr__(self, name):
        return getattr(self.real, name)
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("onnxruntime", "onnxruntime_gpu", "openvino", "torch"):
            return None
        return self.real.find_spec(name, path, target)
    def find_distributions(self, context):
        for found in self.real.find_distributions(context):
            if found.metadata["Name"] not in ("onnxruntime", "onnxruntime-gpu", "torch"):
                yield found

sys.meta_path[:] = [Finder(f) if hasattr(f, "find_distributions") else f for f in sys.meta_path]
import flyaway
print(flyaway.available_devices(), flyaway.available_devices("openvino"))
for engine in ("onnxruntime", "openvino", "torch"):
    try:
        flyaway.load("fast", engine=engine)
    except flyaway.NoEngineError as error:
        print(error)
"""
    devices, ours, openvino, torch = in_fresh_process(code).splitlines()
    assert devices == "[] []"
    assert openvino == "the openvino engine needs openvino: pip install openvino"
    assert "pip install onnxruntime" in ours
    assert "pip install torch safetensors" in torch


@pytest.fixture
def copied(info, tmp_path):
    """The model with files of its own, to be damaged."""
    files = {}
    for role, file in info.files.items():
        shutil.copy(file.path, tmp_path / file.path.name)
        files[role] = replace(file, path=tmp_path / file.path.name)
    return replace(info, files=files)


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "altered":
        data[len(data) // 2] ^= 1
    elif how == "truncated":
        del data[-100:]
    elif how == "empty":
        data.clear()
    path.write_bytes(data)
    if how == "missing":
        path.unlink()


@pytest.mark.parametrize("how", ["altered", "truncated", "empty", "missing"])
@pytest.mark.parametrize(
    ("engine", "role"), [("onnxruntime", role) for role in GRAPHS] + [("torch", "torch")]
)
def test_damaged_weights_are_never_run(copied, engine, role, how):
    pytest.importorskip(engine)
    damage(copied.files[role].path, how)
    with pytest.raises(CorruptWeightsError, match=r"reinstall flyaway"):
        open_engine(copied, "cpu", engine)


def test_weights_that_do_not_fit_the_configuration_are_an_error(info):
    pytest.importorskip("torch")
    config = {**info.config, "attention": {**info.config["attention"], "dim": 64}}
    with pytest.raises(CorruptWeightsError, match="does not fit its configuration"):
        open_engine(replace(info, config=config), "cpu", "torch")


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
@pytest.mark.parametrize("config", [{}, {"coarse": 3}, {"coarse": {}, "refiner": {}, "attention": {}}])
def test_a_configuration_that_says_too_little_is_an_error(info, engine, config):
    pytest.importorskip(engine)
    with pytest.raises(EngineError, match="configuration cannot be used"):
        open_engine(replace(info, config=config), "cpu", engine)


def test_the_papers_structure_is_for_torch(info):
    torch = pytest.importorskip("torch")
    from flyaway.network import CONFIGS

    del torch
    with pytest.raises(EngineError, match="use the torch engine"):
        open_engine(replace(info, config=CONFIGS["paper"].to_dict()), "cpu")


@pytest.mark.parametrize(("engine", "role"), [("onnxruntime", "tokens"), ("torch", "torch")])
def test_a_model_without_the_engines_files_is_an_error(info, engine, role):
    pytest.importorskip(engine)
    files = {name: file for name, file in info.files.items() if name != role}
    with pytest.raises(EngineError, match="has no"):
        open_engine(replace(info, files=files), "cpu", engine)


def test_an_unknown_model_lists_those_there_are():
    with pytest.raises(UnknownModelError, match="there is fast"):
        load("slow")


@pytest.mark.parametrize("engine", ["ort_engine", "torch_engine"])
@pytest.mark.parametrize(
    "cells",
    [
        np.ones((4, 6), bool),
        np.ones((5, 5), bool),
        np.ones(20, bool),
        np.ones((4, 5)),
        np.ones((4, 5), int),
        [],
    ],
)
def test_forced_cells_must_fit_the_plate(request, plates, engine, cells):
    infer = request.getfixturevalue(engine).infer
    cell = request.getfixturevalue(engine).config.refiner.cell
    with pytest.raises(EngineError, match="cells must be 4×5 bool"):
        infer(plates(4 * cell - 16, 5 * cell), cells=cells)


def test_threads_have_a_bound_that_is_told(info, monkeypatch):
    monkeypatch.setattr(thread_counts, "cores", lambda: 2)
    for many in (257, 2147483648):
        with pytest.raises(EngineError, match=f"{many} threads .* give at most 256; it has 2 cores"):
            open_engine(info, "cpu", threads=many)
    monkeypatch.setattr(thread_counts, "cores", lambda: 128)
    assert thread_counts.checked_threads(512) == 512


def test_threads_may_be_of_numpy_and_what_is_no_number_is_refused(info):
    threads = open_engine(info, "cpu", threads=np.int64(2)).threads
    assert (threads, type(threads)) == (2, int)
    for wrong in (True, 2.0, "2", np.float32(2), np.int64(0)):
        with pytest.raises(EngineError, match="whole number from 1"):
            open_engine(info, "cpu", threads=wrong)


def test_a_model_and_a_device_are_chosen_by_name():
    with pytest.raises(UnknownModelError, match=r"chosen by name, not by None: one of .*fast"):
        load(None)
    with pytest.raises(DeviceUnavailableError, match="there is no device None: use 'auto', 'cpu' or 'cuda'"):
        load(device=None)
