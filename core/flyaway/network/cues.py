"""Alpha by colour alone, worked out, not learned: a convolution would have to learn to divide.

Two classic answers, both from averages over a region's own pixels. The refiner is given them as channels, and
may blend one of them in as it stands.

References
----------
He, Sun & Tang, "Guided Image Filtering", ECCV 2010: alpha as a linear function of colour, window by window.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

RGB = 3
ALPHA, UNKNOWN = 3, 4  # channels of a patch, after RGB
CUES = 7
FLOOR = 0.3  # what an unknown pixel counts beside a sure one: in broad hair no sure pixel may be near
NEAR, FAR = 5, 9  # px at half resolution, sides of the windows
NOISE = 1e-3  # variance of encoded colour that is not worth following
LIGHT_NOISE = 2e-4  # the same of linear colour, where dark pixels lie closer together
# The nearest cubic to the sRGB curve that keeps 0 and 1, within 0.002: a power costs ten times as much.
CUBIC = (0.3053, 0.6822, 0.0125)


def box(x: Tensor, side: int) -> Tensor:
    """Two box filters in a row, rows and columns apart; outside counts as nothing."""
    for _ in range(2):
        x = F.avg_pool2d(x, (side, 1), 1, (side // 2, 0))
        x = F.avg_pool2d(x, (1, side), 1, (0, side // 2))
    return x


def in_light(colour: Tensor) -> Tensor:
    """Display-referred sRGB 0..1 → linear light, all but: what is mixed in light lies on a line there."""
    a, b, c = CUBIC
    return colour * (colour * (colour * a + b) + c)


def cues(patches: Tensor, light: bool = False) -> tuple[Tensor, Tensor]:
    """All cues of some regions.

    Parameters
    ----------
    patches : N×C×P×P, P even: RGB 0..1, coarse alpha, unknown probability, anything.
    light : colours are compared in linear light, where alpha by colour is coverage; else as encoded.

    Returns
    -------
    N×7×P×P: alpha by two colours (less ½), their contrast, how much of each there is nearby, alpha by
    the near and by the far guided filter (less ½), and what share of alpha colour explains. And the far
    filter's alpha in 0..1, N×1×P×P. Both of the patches' type; worked out in float32.
    """
    full = patches[:, : UNKNOWN + 1].float()
    if light:
        full = torch.cat((in_light(full[:, :RGB]), full[:, RGB:]), 1)
    noise = LIGHT_NOISE if light else NOISE
    half = F.avg_pool2d(full, 2)
    weight = (1 - half[:, UNKNOWN : UNKNOWN + 1]).clamp(0, 1) ** 4 + FLOOR
    colour = full[:, :RGB]
    near, _ = guided(colour, half, weight, NEAR, noise)
    far, explained = guided(colour, half, weight, FAR, noise)
    found = torch.cat((two_colours(colour, half, weight), near - 0.5, far - 0.5, explained), 1)
    # Not by name: a trace would take the type for a constant, and "Optimize" in Nuke halves the patches.
    return found.type_as(patches), far.clamp(0, 1).type_as(patches)


def two_colours(colour: Tensor, half: Tensor, weight: Tensor) -> Tensor:
    """Where a pixel lies on the line between the local colours of back- and foreground: N×4×P×P, see `cues`.

    The two are averages of what the coarse stage holds for either, sure pixels first.
    """
    alpha = half[:, ALPHA : ALPHA + 1]
    front, back = alpha * alpha * weight, (1 - alpha) * (1 - alpha) * weight
    near = box(torch.cat((half[:, :RGB] * front, half[:, :RGB] * back, front, back), 1), FAR)
    share = near[:, 2 * RGB :]
    front_colour = near[:, :RGB] / (share[:, :1] + 1e-4)
    back_colour = near[:, RGB : 2 * RGB] / (share[:, 1:] + 1e-4)
    local = enlarged(torch.cat((back_colour, front_colour - back_colour, share), 1))
    line = local[:, RGB : 2 * RGB]
    contrast = (line * line).sum(1, keepdim=True)
    along = ((colour - local[:, :RGB]) * line).sum(1, keepdim=True) / (contrast + 1e-3)
    return torch.cat((along.clamp(-0.5, 1.5) - 0.5, root(contrast), local[:, 2 * RGB :]), 1)


def root(x: Tensor) -> Tensor:
    """Square root of x ≥ 0, whose gradient at 0 is 0: at a black region infinity times 0 would be NaN."""
    if not x.requires_grad:
        return x.sqrt()
    positive = x > 0
    return torch.where(positive, x, torch.ones_like(x)).sqrt() * positive


def guided(
    colour: Tensor, half: Tensor, weight: Tensor, side: int, noise: float = NOISE
) -> tuple[Tensor, Tensor]:
    """The coarse alpha as a local linear function of colour, and how much of its variance that explains.

    Parameters
    ----------
    colour : N×3×P×P.
    half : N×5×P/2×P/2, colour, alpha and unknown probability at half resolution.
    weight : N×1×P/2×P/2.
    side : of the window, px at half resolution.
    noise : variance of colour that is not worth following.
    """
    rgb, alpha = half[:, :RGB], half[:, ALPHA : ALPHA + 1]
    r, g, b = rgb[:, :1], rgb[:, 1:2], rgb[:, 2:]
    second = torch.cat((r * r, r * g, r * b, g * g, g * b, b * b, rgb * alpha, alpha * alpha), 1)
    mean = box(torch.cat((rgb, alpha, second), 1) * weight, side) / box(weight, side)
    m, ma, second = mean[:, :RGB], mean[:, RGB : RGB + 1], mean[:, RGB + 1 :]
    mr, mg, mb = m[:, :1], m[:, 1:2], m[:, 2:]
    second = second - torch.cat((mr * mr, mr * mg, mr * mb, mg * mg, mg * mb, mb * mb, m * ma, ma * ma), 1)
    rr, rg, rb, gg, gb, bb = second[:, :6].split(1, 1)
    rr, gg, bb = rr + noise, gg + noise, bb + noise
    along, variance = second[:, 6:9], second[:, 9:]
    slope = torch.cat(solved(rr, rg, rb, gg, gb, bb, *along.split(1, 1)), 1)
    explained = (slope * along).sum(1, keepdim=True) / (variance + NOISE)  # of alpha, whatever colour is in
    local = enlarged(torch.cat((slope, ma - (slope * m).sum(1, keepdim=True), explained), 1))
    found = (local[:, :RGB] * colour).sum(1, keepdim=True) + local[:, RGB : RGB + 1]
    return found.clamp(-0.5, 1.5), local[:, RGB + 1 :]


def solved(
    rr: Tensor, rg: Tensor, rb: Tensor, gg: Tensor, gb: Tensor, bb: Tensor, x: Tensor, y: Tensor, z: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Solution of the symmetric, positive 3×3 systems by LDLᵀ: cofactors would lose what NOISE leaves."""
    l1, l2 = rg / rr, rb / rr
    d1, t = gg - l1 * rg, gb - l2 * rg
    l3 = t / d1
    d2 = bb - l2 * rb - l3 * t
    y = y - l1 * x
    z = (z - l2 * x - l3 * y) / d2
    y = y / d1 - l3 * z
    return x / rr - l1 * y - l2 * z, y, z


def enlarged(x: Tensor) -> Tensor:
    """Twice the size, bilinear."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
