"""Set a solved sitter before a new background so that the alpha stays exact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from models.mixing import Light, decoded, encoded, mix
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

Floats = NDArray[np.float32]
Box = tuple[float, float, float, float]

#: Rows of the sitter's picture above which shoulders are not expected to reach its sides.
LEAST_BUST = 0.78
#: Reach (px) beyond soft pixels within which a composite keeps the person's colour; comps look 5 px far.
RIM = 8


@dataclass(frozen=True)
class Sitter:
    """A person with alpha H×W in 0..1 and colour H×W×3 on a scale of 0..255.

    Colour is display-referred sRGB where plates are mixed in encoded values, and linear light where they are
    mixed in that: only what is mixed may be averaged.
    """

    alpha: Floats
    colour: Floats


@dataclass(frozen=True)
class Composite:
    """A plate H×W×3 with its truth H×W and what it was mixed from, straight colours H×W×3; all 8 bit.

    The person's colour is kept where there is some of it within `RIM` px of a soft pixel, the background's
    where it shows through the person; elsewhere both are black, which nothing asks for. A photograph has
    neither.
    """

    plate: NDArray[np.uint8]
    truth: NDArray[np.uint8]
    front: NDArray[np.uint8] | None = None
    back: NDArray[np.uint8] | None = None


def in_light(levels: Floats, light: Light) -> Floats:
    """Display-referred levels 0..255 as what is mixed: themselves, or linear light on the same scale."""
    if light == "encoded":
        return levels
    return np.asarray(255 * decoded(levels / np.float32(255)), np.float32)


def as_shown(values: Floats, light: Light) -> Floats:
    """What is mixed as display-referred levels 0..255: `in_light` undone."""
    if light == "encoded":
        return values
    return np.asarray(255 * encoded(values / np.float32(255)), np.float32)


def resize(plane: Floats, box: Box, width: int, height: int) -> Floats:
    """Resample the part ``box`` (left, top, right, bottom; px) of an H×W plane, with antialiasing."""
    picture = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC, box), np.float32)


def resize_sitter(sitter: Sitter, box: Box, width: int, height: int) -> tuple[Floats, Floats]:
    """Return alpha and premultiplied colour of a part; only premultiplied colour may be averaged."""
    raw = resize(sitter.alpha, box, width, height)
    alpha = np.clip(raw, 0, 1)
    planes = [resize(sitter.colour[..., c] * sitter.alpha, box, width, height) for c in range(3)]
    # The kernel's ringing is taken off colour as it is off alpha, or edges would gleam.
    premultiplied = np.stack(planes, axis=-1) * (alpha / np.maximum(raw, 1e-6))[..., None]
    return alpha, np.clip(premultiplied, 0, 255 * alpha[..., None]).astype(np.float32)


def bust_bottom(alpha: Floats) -> int:
    """Return the row at which to end a bust: above where shoulders are cut off by the picture's sides."""
    cut = np.flatnonzero((alpha[:, :2].max(axis=1) > 0.02) | (alpha[:, -2:].max(axis=1) > 0.02))
    lowest = int(alpha.shape[0])
    if cut.size and cut[0] >= LEAST_BUST * lowest:
        return int(cut[0])
    return lowest


