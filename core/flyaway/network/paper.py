"""The paper's network, on one page; its parts are in `swin`, `decoder`, `paper_refiner` and `attention`.

References
----------
Zhong & Zharkov, "Lightweight Portrait Matting via Regional Attention and Refinement", WACV 2024,
arXiv 2311.03770.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.geometry import grid_size, padded
from flyaway.network.attention import CrossRegionAttention
from flyaway.network.decoder import UNKNOWN, Decoder, HeadOutput
from flyaway.network.paper_refiner import PaperRefiner
from flyaway.network.swin import SwinBackbone
from flyaway.network.two_stage import Coarse, CoarseMaps, TwoStageNetwork
from flyaway.network_config import NetworkConfig
from flyaway.regions import torch_backend as regions


class PaperNetwork(TwoStageNetwork):
    """A plate of H×W → its alpha, the way the paper has it: to check its cost, and to compare with.

    | step                                                                  | shape, H = 128·h, W = 128·w |
    | --------------------------------------------------------------------- | --------------------------- |
    | the full-resolution plate, sides padded to multiples of 128           | 1×3×128h×128w               |
    | Swin-T on patches of 16×16 px: tokenising is the downsampling         | 96×8h×8w … 768×h×w          |
    | three decoder steps with skips, a head on each                        | 64 channels at 4h×4w…16h×16w |
    | finest head, depth-to-space ×2: alpha and a trimap at 1/8             | 1×16h×16w, 3×16h×16w        |
    | cells of 8×8 px whose likeliest class is unknown                      | N of 16h×16w                |
    | RGB and the upsampled coarse alpha of each                            | N×4×8×8                     |
    | refiner's encoder; its bottleneck, pooled, is the region's token      | N×64×2×2, N×128             |
    | attention to the 8 nearest regions of the frame, two layers           | N×9×128 → N×128             |
    | refiner's decoder: alpha, overwrites the cell                         | N×8×8                       |
    """

    def __init__(self, config: NetworkConfig):
        if (config.coarse.encoder, config.refiner.kind) != ("swin", "paper"):
            raise ValueError(f"configuration {config.name!r} is not the paper's: see build_network")
        super().__init__(config)
        self.encoder = SwinBackbone(config.swin)
        self.decoder = Decoder(config.swin.dims, config.coarse.widths)
        self.attention = CrossRegionAttention(config.attention)
        self.refiner = PaperRefiner(config.attention.dim)

    def coarse(self, working: Tensor) -> Coarse:
        """N×3×128h×128w → three levels of maps, the finest N×(3+1)×16h×16w; context N×768×h×w."""
        features = self.encoder(working)
        return Coarse(self.decoder(features), features[-1])

    def finest(self, head: HeadOutput) -> tuple[Tensor, Tensor, Tensor]:
        """Logits → probabilities."""
        return head.alpha.float().sigmoid(), head.trimap.float().softmax(1), head.features.float()

    def select(self, maps: CoarseMaps, height: int, width: int) -> Tensor:
        """Every cell whose likeliest class is unknown, however many they are."""
        rows, columns = grid_size(height, width, self.config.refiner.cell)
        return maps.trimap.argmax(0)[:rows, :columns] == UNKNOWN

    def upsampled(self, maps: CoarseMaps, height: int, width: int) -> Tensor:
        """Coarse alpha, bilinear, H×W."""
        return regions.upsample(maps.maps[0], *self._extent(height, width))[:height, :width]

    def encode(self, image: Tensor, maps: CoarseMaps, positions: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """N×4×8×8, RGB and coarse alpha → the refiner's skips and bottleneck, and the tokens N×128."""
        ys, xs = regions.region_pixels(positions, self.config.refiner.cell, 0)
        alpha = regions.sample(maps.maps[:1], ys, xs, *self._extent(*image.shape[1:]))
        return self.refiner.encode(torch.cat((regions.gather(image, ys, xs), alpha), 1))

    def canvas(self, maps: CoarseMaps, height: int, width: int) -> Tensor:
        """Coarse alpha, each value over its whole cell: (rows·8)×(columns·8)."""
        cell = self.config.refiner.cell
        rows, columns = grid_size(height, width, cell)
        alpha = maps.maps[:1, :rows, :columns]
        return F.interpolate(alpha[None], scale_factor=float(cell), mode="nearest")[0, 0]

    def write(self, canvas: Tensor, positions: Tensor, values: Tensor) -> None:
        """A region's alpha takes the place of the coarse one."""
        regions.overwrite(canvas, positions, values)

    def _extent(self, height: int, width: int) -> tuple[int, int]:
        """Px of the plate that the maps cover: whole strides, so they may reach past the frame.

        Taken for the frame itself they would be squeezed by up to a stride at the far edge.
        """
        stride = self.config.coarse.stride
        return padded(height, stride), padded(width, stride)
