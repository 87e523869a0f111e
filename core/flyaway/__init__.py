"""Flyaway: portrait matting, down to the flyaway hairs.

>>> import flyaway
>>> matting = flyaway.load("fast")
>>> matte = matting(photograph, encoding="srgb")  # H×W×3, uint8 or float
>>> matte.alpha  # H×W float32, linear coverage 0..1

Importing this package is quick: nothing heavier than the standard library is touched before a name
that needs it is used. Loading and matting need numpy and onnxruntime, nothing else.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from flyaway.errors import (
    BadPlateError,
    BadStateError,
    BlenderError,
    BusyError,
    ConflictingEnginesError,
    ControlError,
    CorruptWeightsError,
    DatasetError,
    DeviceUnavailableError,
    EncodingUnknownError,
    EngineError,
    FinishedError,
    FlyawayError,
    FrameError,
    FrameMemoryError,
    JobError,
    MissingPackageError,
    NoEngineError,
    PatternError,
    ReadError,
    UnknownModelError,
    UsageError,
    WeightsError,
    WriteError,
)

if TYPE_CHECKING:
    from flyaway.controls import Controls
    from flyaway.engines.base import available_devices
    from flyaway.matte import Matte
    from flyaway.matting import Matting, load
    from flyaway.weights import ModelInfo, earlier_models, list_models

__version__ = "0.1.0"

__all__ = [
    "BadPlateError",
    "BadStateError",
    "BlenderError",
    "BusyError",
    "ConflictingEnginesError",
    "ControlError",
    "Controls",
    "CorruptWeightsError",
    "DatasetError",
    "DeviceUnavailableError",
    "EncodingUnknownError",
    "EngineError",
    "FinishedError",
    "FlyawayError",
    "FrameError",
    "FrameMemoryError",
    "JobError",
    "Matte",
    "Matting",
    "MissingPackageError",
    "ModelInfo",
    "NoEngineError",
    "PatternError",
    "ReadError",
    "UnknownModelError",
    "UsageError",
    "WeightsError",
    "WriteError",
    "__version__",
    "available_devices",
    "earlier_models",
    "list_models",
    "load",
]

# Where the names live that are imported on first use.
_LAZY = {
    "Controls": "flyaway.controls",
    "Matte": "flyaway.matte",
    "Matting": "flyaway.matting",
    "load": "flyaway.matting",
    "ModelInfo": "flyaway.weights",
    "list_models": "flyaway.weights",
    "earlier_models": "flyaway.weights",
    "available_devices": "flyaway.engines.base",
}


def __getattr__(name: str) -> Any:
    """Import `name` on its first use (PEP 562) and keep it, so that this runs once a name."""
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
