"""Regions on disk: what the refiner sees of a frozen coarse stage, drawn once and learned from many times.

`python -m models.training.region_bank --weights runs/fast/average.safetensors --bank FOLDER --minutes 10 …`
runs the coarse stage over freshly drawn plates and keeps some of the regions it is unsure of, with their
truth and all that cross region attention needs. A refiner trained from the bank takes ten steps where one
trained behind the coarse stage takes one. Several processes may fill one bank (different --seed).
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional as F

from flyaway.network import CONFIGS, MattingNetwork, regions
from models.training.losses import soft_trust
from models.training.pictures import Portraits, plate_shapes, read_backgrounds, read_index
from models.training.train import training_cells

VIEWS = ((512, 1.75), (448, 2.0), (320, 3.0))  # working size, plate over working size
SHARD = 40  # pictures a file
# Exact alphas first: a teacher's soft pixels are its opinion.
SHARES = {"london": 0.6, "figaro": 0.16, "ccp": 0.14, "civil": 0.10}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", default="fast", choices=sorted(CONFIGS))
    parser.add_argument("--weights", type=Path, required=True, help="checkpoint with a trained coarse stage")
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, required=True)
    parser.add_argument("--licences", default="clean,research")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--regions", type=int, default=20, help="regions kept of a picture")
    parser.add_argument("--views", type=json.loads, default=VIEWS, help="[[working size, ratio], …] as JSON")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


@torch.no_grad()
def pick(
    network: MattingNetwork,
    plate: Tensor,
    alpha: Tensor,
    weight: float,
    exact: float,
    ratio: float,
    keep: int,
) -> dict[str, Tensor] | None:
    """Regions of one picture: patches with truth of those kept, tokens' material of all.

    Args:
        plate: 3×H×W in 0..1.
        alpha: 1×H×W truth.
    """
    size = tuple(round(s / ratio) for s in plate.shape[1:])
    working = F.interpolate(plate[None], size, mode="bilinear", align_corners=False, antialias=True)
    with torch.autocast("cpu", torch.bfloat16):
        coarse = network.coarse(working.contiguous(memory_format=torch.channels_last))
    guide = network.coarse_maps(coarse, size)
    cell = network.config.refiner.cell
    cells = training_cells(network, guide, alpha[0])
    if not cells.any():
        return None
    positions, index, where, valid = network.neighbourhoods(cells)
    patches, context = network.refiner_inputs(plate, guide, positions)
    ys, xs = regions.region_pixels(positions, cell, network.config.refiner.halo)
    truth = regions.gather(alpha, ys, xs)
    # Soft pixels are what the refiner is for: regions that hold more of them are drawn more often.
    odds = 0.02 + ((truth > 0.02) & (truth < 0.98)).float().mean((1, 2, 3))
    chosen = torch.multinomial(odds, min(keep, len(positions)))
    trust = torch.full((len(chosen),), soft_trust(weight, exact))
    return {
        "patches": patches[chosen].half(),
        "truth": (truth[chosen] * 255).round().byte(),
        "trust": trust,
        "exact": torch.full((len(chosen),), exact),
        "index": index[chosen],
        "where": where[chosen],
        "valid": valid[chosen],
        "pooled": F.avg_pool2d(patches, 4).half(),
        "context": context.half(),
    }


def join(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """One shard of several pictures; token indices count through the shard."""
    first = 0
    for part in parts:
        part["index"] = part["index"] + first
        first += len(part["context"])
    return {key: torch.cat([part[key] for part in parts]).contiguous() for key in parts[0]}


def main() -> None:
    """Draw plates until the time is up."""
    args = arguments()
    torch.manual_seed(args.seed)
    network = MattingNetwork(CONFIGS[args.config])
    # Only the coarse stage is run: a refiner of another shape does not matter.
    coarse = {k: v for k, v in load_file(args.weights).items() if k.startswith(("encoder.", "decoder."))}
    if network.load_state_dict(coarse, strict=False).unexpected_keys:
        raise SystemExit(f"{args.weights} is no checkpoint of {args.config}")
    network.eval().to(memory_format=torch.channels_last)
    pictures = read_index(args.index, args.data, set(args.licences.split(",")))
    backgrounds = read_backgrounds(args.backgrounds, args.data, None)
    views = [(shape, ratio) for size, ratio in args.views for shape in plate_shapes([size], ratio)]
    samples = Portraits(pictures, backgrounds, [shape for shape, _ in views], 1, 1000 + args.seed, SHARES)
    args.bank.mkdir(parents=True, exist_ok=True)
    began, parts, number = time.monotonic(), [], 0
    while time.monotonic() - began < args.minutes * 60:
        sample = samples[number]
        picked = pick(
            network,
            sample["image"].float() / 255,
            sample["alpha"].float() / 255,
            sample["weight"].item(),
            sample["exact"].item(),
            views[number % len(views)][1],
            args.regions,
        )
        number += 1
        if picked is not None:
            parts.append(picked)
        if len(parts) == SHARD:
            name = f"{args.seed:03d}-{number:06d}.safetensors"
            save_file(join(parts), args.bank / f".{name}")
            (args.bank / f".{name}").rename(args.bank / name)
            parts = []
            print(f"{number} pictures, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
