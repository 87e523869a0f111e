"""One matte of one frame: tap → network → where the compositor finds it."""

from __future__ import annotations

import time

import bpy
import numpy as np

from . import engine, group, pixels, prefs, report, tap
from .uses import Use

_taps: dict[tuple[str, str], tap.Tap] = {}


def matte_now(scene: bpy.types.Scene, use: Use, frame: int) -> None:
    """Matte the frame that is being rendered. A failure is recorded, and nothing is covered in that frame."""
    times = [time.perf_counter()]
    try:
        plate = read_plate(scene, use, frame)
        times.append(time.perf_counter())
        matte = compute(use, plate)
        times.append(time.perf_counter())
        pixels.write_matte(group.use_live(use.tree), matte)
        times.append(time.perf_counter())
    except Exception as error:  # whatever it is, the render goes on: it must be seen
        fail(scene, use, frame, error)
        return
    spent = np.diff(times)
    report.record(
        report.Record(scene.name, use.title, frame, "matted", "", *(round(float(s), 4) for s in spent))
    )
    report.set_state(use.uid, "matted", f"frame {frame}")


def fail(scene: bpy.types.Scene, use: Use, frame: int, error: Exception) -> None:
    """Say that a frame has no matte, and let nothing be covered in it."""
    message = str(error).strip() or type(error).__name__
    report.record(report.Record(scene.name, use.title, frame, "failed", message))
    report.set_state(use.uid, "failed", f"frame {frame}: {message}")
    try:
        pixels.write_matte(group.use_live(use.tree), np.zeros(canvas(scene), np.float32))
    except Exception as second:
        report.record(report.Record(scene.name, use.title, frame, "failed", str(second)))


def read_plate(scene: bpy.types.Scene, use: Use, frame: int) -> np.ndarray:
    """What flows into the node: H×W×4 float32, display-referred sRGB, premultiplied."""
    key = (scene.name, use.uid)
    if key not in _taps:
        _taps[key] = tap.Tap(scene, use)
    return _taps[key].read(frame, scene.frame_subframe)


def compute(use: Use, plate: np.ndarray) -> np.ndarray:
    """The matte of a plate: H×W float32."""
    settings = use.tree.flyaway
    return engine.get(prefs.choice(settings.model)).matte(plate, settings.refine)


def canvas(scene: bpy.types.Scene) -> tuple[int, int]:
    """Height and width of the scene's picture."""
    render = scene.render
    percentage = render.resolution_percentage / 100
    return max(1, int(render.resolution_y * percentage)), max(1, int(render.resolution_x * percentage))


def drop_taps() -> None:
    """Remove all taps."""
    for one in _taps.values():
        one.remove()
    _taps.clear()
    tap.remove_left_over()


def forget_taps() -> None:
    """Another file was opened: what the taps were is gone."""
    _taps.clear()
    tap.remove_left_over()
