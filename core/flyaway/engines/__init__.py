"""Engines run a trained network. One interface; onnxruntime is the default, others are optional."""

from flyaway.engines.base import (
    DEFAULT_ENGINE,
    ENGINES,
    Engine,
    Inference,
    States,
    available_devices,
    open_engine,
)

__all__ = ["DEFAULT_ENGINE", "ENGINES", "Engine", "Inference", "States", "available_devices", "open_engine"]
