"""The faults of real cameras on a batch at once: `camera.py` for plates that live on a GPU.

What needs a kernel of its own acts on small groups of the batch that share one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from models.mixing import decoded, encoded
from models.training.camera import disc, filtered, line

LUMA = (
    (16, 11, 10, 16, 24, 40, 51, 61), (12, 12, 14, 19, 26, 58, 60, 55), (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62), (18, 22, 37, 56, 68, 109, 103, 77), (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101), (72, 92, 95, 98, 112, 100, 103, 99),
)  # fmt: skip  # ITU-T T.81, table K.1
CHROMA = (
    (17, 18, 24, 47, 99, 99, 99, 99), (18, 21, 26, 66, 99, 99, 99, 99), (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99), *(((99,) * 8,) * 4),
)  # fmt: skip  # ITU-T T.81, table K.2
TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
FROM_YCC = ((1.0, 0.0, 1.402), (1.0, -0.344136, -0.714136), (1.0, 1.772, 0.0))


class Rng:
    """Random numbers of one seeded generator on one device."""

    def __init__(self, device: torch.device, seed: int):
        self.device = device
        self.generator = torch.Generator(device).manual_seed(seed)
        self.plain = torch.Generator().manual_seed(seed)  # for what the program itself must know

    def uniform(self, count: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(count, generator=self.generator, device=self.device) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(shape, generator=self.generator, device=self.device)

    def number(self, low: float = 0.0, high: float = 1.0) -> float:
        return float(torch.rand((), generator=self.plain)) * (high - low) + low

    def groups(self, count: int, share: float, parts: int) -> list[Tensor]:
        """Disjoint groups of a batch, together `share` of it on average."""
        mine = torch.rand(count, generator=self.plain)
        part = share / parts
        found = [((mine >= i * part) & (mine < (i + 1) * part)).nonzero()[:, 0] for i in range(parts)]
        return [group.to(self.device) for group in found if len(group)]


def tone(image: Tensor, rng: Rng, strength: float) -> Tensor:
    """Exposure, gamma, colour cast and saturation, drawn for each picture."""
    n = len(image)
    gain = (2.0 ** (rng.normal(n, 1, 1, 1) * 0.35 * strength)) * 2.0 ** (
        rng.normal(n, 3, 1, 1) * 0.10 * strength
    )
    gamma = 2.0 ** (rng.normal(n, 1, 1, 1) * 0.25 * strength)
    grey = image.mean(1, keepdim=True)
    saturation = rng.uniform(n, 1 - 0.5 * strength, 1 + 0.4 * strength)[:, None, None, None]
    image = grey + (image - grey) * saturation
    return (image.clamp(0, 1) ** gamma * gain).clamp(0, 1)


def faults(image: Tensor, alpha: Tensor, rng: Rng) -> tuple[Tensor, Tensor]:
    """Plates with the faults of real ones, and their alphas: what softens a plate softens its alpha too.

    Parameters
    ----------
    image : B×3×H×W, display-referred, 0..1.
    alpha : B×1×H×W coverage.
    """
    n, unit = len(image), max(image.shape[2:]) / 900
    image = torch.where(rng.uniform(n)[:, None, None, None] < 0.7, tone(image, rng, 0.7), image)
    light = torch.cat((decoded(image), alpha), 1)
    for number, group in enumerate(rng.groups(n, 0.2, 4)):
        if number % 2:
            kernel = disc(unit * math.exp(rng.number(math.log(0.8), math.log(7))))
        else:
            kernel = line(unit * math.exp(rng.number(math.log(3), math.log(30))), rng.number(0, math.pi))
        light[group] = filtered(light[group], kernel.to(image.device))
    for group in rng.groups(n, 0.1, 2):
        light[group] = coarser(
            light[group], math.exp(rng.number(math.log(1.5), math.log(5))), rng.number() < 0.5
        )
    # Two stops either way, now and then: highlights clip.
    wild = rng.uniform(n)[:, None, None, None] < 0.15
    stops = 2.0 ** rng.uniform(n, -2.3, 2.3)[:, None, None, None]
    lit = torch.where(wild, light[:, :3] * stops, light[:, :3])
    image, alpha = encoded(lit), light[:, 3:].clamp(0, 1)
    sigma = torch.where(
        rng.uniform(n) < 0.35, rng.uniform(n, 0.005, 0.07), torch.zeros(n, device=image.device)
    )
    noise = rng.normal(*image.shape)
    grainy = rng.uniform(n)[:, None, None, None] < 0.4  # of the noisy: common to all channels, and soft
    grain = F.avg_pool2d(noise[:, :1], 3, 1, 1) * 2.2
    image = image + torch.where(grainy, grain, noise) * sigma[:, None, None, None]
    image = image.clamp(0, 1)
    for group in rng.groups(n, 0.25, 3):
        image[group] = jpeg(image[group], rng.number(15, 90))
    grey = rng.uniform(n)[:, None, None, None] < 0.04
    image = torch.where(grey, image.mean(1, keepdim=True), image)
    return image, alpha


def coarser(light: Tensor, factor: float, smooth: bool) -> Tensor:
    """Stored smaller and enlarged again."""
    h, w = light.shape[2:]
    small = F.interpolate(
        light, (round(h / factor), round(w / factor)), mode="bilinear", align_corners=False, antialias=True
    )
    mode = "bicubic" if smooth else "bilinear"
    return F.interpolate(small, (h, w), mode=mode, align_corners=False).clamp(0, 1)


def jpeg(image: Tensor, quality: float) -> Tensor:
    """What a JPEG of this quality leaves of a picture, colour at half resolution."""
    h, w = image.shape[2:]
    x = F.pad(image, (0, -w % 16, 0, -h % 16), mode="replicate")
    to, back = image.new_tensor(TO_YCC), image.new_tensor(FROM_YCC)
    ycc = torch.einsum("ij,njhw->nihw", to, x * 255 - 127.5)
    scale = 50 / quality if quality < 50 else 2 - quality / 50
    luma = _quantised(ycc[:, :1], (image.new_tensor(LUMA) * scale).round().clamp(1, 255))
    chroma = _quantised(F.avg_pool2d(ycc[:, 1:], 2), (image.new_tensor(CHROMA) * scale).round().clamp(1, 255))
    chroma = F.interpolate(chroma, scale_factor=2.0, mode="bilinear", align_corners=False)
    rgb = torch.einsum("ij,njhw->nihw", back, torch.cat((luma, chroma), 1))
    return ((rgb + 127.5) / 255).clamp(0, 1)[..., :h, :w]


def _quantised(x: Tensor, table: Tensor) -> Tensor:
    n, c, h, w = x.shape
    steps = torch.arange(8.0, device=x.device)
    basis = torch.cos((steps[None] + 0.5) * steps[:, None] * math.pi / 8) / 2
    basis[0] /= math.sqrt(2)
    blocks = x.reshape(n, c, h // 8, 8, w // 8, 8).transpose(3, 4)  # n, c, rows, columns, 8, 8
    spectrum = basis @ blocks @ basis.T
    spectrum = (spectrum / table).round() * table
    return (basis.T @ spectrum @ basis).transpose(3, 4).reshape(n, c, h, w)
