"""Our refiner: larger regions than the paper's, read with a halo, on pixel-unshuffled input.

What the paper's refiner does is kept: regions of the full-resolution plate, a token a region, cross
region attention, the answer added to the bottleneck. What differs, and why: cells of 64 px at half
resolution with four times the channels use a CPU's vector units far better than 8 px cells; a halo
takes the seams away; the token comes from a small encoder of its own, so that all tokens can be had
before any region is refined, whatever the chunk; the result is a correction of the coarse alpha,
blended in by the probability that a pixel is unknown, so that choosing regions causes no jump. Regions
overlap by their halos and are faded into each other (`regions.accumulate`), so that neighbours that disagree
leave no edge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network.cues import ALPHA, CUES, RGB, UNKNOWN, cues
from flyaway.network_config import RefinerConfig

# Patches, and whether colours are compared in linear light → all cues, and the far filter's alpha: `cues`.
FindCues = Callable[[Tensor, bool], tuple[Tensor, Tensor]]
UNSHUFFLED = 6  # px, side of a first kernel that is stored as 3×3 over four phases
RAW = 2  # its last channels: alpha and unknown probability as the coarse stage made them, unsmoothed


def _conv(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1), nn.LeakyReLU(0.1, inplace=True))


def _halving(channels: int, out: int, side: int) -> nn.Sequential:
    """Half the size by one convolution, whose kernel lies evenly about each 2×2 px."""
    if side % 2 or not 2 <= side <= UNSHUFFLED:
        raise ValueError(f"a first kernel of {side} px cannot be: use 2, 4 or {UNSHUFFLED}")
    return nn.Sequential(nn.Conv2d(channels, out, side, 2, side // 2 - 1), nn.LeakyReLU(0.1, inplace=True))


def of_phases(weight: Tensor) -> Tensor:
    """A 3×3 kernel over four phases of each channel, as it is stored → the 6×6 kernel over the channels."""
    out, channels = weight.shape[0], weight.shape[1] // 4
    kernel = weight.view(out, channels, 2, 2, 3, 3).permute(0, 1, 4, 2, 5, 3)
    return kernel.reshape(out, channels, UNSHUFFLED, UNSHUFFLED)


def unshuffled(block: nn.Sequential, x: Tensor) -> Tensor:
    """A block of `_conv` on four times the channels of half the size, as one convolution of stride 2.

    The same products and sums: a 3×3 kernel on `F.pixel_unshuffle(x, 2)` is a 6×6 kernel on x. Runtimes
    spend a seventh of the refiner on moving pixels for the former.
    """
    conv = cast("nn.Conv2d", block[0])  # an nn.Sequential does not say what it holds
    y: Tensor = block[1](F.conv2d(x, of_phases(conv.weight), conv.bias, stride=2, padding=2))
    return y


def network_inputs(patches: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The refiner inputs that the convolutions read: alpha and unknown unsmoothed, not the smoothed ones.

    In three parts, which are concatenated once with all else that is read.
    """
    return patches[:, :RGB] * 4 - 2, patches[:, -RAW:], patches[:, UNKNOWN + 1 : -RAW]


