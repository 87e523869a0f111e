"""What each transformer block does: `python -m models.training.ablate_blocks --data DATA`.

The coarse alpha of released weights against masks drawn by hand (held-out pictures of ``action.csv``), with
each block's residual multiplied by a share; 0 makes a block the identity. The table of
`docs/decisions/0008-one-shape-for-shots-and-speed.md`.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch.nn import functional as F

from flyaway.network import CONFIGS, MattingNetwork
from models.evaluation.holdout import trains_on
from models.training.start import keep

SHARES = ("1,1,1,1", ".75,.75,.75,.75", ".5,.5,.5,.5", "0,0,0,0", ".6,.6,0,0")


@torch.no_grad()
def overlap_of(network: MattingNetwork, image: Path, mask: Path) -> float:
    """IoU of the coarse alpha with a mask, at the working image's size."""
    with Image.open(image) as picture:
        plate = np.asarray(picture.convert("RGB"))
    with Image.open(mask) as picture:
        drawn = picture.convert("L").resize((plate.shape[1], plate.shape[0]))
        truth = torch.from_numpy(np.asarray(drawn) > 127)
    working, size = network.working_image(torch.from_numpy(plate.copy()).permute(2, 0, 1)[None].float() / 255)
    alpha = network.finest(network.coarse(working).levels[-1])[0][0, 0, : size[0], : size[1]]
    small = F.interpolate(truth[None, None].float(), size, mode="area")[0, 0] > 0.5
    both, either = ((alpha > 0.5) & small).sum(), ((alpha > 0.5) | small).sum()
    return float(both / either) if either else 1.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--weights",
        type=Path,
        default=Path("models/weights/fast@4/fast.fp16.safetensors"),
        help="safetensors",
    )
    parser.add_argument("--config", default="fast", choices=sorted(CONFIGS))
    parser.add_argument("--every", type=int, default=2, help="score every N-th picture")
    parser.add_argument("--shares", nargs="+", default=SHARES, help="one row each: shares of the blocks")
    args = parser.parse_args(arguments)
    with (args.data / "action.csv").open(newline="", encoding="utf-8") as stream:
        rows = [r for r in csv.DictReader(stream) if r["mask"] and r["partial"] != "yes" and not trains_on(r)]
    print("| shares | IoU | by source |\n|---|---:|---|")
    for text in args.shares:
        network = MattingNetwork(CONFIGS[args.config]).eval()
        network.load_state_dict({k: v.float() for k, v in load_file(args.weights).items()})
        keep(network, [float(share) for share in text.split(",")])
        found = defaultdict(list)
        for row in rows[:: args.every]:
            value = overlap_of(network, args.data / row["image"], args.data / row["mask"])
            found[row["source"].split()[0]].append(value)
        mean = np.mean([v for values in found.values() for v in values])
        parts = ", ".join(f"{name} {np.mean(values):.3f}" for name, values in sorted(found.items()))
        print(f"| {text} | {mean:.3f} | {parts} |", flush=True)


if __name__ == "__main__":
    main()
