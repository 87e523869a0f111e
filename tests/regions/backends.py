"""The three siblings behind one call: numpy in, numpy out, whatever is between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from flyaway.regions import INTERFACE, numpy_backend, torch_backend, torchscript_backend


@dataclass(frozen=True)
class Backend:
    """One sibling. Images are given as H×W×C, and turned into its layout."""

    name: str
    module: ModuleType
    functions: dict[str, Any]
    torch: bool

    def __call__(self, function: str, *arguments: Any) -> Any:
        """A function of the interface. What it changes in place is changed here too."""
        if not self.torch:
            return self.functions[function](*arguments)
        given = [torch.from_numpy(x) if isinstance(x, np.ndarray) else x for x in arguments]
        if function in ("gather", "refiner_inputs"):
            given[0] = given[0].permute(2, 0, 1)
        result = self.functions[function](*given)
        if isinstance(result, tuple):
            return tuple(x.numpy() for x in result)
        return None if result is None else result.numpy()


def plain(module: ModuleType) -> dict[str, Any]:
    return {name: getattr(module, name) for name in INTERFACE}


NUMPY = Backend("numpy", numpy_backend, plain(numpy_backend), torch=False)
TORCH = Backend("torch", torch_backend, plain(torch_backend), torch=True)
SCRIPT = Backend(
    "torchscript",
    torchscript_backend,
    {name: torch.jit.script(function) for name, function in plain(torchscript_backend).items()},
    torch=True,
)
BACKENDS = (NUMPY, TORCH, SCRIPT)
every_backend = pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


@contextmanager
def unchanged(*arrays: np.ndarray) -> Iterator[None]:
    before = [array.copy() for array in arrays]
    yield
    for array, copy in zip(arrays, before, strict=True):
        assert np.array_equal(array, copy), "an input was changed"


def brute_force(cells: np.ndarray, count: int, radius: int) -> tuple[list[list[int]], int]:
    """The nearest cells by looking at all pairs: near before far, then by dy, then by dx."""
    places = [tuple(map(int, place)) for place in np.argwhere(cells)]
    nearest, ties = [], 0
    for i, (y, x) in enumerate(places):
        found = [((v - y) ** 2 + (u - x) ** 2, v - y, u - x, j) for j, (v, u) in enumerate(places) if j != i]
        found = sorted(f for f in found if radius == 0 or f[0] <= radius * radius)
        ties += len(found) > count and found[count - 1][0] == found[count][0]
        nearest.append([f[3] for f in found[:count]])
    return nearest, ties
