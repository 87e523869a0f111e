"""The whole tool as one TorchScript module for Nuke's Inference node: a plate in, four channels out.

What has no branches is traced (`nuke.live_matte`): the coarse stage, the regions' tokens, the attention and
the refiner. What decides, counts or loops is scripted: colour and the chunk loop here, the arithmetic of
regions in `flyaway.regions.torchscript_backend`. Tracing those would bake one picture's answer in, silently.

Nuke moves the module to the GPU and may convert it and its input to half, so nothing here names a device
or makes a floating tensor from nothing: indices are int64, weights of interpolation come from exact
integer arithmetic, and colour is worked out in float32 by casting what is there.
"""

# No `from __future__ import annotations`: the script compiler wants types, not their names.
import math

import torch
from torch import Tensor, nn

from flyaway.export import nuke_colour, nuke_controls, nuke_detail
from flyaway.geometry import SMALLEST_SIDE
from flyaway.network_config import NetworkConfig
from flyaway.regions import torchscript_backend as regions

# Knobs of the Inference node are attributes of this module with the same names; see `LiveMatte`.
COLOURS = ("linear Rec.709", "ACEScg", "sRGB", "raw")
CPU_CHUNK = 32  # regions at once: more falls out of a CPU's cache
OUTPUTS = ("plate and alpha", "premultiplied", "unknown regions", "alpha in all", "foreground and alpha")


def relative_index(where: Tensor, reach: int) -> Tensor:
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


def viewed(image: Tensor, cap: int) -> Tensor:
    """1×3×H×W float32 as large as the network looks at it (`geometry.reduction`); a cap of 0 is none."""
    height, width = float(image.shape[2]), float(image.shape[3])
    if cap <= 0:
        return image
    scale = math.sqrt(float(cap * cap) * 9.0 / 16.0 / (height * width))
    if scale >= 0.99:
        scale = 1.0
    return scaled(image, min(scale, float(cap) / max(height, width)))


def reduced(image: Tensor, cap: int) -> Tensor:
    """1×3×H×W float32 with its longer side at most `cap` px (`geometry.working_size`); 0 is no cap."""
    if cap <= 0:
        return image
    return scaled(image, float(cap) / float(max(image.shape[2], image.shape[3])))


def scaled(image: Tensor, scale: float) -> Tensor:
    """1×3×H×W float32, reduced, or as it is where the scale is 1 or more."""
    if scale >= 1.0:
        return image
    height, width = float(image.shape[2]) * scale, float(image.shape[3]) * scale
    size = [max(1, math.floor(height + 0.5)), max(1, math.floor(width + 0.5))]
    return torch.ops.aten._upsample_bilinear2d_aa(image, size, False, None, None)  # noqa: SLF001


def cell_of(length: int, source: int, cell: int, like: Tensor) -> Tensor:
    """The cell in which each of `length` pixels has its centre, int64; cells are of `source` pixels."""
    centres = 2 * torch.arange(length, device=like.device) + 1
    return torch.div(centres * source, 2 * length * cell, rounding_mode="floor")


