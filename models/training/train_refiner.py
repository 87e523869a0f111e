"""Train the refiner: `python -m models.training.train_refiner --run runs/refiner --bank DIR --minutes 40`.

The coarse stage stays as it is. The run's folder must hold a trained coarse stage (`merge.py`); the refiner
and its attention are learned from `region_bank.py`'s shards, which may still be growing. Resumes where it
stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.refiner import UnshuffleRefiner
from models.training import checkpoints
from models.training.losses import fade, region_loss
from models.training.schedule import average_in, pace

HELD = 30  # shards in memory at once


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", default="fast", choices=sorted(CONFIGS))
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--stage", default="refiner")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float)
    budget.add_argument("--steps", type=int, help="the same number whatever the machine, to compare runs")
    parser.add_argument("--batch", type=int, default=32, help="regions a step")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--no-attention", action="store_true", help="ablation: regions see only themselves")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def batches(bank: Path, size: int, seed: int) -> Iterator[dict[str, Tensor]]:
    """Endless batches of regions. A pool of shards is held and turned over, so a batch mixes pictures."""
    generator = torch.Generator().manual_seed(seed)
    held: dict[Path, dict[str, Tensor]] = {}
    while True:
        paths = sorted(bank.glob("[!.]*.safetensors"))
        if not paths:
            raise SystemExit(f"{bank} holds no regions: run models.training.region_bank first")
        order = [paths[i] for i in torch.randperm(len(paths), generator=generator)]
        held = {path: held.get(path) or load_file(path) for path in order[:HELD]}
        queue = [
            (path, rows)
            for path, shard in held.items()
            for rows in torch.randperm(len(shard["truth"]), generator=generator).split(size // 4)
        ]
        # A batch is made of four quarters from four shards.
        for group in torch.randperm(len(queue), generator=generator).split(4):
            parts = [take(held[queue[i][0]], queue[i][1]) for i in group]
            yield {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def take(shard: dict[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """Some regions of a shard, with the material of their neighbours' tokens beside each."""
    index = shard["index"][rows]
    picked = {key: shard[key][rows] for key in ("patches", "truth", "trust", "exact", "where", "valid")}
    return {**picked, "pooled": shard["pooled"][index], "context": shard["context"][index]}


def mirror(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Flip and transpose all regions of a batch alike, positions too: eight views of each region."""
    if torch.rand(()) < 0.5:
        batch |= {key: batch[key].flip(-1) for key in ("patches", "truth", "pooled")}
        batch["where"] = batch["where"] * torch.tensor([1, -1])
    if torch.rand(()) < 0.5:
        batch |= {key: batch[key].flip(-2) for key in ("patches", "truth", "pooled")}
        batch["where"] = batch["where"] * torch.tensor([-1, 1])
    if torch.rand(()) < 0.5:
        batch |= {key: batch[key].transpose(-1, -2) for key in ("patches", "truth", "pooled")}
        batch["where"] = batch["where"].flip(-1)
    return batch


def step(network: MattingNetwork, batch: dict[str, Tensor], attention: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of a batch, and the mean distance of exact soft pixels before and after refinement."""
    refiner = network.refiner
    if not isinstance(refiner, UnshuffleRefiner):
        raise SystemExit("only our refiner learns from a bank")
    patches, truth = batch["patches"].float(), batch["truth"].float() / 255
    n, t = batch["valid"].shape
    valid = batch["valid"] if attention else batch["valid"] & (torch.arange(t) == 0)
    with torch.autocast("cpu", torch.bfloat16):
        pooled = batch["pooled"].flatten(0, 1).float()
        tokens = refiner.tokens(pooled, batch["context"].flatten(0, 1).float()).view(n, t, -1)
        attended = network.attention(tokens, batch["where"], valid)
        correction = refiner.correction(patches.contiguous(memory_format=torch.channels_last), attended)
    base, unknown = refiner.coarse(patches)
    share = refiner.blend(unknown)
    # What the user gets is the blend; a correction that is blended out is not worth learning.
    predicted = base + correction.float() * share
    shown = fade(refiner.cell, refiner.halo)
    loss = region_loss(predicted, truth, batch["trust"], shown)
    with torch.no_grad():
        soft = (truth > 0.02) & (truth < 0.98) & (batch["exact"] > 0)[:, None, None, None] & (shown > 0.5)
        before = (base - truth)[soft].abs().mean()
        after = (predicted.clamp(0, 1) - truth)[soft].abs().mean()
    return loss, before, after


def main() -> None:
    """Train one stage."""
    args = arguments()
    torch.manual_seed(args.seed)
    network = MattingNetwork(CONFIGS[args.config]).train()
    moving = [*network.refiner.parameters(), *network.attention.parameters()]
    optimizer = torch.optim.AdamW(moving, lr=args.rate, weight_decay=0.01, betas=(0.9, 0.99))
    average = {k: v.detach().clone().float() for k, v in network.state_dict().items()}
    state = {"stage": args.stage, "seconds": 0.0, "images": 0, "steps": 0, "stage_steps": 0}
    checkpoints.restore(args.run, network, average, optimizer, state, args.stage)
    network.refiner.to(memory_format=torch.channels_last)
    names = [k for k in average if k.startswith(("refiner.", "attention."))]
    began, spent, saved, sums = time.monotonic(), state["seconds"], time.monotonic(), []
    for batch in batches(args.bank, args.batch, args.seed + state["steps"]):
        done = state["stage_steps"] / args.steps if args.steps else state["seconds"] / (args.minutes * 60)
        for group in optimizer.param_groups:
            group["lr"] = args.rate * pace(done, state["stage_steps"], 200)
        loss, before, after = step(network, mirror(batch), not args.no_attention)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(moving, 1.0)
        if norm.isfinite():
            optimizer.step()
        average_in(average, network, names, state["stage_steps"])
        state["steps"] += 1
        state["stage_steps"] += 1
        state["seconds"] = spent + time.monotonic() - began
        if before.isfinite():
            sums.append(torch.stack((loss.detach(), before, after)))
        if state["stage_steps"] % 100 == 0:
            values = torch.stack(sums).mean(0).tolist()
            line = dict(zip(("loss", "soft_before", "soft_after"), values, strict=True))
            line = {"stage": args.stage, "steps": state["stage_steps"], "seconds": state["seconds"], **line}
            with (args.run / "log.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)
            sums = []
        over = done >= 1
        if over or time.monotonic() - saved > 180:
            checkpoints.save(args.run, network, average, optimizer, state)
            saved = time.monotonic()
        if over:
            return


if __name__ == "__main__":
    main()
