"""Regions in TorchScript, for the module that Nuke loads: see `flyaway.regions`.

Every function here compiles with `torch.jit.script`. Nuke moves the module to a GPU and may halve it, so
nothing names a device or makes a floating tensor from nothing: indices are int64, and weights of
interpolation come from exact integer arithmetic. `numpy_backend` documents each function.
"""

# No `from __future__ import annotations`: the script compiler wants types, not their names.
import torch
from torch import Tensor


def source_coordinates(pixels: Tensor, length: int, source: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel indices of the plate → lower index, upper index (int64), float32 weight of the upper.

    The position (p + ½)·source/length − ½ is a fraction over 2·length; its whole part and rest are exact.
    """
    rest = (2 * pixels.clamp(0, length - 1) + 1) * source - length
    rest = rest.clamp(0, (source - 1) * 2 * length)
    low = torch.div(rest, 2 * length, rounding_mode="floor")
    weight = (rest - low * (2 * length)).to(torch.float32) / float(2 * length)
    return low, (low + 1).clamp(0, source - 1), weight


def sample(maps: Tensor, ys: Tensor, xs: Tensor, height: int, width: int) -> Tensor:
    """C×h×w at N×P rows and N×Q columns of the plate → N×C×P×Q."""
    y0, y1, fy = source_coordinates(ys, height, maps.shape[1])
    x0, x1, fx = source_coordinates(xs, width, maps.shape[2])
    down, across = fy.unsqueeze(2).to(maps.dtype), fx.unsqueeze(1).to(maps.dtype)
    y0, y1, x0, x1 = y0.unsqueeze(2), y1.unsqueeze(2), x0.unsqueeze(1), x1.unsqueeze(1)
    top = maps[:, y0, x0] * (1 - across) + maps[:, y0, x1] * across
    bottom = maps[:, y1, x0] * (1 - across) + maps[:, y1, x1] * across
    return (top * (1 - down) + bottom * down).transpose(0, 1)


def sample_points(maps: Tensor, ys: Tensor, xs: Tensor, height: int, width: int) -> Tensor:
    """C×h×w at N rows and N columns of the plate → N×C."""
    return sample(maps, ys.unsqueeze(1), xs.unsqueeze(1), height, width)[:, :, 0, 0]


def upsample(plane: Tensor, height: int, width: int) -> Tensor:
    """h×w → height×width, the arithmetic of `sample` at every pixel of the plate."""
    y0, y1, fy = source_coordinates(torch.arange(height, device=plane.device), height, plane.shape[0])
    x0, x1, fx = source_coordinates(torch.arange(width, device=plane.device), width, plane.shape[1])
    across, down = fx.to(plane.dtype), fy.unsqueeze(1).to(plane.dtype)
    rows = plane[:, x0] * (1 - across) + plane[:, x1] * across
    return rows[y0] * (1 - down) + rows[y1] * down


def unknown_cells(unknown: Tensor, height: int, width: int, cell: int, threshold: float) -> Tensor:
    """h×w probability → rows×columns bool: cells in which any sample of it can exceed a threshold."""
    ys = _cell_spans((height + cell - 1) // cell, cell, height, unknown.shape[0], unknown)
    xs = _cell_spans((width + cell - 1) // cell, cell, width, unknown.shape[1], unknown)
    return unknown[ys].amax(1)[:, xs].amax(2) > threshold


def neighbourhoods(cells: Tensor, count: int, radius: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """rows×columns bool → positions N×2, index N×(1+K), where N×(1+K)×2 and valid N×(1+K); radius ≥ 1."""
    rows, columns = cells.shape[0], cells.shape[1]
    positions = cells.nonzero()
    offsets = _disc_offsets(radius, cells)
    numbers = (cells.to(torch.int64).flatten().cumsum(0) * cells.flatten() - 1).reshape(rows, columns)
    ys = positions[:, 0:1] + offsets[:, 0]
    xs = positions[:, 1:2] + offsets[:, 1]
    inside = (ys >= 0) & (ys < rows) & (xs >= 0) & (xs < columns)
    candidates = numbers[ys.clamp(0, rows - 1), xs.clamp(0, columns - 1)]
    there = inside & (candidates >= 0)
    rank = there.to(torch.int64).cumsum(1)
    found = (there & (rank <= count)).nonzero()
    who, which = found[:, 0], found[:, 1]
    slot = rank[who, which]  # 1…K; 0 is the region itself
    # Built from what is there, so that no dtype or device has to be named.
    itself = torch.arange(positions.shape[0], device=cells.device).unsqueeze(1)
    index = (itself * 0).repeat(1, 1 + count)
    index[:, 0:1] = itself
    index[who, slot] = candidates[who, which]
    valid = (itself < 0).repeat(1, 1 + count)
    valid[:, 0:1] = itself >= 0
    valid[who, slot] = who >= 0
    return positions, index, positions[index], valid


def region_pixels(positions: Tensor, cell: int, halo: int) -> tuple[Tensor, Tensor]:
    """Pixel rows and columns of regions with their halo: two N×(cell+2·halo) int64, may leave the frame."""
    span = torch.arange(cell + 2 * halo, device=positions.device) - halo
    return positions[:, 0:1] * cell + span, positions[:, 1:2] * cell + span


def gather(image: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
    """C×H×W at N×P rows and N×P columns → N×C×P×P; outside the frame the edge is repeated."""
    rows, columns = ys.clamp(0, image.shape[1] - 1).unsqueeze(2), xs.clamp(0, image.shape[2] - 1).unsqueeze(1)
    return image[:, rows, columns].transpose(0, 1)


def refiner_inputs(image: Tensor, maps: Tensor, positions: Tensor, cell: int, halo: int) -> Tensor:
    """Plate 3×H×W and coarse maps C×h×w → N×(3+C)×P×P, P = cell + 2·halo."""
    ys, xs = region_pixels(positions, cell, halo)
    return torch.cat((gather(image, ys, xs), sample(maps, ys, xs, image.shape[1], image.shape[2])), 1)


def blend_ramps(positions: Tensor, rows: int, columns: int, cell: int, halo: int) -> tuple[Tensor, Tensor]:
    """How much each row and each column of a region with its halo counts: two N×(cell+2·halo) float32."""
    return _ramps(positions[:, 0], rows, cell, halo), _ramps(positions[:, 1], columns, cell, halo)


def accumulate(alpha: Tensor, positions: Tensor, changes: Tensor, cell: int) -> None:
    """Add N×P×P changes to the coarse alpha H×W (contiguous) by their blend ramps, in place."""
    height, width = alpha.shape[0], alpha.shape[1]
    halo = (changes.shape[2] - cell) // 2
    rows, columns = (height + cell - 1) // cell, (width + cell - 1) // cell
    down, across = blend_ramps(positions, rows, columns, cell, halo)
    ys, xs = region_pixels(positions, cell, halo)
    # What hangs over the frame counts nothing, and is added where it does no harm: no size depends on data.
    down, across = down * ((ys >= 0) & (ys < height)), across * ((xs >= 0) & (xs < width))
    places = (ys.clamp(0, height - 1) * width).unsqueeze(2) + xs.clamp(0, width - 1).unsqueeze(1)
    weighted = changes.to(alpha.dtype) * down.unsqueeze(2) * across.unsqueeze(1)
    alpha.view(-1).index_add_(0, places.flatten(), weighted.flatten())


def _cell_spans(count: int, cell: int, length: int, source: int, like: Tensor) -> Tensor:
    """count×S int64: the map's entries that samples in each cell touch, the last of them repeated."""
    first = torch.arange(count, device=like.device) * cell
    low = source_coordinates(first, length, source)[0]
    high = source_coordinates(first + cell - 1, length, source)[1]
    widest = int((high - low).max().item()) + 1
    return torch.minimum(low.unsqueeze(1) + torch.arange(widest, device=like.device), high.unsqueeze(1))


def _disc_offsets(radius: int, like: Tensor) -> Tensor:
    """`geometry.disc_offsets` as M×2 int64: within a disc, by distance, then dy, then dx, without (0, 0)."""
    side = 2 * radius + 1
    number = torch.arange(side * side, device=like.device)
    y = torch.div(number, side, rounding_mode="floor") - radius
    x = number - (y + radius) * side - radius
    distance = y * y + x * x
    within = ((distance > 0) & (distance <= radius * radius)).nonzero()[:, 0]
    order = (distance * (side * side) + number)[within].argsort()
    return torch.stack((y, x), 1)[within[order]]


def _ramps(which: Tensor, count: int, cell: int, halo: int) -> Tensor:
    """`blend_ramps` along one axis: N cells' rows (or columns), and how many there are → N×P float32."""
    span = torch.arange(cell + 2 * halo, device=which.device).unsqueeze(0)
    end = cell + 2 * halo - 1
    width = float(max(1, 4 * halo))  # without a halo every pixel counts whole
    rise = ((2 * span + 1).to(torch.float32) / width).clamp(0, 1)
    fall = ((2 * (end - span) + 1).to(torch.float32) / width).clamp(0, 1)
    first = (which == 0).unsqueeze(1).to(torch.float32)
    last = (which == count - 1).unsqueeze(1).to(torch.float32)
    return torch.maximum(rise, first) * torch.maximum(fall, last)
