"""The stages of our network as modules of tensors in and out, one for each graph that is exported.

Apart from `graphs`, so that the file of the live Nuke node is made with torch alone, without onnx.
"""

from __future__ import annotations

from torch import Tensor, nn

from flyaway.export.cues import QuickCues
from flyaway.network import MattingNetwork


class CoarseGraph(nn.Module):
    """Working image → alpha, trimap probabilities, refiner features, context."""

    def __init__(self, network: MattingNetwork):
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        coarse = self.network.coarse(image)
        alpha, trimap, features = self.network.finest(coarse.levels[-1])
        return alpha, trimap, features, coarse.context


class ShotGraph(nn.Module):
    """The same for a frame of a shot: takes the states that the frame before left, and leaves its own."""

    def __init__(self, network: MattingNetwork):
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, states: list[Tensor]) -> tuple[Tensor, ...]:
        coarse, left = self.network.frame(image, states)
        alpha, trimap, features = self.network.finest(coarse.levels[-1])
        return alpha, trimap, features, coarse.context, *left


class TokensGraph(nn.Module):
    """Patches and context → tokens."""

    def __init__(self, network: MattingNetwork):
        super().__init__()
        self.refiner = network.refiner

    def forward(self, patches: Tensor, context: Tensor) -> Tensor:
        _, tokens = self.refiner.encode(patches, context)
        return tokens


class RefineGraph(nn.Module):
    """Patches, each region's tokens and their positions → the change of the coarse alpha, halos too."""

    def __init__(self, network: MattingNetwork):
        super().__init__()
        self.refiner, self.attention = network.refiner, network.attention
        self.cues = QuickCues(network.refiner.cell + 2 * network.refiner.halo)

    def forward(self, patches: Tensor, tokens: Tensor, positions: Tensor, valid: Tensor) -> Tensor:
        return self.refiner.decode((patches,), self.attention(tokens, positions, valid), self.cues)
