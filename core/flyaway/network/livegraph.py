"""The whole tool as one TorchScript module for Nuke's Inference node: a plate in, four channels out.

What has no branches is traced (`trace_parts`): the coarse stage, the regions' tokens, the attention and
the refiner. What decides, counts or loops is scripted here: colour, choice of regions, neighbours, the
chunk loop. Tracing those would bake one picture's answer in, silently.

Nuke moves the module to the GPU and may convert it and its input to half, so nothing here names a device
or makes a floating tensor from nothing: indices are int64, weights of interpolation come from exact
integer arithmetic, and colour is worked out in float32 by casting what is there. `regions.py` is the same
arithmetic for eager torch; a test holds the two together.
"""

# No `from __future__ import annotations`: the script compiler wants types, not their names.
import math

import torch
from torch import Tensor, nn

from flyaway.geometry import SMALLEST_SIDE

# Knobs of the Inference node are attributes of this module with the same names; see `LiveMatte`.
COLOURS = ("linear Rec.709", "ACEScg", "sRGB", "raw")
OUTPUTS = ("plate and alpha", "premultiplied", "unknown regions", "alpha in all")


def coordinates(pixels: Tensor, length: int, source: int) -> tuple[Tensor, Tensor, Tensor]:
    """`regions.source_coordinates` without a floating position: lower, upper, float32 weight of the upper.

    The position (p + ½)·source/length − ½ is a fraction over 2·length; its whole part and rest are exact.
    """
    rest = (2 * pixels.clamp(0, length - 1) + 1) * source - length
    rest = rest.clamp(0, (source - 1) * 2 * length)
    low = torch.div(rest, 2 * length, rounding_mode="floor")
    weight = (rest - low * (2 * length)).to(torch.float32) / float(2 * length)
    return low, (low + 1).clamp(0, source - 1), weight


def sample(maps: Tensor, ys: Tensor, xs: Tensor, height: int, width: int) -> Tensor:
    """C×h×w at N×P rows and columns of the plate → N×C×P×P."""
    y0, y1, fy = coordinates(ys, height, maps.shape[1])
    x0, x1, fx = coordinates(xs, width, maps.shape[2])
    down, across = fy.unsqueeze(2).to(maps.dtype), fx.unsqueeze(1).to(maps.dtype)
    y0, y1, x0, x1 = y0.unsqueeze(2), y1.unsqueeze(2), x0.unsqueeze(1), x1.unsqueeze(1)
    top = maps[:, y0, x0] * (1 - across) + maps[:, y0, x1] * across
    bottom = maps[:, y1, x0] * (1 - across) + maps[:, y1, x1] * across
    return (top * (1 - down) + bottom * down).transpose(0, 1)


def upsample(plane: Tensor, height: int, width: int) -> Tensor:
    """h×w → height×width, the same arithmetic as `sample`."""
    y0, y1, fy = coordinates(torch.arange(height, device=plane.device), height, plane.shape[0])
    x0, x1, fx = coordinates(torch.arange(width, device=plane.device), width, plane.shape[1])
    across, down = fx.to(plane.dtype), fy.unsqueeze(1).to(plane.dtype)
    rows = plane[:, x0] * (1 - across) + plane[:, x1] * across
    return rows[y0] * (1 - down) + rows[y1] * down


def spans(count: int, cell: int, length: int, source: int, like: Tensor) -> Tensor:
    """count×S int64: the map's entries that a cell's samples touch, the last repeated."""
    first = torch.arange(count, device=like.device) * cell
    low = coordinates(first, length, source)[0]
    high = coordinates(first + cell - 1, length, source)[1]
    widest = int((high - low).max().item()) + 1
    return torch.minimum(low.unsqueeze(1) + torch.arange(widest, device=like.device), high.unsqueeze(1))


