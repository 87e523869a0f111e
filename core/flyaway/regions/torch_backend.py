"""Regions in torch, for the network, with gradients and on any device: see `flyaway.regions`.

`numpy_backend` documents each function; here stand the shapes, and what is torch's own: an unlimited search
for neighbours and the overwriting of cells, which the paper's network needs.
"""

from __future__ import annotations

import torch
from torch import Tensor

from flyaway.geometry import disc_offsets, grid_size

SEARCH_RADII = (2, 6, 24)  # of an unlimited search; who is not served after that is lonely
COMPARED = 1 << 21  # cells looked at at once, for all regions together: bounds memory


def source_coordinates(pixels: Tensor, length: int, source: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel indices of the plate → lower index, upper index (int64), float32 weight of the upper."""
    # The position (p + ½)·source/length − ½ is a fraction over 2·length; its whole part and rest are exact.
    rest = (2 * pixels.clamp(0, length - 1) + 1) * source - length
    rest = rest.clamp(0, (source - 1) * 2 * length)
    low = torch.div(rest, 2 * length, rounding_mode="floor")
    weight = (rest - low * (2 * length)).to(torch.float32) / float(2 * length)
    return low, (low + 1).clamp(max=source - 1), weight


def sample(maps: Tensor, ys: Tensor, xs: Tensor, height: int, width: int) -> Tensor:
    """C×h×w at N×P rows and N×Q columns of the plate → N×C×P×Q."""
    y0, y1, fy = source_coordinates(ys, height, maps.shape[1])
    x0, x1, fx = source_coordinates(xs, width, maps.shape[2])
    fy, fx = fy[:, :, None].to(maps.dtype), fx[:, None, :].to(maps.dtype)
    y0, y1, x0, x1 = y0[:, :, None], y1[:, :, None], x0[:, None, :], x1[:, None, :]
    top = maps[:, y0, x0] * (1 - fx) + maps[:, y0, x1] * fx  # C×N×P×Q
    bottom = maps[:, y1, x0] * (1 - fx) + maps[:, y1, x1] * fx
    return (top * (1 - fy) + bottom * fy).transpose(0, 1)


def sample_points(maps: Tensor, ys: Tensor, xs: Tensor, height: int, width: int) -> Tensor:
    """C×h×w at N rows and N columns of the plate → N×C."""
    return sample(maps, ys[:, None], xs[:, None], height, width)[:, :, 0, 0]


def upsample(plane: Tensor, height: int, width: int) -> Tensor:
    """h×w → height×width, the arithmetic of `sample` at every pixel of the plate."""
    y0, y1, fy = source_coordinates(torch.arange(height, device=plane.device), height, plane.shape[0])
    x0, x1, fx = source_coordinates(torch.arange(width, device=plane.device), width, plane.shape[1])
    fy, fx = fy[:, None].to(plane.dtype), fx.to(plane.dtype)
    rows = plane[:, x0] * (1 - fx) + plane[:, x1] * fx
    return rows[y0] * (1 - fy) + rows[y1] * fy


def unknown_cells(unknown: Tensor, height: int, width: int, cell: int, threshold: float) -> Tensor:
    """h×w probability → rows×columns bool: cells in which any sample of it can exceed a threshold."""
    rows, columns = grid_size(height, width, cell)
    ys = _cell_spans(rows, cell, height, unknown.shape[0], unknown.device)
    xs = _cell_spans(columns, cell, width, unknown.shape[1], unknown.device)
    return unknown[ys].amax(1)[:, xs].amax(2) > threshold


def neighbourhoods(cells: Tensor, count: int, radius: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """rows×columns bool → positions N×2, index N×(1+K), where N×(1+K)×2 and valid N×(1+K).

    Radius 0 is as far as the frame goes: every region then has its K nearest, however far off they are.
    """
    positions = cells.nonzero()
    index, valid = nearest_cells(cells, count, radius)
    itself = torch.arange(positions.shape[0], device=cells.device)[:, None]
    index = torch.cat((itself, index), 1)
    valid = torch.cat((torch.ones_like(itself, dtype=torch.bool), valid), 1)
    return positions, index, positions[index], valid


def region_pixels(positions: Tensor, cell: int, halo: int) -> tuple[Tensor, Tensor]:
    """Pixel rows and columns of regions with their halo: two N×(cell+2·halo) int64, may leave the frame."""
    span = torch.arange(-halo, cell + halo, device=positions.device)
    return positions[:, :1] * cell + span, positions[:, 1:] * cell + span


def gather(image: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
    """C×H×W at N×P rows and N×P columns → N×C×P×P; outside the frame the edge is repeated."""
    ys, xs = ys.clamp(0, image.shape[1] - 1), xs.clamp(0, image.shape[2] - 1)
    return image[:, ys[:, :, None], xs[:, None, :]].transpose(0, 1)


def refiner_inputs(image: Tensor, maps: Tensor, positions: Tensor, cell: int, halo: int) -> Tensor:
    """Plate 3×H×W and coarse maps C×h×w → N×(3+C)×P×P, P = cell + 2·halo."""
    height, width = image.shape[1:]
    ys, xs = region_pixels(positions, cell, halo)
    return torch.cat((gather(image, ys, xs), sample(maps, ys, xs, height, width)), 1)


def blend_ramps(positions: Tensor, rows: int, columns: int, cell: int, halo: int) -> tuple[Tensor, Tensor]:
    """How much each row and each column of a region with its halo counts: two N×(cell+2·halo) float32."""
    span = torch.arange(cell + 2 * halo, device=positions.device)
    rise = ((span + 0.5) / (2 * halo)).clamp(0, 1) if halo > 0 else torch.ones_like(span, dtype=torch.float32)
    fall = rise.flip(0)

    def along(which: Tensor, count: int) -> Tensor:
        first, last = (which == 0).float()[:, None], (which == count - 1).float()[:, None]
        return torch.maximum(rise, first) * torch.maximum(fall, last)

    return along(positions[:, 0], rows), along(positions[:, 1], columns)


def accumulate(alpha: Tensor, positions: Tensor, changes: Tensor, cell: int) -> None:
    """Add N×P×P changes to the coarse alpha H×W (contiguous) by their blend ramps, in place."""
    height, width = alpha.shape
    halo = (changes.shape[-1] - cell) // 2
    down, across = blend_ramps(positions, *grid_size(height, width, cell), cell, halo)
    ys, xs = region_pixels(positions, cell, halo)
    # What hangs over the frame counts nothing, and is added where it does no harm: no size depends on data.
    down, across = down * ((ys >= 0) & (ys < height)), across * ((xs >= 0) & (xs < width))
    places = (ys.clamp(0, height - 1) * width)[:, :, None] + xs.clamp(0, width - 1)[:, None, :]
    weighted = changes.to(alpha.dtype) * down[:, :, None] * across[:, None, :]
    alpha.view(-1).index_add_(0, places.flatten(), weighted.flatten())


def overwrite(alpha: Tensor, positions: Tensor, values: Tensor) -> None:
    """Write N×cell×cell values into whole cells of a (rows·cell)×(columns·cell) alpha, in place."""
    cell = values.shape[-1]
    grid = alpha.view(alpha.shape[0] // cell, cell, alpha.shape[1] // cell, cell).permute(0, 2, 1, 3)
    grid[positions[:, 0], positions[:, 1]] = values.to(alpha.dtype)


def _cell_spans(count: int, cell: int, length: int, source: int, device: torch.device) -> Tensor:
    """count×S indices into the map, of all entries that a cell's samples touch (the last repeated)."""
    first = torch.arange(count, device=device) * cell
    low, _, _ = source_coordinates(first, length, source)
    _, high, _ = source_coordinates(first + cell - 1, length, source)
    span = int((high - low).max()) + 1
    return torch.minimum(low[:, None] + torch.arange(span, device=device), high[:, None])


def nearest_cells(cells: Tensor, count: int, radius: int) -> tuple[Tensor, Tensor]:
    """The nearest chosen cells of each chosen cell, found by looking at the grid, not by sorting.

    Rings are walked outwards until `count` neighbours are found or the radius is reached; the rest is
    masked. Ties fall by the fixed order of `disc_offsets`. With radius 0 the search goes on until all
    are found: equal to brute force over all pairs, without its N×N matrix.

    Parameters
    ----------
    cells
        rows×columns bool.
    count
        K.
    radius
        In cells; 0 is unlimited.

    Returns
    -------
    index
        N×K int64 into the chosen cells, row by row; 0 where masked.
    valid
        N×K bool.
    """
    positions = cells.nonzero()
    n = positions.shape[0]
    index = positions.new_zeros((n, count))
    valid = torch.zeros((n, count), dtype=torch.bool, device=cells.device)
    numbers = cells.flatten().long().cumsum(0).reshape(cells.shape) - 1
    numbers = torch.where(cells, numbers, torch.full_like(numbers, -1))
    todo = torch.arange(n, device=cells.device)
    for reach in (radius,) if radius > 0 else SEARCH_RADII:
        offsets = torch.tensor(disc_offsets(reach), device=cells.device).reshape(-1, 2)
        for part in todo.split(max(1, COMPARED // len(offsets))):
            index[part], valid[part] = _nearest_around(numbers, positions[part], offsets, count)
        todo = todo[valid[todo].sum(1) < min(count, n - 1)]
        if radius > 0 or todo.numel() == 0:
            return index, valid
    for part in todo.split(max(1, COMPARED // max(1, n))):
        index[part], valid[part] = _nearest_anywhere(positions, part, count)
    return index, valid


def _nearest_around(numbers: Tensor, positions: Tensor, offsets: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The first `count` chosen cells among the offsets; `numbers` is −1 where nothing is chosen."""
    rows, columns = numbers.shape
    ys = positions[:, :1] + offsets[:, 0]  # N×M
    xs = positions[:, 1:] + offsets[:, 1]
    inside = (ys >= 0) & (ys < rows) & (xs >= 0) & (xs < columns)
    candidates = numbers[ys.clamp(0, rows - 1), xs.clamp(0, columns - 1)]
    candidates = torch.where(inside, candidates, torch.full_like(candidates, -1))
    rank = (candidates >= 0).long().cumsum(1)
    taken = (candidates >= 0) & (rank <= count)
    who, where = taken.nonzero(as_tuple=True)
    index = positions.new_zeros((positions.shape[0], count))
    valid = torch.zeros_like(index, dtype=torch.bool)
    slot = rank[who, where] - 1
    index[who, slot] = candidates[who, where]
    valid[who, slot] = True
    return index, valid


def _nearest_anywhere(positions: Tensor, part: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The same for a few lonely cells, whose neighbours are too far off to walk there ring by ring.

    Every chosen cell gets a key of its own, which orders as `disc_offsets` does: distance, dy, dx.
    """
    n = positions.shape[0]
    offset = positions[None] - positions[part][:, None]  # P×N×2
    side = 2 * int(positions.max()) + 1
    key = (offset * offset).sum(-1) * side * side + offset[..., 0] * side + offset[..., 1]
    itself = torch.arange(n, device=part.device) == part[:, None]
    key = key.masked_fill(itself, torch.iinfo(key.dtype).max)
    found = min(count, n - 1)
    index = positions.new_zeros((len(part), count))
    valid = torch.zeros_like(index, dtype=torch.bool)
    index[:, :found] = key.topk(found, dim=1, largest=False).indices
    valid[:, :found] = True
    return index, valid
