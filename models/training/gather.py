"""What the refiner sees of a whole batch at once: regions of all plates, neighbours' tokens, truth.

All regions of all plates lie in one grid, with rows between the plates that are farther apart than attention
looks. So a step is a few operations however many plates there are; `MattingNetwork.patches` and
`neighbourhoods` say the same of one plate, and a test holds the two together.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.network import MattingNetwork, regions
from flyaway.network.decoder import UNKNOWN
from flyaway.network.refiner import UnshuffleRefiner
from flyaway.network.two_stage import Coarse
from models.training.compose import Plates
from models.training.losses import soft_cells, soft_trust

MULTIPLE = 512
GAP = 8  # rows between the plates of a batch in the one grid of regions


class PlateMaps(NamedTuple):
    """What the refiner sees of all plates of a batch."""

    plane: Tensor  # B×C×(rows·cell+2·halo)×(columns·cell+2·halo): plate and coarse maps
    truth: Tensor  # the same of alpha, one channel
    cells: Tensor  # (B·(rows+GAP))×columns bool, what is refined, in the one grid
    context: Tensor  # B×C×h×w
    size: tuple[int, int]  # of the plate


def plate_maps(network: MattingNetwork, plates: Plates, coarse: Coarse) -> PlateMaps:
    """Lay the coarse maps over the plates; cells are the unknown ones, and half of those that should be."""
    r, size = network.config.refiner, (plates.image.shape[2], plates.image.shape[3])
    alpha, trimap, features = network.finest(coarse.levels[-1])
    maps = F.interpolate(
        torch.cat((alpha, trimap[:, UNKNOWN : UNKNOWN + 1], features), 1),
        size,
        mode="bilinear",
        align_corners=False,
    )
    rows, columns = -(-size[0] // r.cell), -(-size[1] // r.cell)
    pad = (r.halo, columns * r.cell - size[1] + r.halo, r.halo, rows * r.cell - size[0] + r.halo)
    plane = F.pad(torch.cat((plates.image, maps), 1), pad, mode="replicate")
    truth = F.pad(plates.alpha, pad, mode="replicate")
    with torch.no_grad():
        unsure = F.max_pool2d(maps[:, 1:2], r.cell, ceil_mode=True)[:, 0] > r.low
        soft = soft_cells(plates.alpha[:, 0], r.cell)
        cells = unsure | (soft & (torch.rand(soft.shape, device=soft.device) < 0.5))
        cells = F.pad(cells, (0, 0, 0, GAP)).flatten(0, 1)
    return PlateMaps(plane, truth, cells, coarse.context.float(), size)


def windows(plane: Tensor, plate: Tensor, row: Tensor, column: Tensor, side: int, step: int) -> Tensor:
    """Squares of many plates: N×C×side×side. Its gradient is one addition into the plane."""
    _, channels, height, width = plane.shape
    span = torch.arange(side, device=plane.device)
    ys, xs = (row * step)[:, None] + span, (column * step)[:, None] + span
    places = (plate[:, None, None] * height + ys[:, :, None]) * width + xs[:, None, :]
    pixels = plane.permute(0, 2, 3, 1).reshape(-1, channels)
    return pixels.index_select(0, places.flatten()).view(len(plate), side, side, channels).permute(0, 3, 1, 2)


def points(maps: Tensor, plate: Tensor, y: Tensor, x: Tensor, size: tuple[int, int]) -> Tensor:
    """Bilinear samples of small maps at pixels of their plates: N×C. The arithmetic is `regions.sample`'s."""
    _, channels, height, width = maps.shape
    y0, y1, fy = regions.source_coordinates(y, size[0], height)
    x0, x1, fx = regions.source_coordinates(x, size[1], width)
    pixels = maps.permute(0, 2, 3, 1).reshape(-1, channels)
    top, bottom = (
        torch.lerp(
            pixels[(plate * height + row) * width + x0],
            pixels[(plate * height + row) * width + x1],
            fx[:, None],
        )
        for row in (y0, y1)
    )
    return torch.lerp(top, bottom, fy[:, None])


class Regions(NamedTuple):
    """Regions that are learned from in a step, and what stands for their neighbours."""

    patches: Tensor  # M×C×P×P
    truth: Tensor  # M×1×P×P
    trust: Tensor  # M
    exact: Tensor  # M
    pooled: Tensor  # N×C×P/4×P/4, of all cells
    context: Tensor  # N×C
    indices: Tensor  # M×(1+K) into N
    where: Tensor  # M×(1+K)×2
    valid: Tensor  # M×(1+K)


def choose(network: MattingNetwork, plates: Plates, maps: PlateMaps, count: int) -> Regions | None:
    """Draw regions; those with more soft pixels are drawn more often."""
    r = network.config.refiner
    side = r.cell + 2 * r.halo
    if not maps.cells.any():
        return None
    positions, index, where, valid = network.neighbourhoods(maps.cells)
    tall = maps.cells.shape[0] // len(plates.image)
    # Padded to few different numbers: cuDNN plans anew for each shape.
    padded = F.pad(positions, (0, 0, 0, -len(positions) % MULTIPLE))
    plate, row, column = padded[:, 0] // tall, padded[:, 0] % tall, padded[:, 1]
    pooled = windows(F.avg_pool2d(maps.plane, 4), plate, row, column, side // 4, r.cell // 4)
    context = points(
        maps.context, plate, row * r.cell + r.cell // 2, column * r.cell + r.cell // 2, maps.size
    )
    with torch.no_grad():
        soft = ((maps.truth > 0.02) & (maps.truth < 0.98)).float()
        odds = 0.02 + windows(F.avg_pool2d(soft, 4), plate, row, column, side // 4, r.cell // 4).mean(
            (1, 2, 3)
        )
        keep = torch.multinomial(odds[: len(positions)], count, replacement=True)
    chosen = (plate[keep], row[keep], column[keep])
    trust = soft_trust(plates.weight, plates.exact)
    return Regions(
        windows(maps.plane, *chosen, side, r.cell), windows(maps.truth, *chosen, side, r.cell),
        trust[chosen[0]], plates.exact[chosen[0]], pooled, context, index[keep], where[keep], valid[keep],
    )  # fmt: skip


def refined(network: MattingNetwork, regions: Regions) -> tuple[Tensor, Tensor]:
    """Coarse alpha of the regions, and what becomes of it, before clamping: M×1×P×P each."""
    refiner = network.refiner
    if not isinstance(refiner, UnshuffleRefiner):
        raise SystemExit("only our refiner is trained so")
    tokens = refiner.tokens(regions.pooled, regions.context)
    attended = network.attention(tokens[regions.indices], regions.where, regions.valid)
    correction = refiner.correction(regions.patches.contiguous(memory_format=torch.channels_last), attended)
    base, unknown = refiner.coarse(regions.patches)
    # Where to refine is learned from the trimap alone.
    return base, base + correction.float() * refiner.blend(unknown.detach())


def soft_distances(base: Tensor, after: Tensor, regions: Regions, shown: Tensor) -> Tensor:
    """Mean distance of exact soft pixels before and after refinement: 2."""
    truth, exact = regions.truth, regions.exact[:, None, None, None] > 0
    soft = (truth > 0.02) & (truth < 0.98) & exact & (shown > 0.5)
    count = soft.sum().clamp(min=1)
    return torch.stack([((x.clamp(0, 1) - truth).abs() * soft).sum() / count for x in (base, after)])
