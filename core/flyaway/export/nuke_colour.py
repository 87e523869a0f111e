"""The person's own colour for the live module: `flyaway.colours` and `foreground` again, in scripted torch.

The same tiles, the same estimates; like the rest of the live module nothing here names a device, or makes a
floating tensor from nothing: weights of interpolation are whole numbers, divided. Tests hold it to the core.
"""

# No `from __future__ import annotations`: the script compiler wants types, not their names.
from typing import List, Tuple  # noqa: UP035 (so does torch 1.12)

import torch
import torch.nn.functional as F
from torch import Tensor

# The script compiler sees no constants of a module. Written out below: 64 a tile's side and 8 its margin
# (`colours.TILE`, `MARGIN`), 4 and 8 px between the field's samples and of its cells, 6 px of `REACH`.
# 16 tiles are worked on at once.


def interpolation(pixels: Tensor, scale: int, first: int, count: int) -> Tensor:
    """P×count float32: `colours._interpolation`, for int64 pixels."""
    cells = torch.arange(count, device=pixels.device) + first
    distance = (2 * pixels.unsqueeze(1) + 1 - scale - 2 * scale * cells.unsqueeze(0)).abs()
    return (2 * scale - distance).clamp(min=0).to(torch.float32) / float(2 * scale)


def means(count: int, like: Tensor) -> Tensor:
    """count×(4·count+8) float32: each row the mean over 12 px, 4 px farther on."""
    cells = 4 * torch.arange(count, device=like.device).unsqueeze(1)
    pixels = torch.arange(4 * count + 8, device=like.device).unsqueeze(0)
    return ((pixels >= cells) & (pixels < cells + 12)).to(torch.float32) / 12.0


def decoded(x: Tensor) -> Tensor:
    """sRGB → light, mirrored below black."""
    size = x.abs()
    curved = torch.where(size <= 0.04045, size / 12.92, ((size + 0.055) / 1.055).pow(2.4))
    return torch.where(x < 0, -curved, curved)


def encoded(x: Tensor) -> Tensor:
    """Light → sRGB, mirrored below black."""
    size = x.abs()
    curved = torch.where(
        size <= 0.0031308, size * 12.92, 1.055 * size.clamp(min=0.0031308).pow(1 / 2.4) - 0.055
    )
    return torch.where(x < 0, -curved, curved)


def light(plate: Tensor, ys: Tensor, xs: Tensor, coded: bool) -> Tensor:
    """3×H×W, and N×P rows and columns → N×3×P×P scene-linear."""
    colour = plate[:, ys.unsqueeze(2), xs.unsqueeze(1)].transpose(0, 1)
    if coded:
        colour = decoded(colour)
    return colour.clamp(-1e6, 1e6)


def edge_tiles(alpha: Tensor) -> Tensor:
    """H×W → N×2 int64: `colours.edge_tiles(alpha, under=True)`."""
    height, width = alpha.shape[0], alpha.shape[1]
    rows, columns = (height + 63) // 64, (width + 63) // 64
    around = alpha.new_zeros((2, 1, rows * 64, columns * 64))
    around[0, 0, :height, :width] = (alpha > 0).to(alpha.dtype)
    around[1, 0, :height, :width] = (alpha < 1).to(alpha.dtype)
    reached = F.max_pool2d(around[0:1], [80, 80], [64, 64], [8, 8])[0, 0]
    open_ = F.max_pool2d(around[1:2], [64, 64], [64, 64])[0, 0]
    return torch.nonzero((reached > 0) & (open_ > 0))


def halved(planes: Tensor) -> Tensor:
    """C×h×w → the mean of each 2×2; what is beyond an odd edge counts as nothing."""
    height, width = planes.shape[1], planes.shape[2]
    padded = planes.new_zeros((planes.shape[0], height + height % 2, width + width % 2))
    padded[:, :height, :width] = planes
    return (
        padded[:, 0::2, 0::2] + padded[:, 1::2, 0::2] + padded[:, 0::2, 1::2] + padded[:, 1::2, 1::2]
    ) / 4.0


def doubled(planes: Tensor, height: int, width: int) -> Tensor:
    """C×h×w → C×height×width, bilinear, twice the size less what hangs over."""
    for axis in range(1, 3):
        length = height if axis == 1 else width
        source = planes.shape[axis]
        # In quarters of a cell, which are whole numbers.
        place = (2 * torch.arange(length, device=planes.device) - 1).clamp(0, 4 * (source - 1))
        low = torch.div(place, 4, rounding_mode="floor")
        upper = (place - 4 * low).to(torch.float32) / 4.0
        upper = upper.unsqueeze(0).unsqueeze(2) if axis == 1 else upper.unsqueeze(0).unsqueeze(0)
        high = (low + 1).clamp(max=source - 1)
        planes = planes.index_select(axis, low) * (1.0 - upper) + planes.index_select(axis, high) * upper
    return planes


