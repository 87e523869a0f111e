"""Light of a panorama: what falls on a surface by its direction, and the brightest spot by itself.

References
----------
Ramamoorthi and Hanrahan, "An Efficient Representation for Irradiance Environment Maps", SIGGRAPH 2001.
"""

from __future__ import annotations

import base64
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from models.evaluation.split import HDRI_HELD_OUT
from numpy.typing import NDArray

Floats = NDArray[np.float32]
#: What each order of the harmonics keeps of itself when a surface gathers light, over π.
KEPT = np.array([1.0] + 3 * [2 / 3] + 5 * [1 / 4])
SPOT = 0.995  # of all directions: brighter ones are the sun, a lamp, a window


@dataclass(frozen=True)
class Light:
    """Irradiance over π of a white surface: 9×3 harmonics, and one distant lamp."""

    harmonics: Floats
    lamp: Floats
    towards: Floats

    def around(self, normal: Floats) -> Floats:
        """N×3 directions → N×3 light without the lamp's."""
        return np.maximum(harmonics(normal) @ self.harmonics, 0)


def harmonics(direction: Floats) -> Floats:
    """N×3 directions → N×9 real harmonics."""
    x, y, z = direction[:, 0], direction[:, 1], direction[:, 2]
    terms = [0.282095 + 0 * x, 0.488603 * y, 0.488603 * z, 0.488603 * x, 1.092548 * x * y, 1.092548 * y * z]
    terms += [0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y)]
    return np.stack(terms, 1).astype(np.float32)


def read_panoramas(package: Path) -> dict[str, Floats]:
    """Panoramas of the npm package `@pmndrs/assets` (CC0) that no set is made from, H×W×3 linear light."""
    import OpenImageIO as oiio

    found = {}
    for file in sorted((package / "hdri").glob("*.exr.js")):
        name = file.name.partition(".")[0]
        text = re.search(r"base64,([A-Za-z0-9+/=]+)", file.read_text())
        if text is None or name in HDRI_HELD_OUT:
            continue
        with tempfile.NamedTemporaryFile(suffix=".exr") as temporary:
            temporary.write(base64.b64decode(text[1]))
            temporary.flush()
            pixels = np.asarray(oiio.ImageBuf(temporary.name).get_pixels(oiio.FLOAT), np.float32)
        found[name] = pixels[..., :3].clip(0, 1e4)
    return found


def light_of(panorama: Floats, turn: float) -> Light:
    """The light in the middle of a panorama that is turned by so many radians about the vertical."""
    height, width = panorama.shape[:2]
    polar = (np.arange(height) + 0.5) / height * np.pi
    azimuth = (np.arange(width) + 0.5) / width * 2 * np.pi + turn
    sine = np.sin(polar)[:, None]
    upright = np.cos(polar)[:, None] + 0 * azimuth
    direction = np.stack((sine * np.cos(azimuth), sine * np.sin(azimuth), upright), -1)
    solid = (sine * np.pi / height * 2 * np.pi / width + 0 * azimuth)[..., None]
    bright = panorama.mean(-1)
    spot = (bright >= np.quantile(bright, SPOT))[..., None]
    # The lamp is what stands out of its surroundings; these keep their share.
    excess = np.where(spot, panorama - np.quantile(bright, SPOT), 0).clip(0) * solid
    rest = panorama * solid - excess
    values = harmonics(direction.reshape(-1, 3).astype(np.float32)).T @ rest.reshape(-1, 3)
    lamp = excess.sum((0, 1)) / np.pi
    towards = (excess.mean(-1, keepdims=True) * direction).sum((0, 1))
    towards /= max(float(np.linalg.norm(towards)), 1e-6)
    return Light(
        (values * KEPT[:, None]).astype(np.float32), lamp.astype(np.float32), towards.astype(np.float32)
    )
