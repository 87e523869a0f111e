"""Shells and light → straight colour and exact coverage, by rays (Embree)."""

from __future__ import annotations

from typing import Any

import numpy as np
from models.mixing import decoded, encoded
from models.training.data.rendered.clothes import Shell, Stuff, normals
from models.training.data.rendered.figure import Floats, Generator
from models.training.data.rendered.light import Light
from numpy.typing import NDArray
from scipy import ndimage

SIDE = 3  # samples of a pixel's side
RAYS = 12  # from each vertex, to learn how much of the light reaches it
FAR = 0.6  # m, beyond which nothing darkens a corner
LIFT = 2e-3  # m, from a surface to where a ray starts


class Scene:
    """All shells in one mesh."""

    def __init__(self, shells: list[Shell], rng: Generator):
        from embreex.mesh_construction import TriangleMesh
        from embreex.rtcore_scene import EmbreeScene

        counts = np.cumsum([0] + [len(s.vertices) for s in shells])
        self.shells, self.rng = shells, rng
        self.vertices = np.concatenate([s.vertices for s in shells])
        self.places = np.concatenate([s.places for s in shells])
        self.faces = np.concatenate([s.faces + at for s, at in zip(shells, counts, strict=False)])
        self.shell = np.repeat(np.arange(len(shells)), [len(s.faces) for s in shells])
        self.normals = np.concatenate([normals(s.vertices, s.faces) for s in shells])
        self.rays: Any = EmbreeScene()
        self.mesh = TriangleMesh(self.rays, self.vertices, self.faces.astype(np.int32))

    def hits(self, origins: Floats, directions: Floats) -> dict[str, NDArray[Any]]:
        """The first face along each ray (−1: none), where on it, and how far."""
        found: dict[str, NDArray[Any]] = self.rays.run(origins, directions, output=1)
        return found

    def openness(self) -> Floats:
        """V, how much of the sky above its surface each vertex sees."""
        count = len(self.vertices)
        away = self.rng.normal(size=(count * RAYS, 3)).astype(np.float32)
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        up = np.repeat(self.normals, RAYS, 0)
        away += up * 1.001  # so that rays are as dense as a matte surface weighs them
        away /= np.linalg.norm(away, axis=1, keepdims=True)
        starts = np.repeat(self.vertices, RAYS, 0) + up * LIFT
        found = self.hits(starts.astype(np.float32), away)
        near = (found["primID"] >= 0) & (found["tfar"] < FAR)
        return (1 - near.reshape(count, RAYS).mean(1)).astype(np.float32)


def drawn(
    shells: list[Shell],
    light: Light,
    pictures: list[Floats],
    size: tuple[int, int],
    camera: Floats,
    rng: Generator,
) -> tuple[Floats, Floats]:
    """A picture of the shells.

    Parameters
    ----------
    size : height and width, px.
    camera : 3×4, its columns: where the picture's first corner is in the world, a step of a column, a step of
        a row, and the eye.

    Returns
    -------
    H×W×3 display-referred straight colour (of covered pixels), and H×W coverage.
    """
    scene = Scene(shells, rng)
    height, width = size
    rows, columns = ((np.arange(n * SIDE) + 0.5) / SIDE for n in size)
    corner, across, down, eye = camera.T
    points = corner + columns[None, :, None] * across + rows[:, None, None] * down
    directions = (points - eye).reshape(-1, 3)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    origins = np.broadcast_to(eye, directions.shape)
    found = scene.hits(
        np.ascontiguousarray(origins, np.float32), np.ascontiguousarray(directions, np.float32)
    )
    hit = np.flatnonzero(found["primID"] >= 0)
    light_there = _shaded(scene, light, pictures, directions[hit], {k: v[hit] for k, v in found.items()})
    samples = np.zeros((len(directions), 4), np.float32)
    samples[hit, :3], samples[hit, 3] = light_there, 1
    pixels = samples.reshape(height, SIDE, width, SIDE, 4).mean((1, 3))
    alpha = pixels[..., 3]
    straight = pixels[..., :3] / np.maximum(alpha, 1e-6)[..., None]
    nearest = ndimage.distance_transform_edt(alpha == 0, return_distances=False, return_indices=True)
    straight = straight[tuple(nearest)]
    level = np.quantile(straight[alpha > 0.5].mean(-1), 0.9) if (alpha > 0.5).any() else 1.0
    exposed = straight * (np.exp(rng.normal(np.log(0.55), 0.35)) / max(float(level), 1e-6))
    return encoded(exposed).astype(np.float32), alpha.astype(np.float32)


