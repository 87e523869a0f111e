"""What a run learns: a network and a batch of plates in, losses and figures for the log out."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.network import MattingNetwork
from models.training.compose import Plates
from models.training.losses import coarse_loss, overlap

Result = tuple[dict[str, Tensor], dict[str, Tensor]]
Objective = Callable[[MattingNetwork, Plates, tuple[int, int]], Result]
#: Adam moves the trimap's own layers as far whatever the factor; the trained features are left to alpha.
TRIMAP = 0.1


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


OBJECTIVES: dict[str, Objective] = {"coarse": coarse_stills}
