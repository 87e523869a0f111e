"""The torch engine: the network itself, for those who have torch anyway (and for parity tests)."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor

from flyaway.engines.base import (
    STAYS,
    Engine,
    Inference,
    Looked,
    States,
    Stopwatch,
    checked_cells,
    checked_states,
    held_after,
    network_config,
)
from flyaway.errors import CorruptWeightsError, DeviceUnavailableError, EngineError
from flyaway.geometry import grid_size
from flyaway.levels import as_unit
from flyaway.network import MattingNetwork, TwoStageNetwork, build_network
from flyaway.network.two_stage import Output
from flyaway.plate import Plane
from flyaway.regions.numpy_backend import unknown_cells
from flyaway.weights import ModelInfo, verified


class TorchEngine(Engine):
    """A released model in torch eager, on the CPU or a CUDA device."""

    name = "torch"
    at_once = False

    def __init__(self, info: ModelInfo, device: str = "auto", threads: int | None = None):
        self.device, self.threads = _choose(device), threads
        if threads is not None:
            torch.set_num_threads(threads)
        if "torch" not in info.files:
            raise EngineError(f"model {info.name!r} has no safetensors file: use the onnxruntime engine")
        self.network = load_network(info).to(self.device)
        self.config = self.network.config

    @property
    def remembers(self) -> bool:
        """See `Engine.remembers`."""
        return self.config.coarse.memory

    @torch.inference_mode()
    def look(
        self,
        image: Plane,
        *,
        cells: NDArray[np.bool_] | None = None,
        refine: bool = True,
        states: States | None = None,
    ) -> Looked:
        """See `Engine.look`. All is done, and counts as one stage: eager torch is not stopped between."""
        watch = Stopwatch()
        began = perf_counter()
        plate = torch.from_numpy(as_unit(image)).to(self.device).permute(2, 0, 1)[None].contiguous()
        forced = checked_cells(cells, grid_size(image.shape[0], image.shape[1], self.config.refiner.cell))
        chosen = None if forced is None else torch.from_numpy(forced).to(self.device)
        left: list[Tensor] = []
        if states is None:
            out = self.network(plate, cells=chosen, refine=refine)
        else:
            before = checked_states(states, self.config, *image.shape[:2])
            out, left = self._frame(plate, chosen, refine, before)
        alpha, coarse, trimap, used = (x.cpu().numpy() for x in out)
        watch.seconds["refine" if refine else "coarse"] = perf_counter() - began
        after = None
        if states is not None:
            held = self._held(trimap[1], used, states, forced is not None, *image.shape[:2])
            after = States(tuple(state.cpu().numpy() for state in left), held)
        # Interpolation and blend ramps overshoot by the last bit.
        found = Inference(alpha.clip(0, 1), coarse.clip(0, 1), trimap, used, watch.seconds, after)
        return Looked(after, lambda: found)

    def _held(
        self, unknown: Any, used: NDArray[np.bool_], states: States, forced: bool, height: int, width: int
    ) -> NDArray[np.uint8]:
        """For how many frames more the regions that were used are held."""
        r = self.config.refiner
        found = used if forced else unknown_cells(unknown, height, width, r.cell, r.low)
        return held_after(used, found, states.held)

    def _frame(
        self, plate: Tensor, chosen: Tensor | None, refine: bool, states: States
    ) -> tuple[Output, list[Tensor]]:
        """A frame of a shot."""
        if not isinstance(self.network, MattingNetwork):
            raise EngineError("the paper's structure looks at each frame by itself: it takes no states")
        held = None if states.held is None else torch.from_numpy(states.held > 0).to(self.device)
        before = [torch.from_numpy(array).to(self.device) for array in states.arrays]
        return self.network.frame_of(plate, before or None, chosen, refine, held=held, stays=STAYS)


def load_network(info: ModelInfo) -> TwoStageNetwork:
    """A released model as a torch module in float32, in evaluation mode."""
    config = network_config(info)
    try:
        network = build_network(config)
    except ValueError as error:
        raise EngineError(f"the model's configuration cannot be used: {error}") from error
    path = verified(info.files["torch"])
    try:
        network.load_state_dict({k: v.float() for k, v in load_file(path).items()})
    except RuntimeError as error:
        raise CorruptWeightsError(f"{path.name} does not fit its configuration: {error}") from error
    return network.eval()


def _choose(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, colon, number = device.partition(":")
    if kind not in ("cpu", "cuda") or (colon and (kind == "cpu" or not number.isdecimal())):
        raise DeviceUnavailableError(
            f"there is no device {device!r}: use auto, cpu, cuda, or cuda:1 for the second GPU"
        )
    if kind == "cuda" and not torch.cuda.is_available():
        raise DeviceUnavailableError("torch sees no CUDA device: check the driver, or use --device cpu")
    if number and int(number) >= torch.cuda.device_count():
        raise DeviceUnavailableError(
            f"there is no {device}: torch sees {torch.cuda.device_count()} GPUs, counted from 0"
        )
    return device
