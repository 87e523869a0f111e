"""Matte controls for the live module: `flyaway.controls`, `edges` and `subject` again, in scripted torch.

One frame at a time, over the whole frame: Nuke renders out of order, so nothing is remembered and nobody is
followed. Like the rest of the live module nothing here names a device, or makes a floating tensor from
nothing.
Tests hold it to the core within 2/1024.
"""

# No `from __future__ import annotations`: the script compiler wants types, not their names.
import math

import torch
from torch import Tensor

from flyaway.regions.torchscript_backend import upsample

# An index of the Inference node's pulldown.
# The script compiler sees no constants of a module: those of `edges` and `people` are written out below.
SUBJECTS = ("all", "largest", "centre", "point")


def levels(alpha: Tensor, black: float, white: float, gamma: float) -> Tensor:
    """H×W float32, 0..1 → the same: `controls.levels`."""
    out = alpha
    if black != 0.0 or white != 1.0:
        out = ((out - black) / max(white - black, 1e-6)).clamp(0, 1)
    if gamma != 1.0:
        out = out.pow(1.0 / max(gamma, 0.01))
    return out


def around(alpha: Tensor, reach: int) -> Tensor:
    """H×W with its border repeated outwards."""
    ys = torch.arange(alpha.shape[0] + 2 * reach, device=alpha.device) - reach
    xs = torch.arange(alpha.shape[1] + 2 * reach, device=alpha.device) - reach
    return alpha[ys.clamp(0, alpha.shape[0] - 1)][:, xs.clamp(0, alpha.shape[1] - 1)]


def disc(alpha: Tensor, radius: float, sign: float) -> Tensor:
    """One step of `grow`: the largest (sign 1) or least (sign -1) value within a disc."""
    reach = math.ceil(radius)
    height, width = alpha.shape[0], alpha.shape[1]
    padded = around(alpha * sign, reach + 1)
    middle = reach + 1
    best = alpha * sign
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if float(y * y + x * x) <= radius * radius + 1e-6:
                top, left = middle + y, middle + x
                best = torch.maximum(best, padded[top : top + height, left : left + width])
    for number in range(16):
        angle = 2.0 * math.pi * float(number) / 16.0
        fine_y, fine_x = radius * math.sin(angle), radius * math.cos(angle)
        row, column = math.floor(fine_y), math.floor(fine_x)
        down, across = fine_y - float(row), fine_x - float(column)
        top, left = middle + row, middle + column
        upper = padded[top : top + height, left : left + width] * (1.0 - across)
        upper = upper + padded[top : top + height, left + 1 : left + 1 + width] * across
        lower = padded[top + 1 : top + 1 + height, left : left + width] * (1.0 - across)
        lower = lower + padded[top + 1 : top + 1 + height, left + 1 : left + 1 + width] * across
        best = torch.maximum(best, upper * (1.0 - down) + lower * down)
    return best * sign


def grow(alpha: Tensor, amount: float) -> Tensor:
    """`edges.grow`: edges outwards by `amount` px, inwards where it is negative."""
    left = min(abs(amount), 100.0)
    sign = 1.0 if amount > 0.0 else -1.0
    while left > 1e-4:
        alpha = disc(alpha, min(left, 3.0), sign)
        left -= 3.0
    return alpha


def soften(alpha: Tensor, sigma: float) -> Tensor:
    """`edges.soften`: a Gaussian, a tap at a time."""
    sigma = min(sigma, 32.0)
    reach = max(1, math.ceil(3.0 * sigma))
    height, width = alpha.shape[0], alpha.shape[1]
    total = 0.0
    for tap in range(-reach, reach + 1):
        total += math.exp(-0.5 * (float(tap) / sigma) * (float(tap) / sigma))
    padded = around(alpha, reach)
    tall = padded[:height] * 0.0
    for tap in range(2 * reach + 1):
        off = float(tap - reach) / sigma
        tall = tall + padded[tap : tap + height] * (math.exp(-0.5 * off * off) / total)
    out = alpha * 0.0
    for tap in range(2 * reach + 1):
        off = float(tap - reach) / sigma
        out = out + tall[:, tap : tap + width] * (math.exp(-0.5 * off * off) / total)
    return torch.where((out - alpha).abs() <= 1e-6, alpha, out.clamp(0, 1))


