"""What a network costs: parameters and floating-point operations.

One multiplication with its addition is two FLOPs; papers that print "GFLOPs" often mean half of that.
Counted are convolutions, linear layers and the matrix products of attention, as they reach torch's
dispatcher, so that nothing has to be declared and nothing can be forgotten: windows count with their
padding, a transposed convolution on its input pixels, keys and values for all tokens of all
neighbourhoods. Norms, activations, softmax and resampling are not counted, as is the custom.

`python -m flyaway.network.flops` prints the cost of every configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from flyaway.geometry import grid_size
from flyaway.network import TwoStageNetwork, build_network
from flyaway.network_config import CONFIGS, NetworkConfig

HD = (1080, 1920)
UHD = (2160, 3840)
UNKNOWN_SHARE = 0.06  # the median share of unknown cells that the paper reports
_SAMPLE = 64  # regions whose cost is counted at once; their mean is exact, all cost the same


def parameters(module: nn.Module) -> int:
    """How many numbers training can move. Buffers, such as batch statistics, do not count."""
    return sum(p.numel() for p in module.parameters())


def count(call: Callable[[], Any]) -> int:
    """FLOPs of whatever `call` does in torch."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    return int(counter.get_total_flops())


@dataclass(frozen=True)
class Cost:
    """What a configuration costs on one plate."""

    coarse: int  # FLOPs of the coarse stage
    region: int  # FLOPs of one region, encoded once
    cells: int  # regions that the plate has

    def total(self, share: float = UNKNOWN_SHARE) -> float:
        """FLOPs with a share of all regions refined."""
        return self.coarse + share * self.cells * self.region


def skeleton(config: NetworkConfig) -> TwoStageNetwork:
    """A network without memory: shapes alone, for counting."""
    with torch.device("meta"):
        return build_network(config).eval()


def cost(config: NetworkConfig, height: int, width: int) -> Cost:
    """Cost of a plate of height×width px, counted without computing anything."""
    network = skeleton(config)
    image = torch.empty(1, 3, height, width, device="meta")
    working, size = network.working_image(image)
    with torch.no_grad():
        maps = network.coarse_maps(network.coarse(working), size)
    coarse = count(lambda: network.coarse(working))

    tokens = 1 + config.attention.neighbours
    positions = torch.zeros(_SAMPLE, 2, dtype=torch.int64, device="meta")
    where = positions[:, None].expand(-1, tokens, -1)
    valid = torch.ones(_SAMPLE, tokens, dtype=torch.bool, device="meta")

    def refine() -> None:
        features, token = network.encode(image[0], maps, positions)
        attended = network.attention(token[:, None].expand(-1, tokens, -1), where, valid)
        network.refiner.decode(features, attended)

    rows, columns = grid_size(height, width, config.refiner.cell)
    return Cost(coarse, count(refine) // _SAMPLE, rows * columns)


def table() -> str:
    """Cost of every configuration, as text."""
    share = f"{UNKNOWN_SHARE:.0%}"
    heading = ["network", "M param", "cell px", "MFLOPs/region"]
    heading += [f"{size} {what}" for size in ("HD", "UHD") for what in ("coarse", f"+{share}")]
    lines = [heading]
    for name, config in CONFIGS.items():
        costs = [cost(config, *size) for size in (HD, UHD)]
        line = [name, f"{parameters(skeleton(config)) / 1e6:.2f}", str(config.refiner.cell)]
        line.append(f"{costs[0].region / 1e6:.2f}")
        for each in costs:
            line += [f"{each.coarse / 1e9:.1f}", f"{each.total() / 1e9:.1f}"]
        lines.append(line)
    widths = [max(len(line[i]) for line in lines) for i in range(len(heading))]
    rows = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]
    note = f"GFLOPs, 2 a multiply-add; HD 1920×1080, UHD 3840×2160; +{share}: with that share refined."
    return "\n".join([*rows, note])


if __name__ == "__main__":
    print(table())
