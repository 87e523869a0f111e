"""Training pictures: photographs with their mattes, and people set before new backgrounds.

An index (`train.csv`, made by `data/fuse_teachers.py`) names the pictures. Each sample is drawn anew: a
random view of a photograph, or its person over a random background with exact alpha, or a background
alone; then the faults of real cameras. Everything is drawn by one seeded generator a sample, so a
run can be repeated.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import Dataset

from models.mixing import decoded, encoded, mix
from models.training.camera import box, camera, to_tensor, tone

Affine = tuple[float, float, float, float, float, float]


@dataclass(frozen=True)
class Picture:
    """One row of the index."""

    name: str
    image: Path
    alpha: Path
    foreground: Path | None
    source: str
    weight: float  # how far its alpha is to be believed, 0..1
    exact: bool  # alpha solved or made, not a teacher's


def read_index(path: Path, root: Path, licences: set[str]) -> list[Picture]:
    """Rows of the index whose licence class is among `licences`; relative paths start at `root`."""
    pictures = []
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            if row["licence"] not in licences or float(row["weight"]) <= 0:
                continue
            pictures.append(
                Picture(
                    row["name"],
                    root / row["image"],
                    root / row["alpha"],
                    root / row["fg"] if row["fg"] else None,
                    row["source"],
                    float(row["weight"]),
                    row["source"] == "london",
                )
            )
    return pictures


def read_backgrounds(path: Path, root: Path, sources: set[str] | None) -> list[Path]:
    """Backgrounds without people that are not held out."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [root / r["image"] for r in rows if sources is None or r["source"] in sources]


