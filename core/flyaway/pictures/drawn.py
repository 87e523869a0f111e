"""Plates made by code: something to matte where no photograph is at hand, the same on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sample_plate(height: int, width: int) -> NDArray[np.uint8]:
    """A drawn figure with a soft outline before a textured wall: something to refine, without a photograph.

    Returns
    -------
    height×width×3 uint8, sRGB.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = (y / height - 0.5) * 2, (x - width / 2) / height * 2
    head = 1 - np.hypot(x, (y + 0.35) * 0.8) / 0.34
    body = 1 - np.hypot(x * 0.9, (y - 1.05) * 0.75) / 0.75
    coverage = np.clip(np.maximum(head, body) * 12 + 0.5, 0, 1)[..., None]
    grain = np.random.default_rng(1).normal(0, 4, (height, width, 1)).astype(np.float32)
    wall = 95 + 35 * np.sin(x * 9)[..., None] * np.cos(y * 7)[..., None] * np.array([1, 0.9, 0.7], np.float32)
    skin = np.array([205, 160, 135], np.float32) * (0.8 + 0.2 * np.cos(x * 2))[..., None]
    plate: NDArray[np.float32] = skin * coverage + wall * (1 - coverage) + grain
    return np.clip(plate, 0, 255).astype(np.uint8)


def gradient_plate(width: int, height: int) -> NDArray[np.uint8]:
    """A gradient with noise, H×W×3 uint8: the same on every machine."""
    # In place and in bytes: what is made here counts in the peak that is measured.
    plate = np.random.default_rng(0).integers(0, 56, (height, width, 3), np.uint8)
    down = np.linspace(0, 200, height).astype(np.uint8)[:, None]
    across = np.linspace(0, 200, width).astype(np.uint8)[None]
    plate[..., 0] += down
    plate[..., 1] += across
    plate[..., 2] += down // 2 + across // 2
    return plate
