"""The figures that stand for people in tests of the review, and what they walk before."""

from __future__ import annotations

import numpy as np

H, W = 90, 120
LARGE = (180, 240)


def disc(x: float) -> np.ndarray:
    """A soft disc, 40 px wide, whose middle is at `x`."""
    rows, columns = np.mgrid[:H, :W]
    return np.clip(20 - np.hypot(rows - 45, columns - x), 0, 1).astype(np.float32)


def figure(x: float) -> np.ndarray:
    """Head and shoulders whose middle is at `x` of a `LARGE` picture, with a soft edge."""
    rows, columns = np.mgrid[: LARGE[0], : LARGE[1]]
    head = 26 - np.hypot(rows - 62, columns - x)
    body = 52 - np.hypot((rows - 160) * 0.75, columns - x)
    return np.clip(np.maximum(head, body) / 2 + 0.5, 0, 1).astype(np.float32)


def texture(seed: int, x: float = 0) -> np.ndarray:
    """Soft blotches (`LARGE`, H×W×3, 0..1) that have moved by `x` px."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: LARGE[0], : LARGE[1]].astype(np.float32)
    waves = [
        np.sin(rows * down + (columns - x) * across + phase)
        for down, across, phase in zip(*rng.uniform(-0.35, 0.35, (2, 24)), rng.uniform(0, 6, 24), strict=True)
    ]
    grey = 0.5 + 0.11 * np.sum(waves, axis=0)
    tint = 0.7 + 0.3 * rng.random(3)
    return np.clip(grey[..., None] * tint, 0, 1).astype(np.float32)
