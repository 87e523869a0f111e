"""The OpenVINO engine: the same graphs on the CPU, compiled for the sizes that they are given.

Compiled for any size OpenVINO fuses no elementwise layers, and takes a quarter longer than compiled for one
(docs/performance.md). So the coarse stage is compiled for each working size, of which the last few
are kept, and regions come in batches of one size, the last one filled up.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.engines.host_loop import GRAPHS, SHOT, Feed, Float, HostLoop
from flyaway.errors import DeviceUnavailableError, EngineError, NoEngineError
from flyaway.optional import require
from flyaway.weights import ModelInfo, verified

# Regions at once; the last batch is filled up, so that many would be computed for nothing.
BATCH = 16
# Working sizes whose coarse graphs stay compiled; a folder of photographs rarely mixes more.
SIZES = 4

Shapes = tuple[tuple[int, ...], ...]


class OpenVinoEngine(HostLoop):
    """A released model on OpenVINO, on the CPU, in float32."""

    name = "openvino"
    device = "cpu"

    def __init__(self, info: ModelInfo, device: str = "auto", threads: int | None = None):
        super().__init__(info, threads)
        if device not in ("auto", "cpu"):
            raise DeviceUnavailableError(
                f"the openvino engine cannot use {device!r}: use auto, cpu, or another engine for a GPU"
            )
        openvino = require("The openvino engine", "openvino", install="openvino", error=NoEngineError)
        self.chunk = BATCH
        self._core = openvino.Core()
        self._options = options(openvino, threads)
        self._models = {role: self._read(role) for role in GRAPHS}
        self._compiled: OrderedDict[tuple[str, Shapes], Compiled] = OrderedDict()

    def _read(self, role: str) -> Any:
        path = verified(self._info.files[role])
        try:
            return self._core.read_model(str(path))
        except Exception as error:  # OpenVINO's own exceptions have no common root
            raise EngineError(f"OpenVINO cannot load {path.name}: {error}") from error

    def _model(self, role: str) -> Any:
        if role not in self._models:  # the graph of a shot: stills alone never pay for it
            self._models[role] = self._read(role)
        return self._models[role]

    def _inputs(self, role: str) -> list[str]:
        """See `HostLoop._inputs`."""
        return [node.any_name for node in self._model(role).inputs]

    def _run(self, role: str, feed: Feed, *, give_back: bool = False) -> list[Float]:
        """See `HostLoop._run`."""
        count = len(next(iter(feed.values())))
        if role not in ("coarse", SHOT):
            feed = {name: filled_up(array, BATCH) for name, array in feed.items()}
        outputs = self._at_size(role, feed)(feed)
        if give_back:
            for compiled in self._compiled.values():
                compiled.give_back()
        return [array[:count] for array in outputs]

    def _at_size(self, role: str, feed: Feed) -> Compiled:
        """A graph at the feed's sizes: compiled now, or kept from before."""
        key = role, tuple(array.shape for array in feed.values())
        if key not in self._compiled:
            model = self._model(role).clone()
            model.reshape({name: list(array.shape) for name, array in feed.items()})
            kept = [one for one in self._compiled if one[0] == role]
            for oldest in kept[: max(0, len(kept) - SIZES + 1)]:
                del self._compiled[oldest]
            try:
                self._compiled[key] = self._compile(role, model)
            except Exception as error:  # see `_read`
                raise EngineError(f"OpenVINO cannot compile the graph {role!r}: {error}") from error
        self._compiled.move_to_end(key)
        return self._compiled[key]

    def _compile(self, role: str, model: Any) -> Compiled:  # noqa: ARG002
        return Compiled(self._core.compile_model(model, "CPU", self._options))


class Compiled:
    """A graph at one size: inputs by name → its outputs, in its own order, in memory of their own."""

    def __init__(self, compiled: Any) -> None:
        self.compiled, self._request = compiled, compiled.create_infer_request()

    def __call__(self, feed: Feed) -> list[Float]:
        """Run it."""
        found = self._request.infer(dict(feed), share_inputs=True)
        return [found[node] for node in self.compiled.outputs]

    def give_back(self) -> None:
        """Let go of what its layers leave for each other; the next run takes it anew."""
        self.compiled.release_memory()


def options(openvino: Any, threads: int | None) -> dict[str, Any]:
    """How graphs are compiled."""
    found = {
        # By default OpenVINO computes in bfloat16 where the processor can: alpha then moves by 0.1 and more.
        "INFERENCE_PRECISION_HINT": openvino.Type.f32,
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        # Two processes would pin themselves to the same cores.
        "ENABLE_CPU_PINNING": False,
    }
    return found if threads is None else found | {"INFERENCE_NUM_THREADS": threads}


def filled_up(array: NDArray[Any], count: int) -> NDArray[Any]:
    """At least `count` along the first axis: the first one is repeated at the end."""
    missing = count - len(array)
    return array if missing <= 0 else np.concatenate((array, np.repeat(array[:1], missing, axis=0)))
