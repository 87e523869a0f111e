"""Engines need weights and plates; both are loaded once for all tests here."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from flyaway.engines import Engine, open_engine
from flyaway.plate import as_display
from flyaway.resample import resize
from flyaway.weights import ModelInfo, model_info

Plates = Callable[[int, int], NDArray[np.float32]]


@pytest.fixture(scope="session")
def info() -> ModelInfo:
    """The default model."""
    return model_info("fast")


@pytest.fixture(scope="session")
def ort_engine(info: ModelInfo) -> Engine:
    pytest.importorskip("onnxruntime")
    return open_engine(info, "cpu", threads=1)


@pytest.fixture(scope="session")
def torch_engine(info: ModelInfo) -> Engine:
    pytest.importorskip("torch")
    return open_engine(info, "cpu", "torch")


@pytest.fixture(scope="session")
def plates(astronaut: NDArray[np.uint8]) -> Plates:
    """`plates(height, width)`: the astronaut, squeezed into that size; H×W×3 float32."""
    display = as_display(astronaut)
    return lambda height, width: np.clip(resize(display, height, width), 0, 1)