def windowed(plane: Tensor, width: int, rows: bool) -> Tensor:
    """The largest of every `width` neighbours along an axis, which becomes shorter by width - 1."""
    done = 1
    found = plane
    while done < width:
        step = min(done, width - done)
        if rows:
            length = found.shape[0] - step
            found = torch.maximum(found[:length], found[step:])
        else:
            length = found.shape[1] - step
            found = torch.maximum(found[:, :length], found[:, step:])
        done += step
    return found


def widest(plane: Tensor) -> Tensor:
    """The largest of every pixel and its eight neighbours; the frame's border is closed."""
    return torch.max_pool2d(plane.unsqueeze(0).unsqueeze(0), [3, 3], [1, 1], [1, 1])[0, 0]


def fill_holes(alpha: Tensor, size: float) -> Tensor:
    """`edges.fill_holes`: closing by reconstruction."""
    width = math.ceil(min(size, 256.0))
    if width <= 1:
        return alpha
    wide = windowed(windowed(around(alpha, width - 1), width, True), width, False)
    closed = -windowed(windowed(-wide, width, True), width, False)
    pit = closed - alpha > 2.0**-8
    if not bool(pit.any().item()):
        return alpha
    # Only the part of the frame that has pits, and what is beside it, is worked on over and over.
    ys, xs = pit.any(dim=1).nonzero()[:, 0], pit.any(dim=0).nonzero()[:, 0]
    top, bottom = max(0, int(ys.min().item()) - 1), int(ys.max().item()) + 2
    left, right = max(0, int(xs.min().item()) - 1), int(xs.max().item()) + 2
    floor, inside = alpha[top:bottom, left:right], pit[top:bottom, left:right]
    level = torch.where(inside, closed[top:bottom, left:right], floor)
    going = True
    while going:
        lowered = torch.minimum(level, torch.maximum(floor, -widest(-level)))
        lowered = torch.where(inside, lowered, floor)
        going = bool((lowered < level).any().item())
        level = lowered
    out = alpha.clone()
    out[top:bottom, left:right] = level
    return out


def regions(solid: Tensor) -> Tensor:
    """rows×columns bool → float32: the same number, above 0, in each 8-connected region; 0 outside."""
    inside = solid.to(torch.float32)
    count = solid.shape[0] * solid.shape[1]
    number = torch.arange(count, device=solid.device).to(torch.float32).reshape(solid.shape) + 1.0
    found = number * inside
    going = True
    while going:
        grown = widest(found) * inside
        going = bool((grown > found).any().item())
        found = grown
    return found


def people(means: Tensor) -> Tensor:
    """rows×columns coverage → int64: 0 where nobody is, else 1 + a person's place by size."""
    solid = means > 0.5
    found = regions(solid).to(torch.int64)
    none = solid.to(torch.int64) * 0
    if not bool(solid.any().item()):
        return none
    sizes = torch.bincount(found.flatten())
    sizes[0] = 0
    order = torch.argsort(sizes, descending=True)[:8]
    least = max(2.0, 0.1 * float(sizes[order[0]].item()))
    for place in range(order.shape[0]):
        if float(sizes[order[place]].item()) >= least:
            none = torch.where(found == order[place], none * 0 + (place + 1), none)
    return none


def only(alpha: Tensor, subject: int, x: float, y: float) -> Tensor:
    """`subject.alone`: H×W float32 → one person's matte; `subject` is an index of SUBJECTS, x, y in px."""
    if subject == 0:
        return alpha
    height, width = alpha.shape[0], alpha.shape[1]
    step = max(1, (max(height, width) + 255) // 256)
    means = torch.nn.functional.avg_pool2d(
        alpha.unsqueeze(0).unsqueeze(0), [step, step], [step, step], [0, 0], True, False
    )[0, 0]
    who = people(means)
    if int(who.max().item()) < 2:
        return alpha
    rows, columns = who.shape[0], who.shape[1]
    chosen = 1
    if subject >= 2:
        at_x, at_y = x / float(step), y / float(step)
        if subject == 2:
            at_x, at_y = float(columns) / 2.0, float(rows) / 2.0
        places = (who > 0).nonzero()
        far = (places[:, 0].to(torch.float32) + (0.5 - at_y)).pow(2)
        far = far + (places[:, 1].to(torch.float32) + (0.5 - at_x)).pow(2)
        nearest = places[far.argmin()]
        chosen = int(who[nearest[0], nearest[1]].item())
    labels = who.to(torch.float32)
    while bool((labels == 0).any().item()):
        labels = torch.where(labels == 0, widest(labels), labels)
    mine = (labels == float(chosen)).to(torch.float32)
    wide = upsample(mine, rows * step, columns * step)
    return alpha * wide[:height, :width]
