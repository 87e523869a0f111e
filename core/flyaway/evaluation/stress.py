"""Plates made worse by code: what a camera, a lens or a file does to a picture, each under a seed of its own.

Every condition takes the same images; noise, blur and light act on linear light. Optics act on the truth as
well: a person out of focus covers the pixels at the edge in part, and this part is the blurred alpha. It is
exact where foreground and background are even within the blur, and near it elsewhere. Lengths are in
nine-hundredths of the long side, so a condition is equally severe on a small plate and a large one.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.color import srgb_to_linear
from flyaway.errors import FlyawayError
from flyaway.evaluation.layouts import EvaluationSet, Item
from flyaway.evaluation.metrics import ndimage
from flyaway.pictures import files
from flyaway.pictures.convert import eight_bit
from flyaway.plate import linear_to_display
from flyaway.resample import resize

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Generator = np.random.Generator

UNIT = 900
ELECTRONS = 300  # a photosite's full well at a very high ISO: its root is the noise
READ_NOISE = 0.005  # of full scale
DEFOCUS_RADIUS = 5
MOTION_LENGTH = 16
JPEG_QUALITY = 20
GRAIN = 14 / 255
GRAIN_SIZE = 0.8
STOPS = 2
REDUCTION = 4


@dataclass(frozen=True)
class Condition:
    """How plates are made worse.

    Attributes
    ----------
    plate : (H×W×3 uint8 sRGB, generator) → the plate made worse, uint8.
    alpha : (H×W float32 coverage, generator) → the truth of that plate; None where it stays as it is.
    """

    what: str
    plate: Callable[[Bytes, Generator], Bytes]
    alpha: Callable[[Floats, Generator], Floats] | None = None


def seeded(condition: str, image: str) -> Generator:
    """A generator that depends on condition and image alone: not on the order, nor on what else is run."""
    digest = hashlib.sha256(f"{condition}/{image}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def stressed(images: EvaluationSet, name: str) -> EvaluationSet:
    """The set under one of `CONDITIONS`; images are made worse when they are loaded."""
    if name not in CONDITIONS:
        raise FlyawayError(f"There is no condition {name!r}; there are: {', '.join(CONDITIONS)}")
    items = [_under(item, name, CONDITIONS[name]) for item in images.items]
    return EvaluationSet(images.name, images.layout, items, (*images.notes, CONDITIONS[name].what))


def _under(item: Item, name: str, condition: Condition) -> Item:
    load_alpha, load_trimap = item.load_alpha, item.load_trimap
    if condition.alpha is not None:
        load_alpha = partial(_alpha, item, name, condition.alpha)
        # A trimap of the sharp truth would not fit.
        load_trimap = partial(_nothing)
    return Item(item.name, partial(_plate, item, name, condition), load_alpha, load_trimap)


def _plate(item: Item, name: str, condition: Condition) -> Bytes:
    return condition.plate(item.load_plate(), seeded(name, item.name))


def _alpha(item: Item, name: str, change: Callable[[Floats, Generator], Floats]) -> Floats:
    return change(item.load_alpha(), seeded(name, item.name))


def _nothing() -> None:
    return None


def _unit(image: NDArray[Any]) -> float:
    return float(max(image.shape[:2])) / UNIT


def _light(plate: Bytes) -> Floats:
    return srgb_to_linear(plate.astype(np.float32) / np.float32(255))


def _encoded(light: NDArray[Any]) -> Bytes:
    return eight_bit(linear_to_display(light.astype(np.float32)))


def camera_noise(plate: Bytes, rng: Generator) -> Bytes:
    """Shot noise and read noise of a small sensor in little light, each channel by itself."""
    light = _light(plate)
    noise = rng.standard_normal(light.shape, np.float32)
    return _encoded(light + noise * np.sqrt(light / ELECTRONS + READ_NOISE**2))


def grain(plate: Bytes, rng: Generator) -> Bytes:
    """Film grain: soft specks, most of them common to all channels, strongest in the midtones."""
    values = plate.astype(np.float32) / 255
    common, own = rng.standard_normal((*values.shape[:2], 1), np.float32), rng.standard_normal(values.shape)
    size = GRAIN_SIZE * _unit(plate)
    specks = ndimage().gaussian_filter(0.9 * common + 0.44 * own, (size, size, 0))
    strength = GRAIN * 4 * values * (1 - values) / max(float(specks.std()), 1e-6)
    return eight_bit(values + strength * specks)


def exposed(plate: Bytes, rng: Generator, stops: float) -> Bytes:  # noqa: ARG001
    """Exposed otherwise by so many stops and stored in 8 bits: highlights clip, shadows lose their steps."""
    return _encoded(_light(plate) * np.float32(2.0**stops))


def compressed(plate: Bytes, rng: Generator) -> Bytes:  # noqa: ARG001
    """Through a JPEG of low quality."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "plate.jpg"
        files.write(path, plate, compression=f"jpeg:{JPEG_QUALITY}")
        return files.read_eight_bit(path)


