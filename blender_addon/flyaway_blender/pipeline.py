"""One matte of one frame, and its colour: tap → network → where the compositor finds it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import bpy
import numpy as np

from . import cache, engine, group, layers, origins, pixels, prefs, report, retouch, shots, signature, tap
from .uses import Use

STILL = "a still: Range makes a shot"
_taps: dict[tuple[str, str], tap.Tap] = {}
_retired: list[tap.Tap] = []


@dataclass(frozen=True)
class Request:
    """What the network is asked: everything it needs, so that it can be answered in another thread."""

    plate: np.ndarray
    choice: engine.Choice
    refine: bool
    trim: bool = False  # the plate lies somewhere on a canvas: the network should not see the canvas
    pixel_aspect: float = 1.0  # of the scene: a pixel's width over its height

    colour: bool = False  # whether the person's own colour is wanted, too

    def answer(self, look: engine.Look | None = None) -> engine.Found:
        """What the network finds: in a still, or where `look` says so in the next frame of a shot."""
        look, box = look or engine.get(self.choice).matte, self._box()
        if box is None:
            found = look(self.plate, self.refine, self.pixel_aspect)
        else:
            part = look(np.ascontiguousarray(self.plate[box]), self.refine, self.pixel_aspect)
            alpha, unknown = (np.zeros(self.plate.shape[:2], np.float32) for _ in range(2))
            alpha[box], unknown[box] = part.alpha, part.unknown
            found = engine.Found(alpha, unknown)
        return replace(found, colour=self.foreground(found.alpha)) if self.colour else found

    def foreground(self, alpha: np.ndarray) -> np.ndarray:
        """The person's own colour, as `engine.foreground` gives it; no network runs."""
        box = self._box()
        if box is None:
            return engine.foreground(self.plate, alpha)
        colour = np.zeros((*alpha.shape, 4), np.float32)
        part = (np.ascontiguousarray(whole[box]) for whole in (self.plate, alpha))
        colour[box] = engine.foreground(*part)
        return colour

    def _box(self) -> tuple[slice, slice] | None:
        """The part of the plate that is not bare canvas, where it lies on one; all of it where it is bare."""
        if not self.trim:
            return None
        there = self.plate[..., 3] > 0
        if not there.any():
            return None
        rows, columns = (np.flatnonzero(there.any(axis=axis)) for axis in (1, 0))
        return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def have_ready(scene: bpy.types.Scene, use: Use, frame: int) -> None:
    """Have the matte of the frame that is about to be rendered where the compositor finds it.

    A failure is recorded, and nothing is covered in that frame.
    """
    try:
        images = group.use_live(use.tree)
        if is_cached(scene, use, frame):
            found = _kept(scene, use, frame)
            _show(use, frame, images, found)
            told = remark(use, frame)
            report.record(report.Record(scene.name, use.title, frame, "cached", told))
            settings = use.tree.flyaway
            span = f"{settings.first}-{settings.last}"
            report.set_state(use.uid, "cached", f"frame {frame}, {told}" if told else span)
            return
        times = [time.perf_counter()]
        question = ask(scene, use, frame)
        times.append(time.perf_counter())
        found = question.answer()
        times.append(time.perf_counter())
        _show(use, frame, images, found)
        times.append(time.perf_counter())
    except Exception as error:  # whatever it is, the render goes on: it must be seen
        fail(scene, use, frame, error)
        return
    spent = (round(float(seconds), 4) for seconds in np.diff(times))
    still = STILL if shots.wanted(use) else ""
    report.record(report.Record(scene.name, use.title, frame, "matted", still, *spent))
    report.set_state(use.uid, "matted", f"frame {frame}, {still}" if still else f"frame {frame}")


def remark(use: Use, frame: int) -> str:
    """What is to be said of a matte from disk."""
    remembers = " " in cache.made_of(use.tree, frame)
    return "" if remembers or not shots.wanted(use) else STILL


def _show(use: Use, frame: int, images: dict[str, bpy.types.Image], found: engine.Found) -> None:
    pixels.write_matte(images["matte"], retouch.finished(use.node, frame, found.alpha))
    layers.show(use, images, found)


def _kept(scene: bpy.types.Scene, use: Use, frame: int) -> engine.Found:
    """What is on disk of a frame. A colour that is not there is estimated, for which no network runs."""
    place = cache.folder(use.tree)
    alpha = pixels.read_file(cache.matte_path(place, frame))[..., 0]
    unknown = layers.read(place, "unknown", frame) if layers.wants_unknown(use) else None
    colour = layers.read(place, "colour", frame) if layers.wants_colour(use) else None
    if colour is None and layers.wants_colour(use):
        colour = ask(scene, use, frame).foreground(alpha)
    return engine.Found(alpha, unknown, colour)


def is_cached(scene: bpy.types.Scene, use: Use, frame: int) -> bool:
    """Whether the matte of a frame lies on disk and is fresh."""
    if not origins.load(cache.folder(use.tree)).frames:
        return False
    made_of = signature.of(scene, use, frame)
    if shots.is_fresh(scene, use, frame, made_of):
        return True
    return shots.wanted(use) and shots.is_still(use, frame, made_of)  # what a render would make, too


def fail(scene: bpy.types.Scene, use: Use, frame: int, error: Exception) -> None:
    """Say that a frame has no matte, and let nothing be covered in it."""
    message = str(error).strip() or type(error).__name__
    report.record(report.Record(scene.name, use.title, frame, "failed", message))
    report.set_state(use.uid, "failed", f"frame {frame}: {message}")
    try:
        nothing = engine.Found(np.zeros(canvas(scene), np.float32))
        images = group.use_live(use.tree)
        pixels.write_matte(images["matte"], nothing.alpha)
        layers.show(use, images, nothing)
    except Exception as second:
        report.record(report.Record(scene.name, use.title, frame, "failed", str(second)))


def ask(scene: bpy.types.Scene, use: Use, frame: int) -> Request:
    """Read what flows into the node at a frame."""
    one = _tap(scene, use)
    plate = one.read(frame, scene.frame_subframe)
    settings = use.tree.flyaway
    aspect = scene.render.pixel_aspect_x / scene.render.pixel_aspect_y
    choice, colour = prefs.choice(settings.model), layers.wants_colour(use)
    return Request(plate, choice, settings.refine, one.on_canvas, aspect, colour)


def tap_scene(scene: bpy.types.Scene, use: Use) -> bpy.types.Scene:
    """The hidden scene that `ask` renders, whose output settings nobody misses."""
    return _tap(scene, use).scene


def _tap(scene: bpy.types.Scene, use: Use) -> tap.Tap:
    key = (scene.name, use.uid)
    if key not in _taps:
        _taps[key] = tap.Tap(scene, use)
    return _taps[key]


def canvas(scene: bpy.types.Scene) -> tuple[int, int]:
    """Height and width of the scene's picture."""
    render = scene.render
    percentage = render.resolution_percentage / 100
    return max(1, int(render.resolution_y * percentage)), max(1, int(render.resolution_x * percentage))


def retire_taps() -> None:
    """Have taps built anew: what is upstream may have changed. In any thread."""
    _retired.extend(_taps.values())
    _taps.clear()
    signature.begin()


def remove_taps() -> None:
    """Take all taps out of the file. In the main thread only, and never while Blender renders."""
    retire_taps()
    for one in _retired:
        one.remove()
    _retired.clear()
    tap.remove_left_over()


def forget_taps() -> None:
    """Another file was opened: what the taps were is gone."""
    _taps.clear()
    _retired.clear()
    tap.remove_left_over()
