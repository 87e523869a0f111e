"""Images of Blender ↔ numpy. Blender's row 0 is the bottom; in arrays here it is the top."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

from . import compat


def read(image: bpy.types.Image) -> np.ndarray:
    """H×W×C float32, C-contiguous, row 0 at the top, in the image's own encoding."""
    width, height = image.size
    values = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(values)
    return np.ascontiguousarray(values.reshape(height, width, image.channels)[::-1])


def read_file(path: Path) -> np.ndarray:
    """The numbers in an image file as they are: H×W×C float32, row 0 at the top."""
    image = bpy.data.images.load(str(path))
    try:
        image.colorspace_settings.name = "Non-Color"
        if not image.has_data and not all(image.size):
            raise RuntimeError(f"{path} cannot be read")
        return read(image)
    finally:
        # Nobody uses it; unlinking has 5.2 rebuild what the running animation still points at, and crash.
        bpy.data.images.remove(image, do_unlink=False)


def new_matte_image(name: str) -> bpy.types.Image:
    """An image for a matte. Where nothing was ever written into it, nothing is covered."""
    image = bpy.data.images.new(name, 64, 64, alpha=False, float_buffer=True, is_data=True)
    image.colorspace_settings.name = "Non-Color"
    image.generated_color = (0, 0, 0, 1)
    return image


def new_colour_image(name: str) -> bpy.types.Image:
    """An image for the person's colour. Where nothing was ever written into it, there is none."""
    image = bpy.data.images.new(name, 64, 64, alpha=True, float_buffer=True, is_data=True)
    image.colorspace_settings.name = "Non-Color"
    image.alpha_mode = "CHANNEL_PACKED"  # its alpha says where colour counts, and is nothing to divide by
    image.generated_color = (0, 0, 0, 0)
    return image


def write_matte(image: bpy.types.Image, matte: np.ndarray) -> None:
    """Put an H×W float32 matte (row 0 at the top) into an image, whose size becomes the matte's."""
    values = np.ones(
        (*matte.shape, 4), np.float32
    )  # as many as every image in memory has, once it has pixels
    values[..., :3] = matte[::-1, :, None]
    _write(image, values)


def write_colour(image: bpy.types.Image, colour: np.ndarray) -> None:
    """The same for H×W×4 float32, as `engine.foreground` gives it."""
    _write(image, np.ascontiguousarray(colour[::-1]))


def _write(image: bpy.types.Image, values: np.ndarray) -> None:
    height, width = values.shape[:2]
    if image.source != "GENERATED":
        image.source = "GENERATED"
    if tuple(image.size) != (width, height):
        image.generated_width, image.generated_height = width, height
        if tuple(image.size) != (width, height):
            image.scale(width, height)
    image.pixels.foreach_set(values.ravel())
    image.update()


def mark_saved(image: bpy.types.Image) -> None:
    """Have Blender take an image in memory for saved: it would ask about it when one quits.

    Saving is the only way to say so that keeps the pixels. The file goes at once; as no path is left in the
    image, other Blenders find nothing there, and cover nothing.
    """
    if not image.is_dirty or image.library is not None:
        return
    with tempfile.TemporaryDirectory(prefix="flyaway-", dir=bpy.app.tempdir or None) as folder:
        image.file_format = "BMP"
        image.save(filepath=str(Path(folder, "matte.bmp")))


def save_matte(path: Path, matte: np.ndarray, scene: bpy.types.Scene) -> None:
    """Write an H×W float32 matte as a half-float EXR, whole or not at all.

    `scene` is one of ours, whose output settings may be changed: Blender has no other way to say what is
    written.
    """
    image = new_matte_image("Flyaway on its way to disk")
    _save(path, image, lambda: write_matte(image, matte), scene, "BW")


def save_colour(path: Path, colour: np.ndarray, scene: bpy.types.Scene) -> None:
    """The same for H×W×4 float32, as `engine.foreground` gives it."""
    image = new_colour_image("Flyaway on its way to disk")
    _save(path, image, lambda: write_colour(image, colour), scene, "RGBA")


def _save(
    path: Path, image: bpy.types.Image, fill: Callable[[], None], scene: bpy.types.Scene, color: str
) -> None:
    compat.exr(scene.render.image_settings, depth="16", codec="ZIP", color=color)
    part = path.with_name(f".{path.stem}.part.exr")
    try:
        fill()
        image.save_render(str(part), scene=scene)
        part.replace(path)
    finally:
        bpy.data.images.remove(image, do_unlink=False)
        part.unlink(missing_ok=True)
