"""A trained network → the files that are released: three ONNX graphs and fp16 safetensors.

The weights are rounded to half precision first, so that the ONNX graphs (float32) and the safetensors
file hold the same numbers and the two engines can be held to one bound. Exported with
`torch.onnx.export(dynamo=True)`: tracing bakes sizes in, silently.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.export import Dim

from flyaway.errors import WeightsError
from flyaway.network.config import CONFIGS, NetworkConfig
from flyaway.network.model import MattingNetwork
from flyaway.weights import MANIFEST_FORMAT, list_models

OPSET = 18
SMALL = 256  # values; below it a cast costs more than it saves


class CoarseGraph(nn.Module):
    """Working image → alpha, trimap probabilities, refiner features, context."""

    def __init__(self, network: MattingNetwork):
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        coarse = self.network.coarse(image)
        alpha, trimap, features = self.network.finest(coarse.levels[-1])
        return alpha, trimap, features, coarse.context


class TokensGraph(nn.Module):
    """Patches and context → tokens."""

    def __init__(self, network: MattingNetwork):
        super().__init__()
        self.refiner = network.refiner

    def forward(self, patches: Tensor, context: Tensor) -> Tensor:
        _, tokens = self.refiner.encode(patches, context)
        return tokens


class RefineGraph(nn.Module):
    """Patches, each region's tokens and their positions → the change of the coarse alpha, halos too."""

    def __init__(self, network: MattingNetwork):
        super().__init__()
        self.refiner, self.attention = network.refiner, network.attention

    def forward(self, patches: Tensor, tokens: Tensor, positions: Tensor, valid: Tensor) -> Tensor:
        return self.refiner.decode((patches,), self.attention(tokens, positions, valid))


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


def export_graphs(network: MattingNetwork, folder: Path) -> dict[str, Path]:
    """Write coarse.onnx, tokens.onnx and refine.onnx; role → path."""
    c = network.config
    side = c.refiner.cell + 2 * c.refiner.halo
    channels = 7 + c.coarse.refiner_features
    tokens = 1 + c.attention.neighbours
    count = Dim("regions", min=1, max=1 << 20)
    h, w = (Dim(name, min=1, max=1 << 12) for name in ("rows", "columns"))
    n = 5  # any count but 0 and 1, which torch.export would take for constants
    patches = torch.rand(n, channels, side, side)
    context = torch.rand(n, c.mobile.dim)
    multiple = c.coarse.pad_multiple
    graphs: dict[str, tuple[nn.Module, dict[str, Tensor], dict[str, Any], list[str]]] = {
        "coarse": (
            CoarseGraph(network),
            {"image": torch.rand(1, 3, 3 * multiple, 4 * multiple)},
            {"image": {2: multiple * h, 3: multiple * w}},
            ["alpha", "trimap", "hints", "context"],  # released graphs call the refiner features so
        ),
        "tokens": (
            TokensGraph(network),
            {"patches": patches, "context": context},
            {"patches": {0: count}, "context": {0: count}},
            ["tokens"],
        ),
        "refine": (
            RefineGraph(network),
            {
                "patches": patches,
                "tokens": torch.rand(n, tokens, c.attention.dim),
                "positions": torch.randint(0, 9, (n, tokens, 2)),
                "valid": torch.rand(n, tokens) < 0.5,
            },
            {name: {0: count} for name in ("patches", "tokens", "positions", "valid")},
            ["change"],
        ),
    }
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for role, (module, example, shapes, outputs) in graphs.items():
        paths[role] = folder / f"{role}.onnx"
        program = torch.onnx.export(
            module.eval(), kwargs=example, dynamic_shapes=shapes, output_names=outputs,
            opset_version=OPSET, dynamo=True, verbose=False, optimize=True,
        )  # fmt: skip
        if program is None:
            raise WeightsError(f"torch did not export {role}: see its message above")
        program.save(str(paths[role]), external_data=False)
        store_in_half(paths[role])
    return paths


def store_in_half(path: Path) -> None:
    """Keep a graph's weights as float16, each behind a cast to float32: half the file, the same numbers.

    The runtime folds the casts when it opens the file. What half precision cannot hold exactly stays.
    """
    model = onnx.load(path)
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        half = values.astype(np.float16)
        if values.size < SMALL or not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    for cast in reversed(casts):
        model.graph.node.insert(0, cast)
    onnx.checker.check_model(model)
    onnx.save(model, path)


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
