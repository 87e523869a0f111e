"""Batches of training plates composed on a GPU: people from a bank before backgrounds from another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from models.mixing import decoded, encoded, mix
from models.training.bodies import extended
from models.training.camera import softened
from models.training.clothes import clothed
from models.training.faults import Rng, faults, tone
from models.training.pictures import foreground
from models.training.plates import Bank, odds, views
from models.training.skirts import skirted
from models.training.surroundings import passed_by, shadowed

SHORT = ("london", "strands", "civil")  # their pictures end at the chest
ACTION = ("action", "unmasked", "rendered")  # people who move
#: Of the plates: things behind, somebody behind, nobody, something before the person. The latter is a blob of
#: another background: cut-outs of bags and cups taught that what somebody holds is nobody's.
BUSY, CROWD, EMPTY, HIDDEN = 0.3, 0.12, 0.04, 0.08
#: Trust of soft pixels: a teacher's in a photograph, which it learned to read in encoded values; and where
#: the teacher's matte mixed the plate, which makes it exact but for the colour left in the person's edge.
PHOTOGRAPH, MIXED = 0.15, 0.7


@dataclass(frozen=True)
class Recipe:
    """What is drawn how often.

    Attributes
    ----------
    shares : of each source.
    replaced : of the photographs that are not solved, how many get another background.
    bodies : of the replaced portraits that end at the chest, how many get a body.
    smallest : size of the smallest people before a new background, as a part of the view.
    turned : largest turn in degrees, of people who move (`ACTION`).
    empty : plates with nobody.
    busy : plates with things behind; on one with nobody they are what else stands in a frame's middle.
    largest : size of the largest things, as a part of the view.
    clothes : plates whose person wears something else below the head.
    skirts : of people who are seen below the chest, how many get a long skirt.
    upright : of replaced people who are seen below the chest, how many fill the view from top to bottom.
    shadows : of new backgrounds, how many have the person's shadow.
    passers : of new backgrounds, on how many nobody's people pass by, small and mostly out of focus.
    """

    shares: dict[str, float]
    replaced: float = 0.45
    bodies: float = 0.0
    smallest: float = 0.45
    turned: float = 5.0
    empty: float = EMPTY
    busy: float = BUSY
    largest: float = 0.9
    clothes: float = 0.0
    skirts: float = 0.0
    upright: float = 0.0
    shadows: float = 0.0
    passers: float = 0.0


@dataclass(frozen=True)
class Plates:
    """A batch of plates.

    Attributes
    ----------
    image : B×3×H×W, display-referred, 0..1.
    alpha : B×1×H×W, linear coverage.
    weight : B, how far the whole alpha is to be believed.
    exact : B, 1 where the alpha is solved.
    trust : B×1×H×W, how far each pixel's is; weight is in it.
    """

    image: Tensor
    alpha: Tensor
    weight: Tensor
    exact: Tensor
    trust: Tensor


class Composer:
    """Draws batches; the same seed draws the same ones."""

    def __init__(
        self,
        people: Bank,
        backgrounds: Bank,
        recipe: Recipe,
        seed: int,
        device: torch.device,
        things: Bank | None = None,
    ):
        self.people, self.backgrounds, self.things, self.recipe = people, backgrounds, things, recipe
        self.rng = Rng(device, seed)
        self.odds = odds(people, recipe.shares)
        self.short = torch.tensor([source in SHORT for source in people.source], device=device)
        self.moving = torch.tensor([source in ACTION for source in people.source], device=device)
        self.whole = torch.where(self.short, 0.0, self.odds)  # who may stand far behind

    def draw(self, count: int) -> Tensor:
        """Which people a batch shows."""
        return torch.multinomial(self.odds, count, True, generator=self.rng.generator)

    @torch.no_grad()
    def __call__(self, count: int, shape: tuple[int, int]) -> Plates:
        """A batch of one shape."""
        rng, people = self.rng, self.people
        which = self.draw(count)
        exact = people.exact[which]
        replaced = (exact > 0) | (rng.uniform(count) < self.recipe.replaced)
        colour, alpha, trust = self._person(which, replaced, shape)
        behind, covered = self._behind(count, shape)
        swapped = replaced[:, None, None, None]
        covered = covered * swapped
        behind, passed = self._around(behind, alpha, replaced & (covered.amax((1, 2, 3)) == 0))
        colour = torch.where(swapped, mix(tone(colour, rng, 0.5), behind, alpha), colour)
        short, print_ = self.short[which], partial(self.background, shape=shape)
        if self.recipe.skirts:
            colour, alpha, drawn = skirted(colour, alpha, ~short, print_, rng, self.recipe.skirts)
            trust = torch.maximum(trust, drawn)
        if self.recipe.clothes:
            colour = clothed(colour, alpha, short, print_, rng, self.recipe.clothes)
        trust = believed(alpha, trust, exact, swapped)
        alpha = alpha + covered * (1 - alpha)
        colour, alpha, trust = self._hidden(colour, alpha, trust)
        nobody = (rng.uniform(count) < self.recipe.empty)[:, None, None, None]
        empty = nobody & (covered.amax((1, 2, 3), keepdim=True) == 0) & ~passed[:, None, None, None]
        colour = torch.where(empty, behind, colour)
        image, alpha = faults(colour, torch.where(empty, 0.0, alpha), rng)
        weight = people.weight[which]
        trust = torch.where(empty, 1.0, trust * weight[:, None, None, None])
        return Plates(image, alpha, weight, exact, trust)

    def _person(
        self, which: Tensor, replaced: Tensor, shape: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Views of people: colour (straight where replaced, else the photograph), alpha and trust."""
        rng, recipe, count = self.rng, self.recipe, len(which)
        grown = replaced & self.short[which] & (rng.uniform(count) < recipe.bodies)
        affine, zoom, bottom = self.stand(which, replaced, grown, shape)
        rgba, trust = self.cut_out(which, affine, zoom >= 1, replaced, shape)
        dressed = grown.nonzero()[:, 0]
        if number := len(dressed):
            cloth = torch.stack((self.background(number, shape), self.background(number, shape)), 1)
            rgba[dressed] = extended(rgba[dressed], bottom[dressed], cloth, grown[dressed], rng)
        return rgba[:, :3], rgba[:, 3:], trust

    def stand(
        self, which: Tensor, replaced: Tensor, grown: Tensor, shape: tuple[int, int]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Where people stand in their views: affines, sizes, and the rows at which their pictures end."""
        rng, recipe, count = self.rng, self.recipe, len(which)
        low = torch.where(replaced, math.log(recipe.smallest), math.log(1.0))
        low = torch.where(grown, math.log(0.18), low)
        high = torch.where(grown, math.log(0.7), math.log(2.0))
        if recipe.upright:
            fills = replaced & ~self.short[which] & (rng.uniform(count) < recipe.upright)
            low, high = torch.where(fills, math.log(0.65), low), torch.where(fills, 0.0, high)
        zoom = (low + rng.uniform(count) * (high - low)).exp()
        turned = torch.where(self.moving[which] & replaced, recipe.turned, 0.0)
        affine, bottom = views(self.people, which, shape, zoom, rng.generator, turned)
        # Whoever gets a body stands higher, so that some of it is seen.
        lift = torch.where(grown, (shape[0] - shape[0] * zoom) * rng.uniform(count, 0.2, 0.95), 0.0)
        affine[:, :, 2] += affine[:, :, 1] * lift[:, None]
        return affine, zoom, bottom - lift

    def cut_out(
        self, which: Tensor, affine: Tensor, held: Tensor, replaced: Tensor, shape: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        """Views of people, N×4×H×W, and trust; their colour is straight where they will be set elsewhere."""
        rgba = self.people.sample(which, affine, shape, held)
        guessed = (replaced & (self.people.exact[which] == 0)).nonzero()[:, 0]
        if len(guessed):
            light = foreground(decoded(rgba[guessed, :3]), rgba[guessed, 3:])
            rgba[guessed, :3] = encoded(light)
        return rgba, self.people.sample_trust(which, affine, shape)

    def _hidden(self, colour: Tensor, alpha: Tensor, trust: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """A thing before some of the people: a cut-out, or a blob of another background."""
        shape = (colour.shape[2], colour.shape[3])
        for group in self.rng.groups(len(colour), HIDDEN, 2):
            thing, cover = self.blob(len(group), shape)
            colour[group] = mix(thing, colour[group], cover)
            alpha[group] = alpha[group] * (1 - cover)
            trust[group] = torch.maximum(trust[group], cover)
        return colour, alpha, trust

    def thing(self, count: int, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Colour and coverage of what is nobody."""
        rng = self.rng
        if self.things is None or rng.number() < 0.5:
            return self.blob(count, shape)
        which = torch.randint(len(self.things), (count,), generator=rng.generator, device=rng.device)
        zoom = (rng.uniform(count, math.log(0.15), math.log(self.recipe.largest))).exp()
        affine, _ = views(self.things, which, shape, zoom, rng.generator, torch.full_like(zoom, 20.0))
        lift = (shape[0] - shape[0] * zoom) * rng.uniform(count)
        affine[:, :, 2] += affine[:, :, 1] * lift[:, None]
        rgba = self.things.sample(which, affine, shape, False)
        return tone(rgba[:, :3], rng, 0.7), rgba[:, 3:]

    def blob(self, count: int, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Colour and coverage of something of any outline: a piece of another background."""
        return tone(self.background(count, shape), self.rng, 1.5), self._blob(count, shape)

    def background(self, count: int, shape: tuple[int, int]) -> Tensor:
        """Backgrounds without anybody, half of them out of focus."""
        rng, bank = self.rng, self.backgrounds
        which = torch.randint(len(bank), (count,), generator=rng.generator, device=rng.device)
        zoom = rng.uniform(count, 1.0, 2.2)
        affine, _ = views(bank, which, shape, zoom, rng.generator)
        image = bank.sample(which, affine, shape)[:, :3]
        for group in rng.groups(count, 0.5, 4):
            radius = int(max(shape) * rng.number(0.003, 0.02))
            if radius > 0:
                image[group] = softened(image[group], radius)
        return image

    def _behind(self, count: int, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """What stands behind the person, and how much of it is somebody."""
        rng = self.rng
        behind = tone(self.background(count, shape), rng, 0.8)
        for group in rng.groups(count, self.recipe.busy, 2):
            for _ in range(2):
                thing, cover = self.thing(len(group), shape)
                behind[group] = mix(thing, behind[group], cover)
        covered = behind.new_zeros(count, 1, *shape)
        for group in rng.groups(count, CROWD, 1):
            which = self.draw(len(group))
            zoom = rng.uniform(len(group), 0.4, 1.0)
            affine, _ = views(self.people, which, shape, zoom, rng.generator)
            other = self.people.sample(which, affine, shape, zoom >= 1)
            solved = (self.people.exact[which] > 0).float()[:, None, None, None]
            cleaned = encoded(foreground(decoded(other[:, :3]), other[:, 3:]))
            colour = other[:, :3] * solved + cleaned * (1 - solved)
            behind[group] = mix(tone(colour, rng, 0.5), behind[group], other[:, 3:])
            covered[group] = other[:, 3:]
        return behind, covered

    def _around(self, behind: Tensor, alpha: Tensor, alone: Tensor) -> tuple[Tensor, Tensor]:
        """Backgrounds with passers-by, which it names, and with the person's shadow."""
        rng, recipe, passed = self.rng, self.recipe, torch.zeros_like(alone)
        if recipe.passers:
            behind, passed = passed_by(behind, alpha, alone, self.people, self.whole, rng, recipe.passers)
        if recipe.shadows:
            behind = shadowed(behind, alpha, rng, recipe.shadows)
        return behind, passed

    def _blob(self, count: int, shape: tuple[int, int]) -> Tensor:
        """Masks of one thing of any outline each, with an edge as sharp as the plate's or out of focus."""
        rng = self.rng

        def number(low: float, high: float) -> Tensor:
            return rng.uniform(count, low, high)[:, None, None, None]

        noise = F.interpolate(rng.normal(count, 1, 6, 6), shape, mode="bicubic", align_corners=False)
        y = torch.linspace(-1, 1, shape[0], device=rng.device)[:, None]
        x = torch.linspace(-1, 1, shape[1], device=rng.device)
        round_ = ((y - number(-1, 1)) / number(0.15, 0.7)) ** 2 + (
            (x - number(-1, 1)) / number(0.15, 0.7)
        ) ** 2
        return ((1 - round_ + 0.5 * noise) * number(math.log(8), math.log(120)).exp()).clamp(0, 1)


def believed(alpha: Tensor, trust: Tensor, exact: Tensor, swapped: Tensor) -> Tensor:
    """How far each pixel's alpha is to be believed, B×1×H×W: soft pixels of unsolved mattes less.

    What a mask left out beside the person is gone with the old background: where that was swapped, nothing
    there is doubtful.
    """
    soft = ((alpha > 0.02) & (alpha < 0.98)) & (exact == 0)[:, None, None, None]
    return torch.where(swapped, torch.where(soft, MIXED, 1.0), trust * torch.where(soft, PHOTOGRAPH, 1.0))
