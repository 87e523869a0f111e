"""The person's own colour for the live module: `flyaway.foreground` again, in scripted torch.

Large plates are sampled where the core samples them (`nuke_large_colour`); in others both colours are
estimated at each pixel, here. Like in the rest of the live module nothing here names a device, or makes a
floating tensor from nothing. Tests hold it to the core.
"""

# No `from __future__ import annotations`: the script compiler wants types, not their names.
import torch
from torch import Tensor

from flyaway.export import nuke_estimates as estimates
from flyaway.export import nuke_large_colour

# The script compiler sees no constants of a module. Written out below: 960 px of `foreground.LARGE`, 64 a
# tile's side, 8 its margin and 18 its cells of 4 px. 16 tiles are worked on at once.


def person_colour(plate: Tensor, alpha: Tensor, coded: bool) -> Tensor:
    """`flyaway.foreground.foreground`: 3×H×W float32, straight, in the plate's encoding.

    plate: 3×H×W float32, finite; `coded`: sRGB, else scene-linear. alpha: H×W float32, 0..1.
    """
    out = plate * (alpha >= 1).to(plate.dtype)
    tiles = estimates.edge_tiles(alpha)
    if tiles.shape[0] == 0:
        return out
    step = (max(alpha.shape[0], alpha.shape[1]) + 480) // 960
    if step > 1:
        return nuke_large_colour.fill_edges(out, plate, alpha, coded, tiles, step)
    return fill_edges(out, plate, alpha, coded, tiles)


def fill_edges(out: Tensor, plate: Tensor, alpha: Tensor, coded: bool, tiles: Tensor) -> Tensor:
    """`out`, with the estimates at the tiles' soft pixels and 6 px beyond."""
    height, width = alpha.shape[0], alpha.shape[1]
    front, behind = estimates.coarse_fields(plate, alpha, coded, 1)
    span = torch.arange(80, device=alpha.device) - 8
    start = 0
    while start < tiles.shape[0]:
        some = tiles[start : start + 16]
        ys = (some[:, 0:1] * 64 + span).clamp(0, height - 1)
        xs = (some[:, 1:2] * 64 + span).clamp(0, width - 1)
        cover = alpha[ys.unsqueeze(2), xs.unsqueeze(1)]
        light = estimates.light(plate, ys, xs, coded)
        within = estimates.sampled(front, some), estimates.sampled(behind, some)
        colour = estimated(light, cover.unsqueeze(1), within[0], within[1], coded)
        if coded:
            colour = estimates.encoded(colour)
        here = (estimates.near(cover)[:, 2:66, 2:66] & (cover[:, 8:72, 8:72] < 1)).unsqueeze(1)
        for index in range(some.shape[0]):
            top, left = int(some[index, 0]) * 64, int(some[index, 1]) * 64
            h, w = min(64, height - top), min(64, width - left)
            place = out[:, top : top + h, left : left + w]
            mine = torch.where(here[index, :, :h, :w], colour[index, :, :h, :w], place)
            out[:, top : top + h, left : left + w] = mine
        start += 16
    return out


def estimated(light: Tensor, share: Tensor, front: Tensor, behind: Tensor, coded: bool) -> Tensor:
    """The person's colour in some tiles: N×3×64×64, scene-linear; `colours.local`, `foreground.unmixed`.

    light, front, behind: N×3×80×80, the plate and what the fields say; share: alpha, N×1×80×80.
    """
    mean = estimates.means_over(12, light)
    back = estimates.interpolation(torch.arange(64, device=light.device), 4, -1, 18)
    front, behind = estimates.local(light, share, front, behind)
    front = estimates.averaged(front, share, mean)
    behind = estimates.averaged(behind, 1.0 - share, mean)
    front = torch.matmul(torch.matmul(back, front), back.t())
    behind = torch.matmul(torch.matmul(back, behind), back.t())
    share, light = share[:, :, 8:72, 8:72], light[:, :, 8:72, 8:72]
    colour = front + share * (light - share * front - (1.0 - share) * behind)
    colour = torch.maximum(colour, estimates.darkest(light))
    if coded:  # where the plate has a white, the person does not go beyond it
        colour = torch.minimum(colour, light.clamp(min=1.0))
    return colour
