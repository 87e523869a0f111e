"""Our network: the paper's two stages, sized for a CPU; `docs/decisions/0001-our-configuration.md` says why.

Where it leaves the paper: the coarse stage reads a working image of bounded size; regions are large, overlap
by their halos and are blended in by the unknown probability; neighbours are near ones only.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.network.attention import CrossRegionAttention
from flyaway.network.decoder import UNKNOWN, Decoder, HeadOutput, smooth_phases
from flyaway.network.gated import GatedDecoder
from flyaway.network.mobile import MobileEncoder
from flyaway.network.refiner import UnshuffleRefiner
from flyaway.network.two_stage import Coarse, CoarseMaps, Output, TwoStageNetwork
from flyaway.network_config import NetworkConfig
from flyaway.regions import torch_backend as regions


class MattingNetwork(TwoStageNetwork):
    """A plate of any size from 32×32 px up → its alpha."""

    def __init__(self, config: NetworkConfig):
        c, r = config.coarse, config.refiner
        if (c.encoder, r.kind, c.stride) != ("mobile", "unshuffle", 1):
            raise ValueError(f"configuration {config.name!r} is not one of ours: see build_network")
        if 0 < 2 * c.glance < c.working_size or c.glance > c.working_size:
            raise ValueError(f"a glance of {c.glance} px for a working image of {c.working_size} cannot be")
        super().__init__(config)
        self.encoder = MobileEncoder(config.mobile)
        channels = self.encoder.channels
        self.decoder: Decoder | GatedDecoder
        if c.decoder == "gated":
            self.decoder = GatedDecoder(
                channels, c.widths, c.refiner_features, c.memory, c.early, c.early_steps, c.doubt_width
            )
        else:
            self.decoder = Decoder(channels, c.widths, c.refiner_features)
        self.attention = CrossRegionAttention(config.attention)
        self.refiner = UnshuffleRefiner(
            r, c.refiner_features, channels[-1], config.attention.dim, config.mixed_in == "linear"
        )

    def coarse(self, working: Tensor) -> Coarse:
        """Working image N×3×h×w, sides multiples of `pad_multiple` → maps of its levels."""
        return self.frame(working)[0]

    def frame(self, working: Tensor, states: Sequence[Tensor] | None = None) -> tuple[Coarse, list[Tensor]]:
        """One frame of a shot, and the states it leaves; without states it begins a shot, and is a still.

        The mirror image has states of its own, which come after the picture's. A network without memory
        leaves states that it cannot take.
        """
        if not self.config.coarse.mirrored:
            return self._frame(working, states)
        half = len(states) // 2 if states is not None else 0
        there, left = self._frame(working, states[:half] if states is not None else None)
        back, behind = self._frame(working.flip(-1), states[half:] if states is not None else None)
        levels = [
            HeadOutput(*((x + y.flip(-1)) / 2 for x, y in zip(one, other, strict=True)))
            for one, other in zip(there.levels, back.levels, strict=True)
        ]
        return Coarse(levels, (there.context + back.context.flip(-1)) / 2), [*left, *behind]

    def frame_of(
        self,
        image: Tensor,
        states: Sequence[Tensor] | None,
        cells: Tensor | None = None,
        refine: bool = True,
        *,
        held: Tensor | None = None,
        stays: float = 1.0,
    ) -> tuple[Output, list[Tensor]]:
        """Matte one plate of a shot: `forward` with states in and out.

        Parameters
        ----------
        image, cells, refine : as `forward` has them.
        states : what the frame before left; None begins a shot.
        held : rows×columns bool, the regions that the frame before had refined.
        stays : the share of the threshold down to which those are refined again.
        """
        working, size = self.working_image(image)
        coarse, left = self.frame(working, states)
        maps = self.coarse_maps(coarse, size)
        if cells is None and held is not None:
            height, width = image.shape[2:]
            r = self.config.refiner
            kept = regions.unknown_cells(maps.maps[1], height, width, r.cell, stays * r.low)
            cells = self.select(maps, height, width) | (kept & held)
        return self.finished(image, maps, cells, refine), left

    def _frame(self, working: Tensor, states: Sequence[Tensor] | None) -> tuple[Coarse, list[Tensor]]:
        features = self.encoder(working)
        if self.config.coarse.glance:
            features[-1] = self._glanced(working, features[-1])
        if isinstance(self.decoder, GatedDecoder):
            levels, left = self.decoder.frame(features, working, states)
            return Coarse(levels, features[-1]), left
        if states is not None:
            raise ValueError(f"{self.config.name} has no memory: it takes no states")
        return Coarse(self.decoder(features), features[-1]), []

    def _glanced(self, working: Tensor, deepest: Tensor) -> Tensor:
        """The deepest features with a share of what the encoder makes of the mirror image, smaller.

        Where a person is comes from the deepest features alone, and costs three tenths of the stage; edges
        come from the image as it is, by the skips.
        """
        c = self.config.coarse
        m, whole = c.pad_multiple, c.working_size
        # The nearest multiple of `pad_multiple`, in whole numbers, as exports want it.
        size = [m * ((2 * c.glance * (side // m) + whole) // (2 * whole)) for side in working.shape[2:]]
        small = F.interpolate(working, size, mode="bilinear", align_corners=False)
        other = self.encoder(small.flip(-1))[-1].flip(-1)
        other = F.interpolate(other, deepest.shape[2:], mode="bilinear", align_corners=False)
        return deepest + c.glance_share * (other - deepest)

    def finest(self, head: HeadOutput) -> tuple[Tensor, Tensor, Tensor]:
        """Alpha, trimap probabilities and refiner features, from the finest head's logits.

        Depth-to-space leaves dots, which would show wherever the network is unsure: its maps are smoothed (a
        gated decoder has no such phases). The refiner learned from the unsmoothed alpha and unknown
        probability, and gets those as its last two features.
        """
        c = self.config.coarse
        alpha, trimap = head.alpha.float(), head.trimap.float()
        raw = torch.cat((alpha.sigmoid(), probabilities(trimap)[:, UNKNOWN : UNKNOWN + 1]), 1)
        features = torch.cat((head.features.float(), raw), 1)
        if c.decoder != "gated":
            alpha, trimap = smooth_phases(alpha), smooth_phases(trimap)
        alpha = alpha.sigmoid()
        if c.margin > 0:
            alpha = ((alpha - c.margin) / (1 - 2 * c.margin)).clamp(0, 1)
        return alpha, probabilities(trimap), features

    def select(self, maps: CoarseMaps, height: int, width: int) -> Tensor:
        """Cells in which any pixel would be blended in: rows×columns bool."""
        r = self.config.refiner
        return regions.unknown_cells(maps.maps[1], height, width, r.cell, r.low)

    def upsampled(self, maps: CoarseMaps, height: int, width: int) -> Tensor:
        """Coarse alpha, bilinear, H×W."""
        return regions.upsample(maps.maps[0], height, width)

    def refiner_inputs(self, image: Tensor, maps: CoarseMaps, positions: Tensor) -> tuple[Tensor, Tensor]:
        """What the refiner is given of some regions: N×(3+2+F)×P×P, and context N×C at their centres."""
        height, width = image.shape[1:]
        cell = self.config.refiner.cell
        centre = positions * cell + cell // 2
        context = regions.sample_points(maps.context, centre[:, 0], centre[:, 1], height, width)
        return regions.refiner_inputs(image, maps.maps, positions, cell, self.config.refiner.halo), context

    def encode(self, image: Tensor, maps: CoarseMaps, positions: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """Regions of a plate 3×H×W → the refiner's inputs, and their tokens N×C."""
        return self.refiner.encode(*self.refiner_inputs(image, maps, positions))

    def canvas(self, maps: CoarseMaps, height: int, width: int) -> Tensor:
        """Coarse alpha, bilinear, H×W: the refiner's answer is a change of it."""
        return self.upsampled(maps, height, width)

    def write(self, canvas: Tensor, positions: Tensor, values: Tensor) -> None:
        """Changes are added, each by the blend ramps of its region."""
        regions.accumulate(canvas, positions, values, self.config.refiner.cell)


def probabilities(logits: Tensor) -> Tensor:
    """Softmax over three classes, N×3×h×w, one by one: runtimes transpose a map to take it over channels."""
    classes = logits.split(1, 1)
    highest = torch.maximum(torch.maximum(classes[0], classes[1]), classes[2])
    raised = [(one - highest).exp() for one in classes]
    whole = raised[0] + raised[1] + raised[2]
    return torch.cat([one / whole for one in raised], 1)
