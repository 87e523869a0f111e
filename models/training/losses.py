"""Losses of both stages, after the paper's section 3.4, with more weight where hair is."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.network.decoder import BACKGROUND, FOREGROUND, UNKNOWN, CoarseMaps

BAND = 7  # px of working image: the paper's 7×7 ellipse, as a square


def truth_trimap(alpha: Tensor) -> Tensor:
    """N×1×h×w alpha → N×h×w classes; unknown is wherever alpha varies within the band."""
    spread = F.max_pool2d(alpha, BAND, 1, BAND // 2) + F.max_pool2d(-alpha, BAND, 1, BAND // 2)
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


def coarse_loss(levels: list[CoarseMaps], alpha: Tensor, weight: Tensor) -> dict[str, Tensor]:
    """Alpha by cross entropy and trimap by focal loss, on every level.

    Args:
        levels: the three heads' maps, coarsest first; the finest at the working image's resolution.
        alpha: N×1×h×w truth at that resolution.
        weight: N, how far each truth is to be believed.
    """
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
        losses["alpha"] += (per_pixel.mean((1, 2, 3)) * weight).mean()
        losses["trimap"] += focal(maps.trimap.float(), classes, weight)
    return losses


def focal(logits: Tensor, classes: Tensor, weight: Tensor) -> Tensor:
    """Focal loss, γ = 2, classes weighted by count^−½ (paper)."""
    counts = torch.bincount(classes.flatten(), minlength=3).float().clamp(min=1)
    scale = counts.rsqrt()
    scale = scale * counts.sum() / (scale * counts).sum()
    log = F.log_softmax(logits, 1).gather(1, classes[:, None])[:, 0]
    loss = -((1 - log.exp()) ** 2) * log * scale[classes]
    return (loss.mean((1, 2)) * weight).mean()


def region_loss(predicted: Tensor, truth: Tensor, weight: Tensor) -> Tensor:
    """Refined regions against the truth: distance and distance of gradients, soft pixels first.

    Args:
        predicted: N×1×R×R, before clamping, so that overshoot has a gradient.
        truth: N×1×R×R.
        weight: N.
    """
    soft = ((truth > 0.02) & (truth < 0.98)).float()
    importance = 1 + 3 * soft
    difference = predicted - truth
    loss = (charbonnier(difference) * importance).mean((1, 2, 3))
    for axis in (2, 3):
        loss = loss + charbonnier(difference.diff(dim=axis)).mean((1, 2, 3))
    return (loss * weight).mean()


def charbonnier(x: Tensor) -> Tensor:
    """Smooth |x|."""
    return (x * x + 1e-6).sqrt()
