"""What the Blender extension's own wheel has of the weights; building it takes pip, and is not done here."""

from __future__ import annotations

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

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
