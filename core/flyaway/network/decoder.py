"""The coarse stage's decoder: three steps up, and a head on each of them.

A step is bilinear ×2, concatenation of the skip, one 3×3 convolution, LeakyReLU 0.1, no norm. A head
is a 1×1 convolution and a depth-to-space ×2: 3 trimap logits and 1 alpha logit at twice the level's
resolution (and, on the finest level of our configuration, features for the refiner).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

TRIMAP_CLASSES = 3  # background, unknown, foreground
BACKGROUND, UNKNOWN, FOREGROUND = range(TRIMAP_CLASSES)


class HeadOutput(NamedTuple):
    """The maps of one head, all at the same h×w."""

    trimap: Tensor  # N×3×h×w logits
    alpha: Tensor  # N×1×h×w logit
    features: Tensor  # N×F×h×w, refiner features: learned channels that are handed to the refiner


class DecoderStep(nn.Module):
    """Twice the resolution, with a skip."""

    def __init__(self, channels: int, skip: int, out: int):
        super().__init__()
        self.conv = nn.Conv2d(channels + skip, out, 3, padding=1)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return F.leaky_relu(self.conv(torch.cat((x, skip), 1)), 0.1)


def smooth_phases(x: Tensor) -> Tensor:
    """A 3×3 binomial filter: what depth-to-space leaves between its four phases is gone, the rest stays.

    The four come from free channels and need not agree; the filter has no response at their frequency.
    """
    x = F.pad(x, (1, 1, 1, 1), mode="replicate")
    return F.avg_pool2d(F.avg_pool2d(x, 2, 1), 2, 1)


class Head(nn.Module):
    """A level's features → its maps at twice its resolution."""

    def __init__(self, channels: int, refiner_features: int = 0):
        super().__init__()
        self.refiner_features = refiner_features
        self.conv = nn.Conv2d(channels, 4 * (TRIMAP_CLASSES + 1 + refiner_features), 1)

    def forward(self, x: Tensor) -> HeadOutput:
        maps = F.pixel_shuffle(self.conv(x), 2)
        return HeadOutput(*maps.split((TRIMAP_CLASSES, 1, self.refiner_features), 1))


class Decoder(nn.Module):
    """Features of four strides, finest first → maps of three scales, coarsest first."""

    def __init__(self, channels: Sequence[int], widths: Sequence[int], refiner_features: int = 0):
        super().__init__()
        steps, heads = [], []
        x = channels[-1]
        for i, (skip, width) in enumerate(zip(reversed(channels[:-1]), widths, strict=True)):
            steps.append(DecoderStep(x, skip, width))
            heads.append(Head(width, refiner_features if i == len(widths) - 1 else 0))
            x = width
        self.steps, self.heads = nn.ModuleList(steps), nn.ModuleList(heads)

    def forward(self, features: Sequence[Tensor]) -> list[HeadOutput]:
        x, maps = features[-1], []
        for skip, step, head in zip(reversed(features[:-1]), self.steps, self.heads, strict=True):
            x = step(x, skip)
            maps.append(head(x))
        return maps
