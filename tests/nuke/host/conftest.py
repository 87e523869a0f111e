"""Tests of what runs inside Nuke. They need pytest and types-nuke alone, on Python 3.9 and later."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
PLUGIN = ROOT / "nuke_plugin"
for _path in (HERE, PLUGIN / "python"):
    if str(_path) not in sys.path:
        sys.path.insert(0, str(_path))


@pytest.fixture
def fake() -> Iterator[Any]:
    """A fresh strict fake, installed as `nuke`; our modules are imported anew in each test."""
    from fake_nuke import install

    fake = install()
    fake.state.paths[:] = [str(PLUGIN / "gizmos"), str(PLUGIN / "Cattery" / "Flyaway")]
    yield fake
    fake.uninstall()
    for name in [name for name in sys.modules if name.split(".")[0] == "flyaway_nuke"]:
        del sys.modules[name]


@pytest.fixture
def plugin() -> Path:
    """nuke_plugin/"""
    return PLUGIN
