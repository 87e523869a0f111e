"""A large plate's own detail for the live module: `flyaway.detail` again, in scripted torch.

The same fit, of the whole smaller picture instead of the cells with soft edges: where alpha is all 0 or all 1
the factors are 0 all the same. Like the rest of the live module nothing here names a device or makes a
floating tensor from nothing. Tests hold it to the core.
"""

# No `from __future__ import annotations`: the script compiler wants types, not their names.
import torch
from torch import Tensor

from flyaway.regions import torchscript_backend as regions

# The script compiler sees no constants of a module. Written out below: 2 px of `detail.RADIUS` (25 px a
# window), 1 px by which factors are smoothed (9 px), and 1e-4, `detail.NOISE`.


def detailed(plate: Tensor, small: Tensor, alpha: Tensor) -> Tensor:
    """The alpha of a plate, of one that was found at a smaller size.

    Parameters
    ----------
    plate : 3×H×W float32, display-referred.
    small : 3×h×w float32, the plate as the network looked at it.
    alpha : h×w float32, 0..1, what it found there.

    Returns
    -------
    H×W float32, 0..1.
    """
    maps = affine(small, alpha)
    height, width = plate.shape[1], plate.shape[2]
    # One plane of the plate's size at a time, in the core's order: three at once take 200 MB more at UHD.
    result = regions.upsample(maps[0], height, width) * plate[0]
    result += regions.upsample(maps[1], height, width) * plate[1]
    result += regions.upsample(maps[2], height, width) * plate[2]
    result += regions.upsample(maps[3], height, width)
    return result.clamp_(0, 1)


def affine(small: Tensor, alpha: Tensor) -> Tensor:
    """3×h×w and h×w float32 → 4×h×w: what alpha is of colour, three factors and what is added to them."""
    height, width = alpha.shape[0], alpha.shape[1]
    ys = (torch.arange(height + 6, device=alpha.device) - 3).clamp(0, height - 1)
    xs = (torch.arange(width + 6, device=alpha.device) - 3).clamp(0, width - 1)
    found = factors(torch.cat((small, alpha.unsqueeze(0)))[:, ys][:, :, xs])
    rest = alpha - (found * small).sum(0)
    return torch.cat((found, rest.unsqueeze(0)))


def factors(block: Tensor) -> Tensor:
    """4×P×Q colour and alpha → 3×(P−6)×(Q−6) factors of the colours, smoothed."""
    sums = windows(block, 2)
    flat = (sums[3] == 0) | (sums[3] == 25)
    variance = windows(products(block), 2) / 25 - products(sums / 25)
    rr, gg, bb = variance[0] + 1e-4, variance[1] + 1e-4, variance[2] + 1e-4
    rg, rb, gb = variance[3], variance[4], variance[5]
    x, y, z = variance[6], variance[7], variance[8]
    # By elimination: cofactors are fifty times less exact in float32 where colours are nearly of one line.
    g_of_r, b_of_r = rg / rr, rb / rr
    gg, gb, bb = gg - g_of_r * rg, gb - g_of_r * rb, bb - b_of_r * rb
    b_of_g = gb / gg
    y = y - g_of_r * x
    blue = (z - b_of_r * x - b_of_g * y) / (bb - b_of_g * gb)
    green = y / gg - b_of_g * blue
    red = x / rr - g_of_r * green - b_of_r * blue
    return windows(torch.stack((red, green, blue)).masked_fill(flat, 0.0), 1) / 9


def products(block: Tensor) -> Tensor:
    """4×P×Q → 9×P×Q: the colours' squares, each of them with another (RG, RB, GB), and each with alpha."""
    r, g, b = block[0:1], block[1:2], block[2:3]
    return torch.cat((block[:3] * block[:3], r * g, r * b, g * b, block[:3] * block[3:4]))


def windows(planes: Tensor, radius: int) -> Tensor:
    """C×P×Q → C×(P−2r)×(Q−2r): sums over windows of 2r+1 px; of 0s and of 1s they are exact."""
    rows = planes.shape[1] - 2 * radius
    columns = planes.shape[2] - 2 * radius
    down = planes[:, :rows].clone()
    for shift in range(1, 2 * radius + 1):
        down += planes[:, shift : shift + rows]
    sums = down[:, :, :columns].clone()
    for shift in range(1, 2 * radius + 1):
        sums += down[:, :, shift : shift + columns]
    return sums
