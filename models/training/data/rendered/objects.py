"""What is nobody, made up: animals, plants, furniture, vessels, signs, stones.

A network that has seen people set before places, and little else, takes whatever is large, smooth and before
something else for a person. These are as smooth, as lit and as sharply cut out, and nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from models.training.data.rendered.clothes import Shell, Stuff
from models.training.data.rendered.figure import Generator
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

AROUND = 24  # vertices of a ring


def surface(rows: Floats, stuff: Stuff, place: Floats | None = None) -> Shell:
    """R×AROUND×3 rings, one after the other, as one closed skin; axes as in `figure.py`."""
    count = len(rows)
    ends = np.stack((rows[0].mean(0), rows[-1].mean(0)))
    vertices = np.concatenate((rows.reshape(-1, 3), ends)).astype(np.float32)
    here, there = np.arange(AROUND), (np.arange(AROUND) + 1) % AROUND
    base = (np.arange(count - 1) * AROUND)[:, None]
    quads = [(here, there, here + AROUND), (there, there + AROUND, here + AROUND)]
    sides = [(base[..., None] + np.stack(q, 1)).reshape(-1, 3) for q in quads]
    last, first, tip = (count - 1) * AROUND, count * AROUND, count * AROUND + 1
    lids = [
        np.stack((there, here, 0 * here + first), 1),
        np.stack((last + here, last + there, 0 * here + tip), 1),
    ]
    faces = np.concatenate([*sides, *lids]).astype(np.int64)
    return Shell(vertices, vertices if place is None else place, faces, stuff)


def tube(path: Floats, radii: Floats, stuff: Stuff, flat: float = 1.0) -> Shell:
    """A limb along N×3 points with N radii (m); `flat` squeezes it along the axis nearest to y."""
    along = np.gradient(path, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
    reference = np.eye(3)[np.argmin(np.abs(along).mean(0))]
    side = np.cross(along, reference)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-9)
    front = np.cross(along, side)
    angles = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)[None, :, None]
    ring = np.cos(angles) * side[:, None] + np.sin(angles) * front[:, None]
    ring[..., 1] *= flat
    return surface(path[:, None] + radii[:, None, None] * ring, stuff)


def turned(radii: Floats, heights: Floats, stuff: Stuff) -> Shell:
    """What a lathe makes."""
    path = np.stack((0 * heights, 0 * heights, heights), 1)
    return tube(path, radii, stuff)


def lump(
    middle: Floats, size: Floats, stuff: Stuff, rng: Generator, rough: float = 0.0, square: float = 1.0
) -> Shell:
    """A ball of three half-axes (m): rough as a stone, or (`square` below 1) nearer to a box."""
    polar = np.linspace(np.pi - 0.02, 0.02, 18)[:, None]  # upwards, as a tube goes: faces look outwards
    azimuth = np.linspace(0, 2 * np.pi, AROUND, endpoint=False)[None, :]

    def bent(wave: Floats) -> Floats:
        return np.asarray(np.sign(wave) * np.abs(wave) ** square)

    unit = np.stack(
        (
            bent(np.sin(polar)) * bent(np.cos(azimuth)),
            bent(np.sin(polar)) * bent(np.sin(azimuth)),
            bent(np.cos(polar)) + 0 * azimuth,
        ),
        -1,
    )
    phases, waves = rng.uniform(0, 6, (6, 3)), rng.uniform(1, 5, (6, 3))
    bumps = np.sin(unit[..., None, :] * waves + phases).prod(-1).mean(-1)
    return surface(middle + unit * size * (1 + 3 * rough * bumps)[..., None], stuff)


def stuff(rng: Generator) -> Stuff:
    """Plain, striped, chequered or printed; duller or glossier than cloth."""
    base = rng.random() + rng.normal(0, 0.05 + 0.4 * rng.random() ** 2, 3)
    other = base * rng.uniform(0.2, 1.6) if rng.random() < 0.6 else rng.random(3)
    base, other = base.clip(0.02, 1), other.clip(0.02, 1)
    pattern = str(rng.choice(["plain", "stripes", "checks", "picture"], p=[0.45, 0.1, 0.05, 0.4]))
    size = float(rng.uniform(0.3, 1.2)) if pattern == "picture" else float(np.exp(rng.uniform(-4.6, -2)))
    colours = base.astype(np.float32), other.astype(np.float32)
    return Stuff(colours, pattern, size, float(rng.uniform(0, 0.4)), float(rng.random() ** 3))


def curve(start: Floats, end: Floats, bow: float, rng: Generator, count: int = 14) -> Floats:
    """Points from one place to another, off the straight way by about `bow` (m)."""
    share = np.linspace(0, 1, count)[:, None]
    aside = rng.normal(0, bow, 3) * np.sin(np.pi * share) + rng.normal(0, bow / 2, 3) * np.sin(
        2 * np.pi * share
    )
    return np.asarray(start + (end - start) * share + aside)


def point(*at: float) -> Floats:
    """One place."""
    return np.array(at, np.float32)


def beast(rng: Generator) -> list[Shell]:
    """Four legs, a trunk, a neck, a head, ears, perhaps a tail."""
    fur, long, high = stuff(rng), rng.uniform(0.35, 0.9), rng.uniform(0.15, 0.8)
    fat = rng.uniform(0.1, 0.26) * (0.5 + long)
    spine = curve(point(-long / 2, 0, high), point(long / 2, 0, high + rng.normal(0, 0.06)), 0.04, rng)
    swell = np.sin(np.linspace(0.35, np.pi - 0.35, len(spine))) ** rng.uniform(0.3, 0.8)
    shells = [tube(spine, fat * swell, fur)]
    for x in (-0.42, 0.4):
        for y in (-0.5, 0.5):
            foot = point(long * (x + rng.normal(0, 0.15)), y * fat, rng.uniform(0, 0.08))
            leg = curve(point(long * x, y * fat, high - 0.2 * fat), foot, 0.04, rng)
            shells.append(
                tube(leg, fat * np.linspace(rng.uniform(0.35, 0.5), rng.uniform(0.12, 0.25), len(leg)), fur)
            )
    head = point(long / 2 + rng.uniform(0.05, 0.35), rng.normal(0, 0.1), high + rng.uniform(-0.1, 0.6))
    neck = curve(spine[-2], head, 0.03, rng)
    shells.append(tube(neck, fat * np.linspace(0.75, rng.uniform(0.35, 0.6), len(neck)), fur))
    skull = fat * rng.uniform(0.5, 0.9)
    shells.append(lump(head, skull * point(1.1, 0.9, 1), fur, rng))
    snout = rng.uniform(0.2, 1.2)
    shells.append(lump(head + skull * point(0.8, 0, -0.25), skull * point(snout, 0.5, 0.45), fur, rng))
    for y in (-0.6, 0.6):
        tip = head + skull * point(-0.2, y * rng.uniform(0.8, 1.8), rng.uniform(0.6, 2.2))
        ear = curve(head + skull * point(-0.1, y, 0.6), tip, 0.01, rng)
        shells.append(tube(ear, skull * np.linspace(rng.uniform(0.2, 0.45), 0.05, len(ear)), fur, 0.6))
    if rng.random() < 0.7:
        end = spine[0] + point(-rng.uniform(0.1, 0.6), rng.normal(0, 0.15), rng.normal(0, 0.3))
        tail = curve(spine[0], end, 0.08, rng)
        shells.append(tube(tail, np.linspace(0.06, rng.uniform(0.01, 0.06), len(tail)), fur))
    return shells


def bird(rng: Generator) -> list[Shell]:
    """An egg on two sticks, with wings, a beak and a tail."""
    feather, horn, size = stuff(rng), stuff(rng), rng.uniform(0.12, 0.3)
    body = point(0, 0, size + rng.uniform(0.05, 0.5))
    lean = rng.uniform(0, 0.8)
    shells = [
        tube(
            curve(body - size * point(1, 0, lean), body + size * point(1, 0, lean), 0.01, rng),
            size * 0.75 * np.sin(np.linspace(0.25, np.pi - 0.25, 14)),
            feather,
        )
    ]
    head = body + size * point(1.1, 0, 0.7 + lean + rng.uniform(0, 1.2))
    neck = curve(body + size * point(0.7, 0, lean), head, 0.03, rng)
    shells.append(tube(neck, size * np.linspace(0.5, 0.25, len(neck)), feather))
    shells.append(lump(head, size * point(0.42, 0.36, 0.38), feather, rng))
    beak = curve(head, head + size * point(rng.uniform(0.6, 1.4), 0, rng.normal(0, 0.2)), 0.01, rng)
    shells.append(tube(beak, size * np.linspace(0.2, 0.02, len(beak)), horn))
    open_ = rng.random() < 0.4
    for y in (-1.0, 1.0):
        end = body + size * (
            point(-0.6, y * rng.uniform(1.5, 3), rng.uniform(0, 2)) if open_ else point(-1.2, y * 0.6, -0.2)
        )
        wing = curve(body + size * point(0.4, y * 0.55, 0.3), end, 0.04, rng)
        shells.append(
            tube(wing, size * 0.5 * np.sin(np.linspace(0.5, np.pi - 0.15, len(wing))), feather, 0.5)
        )
        leg = curve(body + size * point(0.1, y * 0.3, -0.4), point(0.1 * size, y * 0.4 * size, 0), 0.01, rng)
        shells.append(tube(leg, np.full(len(leg), 0.07 * size), horn))
    return shells


def plant(rng: Generator) -> list[Shell]:
    """Stems with leaves, and flowers on most."""
    green, petal, heart = stuff(rng), stuff(rng), stuff(rng)
    shells: list[Shell] = []
    for _ in range(int(rng.integers(1, 4))):
        top = point(rng.normal(0, 0.25), rng.normal(0, 0.2), rng.uniform(0.3, 1.1))
        stem = curve(point(rng.normal(0, 0.05), 0, 0), top, 0.06, rng)
        shells.append(tube(stem, np.full(len(stem), rng.uniform(0.006, 0.025)), green))
        for at in rng.integers(2, 12, int(rng.integers(0, 4))):
            tip = stem[at] + rng.normal(0, 0.2, 3)
            leaf = curve(stem[at], tip, 0.03, rng)
            shells.append(
                tube(leaf, rng.uniform(0.03, 0.09) * np.sin(np.linspace(0.1, 3.0, len(leaf))), green, 0.3)
            )
        size, petals = rng.uniform(0.06, 0.3), int(rng.integers(4, 12))
        if rng.random() < 0.8:
            for angle in np.linspace(0, 2 * np.pi, petals, endpoint=False):
                out = point(np.cos(angle), rng.uniform(-0.6, 0.2), np.sin(angle))
                leaf = curve(top, top + size * out, 0.02, rng)
                shells.append(
                    tube(
                        leaf,
                        size * rng.uniform(0.25, 0.5) * np.sin(np.linspace(0.2, 2.9, len(leaf))),
                        petal,
                        0.5,
                    )
                )
            shells.append(lump(top, size * point(0.3, 0.3, 0.3), heart, rng, 0.1))
    return shells


def vessel(rng: Generator) -> list[Shell]:
    """A bottle, a vase, a lamp, a bollard; some have a handle."""
    count = 24
    heights = np.linspace(0, rng.uniform(0.2, 0.9), count)
    knots = rng.uniform(0.03, 0.3, int(rng.integers(3, 8)))
    radii = np.interp(np.linspace(0, 1, count), np.linspace(0, 1, len(knots)), knots)
    shells = [turned(np.convolve(np.pad(radii, 2, "edge"), np.ones(5) / 5, "valid"), heights, stuff(rng))]
    if rng.random() < 0.4:
        low, high = heights[count // 4], heights[3 * count // 4]
        out = rng.uniform(0.2, 0.45)
        path = np.stack(
            [
                point(radii[6] + out * np.sin(t) * 0.5, 0, low + (high - low) * t / np.pi)
                for t in np.linspace(0, np.pi, 14)
            ]
        )
        shells.append(tube(path, np.full(14, rng.uniform(0.015, 0.04)), stuff(rng)))
    return shells


def furniture(rng: Generator) -> list[Shell]:
    """A seat or a board on legs, most with a back; or a chest."""
    wood, cover = stuff(rng), stuff(rng)
    wide, deep, high = rng.uniform(0.2, 0.7), rng.uniform(0.2, 0.4), rng.uniform(0.25, 0.6)
    thick = rng.uniform(0.02, 0.12)
    shells = [lump(point(0, 0, high), point(wide, deep, thick), cover, rng, square=rng.uniform(0.15, 0.5))]
    for x in (-0.85, 0.85):
        for y in (-0.8, 0.8):
            leg = curve(
                point(x * wide, y * deep, high),
                point(x * wide * rng.uniform(0.9, 1.15), y * deep, 0),
                0.01,
                rng,
            )
            shells.append(tube(leg, np.full(len(leg), rng.uniform(0.012, 0.035)), wood))
    if rng.random() < 0.7:
        tall = rng.uniform(0.15, 0.5)
        back = point(0, 0.9 * deep, high + tall), point(wide, rng.uniform(0.02, 0.1), tall)
        shells.append(lump(*back, cover, rng, square=rng.uniform(0.15, 0.5)))
    return shells


def sign(rng: Generator) -> list[Shell]:
    """A board, a disc or a ball on a pole, a lamp post, an umbrella."""
    tall, post = rng.uniform(0.5, 1.6), stuff(rng)
    pole = curve(point(0, 0.02, 0), point(rng.normal(0, 0.05), 0.02, tall), 0.01, rng)
    shells = [tube(pole, np.full(len(pole), rng.uniform(0.012, 0.05)), post)]
    for number in range(int(rng.integers(1, 3))):
        size = point(rng.uniform(0.1, 0.5), rng.uniform(0.01, 0.2), rng.uniform(0.1, 0.4))
        at = point(rng.normal(0, 0.05), 0, tall - 0.5 * number)
        shells.append(lump(at, size, stuff(rng), rng, square=float(rng.choice([0.1, 0.3, 1.0]))))
    return shells


def vehicle(rng: Generator) -> list[Shell]:
    """A body with a cabin on wheels."""
    paint, glass, tyre = stuff(rng), stuff(rng), Stuff((np.full(3, 0.08, np.float32),) * 2)
    long, wide, high = rng.uniform(0.6, 1.1), rng.uniform(0.3, 0.5), rng.uniform(0.14, 0.35)
    wheel = rng.uniform(0.1, 0.22)
    shells = [
        lump(point(0, 0, wheel + high), point(long, wide, high), paint, rng, square=rng.uniform(0.25, 0.6))
    ]
    cabin = (
        point(rng.normal(0, 0.15), 0, wheel + 1.9 * high),
        point(rng.uniform(0.3, 0.9) * long, 0.85 * wide, high),
    )
    shells.append(lump(*cabin, glass, rng, square=rng.uniform(0.3, 0.7)))
    for x in (-0.6, 0.6):
        sides = (point(x * long, y * wide, wheel) for y in (-1, 1))
        shells.extend(lump(side, point(wheel, 0.07, wheel), tyre, rng) for side in sides)
    return shells


def stones(rng: Generator) -> list[Shell]:
    """One to five rough lumps: stones, fruit, clouds, waves."""
    shells = []
    for _ in range(int(rng.integers(1, 6))):
        size = rng.uniform(0.08, 0.5, 3).astype(np.float32)
        middle = point(rng.normal(0, 0.35), rng.normal(0, 0.2), size[2] * rng.uniform(0.6, 1.5))
        shells.append(lump(middle, size, stuff(rng), rng, rng.uniform(0, 0.5), rng.uniform(0.4, 1.0)))
    return shells


def frame(rng: Generator) -> list[Shell]:
    """Bars: a goal, a fence, a ladder, an arch, branches."""
    metal, shells = stuff(rng), list[Shell]()
    radius, bow = rng.uniform(0.01, 0.06), rng.choice([0.0, 0.02, 0.12])
    for _ in range(int(rng.integers(3, 10))):
        upright = rng.random() < 0.5
        x, z = rng.uniform(-0.6, 0.6), rng.uniform(0, 1.0)
        ends = (
            (point(x, 0, 0), point(x + rng.normal(0, bow), 0, 1))
            if upright
            else (point(-0.6, 0, z), point(0.6, 0, z + rng.normal(0, bow)))
        )
        bar = curve(*ends, bow, rng)
        shells.append(tube(bar, np.full(len(bar), radius), metal))
    return shells


KINDS: tuple[tuple[Callable[[Generator], list[Shell]], float], ...] = (
    (beast, 0.28), (bird, 0.1), (plant, 0.16), (vessel, 0.1), (furniture, 0.1),
    (sign, 0.08), (vehicle, 0.07), (stones, 0.07), (frame, 0.04),
)  # fmt: skip


def made_up(rng: Generator) -> list[Shell]:
    """One thing."""
    kind = rng.choice(len(KINDS), p=[share for _, share in KINDS])
    return KINDS[int(kind)][0](rng)