class LiveMatte(nn.Module):
    """1×Cin×H×W (the first three channels are RGB) → 1×4×H×W. Any H and W.

    A plate that is larger than the configuration's `view` allows is looked at reduced, by both stages;
    its alpha gets the plate's own detail afterwards (`nuke_detail`).

    Attributes with a knob of the same name in Nuke:
        colour: what comes in, an index of COLOURS.
        exposure: stops, before the curve; scene-linear input only.
        output: what fills the four channels, an index of OUTPUTS; the alpha is always the fourth.
        refine: 0 stops after the coarse stage.
        subject: whom to keep, an index of `nuke_controls.SUBJECTS`; pick_x, pick_y: the point, in px from
            the upper left corner. A frame by itself: nobody is followed.
        black, white, gamma, grow, soften, fill_holes: as in `flyaway.controls.Controls`, in that order.
    """

    def __init__(self, parts: list[nn.Module], config: NetworkConfig):
        super().__init__()
        self.colour, self.exposure, self.output, self.refine = 0, 0.0, 0, 1
        self.subject, self.pick_x, self.pick_y = 0, 0.0, 0.0
        self.black, self.white, self.gamma = 0.0, 1.0, 1.0
        self.grow, self.soften, self.fill_holes = 0.0, 0.0, 0.0
        self.coarse_net, self.token_net, self.attention_net, self.refine_net = parts
        self.working, self.multiple = config.coarse.working_size, config.coarse.pad_multiple
        self.view, self.stride = config.view, config.context_stride
        self.cell, self.halo, self.threshold = config.refiner.cell, config.refiner.halo, config.refiner.low
        self.chunk = config.refiner.chunk
        self.cpu_chunk = min(self.chunk, CPU_CHUNK)
        self.count, self.radius = config.attention.neighbours, config.attention.radius
        self.reach = config.attention.reach
        self.smallest = SMALLEST_SIDE

    def working_image(self, image: Tensor) -> tuple[Tensor, int, int]:
        """1×3×H×W → the coarse stage's input, and its size without the padding."""
        image = reduced(image, self.working)
        h, w = image.shape[2], image.shape[3]
        m = self.multiple
        ys = torch.arange((h + m - 1) // m * m, device=image.device).clamp(0, h - 1)
        xs = torch.arange((w + m - 1) // m * m, device=image.device).clamp(0, w - 1)
        return image[:, :, ys][:, :, :, xs], h, w

    def encode(
        self, image: Tensor, maps: Tensor, context: Tensor, positions: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Refiner inputs and tokens of some regions."""
        patches = regions.refiner_inputs(image, maps, positions, self.cell, self.halo)
        centre = positions * self.cell + self.cell // 2
        around = regions.sample_points(context, centre[:, 0], centre[:, 1], image.shape[1], image.shape[2])
        return patches, self.token_net(patches, around)

    def refined(self, image: Tensor, maps: Tensor, context: Tensor, cells: Tensor, alpha: Tensor) -> Tensor:
        """Coarse alpha H×W → with the chosen cells refined. Tokens of all first, then chunk by chunk."""
        positions, index, where, valid = regions.neighbourhoods(cells, self.count, self.radius)
        number = positions.shape[0]
        if number == 0:
            return alpha
        chunk = self.chunk if image.is_cuda else self.cpu_chunk
        matte = alpha.clone()
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
            end = start + chunk
            part = positions[start:end]
            patches = first
            if start > 0:
                patches = regions.refiner_inputs(image, maps, part, self.cell, self.halo)
            attended = self.attention_net(
                everyone[index[start:end]], relative_index(where[start:end], self.reach), valid[start:end]
            )
            regions.accumulate(matte, part, self.refine_net(patches, attended)[:, 0], self.cell)
            start = end
        return matte

    def forward(self, x: Tensor) -> Tensor:
        """See the class. NaN counts as 0; infinities are held to the largest finite value."""
        height, width = x.shape[2], x.shape[3]
        plate = torch.nan_to_num(x[:, 0:3], 0.0)
        image = display(plate.to(torch.float32), self.colour, self.exposure)
        if height < self.smallest or width < self.smallest:
            ys = torch.arange(max(height, self.smallest), device=x.device).clamp(0, height - 1)
            xs = torch.arange(max(width, self.smallest), device=x.device).clamp(0, width - 1)
            image = image[:, :, ys][:, :, :, xs]
        looked_at = viewed(image, self.view)
        working, h, w = self.working_image(looked_at)
        alpha, trimap, features, context = self.coarse_net(working.to(x.dtype))
        maps = torch.cat((alpha, trimap[:, 1:2], features), 1)[0, :, :h, :w]
        context = context[
            0, :, : (h + self.stride - 1) // self.stride, : (w + self.stride - 1) // self.stride
        ]
        tall, wide = looked_at.shape[2], looked_at.shape[3]
        cells = regions.unknown_cells(maps[1], tall, wide, self.cell, self.threshold)
        if self.refine == 0:
            matte = regions.upsample(maps[0].to(torch.float32), image.shape[2], image.shape[3])
        else:
            matte = regions.upsample(maps[0].to(torch.float32), tall, wide)
            matte = self.refined(
                looked_at[0].to(x.dtype), maps.to(x.dtype), context.to(x.dtype), cells, matte
            )
            if tall < image.shape[2] or wide < image.shape[3]:
                matte = nuke_detail.detailed(image[0], looked_at[0], matte.clamp(0, 1))
        return self.channels(plate, matte, maps, cells, tall, wide)

    def finished(self, alpha: Tensor) -> Tensor:
        """H×W float32 → the same as an artist wants it; `flyaway.controls` says in which order."""
        alpha = nuke_controls.only(alpha, self.subject, self.pick_x, self.pick_y)
        alpha = nuke_controls.levels(alpha, self.black, self.white, self.gamma)
        if self.grow != 0.0:
            alpha = nuke_controls.grow(alpha, self.grow)
        if self.soften > 0.0:
            alpha = nuke_controls.soften(alpha, self.soften)
        if self.fill_holes > 1.0:
            alpha = nuke_controls.fill_holes(alpha, self.fill_holes)
        return alpha

    def channels(
        self, plate: Tensor, matte: Tensor, maps: Tensor, cells: Tensor, tall: int, wide: int
    ) -> Tensor:
        """What `output` asks for, 1×4×H×W; `cells` are of the tall×wide px that the network looked at."""
        height, width = plate.shape[2], plate.shape[3]
        alpha = self.finished(matte.clamp(0, 1)[:height, :width])
        alpha = alpha.to(plate.dtype).unsqueeze(0).unsqueeze(0)
        if self.output == 1:
            return torch.cat((plate * alpha, alpha), 1)
        if self.output == 3:
            return alpha.repeat(1, 4, 1, 1)
        if self.output == 4:
            own = nuke_colour.person_colour(
                plate[0].to(torch.float32), alpha[0, 0].to(torch.float32), self.colour >= 2
            )
            return torch.cat((own.unsqueeze(0).to(plate.dtype), alpha), 1)
        if self.output == 2:
            return self.unsure(matte, maps, cells, tall, wide, alpha)
        return torch.cat((plate, alpha), 1)

    def unsure(
        self, matte: Tensor, maps: Tensor, cells: Tensor, tall: int, wide: int, alpha: Tensor
    ) -> Tensor:
        """How unsure the network is, which cells it refined, and its coarse alpha; then `alpha`: 1×4×H×W."""
        rows, columns = matte.shape[0], matte.shape[1]  # of the frame: a tiny plate's is larger than it
        height, width = alpha.shape[2], alpha.shape[3]
        likely = regions.upsample(maps[1].to(torch.float32), rows, columns)[:height, :width].to(alpha.dtype)
        coarse = regions.upsample(maps[0].to(torch.float32), rows, columns)[:height, :width].to(alpha.dtype)
        chosen = cells[cell_of(rows, tall, self.cell, cells)][:, cell_of(columns, wide, self.cell, cells)]
        chosen = chosen[:height, :width].to(alpha.dtype)
        return torch.stack((likely, chosen, coarse.clamp_(0, 1), alpha[0, 0])).unsqueeze(0)
