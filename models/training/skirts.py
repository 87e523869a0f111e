"""Long skirts, drawn on people in photographs: from the waist to a hem, which may be wide and blown aside.

In streets `clean` loses dresses and skirts to the ankle first; hardly anybody of its bank wears one. What is
drawn is no picture of cloth, but says that below a waist the person may be one wide shape. Alpha grows by
what is drawn, exactly. Mixed in linear light. Measures are parts of the person's height within the view.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from models.mixing import decoded, encoded, mix
from models.training.clothes import pattern, stature
from models.training.faults import Rng, tone

WAIST, HEM = (0.36, 0.5), (0.68, 0.97)
UPRIGHT = 2.2  # whoever is so many times as tall as wide stands; who sits or jumps is left as is
NARROW, WIDE = 0.07, 0.2  # half of a waist with what hangs beside it: what is narrower or wider is held there


def skirted(
    image: Tensor, alpha: Tensor, tall: Tensor, print_: Callable[[int], Tensor], rng: Rng, share: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Plates on some of which the person wears a long skirt.

    Parameters
    ----------
    image : B×3×H×W, display-referred, 0..1.
    alpha : B×1×H×W, of the one person.
    tall : B bool, whose pictures go on below the chest.
    print_ : gives so many pictures of the plates' size, to be printed on cloth.
    share : how many of the tall, 0..1.

    Returns
    -------
    Image, alpha, and how much of each pixel is drawn, B×1×H×W.
    """
    image, alpha, drawn = image.clone(), alpha.clone(), torch.zeros_like(alpha)
    for kind, group in enumerate(rng.groups(len(image), share, 4)):
        group = group[tall[group]]
        if not len(group):
            continue
        cover, across = _shape(alpha[group], rng)
        cloth = print_(len(group)) if kind == 3 else pattern(len(group), image.shape[2:], kind, rng)
        image[group] = mix(_lit(cloth, across, image[group], alpha[group], rng), image[group], cover)
        alpha[group], drawn[group] = torch.maximum(alpha[group], cover), cover
    return image, alpha, drawn


def _shape(alpha: Tensor, rng: Rng) -> tuple[Tensor, Tensor]:
    """Coverage of a skirt, B×1×H×W, and where a pixel lies across it: 0 in its middle, ±1 at its sides."""
    count, _, height, width = alpha.shape
    columns = torch.arange(width, device=rng.device, dtype=torch.float32) + 0.5
    somebody, tall, place = stature(alpha)

    def number(low: float, high: float) -> Tensor:
        return rng.uniform(count, low, high)[:, None]

    waist, hem = number(*WAIST), number(*HEM)
    there = ((place - waist).abs() < 0.03).float() * somebody  # the rows about the waist
    mass = alpha[:, 0].sum(2)
    wide = ((mass * there).sum(1, True) / there.sum(1, True).clamp(min=1) / 2 / tall).clamp(NARROW, WIDE)
    middle = ((alpha[:, 0] * columns).sum(2) * there).sum(1, True) / (mass * there).sum(1, True).clamp(min=1)
    down = ((place - waist) / (hem - waist)).clamp(0, 1)  # 0 at the waist and 1 at the hem
    half = wide * tall * (1 + number(0.0, 1.2) * down ** number(0.7, 1.6))
    middle = middle + number(-0.25, 0.25) * number(0, 1) * tall * down**1.5
    wobble = F.interpolate(rng.normal(count, 1, 9, 3), (height, width), mode="bicubic", align_corners=False)
    across = (columns - middle[:, :, None]) / half[:, :, None].clamp(min=1)
    sides = (1 + 0.05 * wobble[:, 0] - across.abs()) * half[:, :, None]
    ends = torch.minimum(place - waist, hem - place) * tall
    ends = ends[:, :, None] + 0.02 * tall[:, :, None] * wobble[:, 0]
    stands = tall[:, 0] > UPRIGHT * mass.sum(1) / tall[:, 0]
    found = stands & ((mass * there).sum(1) > 0)  # whoever is cut off above the waist shows none
    cover = (torch.minimum(sides, ends) / 1.5 + 0.5).clamp(0, 1) * found[:, None, None]
    return cover[:, None], across[:, None]


def _lit(cloth: Tensor, across: Tensor, image: Tensor, alpha: Tensor, rng: Rng) -> Tensor:
    """Cloth with folds that fall, darker to the sides, as light in the mean as its wearer, give or take."""
    count, _, height, width = image.shape
    level = (decoded(image).mean(1, keepdim=True) * alpha).sum((2, 3), keepdim=True)
    level = (level / alpha.sum((2, 3), keepdim=True).clamp(min=1)).clamp(0.05, 0.6) / 0.25
    depth = rng.uniform(count, 0.05, 0.35)[:, None, None, None]
    many = rng.uniform(count, 6, 26)[:, None, None, None]
    bent = F.interpolate(rng.normal(count, 1, 4, 4), (height, width), mode="bicubic", align_corners=False)
    folds = 1 + depth * (many * across + 2 * bent).sin()
    light = folds * (1 - 0.35 * across.abs().clamp(max=1) ** 2) * level.sqrt()
    return encoded(decoded(tone(cloth, rng, 0.5)) * light)
