"""Train both stages as one on a GPU: `python -m models.training.joint --pack DIR --start FILE --out DIR …`.

Plates are drawn on the device from a pack (`pack.py`, `compose.py`); the refiner learns on the coarse stage's
real errors, and its gradient reaches the coarse stage: the refiner features learn what the refiner needs
(`gather.py`). The rate falls to nothing by the end of the time, whatever the machine. Every minute,
after six tenths of the time and at its end the average of the weights is written, in half precision, as a
release has it. With `--coarse-only` and a small `--scale` it also trains on a processor.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from flyaway.network import CONFIGS, MattingNetwork
from models.training import checkpoints
from models.training.compose import Composer, Plates, Recipe
from models.training.gather import choose, plate_maps, refined, soft_distances
from models.training.losses import coarse_loss, fade, overlap, region_loss
from models.training.plates import build, read_pack, read_rows
from models.training.schedule import average_in, pace

RECIPES = {
    "train": Recipe({"london": 0.36, "ccp": 0.30, "figaro": 0.20, "civil": 0.14}),
    "clean": Recipe({"london": 0.55, "civil": 0.45}, replaced=0.75, bodies=0.5),
}
# Height and width of the working image, plate over working size, share of the batch's full number.
VIEWS = (
    ((512, 512), 1.75, 1.0), ((608, 416), 1.75, 1.0), ((416, 608), 1.75, 1.0),
    ((640, 480), 1.5, 0.8), ((448, 448), 2.0, 1.0), ((512, 512), 1.75, 1.0), ((256, 256), 1.5, 1.0),
)  # fmt: skip
KEEP = 60.0  # s: a rented machine may be gone at any time
FRESH = ("refiner.", "attention.", "decoder.trimap_head.", "decoder.head", "encoder.blocks.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", default="fast", choices=sorted(CONFIGS))
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--set", default="train", choices=sorted(RECIPES), help="which index of the pack")
    parser.add_argument("--start", type=Path, required=True, help="weights to start from")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of training, without reading the pack")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--coarse-only", action="store_true", help="no larger plates and no refiner")
    parser.add_argument("--regions", type=int, default=20, help="regions refined per plate")
    parser.add_argument("--scale", type=float, default=1.0, help="of all sizes: smaller to rehearse on a CPU")
    parser.add_argument("--rate", type=float, default=6e-4)
    parser.add_argument("--decoder", type=float, default=0.3, help="its rate, as a share")
    parser.add_argument("--tokenizer", type=float, default=0.1, help="its rate, as a share")
    parser.add_argument("--warm", type=int, default=60, help="steps over which the rate rises")
    parser.add_argument("--layout", choices=("channels_last", "contiguous"), default="channels_last")
    parser.add_argument("--threads", type=int, default=16, help="to decode the pack")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def parameter_groups(network: MattingNetwork, args: argparse.Namespace) -> list[dict[str, object]]:
    """What is new moves at the full rate, a trained decoder and tokeniser at shares of it."""
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        share = 1.0 if name.startswith(FRESH) else args.tokenizer if ".tokenizer." in name else args.decoder
        groups.setdefault(share, []).append(parameter)
    return [{"params": parameters, "rate": args.rate * share} for share, parameters in groups.items()]


class Trainer:
    """One run."""

    def __init__(self, args: argparse.Namespace):
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(args.seed)
        torch.backends.cudnn.benchmark = False  # to try all of each depthwise shape takes a minute
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        self.network = MattingNetwork(CONFIGS[args.config])
        self.network.load_state_dict({k: v.float() for k, v in load_file(args.start).items()})
        self.layout = torch.channels_last if args.layout == "channels_last" else torch.contiguous_format
        # torch does not declare this form of the call.
        cast("Any", self.network).to(self.device, memory_format=self.layout).train()
        self.average = {k: v.detach().clone().float() for k, v in self.network.state_dict().items()}
        groups = parameter_groups(self.network, args)
        fused = self.device.type == "cuda"
        self.optimizer = torch.optim.AdamW(
            groups, lr=args.rate, weight_decay=0.02, betas=(0.9, 0.98), fused=fused
        )
        self.composer = open_composer(args.pack, args.set, args.seed, self.device, args.threads)
        config = self.network.config.refiner
        self.shown = fade(config.cell, config.halo).to(self.device)
        args.out.mkdir(parents=True, exist_ok=True)

    def step(self, number: int) -> Tensor:
        """One step; logged: losses of alpha, trimap and refiner, IoU, soft distances before and after."""
        a = self.args
        plates = draw(self.composer, number, a.batch, a.scale, larger=not a.coarse_only)
        with torch.autocast(self.device.type, torch.bfloat16):
            losses, logged = self.losses(plates, number)
        self.optimizer.zero_grad(set_to_none=True)
        cast("Tensor", sum(losses.values())).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), 2.0)
        if norm.isfinite():
            self.optimizer.step()
        average_in(self.average, self.network, self.average, number)
        return logged

    def losses(self, plates: Plates, number: int) -> tuple[dict[str, Tensor], Tensor]:
        """Losses of both stages on a batch, and what is logged."""
        size, _ = working(number, self.args.scale)
        image, alpha = shrunk(plates, size)
        coarse = self.network.coarse(image.contiguous(memory_format=self.layout))
        losses = coarse_loss(coarse.levels, alpha, plates.weight)
        if self.network.config.coarse.decoder == "gated":
            losses["trimap"] = losses["trimap"] * 0.1
        count, found = self.args.regions * len(plates.image), None
        if not self.args.coarse_only:
            found = choose(self.network, plates, plate_maps(self.network, plates, coarse), count)
        distances = alpha.new_zeros(2)
        losses["refine"] = alpha.new_zeros(())
        if found is not None:
            base, after = refined(self.network, found)
            losses["refine"] = 4 * region_loss(after, found.truth, found.trust, self.shown)
            distances = soft_distances(base.detach(), after.detach(), found, self.shown)
        with torch.no_grad():
            iou = overlap(coarse.levels[-1].alpha, alpha)
            logged = torch.stack([*(x.detach().float() for x in losses.values()), iou, *distances])
        return losses, logged

    def run(self) -> None:
        """Train until the time is up."""
        budget, began, number, half, sums = self.args.seconds, time.monotonic(), 0, False, []
        kept = 0.0
        while (spent := time.monotonic() - began) < budget:
            for group in self.optimizer.param_groups:
                group["lr"] = group["rate"] * pace(spent / budget, number, self.args.warm)
            sums.append(self.step(number))
            number += 1
            if number % 25 == 0 or number in (1, 5):
                self.log(number, spent, torch.stack(sums).mean(0).tolist())
                sums = []
            if spent - kept > KEEP:
                self.save("latest")
                kept = spent
            if not half and spent > budget * 0.6:
                self.save("middle")
                half = True
        self.save("final")
        self.log(number, spent, [])

    def log(self, number: int, spent: float, values: list[float]) -> None:
        names = ("alpha", "trimap", "refine", "iou", "soft_before", "soft_after")
        line = {"steps": number, "seconds": round(spent, 1), **dict(zip(names, values, strict=False))}
        text = json.dumps({k: round(v, 5) for k, v in line.items()})
        with (self.args.out / f"{self.args.config}.jsonl").open("a") as file:
            file.write(text + "\n")
        print(self.args.config, text, flush=True)

    def save(self, name: str) -> None:
        tensors = {k: v.half() for k, v in self.average.items()}
        checkpoints.write(tensors, self.args.out / f"{self.args.config}-{name}.safetensors")


def open_composer(pack: Path, index: str, seed: int, device: torch.device, threads: int) -> Composer:
    """Read one index of a pack and its backgrounds onto a device."""
    rows = read_rows(pack)
    people = [row for row in rows if row["set"] == index]
    behind = [r for r in rows if r["set"] == "background" and (index != "clean" or r["licence"] == "clean")]
    names = {row[key] for row in (*people, *behind) for key in ("colour", "alpha") if key in row}
    files = read_pack(pack, names, threads)
    there = [[r for r in part if r["colour"] in files and r.get("alpha", r["colour"]) in files]
             for part in (people, behind)]  # fmt: skip
    print(
        f"{len(there[0])} of {len(people)} people, {len(there[1])} of {len(behind)} backgrounds", flush=True
    )
    whom, backgrounds = (build(part, files, device) for part in there)
    return Composer(whom, backgrounds, RECIPES[index], seed, device)


def working(number: int, scale: float) -> tuple[tuple[int, int], float]:
    """Working size of a step, and how much larger its plates are."""
    (height, width), ratio, _ = VIEWS[number % len(VIEWS)]
    return (round(height * scale / 32) * 32, round(width * scale / 32) * 32), ratio


def draw(composer: Composer, number: int, batch: int, scale: float, larger: bool = True) -> Plates:
    """The plates of a step."""
    size, ratio = working(number, scale)
    ratio = ratio if larger else 1.0
    share = VIEWS[number % len(VIEWS)][2]
    return composer(max(1, round(batch * share)), (round(size[0] * ratio), round(size[1] * ratio)))


def shrunk(plates: Plates, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Working images and their alphas."""
    both = torch.cat((plates.image, plates.alpha), 1)
    both = F.interpolate(both, size, mode="bilinear", align_corners=False, antialias=True)
    return both[:, :3], both[:, 3:]


if __name__ == "__main__":
    Trainer(arguments()).run()
