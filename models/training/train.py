"""Train a configuration: `python -m models.training.train --run runs/fast --index train.csv --data DIR …`.

The same command starts and resumes. It runs on a GPU where torch finds one, and under
`torchrun --nproc-per-node N` on N processes, which on a CPU beats threads that wait for one another. A
stage is a number of minutes with a learning rate that falls to nothing by its end, so that whatever the
machine, the last checkpoint is a finished one. `--ratio 1` trains the coarse stage alone; a larger one
renders the plate that much larger than the working image and trains the refiner on the coarse stage's
real errors.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, distributed, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Sampler

from flyaway.network import CONFIGS, MattingNetwork, regions
from flyaway.network.two_stage import Coarse, CoarseMaps
from models.training import checkpoints
from models.training.losses import coarse_loss, fade, overlap, region_loss, soft_cells, soft_trust
from models.training.pictures import Portraits, plate_shapes, read_backgrounds, read_index
from models.training.schedule import average_in, pace
from models.training.start import load_rvm_decoder, load_rvm_encoder
from models.training.start_clean import load_detector_encoder


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", default="fast", choices=sorted(CONFIGS))
    parser.add_argument("--run", type=Path, required=True, help="folder of checkpoints and log")
    parser.add_argument("--data", type=Path, required=True, help="folder the index's paths start from")
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--backgrounds", type=Path, required=True, help="index of backgrounds")
    parser.add_argument("--licences", default="clean,research", help="licence classes to learn from")
    parser.add_argument("--start", choices=("scratch", "rvm", "detector"), default="rvm")
    parser.add_argument("--detector", type=Path, help="folder of centernet.json, for --start detector")
    parser.add_argument(
        "--stage", default="coarse", help="name of the stage; a new name starts a new schedule"
    )
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=[320], help="working sizes in px, taking turns"
    )
    parser.add_argument("--ratio", type=float, default=1.0, help="plate size over working size")
    parser.add_argument("--regions", type=int, default=24, help="regions refined per picture")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--warm", type=int, default=150, help="steps over which the rate rises")
    parser.add_argument("--frozen", type=int, default=3, help="blocks of the tokeniser that stay as they are")
    parser.add_argument("--refiner-only", action="store_true", help="the coarse stage stays as it is")
    parser.add_argument("--no-attention", action="store_true", help="ablation: regions see only themselves")
    parser.add_argument("--shares", type=json.loads, help="how often each source is drawn, as JSON")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def parameter_groups(network: MattingNetwork, rate: float, frozen: int) -> list[dict[str, object]]:
    """A trained tokeniser moves at a fifth of the rate; its first blocks, which see edges, not at all."""
    if network.config.coarse.decoder == "gated":  # that decoder is trained as well
        return trained_groups(network, rate)
    tokenizer = network.encoder.tokenizer
    for module in (tokenizer.stem, *tokenizer.blocks[:frozen]):
        module.requires_grad_(False)
    known = {id(p) for p in tokenizer.parameters()}
    moving = [p for p in network.parameters() if p.requires_grad]
    trained = [p for p in moving if id(p) in known]
    fresh = [p for p in moving if id(p) not in known]
    return [{"params": fresh, "rate": rate}, {"params": trained, "rate": rate / 5}]


FRESH = ("encoder.blocks.", "decoder.head.", "refiner.", "attention.")


def trained_groups(network: MattingNetwork, rate: float) -> list[dict[str, object]]:
    """Transformer and head are new, the trained decoder moves at a fifth of their rate.

    The trimap head feeds nothing that is trained already, and may run ahead.
    """
    groups: dict[float, list[nn.Parameter]] = {10.0: [], 1.0: [], 0.2: [], 0.05: []}
    for name, parameter in network.named_parameters():
        share = 1.0 if name.startswith(FRESH) else 0.05 if ".tokenizer." in name else 0.2
        share = 10.0 if name.startswith("decoder.trimap_head.") else share
        groups[share].append(parameter)
    return [{"params": parameters, "rate": rate * share} for share, parameters in groups.items()]


def refine_loss(
    network: MattingNetwork, plate: Tensor, alpha: Tensor, coarse: Coarse, size: tuple[int, int],
    weight: Tensor, args: argparse.Namespace,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Regions chosen by the coarse stage itself, against the truth; and before/after mean distance."""
    config = network.config.refiner
    shown = fade(config.cell, config.halo).to(plate.device)
    losses, before, after = [], [], []
    for i in range(len(plate)):
        maps = network.coarse_maps(coarse, size, i)
        cells = training_cells(network, maps, alpha[i, 0])
        if not cells.any():
            continue
        positions, index, where, valid = network.neighbourhoods(cells, not args.no_attention)
        patches, context = network.refiner_inputs(plate[i], maps, positions)
        _, tokens = network.refiner.encode(patches, context)
        keep = torch.randperm(len(positions), device=plate.device)[: args.regions]
        attended = network.attention(tokens[index[keep]], where[keep], valid[keep])
        ys, xs = regions.region_pixels(positions[keep], config.cell, config.halo)
        truth = regions.gather(alpha[i], ys, xs)
        base, _ = network.refiner.coarse(patches[keep])
        correction = network.refiner.correction(patches[keep], attended)
        losses.append(region_loss(base + correction, truth, weight[i].expand(len(keep)), shown))
        with torch.no_grad():
            soft = (truth > 0.02) & (truth < 0.98)
            before.append((base - truth)[soft].abs())
            after.append(((base + correction).clamp(0, 1) - truth)[soft].abs())
    if not losses:
        zero = plate.new_zeros(())
        return zero, zero, zero
    return torch.stack(losses).mean(), torch.cat(before).mean(), torch.cat(after).mean()


