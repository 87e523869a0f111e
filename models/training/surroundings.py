"""What a street has around the person a plate is of: the shadow they cast, and passers-by out of focus.

Neither is theirs. On plates that were composed there is neither, so `clean` took both for somebody: hard
shadows on walls and pavements, and small people far behind, whom no mask of a street holds. Light is taken
away, and put out of focus, in linear light.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from models.mixing import decoded, encoded, mix
from models.training.camera import softened
from models.training.clothes import stature
from models.training.faults import Rng, tone
from models.training.plates import Bank, views

STANDING = 0.97  # part of the plate's height above which feet are seen, and so is the ground
LEAST = 0.3  # of the plate's height: before a smaller person nobody is told from whom the plate is of
BLURRED, SHARP = (0.1, 0.45), (0.08, 0.25)  # heights of passers-by, as parts of the person's


def shadowed(behind: Tensor, alpha: Tensor, rng: Rng, share: float) -> Tensor:
    """Backgrounds on some of which lies the shadow of who will be set before them.

    Parameters
    ----------
    behind : B×3×H×W, display-referred, 0..1.
    alpha : B×1×H×W coverage of the person.
    share : how many of them, 0..1: half on a wall or in the air behind, half on the ground, if feet are seen.
    """
    behind = behind.clone()
    for kind, group in enumerate(rng.groups(len(behind), share, 4)):
        blocked = _cast(alpha[group], rng, kind >= 2)
        reach = int(max(behind.shape[2:]) * math.exp(rng.number(math.log(0.002), math.log(0.03))))
        blocked = softened(blocked, reach) if reach else blocked
        # A shadow is lit by the sky: it takes more of red than of blue.
        depth = rng.uniform(len(group), 0.25, 0.85)[:, None] * torch.tensor(
            [1.0, 0.97, 0.9], device=rng.device
        )
        behind[group] = encoded(decoded(behind[group]) * (1 - blocked * depth[:, :, None, None]))
    return behind


def _cast(alpha: Tensor, rng: Rng, ground: bool) -> Tensor:
    """A person's outline as light casts it: moved aside, or laid on the ground from the feet on."""
    count, _, height, width = alpha.shape
    somebody, tall, _ = stature(alpha)
    rows = torch.arange(height, device=rng.device, dtype=torch.float32)
    feet = torch.where(somebody, rows, -1.0).amax(1)
    y, x = rows[None, :, None].expand(count, -1, width), torch.arange(width, device=rng.device)[None, None]

    def number(low: float, high: float) -> Tensor:
        return rng.uniform(count, low, high)[:, None, None]

    far = tall[:, :, None]
    grown, down, aside = number(0.95, 1.3), number(-0.08, 0.1) * far, number(-0.35, 0.35) * far
    foot = feet[:, None, None]
    wall_y, wall_x = foot - (foot - y + down) / grown, x - aside
    # What stands h above the feet falls h × flat up or down the picture, and to a side.
    flat = number(0.08, 0.6) * torch.where(number(0, 1) < 0.5, -1.0, 1.0)
    above = (foot - y) / flat
    laid_y, laid_x = foot - above, x - above * number(-1.2, 1.2)
    lies = (feet < STANDING * height)[:, None, None] & ground
    source_y, source_x = torch.where(lies, laid_y, wall_y), torch.where(lies, laid_x, wall_x)
    grid = torch.stack(((2 * source_x + 1) / width - 1, (2 * source_y + 1) / height - 1), 3)
    found = F.grid_sample(alpha, grid, align_corners=False)
    return found * torch.where(lies & (above < 0), 0.0, 1.0)[:, None]


def passed_by(
    behind: Tensor, alpha: Tensor, where: Tensor, bank: Bank, odds: Tensor, rng: Rng, share: float
) -> tuple[Tensor, Tensor]:
    """Backgrounds on some of which people pass by, far behind whom the plate is of.

    Parameters
    ----------
    behind : B×3×H×W, display-referred, 0..1.
    alpha : B×1×H×W coverage of the person, who has to be taller than `LEAST`.
    where : B bool, the plates that may show any.
    bank, odds : whom they may show, and how often each.
    share : of those plates, 0..1. In three of four all behind is out of focus; else they are very small.

    Returns
    -------
    Backgrounds, and on which of them somebody passes by, B bool.
    """
    behind, seen = behind.clone(), torch.zeros_like(where)
    height, shape = behind.shape[2], (behind.shape[2], behind.shape[3])
    part = stature(alpha)[1][:, 0] / height
    for kind, group in enumerate(rng.groups(len(behind), share, 4)):
        group = group[where[group] & (part[group] > LEAST)]
        if not len(group):
            continue
        plates = behind[group]
        for _ in range(1 + int(rng.number() * 4)):
            which = torch.multinomial(odds, len(group), True, generator=rng.generator)
            zoom = part[group] * rng.uniform(len(group), *(SHARP if kind == 3 else BLURRED))
            affine, _ = views(bank, which, shape, zoom, rng.generator)
            affine[:, :, 2] += affine[:, :, 1] * (height * rng.uniform(len(group), 0.05, 0.5))[:, None]
            rgba = bank.sample(which, affine, shape, False)
            plates = mix(tone(rgba[:, :3], rng, 0.6), plates, rgba[:, 3:])
        if kind < 3:
            reach = max(1, int(max(shape) * math.exp(rng.number(math.log(0.003), math.log(0.014)))))
            plates = encoded(softened(decoded(plates), reach))
        behind[group], seen[group] = plates, True
    return behind, seen
