"""What is scored: callables that give a plate's matte, on stills and in shots, alone or with a colour."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flyaway.engines.base import DEFAULT_ENGINE
from flyaway.errors import WeightsError
from flyaway.yardsticks import Found

if TYPE_CHECKING:
    from flyaway.matting import Matting

Alpha = NDArray[np.floating[Any]]
EncodedPlate = NDArray[np.uint8]


Matter = Callable[[EncodedPlate], "Alpha | Found"]
"""Takes a plate (H×W×3 uint8, sRGB-encoded), gives its alpha (H×W float in 0..1), or a `Found`.

One that remembers the frame before has a method ``new_shot()`` besides, which is called before the first
frame of every shot and before every still."""

UNREAD = "{} (not read again)"
"""What a model without the second reading in linear light is called beside the model."""
STILLS = "{} (stills)"
"""What a model with memory is called that looks at each frame of a clip by itself."""
UNHELD = "{} (steadiness 0)"
"""What a model with memory is called whose hair is not held from frame to frame."""
RVM = "RVM-MobileNetV3"
RVM_WITH_MEMORY = "RVM-MobileNetV3 with memory"


def found(answer: Alpha | Found) -> Found:
    """A matter's answer, with or without colour, as a `Found`."""
    return answer if isinstance(answer, Found) else Found(answer)


def begin_shot(matters: Mapping[str, Matter]) -> None:
    """Tell every matter that remembers that what comes next has nothing to do with what was."""
    for matter in matters.values():
        forget = getattr(matter, "new_shot", None)
        if forget is not None:
            forget()


def load_matters(
    names: list[str] | None,
    with_rvm: bool,
    device: str,
    *,
    engine: str = DEFAULT_ENGINE,
    isnet: Path | None = None,
    cache: Path | None = None,
    coarse: bool = False,
    unread: bool = False,
    colour: bool = False,
    shots: bool = False,
    threads: int | None = None,
) -> dict[str, Matter]:
    """Matters by name: the models asked for (or the first released), their coarse stages, RVM, ISNet.

    Parameters
    ----------
    names : names of released models, or ``CONFIG=FILE`` for a checkpoint (see `load_checkpoint`).
    engine : what runs the models; checkpoints are run by torch, and the yardsticks by onnxruntime.
    unread : score each model besides as its network reads it, without reading alpha again in linear light.
    colour : ask for foreground colour too, where there is one.
    shots : a model with memory is fed the frames of a clip in order, and scored with a steadiness of 0 and
        as stills besides, so that the report has what each is worth and costs; RVM is scored with its
        memory besides, and takes one pass a frame, as a video does.
    threads : CPU threads of every network; None leaves it to the engines.
    """
    import flyaway

    matters: dict[str, Matter] = {}
    for name in names or list(flyaway.list_models())[:1]:
        config, is_checkpoint, file = name.partition("=")
        if is_checkpoint:
            path = Path(file)
            matting = load_checkpoint(config, path, device, threads)
            name = f"{path.resolve().parent.name}/{path.stem}"  # the run, and which of its files
        else:
            matting = flyaway.load(name, device=device, engine=engine, threads=threads)
        if shots and matting.remembers:
            matters[name] = _InOrder(matting, colour)
            matters[UNHELD.format(name)] = _InOrder(matting, colour, steadiness=0.0)
            matters[STILLS.format(name)] = _matter(matting, colour)
        else:
            matters[name] = _matter(matting, colour)
        if unread:
            matters[UNREAD.format(name)] = _matter(matting, colour, reread=False)
        if coarse:
            from flyaway.evaluation.refiner import COARSE

            matters[COARSE.format(name)] = _matter(matting, refine=False)
    if with_rvm:
        from flyaway.yardsticks.rvm import RobustVideoMatting

        if shots:
            matters[RVM_WITH_MEMORY] = RobustVideoMatting(
                device, threads, passes=1, memory=True, colour=colour
            )
        matters[RVM] = RobustVideoMatting(device, threads, colour=colour)
    if isnet is not None:
        from flyaway.yardsticks.isnet import ISNet

        matters["ISNet"] = ISNet(isnet, threads, cache)
    return matters


def load_checkpoint(config: str, path: Path, device: str, threads: int | None = None) -> Matting:
    """A checkpoint of a training run, or a released model's safetensors, on the torch engine.

    Parameters
    ----------
    config : name of the configuration that it was trained in.
    path : weights or average, safetensors.

    Raises
    ------
    WeightsError : there is no such configuration, no such file, or the file does not fit.
    """
    from flyaway.engines.base import open_engine
    from flyaway.matting import Matting
    from flyaway.network_config import CONFIGS
    from flyaway.weights import ModelInfo, WeightFile

    if config not in CONFIGS:
        raise WeightsError(f"There is no configuration {config!r}; there is {', '.join(CONFIGS)}")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read ({error.strerror or error})") from error
    file = WeightFile(path, hashlib.sha256(data).hexdigest(), len(data))
    plain = json.loads(json.dumps(CONFIGS[config].to_dict()))
    info = ModelInfo(config, str(path), "", path, {"torch": file}, plain)
    return Matting(info, open_engine(info, device, "torch", threads))


class _InOrder:
    """A model with memory, and the clip that it is at."""

    def __init__(self, matting: Matting, colour: bool, steadiness: float = 1.0) -> None:
        self._matting, self._colour, self._steadiness = matting, colour, steadiness
        self.new_shot()

    def new_shot(self) -> None:
        """Forget the clip before."""
        self._matte = _matter(self._matting.shot(steadiness=self._steadiness), self._colour)

    def __call__(self, plate: EncodedPlate) -> Alpha | Found:
        return self._matte(plate)


def _matter(matting: Callable[..., Any], colour: bool = False, **options: bool) -> Matter:
    def matte(plate: EncodedPlate) -> Alpha | Found:
        result = matting(plate, encoding="srgb", **options)
        # Not every matte comes with a colour; where it does, it is asked for only where it is measured.
        estimate = getattr(result, "foreground", None) if colour else None
        return result.alpha if estimate is None else Found(result.alpha, estimate(plate, encoding="srgb"))

    return matte
