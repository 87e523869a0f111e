"""Bodies that go on below a portrait's lower edge, made up: trunk, arms, legs or a skirt, in made-up clothes.

Every picture that `clean` may learn from ends at the chest, so a network taught by them cuts people off
there. A silhouette of random measures in random cloth is no picture of a body, but it says that below a
chest the person goes on. Measures are in half-widths of the picture's last row (mid-chest with upper arms:
about 22 cm).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.training.faults import Rng, tone

OVERLAP = 3  # px of the picture that the body covers: its last row may be half there
SKIN = ((0.93, 0.78, 0.70), (0.85, 0.66, 0.54), (0.70, 0.48, 0.36), (0.48, 0.31, 0.23), (0.32, 0.21, 0.16))


def extended(rgba: Tensor, bottom: Tensor, cloth: Tensor, chosen: Tensor, rng: Rng) -> Tensor:
    """People with a body below the row at which their picture ends.

    Parameters
    ----------
    rgba : B×4×H×W straight colour and alpha, 0 below `bottom`.
    bottom : B, row (px) at which each picture ends.
    cloth : two of B×3×H×W pictures, stacked: B×2×3×H×W, textures of upper and lower clothes.
    chosen : B bool, who gets one.
    """
    n, _, h, w = rgba.shape
    bottom = bottom - OVERLAP
    row = bottom.long().clamp(0, h - 1)
    last = rgba[torch.arange(n, device=rgba.device), :, row]  # B×4×W
    solid = last[:, 3] > 0.5
    xs = torch.arange(w, device=rgba.device, dtype=torch.float32)
    left = torch.where(solid, xs, torch.full_like(xs, float(w))).amin(1)
    right = torch.where(solid, xs, torch.full_like(xs, -1.0)).amax(1)
    half, middle = (right - left + 1) / 2, (left + right + 1) / 2
    fits = chosen & (half > 0.03 * w) & (bottom < h - 4)
    half = half.clamp(min=4)
    down = (torch.arange(h, device=rgba.device) + 0.5 - bottom[:, None]) / half[
        :, None
    ]  # B×H, in half-widths
    across = (xs + 0.5 - middle[:, None]) / half[:, None]  # B×W
    colour, alpha = _clothed(down, across, half, last, cloth, rng)
    below = (down[:, None, :, None] > 0) & fits[:, None, None, None]
    return torch.where(below, torch.cat((colour, alpha), 1), rgba)


def _clothed(
    down: Tensor, across: Tensor, half: Tensor, last: Tensor, cloth: Tensor, rng: Rng
) -> tuple[Tensor, Tensor]:
    """Colour B×3×H×W and coverage B×1×H×W of a body."""
    n = len(down)

    def measure(low: float, high: float) -> Tensor:
        return rng.uniform(n, low, high)[:, None, None]

    y, x = down[:, :, None], across[:, None, :]
    length = measure(4.2, 6.5)
    t = y / length
    wobble = F.interpolate(
        rng.normal(n, 1, 24, 6), (y.shape[1], x.shape[2]), mode="bicubic", align_corners=False
    )
    wobble = wobble[:, 0] * measure(0.0, 0.03)
    lean = measure(-0.15, 0.15) * t
    x = x - lean

    def between(*points: Tensor | float) -> Tensor:
        """A half-width that passes through values at t = 0, 1/n … 1."""
        place = (t * (len(points) - 1)).clamp(0, len(points) - 1.001)
        value = torch.zeros_like(place)
        for i, point in enumerate(points):
            value = value + (1 - (place - i).abs()).clamp(0, 1) * point
        return value

    def strip(centre: Tensor | float, width: Tensor, start: Tensor | float, end: Tensor | float) -> Tensor:
        """Coverage of what lies within `width` of a centre line, from `start` to `end`."""
        sideways = width + wobble - (x - centre).abs()
        along = torch.minimum(t - start, end - t) * length
        return (torch.minimum(sideways, along) * half[:, None, None] / 1.5 + 0.5).clamp(0, 1)

    waist, hip = measure(0.5, 0.85), measure(0.62, 0.9)
    trunk = strip(0.0, between(0.86, waist, hip, hip * 0.97, hip, hip), -0.1, measure(0.40, 0.48))
    swing = measure(0.75, 1.25)
    arms = [strip(side * between(0.82, swing, swing), between(0.2, 0.15, 0.1), -0.1, measure(0.40, 0.50))
            for side in (-1.0, 1.0)]  # fmt: skip
    stance, calf = measure(0.28, 0.5), measure(0.12, 0.22)
    apart, thick = between(0.3, 0.3, 0.35, stance, stance), between(0.4, 0.4, 0.36, calf * 1.2, calf)
    legs = [strip(side * apart, thick, 0.38, 1.0) for side in (-1.0, 1.0)]
    shoes = [strip(side * (stance + 0.08), measure(0.17, 0.3), 0.965, 1.0) for side in (-1.0, 1.0)]
    wide = between(0.8, 0.8, hip, measure(0.7, 1.2), measure(0.8, 1.5))
    skirt = strip(0.0, wide, 0.36, measure(0.5, 0.95))
    skirt = skirt * (measure(0, 1) < 0.25)
    coat = strip(0.0, between(0.95, 0.95, 0.95, measure(0.9, 1.15)), -0.1, measure(0.45, 0.75)) * (
        measure(0, 1) < 0.2
    )
    hanging = (measure(0, 1) < 0.75).float()
    upper = torch.maximum(trunk, coat)
    lower = torch.maximum(torch.maximum(legs[0], legs[1]), skirt)
    limb = torch.maximum(arms[0], arms[1]) * hanging
    feet = torch.maximum(shoes[0], shoes[1])
    colours = _colours(last, cloth, rng, t, x)
    alpha, colour = torch.zeros_like(t + x), torch.zeros_like(colours[0])
    for cover, paint in zip((feet, lower, upper, limb), colours, strict=True):
        colour = colour + cover[:, None] * (paint - colour)
        alpha = torch.maximum(alpha, cover)
    # Straight colour: where nothing covers, the trunk's.
    return torch.where(alpha[:, None] > 1e-3, colour / alpha[:, None].clamp(min=1e-3), colours[2]), alpha[
        :, None
    ]


def _colours(last: Tensor, cloth: Tensor, rng: Rng, t: Tensor, x: Tensor) -> list[Tensor]:
    """Colours of shoes, lower and upper clothes and arms, each B×3×H×W."""
    n, _, h, w = cloth[:, 0].shape
    share = last[:, 3:].clamp(0, 1)
    mean = (last[:, :3] * share).sum(2) / share.sum(2).clamp(min=1)
    # The picture's own cloth goes on downwards, its folds and stripes with it.
    onward = F.avg_pool1d(last[:, :3], 9, 1, 4)[:, :, None, :].expand(-1, -1, h, -1)
    onward = torch.where(
        F.avg_pool1d(last[:, 3:], 9, 1, 4)[:, :, None, :] > 0.9, onward, mean[:, :, None, None]
    )
    plain = rng.uniform(3 * n * 2).view(2, n, 3, 1, 1) * rng.uniform(2 * n).view(2, n, 1, 1, 1)
    printed = rng.uniform(2 * n).view(2, n, 1, 1, 1) ** 3
    paints = [plain[i] * (1 - printed[i]) + tone(cloth[:, i], rng, 1.0) * printed[i] for i in range(2)]
    own = rng.uniform(n)[:, None, None, None] < 0.6
    folds = 1 + 0.16 * F.interpolate(rng.normal(n, 1, 28, 14), (h, w), mode="bicubic", align_corners=False)
    round_ = 1 - 0.3 * (x.abs().clamp(max=1) ** 2)[:, None]
    light = folds * round_
    tones = t.new_tensor(SKIN)[torch.randint(len(SKIN), (n,), generator=rng.generator, device=t.device)]
    skin = tones[:, :, None, None] * (0.8 + 0.4 * rng.uniform(n)[:, None, None, None])
    upper = torch.where(own, onward, paints[0])
    bare = rng.uniform(n)[:, None, None, None] < 0.3
    lower = torch.where(rng.uniform(n)[:, None, None, None] < 0.12, skin.expand_as(upper), paints[1])
    hand = (t > 0.41)[:, None]
    arm = torch.where(bare | hand, skin.expand_as(upper), upper)
    shoes = paints[1] * 0.4
    return [(paint * light).clamp(0, 1) for paint in (shoes, lower, upper, arm)]