class UnshuffleRefiner(nn.Module):
    """Refiner inputs (plate, coarse alpha, unknown probability, features) → alpha of the patches' cells."""

    def __init__(
        self, config: RefinerConfig, refiner_features: int, context: int, attention: int, light: bool = False
    ):
        super().__init__()
        self.light = light  # its training pictures were mixed in linear light: colours are compared there
        self.cell, self.halo, self.low, self.high = config.cell, config.halo, config.low, config.high
        channels = RGB + 2 + refiner_features
        fine, middle, deep = config.widths
        self.token_encoder = nn.Sequential(_conv(channels, 32, 2), _conv(32, 64, 2), _conv(64, 64))
        self.token = nn.Linear(64, attention)
        self.context = nn.Linear(context, attention)
        if config.entry == UNSHUFFLED:
            self.enter = _conv(4 * (channels + CUES), fine)
        else:
            self.enter = _halving(channels + CUES, fine, config.entry)
        self.down1 = nn.Sequential(_conv(fine, middle, 2), _conv(middle, middle))
        self.down2 = nn.Sequential(_conv(middle, deep, 2), _conv(deep, deep))
        self.attended = nn.Linear(attention, deep)
        self.bottom = _conv(deep, deep)
        self.entry, self.early = config.entry, config.early
        self.apart = config.skip == 1
        if config.skip not in (1, 3) or (self.apart and not self.early):
            raise ValueError("skips have kernels of 3 px, or of 1 px where features are convolved early")
        self.up1 = _conv(deep if self.apart else deep + middle, middle)
        self.up2 = _conv(middle if self.apart else middle + fine, fine)
        self.beside1, self.beside2 = (
            nn.Conv2d(width, width, 1, bias=False) if self.apart else nn.Identity()
            for width in (middle, fine)
        )
        self.head = nn.Conv2d(fine, 8, 3, padding=1)  # two maps of four phases
        for module in self.modules():  # no norms: torch's default would shrink the signal to nothing
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.1, nonlinearity="leaky_relu")
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)  # starts as the guided filter
        if self.head.bias is not None:  # to a type checker it may be
            nn.init.constant_(self.head.bias[4:], 1.0)

    def encode(self, patches: Tensor, context: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """What `decode` needs of a region, and the token that stands for it.

        Parameters
        ----------
        patches : N×(7+F)×P×P, P = cell + 2·halo: RGB 0..1, coarse alpha, unknown, F features, RAW.
        context : N×C, the coarse stage's token at the region's centre.

        Returns
        -------
        The patches themselves, and N×attention.
        """
        return (patches,), self.tokens(F.avg_pool2d(patches, 4), context)

    def tokens(self, pooled: Tensor, context: Tensor) -> Tensor:
        """Tokens from patches shrunk by four: a token says what a region is, not where each hair lies."""
        x = self.token_encoder(torch.cat(network_inputs(pooled), 1))
        return self.token(x.mean((2, 3))) + self.context(context)

    def correction(self, patches: Tensor, attended: Tensor, find: FindCues = cues) -> Tensor:
        """What to add to the coarse alpha before blending: N×1×P×P.

        It is learned in two parts: how far to go to the alpha that colour says, and what to add to that.
        """
        by_cues, by_colour = find(patches, self.light)
        inputs = torch.cat((*network_inputs(patches), by_cues), 1)
        # N×fine×P/2×P/2
        fine = unshuffled(self.enter, inputs) if self.entry == UNSHUFFLED else self.enter(inputs)
        middle = self.down1(fine)
        deep = self.down2(middle) + self.attended(attended)[:, :, None, None]
        x = self._up(self.up1, self.bottom(deep), middle, self.beside1)
        x = self._up(self.up2, x, fine, self.beside2)
        addition, share = F.pixel_shuffle(self.head(x), 2).split(1, 1)
        return addition + share * (by_colour - patches[:, ALPHA : ALPHA + 1])

    def _up(self, block: nn.Sequential, x: Tensor, skip: Tensor, beside: nn.Module) -> Tensor:
        """Twice the size: features of half the size, and what was there before it was halved."""
        if not self.early:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
            joined: Tensor = block(torch.cat((x, skip), 1))
            return joined
        conv = cast("nn.Conv2d", block[0])
        if self.apart:
            x, skip = conv(x), beside(skip)
        else:
            inner, outer = conv.weight[:, : x.shape[1]], conv.weight[:, x.shape[1] :]
            x = F.conv2d(x, inner, padding=1)
            skip = F.conv2d(skip, outer, conv.bias, padding=1)
        added: Tensor = block[1](F.interpolate(x, scale_factor=2.0, mode="nearest") + skip)
        return added

    def decode(self, features: tuple[Tensor, ...], attended: Tensor, find: FindCues = cues) -> Tensor:
        """The change of the coarse alpha, N×1×P×P: the two together lie in 0..1.

        `find`: how cues are found; what is exported has a way of its own (`flyaway.export.cues`).
        """
        (patches,) = features
        alpha, unknown = self.coarse(patches)
        refined = (alpha + self.correction(patches, attended, find)).clamp(0, 1)
        return self.blend(unknown) * (refined - alpha)

    def coarse(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Coarse alpha and unknown probability of patches, each N×1×P×P."""
        return patches[:, ALPHA : ALPHA + 1], patches[:, UNKNOWN : UNKNOWN + 1]

    def blend(self, unknown: Tensor) -> Tensor:
        """How much of the refined alpha counts, 0..1, from the unknown probability."""
        return ((unknown - self.low) / (self.high - self.low)).clamp(0, 1)
