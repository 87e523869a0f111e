"""The paper's backbone: a Swin transformer whose tokens are 16×16 pixel patches.

Tokenising *is* the downsampling: where a matting network would shrink the picture first, this one
reads every pixel of the full-resolution picture once and keeps what it needs of a patch in its token.

Shapes of tokens here are N×h×w×C (channels last), because every linear layer and every norm acts on C;
feature maps leave as N×C×h×w.

References
----------
Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", ICCV 2021.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network_config import SwinConfig

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

# Large enough that exp() of it is 0 in float32 and float16, small enough to be finite in float16.
_NEVER = -1e4


def relative_index(window: int) -> Tensor:
    """Index into the bias table for every pair of tokens of a window.

    Returns
    -------
    Tensor
        (window², window²) int64 in 0 … (2·window−1)²−1; entry (i, j) depends on the offset from j to i only.
    """
    rows, columns = torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")
    place = torch.stack([rows.flatten(), columns.flatten()])
    offset = place[:, :, None] - place[:, None, :] + (window - 1)
    return offset[0] * (2 * window - 1) + offset[1]


def to_windows(tokens: Tensor, window: int) -> Tensor:
    """N×h×w×C, h and w multiples of `window` → (N·windows)×window²×C, row by row of windows."""
    n, h, w, c = tokens.shape
    grid = tokens.view(n, h // window, window, w // window, window, c)
    return grid.permute(0, 1, 3, 2, 4, 5).reshape(-1, window * window, c)


def from_windows(windows: Tensor, window: int, h: int, w: int) -> Tensor:
    """Inverse of `to_windows`: (N·windows)×window²×C → N×h×w×C."""
    grid = windows.view(-1, h // window, w // window, window, window, windows.shape[-1])
    return grid.permute(0, 1, 3, 2, 4, 5).reshape(-1, h, w, windows.shape[-1])


def shift_mask(h: int, w: int, window: int, shift: int, like: Tensor) -> Tensor:
    """What may not see each other after the tokens were rolled by `shift`.

    Rolling brings the first rows and columns next to the last ones. Each token is numbered by which of
    the three bands it lies in, in both directions; tokens of different number share a window by accident.

    Returns
    -------
    Tensor
        (windows, window², window²) in the dtype and on the device of `like`: 0, or a large negative number.
    """

    def band(length: int) -> Tensor:
        place = torch.arange(length, device=like.device)
        return (place >= length - window).long() + (place >= length - shift).long()

    number = 3 * band(h)[:, None] + band(w)[None, :]
    number = to_windows(number[None, :, :, None], window)[:, :, 0]
    apart = number[:, :, None] != number[:, None, :]
    return apart.to(like.dtype) * _NEVER


class WindowAttention(nn.Module):
    """Multi-head self-attention inside windows, with a learned bias for each relative position.

    Attention is written out, not left to a fused kernel: it exports to ONNX with symbolic sizes.
    """

    index: Tensor

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.bias = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        self.register_buffer("index", relative_index(window), persistent=False)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        nn.init.trunc_normal_(self.bias, std=0.02)

    def forward(self, windows: Tensor, mask: Tensor | None) -> Tensor:
        """(N·windows)×window²×C, mask (windows)×window²×window² or None → the shape of the input."""
        b, tokens, c = windows.shape
        qkv = self.qkv(windows).view(b, tokens, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = qkv.unbind(0)
        score = (query * self.scale) @ key.transpose(-2, -1)
        score = score + self.bias[self.index].permute(2, 0, 1)
        if mask is not None:
            by_image = score.view(-1, mask.shape[0], self.heads, tokens, tokens)
            score = (by_image + mask[:, None]).view(b, self.heads, tokens, tokens)
        mixed = score.softmax(dim=-1) @ value
        mixed = mixed.transpose(1, 2).reshape(b, tokens, c)
        return self.out(mixed)  # type: ignore[no-any-return]


class SwinBlock(nn.Module):
    """Pre-norm block: window attention, then an MLP, both residual."""

    def __init__(self, dim: int, heads: int, window: int, shift: int, mlp_ratio: int) -> None:
        super().__init__()
        self.window = window
        self.shift = shift
        self.norm_attention = nn.LayerNorm(dim)
        self.attention = WindowAttention(dim, heads, window)
        self.norm_mlp = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp_ratio * dim), nn.GELU(), nn.Linear(mlp_ratio * dim, dim))

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """N×h×w×C → N×h×w×C; `mask` is the one of the padded, shifted grid."""
        tokens = tokens + self._attend(self.norm_attention(tokens), mask)
        return tokens + self.mlp(self.norm_mlp(tokens))  # type: ignore[no-any-return]

    def _attend(self, tokens: Tensor, mask: Tensor) -> Tensor:
        _, h, w, _ = tokens.shape
        # Padding comes after the norm, as zeros, and is seen by its window: so it is in Swin, and pretrained
        # weights expect it. No `if` on the size: an exported graph must hold for every size.
        padded = F.pad(tokens, (0, 0, 0, -w % self.window, 0, -h % self.window))
        _, rows, columns, _ = padded.shape
        if self.shift:
            padded = torch.roll(padded, (-self.shift, -self.shift), (1, 2))
        windows = self.attention(to_windows(padded, self.window), mask if self.shift else None)
        mixed = from_windows(windows, self.window, rows, columns)
        if self.shift:
            mixed = torch.roll(mixed, (self.shift, self.shift), (1, 2))
        return mixed[:, :h, :w]


class PatchMerging(nn.Module):
    """Halve both sides, change the channels: 2×2 tokens side by side → norm → linear."""

    def __init__(self, dim: int, out: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * dim)
        self.reduction = nn.Linear(4 * dim, out, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """N×h×w×C, h and w even → N×h/2×w/2×out."""
        # Down the columns first, then along the rows: Swin's order, so that its weights could be loaded.
        quads = [tokens[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        return self.reduction(self.norm(torch.cat(quads, dim=-1)))  # type: ignore[no-any-return]


class SwinStage(nn.Module):
    """Blocks at one resolution, every second one with shifted windows."""

    def __init__(self, dim: int, depth: int, heads: int, window: int, mlp_ratio: int) -> None:
        super().__init__()
        self.window = window
        self.blocks = nn.ModuleList(
            SwinBlock(dim, heads, window, window // 2 if i % 2 else 0, mlp_ratio) for i in range(depth)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """N×h×w×C → N×h×w×C."""
        _, h, w, _ = tokens.shape
        rows, columns = h + -h % self.window, w + -w % self.window
        mask = shift_mask(rows, columns, self.window, self.window // 2, tokens)
        for block in self.blocks:
            tokens = block(tokens, mask)
        return tokens


class SwinBackbone(nn.Module):
    """Pixels → four feature maps.

    No absolute position is embedded, only relative bias inside windows: any size works.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: SwinConfig) -> None:
        super().__init__()
        dims = config.dims
        self.embed = nn.Conv2d(3, dims[0], config.patch_size, stride=config.patch_size)
        self.embed_norm = nn.LayerNorm(dims[0])
        self.stages = nn.ModuleList(
            SwinStage(dim, depth, heads, config.window, config.mlp_ratio)
            for dim, depth, heads in zip(dims, config.depths, config.heads, strict=True)
        )
        self.merges = nn.ModuleList(PatchMerging(a, b) for a, b in pairwise(dims))
        # Without scale and offset: the 27.587 M parameters of the paper leave no room for them, and the
        # convolution that reads each map has its own.
        self.norms = nn.ModuleList(nn.LayerNorm(dim, elementwise_affine=False) for dim in dims)
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        self.apply(_initialise)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Feature maps of an image.

        Parameters
        ----------
        image
            N×3×H×W, display-referred sRGB 0..1; H and W multiples of the coarsest stride (128 for the paper).

        Returns
        -------
        list of Tensor
            N×C×h×w at strides patch, 2·patch, 4·patch, 8·patch, finest first, each normalised over C.
        """
        tokens = self.embed((image - self.mean) / self.std).permute(0, 2, 3, 1)
        tokens = self.embed_norm(tokens)
        maps = []
        for level, (stage, norm) in enumerate(zip(self.stages, self.norms, strict=True)):
            if level:
                tokens = self.merges[level - 1](tokens)
            tokens = stage(tokens)
            maps.append(norm(tokens).permute(0, 3, 1, 2))
        return maps


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
