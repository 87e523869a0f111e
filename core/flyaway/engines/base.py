"""What every engine does, and how one is chosen. Imports neither onnxruntime nor torch by itself."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from flyaway.engines.threads import checked_threads
from flyaway.errors import ConflictingEnginesError, DeviceUnavailableError, EngineError, NoEngineError
from flyaway.geometry import grid_size, padded, working_size
from flyaway.network_config import NetworkConfig
from flyaway.plate import Plane
from flyaway.regions.numpy_backend import upsample
from flyaway.weights import ModelInfo

ENGINES = ("onnxruntime", "openvino", "torch")
# What runs where nobody asks for another one: a show's mattes must not depend on what else is installed.
DEFAULT_ENGINE = "onnxruntime"
STAGES = ("prepare", "coarse", "select", "tokens", "refine", "finish")
STRIDES = (16, 8, 4, 2)  # px of working image per entry of a gated decoder's states, coarsest first
# A region that the frame before had refined stays one down to this share of the threshold for a new one, but
# for so many frames at most: else a chunk would need all frames before it to choose the regions of the shot.
STAYS = 0.5
HELD = 8


@dataclass(frozen=True)
class States:
    """What a frame of a shot leaves to the next one. Without anything in it a shot begins, with a still.

    Attributes
    ----------
    arrays : what the network remembers, each 1×C×h×w float32, coarsest first, of the mirror image after
        those of the image; see `state_shapes`. An engine never writes into them.
    held : rows×columns uint8, for how many frames more a region stays refined while it is unknown enough for
        that; see `held_after`.
    """

    arrays: tuple[NDArray[np.float32], ...] = ()
    held: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Inference:
    """What a network makes of a plate of H×W.

    Attributes
    ----------
    alpha : H×W float32, 0..1.
    coarse_map : h×w float32, 0..1, the coarse stage's alpha, at working size or as large as the plate.
    trimap : 3×h×w float32 probabilities (background, unknown, foreground) at working size.
    cells : rows×columns bool, the regions that were refined.
    timings : seconds a stage, by the names in STAGES.
    states : what a frame of a shot leaves to the next one; None for a still.
    """

    alpha: NDArray[np.float32]
    coarse_map: NDArray[np.float32]
    trimap: NDArray[np.float32]
    cells: NDArray[np.bool_]
    timings: Mapping[str, float]
    states: States | None = None

    @property
    def coarse_alpha(self) -> NDArray[np.float32]:
        """H×W float32, 0..1: the coarse stage's alpha, bilinear; made when it is asked for."""
        return upsample(self.coarse_map, *self.alpha.shape).clip(0, 1)


@dataclass(frozen=True)
class Looked:
    """A plate that a network has looked at as a whole; its regions are refined when it is finished.

    Attributes
    ----------
    states : what a frame of a shot leaves to the next one, which need not wait for more; None for a still.
    finish : does the rest; called once, by any thread.
    """

    states: States | None
    finish: Callable[[], Inference] = field(repr=False)


class Engine(Protocol):
    """A network, loaded on a device. Not safe to be called from two threads at once, but where it says so."""

    name: str
    device: str
    config: NetworkConfig
    threads: int | None  # that it was given; None leaves it to the engine
    at_once: bool  # safe to be called from two threads at once

    @property
    def remembers(self) -> bool:
        """Whether the model has a memory from frame to frame, and so takes states."""
        ...

    def infer(
        self,
        image: Plane,
        *,
        cells: NDArray[np.bool_] | None = None,
        refine: bool = True,
        states: States | None = None,
    ) -> Inference:
        """Run the network: look, and finish.

        Parameters
        ----------
        image : H×W×3, display-referred sRGB, sides at least 32 px: float32 in 0..1, or uint8 or uint16 as
            a file holds it, whose largest value is 1. It is not changed.
        cells : rows×columns bool, forces the choice of regions; None lets the network choose.
        refine : False stops after the coarse stage.
        states : None is a still; `States()` begins a shot, whose first frame is the still bit for bit;
            those of the frame before go on with it. They are not changed.

        Raises
        ------
        EngineError : states that cannot be of a plate of this size, or of this model; a model without
            memory takes none.
        """
        return self.look(image, cells=cells, refine=refine, states=states).finish()

    def look(
        self,
        image: Plane,
        *,
        cells: NDArray[np.bool_] | None = None,
        refine: bool = True,
        states: States | None = None,
    ) -> Looked:
        """Run the coarse stage alone, as far as an engine stops between; takes and raises what `infer` does.

        The plate must not change until what is returned has been finished.
        """
        ...


@dataclass
class Stopwatch:
    """Seconds a stage."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Add what runs inside to a stage."""
        began = perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += perf_counter() - began


