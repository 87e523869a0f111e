"""The person's own colour in large plates for the live module: `flyaway.large_plates` in scripted torch.

The same samples, the same means of them, enlarged tile by tile and read at the soft pixels alone. Like in the
rest of the live module nothing here names a device, or makes a floating tensor from nothing. Tests hold it to
the core.
"""

# No `from __future__ import annotations`: the script compiler wants types, not their names.
import torch
from torch import Tensor

from flyaway.export import nuke_estimates as estimates

# The script compiler sees no constants of a module. Written out below: 64 a tile's side, 8 its margin and 18
# its cells of 4 samples, 6 px of `large_plates.REACH`, means over 8 samples, 1e-5 a colour's least variance
# and 0.05 that noise is given. 16 tiles are worked on at once.


def fill_edges(out: Tensor, plate: Tensor, alpha: Tensor, coded: bool, tiles: Tensor, step: int) -> Tensor:
    """`out`, with the person's colour at the tiles' soft pixels and 6 px beyond, of every `step`-th pixel."""
    rows, columns = alpha.shape[0] // (64 * step) + 1, alpha.shape[1] // (64 * step) + 1
    wide = torch.div(tiles, step, rounding_mode="floor")  # tiles of as many samples, `step` times as large
    used = torch.zeros(rows * columns, dtype=torch.int64, device=alpha.device)
    number = wide[:, 0] * columns + wide[:, 1]
    used[number] = 1
    group = (used.cumsum(0) - 1)[number]
    means, lowest = wide_means(plate, alpha, coded, torch.nonzero(used.reshape(rows, columns)), step)
    pixels = torch.arange(64 * step, device=alpha.device)
    weights = estimates.interpolation(pixels, 4 * step, -1, 18).reshape(step, 64, 18)
    start = 0
    while start < tiles.shape[0]:
        some, own = tiles[start : start + 16], group[start : start + 16]
        tile, ys, xs, spots = soft_pixels(alpha, some)
        down, across = weights[some[:, 0] % step], weights[some[:, 1] % step].transpose(1, 2)
        whole = torch.matmul(down.unsqueeze(1), torch.matmul(means[own], across.unsqueeze(1)))
        found = whole.transpose(0, 1).reshape(7, -1)[:, spots]
        seen = plate[:, ys, xs]
        if coded:
            seen = estimates.decoded(seen)
        seen = seen.clamp(-1e6, 1e6)
        colour = unmixed(seen, alpha[ys, xs].unsqueeze(0), found, lowest[own[tile]].t())
        if coded:  # where the plate has a white, the person does not go beyond it
            colour = estimates.encoded(torch.minimum(colour, seen.clamp(min=1.0)))
        out[:, ys, xs] = colour
        start += 16
    return out


def wide_means(plate: Tensor, alpha: Tensor, coded: bool, tiles: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """`large_plates._means` of N tiles of samples, N×7×18×18, and how dark a colour may be there, N×3."""
    height, width = alpha.shape[0], alpha.shape[1]
    front, behind = estimates.coarse_fields(plate, alpha, coded, step)
    mean = estimates.means_over(8, alpha)
    span = torch.arange(80, device=alpha.device) - 8
    found, lowest = alpha.new_zeros((tiles.shape[0], 7, 18, 18)), alpha.new_zeros((tiles.shape[0], 3))
    start = 0
    while start < tiles.shape[0]:
        some = tiles[start : start + 16]
        ys = ((some[:, 0:1] * 64 + span) * step + step // 2).clamp(0, height - 1)
        xs = ((some[:, 1:2] * 64 + span) * step + step // 2).clamp(0, width - 1)
        share = alpha[ys.unsqueeze(2), xs.unsqueeze(1)].unsqueeze(1)
        light = estimates.light(plate, ys, xs, coded)
        own, other = estimates.local(
            light, share, estimates.sampled(front, some), estimates.sampled(behind, some)
        )
        own, spread = mean_and_spread(own, share, mean)
        other, rest = mean_and_spread(other, 1.0 - share, mean)
        found[start : start + 16] = torch.cat((own, other, spread / (spread + rest)), 1)
        lowest[start : start + 16] = estimates.darkest(light)[:, :, 0, 0]
        start += 16
    return found, lowest


def mean_and_spread(colour: Tensor, weight: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """N×3×80×80, weighted by N×1×80×80 to the fourth → its means, N×3×18×18, and variances, N×1×18×18."""
    square = weight * weight
    both = torch.cat((colour, (colour * colour).sum(1, True)), 1)
    found = estimates.averaged(both, square * square, mean)
    means = found[:, :3]
    return means, (found[:, 3:] - (means * means).sum(1, True)).clamp(min=0) + 1e-5


def soft_pixels(alpha: Tensor, tiles: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pixels of some tiles that have something covered within 6 px, but are not all covered.

    Returns
    -------
    K int64 each: which of the tiles, row and column in the frame, place in N×64×64.
    """
    height, width = alpha.shape[0], alpha.shape[1]
    span = torch.arange(76, device=alpha.device) - 6
    ys, xs = tiles[:, 0:1] * 64 + span, tiles[:, 1:2] * 64 + span
    cover = alpha[ys.clamp(0, height - 1).unsqueeze(2), xs.clamp(0, width - 1).unsqueeze(1)]
    ys, xs = ys[:, 6:70], xs[:, 6:70]
    inside = (ys < height).unsqueeze(2) & (xs < width).unsqueeze(1)
    where = torch.nonzero(estimates.near(cover) & (cover[:, 6:70, 6:70] < 1) & inside)
    tile, row, column = where[:, 0], where[:, 1], where[:, 2]
    return tile, ys[tile, row], xs[tile, column], (tile * 64 + row) * 64 + column


def unmixed(light: Tensor, share: Tensor, found: Tensor, lowest: Tensor) -> Tensor:
    """`large_plates._unmixed` at K pixels: 3×K, of the plate, 3×K, alpha, 1×K, `wide_means`, 7×K and 3×K."""
    front, behind, varies = found[0:3], found[3:6], found[6:7]
    rest = 1.0 - share
    wrong = light - rest * behind - share * front
    own = share * varies
    wrong = wrong * (own / (share * own + rest * (rest * (1.0 - varies) + 0.05)))
    return torch.maximum(front + wrong, torch.minimum(light, lowest))
