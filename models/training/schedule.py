"""What both trainers share: the learning rate's curve, and the average of the weights, which ships."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

DECAY = 0.998


def pace(done: float, step: int, warm: int) -> float:
    """Share of the peak rate: a rise over `warm` steps, then half a cosine, nothing once `done` is 1."""
    return min(1.0, (step + 1) / warm) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done)))


@torch.no_grad()
def average_in(average: dict[str, Tensor], network: nn.Module, names: Iterable[str], step: int) -> None:
    """Move the average towards the network's weights; the first steps count more, so that it starts there."""
    decay = min(DECAY, (1 + step) / (10 + step))
    weights = network.state_dict()
    for name in names:
        average[name].lerp_(weights[name].float(), 1 - decay)
