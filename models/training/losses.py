"""Losses of both stages, after the paper's section 3.4, with more weight where hair is."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.network import regions
from flyaway.network.decoder import BACKGROUND, FOREGROUND, UNKNOWN, HeadOutput

IMPORTANCE = (1.0, 2.0, 1.0)  # of background, unknown and foreground
LEAK = 0.1
END = 0.005  # a truth nearer to 0 or 1 is that
Number = TypeVar("Number", float, Tensor)
BAND = 7  # px of working image: the paper's 7×7 ellipse, as a square


def _highest(x: Tensor, side: int) -> Tensor:
    """The largest value of a square about each pixel: rows, then columns, half of the time."""
    return F.max_pool2d(F.max_pool2d(x, (side, 1), 1, (side // 2, 0)), (1, side), 1, (0, side // 2))


def truth_trimap(alpha: Tensor) -> Tensor:
    """N×1×h×w alpha → N×h×w classes; unknown is wherever alpha varies within the band."""
    spread = _highest(alpha, BAND) + _highest(-alpha, BAND)
    soft = F.max_pool2d(((alpha > 0.03) & (alpha < 0.97)).float(), 3, 1, 1) > 0
    unknown = (spread > 0.25) | soft
    known = torch.where(alpha > 0.5, FOREGROUND, BACKGROUND)
    return torch.where(unknown, torch.full_like(known, UNKNOWN), known)[:, 0]


def shrink_trimap(trimap: Tensor, factor: int) -> Tensor:
    """Classes of larger cells: unknown where any part is, else what its parts are."""
    classes = F.one_hot(trimap, 3).permute(0, 3, 1, 2).float()
    parts = F.max_pool2d(classes, factor)
    mixed = parts.sum(1) > 1
    return torch.where((parts[:, UNKNOWN] > 0) | mixed, UNKNOWN, parts.argmax(1))


def coarse_loss(
    levels: list[HeadOutput], alpha: Tensor, weight: Tensor, trust: Tensor | None = None
) -> dict[str, Tensor]:
    """Alpha and trimap by cross entropy, on every level.

    Parameters
    ----------
    levels : the three heads' maps, coarsest first; the finest at the working image's resolution.
    alpha : N×1×h×w truth at that resolution.
    weight : N, how far each truth is to be believed.
    trust : N×1×h×w, how far each pixel's truth is; None is fully.
    """
    trust = torch.ones_like(alpha) if trust is None else trust
    trimap = truth_trimap(alpha)
    losses: dict[str, Tensor] = {"alpha": alpha.new_zeros(()), "trimap": alpha.new_zeros(())}
    for maps in levels:
        factor = alpha.shape[-1] // maps.alpha.shape[-1]
        small = F.avg_pool2d(alpha, factor) if factor > 1 else alpha
        classes = shrink_trimap(trimap, factor) if factor > 1 else trimap
        band = (classes == UNKNOWN)[:, None].float()
        logit = maps.alpha.float()
        entropy = F.binary_cross_entropy_with_logits(logit, small, reduction="none")
        distance = (logit.sigmoid() - small).abs()
        per_pixel = (entropy + distance) * (1 + 3 * band)
        believed = F.avg_pool2d(trust, factor) if factor > 1 else trust
        losses["alpha"] += ((per_pixel * believed).mean((1, 2, 3)) * weight).mean()
        losses["trimap"] += trimap_loss(maps.trimap.float(), classes, weight, believed)
    return losses


def trimap_loss(logits: Tensor, classes: Tensor, weight: Tensor, trust: Tensor | None = None) -> Tensor:
    """Cross entropy, unknown pixels counted double.

    Not the paper's focal loss: that is content with a probability that just wins, while ours is what the
    refiner is blended in by.
    """
    importance = logits.new_tensor(IMPORTANCE)
    loss = F.cross_entropy(logits, classes, importance, reduction="none")
    if trust is not None:
        loss = loss * trust[:, 0]
    return (loss.mean((1, 2)) * weight).mean()


def region_loss(
    predicted: Tensor, truth: Tensor, weight: Tensor, fade: Tensor, margin: float = 0.0
) -> Tensor:
    """Refined regions against the truth: distance and distance of gradients, soft pixels counted double.

    Four times, as it was at first, buys soft pixels with haze: an uncertain pixel then pays less for a middle
    alpha than for either end.

    Parameters
    ----------
    predicted : N×1×P×P, before clamping.
    truth : N×1×P×P.
    weight : N, or N×1×P×P: how far each pixel's truth is to be believed. A step between two counts as the
        less believed of them: what an outline by hand says of its own edge is neither hair nor sharpness.
    fade : P×P, how much each pixel counts in the end.
    margin : how far beyond its end alpha is to lie where the truth is 0 or 1. What is shown is clamped, so
        that much uncertainty there is not seen: neither as holes and haze, nor as their chatter in a shot.
    """
    weight = (weight[:, None, None, None] if weight.dim() == 1 else weight).expand_as(truth)
    soft = ((truth > 0.02) & (truth < 0.98)).float()
    importance = (1 + soft) * fade * weight
    difference = held(predicted, margin) - beyond(truth, margin)
    loss = (charbonnier(difference) * importance).mean()
    for axis in (2, 3):
        count = fade.shape[axis - 2] - 1
        pair = torch.minimum(weight.narrow(axis, 0, count), weight.narrow(axis, 1, count))
        steps = charbonnier(difference.diff(dim=axis)) * fade.narrow(axis - 2, 1, count) * pair
        loss = loss + steps.mean()
    return loss


def beyond(truth: Tensor, margin: float) -> Tensor:
    """The truth, but for its ends, which are moved outwards by a margin."""
    if margin == 0:
        return truth
    return truth + margin * ((truth > 1 - END).float() - (truth < END).float())


def held(alpha: Tensor, margin: float = 0.0) -> Tensor:
    """Alpha clamped to 0..1 and a margin, and a tenth of what lies outside: all but free, with a gradient.

    What is shown is clamped, so a pixel beyond its end is right. Were it to be exactly there, half of all
    uncertainty would stay visible as haze and as holes.
    """
    inside = alpha.clamp(-margin, 1 + margin)
    return inside + LEAK * (alpha - inside)


def fade(cell: int, halo: int) -> Tensor:
    """P×P: how much the pixels of a region inside the frame count; see `regions.blend_ramps`."""
    down, across = regions.blend_ramps(torch.ones(1, 2, dtype=torch.long), 3, 3, cell, halo)
    return down[0, :, None] * across[0]


def soft_cells(alpha: Tensor, cell: int) -> Tensor:
    """Cells that truly hold soft pixels: (N×)H×W → (N×)rows×columns bool."""
    soft = ((alpha > 0.02) & (alpha < 0.98)).float()
    return F.max_pool2d(soft[None], cell, ceil_mode=True)[0] > 0


def soft_trust(weight: Number, exact: Number) -> Number:
    """How far soft pixels are to be believed: a teacher's are its opinion, an exact alpha's the truth."""
    return weight * (0.3 + 0.7 * exact)


def overlap(logit: Tensor, alpha: Tensor) -> Tensor:
    """IoU of a batch, to be logged."""
    truth, guess = alpha > 0.5, logit > 0
    return (truth & guess).sum() / (truth | guess).sum().clamp(min=1)


def charbonnier(x: Tensor) -> Tensor:
    """Smooth |x|."""
    return (x * x + 1e-6).sqrt()
