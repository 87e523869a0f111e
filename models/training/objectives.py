"""What a run learns: a network and a batch of plates in, losses and figures for the log out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.network import MattingNetwork
from flyaway.shots import KEPT
from models.training.compose import Plates
from models.training.losses import coarse_loss, overlap

Result = tuple[dict[str, Tensor], dict[str, Tensor]]
Objective = Callable[[MattingNetwork, Any, tuple[int, int]], Result]  # Plates, or a list of them
#: Adam moves the trimap's own layers as far whatever the factor; the trained features are left to alpha.
TRIMAP = 0.1
CHANGE = 5.0  # what a wrong change counts beside a wrong alpha


def shrunk(plates: Plates, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Working images, their alphas, and how far each pixel of them is to be believed."""
    joined = torch.cat((plates.image, plates.alpha, plates.trust), 1)
    if joined.shape[2:] != size:
        joined = F.interpolate(joined, size, mode="bilinear", align_corners=False, antialias=True)
    return joined[:, :3], joined[:, 3:4], joined[:, 4:]


def coarse_stills(network: MattingNetwork, plates: Plates, size: tuple[int, int]) -> Result:
    """The coarse stage on stills."""
    image, alpha, trust = shrunk(plates, size)
    output = network.coarse(image.contiguous(memory_format=torch.channels_last)).levels
    losses = coarse_loss(output, alpha, torch.ones_like(plates.weight), trust)
    losses["trimap"] = TRIMAP * losses["trimap"]
    with torch.no_grad():
        last = output[-1].alpha.float()
        distance = (last.sigmoid() - alpha).abs() * trust
        soft = (alpha > 0.05) & (alpha < 0.95)
        logged = {
            "iou": overlap(last, alpha),
            "mad": distance.sum() / trust.sum().clamp(min=1),
            "soft": distance[soft].sum() / trust[soft].sum().clamp(min=1),
        }
    return losses, logged


def coarse_shots(network: MattingNetwork, shots: list[Plates], size: tuple[int, int]) -> Result:
    """The coarse stage on shots: each frame with the state that the frame before left, faded as in a shot.

    Beside what stills learn: where the truth of two frames differs by so much, so shall what is found. Only
    what both frames' labels are believed of counts.
    """
    states, before, sums = None, None, dict[str, Tensor]()
    figures = dict[str, list[Tensor]]()
    for plates in shots:
        image, alpha, trust = shrunk(plates, size)
        image = image.contiguous(memory_format=torch.channels_last)
        coarse, left = network.frame(image, states)
        states = [KEPT * state for state in left]
        output = coarse.levels
        losses = coarse_loss(output, alpha, torch.ones_like(plates.weight), trust)
        losses["trimap"] = TRIMAP * losses["trimap"]
        found = output[-1].alpha.float().sigmoid()
        if before is not None:
            change = (found - before[0]) - (alpha - before[1])
            losses["change"] = CHANGE * (change.abs() * torch.minimum(trust, before[2])).mean()
        before = (found, alpha, trust)
        for key, value in losses.items():
            sums[key] = sums.get(key, 0.0) + value / len(shots)
        with torch.no_grad():
            figures.setdefault("iou", []).append(overlap(output[-1].alpha.float(), alpha))
            figures.setdefault("mad", []).append(
                ((found - alpha).abs() * trust).sum() / trust.sum().clamp(min=1)
            )
    return sums, {key: torch.stack(values).mean() for key, values in figures.items()}


OBJECTIVES: dict[str, Objective] = {"coarse": coarse_stills, "shots": coarse_shots}
#: What a step learns by what the recipe says: shots alone unlearn stills, so the two can take turns.
TURNS: dict[str, tuple[str, ...]] = {name: (name,) for name in OBJECTIVES} | {
    "turns": ("coarse", "shots"),
    "imitation": ("imitated", "imitated shots"),  # `imitation.py`
}
#: Those that are learned from single plates.
STILLS = ("coarse", "imitated")
