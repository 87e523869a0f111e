"""Clips with exact alpha: solved people in motion before held-out backgrounds, mixed in linear light.

Six kinds, eight clips of 40 frames, 1280×720: a locked-off camera with grain, a handheld one, hair that sways
(twice), a walk before a panning town and one towards the camera, a whip pan with motion blur, drifting light.
A person and a background are layers that move by affine maps; hair sways by a displacement that grows with
the distance from the head. Within the shutter's time both layers are averaged in light, each by itself, and
then mixed, so that the alpha is what the frame was made with. No sitter and no background was in training.

What they cannot say: layers turn no corner and bend no limb, nobody casts a shadow, and blur of the person
does not know where the background was meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from models.evaluation import composite
from models.evaluation.composite import Composite, Floats, Sitter, in_light
from models.evaluation.sources import Sources, read_picture, seeded
from models.mixing import encoded, mix
from PIL import Image
from scipy import ndimage

FRAMES, WIDTH, HEIGHT = 40, 1280, 720
#: Rows by which a bust goes on below its picture, so that no movement shows where it ends.
BELOW = 240
#: Share of the frame's time that the shutter is open.
SHUTTER = 0.5


@dataclass(frozen=True)
class Pose:
    """Where a layer lies: its anchor in the frame (x, y; px), zoom, and turn in radians."""

    x: float
    y: float
    zoom: float = 1.0
    turn: float = 0.0


@dataclass(frozen=True)
class Clip:
    """A clip: a held-out sitter, a held-out picture behind, and how both move; poses at a time in frames.

    ``height`` is the bust's in frames, ``sway`` the amplitude of the hair in px, ``samples`` how often a
    frame looks while its shutter is open, ``grain`` in levels, ``light`` gains of person and scene at a time.
    """

    sitter: str
    scene: str
    person: Callable[[float], Pose]
    scene_pose: Callable[[float], Pose]
    height: float = 0.9
    sway: float = 0.0
    samples: int = 1
    grain: float = 1.5
    light: Callable[[float], tuple[Floats, Floats]] | None = None


def _still(x: float = 0.5) -> Callable[[float], Pose]:
    """A person who stands, and breathes a little."""
    return lambda t: Pose(x * WIDTH + 1.5 * np.sin(t / 9), HEIGHT + 1.0 * np.sin(t / 6))


def _shake(t: float, seed: float) -> tuple[float, float, float]:
    """Smooth shake of a camera held by hand: px, px, radians."""
    x = 9 * np.sin(t / 5.3 + seed) + 4 * np.sin(t / 2.1 + 2 * seed) + 1.5 * np.sin(t * 1.9 + seed)
    y = 7 * np.sin(t / 4.1 + 3 * seed) + 3 * np.sin(t / 1.7 + seed) + 1.0 * np.sin(t * 2.3)
    return float(x), float(y), float(0.008 * np.sin(t / 6.7 + seed))


def _handheld(at: float, depth: float) -> Callable[[float], Pose]:
    def pose(t: float) -> Pose:
        x, y, turn = _shake(t, 1.0)
        return Pose(at * WIDTH + depth * x, HEIGHT + 12 + depth * y, 1 + 0.02 * np.sin(t / 15), turn)

    return pose


def _whip(at: float, depth: float) -> Callable[[float], Pose]:
    """A pan that starts, rushes through the middle of the clip at 70 px a frame, and comes to rest."""

    def pose(t: float) -> Pose:
        s = (t - FRAMES / 2) / 5
        return Pose(at * WIDTH - depth * 350 * np.tanh(s) + depth * 350, HEIGHT)

    return pose


def _walk(start: float, step: float) -> Callable[[float], Pose]:
    """Across the frame, with the bob of steps."""

    def pose(t: float) -> Pose:
        return Pose(
            start * WIDTH + step * t, HEIGHT + 10 - 8 * abs(np.sin(t / 3.8)), 1, 0.012 * np.sin(t / 3.8)
        )

    return pose


def _drift(t: float) -> tuple[Floats, Floats]:
    """Clouds pass for the scene, a lamp turns for the person: gains in light."""
    person = np.array([1 + 0.25 * np.sin(t / 8), 1 + 0.10 * np.sin(t / 8), 1 - 0.2 * np.sin(t / 8)])
    scene = np.full(3, 0.8 + 0.35 * np.cos(t / 11))
    return person.astype(np.float32), scene.astype(np.float32)


def _hold(t: float) -> Pose:  # noqa: ARG001 - a pose at every time
    return Pose(WIDTH / 2, HEIGHT / 2)


def _centred(pose: Pose, right: float = 0.0) -> Pose:
    """The same camera for the scene, whose anchor is its middle, moved to the right by some px."""
    return Pose(pose.x + right, pose.y - HEIGHT / 2, pose.zoom, pose.turn)


CLIPS: dict[str, Clip] = {
    "drift": Clip("london-neutral-129", "max-Scene-Classifier-ruins", _still(0.55), _hold, light=_drift),
    "handheld": Clip(
        "london-neutral-001",
        "max-Scene-Classifier-bakery",
        _handheld(0.45, 1.0),
        lambda t: _centred(_handheld(0.5, 0.8)(t)),
        samples=3,
    ),
    "locked": Clip("london-neutral-044", "kodak-8", _still(0.4), _hold, grain=7.0),
    "sway": Clip("london-neutral-120", "budgie-tea-gardens", _still(0.5), _hold, sway=14.0, samples=3),
    "sway-dusk": Clip(
        "london-smiling-112",
        "budgie-singaporean-cityscape",
        _still(0.6),
        _hold,
        sway=9.0,
        samples=3,
        grain=3.0,
    ),
    "towards": Clip(
        "london-smiling-045",
        "immich-el_torcal_rocks",
        lambda t: Pose(0.5 * WIDTH + 2 * t, HEIGHT + 10 - 6 * abs(np.sin(t / 3.8)), 0.7 + 0.009 * t),
        lambda t: Pose(WIDTH / 2 + 30 - 1.5 * t, HEIGHT / 2, 1 + 0.001 * t),
        samples=3,
    ),
    "walk": Clip(
        "london-neutral-136",
        "max-Scene-Classifier-city",
        _walk(0.25, 14.0),
        lambda t: Pose(WIDTH / 2 + 180 - 9 * t, HEIGHT / 2),
        height=0.85,
        samples=6,
    ),
    "whip": Clip(
        "london-neutral-039",
        "kodak-11",
        _whip(0.3, 1.0),
        lambda t: _centred(_whip(0.5, 1.0)(t), right=-350),
        samples=16,
    ),
}


@dataclass(frozen=True)
class Layer:
    """Planes h×w that move as one, and the point of theirs that a pose puts in its place."""

    planes: tuple[Floats, ...]
    anchor: tuple[float, float]
    loose: Floats | None = None


def person_layer(sitter: Sitter, height: float) -> Layer:
    """Alpha and premultiplied light of a bust that is ``height`` frames high, anchored where it ends."""
    bottom = composite.bust_bottom(sitter.alpha)
    side = sitter.alpha.shape[1]
    rows = round(height * HEIGHT)
    columns = round(side * rows / bottom)
    alpha, light = composite.resize_sitter(sitter, (0, 0, side, bottom), columns, rows)
    planes = [alpha, *np.moveaxis(light / np.float32(255), -1, 0)]
    body = ndimage.binary_erosion(alpha > 0.95, iterations=10)
    away = ndimage.distance_transform_edt(~body).astype(np.float32)
    # Hair hangs loose; shoulders do not.
    fall = np.clip((0.75 * rows - np.arange(rows, dtype=np.float32)) / (0.3 * rows), 0, 1)[:, None]
    loose = ndimage.gaussian_filter(np.clip(away / 60, 0, 1) * fall, 8)
    below = tuple(np.pad(p, ((0, BELOW), (0, 0)), mode="edge").astype(np.float32) for p in planes)
    return Layer(below, (columns / 2, rows), np.pad(loose, ((0, BELOW), (0, 0))).astype(np.float32))


def scene_layer(picture: Image.Image, reach: tuple[float, float]) -> Layer:
    """Light of a background that fills the frame with ``reach`` px (across, down) to spare on each side."""
    width, height = WIDTH + 2 * reach[0], HEIGHT + 2 * reach[1]
    scale = max(width / picture.width, height / picture.height)
    size = (round(picture.width * scale), round(picture.height * scale))
    resized = picture.convert("RGB").resize(size, Image.Resampling.BICUBIC)
    light = in_light(np.asarray(resized, np.float32), "linear") / np.float32(255)
    return Layer(tuple(np.moveaxis(light, -1, 0).astype(np.float32)), (size[0] / 2, size[1] / 2))


def sampled(layer: Layer, pose: Pose, sway: tuple[float, float] = (0.0, 0.0)) -> list[Floats]:
    """The layer's planes as they lie in the frame, read bilinearly; empty where the layer ends.

    ``sway`` is amplitude (px) and phase of what hangs loose.
    """
    cos, sin = np.cos(pose.turn) / pose.zoom, np.sin(pose.turn) / pose.zoom
    x0, y0 = layer.anchor
    ahead = (cos, sin, x0 - cos * pose.x - sin * pose.y, -sin, cos, y0 + sin * pose.x - cos * pose.y)
    if not sway[0] or layer.loose is None:
        return [_affine(plane, ahead) for plane in layer.planes]
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) + 0.5
    x = ahead[0] * columns + ahead[1] * rows + ahead[2] - 0.5
    y = ahead[3] * columns + ahead[4] * rows + ahead[5] - 0.5
    amount = sway[0] * _affine(layer.loose, ahead)
    x = x + amount * np.sin(sway[1] + y / 90)
    y = y + 0.3 * amount * np.sin(1.3 * sway[1] + x / 70)
    return [
        ndimage.map_coordinates(p, (y, x), order=1, mode="constant").astype(np.float32) for p in layer.planes
    ]


def _affine(plane: Floats, ahead: tuple[float, ...]) -> Floats:
    picture = Image.fromarray(plane)
    moved = picture.transform(
        (WIDTH, HEIGHT), Image.Transform.AFFINE, tuple(map(float, ahead)), Image.Resampling.BILINEAR
    )
    return np.asarray(moved, np.float32)


def frame(clip: Clip, person: Layer, scene: Layer, number: int, rng: np.random.Generator) -> Composite:
    """One frame and its alpha."""
    times = [number + SHUTTER * (sample + 0.5) / clip.samples for sample in range(clip.samples)]
    alpha, *light = _mean([sampled(person, clip.person(t), (clip.sway, t / 4.5)) for t in times])
    # What stands still is looked at once.
    poses = dict.fromkeys(clip.scene_pose(t) for t in times)
    back = np.stack(_mean([sampled(scene, pose) for pose in poses]), axis=-1)
    truth = np.rint(np.clip(alpha, 0, 1) * 255).astype(np.uint8)
    front = np.stack(light, axis=-1) / np.maximum(alpha, 1e-3)[..., None]
    one = np.ones((), np.float32)
    gains = clip.light(float(number)) if clip.light else (one, one)
    mine, behind = encoded(front * gains[0]), encoded(back * gains[1])
    plate = 255 * mix(mine, behind, truth[..., None] / np.float32(255))
    grain = rng.normal(0, clip.grain, plate.shape)
    return Composite(np.clip(np.rint(plate + grain), 0, 255).astype(np.uint8), truth)


def _mean(looks: list[list[Floats]]) -> list[Floats]:
    """Each plane's mean over what the shutter saw."""
    return [np.mean(planes, axis=0, dtype=np.float32) for planes in zip(*looks, strict=True)]


def reach(clip: Clip) -> tuple[float, float]:
    """How far (px, across and down) the scene must go on beyond the frame."""
    poses = [clip.scene_pose(t / 2) for t in range(2 * FRAMES + 2)]
    turn = max(abs(p.turn) for p in poses) * WIDTH / 2
    return (
        max(abs(p.x - WIDTH / 2) for p in poses) + turn + 4,
        max(abs(p.y - HEIGHT / 2) for p in poses) + turn + 4,
    )


def make_clips(sources: Sources) -> Iterator[tuple[str, Composite]]:
    """Every clip's frames, by the names of clip and frame."""
    for name, clip in CLIPS.items():
        person = person_layer(sources.sitter(clip.sitter, "linear"), clip.height)
        scene = scene_layer(read_picture(sources.unseen[clip.scene]), reach(clip))
        for number in range(FRAMES):
            yield (
                f"{name}/{number:05d}",
                frame(clip, person, scene, number, seeded("clips", f"{name}/{number}")),
            )
