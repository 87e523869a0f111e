"""Short shots to learn memory from: people and backgrounds that move, and real sequences.

A made-up shot takes one composite and lets its parts go their own ways: the person walks, leans and sways,
the camera pans or shakes, something may pass in front, light drifts, and what moves fast is blurred. Alpha
stays exact. A real sequence is a few frames of one, seen through one window, with the labels they have.
"""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from models.mixing import decoded, encoded, mix
from models.training.camera import filtered, line
from models.training.compose import MIXED, PHOTOGRAPH, Composer, Plates
from models.training.faults import Rng, jpeg, tone
from models.training.plates import views

#: Of the shots: a real sequence, a camera that stands still, something that passes in front.
REAL, LOCKED, PASSING = 0.3, 0.35, 0.2
#: Largest speed in parts of the frame's long side a frame: of a person, of the camera.
WALK, PAN = 0.03, 0.02


class Clips:
    """Draws shots from a composer's banks; the same seed draws the same ones."""

    def __init__(self, composer: Composer, frames: int):
        self.composer, self.frames = composer, frames
        people = composer.people
        starts = range(max(0, len(people) - frames + 1))
        whole = [
            people.group[i] != "" and all(people.group[i + t] == people.group[i] for t in range(frames))
            for i in starts
        ]
        self.starts = torch.tensor([i for i, one in enumerate(whole) if one], dtype=torch.long)

    @torch.no_grad()
    def __call__(self, count: int, shape: tuple[int, int]) -> list[Plates]:
        """Frames of `count` shots, in order: each a batch."""
        real = len(self.starts) > 0 and self.composer.rng.number() < REAL
        image, alpha, trust = (self._real if real else self._made)(count, shape)
        image = self._camera(image, count)
        one = torch.ones(count)
        shots = (x.view(count, self.frames, *x.shape[1:]).unbind(1) for x in (image, alpha, trust))
        return [Plates(i, a, one, one, t) for i, a, t in zip(*shots, strict=True)]

    def _repeat(self, x: Tensor) -> Tensor:
        return x.repeat_interleave(self.frames, 0)

    def _real(self, count: int, shape: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Windows of real sequences."""
        people, rng = self.composer.people, self.composer.rng
        number = torch.randint(len(self.starts), (count,), generator=rng.generator, device=rng.device)
        first = self.starts[number]
        affine, _ = views(people, first, shape, (rng.uniform(count) * math.log(2)).exp(), rng.generator)
        which = (first[:, None] + torch.arange(self.frames)).flatten()
        rgba = people.sample(which, self._repeat(affine), shape)
        trust = people.sample_trust(which, self._repeat(affine), shape)
        soft = (rgba[:, 3:] > 0.02) & (rgba[:, 3:] < 0.98)
        return rgba[:, :3], rgba[:, 3:], trust * torch.where(soft, PHOTOGRAPH, 1.0)

    def _made(self, count: int, shape: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Made-up shots: N·T frames of colour, alpha and trust."""
        composer, rng = self.composer, self.composer.rng
        which = composer.draw(count)
        everyone, nobody = torch.ones(count, dtype=torch.bool), torch.zeros(count, dtype=torch.bool)
        affine, zoom, _ = composer.stand(which, everyone, nobody, shape)
        walk = paths(rng, count, self.frames, shape, WALK, 4.0)
        pan = paths(rng, count, self.frames, shape, PAN, 1.0)
        still = (rng.uniform(count) < LOCKED)[:, None, None, None]
        pan = torch.where(still, identity(count, self.frames), pan)
        moved = through(affine, after(walk, pan))
        every = self._repeat(which)
        rgba, _ = composer.cut_out(every, moved, self._repeat(zoom >= 1), self._repeat(everyone), shape)
        rgba = swayed(rgba, rng, count, self.frames)
        # A place with nobody: what is remembered must not bring somebody back.
        nobody = self._repeat(rng.uniform(count) < composer.recipe.empty)[:, None, None, None]
        rgba = torch.where(nobody & (torch.arange(4) == 3)[:, None, None], 0.0, rgba)
        behind = self._background(count, shape, pan)
        colour = mix(self._alike(rgba[:, :3], 0.5), behind, rgba[:, 3:])
        alpha = rgba[:, 3:]
        trust = torch.where((alpha > 0.02) & (alpha < 0.98), MIXED, 1.0)
        trust = torch.where(self._repeat(composer.people.exact[which])[:, None, None, None] > 0, 1.0, trust)
        if rng.number() < PASSING:
            thing, cover = composer.blob(count, shape)
            pass_by = paths(rng, count, self.frames, shape, 2 * WALK, 2.0).flatten(0, 1)
            cover = shifted(self._repeat(cover), pass_by)
            colour, alpha = mix(shifted(self._repeat(thing), pass_by), colour, cover), alpha * (1 - cover)
        image, alpha = self._blurred(colour, alpha, after(walk, pan))
        return image, alpha, trust

    def _background(self, count: int, shape: tuple[int, int], pan: Tensor) -> Tensor:
        """One place a shot, seen by a camera that moves."""
        rng, bank = self.composer.rng, self.composer.backgrounds
        which = torch.randint(len(bank), (count,), generator=rng.generator, device=rng.device)
        affine, _ = views(bank, which, shape, rng.uniform(count, 1.2, 2.4), rng.generator)
        seen = bank.sample(self._repeat(which), through(affine, pan), shape)[:, :3]
        return self._alike(seen, 0.8)

    def _alike(self, image: Tensor, strength: float) -> Tensor:
        """The same change of tone for all frames of a shot."""
        rng = self.composer.rng
        shots = image.view(-1, self.frames, *image.shape[1:])
        tall = shots.transpose(1, 2).flatten(2, 3)  # frames below one another: one picture a shot
        toned = tone(tall, rng, strength)
        return toned.unflatten(2, (self.frames, -1)).transpose(1, 2).flatten(0, 1)

    def _blurred(self, colour: Tensor, alpha: Tensor, motion: Tensor) -> tuple[Tensor, Tensor]:
        """In half of the shots what moves far in a frame is blurred along its way, in linear light."""
        rng, frames = self.composer.rng, self.frames
        if rng.number() < 0.5:
            return colour, alpha
        light = torch.cat((decoded(colour), alpha), 1)
        step = (motion[:, 1:, :, 2] - motion[:, :-1, :, 2]).mean(1) * rng.number(0.3, 0.8)
        for shot, (dx, dy) in enumerate(step.tolist()):
            length = math.hypot(dx, dy)
            if length > 1:
                part = slice(shot * frames, (shot + 1) * frames)
                light[part] = filtered(light[part], line(min(length, 24.0), math.atan2(dy, dx)))
        return encoded(light[:, :3]), light[:, 3:].clamp(0, 1)

    def _camera(self, image: Tensor, count: int) -> Tensor:
        """Light that drifts, grain that changes from frame to frame, compression."""
        rng = self.composer.rng
        image = self._alike(image, 0.6)
        drift = rng.normal(count, 1) * 0.05 * torch.linspace(0, 1, self.frames)
        image = encoded(decoded(image) * (2.0 ** drift.flatten())[:, None, None, None])
        sigma = torch.where(rng.uniform(count) < 0.5, rng.uniform(count, 0.003, 0.04), torch.zeros(count))
        noise = rng.normal(*image.shape) * self._repeat(sigma)[:, None, None, None]
        image = (image + noise).clamp(0, 1)
        return jpeg(image, rng.number(20, 80)) if rng.number() < 0.3 else image


def identity(count: int, frames: int) -> Tensor:
    """N×T×2×3 of nothing moving."""
    return torch.eye(2, 3).expand(count, frames, 2, 3).clone()


def paths(rng: Rng, count: int, frames: int, shape: tuple[int, int], speed: float, turn: float) -> Tensor:
    """Smooth ways through a shot: N×T×2×3, from (x, y, 1) in px of a frame to where that was in the first.

    Parameters
    ----------
    speed : largest, in parts of the long side a frame.
    turn : largest turn, degrees a frame.
    """
    t = torch.arange(frames, dtype=torch.float32)
    reach = max(shape) * speed

    def way(scale: float) -> Tensor:
        """Drift, sway and shake: N×T."""
        drift = (rng.uniform(count, -1, 1) ** 3)[:, None] * t
        swing = rng.uniform(count, 0, 1)[:, None] * torch.sin(
            t * rng.uniform(count, 0.2, 0.9)[:, None] + rng.uniform(count, 0, 2 * math.pi)[:, None]
        )
        shake = rng.normal(count, frames) * (rng.uniform(count) ** 4)[:, None] * 0.5
        found = drift + swing + shake
        return (found - found[:, :1]) * scale

    x, y = way(reach), way(0.5 * reach)
    angle, scale = way(turn * math.pi / 180), way(0.01).exp()
    c, s = angle.cos() * scale, angle.sin() * scale
    middle = shape[1] / 2, shape[0] / 2
    rows = (
        torch.stack((c, -s, middle[0] - c * (middle[0] + x) + s * (middle[1] + y)), -1),
        torch.stack((s, c, middle[1] - s * (middle[0] + x) - c * (middle[1] + y)), -1),
    )
    return torch.stack(rows, 2)


def after(first: Tensor, second: Tensor) -> Tensor:
    """Two motions one after the other, …×2×3."""
    turn = first[..., :2] @ second[..., :2]
    move = first[..., :2] @ second[..., 2:] + first[..., 2:]
    return torch.cat((turn, move), -1)


def through(affine: Tensor, motion: Tensor) -> Tensor:
    """A view's affine (N×2×3) after each frame's motion (N×T×2×3): N·T×2×3."""
    return after(affine[:, None].expand(-1, motion.shape[1], -1, -1), motion).flatten(0, 1)


def shifted(image: Tensor, motion: Tensor) -> Tensor:
    """A picture moved, N×C×H×W by N×2×3 in pixels; 0 outside."""
    height, width = image.shape[2:]
    half = image.new_tensor([width / 2, height / 2])
    turn = motion[:, :, :2] * half / half[:, None]
    move = (motion[:, :, 2] + (motion[:, :, :2] @ half)) / half - 1
    grid = F.affine_grid(torch.cat((turn, move[..., None]), -1), list(image.shape), align_corners=False)
    return F.grid_sample(image, grid, align_corners=False)


def swayed(rgba: Tensor, rng: Rng, count: int, frames: int) -> Tensor:
    """Hair and cloth in the wind: in half of the shots a slow wave, most at the picture's top."""
    if rng.number() < 0.5:
        return rgba
    height, width = rgba.shape[2:]
    y, x = torch.linspace(-1, 1, height), torch.linspace(-1, 1, width)
    t = torch.arange(frames, dtype=torch.float32)
    phase, pace, wave = (
        rng.uniform(count, low, high)[:, None, None]
        for low, high in ((0, 2 * math.pi), (0.3, 1.2), (3.0, 9.0))
    )
    bend = torch.sin(phase + pace * t[:, None] + wave * y) * (1 - y).clamp(min=0)
    bend = bend * rng.uniform(count, 0.0, 0.012)[:, None, None]  # N×T×H
    across = x + bend.flatten(0, 1)[:, :, None]
    grid = torch.stack((across, y[:, None].expand(len(across), -1, width)), -1)
    return F.grid_sample(rgba, grid, align_corners=True, padding_mode="border")


def as_stills(shots: list[Plates]) -> Plates:
    """All frames as one batch."""
    first = shots[0]
    parts = {
        name: torch.cat([getattr(shot, name) for shot in shots])
        for name in ("image", "alpha", "weight", "exact", "trust")
    }
    return replace(first, **parts)
