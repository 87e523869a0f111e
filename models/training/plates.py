"""Training plates drawn on a GPU: a bank of pictures held there as bytes, views of many drawn at once.

`pictures.py` draws one plate at a time on a processor, as disk and cores allow; here a batch is a few
hundred operations whatever its size. A picture is one 32-bit word a pixel (colour and alpha), all pictures
one after the other, each with its halves, so that pictures of any size are sampled by one gather.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from models.training.pictures import edge

LEVELS = 5  # a picture and its halves


@dataclass(frozen=True)
class Bank:
    """Pictures on a device.

    Attributes
    ----------
    words : all pixels, int32: red, green, blue, alpha from the lowest byte up.
    starts, heights, widths : pictures × LEVELS, int64.
    weight : pictures, how far the alpha is to be believed.
    exact : pictures, 1 where the alpha is solved and the colours are the person's alone.
    focus : pictures × FOCI × 2, points on the person's edge, as parts of height and width.
    source : of each picture.
    group : of each picture: frames of one sequence stand in order and share it; "" is none.
    trust : all pixels, uint8, in the order of `words`: how far each alpha is to be believed; None is
        fully.
    """

    words: Tensor
    starts: Tensor
    heights: Tensor
    widths: Tensor
    weight: Tensor
    exact: Tensor
    focus: Tensor
    source: list[str]
    group: list[str]
    trust: Tensor | None = None

    def __len__(self) -> int:
        return len(self.source)

    def sample(
        self, which: Tensor, affine: Tensor, shape: tuple[int, int], held: Tensor | bool = True
    ) -> Tensor:
        """Views of some pictures.

        Parameters
        ----------
        which : B, indices.
        affine : B×2×3, from (x, y, 1) in pixels of the view to pixels of the picture.
        held : B bool, whose edges go on outside; of the others all is 0 there.

        Returns
        -------
        B×4×H×W, colour and alpha in 0..1. Shrunk by more than two, a view is
        taken of the picture's half, or quarter, so that it does not alias.
        """
        x, y, start, width, shown = self._places(which, affine, shape)
        shown = shown | torch.as_tensor(held, device=which.device).view(-1, 1, 1)
        x0, y0 = x.long(), y.long()
        fx, fy = (x - x0)[:, None], (y - y0)[:, None]
        height = self.heights[which, self._level(affine)][:, None, None]
        x1, y1 = torch.minimum(x0 + 1, width - 1), torch.minimum(y0 + 1, height - 1)
        rows0, rows1 = start + y0 * width, start + y1 * width
        top = torch.lerp(self._read(rows0 + x0), self._read(rows0 + x1), fx)
        bottom = torch.lerp(self._read(rows1 + x0), self._read(rows1 + x1), fx)
        return torch.lerp(top, bottom, fy) * (shown[:, None] / 255)

    def sample_trust(self, which: Tensor, affine: Tensor, shape: tuple[int, int]) -> Tensor:
        """How far the same views' alphas are to be believed, B×1×H×W in 0..1, from the nearest pixels."""
        if self.trust is None:
            return torch.ones(len(which), 1, *shape, device=which.device)
        x, y, start, width, _ = self._places(which, affine, shape)
        return self.trust[start + y.round().long() * width + x.round().long()][:, None].float() / 255

    def _level(self, affine: Tensor) -> Tensor:
        """Which of a picture's halves a view is taken of, B."""
        step = affine[:, :, :2].square().sum(1).sqrt().amin(1)
        return step.clamp(min=1).log2().floor().long().clamp(max=LEVELS - 1)

    def _places(self, which: Tensor, affine: Tensor, shape: tuple[int, int]) -> tuple[Tensor, ...]:
        """Columns and rows in that half, held to its frame, its start and width, and what lies inside."""
        level = self._level(affine)
        start, height, width = (
            x[which, level][:, None, None] for x in (self.starts, self.heights, self.widths)
        )
        ys = torch.arange(shape[0], device=which.device, dtype=torch.float32) + 0.5
        xs = torch.arange(shape[1], device=which.device, dtype=torch.float32) + 0.5
        a = affine * (0.5 ** level.float())[:, None, None]
        x = (a[:, 0, 0, None] * xs)[:, None, :] + (a[:, 0, 1, None] * ys)[:, :, None] + a[:, 0, 2, None, None]
        y = (a[:, 1, 0, None] * xs)[:, None, :] + (a[:, 1, 1, None] * ys)[:, :, None] + a[:, 1, 2, None, None]
        shown = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        x = torch.minimum((x - 0.5).clamp(min=0), width - 1.0)
        y = torch.minimum((y - 0.5).clamp(min=0), height - 1.0)
        return x, y, start, width, shown

    def _read(self, where: Tensor) -> Tensor:
        return self.words[where][..., None].view(torch.uint8).movedim(-1, 1).float()


