"""Batches of training plates composed on a GPU: people from a bank before backgrounds from another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from models.training.bodies import extended
from models.training.camera import box
from models.training.faults import Dice, faults, tone
from models.training.pictures import foreground
from models.training.plates import Bank, odds, views

SHORT = ("london", "civil")  # their pictures end at the chest
BUSY, CROWD, EMPTY = 0.4, 0.12, 0.04  # things behind, somebody behind, nobody


@dataclass(frozen=True)
class Recipe:
    """What is drawn how often.

    Attributes:
        shares: of each source.
        replaced: of the photographs that are not solved, how many get another background.
        bodies: of the replaced portraits that end at the chest, how many get a body.
    """

    shares: dict[str, float]
    replaced: float = 0.45
    bodies: float = 0.0


@dataclass(frozen=True)
class Plates:
    """B×3×H×W display-referred 0..1, B×1×H×W coverage, and B: trust in it, and whether it is solved."""

    image: Tensor
    alpha: Tensor
    weight: Tensor
    exact: Tensor


class Composer:
    """Draws batches; the same seed draws the same ones."""

    def __init__(self, people: Bank, backgrounds: Bank, recipe: Recipe, seed: int, device: torch.device):
        self.people, self.backgrounds, self.recipe = people, backgrounds, recipe
        self.dice = Dice(device, seed)
        self.odds = odds(people, recipe.shares)
        self.short = torch.tensor([source in SHORT for source in people.source], device=device)

    def _draw(self, count: int) -> Tensor:
        return torch.multinomial(self.odds, count, True, generator=self.dice.generator)

    @torch.no_grad()
    def __call__(self, count: int, shape: tuple[int, int]) -> Plates:
        """A batch of one shape."""
        dice, people = self.dice, self.people
        which = self._draw(count)
        exact = people.exact[which]
        replaced = (exact > 0) | (dice.uniform(count) < self.recipe.replaced)
        grown = replaced & self.short[which] & (dice.uniform(count) < self.recipe.bodies)
        low = torch.where(replaced, math.log(0.45), math.log(1.0))
        low = torch.where(grown, math.log(0.18), low)
        high = torch.where(grown, math.log(0.7), math.log(2.0))
        zoom = (low + dice.uniform(count) * (high - low)).exp()
        affine, bottom = views(people, which, shape, zoom, dice.generator)
        # Whoever gets a body stands higher, so that some of it is seen.
        lift = torch.where(grown, (shape[0] - shape[0] * zoom) * dice.uniform(count, 0.2, 0.95), 0.0)
        affine[:, :, 2] += affine[:, :, 1] * lift[:, None]
        bottom = bottom - lift
        rgba = people.sample(which, affine, shape, zoom >= 1)
        guessed = (replaced & (exact == 0)).nonzero()[:, 0]
        if len(guessed):
            rgba[guessed, :3] = foreground(rgba[guessed, :3], rgba[guessed, 3:])
        if self.recipe.bodies > 0:
            cloth = torch.stack((self.background(count, shape), self.background(count, shape)), 1)
            rgba = extended(rgba, bottom, cloth, grown, dice)
        behind, covered = self._behind(count, shape)
        covered = covered * replaced[:, None, None, None]
        colour, alpha = rgba[:, :3], rgba[:, 3:]
        colour = torch.where(
            replaced[:, None, None, None], tone(colour, dice, 0.5) * alpha + behind * (1 - alpha), colour
        )
        alpha = alpha + covered * (1 - alpha)
        nobody = (dice.uniform(count) < EMPTY)[:, None, None, None]
        empty = nobody & (covered.amax((1, 2, 3), keepdim=True) == 0)
        colour = torch.where(empty, behind, colour)
        alpha = torch.where(empty, torch.zeros_like(alpha), alpha)
        image, alpha = faults(colour, alpha, dice)
        return Plates(image, alpha, people.weight[which], exact)

    def background(self, count: int, shape: tuple[int, int]) -> Tensor:
        """Backgrounds without anybody, half of them out of focus."""
        dice, bank = self.dice, self.backgrounds
        which = torch.randint(len(bank), (count,), generator=dice.generator, device=dice.device)
        zoom = dice.uniform(count, 1.0, 2.2)
        affine, _ = views(bank, which, shape, zoom, dice.generator)
        image = bank.sample(which, affine, shape)[:, :3]
        for group in dice.groups(count, 0.5, 4):
            radius = int(max(shape) * dice.number(0.003, 0.02))
            if radius > 0:
                image[group] = box(box(image[group], radius), radius)
        return image

    def _behind(self, count: int, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """What stands behind the person, and how much of it is somebody."""
        dice = self.dice
        behind = tone(self.background(count, shape), dice, 0.8)
        for group in dice.groups(count, BUSY, 2):
            for _ in range(2):
                thing = tone(self.background(len(group), shape), dice, 1.5)
                behind[group] = torch.lerp(behind[group], thing, self._blob(len(group), shape))
        covered = behind.new_zeros(count, 1, *shape)
        for group in dice.groups(count, CROWD, 1):
            which = self._draw(len(group))
            zoom = dice.uniform(len(group), 0.4, 1.0)
            affine, _ = views(self.people, which, shape, zoom, dice.generator)
            other = self.people.sample(which, affine, shape, zoom >= 1)
            solved = (self.people.exact[which] > 0).float()[:, None, None, None]
            colour = other[:, :3] * solved + foreground(other[:, :3], other[:, 3:]) * (1 - solved)
            behind[group] = torch.lerp(behind[group], tone(colour, dice, 0.5), other[:, 3:])
            covered[group] = other[:, 3:]
        return behind, covered

    def _blob(self, count: int, shape: tuple[int, int]) -> Tensor:
        """Masks of one thing of any outline each, with an edge as sharp as the plate's or out of focus."""
        dice = self.dice

        def number(low: float, high: float) -> Tensor:
            return dice.uniform(count, low, high)[:, None, None, None]

        noise = F.interpolate(dice.normal(count, 1, 6, 6), shape, mode="bicubic", align_corners=False)
        y = torch.linspace(-1, 1, shape[0], device=dice.device)[:, None]
        x = torch.linspace(-1, 1, shape[1], device=dice.device)
        round_ = ((y - number(-1, 1)) / number(0.15, 0.7)) ** 2 + (
            (x - number(-1, 1)) / number(0.15, 0.7)
        ) ** 2
        return ((1 - round_ + 0.5 * noise) * number(math.log(8), math.log(120)).exp()).clamp(0, 1)
