"""Engines run a trained network. One interface; onnxruntime is the default, torch is optional."""

from flyaway.engines.base import ENGINES, Engine, Inference, States, available_devices, open_engine

__all__ = ["ENGINES", "Engine", "Inference", "States", "available_devices", "open_engine"]
