"""The refiner's cues as a runtime without fused filters computes them quickest: `flyaway.network.cues` again.

The same numbers but for rounding. Two box filters in a row are a banded matrix, and so is the enlargement:
each is two products of all maps at once with a transposition between, where pooling and resizing take several
passes with a loop a pixel. The first leaves maps transposed, which arithmetic pixel by pixel does not mind,
and the second takes them so. Both guided filters are solved as one batch; products of channels are had by
gathering.

Apart from the network's own: that one also runs in torch under mixed precision, where products of matrices
would lose what filters keep, and in Nuke, where no constant may stay on another device.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network.cues import (
    ALPHA,
    FAR,
    FLOOR,
    LIGHT_NOISE,
    NEAR,
    NOISE,
    RGB,
    UNKNOWN,
    in_light,
    root,
    solved,
)

# Which of red, green, blue and alpha are multiplied: the six of colour, colour with alpha, alpha with itself.
FIRST, SECOND = (0, 0, 0, 1, 1, 2, 0, 1, 2, 3), (0, 1, 2, 1, 2, 2, 3, 3, 3, 3)
COLOURS = (0, 3, 5)  # where a colour is multiplied by itself
MEANS = ALPHA + 1


def averaging(size: int, side: int) -> Tensor:
    """size×size: two box filters in a row over `side` px, outside nothing; its own transpose."""
    apart = torch.arange(size)[:, None] - torch.arange(size)
    once = (apart.abs() <= side // 2).double() / side
    return (once @ once).float()


def enlarging(size: int) -> Tensor:
    """size×2·size: what `F.interpolate` multiplies by from the right to enlarge along the last axis."""
    eye = torch.eye(size)[None]
    return F.interpolate(eye, scale_factor=2.0, mode="linear", align_corners=False)[0]


class QuickCues(nn.Module):
    """`flyaway.network.cues.cues` of patches of one size, to be exported."""

    def __init__(self, side: int):
        super().__init__()
        half = side // 2
        constants = {
            "near": averaging(half, NEAR),
            "far": averaging(half, FAR),
            "twice": enlarging(half),
            "first": torch.tensor(FIRST),
            "second": torch.tensor(SECOND),
            "least": torch.full((1, len(FIRST), 1, 1), NOISE),
            "least_in_light": torch.full((1, len(FIRST), 1, 1), NOISE),
        }
        for name in ("least", "least_in_light"):  # colour has nothing but noise to follow below them
            constants[name][:, :-1] = 0
        constants["least"][:, list(COLOURS)] = NOISE
        constants["least_in_light"][:, list(COLOURS)] = LIGHT_NOISE
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)

    near: Tensor
    far: Tensor
    twice: Tensor
    first: Tensor
    second: Tensor
    least: Tensor
    least_in_light: Tensor

    def forward(self, patches: Tensor, light: bool = False) -> tuple[Tensor, Tensor]:
        """See `flyaway.network.cues.cues`."""
        colour, rest = patches[:, :RGB], patches[:, ALPHA : UNKNOWN + 1]
        if light:
            colour = in_light(colour)
        half = F.avg_pool2d(torch.cat((colour, rest), 1), 2)
        known = (1 - half[:, UNKNOWN : UNKNOWN + 1]).clamp(0, 1)
        known = known * known
        weight = known * known + FLOOR
        found, explained = self._guided(colour, half, weight, self.least_in_light if light else self.least)
        near, far = found[0], found[1]
        maps = (*self._two_colours(colour, half, weight), near - 0.5, far - 0.5, explained)
        return torch.cat(maps, 1), far.clamp(0, 1)

    def _guided(self, colour: Tensor, half: Tensor, weight: Tensor, least: Tensor) -> tuple[Tensor, Tensor]:
        """Alpha by the near and by the far filter, 2×N×1×P×P, and what the far one explains, N×1×P×P."""
        samples = half[:, :MEANS]
        products = samples.index_select(1, self.first) * samples.index_select(1, self.second)
        weighted = torch.cat((samples * weight, products * weight, weight), 1)
        sums = torch.cat((self._averaged(weighted, self.near), self._averaged(weighted, self.far)))
        mean = sums[:, :-1] / sums[:, -1:]
        own = mean[:, :MEANS]
        spread = mean[:, MEANS:] - own.index_select(1, self.first) * own.index_select(1, self.second) + least
        slope, explained = _solved(spread)
        offset = own[:, ALPHA:] - (slope * own[:, :RGB]).sum(1, keepdim=True)
        side = colour.shape[-1]
        local = self._enlarged(torch.cat((slope, offset, explained), 1)).reshape(2, -1, RGB + 2, side, side)
        found = (local[:, :, :RGB] * colour).sum(2, keepdim=True) + local[:, :, RGB : RGB + 1]
        return found.clamp(-0.5, 1.5), local[1, :, RGB + 1 :]

    def _two_colours(self, colour: Tensor, half: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Where a pixel lies between both local colours (less ½), their contrast, how much is of each."""
        alpha = half[:, ALPHA : ALPHA + 1]
        rest = 1 - alpha
        front, back = alpha * alpha * weight, rest * rest * weight
        rgb = half[:, :RGB]
        sums = self._averaged(torch.cat((rgb * front, rgb * back, front, back), 1), self.far)
        share = sums[:, 2 * RGB :]
        front_colour = sums[:, :RGB] / (share[:, :1] + 1e-4)
        back_colour = sums[:, RGB : 2 * RGB] / (share[:, 1:] + 1e-4)
        local = self._enlarged(torch.cat((back_colour, front_colour - back_colour, share), 1))
        line = local[:, RGB : 2 * RGB]
        contrast = (line * line).sum(1, keepdim=True)
        along = ((colour - local[:, :RGB]) * line).sum(1, keepdim=True) / (contrast + 1e-3)
        return along.clamp(-0.5, 1.5) - 0.5, root(contrast), local[:, 2 * RGB :]

    def _averaged(self, maps: Tensor, filters: Tensor) -> Tensor:
        """Averages over a window, transposed."""
        return (maps @ filters).transpose(2, 3) @ filters

    def _enlarged(self, transposed: Tensor) -> Tensor:
        """Twice the size, the right way round."""
        return (transposed @ self.twice).transpose(2, 3) @ self.twice


def _solved(spread: Tensor) -> tuple[Tensor, Tensor]:
    """Slopes of alpha over colour, N×3×h×w, and what share of alpha's variance they explain, N×1×h×w.

    `spread`: N×10×h×w, in the order of FIRST and SECOND.
    """
    rr, rg, rb, gg, gb, bb, x0, y0, z0, variance = spread.split(1, 1)
    x, y, z = solved(rr, rg, rb, gg, gb, bb, x0, y0, z0)
    return torch.cat((x, y, z), 1), (x * x0 + y * y0 + z * z0) / variance