def foreground(image: Tensor, alpha: Tensor, radius: int = 15) -> Tensor:
    """Colour of the person under the alpha, …×C×H×W, by blurred averages.

    Forte, "Approximate Fast Foreground Colour Estimation", ICIP 2021: foreground and background are
    blurred averages of what is surely theirs, then the foreground is moved to explain the picture.
    """
    # What is so wide is as smooth from a third of the pixels, at a tenth of the cost.
    sums = torch.cat((alpha, image * alpha, 1 - alpha, image * (1 - alpha)), -3)
    small = F.avg_pool2d(sums, 3, ceil_mode=True, count_include_pad=False)
    wide = F.interpolate(
        box(small if small.ndim == 4 else small[None], max(1, radius // 3)),
        size=image.shape[-2:],
        mode="bilinear",
        align_corners=False,
    )
    wide = wide if image.ndim == 4 else wide[0]
    share, front, rest, back = wide.split((1, 3, 1, 3), -3)
    front, back = front / (share + 1e-4), back / (rest + 1e-4)
    return (front + alpha * (image - alpha * front - (1 - alpha) * back)).clamp(0, 1)


# Of the replaced backgrounds hold things that are nobody: what stands out is not always a person.
CLUTTER = 0.4
SHAPES = ((1.0, 1.0), (1.2, 0.8), (0.8, 1.2), (1.2, 0.8))  # height, width as parts of the size


def plate_shapes(sizes: list[int], ratio: float, multiple: int = 32) -> list[tuple[int, int]]:
    """Heights and widths of plates whose working images, `ratio` times smaller, fit the network."""

    def side(size: int, part: float) -> int:
        return round(round(size * part / multiple) * multiple * ratio)

    return [(side(size, height), side(size, width)) for height, width in SHAPES for size in sizes]


class Portraits(Dataset[dict[str, Tensor]]):
    """Endless samples: image 3×H×W and alpha 1×H×W as uint8, with the weight of its truth.

    A batch has one shape; batches take turns.
    """

    def __init__(
        self,
        pictures: list[Picture],
        backgrounds: list[Path],
        shapes: list[tuple[int, int]],
        batch: int,
        seed: int,
        share: dict[str, float] | None = None,
    ):
        self.backgrounds, self.shapes, self.batch, self.seed = backgrounds, shapes, batch, seed
        self.pictures = pictures
        share = share or {"london": 0.22, "ccp": 0.36, "figaro": 0.22, "civil": 0.20}
        counts = {s: sum(p.source == s for p in pictures) for s in share}
        odds = np.array([share[p.source] / counts[p.source] * p.weight for p in pictures])
        self.odds = odds / odds.sum()

    def __len__(self) -> int:
        return 1 << 31

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        rng = np.random.default_rng((self.seed, index))
        shape = self.shapes[index // self.batch % len(self.shapes)]
        if rng.random() < 0.04:
            image, alpha, weight, exact = self._background(shape, rng), torch.zeros(1, *shape), 1.0, 1.0
        else:
            picture = self.pictures[rng.choice(len(self.pictures), p=self.odds)]
            image, alpha = self._person(picture, shape, rng)
            weight, exact = picture.weight, float(picture.exact)
        image, alpha = camera(image, alpha, rng)
        return {
            "image": (image * 255).round().byte(),
            "alpha": (alpha * 255).round().byte(),
            "weight": torch.tensor(weight, dtype=torch.float32),
            "exact": torch.tensor(exact, dtype=torch.float32),
        }

    def _background(self, shape: tuple[int, int], rng: np.random.Generator) -> Tensor:
        image = Image.open(self.backgrounds[rng.integers(len(self.backgrounds))]).convert("RGB")
        step = min(image.width / shape[1], image.height / shape[0]) * rng.uniform(0.5, 1.0)
        width, height = shape[1] * step, shape[0] * step
        x, y = rng.uniform(0, image.width - width), rng.uniform(0, image.height - height)
        resample = Image.Resampling.BILINEAR
        image = image.resize((shape[1], shape[0]), resample, (x, y, x + width, y + height))
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        tensor = to_tensor(image)
        if rng.random() < 0.5:  # portraits are often shot before a blurred background
            radius = int(max(shape) * rng.uniform(0.003, 0.02))
            if radius > 0:
                tensor = box(box(tensor, radius), radius)
        return tensor

    def _person(
        self, picture: Picture, shape: tuple[int, int], rng: np.random.Generator
    ) -> tuple[Tensor, Tensor]:
        # A studio backdrop teaches nothing about backgrounds: those are nearly always replaced.
        replace = rng.random() < (0.95 if picture.foreground is not None else 0.4)
        path = picture.foreground if replace and picture.foreground is not None else picture.image
        image = Image.open(path).convert("RGB")
        alpha = Image.open(picture.alpha).convert("L")
        if alpha.size != image.size:
            alpha = alpha.resize(image.size, Image.Resampling.BILINEAR)
        # Scale: a view tighter than the picture, or (only over a new background) a smaller person.
        zoom = math.exp(rng.uniform(math.log(0.45 if replace else 1.0), math.log(2.0)))
        view = _view(image.size, shape, zoom, _focus(alpha, rng), rng)
        flip = rng.random() < 0.5
        image, alpha = (_render(x, view, shape, flip) for x in (image, alpha))
        colour, matte = to_tensor(image), to_tensor(alpha)
        if replace:
            if picture.foreground is None:
                colour = encoded(foreground(decoded(colour), matte))
            behind = tone(self._background(shape, rng), rng, 0.8)
            for _ in range(rng.integers(1, 4) if rng.random() < CLUTTER else 0):
                thing = tone(self._background(shape, rng), rng, 1.5)
                behind = mix(thing, behind, blob(shape, rng))
            colour = mix(tone(colour, rng, 0.5), behind, matte)
        return colour, matte


def blob(shape: tuple[int, int], rng: np.random.Generator) -> Tensor:
    """1×H×W mask of one thing of any outline, with an edge as sharp as the plate's or out of focus."""
    noise = torch.from_numpy(rng.standard_normal((1, 1, 6, 6), dtype=np.float32))
    noise = F.interpolate(noise, shape, mode="bicubic", align_corners=False)[0]
    y, x = torch.linspace(-1, 1, shape[0])[:, None], torch.linspace(-1, 1, shape[1])
    high, wide = rng.uniform(0.15, 0.7, 2)
    round_ = ((y - rng.uniform(-1, 1)) / high) ** 2 + ((x - rng.uniform(-1, 1)) / wide) ** 2
    return ((1 - round_ + 0.5 * noise) * math.exp(rng.uniform(math.log(8), math.log(120)))).clamp(0, 1)


def _focus(alpha: Image.Image, rng: np.random.Generator) -> tuple[float, float]:
    """A point to keep in view, relative: anywhere, or on the person's edge."""
    ys, xs = edge(alpha)
    if len(ys) == 0 or rng.random() < 0.5:
        return rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)
    i = rng.integers(len(ys))
    return xs[i], ys[i]


def edge(alpha: Image.Image) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points on the person's edge, as parts of height and of width."""
    small = np.asarray(alpha.resize((48, 48)))
    ys, xs = np.nonzero((small > 25) & (small < 230))
    return (ys + 0.5) / 48, (xs + 0.5) / 48


def _view(
    size: tuple[int, int],
    shape: tuple[int, int],
    zoom: float,
    focus: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[Affine, int]:
    """Output pixel → source pixel, as PIL wants it, and how far the source may be shrunk first."""
    (width, height), (rows, columns) = size, shape
    fit = max if zoom < 1 else min  # a small person stands whole in the view; a large view has no border
    step = fit(width / columns, height / rows) / zoom
    spare_x, spare_y = width - columns * step, height - rows * step
    # Where the view lies inside the picture it follows the focus; where the picture lies inside the view
    # its bottom edge stays at the view's bottom, so that nobody is cut off in mid-air.
    left = _follow(focus[0] * width, columns * step, spare_x, rng) if spare_x > 0 else spare_x * rng.random()
    top = _follow(focus[1] * height, rows * step, spare_y, rng) if spare_y > 0 else spare_y
    angle = math.radians(rng.uniform(-5, 5)) if zoom > 1.1 else 0.0
    c, s = math.cos(angle) * step, math.sin(angle) * step
    x, y = left + columns * step / 2, top + rows * step / 2
    affine = (
        c, -s, x - c * columns / 2 + s * rows / 2,
        s, c, y - s * columns / 2 - c * rows / 2,
    )  # fmt: skip
    return affine, max(1, int(step))


def _follow(focus: float, side: float, spare: float, rng: np.random.Generator) -> float:
    return min(max(focus - side * rng.uniform(0.2, 0.8), 0.0), spare)


def _render(image: Image.Image, view: tuple[Affine, int], shape: tuple[int, int], flip: bool) -> Image.Image:
    (a, b, c, d, e, f), shrink = view
    if shrink > 1:  # an affine samples bilinearly: shrink first, or it would alias
        image = image.reduce(shrink)
        a, b, c, d, e, f = (v / shrink for v in (a, b, c, d, e, f))
    image = image.transform(
        (shape[1], shape[0]), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR
    )
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if flip else image
