"""What a figure wears: shells around parts of the body, hair, skirts, each with a made-up stuff."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from models.training.data.rendered.figure import Figure, Floats, Generator
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import map_coordinates

Mask = NDArray[np.bool_]
SKIN = ((0.93, 0.76, 0.66), (0.87, 0.66, 0.53), (0.75, 0.54, 0.40), (0.56, 0.37, 0.26), (0.36, 0.23, 0.16))
HAIR = ((0.05, 0.04, 0.04), (0.12, 0.08, 0.05), (0.30, 0.19, 0.10), (0.62, 0.47, 0.26), (0.55, 0.54, 0.53))
DARK_SHOES = 0.6  # of all


@dataclass(frozen=True)
class Stuff:
    """How a surface looks.

    Attributes
    ----------
    colours : two display-referred colours.
    pattern : "plain", "stripes", "checks" or "picture".
    size : m, of a stripe, a check or a picture.
    folds : how much light the folds take and give.
    gloss : strength of the lamp's mirror image.
    """

    colours: tuple[Floats, Floats]
    pattern: str = "plain"
    size: float = 0.05
    folds: float = 0.0
    gloss: float = 0.0


@dataclass(frozen=True)
class Shell:
    """One surface: V×3 vertices, where they lie on the body at rest (V×3), F×3 faces, and its stuff."""

    vertices: Floats
    places: Floats
    faces: NDArray[np.int64]
    stuff: Stuff


def normals(vertices: Floats, faces: NDArray[np.int64]) -> Floats:
    """V×3 unit normals, each the mean of its faces'."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(vertices)
    for i in range(3):
        np.add.at(total, faces[:, i], across)
    return (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def cut(vertices: Floats, places: Floats, faces: NDArray[np.int64], stuff: Stuff) -> Shell:
    """A shell of some faces, without the vertices that they do not use."""
    used, renamed = np.unique(faces, return_inverse=True)
    return Shell(vertices[used], places[used], renamed.reshape(-1, 3), stuff)


def dressed(figure: Figure, rng: Generator) -> list[Shell]:
    """The figure's skin and all that it wears."""
    wardrobe = Wardrobe(figure, rng)
    eye = figure.of("eye")[figure.faces].all(1)
    dark = np.array((0.16, 0.12, 0.1), np.float32) * np.float32(rng.uniform(0.5, 2.0))
    shells = [cut(figure.posed, figure.rest, figure.faces[~eye], _skin(rng))]
    shells += [cut(figure.posed, figure.rest, figure.faces[eye], Stuff((dark, dark), gloss=0.5))]
    shells += wardrobe.lower()
    shells += [wardrobe.upper(), *wardrobe.coat(), *wardrobe.feet(), wardrobe.hair()]
    return [shell for shell in shells if len(shell.faces)]


class Wardrobe:
    """Cuts shells for one figure."""

    def __init__(self, figure: Figure, rng: Generator):
        self.figure, self.rng = figure, rng
        self.normals = normals(figure.posed, figure.faces)
        edges = np.concatenate([figure.faces[:, [i, (i + 1) % 3]] for i in range(3)])
        count = len(figure.rest)
        ones = np.ones(2 * len(edges), np.float32)
        ends = (np.concatenate((edges[:, 0], edges[:, 1])), np.concatenate((edges[:, 1], edges[:, 0])))
        near = sparse.csr_matrix((ones, ends), (count, count))
        self.mean = sparse.diags(1 / np.maximum(near.sum(1).A1, 1)) @ near
        self.noise = rng.normal(size=(20, 20, 24)).astype(np.float32)
        rest = figure.rest
        self.crotch = float(rest[figure.of("upper leg"), 2].max() - 0.08)
        self.floor = float(rest[:, 2].min())
        self.eyes = rest[figure.of("eye")].mean(0)
        self.waist = float(rest[figure.of("hips"), 2].max())

    def shell(
        self, mask: Mask, thick: float, loose: float, smooth: int, stuff: Stuff, scale: float = 5.0
    ) -> Shell:
        """Faces whose vertices are all in the mask, moved outwards."""
        figure = self.figure
        faces = figure.faces[mask[figure.faces].all(1)]
        bulge = map_coordinates(self.noise, (figure.rest * scale + 10).T % 19, order=1, mode="nearest")
        out = thick + loose * (0.5 + 0.5 * np.clip(bulge, -1, 1.5))
        moved = figure.posed + self.normals * out[:, None]
        inside = sparse.diags(mask.astype(np.float32))
        share = np.maximum((self.mean @ inside).sum(1).A1, 1e-6)[:, None]
        for _ in range(smooth):
            moved = np.where(mask[:, None], (self.mean @ (inside @ moved)) / share, moved)
        # Smoothing shrinks: nothing of the body comes through.
        above = ((moved - figure.posed) * self.normals).sum(1, keepdims=True)
        moved = moved + self.normals * np.maximum(0.8 * thick - above, 0)
        return cut(moved.astype(np.float32), figure.rest, faces, stuff)

    def upper(self) -> Shell:
        """A shirt, a jumper, a dress's top, or nothing but a little."""
        rng, figure, rest = self.rng, self.figure, self.figure.rest
        sleeve = rng.choice([0.0, 0.35, 0.6, 1.0], p=[0.1, 0.25, 0.1, 0.55]) * rng.uniform(0.9, 1.0)
        arms = figure.of("upper arm", "lower arm")
        shoulder = np.abs(rest[figure.of("upper arm"), 0]).min()
        along = (np.abs(rest[:, 0]) - shoulder) / (np.abs(rest[figure.of("lower arm"), 0]).max() - shoulder)
        hem = self.waist - rng.uniform(-0.02, 0.22)
        neck = figure.of("trunk") & (rest[:, 2] > rest[figure.of("trunk"), 2].max() - rng.uniform(0.0, 0.08))
        mask = figure.of("trunk") & ~(neck & (np.abs(rest[:, 0]) < 0.09))
        mask |= figure.of("hips", "upper leg") & (rest[:, 2] > hem)
        mask |= arms & (along < sleeve)
        if rng.random() < 0.2:  # a collar
            mask |= figure.of("neck") & (rest[:, 2] < rest[figure.of("neck"), 2].mean())
        loose = float(rng.choice([0.004, 0.02, 0.04]))
        return self.shell(mask, rng.uniform(0.006, 0.012), loose, int(rng.integers(2, 8)), self._cloth())

    def lower(self) -> list[Shell]:
        """Trousers, shorts, or a skirt."""
        rng, figure, rest = self.rng, self.figure, self.figure.rest
        stuff = self._cloth(dark=0.5)
        if rng.random() < 0.22:
            shorts = figure.of("hips", "upper leg") & (rest[:, 2] > self.crotch - 0.05)
            return [self.shell(shorts, 0.005, 0.0, 2, stuff), self._skirt(stuff)]
        length = float(rng.choice([0.35, 0.55, 0.95], p=[0.15, 0.05, 0.8]))
        end = self.crotch - length * (self.crotch - self.floor)
        mask = figure.of("hips", "upper leg", "lower leg") & (rest[:, 2] > end)
        mask |= figure.of("trunk") & (rest[:, 2] < self.waist)
        loose = float(rng.choice([0.003, 0.015, 0.035]))
        return [self.shell(mask, rng.uniform(0.005, 0.01), loose, int(rng.integers(2, 6)), stuff)]

    def coat(self) -> list[Shell]:
        """Now and then a jacket or a coat over it all; long ones are skirts below the hips."""
        rng, figure, rest = self.rng, self.figure, self.figure.rest
        if rng.random() > 0.35:
            return []
        stuff = self._cloth(dark=0.6)
        opening = np.abs(rest[:, 0]) < (rng.uniform(0.02, 0.08) if rng.random() < 0.6 else 0)
        mask = figure.of("trunk", "upper arm", "lower arm") | (
            figure.of("hips", "upper leg") & (rest[:, 2] > self.crotch - rng.uniform(-0.1, 0.1))
        )
        mask &= ~(opening & (rest[:, 1] < 0))
        shells = [self.shell(mask, rng.uniform(0.015, 0.03), 0.02, int(rng.integers(4, 10)), stuff)]
        return [*shells, self._skirt(stuff, 0.02)] if rng.random() < 0.35 else shells

    def feet(self) -> list[Shell]:
        """Shoes or boots, for most."""
        rng, rest = self.rng, self.figure.rest
        if rng.random() < 0.08:
            return []
        top = self.floor + float(rng.choice([0.09, 0.13, 0.3], p=[0.5, 0.3, 0.2]))
        mask = self.figure.of("foot", "lower leg") & (rest[:, 2] < top)
        light = rng.uniform(0.02, 0.25) if rng.random() < DARK_SHOES else rng.uniform(0.3, 0.95)
        colour = np.clip(light + rng.normal(0, 0.06, 3), 0, 1).astype(np.float32)
        stuff = Stuff((colour, colour), gloss=float(rng.uniform(0, 0.4)))
        return [self.shell(mask, rng.uniform(0.008, 0.014), 0.0, 10, stuff)]

    def hair(self) -> Shell:
        """Hair from cropped to full, a cap, or none."""
        rng, figure, rest = self.rng, self.figure, self.figure.rest
        kind = str(rng.choice(["none", "short", "full", "cap"], p=[0.08, 0.47, 0.3, 0.15]))
        head = figure.of("head") & (rest[:, 2] > self.eyes[2] - 0.09)
        back = rest[:, 1] > self.eyes[1] + rng.uniform(0.07, 0.1)
        above = rest[:, 2] > self.eyes[2] + rng.uniform(0.045, 0.075)
        mask = head & (above | back) & (kind != "none")
        if kind == "full":
            mask |= figure.of("neck") & (rest[:, 1] > rest[figure.of("neck"), 1].mean())
            mask |= (
                figure.of("trunk")
                & (rest[:, 1] > 0.0)
                & (rest[:, 2] > rest[figure.of("trunk"), 2].max() - rng.uniform(0.0, 0.18))
                & (np.abs(rest[:, 0]) < 0.1)
            )
            thick, loose, smooth = rng.uniform(0.015, 0.04), rng.uniform(0.02, 0.07), 12
        elif kind == "cap":
            return self.shell(mask, rng.uniform(0.012, 0.03), 0.0, 12, self._cloth())
        else:
            thick, loose, smooth = rng.uniform(0.004, 0.02), rng.uniform(0.0, 0.03), 3
        colour = np.array(HAIR[rng.integers(len(HAIR))]) * rng.uniform(0.7, 1.3)
        colours = colour.astype(np.float32), (0.6 * colour).astype(np.float32)
        stuff = Stuff(colours, "stripes", 0.004, folds=0.4, gloss=0.15)
        return self.shell(mask, thick, loose, smooth, stuff, scale=18.0)

    def _skirt(self, stuff: Stuff, thick: float = 0.0) -> Shell:
        """A tube around both legs that never narrows downwards."""
        rng, figure, rest = self.rng, self.figure, self.figure.rest
        hem = self.crotch - rng.uniform(0.1, 0.9) * (self.crotch - self.floor)
        levels, around = 14, 36
        hips = figure.posed[figure.of("hips")].mean(0)
        knees = figure.posed[figure.of("lower leg")].mean(0)
        down = (knees - hips) / np.linalg.norm(knees - hips)
        side = np.cross(down, (0.0, 1.0, 0.0))
        side /= np.linalg.norm(side)
        front = np.cross(side, down)
        body = figure.of("hips", "upper leg", "lower leg")
        angles = np.linspace(0, 2 * np.pi, around, endpoint=False)
        ring = np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * front
        heights = np.linspace(self.waist, hem, levels)
        radius, flare = np.zeros(around), rng.uniform(0.0, 0.35)
        vertices, places = [], []
        for number, height in enumerate(heights):
            slab = figure.posed[body & (np.abs(rest[:, 2] - height) < 0.04)]
            if len(slab) == 0:
                continue
            middle = hips + down * ((slab.mean(0) - hips) @ down)
            reach = ((slab - middle) @ ring.T).max(0) + 0.012 + thick
            radius = np.maximum(radius, (reach + np.roll(reach, 1) + np.roll(reach, -1)) / 3)
            wave = 1 + 0.05 * flare * number * np.sin(angles * rng.integers(5, 9)) / 4
            out = (radius + flare * 0.02 * number) * wave
            vertices.append(middle + out[:, None] * ring)
            places.append(np.stack((out * np.cos(angles), out * np.sin(angles), 0 * out + height), 1))
        rows = np.arange(len(vertices) - 1)[:, None] * around
        here, there = np.arange(around), (np.arange(around) + 1) % around
        quads = [(here, there, here + around), (there, there + around, here + around)]
        faces = np.concatenate([(rows[..., None] + np.stack(q, 1)).reshape(-1, 3) for q in quads])
        joined = np.concatenate(vertices).astype(np.float32)
        return Shell(joined, np.concatenate(places).astype(np.float32), faces, stuff)

    def _cloth(self, dark: float = 0.2) -> Stuff:
        rng = self.rng
        base = rng.random(3) * rng.random() ** 0.5 if rng.random() < 0.6 else np.full(3, rng.random())
        if rng.random() < dark:
            base = base * rng.uniform(0.15, 0.5)
        base = np.maximum(base, rng.uniform(0.03, 0.1))  # no cloth is black
        other = rng.random(3) * rng.random()
        pattern = str(rng.choice(["plain", "stripes", "checks", "picture"], p=[0.55, 0.12, 0.08, 0.25]))
        size = float(np.exp(rng.uniform(np.log(0.01), np.log(0.12))))
        size = float(rng.uniform(0.15, 0.7)) if pattern == "picture" else size
        colours = base.astype(np.float32), other.astype(np.float32)
        return Stuff(colours, pattern, size, float(rng.uniform(0.05, 0.5)), float(rng.random() ** 4 * 0.3))


def _skin(rng: Generator) -> Stuff:
    place = rng.uniform(0, len(SKIN) - 1)
    low = int(place)
    tones = np.array(SKIN)
    colour = tones[low] + (place - low) * (tones[min(low + 1, len(SKIN) - 1)] - tones[low])
    colour = np.clip(colour * rng.uniform(0.9, 1.08, 3), 0, 1).astype(np.float32)
    return Stuff((colour, colour), gloss=float(rng.uniform(0.02, 0.12)), folds=0.03)
