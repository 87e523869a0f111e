"""What the paper's network and ours have in common: two stages, and the loop between them.

A plate becomes a working image; the coarse stage makes maps of it (alpha, trimap, features); cells that are
unknown are chosen; each becomes a region with a token; regions attend to their neighbours' tokens, and the
refiner's answer is written back. How each of these is done is what the two networks answer differently: the
methods that raise NotImplementedError here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.geometry import padded, working_size
from flyaway.network.attention import CrossRegionAttention
from flyaway.network.decoder import UNKNOWN, HeadOutput
from flyaway.network_config import NetworkConfig
from flyaway.regions import torch_backend as regions


class Coarse(NamedTuple):
    """What the coarse stage makes of a batch of working images."""

    levels: list[HeadOutput]  # coarsest first
    context: Tensor  # N×C×h×w, the encoder's deepest features


class CoarseMaps(NamedTuple):
    """The finest coarse maps of one picture, without the padding."""

    maps: Tensor  # (2+F)×h×w: alpha, unknown probability, F refiner features
    context: Tensor  # C×h×w
    trimap: Tensor  # 3×h×w probabilities


class Output(NamedTuple):
    """What a network makes of a plate of H×W."""

    alpha: Tensor  # H×W, 0..1
    coarse: Tensor  # H×W, the coarse alpha alone
    trimap: Tensor  # 3×h×w probabilities: background, unknown, foreground
    cells: Tensor  # rows×columns bool: which regions were refined


class TwoStageNetwork(nn.Module):
    """Coarse stage, unknown regions, refiner with cross region attention, write-back."""

    # Set by each network; what they hold differs.
    encoder: Any
    decoder: Any
    refiner: Any
    attention: CrossRegionAttention

    def __init__(self, config: NetworkConfig):
        super().__init__()
        self.config = config

    # What each network answers for itself ----------------------------------------------------------------

    def coarse(self, working: Tensor) -> Coarse:
        """Working image N×3×h×w, sides multiples of `pad_multiple` → maps of its levels."""
        raise NotImplementedError

    def finest(self, head: HeadOutput) -> tuple[Tensor, Tensor, Tensor]:
        """The finest head's logits → alpha N×1×h×w, trimap probabilities N×3×h×w, features N×F×h×w."""
        raise NotImplementedError

    def select(self, maps: CoarseMaps, height: int, width: int) -> Tensor:
        """Which cells of a plate are unknown: rows×columns bool."""
        raise NotImplementedError

    def upsampled(self, maps: CoarseMaps, height: int, width: int) -> Tensor:
        """The coarse alpha at the plate's resolution, H×W."""
        raise NotImplementedError

    def encode(self, image: Tensor, maps: CoarseMaps, positions: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Regions of a plate 3×H×W → what the refiner's decoder needs of them, and their tokens N×C."""
        raise NotImplementedError

    def canvas(self, maps: CoarseMaps, height: int, width: int) -> Tensor:
        """The coarse alpha that regions are written into: at least H×W, memory of its own."""
        raise NotImplementedError

    def write(self, canvas: Tensor, positions: Tensor, values: Tensor) -> None:
        """Write N×P×P refined values back, in place."""
        raise NotImplementedError

    # What is the same for both ----------------------------------------------------------------------------

    def working_image(self, image: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """N×3×H×W → the coarse stage's input, padded by replication, and its size before padding."""
        c = self.config.coarse
        h, w = working_size(image.shape[2], image.shape[3], c.working_size)
        if (h, w) != tuple(image.shape[2:]):
            image = F.interpolate(image, (h, w), mode="bilinear", align_corners=False, antialias=True)
        pad = (0, padded(w, c.pad_multiple) - w, 0, padded(h, c.pad_multiple) - h)
        return F.pad(image, pad, mode="replicate"), (h, w)

    def coarse_maps(self, coarse: Coarse, size: tuple[int, int], item: int = 0) -> CoarseMaps:
        """The finest maps of one picture of the batch, cut to what shows the plate."""
        h, w = (padded(s, self.config.coarse.stride) // self.config.coarse.stride for s in size)
        finest = HeadOutput(*(x[item : item + 1] for x in coarse.levels[-1]))
        alpha, trimap, features = (x[0, :, :h, :w] for x in self.finest(finest))
        maps = torch.cat((alpha, trimap[UNKNOWN : UNKNOWN + 1], features), 0)
        h, w = (padded(s, self.config.context_stride) // self.config.context_stride for s in size)
        return CoarseMaps(maps, coarse.context[item, :, :h, :w].float(), trimap)

    def neighbourhoods(self, cells: Tensor, attention: bool = True) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Positions N×2, token indices N×(1+K) (self first), their positions N×(1+K)×2, and validity.

        Without attention a region's own token alone is valid.
        """
        a = self.config.attention
        positions, index, where, valid = regions.neighbourhoods(cells, a.neighbours, a.radius)
        if not attention:
            valid = valid & (torch.arange(valid.shape[1], device=valid.device) == 0)
        return positions, index, where, valid

    def refine(self, image: Tensor, maps: CoarseMaps, cells: Tensor, attention: bool = True) -> Tensor:
        """Coarse alpha with the chosen cells refined, H×W. Memory is bounded by the chunk.

        Without attention a region attends to its own token alone: for refiners trained so, to compare.
        """
        height, width = image.shape[1:]
        chunk = self.config.refiner.chunk
        canvas = self.canvas(maps, height, width)
        positions, index, where, valid = self.neighbourhoods(cells, attention)
        if len(positions) == 0:
            return canvas[:height, :width]
        chunks = positions.split(chunk)
        # Tokens of all regions first: attention then sees them all, whatever the chunk.
        # A frame of one chunk, the usual case, keeps its features; more would not be bounded.
        features, token = self.encode(image, maps, chunks[0])
        tokens = torch.cat((token, *(self.encode(image, maps, part)[1] for part in chunks[1:])))
        for start, part in zip(range(0, len(positions), chunk), chunks, strict=True):
            these = slice(start, start + len(part))
            attended = self.attention(tokens[index[these]], where[these], valid[these])
            if start > 0:
                features, _ = self.encode(image, maps, part)
            self.write(canvas, part, self.refiner.decode(features, attended)[:, 0])
        return canvas[:height, :width]

    def forward(self, image: Tensor, cells: Tensor | None = None, refine: bool = True) -> Output:
        """Matte one plate.

        Parameters
        ----------
        image : 1×3×H×W float, display-referred sRGB 0..1, H and W at least 32.
        cells : rows×columns bool, forces the choice of regions.
        refine : False stops after the coarse stage.
        """
        working, size = self.working_image(image)
        return self.finished(image, self.coarse_maps(self.coarse(working), size), cells, refine)

    def finished(self, image: Tensor, maps: CoarseMaps, cells: Tensor | None, refine: bool) -> Output:
        """What comes after the coarse stage of one plate; arguments as `forward` has them."""
        height, width = image.shape[2:]
        coarse = self.upsampled(maps, height, width)
        if cells is None:
            cells = self.select(maps, height, width)
        if not refine:
            return Output(coarse, coarse, maps.trimap, torch.zeros_like(cells))
        return Output(self.refine(image[0], maps, cells), coarse, maps.trimap, cells)
