"""A decoder that also looks at the picture: image and skips at every scale, half of each level gated.

It has the layout of RVM's decoder (Lin et al., WACV 2022, section 3.1) for a single still: with no memory
of earlier frames a convolutional GRU is a gate times a candidate. So weights of the trained decoder can
start it. Its finest maps come from a convolution at the working image's own resolution, not from a
depth-to-space, so there are no phases to disagree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network.cues import enlarged
from flyaway.network.decoder import TRIMAP_CLASSES, HeadOutput

RGB = 3
FULL = 16  # channels at the working image's resolution
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


def convolved(conv: nn.Conv2d, parts: Sequence[Tensor]) -> Tensor:
    """A 3×3 convolution of several maps as if they were concatenated, one by one.

    Picture and skips leave a concatenation with 35, 59, 107 or 171 channels, none a multiple of what a vector
    register holds; onnxruntime then leaves its blocked layout, and these layers cost two thirds more.
    """
    # Slices, not a split: exported, they are folded into constants, which the blocked layout asks for.
    first = parts[0].shape[1]
    y = F.conv2d(parts[0], conv.weight[:, :first], conv.bias, padding=1)
    for part in parts[1:]:
        last = first + part.shape[1]
        y = y + F.conv2d(part, conv.weight[:, first:last], padding=1)
        first = last
    return y


def convolved_early(conv: nn.Conv2d, x: Tensor, parts: Sequence[Tensor]) -> Tensor:
    """The same of features of half the size and maps: the former are convolved, then enlarged.

    That is a quarter of the pixels, and as a rule fewer channels to enlarge.
    """
    inner = x.shape[1]
    y = enlarged(F.conv2d(x, conv.weight[:, :inner], padding=1))
    first, bias = inner, conv.bias
    for part in parts:
        last = first + part.shape[1]
        y = y + F.conv2d(part, conv.weight[:, first:last], bias, padding=1)
        first, bias = last, None
    return y


class Gate(nn.Module):
    """Half of the channels pass, the other half is a gate times a candidate.

    With memory it is a convolutional GRU (Lin et al., section 3.1) whose state is that half. What multiplies
    the state is added without a bias: a zero state, or none, gives what the same weights give without memory.
    """

    def __init__(self, channels: int, memory: bool = False):
        super().__init__()
        half = channels // 2
        self.update = nn.Conv2d(half, half, 3, padding=1)
        self.candidate = nn.Conv2d(half, half, 3, padding=1)
        self.reset: nn.Conv2d | None = None
        if memory:
            self.reset = nn.Conv2d(half, half, 3, padding=1)
            self.state_update, self.state_reset, self.state_candidate = (
                nn.Conv2d(half, half, 3, padding=1, bias=False) for _ in range(3)
            )

    def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """N×C×h×w and the state of the frame before, N×C/2×h×w → the same shape, and the new state."""
        passed, x = x.chunk(2, 1)
        update, candidate = self.update(x), self.candidate(x)
        if state is None:
            new = torch.sigmoid(update) * torch.tanh(candidate)
            return torch.cat((passed, new), 1), new
        if self.reset is None:
            raise ValueError("these weights have no memory: they take no state")
        reset = torch.sigmoid(self.reset(x) + self.state_reset(state))
        update = torch.sigmoid(update + self.state_update(state))
        candidate = torch.tanh(candidate + self.state_candidate(reset * state))
        new = state + update * (candidate - state)
        return torch.cat((passed, new), 1), new


class GatedStep(nn.Module):
    """Twice the resolution, with a skip and the picture at that resolution."""

    def __init__(self, channels: int, skip: int, out: int, memory: bool = False, early: bool = False):
        super().__init__()
        self.early = early
        self.conv = nn.Conv2d(channels + skip + RGB, out, 3, padding=1)
        self.gate = Gate(out, memory)

    def forward(
        self, x: Tensor, skip: Tensor, picture: Tensor, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        if self.early:
            x = convolved_early(self.conv, x, (skip, picture))
        else:
            x = convolved(self.conv, (enlarged(x), skip, picture))
        gated: tuple[Tensor, Tensor] = self.gate(F.relu(x), state)
        return gated


class GatedDecoder(nn.Module):
    """Features of strides 2, 4, 8, 16 and the picture → maps at stride 1.

    It has one head: heads on the coarser levels would pull a trained decoder's features out of shape. The
    trimap has a head of its own at half resolution beside it: the refiner is blended in by the unknown
    probability, which the sixteen features that a trained decoder makes its alpha of hardly hold.
    """

    def __init__(
        self,
        channels: Sequence[int],
        widths: Sequence[int],
        refiner_features: int,
        memory: bool = False,
        early: bool = False,
        early_steps: bool = False,
        doubt_width: int = 24,
    ):
        super().__init__()
        self.refiner_features, self.early = refiner_features, early
        self.bottom = Gate(channels[-1], memory)
        steps, x = [], channels[-1]
        for skip, width in zip(reversed(channels[:-1]), widths, strict=True):
            steps.append(GatedStep(x, skip, width, memory, early_steps))
            x = width
        self.steps = nn.ModuleList(steps)
        self.trimap_head = nn.Sequential(
            nn.Conv2d(x + RGB, doubt_width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(doubt_width, doubt_width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(doubt_width, TRIMAP_CLASSES, 1),
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
        return self.frame(features, image)[0]

    def frame(
        self, features: Sequence[Tensor], image: Tensor, states: Sequence[Tensor | None] | None = None
    ) -> tuple[list[HeadOutput], list[Tensor]]:
        """One frame of a shot.

        Parameters
        ----------
        features : of strides 2, 4, 8, 16.
        image : N×3×h×w, the picture itself.
        states : what the frame before left, coarsest first; None begins a shot, and is a still.

        Returns
        -------
        The maps, and the states that this frame leaves: 1/16, 1/8, 1/4, 1/2 of the picture's size, half
        of the channels of each level.
        """
        pictures = [image]
        for _ in self.steps:
            pictures.append(F.avg_pool2d(pictures[-1], 2))
        given = list(states) if states is not None else [None] * (1 + len(self.steps))
        x, state = self.bottom(features[-1], given[0])
        left = [state]
        scales = zip(reversed(features[:-1]), reversed(pictures[1:]), self.steps, given[1:], strict=True)
        for skip, picture, step, before in scales:
            x, state = step(x, skip, picture, before)
            left.append(state)
        trimap, alpha, free = self.maps(x, pictures).split((TRIMAP_CLASSES, 1, self.refiner_features), 1)
        return [HeadOutput(trimap, alpha, free)], left

    def maps(self, x: Tensor, pictures: Sequence[Tensor]) -> Tensor:
        """Features at half resolution → trimap, alpha and refiner features at the picture's own."""
        first = cast("nn.Conv2d", self.trimap_head[0])  # an nn.Sequential does not say what it holds
        unsure = self.trimap_head[1:](convolved(first, (x, pictures[1])))
        unsure = enlarged(unsure)
        if self.early:
            x = convolved_early(self.full1, x, pictures[:1])
        else:
            x = convolved(self.full1, (enlarged(x), pictures[0]))
        trimap, rest = self.head(F.relu(self.full2(F.relu(x)))).split(
            (TRIMAP_CLASSES, 1 + self.refiner_features), 1
        )
        return torch.cat((trimap + unsure, rest), 1)


def narrowed(weight: Tensor) -> Tensor:
    """A 3×3 kernel for enlarged maps → the nearest one for the maps before they are enlarged.

    A step of one pixel is half a step there, which bilinear interpolation takes half from either side.
    """
    half = weight.new_tensor([[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.5, 0.5]])
    return torch.einsum("oiyx,yr,xc->oirc", weight, half, half)
