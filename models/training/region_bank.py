"""Regions on disk: what the refiner sees of a frozen coarse stage, drawn once and learned from many times.

`python -m models.training.region_bank RECIPE --weights runs/NAME/average.safetensors --regions FOLDER …` runs
the coarse stage over freshly drawn plates (`compose.py`, as the recipe draws them) and keeps some of the
regions that it is unsure of, with their truth and all that cross region attention needs. A refiner trained
from such a folder takes ten steps where one trained behind the coarse stage takes one. Several processes may
fill one folder (different --seed).
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.two_stage import CoarseMaps
from flyaway.regions import torch_backend as regions
from models.training.compose import Plates
from models.training.imitation import teacher
from models.training.losses import soft_cells
from models.training.objectives import shrunk
from models.training.recipe import read_recipe
from models.training.run import halves, open_composer

SHARD = 40  # pictures a file


def unsure_cells(network: MattingNetwork, maps: CoarseMaps, alpha: Tensor) -> Tensor:
    """Cells the coarse stage is unsure of, and half of those where it should be: rows×columns bool."""
    cells = network.select(maps, *alpha.shape)
    soft = soft_cells(alpha, network.config.refiner.cell)
    return cells | (soft & (torch.rand(cells.shape, device=cells.device) < 0.5))


def otherwise(working: Tensor) -> Tensor:
    """A working image in other colours and with noise: the coarse stage is as unsure of it as of a stranger.

    It has seen those few whose hair is solved a hundred times and more, and knows their outlines by heart.
    A refiner that only ever saw such maps finds nothing to do, and leaves a stranger's hair as it is.
    """
    colour = working[:, torch.randperm(3)] if torch.rand(()) < 0.5 else working
    colour = colour * (0.7 + 0.6 * torch.rand(1, 3, 1, 1)) + torch.rand(()) * 0.08 * torch.randn_like(colour)
    if torch.rand(()) < 0.5:
        colour = F.avg_pool2d(F.pad(colour, (1, 1, 1, 1), mode="replicate"), 3, 1)
    return colour.clamp(0, 1)


def answers(network: MattingNetwork, patches: Tensor, attended: Tensor) -> Tensor:
    """What a trained refiner makes of patches: N×1×P×P alpha, the mean over all ways to mirror and turn them.

    It is a little better, and steadier, than what it makes of one of them; who learns from it needs one.
    """
    refiner = network.refiner
    base, unknown = refiner.coarse(patches)
    sums = torch.zeros_like(base)
    for transposed in (False, True):
        for turned in ((), (-1,), (-2,), (-1, -2)):
            x = patches.transpose(-1, -2) if transposed else patches
            change = refiner.correction(x.flip(turned).contiguous(), attended).float().flip(turned)
            sums += change.transpose(-1, -2) if transposed else change
    return (base + refiner.blend(unknown) * sums / 8).clamp(0, 1)


@torch.no_grad()
def pick(
    network: MattingNetwork,
    plates: Plates,
    size: tuple[int, int],
    keep: int,
    strange: bool = False,
    teaches: bool = False,
) -> dict[str, Tensor] | None:
    """Regions of one plate: patches with truth of those kept, tokens' material of all.

    Parameters
    ----------
    plates : a batch of one.
    size : of the working image.
    keep : how many regions at most.
    strange : the coarse stage sees it `otherwise` than the refiner.
    teaches : the network's own refiner answers besides (`answers`).
    """
    working, _, _ = shrunk(plates, size)
    working = otherwise(working) if strange else working
    with torch.autocast("cpu", torch.bfloat16, enabled=halves(working.device)):
        coarse = network.coarse(working.contiguous(memory_format=torch.channels_last))
    maps = network.coarse_maps(coarse, size)
    cells = unsure_cells(network, maps, plates.alpha[0, 0])
    if not cells.any():
        return None
    positions, index, where, valid = network.neighbourhoods(cells)
    patches, context = network.refiner_inputs(plates.image[0], maps, positions)
    r = network.config.refiner
    ys, xs = regions.region_pixels(positions, r.cell, r.halo)
    truth, trust = (regions.gather(x[0], ys, xs) for x in (plates.alpha, plates.trust))
    # Soft pixels are what the refiner is for: regions that hold more of them are drawn more often. Those
    # of an outline by hand, which are not believed, teach nothing.
    odds = 0.02 + (((truth > 0.02) & (truth < 0.98)) * trust).mean((1, 2, 3))
    chosen = torch.multinomial(odds, min(keep, len(positions)))
    pooled = F.avg_pool2d(patches, 4)
    picked = {
        "patches": patches[chosen].half(),
        "truth": (truth[chosen] * 255).round().byte(),
        "trust": (trust[chosen] * 255).round().byte(),
        "exact": plates.exact.expand(len(chosen)).clone(),
        "index": index[chosen],
        "where": where[chosen],
        "valid": valid[chosen],
        "pooled": pooled.half(),
        "context": context.half(),
    }
    if teaches:
        tokens = network.refiner.tokens(pooled, context)
        attended = network.attention(tokens[index[chosen]], where[chosen], valid[chosen])
        picked["answer"] = answers(network, patches[chosen], attended).half()
    return picked


def join(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """One shard of several pictures; token indices count through the shard."""
    first = 0
    for part in parts:
        part["index"] = part["index"] + first
        first += len(part["context"])
    return {key: torch.cat([part[key] for part in parts]).contiguous() for key in parts[0]}


def coarse_stage(config: str, weights: Path) -> MattingNetwork:
    """A network with a trained coarse stage, ready to be run; its refiner is not trained."""
    network = MattingNetwork(CONFIGS[config])
    coarse = {k: v.float() for k, v in load_file(weights).items() if k.startswith(("encoder.", "decoder."))}
    if network.load_state_dict(coarse, strict=False).unexpected_keys:
        raise SystemExit(f"{weights} is no checkpoint of {config}")
    # torch does not declare this form of the call; it changes the network in place.
    cast("Any", network).to(memory_format=torch.channels_last)
    return network.eval()


def main() -> None:
    """Draw plates until the time is up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipe", help="its name in models/training/recipes, or a .toml")
    parser.add_argument("--weights", type=Path, required=True, help="checkpoint with a trained coarse stage")
    parser.add_argument("--regions", type=Path, required=True, help="folder that is filled")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--keep", type=int, default=24, help="regions kept of a plate")
    parser.add_argument("--strange", type=float, default=0.0, help="share of plates whose colours are other")
    parser.add_argument("--answers", action="store_true", help="keep what the weights' own refiner says, too")
    parser.add_argument(
        "--config", choices=sorted(CONFIGS), help="of the weights, where it is not the recipe's"
    )
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    run = replace(read_recipe(args.recipe), seed=1000 + args.seed)
    opened = teacher if args.answers else coarse_stage
    network = opened(args.config or run.config, args.weights)
    draw = open_composer(run, args.bank, args.data, torch.device("cpu"))
    args.regions.mkdir(parents=True, exist_ok=True)
    began, number, parts = time.monotonic(), 0, list[dict[str, Tensor]]()
    while time.monotonic() - began < args.minutes * 60:
        size, ratio = run.views[number % len(run.views)], run.ratios[number % len(run.ratios)]
        plates = draw(1, (round(size[0] * ratio), round(size[1] * ratio)))
        picked = pick(network, plates, size, args.keep, bool(torch.rand(()) < args.strange), args.answers)
        number += 1
        if picked is not None:
            parts.append(picked)
        if len(parts) == SHARD:
            name = f"{args.seed:03d}-{number:06d}.safetensors"
            save_file(join(parts), args.regions / f".{name}")
            (args.regions / f".{name}").rename(args.regions / name)
            parts = []
            print(f"{number} plates, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
