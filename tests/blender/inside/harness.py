"""Started inside Blender's Python: calls one function of a module beside it, and leaves without a crash."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

import bpy

ADDON = "bl_ext.user_default.flyaway"


def main() -> int:
    """Call the function that the task names; its result goes into a file."""
    task = json.loads(sys.argv[1])
    if task["enable"]:
        import addon_utils

        addon_utils.enable(ADDON, default_set=True)
        if ADDON not in sys.modules:
            print("the add-on could not be enabled", file=sys.stderr)
            return 1
    module, _, function = task["function"].partition(".")
    try:
        result = getattr(importlib.import_module(module), function)(**task["arguments"])
    except Exception:
        traceback.print_exc()
        return 1
    Path(task["answer"]).write_text(json.dumps(result or {}), "utf-8")
    return 0


def clear_handlers() -> None:
    """Handlers that are left when the interpreter ends crash Blender 4.2 and hang 4.5."""
    for name in dir(bpy.app.handlers):
        listeners = getattr(bpy.app.handlers, name)
        if isinstance(listeners, list):
            listeners.clear()


if __name__ == "__main__":
    code = main()
    clear_handlers()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # the way out of bpy is not what is tested here; test_leaving.py does
