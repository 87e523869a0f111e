"""The network, whole: coarse stage, unknown regions, refiner with cross region attention, write-back."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.geometry import grid_size, padded, working_size
from flyaway.network import regions
from flyaway.network.attention import CrossRegionAttention
from flyaway.network.config import NetworkConfig
from flyaway.network.decoder import UNKNOWN, Decoder, HeadOutput, smooth_phases
from flyaway.network.gated import GatedDecoder
from flyaway.network.mobile import MobileEncoder
from flyaway.network.paper_refiner import PaperRefiner
from flyaway.network.refiner import UnshuffleRefiner
from flyaway.network.swin import SwinBackbone


class Coarse(NamedTuple):
    """What the coarse stage makes of a working image."""

    levels: list[HeadOutput]  # coarsest first
    context: Tensor  # N×C×h×w, the encoder's deepest features


class CoarseMaps(NamedTuple):
    """The finest coarse maps of one picture, cut to the part that shows the plate."""

    maps: Tensor  # (4+F)×h×w: alpha, unknown probability, F refiner features, the first two unsmoothed
    context: Tensor  # C×h×w
    trimap: Tensor  # 3×h×w probabilities


class Output(NamedTuple):
    """What the network makes of a plate of H×W."""

    alpha: Tensor  # H×W, 0..1
    coarse: Tensor  # H×W, the coarse alpha alone
    trimap: Tensor  # 3×h×w probabilities: background, unknown, foreground
    cells: Tensor  # rows×columns bool: which regions were refined


class MattingNetwork(nn.Module):
    """The two stages. `forward` mattes one plate of any size from 32×32 px up."""

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config = config
        c, r = config.coarse, config.refiner
        self.encoder: SwinBackbone | MobileEncoder
        self.refiner: PaperRefiner | UnshuffleRefiner
        if c.encoder == "swin":
            self.encoder = SwinBackbone(config.swin)
            channels: tuple[int, ...] = tuple(config.swin.dims)
        else:
            self.encoder = MobileEncoder(config.mobile)
            channels = self.encoder.channels
        self.decoder: Decoder | GatedDecoder
        if c.decoder == "gated":
            self.decoder = GatedDecoder(channels, c.widths, c.refiner_features)
        else:
            self.decoder = Decoder(channels, c.widths, c.refiner_features)
        self.attention = CrossRegionAttention(config.attention)
        if r.kind == "paper":
            self.refiner = PaperRefiner(config.attention.dim)
        else:
            self.refiner = UnshuffleRefiner(r, c.refiner_features, channels[-1], config.attention.dim)

    @property
    def overwrites(self) -> bool:
        """The paper's write-back: cells chosen by argmax, overwritten whole."""
        return self.config.refiner.kind == "paper"

    def working_image(self, image: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """N×3×H×W → what the coarse stage sees, padded by replication, and its size before padding."""
        c = self.config.coarse
        h, w = working_size(image.shape[2], image.shape[3], c.working_size)
        if (h, w) != tuple(image.shape[2:]):
            image = F.interpolate(image, (h, w), mode="bilinear", align_corners=False, antialias=True)
        pad = (0, padded(w, c.pad_multiple) - w, 0, padded(h, c.pad_multiple) - h)
        return F.pad(image, pad, mode="replicate"), (h, w)

    def coarse(self, working: Tensor) -> Coarse:
        """Working image N×3×h×w, sides multiples of `pad_multiple` → maps of its levels."""
        if not self.config.coarse.mirrored:
            return self._coarse(working)
        there, back = self._coarse(working), self._coarse(working.flip(-1))
        levels = [
            HeadOutput(*((x + y.flip(-1)) / 2 for x, y in zip(one, other, strict=True)))
            for one, other in zip(there.levels, back.levels, strict=True)
        ]
        return Coarse(levels, (there.context + back.context.flip(-1)) / 2)

    def _coarse(self, working: Tensor) -> Coarse:
        features = self.encoder(working)
        if isinstance(self.decoder, GatedDecoder):
            return Coarse(self.decoder(features, working), features[-1])
        return Coarse(self.decoder(features), features[-1])

    def finest(self, maps: HeadOutput) -> tuple[Tensor, Tensor, Tensor]:
        """Alpha, trimap probabilities and refiner features, from the finest head's maps.

        Ours are smoothed: depth-to-space leaves dots, which would show wherever the network is unsure (a
        gated decoder has no such phases). The refiner learned from the unsmoothed maps, and gets those as
        its last two features.
        """
        c = self.config.coarse
        alpha, trimap = maps.alpha.float(), maps.trimap.float()
        if self.overwrites:
            return alpha.sigmoid(), trimap.softmax(1), maps.features.float()
        raw = torch.cat((alpha.sigmoid(), trimap.softmax(1)[:, UNKNOWN : UNKNOWN + 1]), 1)
        features = torch.cat((maps.features.float(), raw), 1)
        if c.decoder != "gated":
            alpha, trimap = smooth_phases(alpha), smooth_phases(trimap)
        alpha = alpha.sigmoid()
        if c.margin > 0:
            alpha = ((alpha - c.margin) / (1 - 2 * c.margin)).clamp(0, 1)
        return alpha, trimap.softmax(1), features

    def coarse_maps(self, coarse: Coarse, size: tuple[int, int], item: int = 0) -> CoarseMaps:
        """The finest maps of one picture of the batch, without the padding."""
        stride = self.config.coarse.stride
        h, w = (padded(s, stride) // stride for s in size)
        finest = HeadOutput(*(x[item : item + 1] for x in coarse.levels[-1]))
        alpha, trimap, features = (x[0, :, :h, :w] for x in self.finest(finest))
        maps = torch.cat((alpha, trimap[UNKNOWN : UNKNOWN + 1], features), 0)
        depth = self.config.coarse.pad_multiple // 2 if self.config.coarse.encoder == "mobile" else 128
        ch, cw = (padded(s, depth) // depth for s in size)
        return CoarseMaps(maps, coarse.context[item, :, :ch, :cw].float(), trimap)

    def extent(self, height: int, width: int) -> tuple[int, int]:
        """Height and width in px of the plate that the finest maps cover.

        At full resolution they are cut to whole strides, so they may reach past the frame; taken for the
        frame itself, they would be squeezed by up to a stride at the far edge.
        """
        if self.config.coarse.working_size > 0:
            return height, width
        return padded(height, self.config.coarse.stride), padded(width, self.config.coarse.stride)

    def select(self, coarse: CoarseMaps, height: int, width: int) -> Tensor:
        """Which cells are unknown: rows×columns bool."""
        r = self.config.refiner
        if self.overwrites:
            rows, columns = grid_size(height, width, r.cell)
            return coarse.trimap.argmax(0)[:rows, :columns] == UNKNOWN
        return regions.unknown_cells(coarse.maps[1], height, width, r.cell, r.low)

    def upsampled(self, coarse: CoarseMaps, height: int, width: int) -> Tensor:
        """The coarse alpha at the plate's resolution, H×W."""
        return regions.upsample(coarse.maps[:1], *self.extent(height, width))[0, :height, :width]

    def refiner_inputs(self, image: Tensor, coarse: CoarseMaps, positions: Tensor) -> tuple[Tensor, Tensor]:
        """What the refiner is given of some regions: N×C×P×P, and N×C context."""
        height, width = image.shape[1:]
        r = self.config.refiner
        ys, xs = regions.region_pixels(positions, r.cell, r.halo)
        maps = coarse.maps[:1] if self.overwrites else coarse.maps
        low = regions.sample(maps, ys, xs, *self.extent(height, width))
        centre = positions * r.cell + r.cell // 2
        context = regions.sample(coarse.context, centre[:, :1], centre[:, 1:], height, width)
        return torch.cat((regions.gather(image, ys, xs), low), 1), context[:, :, 0, 0]

    def neighbourhoods(self, cells: Tensor, attention: bool = True) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Positions N×2, token indices N×(1+K) (self first), their positions N×(1+K)×2, and validity.

        Without attention a region's own token alone is valid.
        """
        a = self.config.attention
        positions = cells.nonzero()
        index, valid = regions.nearest_cells(cells, a.neighbours, a.radius)
        itself = torch.arange(positions.shape[0], device=cells.device)[:, None]
        index = torch.cat((itself, index), 1)
        valid = torch.cat((torch.ones_like(itself, dtype=torch.bool), valid & attention), 1)
        return positions, index, positions[index], valid

    def refine(self, image: Tensor, coarse: CoarseMaps, cells: Tensor, attention: bool = True) -> Tensor:
        """Coarse alpha with the chosen cells refined, H×W. Memory is bounded by the chunk.

        Without attention a region sees its own token alone: for refiners that were trained so, to compare.
        """
        height, width = image.shape[1:]
        r = self.config.refiner
        rows, columns = cells.shape
        halo = 0 if self.overwrites else r.halo
        canvas = image.new_zeros((rows * r.cell + 2 * halo, columns * r.cell + 2 * halo))
        frame = canvas[halo : halo + height, halo : halo + width]
        if self.overwrites:
            ys = torch.arange(height, device=image.device) // r.cell
            xs = torch.arange(width, device=image.device) // r.cell
            frame[:] = coarse.maps[0][ys][:, xs]
        else:
            frame[:] = self.upsampled(coarse, height, width)
        positions, index, where, valid = self.neighbourhoods(cells, attention)
        chunks = positions.split(r.chunk)
        if len(positions) == 0:
            return frame
        # Tokens of all regions first: attention then sees them all, whatever the chunk.
        # A frame of one chunk, the usual case, keeps its features; more would not be bounded.
        features, token = self._encode(image, coarse, chunks[0])
        tokens = torch.cat((token, *(self._encode(image, coarse, chunk)[1] for chunk in chunks[1:])))
        for start, chunk in zip(range(0, len(positions), r.chunk), chunks, strict=True):
            part = slice(start, start + len(chunk))
            attended = self.attention(tokens[index[part]], where[part], valid[part])
            if start > 0:
                features, _ = self._encode(image, coarse, chunk)
            values = self.refiner.decode(features, attended)[:, 0]
            if self.overwrites:
                regions.scatter(canvas, chunk, values)
            else:
                regions.spread(canvas, chunk, values, r.cell)
        return frame

    def _encode(
        self, image: Tensor, coarse: CoarseMaps, positions: Tensor
    ) -> tuple[tuple[Tensor, ...], Tensor]:
        return self.refiner.encode(*self.refiner_inputs(image, coarse, positions))

    def forward(self, image: Tensor, cells: Tensor | None = None, refine: bool = True) -> Output:
        """Matte one plate.

        Args:
            image: 1×3×H×W float, display-referred sRGB 0..1, H and W at least 32.
            cells: rows×columns bool, forces the choice of regions.
            refine: False stops after the coarse stage.
        """
        working, size = self.working_image(image)
        maps = self.coarse_maps(self.coarse(working), size)
        height, width = image.shape[2:]
        coarse = self.upsampled(maps, height, width)
        if cells is None:
            cells = self.select(maps, height, width)
        if not refine:
            cells = torch.zeros_like(cells)
            return Output(coarse, coarse, maps.trimap, cells)
        return Output(self.refine(image[0], maps, cells), coarse, maps.trimap, cells)