FOCI = 16


def _foci(alpha: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Points on the person's edge (or anywhere, where there is none), rows first, 0..1."""
    rng = np.random.default_rng(alpha.size)
    ys, xs = edge(Image.fromarray(alpha))
    if len(ys) == 0:
        return rng.uniform(0.2, 0.8, (FOCI, 2)).astype(np.float32)
    picked = rng.integers(len(ys), size=FOCI)
    return np.stack((ys[picked], xs[picked]), 1).astype(np.float32)


def read_pack(folder: Path, names: Iterable[str], threads: int) -> dict[str, np.ndarray[Any, Any]]:
    """Decode pictures of a pack by name, H×W×3 uint8; those in parts that have not come are left out."""
    place: dict[str, Path] = {}
    for part in sorted(folder.glob("part-*.zip")):
        with zipfile.ZipFile(part) as file:
            place |= dict.fromkeys(file.namelist(), part)

    def decode(name: str) -> tuple[str, np.ndarray[Any, Any]]:
        with zipfile.ZipFile(place[name]) as file, Image.open(io.BytesIO(file.read(name))) as picture:
            return name, np.asarray(picture.convert("RGB"))

    with ThreadPoolExecutor(threads) as pool:
        return dict(pool.map(decode, set(names) & place.keys()))


def read_rows(folder: Path) -> list[dict[str, Any]]:
    """The pack's index; it lies in the first part."""
    with zipfile.ZipFile(folder / "part-1.zip") as file:
        rows: list[dict[str, Any]] = json.loads(file.read("index.json"))
    return rows


def joined(pieces: list[Tensor]) -> Tensor:
    """All pieces one after the other. Empties the list as it goes, so that none is held twice."""
    whole = pieces[0].new_empty(sum(len(piece) for piece in pieces))
    at = 0
    pieces.reverse()
    while pieces:
        piece = pieces.pop()
        whole[at : at + len(piece)] = piece
        at += len(piece)
    return whole


def build(
    rows: list[dict[str, Any]], files: Mapping[str, np.ndarray[Any, Any]], device: torch.device
) -> Bank:
    """Put pictures on a device. Rows without an alpha are backgrounds: their alpha is 0."""
    words, trusts, foci, at = [], [], [], 0
    starts: list[tuple[int, ...]] = []
    heights: list[tuple[int, ...]] = []
    widths: list[tuple[int, ...]] = []
    for row in rows:
        colour = files[row["colour"]]
        alpha = np.zeros(colour.shape[:2], np.uint8)
        if "alpha" in row:
            alpha = _fitted(files[row["alpha"]][..., 0], colour)
        foci.append(_foci(alpha))
        pixels = torch.from_numpy(np.concatenate((colour, alpha[..., None]), -1)).to(device)
        believed = np.full_like(alpha, 255)
        if "trust" in row:
            believed = _fitted(files[row["trust"]][..., 0], colour)
        belief = torch.from_numpy(np.array(believed)[..., None]).to(device)
        per_level: list[tuple[int, int, int]] = []
        for _ in range(LEVELS):
            height, width = pixels.shape[:2]
            words.append(pixels.contiguous().view(torch.int32).flatten())
            trusts.append(belief.flatten())
            per_level.append((at, height, width))
            at += height * width
            if min(height, width) > 8:
                pixels, belief = halved(pixels), halved(belief)
        for column, values in zip((starts, heights, widths), zip(*per_level, strict=True), strict=True):
            column.append(values)
    return Bank(
        joined(words),
        torch.tensor(starts, device=device),
        torch.tensor(heights, device=device),
        torch.tensor(widths, device=device),
        torch.tensor([float(r.get("weight", 1.0)) for r in rows], device=device),
        torch.tensor([float(r.get("cut", False)) for r in rows], device=device),
        torch.from_numpy(np.stack(foci)).to(device),
        [r["source"] for r in rows],
        [r.get("group", "") for r in rows],
        joined(trusts) if any("trust" in r for r in rows) else None,
    )


def _fitted(plane: np.ndarray[Any, Any], colour: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A label on its picture's pixels: it may be kept in another size, or a line off by rounding."""
    if plane.shape == colour.shape[:2]:
        return plane
    size = (colour.shape[1], colour.shape[0])
    return np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR))


