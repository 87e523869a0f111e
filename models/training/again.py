"""Batches that are shown more than once: composing one takes longer than learning from it."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor

from models.training.compose import Plates

Size = tuple[int, int]
WAITING = 12  # batches of each size that are left to be shown again; 12 MiB each of eight plates of 512×384


class Again:
    """Draws as another does, and shows what it drew again, mirrored, some batches later.

    Parameters
    ----------
    draw : gives a batch of so many plates of a size.
    times : how often each is shown; 1 is what `draw` gives, alone.
    seed : of which one is shown when.
    """

    def __init__(self, draw: Callable[[int, Size], Plates], times: int, seed: int):
        self.draw, self.times, self.random = draw, times, random.Random(seed)
        self.waiting: dict[tuple[int, Size], list[tuple[int, tuple[Tensor, ...]]]] = defaultdict(list)

    def __call__(self, count: int, shape: Size) -> Plates:
        """A batch of one shape, new or not."""
        waiting = self.waiting[count, shape]
        if len(waiting) >= WAITING and self.random.random() < 1 - 1 / self.times:
            # Not the last one: it has just been shown.
            shown, kept = waiting.pop(self.random.randrange(len(waiting) - 1))
            plates = _unpacked(kept)
        else:
            shown, plates = 0, self.draw(count, shape)
            kept = _packed(plates)
        if shown + 1 < self.times:
            waiting.append((shown + 1, tuple(x.flip(-1) if x.dim() == 4 else x for x in kept)))
            del waiting[: -2 * WAITING]  # where luck has it that too many wait
        return plates


def _packed(plates: Plates) -> tuple[Tensor, ...]:
    """Planes in bytes: alpha is known no better."""
    planes = (plates.image, plates.alpha, plates.trust)
    return (*((255 * x).round().to(torch.uint8) for x in planes), plates.weight, plates.exact)


def _unpacked(kept: tuple[Tensor, ...]) -> Plates:
    image, alpha, trust = (x.float() / 255 for x in kept[:3])
    return Plates(image, alpha, kept[3], kept[4], trust)
