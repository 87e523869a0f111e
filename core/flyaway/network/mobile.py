"""Our encoder: a convolutional tokeniser to stride 16, then a transformer over all tokens.

The tokeniser has the layout of MobileNetV3-Large (Howard et al., ICCV 2019, table 1) with the last
stage dilated instead of strided, as in RVM. It has no normalisation layers: its convolutions carry
what batch norm had folded into them, so that weights of a trained, folded encoder can start it.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network_config import MobileConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class BlockSpec(NamedTuple):
    """One row of the MobileNetV3-Large table."""

    channels: int
    kernel: int
    expanded: int
    out: int
    squeeze: bool
    hard_swish: bool
    stride: int
    dilation: int


BLOCKS = (
    BlockSpec(16, 3, 16, 16, False, False, 1, 1),
    BlockSpec(16, 3, 64, 24, False, False, 2, 1),
    BlockSpec(24, 3, 72, 24, False, False, 1, 1),
    BlockSpec(24, 5, 72, 40, True, False, 2, 1),
    BlockSpec(40, 5, 120, 40, True, False, 1, 1),
    BlockSpec(40, 5, 120, 40, True, False, 1, 1),
    BlockSpec(40, 3, 240, 80, False, True, 2, 1),
    BlockSpec(80, 3, 200, 80, False, True, 1, 1),
    BlockSpec(80, 3, 184, 80, False, True, 1, 1),
    BlockSpec(80, 3, 184, 80, False, True, 1, 1),
    BlockSpec(80, 3, 480, 112, True, True, 1, 1),
    BlockSpec(112, 3, 672, 112, True, True, 1, 1),
    BlockSpec(112, 5, 672, 160, True, True, 1, 2),
    BlockSpec(160, 5, 960, 160, True, True, 1, 2),
    BlockSpec(160, 5, 960, 160, True, True, 1, 2),
)
# The same at three quarters of the width, as its authors round it; the first blocks keep theirs.
NARROW_BLOCKS = (
    BlockSpec(16, 3, 16, 16, False, False, 1, 1),
    BlockSpec(16, 3, 64, 24, False, False, 2, 1),
    BlockSpec(24, 3, 72, 24, False, False, 1, 1),
    BlockSpec(24, 5, 72, 32, True, False, 2, 1),
    BlockSpec(32, 5, 96, 32, True, False, 1, 1),
    BlockSpec(32, 5, 96, 32, True, False, 1, 1),
    BlockSpec(32, 3, 192, 64, False, True, 2, 1),
    BlockSpec(64, 3, 160, 64, False, True, 1, 1),
    BlockSpec(64, 3, 144, 64, False, True, 1, 1),
    BlockSpec(64, 3, 144, 64, False, True, 1, 1),
    BlockSpec(64, 3, 384, 88, True, True, 1, 1),
    BlockSpec(88, 3, 528, 88, True, True, 1, 1),
    BlockSpec(88, 5, 528, 120, True, True, 1, 2),
    BlockSpec(120, 5, 720, 120, True, True, 1, 2),
    BlockSpec(120, 5, 720, 120, True, True, 1, 2),
)
TAPS = (0, 2, 5)  # blocks whose output is a skip: strides 2, 4, 8


def _eight(channels: int) -> int:
    """Squeeze widths: a quarter, rounded to a multiple of eight, never below nine tenths."""
    rounded = max(8, (channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class SqueezeExcite(nn.Module):
    """Channels weighted by what the whole picture holds."""

    def __init__(self, channels: int):
        super().__init__()
        self.down = nn.Conv2d(channels, _eight(channels // 4), 1)
        self.up = nn.Conv2d(_eight(channels // 4), channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        weight = x.mean((2, 3), keepdim=True)
        return x * F.hardsigmoid(self.up(F.relu(self.down(weight))))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, squeeze and excite, project."""

    def __init__(self, spec: BlockSpec):
        super().__init__()
        self.activation = F.hardswish if spec.hard_swish else F.relu
        self.residual = spec.stride == 1 and spec.channels == spec.out
        expands = spec.expanded != spec.channels
        self.expand = nn.Conv2d(spec.channels, spec.expanded, 1) if expands else None
        self.filter = nn.Conv2d(
            spec.expanded,
            spec.expanded,
            spec.kernel,
            spec.stride,
            spec.kernel // 2 * spec.dilation,
            spec.dilation,
            groups=spec.expanded,
        )
        self.excite = SqueezeExcite(spec.expanded) if spec.squeeze else None
        self.project = nn.Conv2d(spec.expanded, spec.out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else self.activation(self.expand(x))
        y = self.activation(self.filter(y))
        if self.excite is not None:
            y = self.excite(y)
        y = self.project(y)
        return x + y if self.residual else y


class MobileTokenizer(nn.Module):
    """Image → skips at strides 2, 4, 8 and tokens at stride 16."""

    mean: Tensor
    std: Tensor

    def __init__(self, table: tuple[BlockSpec, ...] = BLOCKS) -> None:
        super().__init__()
        self.channels = (*(table[i].out for i in TAPS), table[-1].out)
        self.stem = nn.Conv2d(3, 16, 3, 2, 1)
        self.blocks = nn.ModuleList(InvertedResidual(spec) for spec in table)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> list[Tensor]:
        x = F.hardswish(self.stem((image - self.mean) / self.std))
        features = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                features.append(x)
        return [*features, x]


class TokenBlock(nn.Module):
    """A transformer block over all tokens; a depthwise 3×3 tells them where they are, at any size."""

    def __init__(self, dim: int, heads: int, mlp_ratio: int):
        super().__init__()
        self.heads, self.scale = heads, (dim // heads) ** -0.5
        self.position = nn.Conv2d(dim, dim, 3, padding=1, groups=dim)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.project = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp_ratio * dim), nn.GELU(), nn.Linear(mlp_ratio * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        x = x + self.position(x)
        t = x.flatten(2).transpose(1, 2)  # N×(h·w)×C
        qkv = self.qkv(self.norm1(t)).reshape(n, h * w, 3, self.heads, c // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attention = ((q * self.scale) @ k.transpose(-2, -1)).softmax(dim=-1)
        t = t + self.project((attention @ v).transpose(1, 2).reshape(n, h * w, c))
        t = t + self.mlp(self.norm2(t))
        return t.transpose(1, 2).reshape(n, c, h, w)


class PooledEmbedding(nn.Module):
    """Tokens, weighted by what the whole picture holds: LR-ASPP (Howard et al., section 6.4)."""

    def __init__(self, channels: int, wide: int, dim: int):
        super().__init__()
        self.widen = nn.Conv2d(channels, wide, 1)
        self.local = nn.Conv2d(wide, dim, 1)
        self.whole = nn.Conv2d(wide, dim, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.hardswish(self.widen(x))
        return F.relu(self.local(x)) * torch.sigmoid(self.whole(x.mean((2, 3), keepdim=True)))


class MobileEncoder(nn.Module):
    """Tokeniser and transformer: N×3×H×W, sides multiples of 16 → features at strides 2, 4, 8, 16."""

    def __init__(self, config: MobileConfig):
        super().__init__()
        self.tokenizer = MobileTokenizer(NARROW_BLOCKS if config.narrow else BLOCKS)
        last = self.tokenizer.channels[-1]
        self.channels = (*self.tokenizer.channels[:-1], config.dim)
        self.embed: nn.Module
        if config.pooled:
            self.embed = PooledEmbedding(last, 6 * last, config.dim)
        else:
            self.embed = nn.Conv2d(last, config.dim, 1)
        self.blocks = nn.ModuleList(
            TokenBlock(config.dim, config.heads, config.mlp_ratio) for _ in range(config.blocks)
        )

    def forward(self, image: Tensor) -> list[Tensor]:
        *skips, tokens = self.tokenizer(image)
        tokens = self.embed(tokens)
        for block in self.blocks:
            tokens = block(tokens)
        return [*skips, tokens]
