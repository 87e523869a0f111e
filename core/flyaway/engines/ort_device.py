"""On which device onnxruntime runs a graph: chosen by name, and held to it."""

from __future__ import annotations

import ctypes
import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from flyaway.errors import DeviceUnavailableError

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def choose(device: str) -> str:
    """The device that is meant by a name; "auto" is a GPU where one answers.

    Raises
    ------
    DeviceUnavailableError : there is none of that name, or this onnxruntime cannot use it.
    """
    available = ort.get_available_providers()
    if device == "auto":
        return "cuda" if PROVIDERS["cuda"] in available and _device_count() > 0 else "cpu"
    kind, colon, number = device.partition(":")
    if kind not in PROVIDERS or (colon and (kind == "cpu" or not number.isdecimal())):
        raise DeviceUnavailableError(
            f"there is no device {device!r}: use auto, {', '.join(PROVIDERS)}, or cuda:1 for the second GPU"
        )
    if PROVIDERS[kind] not in available:
        raise DeviceUnavailableError(
            f"this onnxruntime cannot use {device} (it offers {', '.join(available)}): "
            "pip uninstall onnxruntime, then pip install onnxruntime-gpu"
        )
    if number and int(number) >= (count := _device_count()):
        raise DeviceUnavailableError(f"there is no {device}: the driver shows {count} GPUs, counted from 0")
    return device


def _device_count() -> int:
    """CUDA devices that answer the driver; "auto" must not choose one that is not there."""
    try:
        driver = ctypes.CDLL("libcuda.so.1" if not hasattr(ctypes, "windll") else "nvcuda.dll")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


HEAVY = {"Conv", "FusedConv", "ConvTranspose", "MatMul", "FusedMatMul", "Gemm"}


def placement(path: Path, provider: str) -> Counter[tuple[str, str]]:
    """Where onnxruntime runs each node, found by running: (operator, provider) → count."""
    with tempfile.TemporaryDirectory() as folder:
        options = ort.SessionOptions()
        options.log_severity_level = 3
        options.enable_profiling = True
        options.profile_file_prefix = str(Path(folder) / "profile")
        session = ort.InferenceSession(str(path), options, providers=[provider])
        session.run(None, {i.name: _example(i) for i in session.get_inputs()})
        events = json.loads(Path(session.end_profiling()).read_text())
    arguments = (event.get("args", {}) for event in events if event.get("cat") == "Node")
    return Counter((a["op_name"], a["provider"]) for a in arguments if "provider" in a)


def assert_placement(path: Path, provider: str) -> None:
    """Raise DeviceUnavailableError unless every convolution and matrix product runs where it was asked to."""
    astray = {op for op, where in placement(path, provider) if op in HEAVY and where != provider}
    if astray:
        raise DeviceUnavailableError(
            f"onnxruntime runs {', '.join(sorted(astray))} of {path.name} elsewhere than on {provider}: "
            "check that onnxruntime-gpu fits the installed CUDA and cuDNN"
        )


def _example(node: ort.NodeArg) -> NDArray[Any]:
    """Zeros that fit an input: 64 where a size is dynamic, 1 where a count is."""
    free = 64 if node.name == "image" else 1
    shape = [size if isinstance(size, int) else free for size in node.shape]
    kinds = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(bool)": np.bool_}
    return np.zeros(shape, kinds[node.type])
