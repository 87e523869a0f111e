"""Both colours at soft edges for the live module: `colours` and `colour_fields` again, in scripted torch.

The same tiles, the same estimates; like the rest of the live module nothing here names a device, or makes a
floating tensor from nothing: weights of interpolation are whole numbers, divided. Tests hold it to the core.
"""

# No `from __future__ import annotations`: the script compiler wants types, not their names.
import torch
import torch.nn.functional as F
from torch import Tensor

# The script compiler sees no constants of a module. Written out below: 64 a tile's side, 8 its margin and 18
# its `colours.CELLS` of 4 px, 4 and 8 px between the coarse fields' samples and of their cells, their eighth
# power and tenth of doubt.


def interpolation(pixels: Tensor, scale: int, first: int, count: int) -> Tensor:
    """`colours.interpolation`: int64 pixels → P×count float32."""
    cells = torch.arange(count, device=pixels.device) + first
    distance = (2 * pixels.unsqueeze(1) + 1 - scale - 2 * scale * cells.unsqueeze(0)).abs()
    return (2 * scale - distance).clamp(min=0).to(torch.float32) / float(2 * scale)


def means_over(width: int, like: Tensor) -> Tensor:
    """`colours.means_over`: 18×80 float32, each row the mean over `width` px around a cell of 4 px."""
    first = 4 * torch.arange(18, device=like.device).unsqueeze(1) + (12 - width) // 2
    pixels = torch.arange(80, device=like.device).unsqueeze(0)
    return ((pixels >= first) & (pixels < first + width)).to(torch.float32) / float(width)


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
    """`colours.edge_tiles`, `under` too: H×W → N×2 int64."""
    height, width = alpha.shape[0], alpha.shape[1]
    rows, columns = (height + 63) // 64, (width + 63) // 64
    around = alpha.new_zeros((2, 1, rows * 64, columns * 64))
    around[0, 0, :height, :width] = (alpha > 0).to(alpha.dtype)
    around[1, 0, :height, :width] = (alpha < 1).to(alpha.dtype)
    reached = F.max_pool2d(around[0:1], [80, 80], [64, 64], [8, 8])[0, 0]
    open_ = F.max_pool2d(around[1:2], [64, 64], [64, 64])[0, 0]
    return torch.nonzero((reached > 0) & (open_ > 0))


def near(cover: Tensor) -> Tensor:
    """`large_plates.near` of alpha, N×P×Q: where something is covered within 6 px, N×(P−12)×(Q−12)."""
    covered = (cover > 0).to(cover.dtype).unsqueeze(1)
    # One axis after the other: 13×13 px at once take over twice as long.
    return F.max_pool2d(F.max_pool2d(covered, [13, 1], [1, 1]), [1, 13], [1, 1])[:, 0] > 0


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
    totals: list[Tensor] = [halved(colour * weight)]
    known: list[Tensor] = [halved(weight.unsqueeze(0))]
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


def coarse_fields(plate: Tensor, alpha: Tensor, coded: bool, step: int) -> tuple[Tensor, Tensor]:
    """Coarse fields of both colours, 3×h×w each; h and w are the frame's over 8 steps."""
    height, width = alpha.shape[0], alpha.shape[1]
    stride, cell = 4 * step, 8 * step
    ys = stride * torch.arange((height + cell - 1) // cell * 2, device=alpha.device) + stride // 2
    xs = stride * torch.arange((width + cell - 1) // cell * 2, device=alpha.device) + stride // 2
    ys, xs = ys.clamp(max=height - 1), xs.clamp(max=width - 1)
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


def local(light: Tensor, share: Tensor, front: Tensor, behind: Tensor) -> tuple[Tensor, Tensor]:
    """`colours.local`: of what the fields say in N tiles, N×3×80×80, both colours, yet to be averaged.

    light: N×3×80×80, scene-linear; share: alpha, N×1×80×80.
    """
    wrong = light - share * front - (1.0 - share) * behind
    low = darkest(light)
    return torch.maximum(front + share * wrong, low), torch.maximum(behind + (1.0 - share) * wrong, low)


def darkest(light: Tensor) -> Tensor:
    """What a colour may be at least: black, or less where the plate around is. N×3×h×w → N×3×1×1."""
    return light.amin([2, 3], True).clamp(max=0)


def averaged(colour: Tensor, weight: Tensor, mean: Tensor) -> Tensor:
    """`colours.averaged`: N×C×80×80, weighted by N×1×80×80, → means 4 px apart, N×C×18×18."""
    weight = weight + 1e-4
    total = torch.matmul(torch.matmul(mean, colour * weight), mean.t())
    return total / torch.matmul(torch.matmul(mean, weight), mean.t())
