"""Our network → the three ONNX graphs that the default engine runs.

Exported with `torch.onnx.export(dynamo=True)`: tracing bakes sizes in, silently.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.export import Dim

from flyaway.errors import WeightsError
from flyaway.export.stages import CoarseGraph, RefineGraph, ShotGraph, TokensGraph
from flyaway.network import MattingNetwork

OPSET = 18
SMALL = 256  # values; below it a cast costs more than it saves


def export_graphs(network: MattingNetwork, folder: Path) -> dict[str, Path]:
    """Write coarse.onnx, tokens.onnx and refine.onnx, with memory shot.onnx too; role → path."""
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
    if c.coarse.memory:
        graphs["shot"] = _shot(network, h, w)
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


def _shot(
    network: MattingNetwork, h: Any, w: Any
) -> tuple[nn.Module, dict[str, Any], dict[str, Any], list[str]]:
    """The graph of a frame of a shot; states come at 1/16, 1/8, 1/4 and 1/2 of the working image's size."""
    c = network.config
    multiple = c.coarse.pad_multiple
    image = torch.rand(1, 3, 3 * multiple, 4 * multiple)
    with torch.no_grad():
        _, states = network.frame(image)
    parts = [multiple // (image.shape[2] // state.shape[2]) for state in states]
    shapes = {
        "image": {2: multiple * h, 3: multiple * w},
        "states": [{2: part * h, 3: part * w} for part in parts],
    }
    names = ["alpha", "trimap", "hints", "context", *(f"state{i}" for i in range(len(states)))]
    return ShotGraph(network), {"image": image, "states": states}, shapes, names


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
