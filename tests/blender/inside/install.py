"""The extension, installed from its zip as the preferences do it."""

from __future__ import annotations

import sys

import bpy


def install(zip: str) -> dict[str, object]:  # noqa: A002 (the argument's name in JSON)
    """Install and enable it; the names of the add-ons that came of it."""
    bpy.ops.extensions.package_install_files(repo="user_default", filepath=zip, enable_on_install=True)
    modules = [addon.module for addon in bpy.context.preferences.addons if "flyaway" in addon.module]
    return {"modules": modules, "version": bpy.app.version_string}


def where() -> dict[str, object]:
    """Where the packages come from that the add-on runs on, and which came along unasked."""
    import numpy as np
    import onnxruntime

    import flyaway

    flyaway.load("fast", device="cpu")(np.zeros((64, 64, 3), np.float32))
    foreign = ("OpenImageIO", "fileseq", "typer", "rich", "torch", "google.protobuf", "flatbuffers", "sympy")
    return {
        "flyaway": flyaway.__file__,
        "onnxruntime": onnxruntime.__file__,
        "imported": [name for name in foreign if name in sys.modules],
        "models": list(flyaway.list_models()),
        "numpy": np.__version__,
    }


def version() -> dict[str, object]:
    """Which Blender this is."""
    return {"version": list(bpy.app.version)}
