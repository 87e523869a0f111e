"""What the Blender extension has of the weights: its own wheel (building it takes pip, and is not done here),
and what it says of earlier ones."""

from __future__ import annotations

import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from flyaway.weights import weights_folder

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_has_the_current_graphs_of_one_model(tmp_path, monkeypatch):
    spec = spec_from_file_location("blender_build", ROOT / "blender_addon" / "build.py")
    build = module_from_spec(spec)
    spec.loader.exec_module(build)
    checkout = tmp_path / "checkout"
    for name in ("pyproject.toml", "README.md", "LICENSE", "core", "LICENSES", "models/cards"):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).symlink_to(ROOT / name)
    weights = checkout / "models" / "weights"
    (weights / "fast").mkdir(parents=True)
    (weights / "fast@4").mkdir()
    for folder in ("fast", "fast@4"):
        for name in ("coarse.onnx", "fast.fp16.safetensors"):
            (weights / folder / name).write_bytes(folder.encode())

    def files(folder):
        return {
            role: {"path": f"{folder}/{name}"}
            for role, name in (("coarse", "coarse.onnx"), ("torch", "fast.fp16.safetensors"))
        }

    manifest = {
        "format": 1,
        "models": {"fast": {"version": 5, "files": files("fast")}, "clean": {"files": {}}},
        "earlier": {"fast@4": {"version": 4, "files": files("fast@4")}},
    }
    (weights / "manifest.json").write_text(json.dumps(manifest))
    monkeypatch.setattr(build, "ROOT", checkout)
    monkeypatch.setattr(build, "_pip", lambda *_: (tmp_path / "flyaway-0-py3-none-any.whl").touch())
    build.own_wheel(tmp_path)
    packed = tmp_path / "source" / "models" / "weights"
    there = {path.relative_to(packed).as_posix() for path in packed.rglob("*") if path.is_file()}
    assert there == {"manifest.json", "fast/coarse.onnx"}
    kept = json.loads((packed / "manifest.json").read_text())
    assert kept == {
        "format": 1,
        "models": {"fast": {"version": 5, "files": {"coarse": {"path": "fast/coarse.onnx"}}}},
    }


@pytest.fixture
def engine(monkeypatch):
    """The extension's door to the network, which needs no Blender."""
    path = ROOT / "blender_addon" / "flyaway_blender" / "engine.py"
    spec = spec_from_file_location("flyaway_blender_engine", path)
    module = module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


def test_a_file_that_names_earlier_weights_is_told_what_to_do_and_that_works(engine):
    with pytest.raises(LookupError, match=r"no model 'fast@5' here.*models/weights of a checkout") as raised:
        engine.get(engine.Choice("fast@5"))
    assert "pip" not in str(raised.value)
    with pytest.raises(LookupError, match="name its folder in the add-on's preferences"):
        engine.get(engine.Choice("huge"))
    folder = ROOT / "models" / "weights"
    choice = engine.Choice("fast@5", "cpu", 1, str(folder))
    assert "fast@5" in engine.model_names(choice.weights)
    assert "fast@5" not in engine.model_names()
    assert engine.get(choice).device == "cpu"


def test_earlier_weights_that_a_folder_only_lists_are_not_offered(engine, tmp_path):
    (tmp_path / "manifest.json").write_bytes((weights_folder() / "manifest.json").read_bytes())
    assert not [name for name in engine.model_names(str(tmp_path)) if "@" in name]
