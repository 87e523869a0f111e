"""Images of Blender ↔ numpy. Blender's row 0 is the bottom; in arrays here it is the top."""

from __future__ import annotations

import tempfile
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


def write_matte(image: bpy.types.Image, matte: np.ndarray) -> None:
    """Put an H×W float32 matte (row 0 at the top) into an image, whose size becomes the matte's."""
    height, width = matte.shape
    if image.source != "GENERATED":
        image.source = "GENERATED"
    if tuple(image.size) != (width, height):
        image.generated_width, image.generated_height = width, height
        if tuple(image.size) != (width, height):
            image.scale(width, height)
    values = np.ones((height, width, image.channels), np.float32)
    values[..., :3] = matte[::-1, :, None]
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
    compat.exr(scene.render.image_settings, depth="16", codec="ZIP", color="BW")
    image = new_matte_image("Flyaway on its way to disk")
    part = path.with_name(f".{path.stem}.part.exr")
    try:
        write_matte(image, matte)
        image.save_render(str(part), scene=scene)
        part.replace(path)
    finally:
        bpy.data.images.remove(image, do_unlink=False)
        part.unlink(missing_ok=True)
