"""Cross region attention (CRA): a region looks at its nearest regions before it decides.

Paper, section 3.3. Tokens are [self, K neighbours]; pre-norm transformer layers with a learned
relative position bias; the last layer asks only for the region's own token. Attention is written
out, not fused: the ONNX and TorchScript exporters keep its shapes symbolic that way.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network_config import AttentionConfig


def relative_index(positions: Tensor, reach: int) -> Tensor:
    """Index of the position bias between every two tokens.

    Each offset (dy, dx) within ±reach has its own entry; everything outside shares one last entry.
    The test for "outside" is made before the offset is flattened, so that no far offset can alias a
    near one.

    Parameters
    ----------
    positions : N×T×2 int64, (row, column) of each token's region, in cells.
    reach : the largest offset with an entry of its own.

    Returns
    -------
    N×T×T int64 in 0…(2·reach+1)².
    """
    offset = positions.unsqueeze(1) - positions.unsqueeze(2)  # [n, i, j] = position of j − position of i
    side = 2 * reach + 1
    inside = (offset.abs() <= reach).all(dim=-1)
    flat = (offset[..., 0] + reach) * side + offset[..., 1] + reach
    return torch.where(inside, flat, torch.full_like(flat, side * side))


class RegionAttentionLayer(nn.Module):
    """One pre-norm transformer layer over the tokens of a region and its neighbours."""

    def __init__(self, config: AttentionConfig, last: bool):
        super().__init__()
        self.heads, self.last = config.heads, last
        self.scale = (config.dim // config.heads) ** -0.5
        self.norm1 = nn.LayerNorm(config.dim)
        self.qkv = nn.Linear(config.dim, 3 * config.dim)
        self.bias = nn.Parameter(torch.zeros(config.heads, (2 * config.reach + 1) ** 2 + 1))
        self.project = nn.Linear(config.dim, config.dim)
        self.norm2 = nn.LayerNorm(config.dim)
        self.mlp = nn.Sequential(
            nn.Linear(config.dim, config.mlp), nn.GELU(), nn.Linear(config.mlp, config.dim)
        )
        nn.init.trunc_normal_(self.bias, std=0.02)

    def forward(self, x: Tensor, index: Tensor, valid: Tensor) -> Tensor:
        n, t, c = x.shape
        normed = self.norm1(x)
        if self.last:  # only the region's own token is asked for, so only its query is made
            index, x = index[:, :1], x[:, :1]
        weight, bias = self.qkv.weight, self.qkv.bias
        q = F.linear(normed[:, : x.shape[1]], weight[:c], bias[:c])
        q = q.reshape(n, -1, self.heads, c // self.heads).transpose(1, 2)  # N×heads×Q×c
        kv = F.linear(normed, weight[c:], bias[c:]).reshape(n, t, 2, self.heads, c // self.heads)
        k, v = kv.permute(2, 0, 3, 1, 4).unbind(0)  # N×heads×T×c
        logits = (q * self.scale) @ k.transpose(-2, -1)  # N×heads×Q×T
        logits = logits + self.bias[:, index].permute(1, 0, 2, 3)
        logits = logits.masked_fill(~valid[:, None, None, :], -1e4)  # −1e4 survives half precision
        out = (logits.softmax(dim=-1) @ v).transpose(1, 2).reshape(n, -1, c)
        x = x + self.project(out)
        return x + self.mlp(self.norm2(x))


class CrossRegionAttention(nn.Module):
    """Tokens of regions and their neighbours → what each region has learned from them."""

    def __init__(self, config: AttentionConfig):
        super().__init__()
        self.reach = config.reach
        self.layers = nn.ModuleList(
            RegionAttentionLayer(config, last=i == config.layers - 1) for i in range(config.layers)
        )

    def forward(self, tokens: Tensor, positions: Tensor, valid: Tensor) -> Tensor:
        """Attend.

        Parameters
        ----------
        tokens : N×T×C, the region itself first.
        positions : N×T×2 int64, (row, column) in cells; whatever stands in a masked place is ignored.
        valid : N×T bool; False masks a neighbour that was not found.

        Returns
        -------
        N×C, the region's own token after the last layer.
        """
        index = relative_index(positions, self.reach)
        for layer in self.layers:
            tokens = layer(tokens, index, valid)
        return tokens[:, 0]
