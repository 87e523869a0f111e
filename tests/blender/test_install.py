"""The zip that is released is what runs, and it runs on nothing but what Blender and the zip bring."""

from __future__ import annotations

from pathlib import Path

from tests.blender.conftest import Blender


def test_the_add_on_runs_on_its_own_wheels(blender: Blender, resources: Path) -> None:
    result = blender("install.where")
    for name in ("flyaway", "onnxruntime"):
        assert Path(result[name]).is_relative_to(resources / "extensions")
    assert result["imported"] == []
    assert result["models"] == ["fast"]