def unknown_cells(unknown: Tensor, height: int, width: int, cell: int, threshold: float) -> Tensor:
    """`regions.unknown_cells`: rows×columns bool."""
    ys = spans((height + cell - 1) // cell, cell, height, unknown.shape[0], unknown)
    xs = spans((width + cell - 1) // cell, cell, width, unknown.shape[1], unknown)
    return unknown[ys].amax(1)[:, xs].amax(2) > threshold


def neighbours(cells: Tensor, offsets: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Chosen cells, and whom each attends to.

    Args:
        cells: rows×columns bool.
        offsets: M×2 int64, nearest first.
        count: K.

    Returns:
        positions: N×2 int64.
        index: N×(1+K) int64, itself first; 0 where masked.
        valid: N×(1+K) bool.
    """
    rows, columns = cells.shape[0], cells.shape[1]
    positions = cells.nonzero()
    numbers = (cells.to(torch.int64).flatten().cumsum(0) * cells.flatten() - 1).reshape(rows, columns)
    ys = positions[:, 0:1] + offsets[:, 0]
    xs = positions[:, 1:2] + offsets[:, 1]
    inside = (ys >= 0) & (ys < rows) & (xs >= 0) & (xs < columns)
    candidates = numbers[ys.clamp(0, rows - 1), xs.clamp(0, columns - 1)]
    there = inside & (candidates >= 0)
    rank = there.to(torch.int64).cumsum(1)
    where = (there & (rank <= count)).nonzero()
    who, which = where[:, 0], where[:, 1]
    slot = rank[who, which]  # 1…K; 0 is the region itself
    # Built from what is there, so that no dtype or device has to be named.
    itself = torch.arange(positions.shape[0], device=cells.device).unsqueeze(1)
    index = (itself * 0).repeat(1, 1 + count)
    index[:, 0:1] = itself
    index[who, slot] = candidates[who, which]
    valid = (itself < 0).repeat(1, 1 + count)
    valid[:, 0:1] = itself >= 0
    valid[who, slot] = who >= 0
    return positions, index, valid


def bias_index(where: Tensor, reach: int) -> Tensor:
    """`attention.relative_index`: N×T×2 positions → N×T×T int64."""
    offset = where.unsqueeze(1) - where.unsqueeze(2)
    side = 2 * reach + 1
    inside = (offset.abs() <= reach).all(dim=-1).to(torch.int64)
    flat = (offset[:, :, :, 0] + reach) * side + offset[:, :, :, 1] + reach
    return flat * inside + (1 - inside) * (side * side)


def display(image: Tensor, colour: int, exposure: float) -> Tensor:
    """1×3×H×W float32 in one of COLOURS → display-referred sRGB 0..1 (raw: as it comes, held to ±4)."""
    if colour == 3:
        return image.clamp(-4, 4)  # beyond that the network's own numbers overflow
    if colour == 2:
        return image.clamp(0, 1)
    x = (image * math.pow(2.0, exposure)).clamp(-65504, 65504)  # so that the matrix has no ∞ − ∞
    if colour == 1:  # AP1 (ACES white) → Rec.709 (D65), Bradford
        r, g, b = x[:, 0:1], x[:, 1:2], x[:, 2:3]
        x = torch.cat(
            (
                1.70505099 * r - 0.62179212 * g - 0.08325887 * b,
                -0.13025642 * r + 1.14080474 * g - 0.01054832 * b,
                -0.02400336 * r - 0.12896898 * g + 1.15297233 * b,
            ),
            1,
        )
    x = x.clamp(0, 1)
    return torch.where(x <= 0.0031308, x * 12.92, 1.055 * x.clamp(0.0031308, 1).pow(1 / 2.4) - 0.055)


class LiveMatte(nn.Module):
    """1×Cin×H×W (the first three channels are RGB) → 1×4×H×W. Any H and W.

    Attributes with a knob of the same name in Nuke:
        colour: what comes in, an index of COLOURS.
        exposure: stops, before the curve; scene-linear input only.
        output: what fills the four channels, an index of OUTPUTS; the alpha is always the fourth.
        refine: 0 stops after the coarse stage.
        black, white: alpha at and below which it is 0, at and above which it is 1.
    """

    offsets: Tensor

    def __init__(self, parts: list[nn.Module], settings: "Settings"):
        super().__init__()
        self.colour, self.exposure, self.output, self.refine = 0, 0.0, 0, 1
        self.black, self.white = 0.0, 1.0
        self.coarse_net, self.token_net, self.attention_net, self.refine_net = parts
        self.working, self.multiple, self.stride = settings.working, settings.multiple, settings.stride
        self.cell, self.halo, self.threshold = settings.cell, settings.halo, settings.threshold
        self.chunk, self.cpu_chunk = settings.chunk, settings.cpu_chunk
        self.count, self.reach = settings.neighbours, settings.reach
        self.smallest = SMALLEST_SIDE
        self.register_buffer("offsets", settings.offsets)

    def working_image(self, image: Tensor) -> tuple[Tensor, int, int]:
        """1×3×H×W → what the coarse stage sees, and its size without the padding."""
        height, width = image.shape[2], image.shape[3]
        h, w = height, width
        longest = max(height, width)
        if self.working > 0 and longest > self.working:
            scale = float(self.working) / float(longest)
            h = max(1, math.floor(float(height) * scale + 0.5))
            w = max(1, math.floor(float(width) * scale + 0.5))
            image = torch.ops.aten._upsample_bilinear2d_aa(image, [h, w], False, None, None)  # noqa: SLF001
        m = self.multiple
        ys = torch.arange((h + m - 1) // m * m, device=image.device).clamp(0, h - 1)
        xs = torch.arange((w + m - 1) // m * m, device=image.device).clamp(0, w - 1)
        return image[:, :, ys][:, :, :, xs], h, w

    def patches(self, image: Tensor, maps: Tensor, positions: Tensor) -> Tensor:
        """3×H×W and C×h×w → N×(3+C)×P×P, what the refiner sees of regions."""
        height, width = image.shape[1], image.shape[2]
        span = torch.arange(self.cell + 2 * self.halo, device=image.device) - self.halo
        ys, xs = positions[:, 0:1] * self.cell + span, positions[:, 1:2] * self.cell + span
        rows, columns = ys.clamp(0, height - 1).unsqueeze(2), xs.clamp(0, width - 1).unsqueeze(1)
        seen = image[:, rows, columns].transpose(0, 1)
        return torch.cat((seen, sample(maps, ys, xs, height, width)), 1)

    def encode(
        self, image: Tensor, maps: Tensor, context: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Patches and tokens of some regions."""
        patches = self.patches(image, maps, positions)
        centre = positions * self.cell + self.cell // 2
        around = sample(context, centre[:, 0:1], centre[:, 1:2], image.shape[1], image.shape[2])
        return patches, self.token_net(patches, around[:, :, 0, 0])

    def refined(self, image: Tensor, maps: Tensor, context: Tensor, cells: Tensor, alpha: Tensor) -> Tensor:
        """Coarse alpha H×W → with the chosen cells refined. Tokens of all first, then chunk by chunk."""
        positions, index, valid = neighbours(cells, self.offsets, self.count)
        number = positions.shape[0]
        if number == 0:
            return alpha
        height, width = image.shape[1], image.shape[2]
        chunk = self.chunk if image.is_cuda else self.cpu_chunk
        ys = torch.arange(cells.shape[0] * self.cell + 2 * self.halo, device=image.device) - self.halo
        xs = torch.arange(cells.shape[1] * self.cell + 2 * self.halo, device=image.device) - self.halo
        canvas = alpha[ys.clamp(0, height - 1)][:, xs.clamp(0, width - 1)]
        tokens: list[Tensor] = []
        first = image[:0]
        start = 0
        while start < number:
            patches, token = self.encode(image, maps, context, positions[start : start + chunk])
            tokens.append(token)
            if start == 0:
                first = patches
            start += chunk
        everyone = torch.cat(tokens)
        start = 0
        while start < number:
            part = positions[start : start + chunk]
            seen = first if start == 0 else self.patches(image, maps, part)
            who = index[start : start + chunk]
            attended = self.attention_net(
                everyone[who], bias_index(positions[who], self.reach), valid[start : start + chunk]
            )
            self.spread(canvas, part, cells, self.refine_net(seen, attended)[:, 0])
            start += chunk
        return canvas[self.halo : self.halo + height, self.halo : self.halo + width]

    def fades(self, which: Tensor, count: int) -> Tensor:
        """`regions.fades` of one axis: N cells' rows (or columns) → N×P float32."""
        span = torch.arange(self.cell + 2 * self.halo, device=which.device).unsqueeze(0)
        end = self.cell + 2 * self.halo - 1
        rise = ((2 * span + 1).to(torch.float32) / float(4 * self.halo)).clamp(0, 1)
        fall = ((2 * (end - span) + 1).to(torch.float32) / float(4 * self.halo)).clamp(0, 1)
        first = (which == 0).unsqueeze(1).to(torch.float32)
        last = (which == count - 1).unsqueeze(1).to(torch.float32)
        return torch.maximum(rise, first) * torch.maximum(fall, last)

    def spread(self, canvas: Tensor, part: Tensor, cells: Tensor, changes: Tensor) -> None:
        """`regions.spread`: add N×P×P changes to the canvas, faded, in place."""
        span = torch.arange(self.cell + 2 * self.halo, device=part.device)
        ys, xs = part[:, 0:1] * self.cell + span, part[:, 1:2] * self.cell + span
        down, across = self.fades(part[:, 0], cells.shape[0]), self.fades(part[:, 1], cells.shape[1])
        faded = changes.to(canvas.dtype) * down.unsqueeze(2) * across.unsqueeze(1)
        places = (ys * canvas.shape[1]).unsqueeze(2) + xs.unsqueeze(1)
        canvas.view(-1).index_add_(0, places.flatten(), faded.flatten())

    def forward(self, x: Tensor) -> Tensor:
        """See the class. NaN counts as 0; infinities are held to the largest finite value."""
        height, width = x.shape[2], x.shape[3]
        plate = torch.nan_to_num(x[:, 0:3], 0.0)
        image = display(plate.to(torch.float32), self.colour, self.exposure)
        if height < self.smallest or width < self.smallest:
            ys = torch.arange(max(height, self.smallest), device=x.device).clamp(0, height - 1)
            xs = torch.arange(max(width, self.smallest), device=x.device).clamp(0, width - 1)
            image = image[:, :, ys][:, :, :, xs]
        working, h, w = self.working_image(image)
        alpha, trimap, features, context = self.coarse_net(working.to(x.dtype))
        maps = torch.cat((alpha, trimap[:, 1:2], features), 1)[0, :, :h, :w]
        context = context[
            0, :, : (h + self.stride - 1) // self.stride, : (w + self.stride - 1) // self.stride
        ]
        tall, wide = image.shape[2], image.shape[3]
        coarse = upsample(maps[0].to(torch.float32), tall, wide)
        cells = unknown_cells(maps[1], tall, wide, self.cell, self.threshold)
        matte = coarse
        if self.refine != 0:
            matte = self.refined(image[0].to(x.dtype), maps.to(x.dtype), context.to(x.dtype), cells, coarse)
        return self.channels(plate, matte, coarse, maps[1], cells)

    def channels(
        self, plate: Tensor, matte: Tensor, coarse: Tensor, unknown: Tensor, cells: Tensor
    ) -> Tensor:
        """What `output` asks for, 1×4×H×W."""
        height, width = plate.shape[2], plate.shape[3]
        span = max(self.white - self.black, 1e-6)
        alpha = ((matte.clamp(0, 1) - self.black) / span).clamp(0, 1)[:height, :width]
        alpha = alpha.to(plate.dtype).unsqueeze(0).unsqueeze(0)
        if self.output == 1:
            return torch.cat((plate * alpha, alpha), 1)
        if self.output == 3:
            return alpha.repeat(1, 4, 1, 1)
        if self.output == 2:
            likely = upsample(unknown.to(torch.float32), coarse.shape[0], coarse.shape[1])
            ys = torch.div(torch.arange(height, device=cells.device), self.cell, rounding_mode="floor")
            xs = torch.div(torch.arange(width, device=cells.device), self.cell, rounding_mode="floor")
            chosen = cells[ys][:, xs].to(torch.float32)
            view = torch.stack((likely[:height, :width], chosen, coarse[:height, :width].clamp(0, 1)))
            return torch.cat((view.to(plate.dtype).unsqueeze(0), alpha), 1)
        return torch.cat((plate, alpha), 1)


class Settings:
    """The few numbers that the loop needs."""

    def __init__(self, working: int, multiple: int, stride: int, cell: int, halo: int, threshold: float,
                 chunk: int, neighbours: int, reach: int, offsets: Tensor):  # fmt: skip
        self.working, self.multiple, self.stride = working, multiple, stride
        self.cell, self.halo, self.threshold = cell, halo, threshold
        self.chunk, self.cpu_chunk = chunk, min(chunk, 32)  # more falls out of a CPU's cache
        self.neighbours, self.reach, self.offsets = neighbours, reach, offsets
