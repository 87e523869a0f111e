"""Other clothes for people in photographs: a part of the body in plain, striped, spotted or printed cloth.

What `clean` loses in streets is below the chest: skirts and trousers of a pattern, or of a colour, that
none of its few hundred people wears. The cloth is laid over the person between two rows, lit as what was
there, and goes to the person's edge; alpha stays as it is. Mixed in linear light.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from models.mixing import decoded, encoded, mix
from models.training.faults import Rng, tone

BELOW, CHEST = (0.38, 0.8), (0.82, 0.95)  # where cloth begins, in the person's height within the view
LIT = (0.25, 3.0)  # how far what was there was darker or lighter than its mean, at most


def clothed(
    image: Tensor, alpha: Tensor, short: Tensor, print_: Callable[[int], Tensor], rng: Rng, share: float
) -> Tensor:
    """Plates on some of which a part of the person wears something else.

    Parameters
    ----------
    image : B×3×H×W, display-referred, 0..1.
    alpha : B×1×H×W, of the one person that is dressed.
    short : B bool, whose pictures end at the chest: what begins higher would be a face.
    print_ : gives so many pictures of the plates' size, to be printed on cloth.
    share : how many plates, 0..1.
    """
    image = image.clone()
    for kind, group in enumerate(rng.groups(len(image), share, 4)):
        cover = _cover(alpha[group], short[group], rng)
        cloth = print_(len(group)) if kind == 3 else pattern(len(group), image.shape[2:], kind, rng)
        image[group] = _laid(image[group], cover, cloth, rng)
    return image


def _cover(alpha: Tensor, short: Tensor, rng: Rng) -> Tensor:
    """How much of each pixel is cloth: the person between two rows that are not quite straight."""
    count, _, _, width = alpha.shape
    _, tall, place = stature(alpha)
    wobble = F.interpolate(rng.normal(count, 1, 1, 7), (1, width), mode="bicubic", align_corners=False)
    place = place[:, :, None] + 0.03 * wobble[:, 0]
    chosen = rng.uniform(count)
    low, high = (torch.where(short, chest, below) for chest, below in zip(CHEST, BELOW, strict=True))
    start = low + chosen * (high - low)
    end = torch.where(rng.uniform(count) < 0.5, 2.0, start + rng.uniform(count, 0.12, 0.5))
    edge = tall[:, :, None] / 1.5  # hems are some pixels soft
    between = torch.minimum(place - start[:, None, None], end[:, None, None] - place) * edge + 0.5
    return alpha * between.clamp(0, 1)[:, None]


def stature(alpha: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Rows that show somebody (B×H bool), their height in px (B×1), and each row's place: 0 head, 1 feet."""
    rows = torch.arange(alpha.shape[2], device=alpha.device, dtype=torch.float32)
    somebody = alpha[:, 0].amax(2) > 0.5
    top = torch.where(somebody, rows, float(len(rows))).amin(1)[:, None]
    tall = (torch.where(somebody, rows, -1.0).amax(1)[:, None] - top).clamp(min=1)
    return somebody, tall, (rows - top) / tall


def pattern(count: int, shape: torch.Size, kind: int, rng: Rng) -> Tensor:
    """Cloth of two colours: plain, in stripes or checks, in spots; B×3×H×W, display-referred."""
    height, width = shape
    paints = rng.uniform(6 * count).view(2, count, 3, 1, 1)
    dull, dark = rng.uniform(4 * count).view(2, 2, count, 1, 1, 1)  # of few clothes is the colour pure
    paints = torch.lerp(paints, paints.mean(2, keepdim=True), dull) * dark
    if kind == 0:
        return paints[0].expand(-1, -1, height, width)
    if kind == 1:
        ink = _stripes(count, height, width, rng)
    else:
        size = math.exp(rng.number(math.log(5), math.log(30)))  # px of a spot
        noise = rng.normal(count, 1, max(2, round(height / size)), max(2, round(width / size)))
        noise = F.interpolate(noise, (height, width), mode="bicubic", align_corners=False)
        ink = (4 * (noise - rng.uniform(count, -0.6, 0.9)[:, None, None, None])).clamp(0, 1)
    return torch.lerp(paints[0], paints[1], ink)


def _stripes(count: int, height: int, width: int, rng: Rng) -> Tensor:
    """Stripes at any angle, a third of them crossed, with folds; B×1×H×W in 0..1."""
    y = torch.arange(height, device=rng.device, dtype=torch.float32)[:, None]
    x = torch.arange(width, device=rng.device, dtype=torch.float32)
    angle = rng.uniform(count, 0, math.pi)[:, None, None]
    step = rng.uniform(count, math.log(4), math.log(50)).exp()[:, None, None]
    fold = F.interpolate(rng.normal(count, 1, 9, 6), (height, width), mode="bicubic", align_corners=False)

    def waves(turn: Tensor) -> Tensor:
        along = (x * turn.cos() + y * turn.sin()) / step + 0.3 * fold[:, 0]
        return (3 * (2 * math.pi * along).sin() + 0.5).clamp(0, 1)

    crossed = waves(angle + math.pi / 2)
    checked = (rng.uniform(count) < 0.34)[:, None, None]
    return (waves(angle) * torch.where(checked, crossed, 1.0))[:, None]


def _laid(image: Tensor, cover: Tensor, cloth: Tensor, rng: Rng) -> Tensor:
    """Cloth in place of what is covered, lit as that was, folds and all; mixed in linear light."""
    grey = decoded(image).mean(1, keepdim=True)
    mean = (grey * cover).sum((2, 3), keepdim=True) / cover.sum((2, 3), keepdim=True).clamp(min=1)
    lit = (grey / mean.clamp(min=1e-3)).clamp(*LIT) ** rng.uniform(len(image), 0.3, 1.0)[:, None, None, None]
    return mix(encoded(decoded(tone(cloth, rng, 0.5)) * lit), image, cover)