@torch.no_grad()
def training_cells(network: MattingNetwork, maps: CoarseMaps, alpha: Tensor) -> Tensor:
    """Cells the coarse stage is unsure of, and half of those where it should be: rows×columns bool."""
    cells = network.select(maps, *alpha.shape)
    soft = soft_cells(alpha, network.config.refiner.cell)
    return cells | (soft & (torch.rand(cells.shape, device=cells.device) < 0.5))


class Batches(Sampler[list[int]]):
    """Endless batches of consecutive samples, of which this process takes every N-th."""

    def __init__(self, first: int, step: int, batch: int):
        self.first, self.stride, self.batch = first, step, batch

    def __iter__(self) -> Iterator[list[int]]:
        for number in itertools.count(self.first, self.stride):
            yield list(range(number * self.batch, (number + 1) * self.batch))


class Trainer:
    """One stage of training, resumed where it stopped."""

    def __init__(self, args: argparse.Namespace):
        self.args = args
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(args.seed)
        self.network = MattingNetwork(CONFIGS[args.config])
        if args.start == "rvm":
            load_rvm_encoder(self.network.encoder.tokenizer)
            if self.network.config.coarse.decoder == "gated":
                load_rvm_decoder(self.network)
        if args.start == "detector":
            load_detector_encoder(self.network.encoder.tokenizer, args.detector)
        if args.refiner_only:
            self.network.encoder.requires_grad_(False)
            self.network.decoder.requires_grad_(False)
        # torch does not declare this form of the call.
        cast("Any", self.network).to(self.device, memory_format=torch.channels_last).train()
        groups = parameter_groups(self.network, args.rate, args.frozen)
        self.optimizer = torch.optim.AdamW(groups, lr=args.rate, weight_decay=0.02, betas=(0.9, 0.98))
        self.average = {k: v.detach().clone().float() for k, v in self.network.state_dict().items()}
        self.state = {"stage": args.stage, "seconds": 0.0, "images": 0, "stage_images": 0, "steps": 0}
        self.rank, self.world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        if self.world > 1:
            distributed.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        args.run.mkdir(parents=True, exist_ok=True)
        checkpoints.restore(args.run, self.network, self.average, self.optimizer, self.state, args.stage)

    def loader(self) -> DataLoader[dict[str, Tensor]]:
        a = self.args
        pictures = read_index(a.index, a.data, set(a.licences.split(",")))
        backgrounds = read_backgrounds(a.backgrounds, a.data, None)
        shapes = plate_shapes(a.sizes, a.ratio)
        dataset = Portraits(pictures, backgrounds, shapes, a.batch, a.seed, a.shares)
        # Each process takes every N-th batch, so that a batch keeps one shape.
        first = self.state["images"] // a.batch + self.rank
        batches = Batches(first, self.world, a.batch)
        return DataLoader(
            dataset, batch_sampler=batches, num_workers=a.workers, prefetch_factor=4 if a.workers else None
        )

    def rates(self, done: float) -> None:
        factor = pace(done, self.state["stage_images"] // self.args.batch, self.args.warm)
        for group in self.optimizer.param_groups:
            group["lr"] = group["rate"] * factor

    def step(self, batch: dict[str, Tensor]) -> dict[str, float]:
        a = self.args
        plate = batch["image"].to(self.device).float() / 255
        alpha = batch["alpha"].to(self.device).float() / 255
        weight = batch["weight"].to(self.device)
        size = tuple(round(s / a.ratio) for s in plate.shape[2:])
        working, small = plate, alpha
        if a.ratio > 1:
            working, small = (
                F.interpolate(x, size, mode="bilinear", align_corners=False, antialias=True)
                for x in (plate, alpha)
            )
        with torch.autocast(self.device.type, torch.bfloat16):
            with torch.set_grad_enabled(not a.refiner_only):
                coarse = self.network.coarse(working.contiguous(memory_format=torch.channels_last))
            losses = {} if a.refiner_only else coarse_loss(coarse.levels, small, weight)
            if self.network.config.coarse.decoder == "gated" and losses:
                # Adam moves the trimap's own layers as far; the trained features are left to alpha.
                losses["trimap"] = losses["trimap"] * 0.1
            log = {}
            if a.ratio > 1:
                trust = soft_trust(weight, batch["exact"].to(self.device))
                losses["refine"], before, after = refine_loss(
                    self.network, plate, alpha, coarse, size, trust, a
                )
                losses["refine"] = 4 * losses["refine"]
                if after.isfinite():
                    log = {"soft_before": before.item(), "soft_after": after.item()}
        total = cast("Tensor", sum(losses.values()))
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        moving = [p for group in self.optimizer.param_groups for p in group["params"]]
        if self.world > 1:
            self.share_gradients(moving)
        norm = torch.nn.utils.clip_grad_norm_(moving, 2.0)
        if norm.isfinite():  # bf16 overflows once in a thousand steps; clipping would make NaN of it
            self.optimizer.step()
        with torch.no_grad():
            iou = overlap(coarse.levels[-1].alpha, small)
        return {**{k: v.item() for k, v in losses.items()}, **log, "norm": norm.item(), "iou": iou.item()}

    def share_gradients(self, parameters: list[nn.Parameter]) -> None:
        """Average the gradients of all processes, in one message."""
        grads = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
        flat = torch.cat([g.flatten() for g in grads])
        distributed.all_reduce(flat)
        for p, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            p.grad = (part / self.world).view_as(p)

    def run(self) -> None:
        budget, began, spent = self.args.minutes * 60, time.monotonic(), self.state["seconds"]
        sums: dict[str, list[float]] = {}
        saved = time.monotonic()
        for batch in self.loader():
            self.rates(self.state["seconds"] / budget)
            for key, value in self.step(batch).items():
                sums.setdefault(key, []).append(value)
            average_in(self.average, self.network, self.average, self.state["steps"])
            for key in ("images", "stage_images"):
                self.state[key] += len(batch["image"]) * self.world
            self.state["steps"] += 1
            self.state["seconds"] = spent + time.monotonic() - began
            if self.state["steps"] % 50 == 0 and self.rank == 0:
                self.log({k: round(sum(v) / len(v), 5) for k, v in sums.items()})
                sums = {}
            over = self.over(budget)
            if self.rank == 0 and (time.monotonic() - saved > 240 or over):
                checkpoints.save(self.args.run, self.network, self.average, self.optimizer, self.state)
                saved = time.monotonic()
            if over:
                return

    def over(self, budget: float) -> bool:
        """Whether the stage's time is up, by the first process's clock: all must stop at the same step."""
        over = torch.tensor([float(self.state["seconds"] >= budget)])
        if self.world > 1:
            distributed.broadcast(over, 0)
        return bool(over.item())

    def log(self, values: dict[str, float]) -> None:
        line = {"stage": self.args.stage, **{k: v for k, v in self.state.items() if k != "stage"}, **values}
        line["seconds"] = round(line["seconds"], 1)
        with (self.args.run / "log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    Trainer(arguments()).run()