def open_engine(
    info: ModelInfo, device: str = "auto", engine: str = DEFAULT_ENGINE, threads: int | None = None
) -> Engine:
    """Load a released model.

    Parameters
    ----------
    info : which model; its files are checked against the manifest before they are read.
    device : "auto" (the fastest there is), "cpu" or "cuda". A device asked for by name is used or
        it is an error; nothing falls back in silence.
    engine : "onnxruntime", "openvino" or "torch"; the one that is named, or it is an error.
    threads : CPU threads, at most `engines.threads.most_threads()`; None leaves it to the engine.

    Raises
    ------
    EngineError : there is no such engine, or so many threads cannot be.
    NoEngineError : the engine's package is not installed.
    ConflictingEnginesError : onnxruntime and onnxruntime-gpu are both installed.
    DeviceUnavailableError : the device is not there.
    CorruptWeightsError : a file is not the released one.
    MissingPackageError : the model came before, and the package that has it is not installed.
    """
    if engine not in ENGINES:
        raise EngineError(f"there is no engine {engine!r}: use one of {', '.join(ENGINES)}")
    threads = checked_threads(threads)
    if not isinstance(device, str):
        raise DeviceUnavailableError(f"there is no device {device!r}: use 'auto', 'cpu' or 'cuda'")
    check_installed(engine)
    if engine == "torch":
        from flyaway.engines.torch_engine import TorchEngine

        return TorchEngine(info, device, threads)
    if engine == "openvino":
        from flyaway.engines.openvino_engine import OpenVinoEngine

        return OpenVinoEngine(info, device, threads)
    from flyaway.engines.ort import OrtEngine

    return OrtEngine(info, device, threads)


def check_installed(engine: str) -> None:
    """Raise unless exactly one package provides the engine."""
    if engine == "torch":
        for package in ("torch", "safetensors"):
            if importlib.util.find_spec(package) is None:
                raise NoEngineError(f"the torch engine needs {package}: pip install torch safetensors")
        return
    if engine == "openvino":
        if importlib.util.find_spec("openvino") is None:
            raise NoEngineError("the openvino engine needs openvino: pip install openvino")
        return
    found = [name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name)]
    if len(found) == 2:
        raise ConflictingEnginesError(
            "onnxruntime and onnxruntime-gpu are both installed and overwrite each other's files: "
            "pip uninstall both, then pip install the one you want"
        )
    if not found and importlib.util.find_spec("onnxruntime") is None:
        raise NoEngineError("no engine is installed: pip install onnxruntime (onnxruntime-gpu for CUDA)")


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def available_devices(engine: str = DEFAULT_ENGINE) -> list[str]:
    """Devices that the engine says it can use here, best first; [] if it is not installed."""
    try:
        check_installed(engine)
    except NoEngineError:
        return []
    if engine == "openvino":
        return ["cpu"]
    if engine == "torch":
        import torch

        return ["cuda", "cpu"] if torch.cuda.is_available() else ["cpu"]
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    return ["cuda", "cpu"] if "CUDAExecutionProvider" in providers else ["cpu"]


def checked_cells(cells: Any, *shapes: tuple[int, int]) -> NDArray[np.bool_] | None:
    """A forced choice of regions as an array of our own; EngineError unless it is bool of one of them."""
    if cells is None:
        return None
    array = np.array(cells)
    if array.dtype != bool or array.shape not in shapes:
        wanted = " or ".join(dict.fromkeys(f"{rows}×{columns}" for rows, columns in shapes))
        raise EngineError(f"cells must be {wanted} bool, not {array.shape} {array.dtype}")
    return array


def state_shapes(config: NetworkConfig, height: int, width: int) -> list[tuple[int, int, int, int]]:
    """The shapes of the states that a plate of height×width leaves; none for a model without memory."""
    c = config.coarse
    if not c.memory:
        return []
    h, w = (padded(side, c.pad_multiple) for side in working_size(height, width, c.working_size))
    channels = (config.mobile.dim, *c.widths)
    shapes = [(1, n // 2, h // stride, w // stride) for n, stride in zip(channels, STRIDES, strict=True)]
    return shapes * (2 if c.mirrored else 1)


def checked_states(states: States, config: NetworkConfig, height: int, width: int) -> States:
    """The same; EngineError unless they can be those of a plate of height×width."""
    if not config.coarse.memory:
        raise EngineError("this model looks at each frame by itself: it takes no states")
    shapes = state_shapes(config, height, width)
    found = [array.shape for array in states.arrays]
    if found and (found != shapes or any(array.dtype != np.float32 for array in states.arrays)):
        raise EngineError(f"states of another model or another size of plate: {found}, not {shapes}")
    grid = grid_size(height, width, config.refiner.cell)
    if states.held is not None and (states.held.shape != grid or states.held.dtype != np.uint8):
        raise EngineError(f"what states hold is {grid[0]}×{grid[1]} uint8, not {states.held.shape}")
    return states


def held_after(
    chosen: NDArray[np.bool_], unknown: NDArray[np.bool_], before: NDArray[np.uint8] | None
) -> NDArray[np.uint8]:
    """For how many frames more regions are held.

    Parameters
    ----------
    chosen : rows×columns bool, the regions that are refined in this frame.
    unknown : those of them that would be chosen in a still too: they are held from now on.
    before : what the frame before left.
    """
    fewer = 0 if before is None else np.maximum(before, 1) - 1
    return np.where(chosen, np.where(unknown, HELD, fewer), 0).astype(np.uint8)


def network_config(info: ModelInfo) -> NetworkConfig:
    """A model's configuration; EngineError where the manifest's is incomplete or cannot be."""
    try:
        return NetworkConfig.from_dict(info.config)
    except (TypeError, ValueError) as error:
        raise EngineError(f"the model's configuration cannot be used: {error}") from error
