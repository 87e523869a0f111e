"""Our refiner: larger regions than the paper's, seen with a halo, on pixel-unshuffled input.

What the paper's refiner does is kept: regions of the full-resolution plate, a token a region, cross
region attention, the answer added to the bottleneck. What differs, and why: cells of 64 px at half
resolution with four times the channels use a CPU's vector units far better than 8 px cells; a halo
takes the seams away; the token comes from a small encoder of its own, so that all tokens can be had
before any region is refined, whatever the chunk; the result is a correction of the coarse alpha,
blended in by the probability that a pixel is unknown, so that choosing regions causes no jump.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network.config import RefinerConfig

RGB = 3
ALPHA, UNKNOWN = 3, 4  # channels of a patch, after RGB; hints follow
RAW = 2  # its last channels: alpha and unknown probability as the coarse stage said them, unsettled


def _conv(channels: int, out: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1), nn.LeakyReLU(0.1, inplace=True))


def seen(patches: Tensor) -> Tensor:
    """What the convolutions look at: alpha and unknown as they came, not as they were settled."""
    return torch.cat((patches[:, :RGB], patches[:, -RAW:], patches[:, UNKNOWN + 1 : -RAW]), 1)


COLOUR_CUES = 4


def colour_cues(patches: Tensor) -> Tensor:
    """What colour alone says of each pixel's alpha, given the pixels that the coarse stage is sure of.

    Foreground and background colour are averages over sure pixels nearby; a pixel's alpha is where it
    lies on the line between them (the compositing equation, solved). A convolution would have to learn
    to divide for this.

    Args:
        patches: N×(5+hints)×P×P, P even, as `seen` returns them.

    Returns:
        N×4×P×P: alpha by colour (less ½), contrast of the two colours, and how much sure foreground and
        background there is nearby.
    """
    half = F.avg_pool2d(patches[:, : UNKNOWN + 1], 2)
    colour, alpha, unknown = half[:, :RGB], half[:, ALPHA : ALPHA + 1], half[:, UNKNOWN : UNKNOWN + 1]
    sure = (1 - unknown).clamp(0, 1) ** 4
    front, back = alpha * sure, (1 - alpha) * sure
    total = torch.cat((colour * front, colour * back, front, back), 1)
    near = F.avg_pool2d(F.avg_pool2d(total, 9, 1, 4), 9, 1, 4)
    share = near[:, 2 * RGB :]
    front_colour = near[:, :RGB] / (share[:, :1] + 1e-4)
    back_colour = near[:, RGB : 2 * RGB] / (share[:, 1:] + 1e-4)
    cues = torch.cat((back_colour, front_colour - back_colour, share), 1)
    cues = F.interpolate(cues, scale_factor=2.0, mode="bilinear", align_corners=False)
    back_colour, line, share = cues[:, :RGB], cues[:, RGB : 2 * RGB], cues[:, 2 * RGB :]
    contrast = (line * line).sum(1, keepdim=True)
    along = ((patches[:, :RGB] - back_colour) * line).sum(1, keepdim=True) / (contrast + 1e-3)
    return torch.cat((along.clamp(-0.5, 1.5) - 0.5, contrast.sqrt(), share), 1)


class UnshuffleRefiner(nn.Module):
    """Patches of plate, coarse alpha, unknown probability and hints → alpha of the patches' cells."""

    def __init__(self, config: RefinerConfig, hints: int, context: int, attention: int):
        super().__init__()
        self.cell, self.halo, self.low, self.high = config.cell, config.halo, config.low, config.high
        channels = RGB + 2 + hints
        fine, middle, deep = config.widths
        self.token_encoder = nn.Sequential(_conv(channels, 32, 2), _conv(32, 64, 2), _conv(64, 64))
        self.token = nn.Linear(64, attention)
        self.context = nn.Linear(context, attention)
        self.enter = _conv(4 * (channels + COLOUR_CUES), fine)
        self.down1 = nn.Sequential(_conv(fine, middle, 2), _conv(middle, middle))
        self.down2 = nn.Sequential(_conv(middle, deep, 2), _conv(deep, deep))
        self.attended = nn.Linear(attention, deep)
        self.bottom = _conv(deep, deep)
        self.up1 = _conv(deep + middle, middle)
        self.up2 = _conv(middle + fine, fine)
        self.head = nn.Conv2d(fine, 4, 3, padding=1)
        for module in self.modules():  # no norms: torch's default would shrink the signal to nothing
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, a=0.1, nonlinearity="leaky_relu")
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)  # starts as the coarse alpha, unchanged

    def encode(self, patches: Tensor, context: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        """What `decode` needs of a region, and the token that stands for it.

        Args:
            patches: N×(7+hints)×P×P, P = cell + 2·halo: RGB 0..1, coarse alpha, unknown, hints, RAW.
            context: N×C, the coarse stage's token at the region's centre.

        Returns:
            The patches themselves, and N×attention.
        """
        return (patches,), self.tokens(F.avg_pool2d(patches, 4), context)

    def tokens(self, pooled: Tensor, context: Tensor) -> Tensor:
        """Tokens from patches shrunk by four: a token says what a region is, not where each hair lies."""
        x = self.token_encoder(self._centred(seen(pooled)))
        return self.token(x.mean((2, 3))) + self.context(context)

    def correction(self, patches: Tensor, attended: Tensor) -> Tensor:
        """What to add to the coarse alpha, on the cells without their halo: N×1×cell×cell."""
        raw = seen(patches)
        inputs = torch.cat((self._centred(raw), colour_cues(raw)), 1)
        fine = self.enter(F.pixel_unshuffle(inputs, 2))  # N×fine×P/2×P/2
        middle = self.down1(fine)
        deep = self.down2(middle) + self.attended(attended)[:, :, None, None]
        x = F.interpolate(self.bottom(deep), scale_factor=2.0, mode="nearest")
        x = self.up1(torch.cat((x, middle), 1))
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = self.up2(torch.cat((x, fine), 1))
        return self._core(F.pixel_shuffle(self.head(x), 2))

    def decode(self, features: tuple[Tensor, ...], attended: Tensor) -> Tensor:
        """Alpha of the cells, blended into the coarse alpha: N×1×cell×cell in 0..1."""
        (patches,) = features
        alpha, unknown = self.coarse(patches)
        refined = (alpha + self.correction(patches, attended)).clamp(0, 1)
        return alpha + self.blend(unknown) * (refined - alpha)

    def coarse(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Coarse alpha and unknown probability on the cells without their halo, each N×1×cell×cell."""
        core = self._core(patches)
        return core[:, ALPHA : ALPHA + 1], core[:, UNKNOWN : UNKNOWN + 1]

    def blend(self, unknown: Tensor) -> Tensor:
        """How much of the refined alpha counts, 0..1, from the unknown probability."""
        return ((unknown - self.low) / (self.high - self.low)).clamp(0, 1)

    def _core(self, x: Tensor) -> Tensor:
        h = self.halo
        return x[:, :, h : h + self.cell, h : h + self.cell]

    @staticmethod
    def _centred(patches: Tensor) -> Tensor:
        return torch.cat((patches[:, :RGB] * 4 - 2, patches[:, RGB:]), 1)
