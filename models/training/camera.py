"""The faults of real cameras: exposure, blur, grain, JPEG, drawn at random."""

from __future__ import annotations

import io
import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from models.mixing import decoded, encoded

BLURRED = 0.2  # of the plates: half of them out of focus, half in motion


def to_tensor(image: Image.Image) -> Tensor:
    """3×H×W (1×H×W of a grey picture) in 0..1."""
    array = np.array(image, dtype=np.uint8)
    return torch.from_numpy(array.reshape(*array.shape[:2], -1)).permute(2, 0, 1).float() / 255


def box(x: Tensor, radius: int) -> Tensor:
    """Mean over a square, …×C×H×W, rows and columns apart: a pooling over the square itself is slow."""
    x = F.avg_pool2d(x, (2 * radius + 1, 1), 1, (radius, 0), count_include_pad=False)
    return F.avg_pool2d(x, (1, 2 * radius + 1), 1, (0, radius), count_include_pad=False)


def softened(x: Tensor, radius: int) -> Tensor:
    """Two means over a square, B×C×H×W: of a wide one at half of the size, where all of it is left."""
    if radius < 4:
        return box(box(x, radius), radius)
    half = F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
    half = box(box(half, radius // 2), radius // 2)
    return F.interpolate(half, x.shape[2:], mode="bilinear", align_corners=False)


def tone(image: Tensor, rng: np.random.Generator, strength: float) -> Tensor:
    """Exposure, gamma, colour cast and saturation, drawn at random."""
    gain = 2.0 ** (rng.normal(0, 0.35 * strength))
    gamma = 2.0 ** (rng.normal(0, 0.25 * strength))
    cast = torch.tensor(2.0 ** rng.normal(0, 0.10 * strength, 3), dtype=torch.float32)[:, None, None]
    grey = image.mean(0, keepdim=True)
    saturation = rng.uniform(1 - 0.5 * strength, 1 + 0.4 * strength)
    image = grey + (image - grey) * saturation
    return (image.clamp(0, 1) ** gamma * gain * cast).clamp(0, 1)


def camera(image: Tensor, alpha: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """A plate with the faults of real ones, and its alpha: a blur acts on both.

    Parameters
    ----------
    image : 3×H×W, display-referred, 0..1.
    alpha : 1×H×W coverage.
    """
    if rng.random() < 0.7:
        image = tone(image, rng, 0.7)
    if rng.random() < BLURRED:
        image, alpha = blur(image, alpha, rng)
    if rng.random() < 0.3:
        sigma = rng.uniform(0.005, 0.05)
        noise = torch.from_numpy(rng.standard_normal(image.shape, dtype=np.float32))
        image = (image + noise * sigma).clamp(0, 1)
    if rng.random() < 0.2:
        buffer = io.BytesIO()
        array = (image * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(array).save(buffer, "JPEG", quality=int(rng.integers(30, 90)))
        image = to_tensor(Image.open(buffer))
    if rng.random() < 0.04:
        image = image.mean(0, keepdim=True).expand(3, -1, -1).contiguous()
    return image, alpha


def blur(image: Tensor, alpha: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Out of focus or in motion, in linear light: what was an edge is soft in the alpha too.

    Exact where person and background are each even within the blur.
    """
    unit = max(image.shape[1:]) / 900
    if rng.random() < 0.5:
        kernel = disc(unit * math.exp(rng.uniform(math.log(0.8), math.log(7))))
    else:
        kernel = line(unit * math.exp(rng.uniform(math.log(3), math.log(30))), rng.uniform(0, math.pi))
    light = filtered(torch.cat((decoded(image), alpha))[None], kernel)[0]
    return encoded(light[:3]), light[3:].clamp(0, 1)


def filtered(light: Tensor, kernel: Tensor) -> Tensor:
    """A kernel over all channels alike, B×C×H×W, edges held."""
    n, c, h, w = light.shape
    reach = kernel.shape[-1] // 2
    padded = F.pad(light, (reach,) * 4, mode="replicate").flatten(0, 1)[:, None]
    return F.conv2d(padded, kernel[None, None]).view(n, c, h, w)


def _offsets(reach: int) -> tuple[Tensor, Tensor]:
    """Distances from the middle down and across, each (2·reach+1)²."""
    steps = torch.arange(-reach, reach + 1.0)
    down, across = torch.meshgrid(steps, steps, indexing="ij")
    return down, across


def disc(radius: float) -> Tensor:
    """A lens out of focus; the edge is antialiased."""
    disc = (radius + 0.5 - torch.hypot(*_offsets(math.ceil(radius)))).clamp(0, 1)
    return disc / disc.sum()


def line(length: float, angle: float) -> Tensor:
    """A straight move, a pixel wide."""
    down, across = _offsets(math.ceil(length / 2) + 1)
    along = (across * math.cos(angle) + down * math.sin(angle)).abs()
    beside = (down * math.cos(angle) - across * math.sin(angle)).abs()
    line = (length / 2 + 0.5 - along).clamp(0, 1) * (1 - beside).clamp(0, 1)
    return line / line.sum()
