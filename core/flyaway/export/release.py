"""A trained network → a released model: three ONNX graphs, fp16 safetensors, an entry of the manifest.

The weights are rounded to half precision first, so that the ONNX graphs (float32) and the safetensors
file hold the same numbers and the two engines can be held to one bound.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from flyaway.errors import WeightsError
from flyaway.export.graphs import export_graphs
from flyaway.network import MattingNetwork
from flyaway.network_config import CONFIGS, NetworkConfig
from flyaway.weights import MANIFEST_FORMAT, list_models


def read_checkpoint(path: Path, config: NetworkConfig) -> MattingNetwork:
    """A network from a training checkpoint, its weights rounded to half precision.

    Raises:
        WeightsError: the file does not fit the configuration.
    """
    network = MattingNetwork(config)
    try:
        network.load_state_dict({k: v.half().float() for k, v in load_file(path).items()})
    except (RuntimeError, OSError, SafetensorError) as error:
        raise WeightsError(
            f"{path} is no checkpoint of configuration {config.name!r}: {str(error)[:300]}"
        ) from error
    return network.eval()


def release(checkpoint: Path, config: str, name: str, root: Path, title: str, licence: str) -> dict[str, Any]:
    """Write a model's files below `root` (models/weights) and list it in the manifest.

    Raises:
        WeightsError: no such configuration, or one that cannot be exported; a checkpoint that does not
            fit it; a name that is no folder's name; a manifest that cannot be read.
    """
    manifest = _manifest(root)
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", name, re.ASCII):
        raise WeightsError(f"{name!r} cannot name a model: use letters, digits, '.', '-' and '_'")
    network = read_checkpoint(checkpoint, _exportable(config))
    files = export_graphs(network, root / name)
    files["torch"] = root / name / f"{name}.fp16.safetensors"
    save_file({k: v.half().contiguous() for k, v in network.state_dict().items()}, files["torch"])
    files["torch"].chmod(files["coarse"].stat().st_mode)  # safetensors leaves it readable to its owner alone
    entry: dict[str, Any] = {
        "title": title,
        "licence": licence,
        "card": f"cards/{name}.md",
        "config": network.config.to_dict(),
        "files": {role: _listing(path, root) for role, path in files.items()},
    }
    manifest["models"][name] = entry
    partial = root / "manifest.part"
    partial.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    partial.replace(root / "manifest.json")
    return entry


def _manifest(root: Path) -> dict[str, Any]:
    """The manifest that the model is to be added to; read first, so that a bad one costs no export."""
    if not (root / "manifest.json").exists():
        return {"format": MANIFEST_FORMAT, "models": {}}
    list_models(root)
    manifest: dict[str, Any] = json.loads((root / "manifest.json").read_text(encoding="utf-8"))
    return manifest


def _exportable(name: str) -> NetworkConfig:
    if name not in CONFIGS:
        raise WeightsError(f"there is no configuration {name!r}; there is {', '.join(CONFIGS)}")
    config = CONFIGS[name]
    if config.refiner.kind != "unshuffle" or config.coarse.stride != 1:
        raise WeightsError(
            f"configuration {name!r} is the paper's structure, for which there is no host loop: "
            "run it in torch, or export one of ours"
        )
    return config


def _listing(path: Path, root: Path) -> dict[str, Any]:
    data = path.read_bytes()
    return {
        "path": path.relative_to(root).as_posix(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "bytes": len(data),
    }
