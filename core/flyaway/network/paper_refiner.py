"""The paper's refiner without its attention: an 8×8 region in, its alpha out.

Every convolution is valid, so a region knows nothing but its own 64 pixels; what it learns of its
surroundings comes through cross region attention (`attention.py`), between `encode` and `decode`. The
chain of sizes 8 → 6 → 4 → 2 and back leaves no choice of region size.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _shrink(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1)
    )


def _grow(inputs: int, outputs: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, kernel, bias=False), nn.BatchNorm2d(outputs), nn.LeakyReLU(0.1)
    )


class PaperRefiner(nn.Module):
    """Encoder and decoder of a region, around cross region attention.

    Parameters
    ----------
    attention
        Channels of a token.
    """

    def __init__(self, attention: int = 128) -> None:
        super().__init__()
        self.encode_8 = nn.Sequential(_shrink(4, 32, 1), _shrink(32, 32, 1))
        self.encode_4 = nn.Sequential(_shrink(32, 64, 3), _shrink(64, 64, 3))
        self.encode_2 = nn.Sequential(_shrink(64, 64, 3), _shrink(64, 64, 1))
        self.to_token = nn.Linear(64, attention)
        self.from_token = nn.Linear(attention, 64)
        self.decode_2 = nn.Sequential(_grow(64, 32, 1), _grow(32, 32, 3))
        self.decode_4 = nn.Sequential(_grow(32 + 64, 32, 3), _grow(32, 32, 3))
        self.decode_8 = nn.Sequential(_grow(32 + 32, 16, 1), _grow(16, 16, 1))
        self.head = nn.Conv2d(16, 1, 1)

    def encode(self, patches: Tensor, context: Tensor | None = None) -> tuple[tuple[Tensor, ...], Tensor]:
        """What `decode` needs of a region, and the token that stands for it.

        Parameters
        ----------
        patches
            N×4×8×8: display-referred sRGB 0..1, and the bilinearly upsampled coarse alpha.
        context
            For our refiner, which looks at the coarse stage's token too. The paper's does not.

        Returns
        -------
        features
            N×32×8×8 and N×64×4×4, the skips, and N×64×2×2, the bottleneck.
        token
            N×attention.
        """
        del context
        at_8 = self.encode_8(patches)
        at_4 = self.encode_4(at_8)
        at_2 = self.encode_2(at_4)
        return (at_8, at_4, at_2), self.to_token(at_2.mean((2, 3)))

    def decode(self, features: tuple[Tensor, ...], attended: Tensor) -> Tensor:
        """Alpha of a region.

        Parameters
        ----------
        features
            What `encode` returned.
        attended
            N×attention, the region's own token after it saw its neighbours.

        Returns
        -------
        Tensor
            N×1×8×8 in 0..1.
        """
        at_8, at_4, at_2 = features
        x = self.decode_2(at_2 + self.from_token(attended)[:, :, None, None])
        x = self.decode_4(torch.cat((x, at_4), 1))
        x = self.decode_8(torch.cat((x, at_8), 1))
        alpha: Tensor = self.head(x)
        return alpha.clamp(0.0, 1.0)
