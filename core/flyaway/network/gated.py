"""A decoder that also looks at the picture: image and skips at every scale, half of each level gated.

It has the layout of RVM's decoder (Lin et al., WACV 2022, section 3.1) for a single still: with no memory
of earlier frames a convolutional GRU is a gate times a candidate. So weights of the trained decoder can
start it. Its finest maps come from a convolution at the working image's own resolution, not from a
depth-to-space, so there are no phases to disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network.decoder import TRIMAP_CLASSES, HeadOutput

RGB = 3
FULL = 16  # channels at the working image's resolution
TRIMAP_WIDTH = 24  # channels of the trimap head
# Modules by the names that released weights, and checkpoints of before December 2026, store them by.
STORED_NAMES = {"doubt": "trimap_head"}


def current_names(tensors: Mapping[str, Any], prefix: str = "decoder.") -> dict[str, Any]:
    """A checkpoint's tensors by the names that the modules have now."""
    names = {}
    for name, tensor in tensors.items():
        stored, dot, rest = name.removeprefix(prefix).partition(".")
        known = dot and name.startswith(prefix) and stored in STORED_NAMES
        names[f"{prefix}{STORED_NAMES[stored]}.{rest}" if known else name] = tensor
    return names


class Gate(nn.Module):
    """Half of the channels pass, the other half is a gate times a candidate."""

    def __init__(self, channels: int):
        super().__init__()
        half = channels // 2
        self.update = nn.Conv2d(half, half, 3, padding=1)
        self.candidate = nn.Conv2d(half, half, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        passed, x = x.chunk(2, 1)
        return torch.cat((passed, torch.sigmoid(self.update(x)) * torch.tanh(self.candidate(x))), 1)


class GatedStep(nn.Module):
    """Twice the resolution, with a skip and the picture at that resolution."""

    def __init__(self, channels: int, skip: int, out: int):
        super().__init__()
        self.conv = nn.Conv2d(channels + skip + RGB, out, 3, padding=1)
        self.gate = Gate(out)

    def forward(self, x: Tensor, skip: Tensor, picture: Tensor) -> Tensor:
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        return self.gate(F.relu(self.conv(torch.cat((x, skip, picture), 1))))


class GatedDecoder(nn.Module):
    """Features of strides 2, 4, 8, 16 and the picture → maps at stride 1.

    It has one head: heads on the coarser levels would pull a trained decoder's features out of shape. The
    trimap has a head of its own at half resolution beside it: the refiner is blended in by the unknown
    probability, which the sixteen features that a trained decoder makes its alpha of hardly hold.
    """

    def __init__(self, channels: Sequence[int], widths: Sequence[int], refiner_features: int):
        super().__init__()
        self.refiner_features = refiner_features
        self.bottom = Gate(channels[-1])
        steps, x = [], channels[-1]
        for skip, width in zip(reversed(channels[:-1]), widths, strict=True):
            steps.append(GatedStep(x, skip, width))
            x = width
        self.steps = nn.ModuleList(steps)
        self.trimap_head = nn.Sequential(
            nn.Conv2d(x + RGB, TRIMAP_WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(TRIMAP_WIDTH, TRIMAP_WIDTH, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(TRIMAP_WIDTH, TRIMAP_CLASSES, 1),
        )
        self.full1 = nn.Conv2d(x + RGB, FULL, 3, padding=1)
        self.full2 = nn.Conv2d(FULL, FULL, 3, padding=1)
        self.head = nn.Conv2d(FULL, TRIMAP_CLASSES + 1 + refiner_features, 1)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Called by `load_state_dict`, which thus takes tensors by their older names too."""
        renamed = current_names(state_dict, prefix)
        state_dict.clear()
        state_dict.update(renamed)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, features: Sequence[Tensor], image: Tensor) -> list[HeadOutput]:
        pictures = [image]
        for _ in self.steps:
            pictures.append(F.avg_pool2d(pictures[-1], 2))
        x = self.bottom(features[-1])
        skips, scales = reversed(features[:-1]), reversed(pictures[1:])
        for skip, picture, step in zip(skips, scales, self.steps, strict=True):
            x = step(x, skip, picture)
        unsure = self.trimap_head(torch.cat((x, pictures[1]), 1))
        unsure = F.interpolate(unsure, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
        x = F.relu(self.full2(F.relu(self.full1(torch.cat((x, image), 1)))))
        trimap, alpha, free = self.head(x).split((TRIMAP_CLASSES, 1, self.refiner_features), 1)
        return [HeadOutput(trimap + unsure, alpha, free)]