def defocus_kernel(unit: float, rng: Generator) -> Floats:  # noqa: ARG001
    """A disc, its edge antialiased."""
    radius = DEFOCUS_RADIUS * unit
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1)
    return np.asarray(disc / disc.sum(), np.float32)


def motion_kernel(unit: float, rng: Generator) -> Floats:
    """A line a pixel wide, in a direction of the image's own."""
    half, angle = MOTION_LENGTH * unit / 2, rng.uniform(0, np.pi)
    reach = int(np.ceil(half)) + 1
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    along = np.abs(x * np.cos(angle) + y * np.sin(angle))
    beside = np.abs(y * np.cos(angle) - x * np.sin(angle))
    line = np.clip(half + 0.5 - along, 0, 1) * np.clip(1 - beside, 0, 1)
    return np.asarray(line / line.sum(), np.float32)


Kernel = Callable[[float, Generator], Floats]


def blurred_plate(plate: Bytes, rng: Generator, kernel: Kernel) -> Bytes:
    """Light spread by a kernel."""
    return _encoded(_spread(_light(plate), kernel(_unit(plate), rng)))


def blurred_alpha(alpha: Floats, rng: Generator, kernel: Kernel) -> Floats:
    """Coverage spread by the kernel that the plate was spread by."""
    return _spread(alpha[..., None], kernel(_unit(alpha), rng))[..., 0]


def reduced_plate(plate: Bytes, rng: Generator) -> Bytes:  # noqa: ARG001
    """A quarter of the width and height, antialiased in linear light."""
    return _encoded(resize(_light(plate), *_quarter(plate)))


def reduced_alpha(alpha: Floats, rng: Generator) -> Floats:  # noqa: ARG001
    """The coverage of the larger pixels."""
    return np.clip(resize(alpha[..., None], *_quarter(alpha))[..., 0], 0, 1)


def _quarter(image: NDArray[Any]) -> tuple[int, int]:
    return max(32, image.shape[0] // REDUCTION), max(32, image.shape[1] // REDUCTION)


def _spread(image: Floats, kernel: Floats) -> Floats:
    """Each channel of H×W×C convolved, borders repeated."""
    from scipy.signal import oaconvolve

    reach = kernel.shape[0] // 2
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    spread = oaconvolve(padded, kernel[..., None], mode="valid", axes=(0, 1))
    return np.asarray(np.clip(spread, 0, 1), np.float32)


def _optics(kernel: Kernel, what: str) -> Condition:
    return Condition(what, partial(blurred_plate, kernel=kernel), partial(blurred_alpha, kernel=kernel))


CONDITIONS: dict[str, Condition] = {
    "noise": Condition(
        f"camera noise: {ELECTRONS} electrons at white, read noise {READ_NOISE:.1%}", camera_noise
    ),
    "defocus": _optics(defocus_kernel, f"defocus: a disc of radius {DEFOCUS_RADIUS}/{UNIT} of the long side"),
    "motion": _optics(motion_kernel, f"motion blur: {MOTION_LENGTH}/{UNIT} of the long side, any direction"),
    "jpeg": Condition(f"JPEG, quality {JPEG_QUALITY}", compressed),
    "under": Condition(f"exposed {STOPS} stops under", partial(exposed, stops=-STOPS)),
    "over": Condition(f"exposed {STOPS} stops over", partial(exposed, stops=STOPS)),
    "grain": Condition(f"film grain: {GRAIN * 255:.0f} levels at mid-grey", grain),
    "quarter": Condition(f"1/{REDUCTION} of the width and height, truth alike", reduced_plate, reduced_alpha),
}