def halved(pixels: Tensor) -> Tensor:
    """H×W×C bytes → half the size, each the mean of four."""
    smaller = F.avg_pool2d(pixels.permute(2, 0, 1)[None].float(), 2)[0]
    return smaller.round().byte().permute(1, 2, 0)


def odds(bank: Bank, shares: dict[str, float]) -> Tensor:
    """How often each picture is drawn, so that each source has its share."""
    counts = {source: bank.source.count(source) for source in shares}
    each = [shares.get(source, 0.0) / max(1, counts.get(source, 1)) for source in bank.source]
    values = torch.tensor(each, device=bank.weight.device) * bank.weight
    return values / values.sum()


def views(
    bank: Bank,
    which: Tensor,
    shape: tuple[int, int],
    zoom: Tensor,
    generator: torch.Generator,
    turned: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Affines of random views, and the view's row at which each picture ends: see `pictures._view`.

    Parameters
    ----------
    zoom : B; below 1 the whole picture stands in the view, smaller by that, its bottom edge at the view's.
    turned : B, the largest turn in degrees of those that are not enlarged; None is 0.
    """
    device = which.device

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(len(which), generator=generator, device=device) * (high - low) + low

    height, width = bank.heights[which, 0].float(), bank.widths[which, 0].float()
    down, across = height / shape[0], width / shape[1]
    step = torch.where(zoom < 1, torch.maximum(down, across), torch.minimum(down, across)) / zoom
    spare_x, spare_y = width - shape[1] * step, height - shape[0] * step
    number = torch.randint(FOCI, (len(which),), generator=generator, device=device)
    point = bank.focus[which, number]
    anywhere = uniform(0, 1) < 0.5
    focus_y = torch.where(anywhere, uniform(0.2, 0.8), point[:, 0]) * height
    focus_x = torch.where(anywhere, uniform(0.2, 0.8), point[:, 1]) * width

    def follow(focus: Tensor, side: Tensor, spare: Tensor) -> Tensor:
        return torch.minimum((focus - side * uniform(0.2, 0.8)).clamp(min=0), spare.clamp(min=0))

    left = torch.where(spare_x > 0, follow(focus_x, shape[1] * step, spare_x), spare_x * uniform(0, 1))
    top = torch.where(spare_y > 0, follow(focus_y, shape[0] * step, spare_y), spare_y)
    most = torch.where(zoom > 1.1, 5.0, 0.0)
    if turned is not None:
        most = torch.maximum(most, turned)
    angle = uniform(-1, 1) * most * (math.pi / 180)
    flip = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    c, s = angle.cos() * step, angle.sin() * step
    x, y = left + shape[1] * step / 2, top + shape[0] * step / 2
    half_y, half_x = shape[0] / 2, shape[1] / 2
    # About the view's middle: mirrored, then turned.
    affine = torch.stack((
        torch.stack((c * flip, -s, x - c * flip * half_x + s * half_y), 1),
        torch.stack((s * flip, c, y - s * flip * half_x - c * half_y), 1),
    ), 1)  # fmt: skip
    return affine, (height - top) / step