def place(sitter: Sitter, width: int, height: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Stand a bust on the lower edge of an empty frame: alpha H×W and premultiplied colour H×W×3.

    Size and place vary as far as no cut edge of the sitter's own picture comes into view.
    """
    bottom, side = bust_bottom(sitter.alpha), sitter.alpha.shape[1]
    body = sitter.alpha[:bottom]
    zoom = rng.uniform(0.7, 1.0) * height / bottom
    if body[:2].max() > 0.02:
        zoom = height / bottom
    shift = rng.uniform(-0.15, 0.15) * width
    left = width / 2 - side * zoom / 2 + shift
    touches_left, touches_right = body[:, :2].max() > 0.02, body[:, -2:].max() > 0.02
    if touches_left and touches_right:
        zoom = max(zoom, 1.02 * width / side)
        left = width / 2 - side * zoom / 2
    elif touches_left:
        left = min(left, 0)
    elif touches_right:
        left = max(left, width - side * zoom)
    return _window(sitter, (left, height - bottom * zoom, zoom), width, height, bottom)


def place_at_scale(
    sitter: Sitter, width: int, height: int, share: float, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Stand a bust in an empty frame, from crown to lower edge ``share`` of the frame's height.

    The whole of a bust stands on the frame's lower edge, anywhere along it; what is larger than the frame
    begins a little below the upper edge and is cut off by the frame. The sitter must not touch the upper edge
    or the sides of its own picture above `bust_bottom`.
    """
    bottom, side = bust_bottom(sitter.alpha), sitter.alpha.shape[1]
    body = sitter.alpha[:bottom]
    if max(body[:2].max(), body[:, :2].max(), body[:, -2:].max()) > 0.02:
        raise ValueError("a sitter that is cut off by its own picture cannot be made smaller than the frame")
    crown = int(np.argmax((body > 0.5).any(axis=1)))
    zoom = share * height / (bottom - crown)
    rows, columns = round(bottom * zoom), round(side * zoom)
    alpha, colour = resize_sitter(sitter, (0, 0, side, bottom), columns, rows)
    top = height - rows if share <= 1 else round(0.05 * height - crown * zoom)
    reach = max(0, width - round(0.6 * columns)) / 2
    left = round((width - columns) / 2 + rng.uniform(-reach, reach))
    frame, front = np.zeros((height, width), np.float32), np.zeros((height, width, 3), np.float32)
    down = slice(max(top, 0), min(top + rows, height))
    across = slice(max(left, 0), min(left + columns, width))
    source = (slice(down.start - top, down.stop - top), slice(across.start - left, across.stop - left))
    frame[down, across], front[down, across] = alpha[source], colour[source]
    return frame, front


def _window(
    sitter: Sitter, where: tuple[float, float, float], width: int, height: int, bottom: int
) -> tuple[Floats, Floats]:
    """Sample the frame's window of the sitter's picture, which lies at (left, top) with ``zoom``."""
    left, top, zoom = where
    box = (-left / zoom, -top / zoom, (width - left) / zoom, (height - top) / zoom)
    pad = int(np.ceil(max(0, -box[0], -box[1], box[2] - sitter.alpha.shape[1], box[3] - bottom))) + 1
    # The last rows go on below, so that resampling mixes no emptiness into the lower edge.
    alpha = np.pad(sitter.alpha[:bottom], ((pad, 0), (pad, pad)))
    alpha = np.pad(alpha, ((0, pad), (0, 0)), mode="edge")
    colour = np.pad(sitter.colour[:bottom], ((pad, pad), (pad, pad), (0, 0)), mode="edge")
    shifted = (box[0] + pad, box[1] + pad, box[2] + pad, box[3] + pad)
    return resize_sitter(Sitter(alpha, colour), shifted, width, height)


def head_box(alpha: Floats) -> tuple[float, float, float]:
    """Return a square around the head as (centre x, top, side) in px: from the crown to the neck."""
    widths = (alpha > 0.5).sum(axis=1)
    crown = int(np.argmax(widths > 10))
    size = alpha.shape[0]
    search = slice(min(crown + int(0.3 * size), int(0.7 * size)), int(0.86 * size))
    neck = search.start + int(np.argmin(widths[search]))
    # Hair to the shoulders hides the neck; no head here is shorter than this.
    neck = max(neck, crown + int(0.5 * size))
    columns = (alpha[crown:neck] > 0.5).sum(axis=0)
    centre = float((columns * np.arange(alpha.shape[1])).sum() / max(columns.sum(), 1))
    return centre, crown - 0.10 * (neck - crown), 1.22 * (neck - crown)


def place_head(sitter: Sitter, size: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Fill a square frame with the head: alpha and premultiplied colour."""
    centre, top, side = head_box(sitter.alpha)
    side *= rng.uniform(1.0, 1.15)
    centre += rng.uniform(-0.06, 0.06) * side
    # A frame that reaches past the sitter's picture would show where that picture ends.
    height, width = sitter.alpha.shape
    side = min(side, height, width)
    top = float(np.clip(top, 0, height - side))
    left = float(np.clip(centre - side / 2, 0, width - side))
    return resize_sitter(sitter, (left, top, left + side, top + side), size, size)


def background(
    picture: Image.Image, width: int, height: int, rng: np.random.Generator, light: Light = "linear"
) -> Floats:
    """Cut a frame out of a background, at times out of focus (in `light`): H×W×3, levels."""
    fit = min(picture.width / width, picture.height / height) * rng.uniform(0.75, 1.0)
    w, h = width * fit, height * fit
    left, top = rng.uniform(0, picture.width - w), rng.uniform(0, picture.height - h)
    if rng.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    box = (left, top, left + w, top + h)
    frame = picture.convert("RGB").resize((width, height), Image.Resampling.BICUBIC, box)
    blur = rng.choice([0.0, 0.0, 1.5, 4.0, 8.0]) * max(width, height) / 900
    focused = in_light(np.asarray(frame, np.float32), light)
    return as_shown(np.asarray(ndimage.gaussian_filter(focused, (blur, blur, 0)), np.float32), light)


def lit_like(behind: Floats | NDArray[np.float64]) -> Floats:
    """Return three gains that bring a studio sitter part of the way towards a background's light."""
    mean = behind.reshape(-1, 3).mean(axis=0)
    luma = float(mean.mean())
    brightness = np.clip((luma / 120) ** 0.35, 0.65, 1.15)
    cast = np.clip(mean / max(luma, 1), 0.6, 1.5) ** 0.2
    return np.asarray(brightness * cast, np.float32)


def composite(
    alpha: Floats,
    premultiplied: Floats,
    behind: Floats | NDArray[np.float64],
    rng: np.random.Generator,
    light: Light = "linear",
) -> Composite:
    """Set a person before a background.

    Truth is rounded first and the plate made with the rounded one; grain goes over all.

    Parameters
    ----------
    premultiplied : H×W×3, on a scale of 0..255, in what is mixed (see `Sitter`).
    behind : H×W×3, display-referred levels 0..255.
    light : what is mixed.
    """
    truth = np.rint(alpha * 255).astype(np.uint8)
    exact = truth.astype(np.float32)[..., None] / 255
    straight = np.clip(premultiplied / np.maximum(alpha, 1e-3)[..., None], 0, 255)
    front = np.clip(as_shown(cast("Floats", straight), light) * lit_like(behind), 0, 255)
    if light == "encoded":
        plate = mix(front, behind, exact, light)
    else:
        plate = 255 * mix(front / np.float32(255), behind / np.float32(255), exact, light)
    grain = rng.normal(0, rng.uniform(0.5, 2.5), plate.shape)
    soft = (truth > 0) & (truth < 255)
    rim = (truth > 0) & (ndimage.distance_transform_edt(~soft) <= RIM) if soft.any() else soft
    return Composite(
        _bytes(plate + grain),
        truth,
        _bytes(np.where(rim[..., None], front, 0)),
        _bytes(np.where(soft[..., None], behind, 0)),
    )


def _bytes(levels: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