def _shaded(
    scene: Scene, light: Light, pictures: list[Floats], view: Floats, found: dict[str, NDArray[Any]]
) -> Floats:
    """N×3 linear light that comes from where rays hit."""
    face = found["primID"]
    weights = np.stack((1 - found["u"] - found["v"], found["u"], found["v"]), 1)[..., None].astype(np.float32)
    corners = scene.faces[face]

    def at(values: Floats) -> Floats:
        return (values[corners] * weights).sum(1)

    normal = at(scene.normals)
    normal /= np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-9)
    normal = np.where((normal * view).sum(1, keepdims=True) > 0, -normal, normal)
    open_ = at(scene.openness()[:, None])
    spot, place = at(scene.vertices), at(scene.places)
    facing = np.maximum(normal @ light.towards, 0)[:, None]
    towards = np.broadcast_to(light.towards, spot.shape)
    shadow = scene.hits(np.ascontiguousarray(spot + normal * 2 * LIFT), np.ascontiguousarray(towards))
    lit = np.where(shadow["primID"][:, None] < 0, facing, 0) * light.lamp
    folds = _folds(place, scene.rng)
    colour = np.zeros_like(spot)
    half = light.towards - view
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    mirror = np.maximum((normal * half).sum(1, keepdims=True), 0) ** 30
    around = light.around(normal.astype(np.float32)) * open_
    for number, shell in enumerate(scene.shells):
        mine = scene.shell[face] == number
        if mine.any():
            stuff = shell.stuff
            paint = decoded(painted(stuff, place[mine], pictures, scene.rng))
            uneven = 1 + stuff.folds * folds[mine, None]
            colour[mine] = paint * (around[mine] + lit[mine]) * uneven
            colour[mine] += stuff.gloss * mirror[mine] * (lit[mine] + 0.2 * around[mine])
    return colour.astype(np.float32)


def _folds(place: Floats, rng: Generator) -> Floats:
    """N, −1..1: bands of shade that run mostly downwards, as cloth folds."""
    noise = rng.normal(size=(24, 24, 24)).astype(np.float32)
    coarse = ndimage.map_coordinates(noise, (place * (16, 16, 6)).T % 23, order=1)
    fine = ndimage.map_coordinates(noise, (place * (40, 40, 22) + 5).T % 23, order=1)
    return np.clip(0.7 * coarse + 0.4 * fine, -1, 1)


def painted(stuff: Stuff, place: Floats, pictures: list[Floats], rng: Generator) -> Floats:
    """N×3 display-referred colours of a stuff at places on the body at rest."""
    one, other = stuff.colours
    u, v = (place[:, 0] + 0.3 * place[:, 1]) / stuff.size, place[:, 2] / stuff.size
    if stuff.pattern == "stripes":
        line = v if rng.random() < 0.5 and stuff.size > 0.01 else u
        share = ((line % 1) < rng.uniform(0.3, 0.7))[:, None].astype(np.float32)
    elif stuff.pattern == "checks":
        both = np.stack(((u % 1) < 0.5, (v % 1) < 0.5), 1)
        share = both.mean(1, dtype=np.float32, keepdims=True)
    elif stuff.pattern == "picture" and pictures:
        picture = pictures[rng.integers(len(pictures))]
        height, width = picture.shape[:2]
        down, along = (
            (np.abs((w + rng.random()) % 2 - 1) * (n - 1)).astype(int) for w, n in ((v, height), (u, width))
        )
        return picture[down, along]
    else:
        share = np.ones((len(place), 1), np.float32)
    return (share * one + (1 - share) * other).astype(np.float32)
