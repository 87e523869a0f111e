"""What runs inside Nuke 14 must be Python 3.9, and nothing but the standard library, Qt and Nuke."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PLUGIN = Path(__file__).resolve().parents[3] / "nuke_plugin"
# What makes a release runs in our own environment, and is not in the archive.
MAKERS = {PLUGIN / "build.py", PLUGIN / "icons" / "make_icons.py"}
FILES = sorted(set(PLUGIN.rglob("*.py")) - MAKERS)
OURS = {"flyaway_nuke", "nuke", "nukescripts", "PySide2", "PySide6"}
# sys.stdlib_module_names is newer than Nuke 14's Python; what is not imported need not be here.
STANDARD = {
    "__future__", "atexit", "collections", "contextlib", "dataclasses", "datetime", "functools",
    "hashlib", "io", "json", "locale", "math", "os", "pathlib", "platform", "queue", "re", "shlex",
    "shutil", "signal", "subprocess", "sys", "tempfile", "textwrap", "threading", "time", "traceback",
    "typing", "urllib", "uuid", "webbrowser", "zipfile",
}  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PLUGIN).as_posix())
def test_it_parses_as_python_3_9_and_imports_little(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    tops = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom) and not node.level
            else []
        )
    }
    assert tops <= OURS | STANDARD


def test_pixels_stay_out_of_python():
    """No array ever: neither numpy nor a loop over a picture. The self-test alone asks Nuke for points."""
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        asking = () if path.name == "selftest.py" else (".sample(",)
        for word in ("numpy", ".bits(", "constBits", "setPixelColor", ".pixel(", *asking):
            assert word not in text, f"{path.name}: {word}"