def filled(colour: Tensor, weight: Tensor) -> Tensor:
    """Weighted colour 3×2h×2w → 3×h×w, what has no weight filled from ever farther around."""
    totals: List[Tensor] = [halved(colour * weight)]  # noqa: UP006
    known: List[Tensor] = [halved(weight.unsqueeze(0))]  # noqa: UP006
    while max(known[-1].shape[1], known[-1].shape[2]) > 1:
        totals.append(halved(totals[-1]))
        known.append(halved(known[-1]))
    found = colour.mean(2, True).mean(1, True)
    for step in range(len(known)):
        total, sure = totals[len(known) - 1 - step], known[len(known) - 1 - step]
        if found.shape[1] != sure.shape[1] or found.shape[2] != sure.shape[2]:
            found = doubled(found, sure.shape[1], sure.shape[2])
        found = (total + 0.1 * found) / (sure + 0.1)
    return found


def fields(plate: Tensor, alpha: Tensor, coded: bool) -> Tuple[Tensor, Tensor]:  # noqa: UP006
    """Coarse fields of both colours, 3×h×w each, h and w an eighth of the frame's."""
    height, width = alpha.shape[0], alpha.shape[1]
    ys = (4 * torch.arange((height + 7) // 8 * 2, device=alpha.device) + 2).clamp(max=height - 1)
    xs = (4 * torch.arange((width + 7) // 8 * 2, device=alpha.device) + 2).clamp(max=width - 1)
    colour = light(plate, ys.unsqueeze(0), xs.unsqueeze(0), coded)[0]
    cover = alpha[ys][:, xs]
    return filled(colour, cover.pow(8.0)), filled(colour, (1.0 - cover).pow(8.0))


def sampled(field: Tensor, tiles: Tensor) -> Tensor:
    """A coarse field in tiles and their margins: N×3×80×80."""
    reach = torch.arange(12, device=field.device) - 2
    ys = (tiles[:, 0:1] * 8 + reach).clamp(0, field.shape[1] - 1)
    xs = (tiles[:, 1:2] * 8 + reach).clamp(0, field.shape[2] - 1)
    parts = field[:, ys.unsqueeze(2), xs.unsqueeze(1)].transpose(0, 1)
    weights = interpolation(torch.arange(80, device=field.device) - 8, 8, -2, 12)
    return torch.matmul(torch.matmul(weights, parts), weights.t())


def averaged(colour: Tensor, weight: Tensor) -> Tensor:
    """Weighted means over 12 px: N×3×80×80 → N×3×64×64."""
    weight = weight + 1e-4
    mean = means(18, colour)
    total = torch.matmul(torch.matmul(mean, colour * weight), mean.t())
    total = total / torch.matmul(torch.matmul(mean, weight), mean.t())
    back = interpolation(torch.arange(64, device=colour.device), 4, -1, 18)
    return torch.matmul(torch.matmul(back, total), back.t())


def estimated(plate: Tensor, cover: Tensor, front: Tensor, behind: Tensor, coded: bool) -> Tensor:
    """The person's colour in some tiles: N×3×64×64, scene-linear; `colours._local`, `foreground.unmixed`."""
    share = cover.unsqueeze(1)
    wrong = plate - share * front - (1.0 - share) * behind
    low = plate.amin([2, 3], True).clamp(max=0)
    front = averaged(torch.maximum(front + share * wrong, low), share)
    behind = averaged(torch.maximum(behind + (1.0 - share) * wrong, low), 1.0 - share)
    share, plate = share[:, :, 8:72, 8:72], plate[:, :, 8:72, 8:72]
    low = plate.amin([2, 3], True).clamp(max=0)
    colour = torch.maximum(front + share * (plate - share * front - (1.0 - share) * behind), low)
    if coded:  # where the plate has a white, the person does not go beyond it
        colour = torch.minimum(colour, plate.clamp(min=1.0))
    return colour


def person_colour(plate: Tensor, alpha: Tensor, coded: bool) -> Tensor:
    """`flyaway.foreground.foreground`: 3×H×W float32, straight.

    plate: 3×H×W float32, finite; `coded`: sRGB, else scene-linear. alpha: H×W float32, 0..1.
    """
    height, width = alpha.shape[0], alpha.shape[1]
    out = plate * (alpha >= 1).to(plate.dtype)
    tiles = edge_tiles(alpha)
    if tiles.shape[0] == 0:
        return out
    front, behind = fields(plate, alpha, coded)
    span = torch.arange(80, device=alpha.device) - 8
    start = 0
    while start < tiles.shape[0]:
        some = tiles[start : start + 16]
        ys = (some[:, 0:1] * 64 + span).clamp(0, height - 1)
        xs = (some[:, 1:2] * 64 + span).clamp(0, width - 1)
        cover = alpha[ys.unsqueeze(2), xs.unsqueeze(1)]
        tile = light(plate, ys, xs, coded)
        colour = estimated(tile, cover, sampled(front, some), sampled(behind, some), coded)
        if coded:
            colour = encoded(colour)
        near = F.max_pool2d((cover > 0).to(cover.dtype).unsqueeze(1), [13, 13], [1, 1], [6, 6])
        here = (near[:, :, 8:72, 8:72] > 0) & (cover[:, 8:72, 8:72] < 1).unsqueeze(1)
        for index in range(some.shape[0]):
            top, left = int(some[index, 0]) * 64, int(some[index, 1]) * 64
            h, w = min(64, height - top), min(64, width - left)
            place = out[:, top : top + h, left : left + w]
            mine = torch.where(here[index, :, :h, :w], colour[index, :, :h, :w], place)
            out[:, top : top + h, left : left + w] = mine
        start += 16
    return out
