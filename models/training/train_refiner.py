"""Train the refiner: `python -m models.training.train_refiner RECIPE --run RUN --regions DIR --minutes 40`.

The coarse stage stays as it is (`--weights`, a checkpoint that has it); the refiner and its attention are
learned from `region_bank.py`'s shards, which may still be growing, and begin with those of the recipe's
`start`. The average that a run leaves holds all of the network. Resumes where it stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.gated import narrowed
from flyaway.network.refiner import UnshuffleRefiner
from models.training.lighten import lightened
from models.training.loop import Loop
from models.training.losses import fade, region_loss
from models.training.recipe import Run, read_recipe
from models.training.run import halves
from models.training.schedule import average_in, pace

HELD = 30  # shards in memory at once
LEARNED = ("refiner.", "attention.")
MAPS = ("patches", "truth", "trust", "pooled", "answer")  # what is turned over with a region


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
    own = ("patches", "truth", "trust", "exact", "where", "valid", "answer")
    picked = {key: shard[key][rows] for key in own if key in shard}
    return {**picked, "pooled": shard["pooled"][index], "context": shard["context"][index]}


def mirror(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Flip and transpose all regions of a batch alike, positions too: eight views of each region."""
    maps = [key for key in MAPS if key in batch]
    if torch.rand(()) < 0.5:
        batch |= {key: batch[key].flip(-1) for key in maps}
        batch["where"] = batch["where"] * torch.tensor([1, -1])
    if torch.rand(()) < 0.5:
        batch |= {key: batch[key].flip(-2) for key in maps}
        batch["where"] = batch["where"] * torch.tensor([-1, 1])
    if torch.rand(()) < 0.5:
        batch |= {key: batch[key].transpose(-1, -2) for key in maps}
        batch["where"] = batch["where"].flip(-1)
    return batch


def tinted(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Other colours: channels change places, and each is lit otherwise, region by region.

    A factor of encoded values is, but for sRGB's foot, one of light: what was mixed in light still is.
    """
    places = torch.randperm(3)
    light = 1 + (torch.rand(len(batch["truth"]), 3) - 0.6) * 0.4
    for key in ("patches", "pooled"):
        colour = batch[key][..., :3, :, :][..., places, :, :].float()
        factor = light.view(-1, *(1,) * (colour.dim() - 4), 3, 1, 1)
        batch[key] = torch.cat(
            (((colour * factor).clamp(0, 1)).to(batch[key].dtype), batch[key][..., 3:, :, :]), -3
        )
    return batch


def corrected(network: MattingNetwork, batch: dict[str, Tensor], attention: bool) -> tuple[Tensor, Tensor]:
    """Coarse alpha of a batch's regions, and what the refiner makes of it as it is shown, not clamped."""
    refiner = network.refiner
    if not isinstance(refiner, UnshuffleRefiner):
        raise SystemExit("only our refiner learns from a bank")
    patches = batch["patches"].float()
    n, t = batch["valid"].shape
    valid = batch["valid"] if attention else batch["valid"] & (torch.arange(t) == 0)
    with torch.autocast("cpu", torch.bfloat16, enabled=halves(patches.device)):
        pooled = batch["pooled"].flatten(0, 1).float()
        tokens = refiner.tokens(pooled, batch["context"].flatten(0, 1).float()).view(n, t, -1)
        attended = network.attention(tokens, batch["where"], valid)
        correction = refiner.correction(patches.contiguous(memory_format=torch.channels_last), attended)
    base, unknown = refiner.coarse(patches)
    # The blend is what is shown; a correction that is blended out is not worth learning.
    return base, base + correction.float() * refiner.blend(unknown)


def step(
    network: MattingNetwork,
    batch: dict[str, Tensor],
    attention: bool,
    imitated: float = 0.0,
    margin: float = 0.0,
) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of a batch, and the mean distance of exact soft pixels before and after refinement.

    `imitated`: what a teacher's answer counts beside the truth. Where there is no truth, as in a photograph's
    hair, it counts alone. `margin`: as `region_loss` takes it.
    """
    truth, trust = batch["truth"].float() / 255, batch["trust"].float() / 255
    base, predicted = corrected(network, batch, attention)
    shown = fade(network.refiner.cell, network.refiner.halo)
    loss = region_loss(predicted, truth, trust, shown, margin)
    if imitated > 0:
        loss = loss + imitated * region_loss(
            predicted, batch["answer"].float(), torch.ones_like(trust), shown, margin
        )
    with torch.no_grad():
        soft = (truth > 0.02) & (truth < 0.98) & (batch["exact"] > 0)[:, None, None, None] & (shown > 0.5)
        before = (base - truth)[soft].abs().mean()
        after = (predicted.clamp(0, 1) - truth)[soft].abs().mean()
    return loss, before, after


def begin_at(run: Run, weights: Path) -> MattingNetwork:
    """The coarse stage of a checkpoint, and the refiner of the recipe's start ("new": from noise)."""
    network = MattingNetwork(CONFIGS[run.config])
    coarse = {k: v for k, v in load_file(weights).items() if not k.startswith(LEARNED)}
    fresh = network.state_dict() if run.start == "new" else load_file(run.start)
    before = {k: v for k, v in fresh.items() if k.startswith(LEARNED)}
    before = lightened(before, network.config, CONFIGS[run.lighten]) if run.lighten else before
    network.load_state_dict({k: v.float() for k, v in {**coarse, **before}.items()})
    if run.fit_refiner:
        narrow(network.refiner)
    return network.train()


@torch.no_grad()
def narrow(refiner: UnshuffleRefiner) -> None:
    """Fit kernels of a refiner that enlarges first to one that convolves first (`RefinerConfig.early`)."""
    for up, below in ((refiner.up1, refiner.bottom), (refiner.up2, refiner.up1)):
        first, inner_first = cast("nn.Conv2d", up[0]), cast("nn.Conv2d", below[0])
        inner = first.weight[:, : inner_first.out_channels]
        inner.copy_(narrowed(inner))


class Trainer(Loop):
    """One run of a refiner."""

    save_every, log_every = 180.0, 100

    def __init__(self, run: Run, folder: Path, weights: Path, attention: bool = True):
        torch.manual_seed(run.seed)
        self.run, self.attention = run, attention
        network = begin_at(run, weights)
        named = [(k, p) for k, p in network.named_parameters() if k.startswith(LEARNED)]
        self.names, self.moving = [k for k, _ in named], [p for _, p in named]
        optimizer = torch.optim.AdamW(self.moving, lr=run.rate, weight_decay=0.01, betas=(0.9, 0.99))
        state: dict[str, Any] = {"stage": run.name, "seconds": 0.0, "images": 0, "steps": 0}
        super().__init__(folder, network, optimizer, state)
        self.network.refiner.to(memory_format=torch.channels_last)

    def step(self, batch: dict[str, Tensor], done: float) -> tuple[Tensor, Tensor, Tensor]:
        """One batch, at the rate of a run of which a share is done."""
        number = int(self.state["steps"])
        for group in self.optimizer.param_groups:
            group["lr"] = self.run.rate * pace(done, number, self.run.warm)
        run, drawn = self.run, tinted(mirror(batch))
        loss, before, after = step(self.network, drawn, self.attention, run.imitated, run.margin)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if torch.nn.utils.clip_grad_norm_(self.moving, 1.0).isfinite():
            self.optimizer.step()
        average_in(self.average, self.network, self.names, number)
        self.state["steps"] += 1
        self.state["images"] += len(batch["truth"])
        return loss.detach(), before, after

    def train(self, regions: Path, minutes: float, steps: int = 0) -> None:
        """Until so many minutes, or steps, are done, those of runs before counted."""
        self.repeat(self._steps(regions, minutes * 60, steps))

    def _steps(self, regions: Path, seconds: float, steps: int) -> Iterator[Mapping[str, Tensor]]:
        for batch in batches(regions, self.run.batch, self.run.seed + int(self.state["steps"])):
            done = self.state["steps"] / steps if steps else self.state["seconds"] / seconds
            if done >= 1:
                return
            values = dict(zip(("loss", "soft_before", "soft_after"), self.step(batch, done), strict=True))
            # A batch without an exact soft pixel has no distance.
            yield {key: value for key, value in values.items() if value.isfinite()}


def main() -> None:
    """Train for some minutes or steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipe", help="its name in models/training/recipes, or a .toml")
    parser.add_argument("--run", type=Path, required=True, help="folder of checkpoints and log")
    parser.add_argument("--regions", type=Path, required=True, help="shards of region_bank.py")
    parser.add_argument("--weights", type=Path, required=True, help="checkpoint with the coarse stage")
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=float, default=0.0)
    budget.add_argument("--steps", type=int, default=0, help="the same number whatever the machine")
    parser.add_argument("--no-attention", action="store_true", help="ablation: regions see only themselves")
    args = parser.parse_args()
    torch.set_num_threads(1)
    run = read_recipe(args.recipe)
    if run.objective != "regions":
        raise SystemExit(
            f"{run.name} learns {run.objective}, not regions: python -m models.training.run {run.name} …"
        )
    trainer = Trainer(run, args.run, args.weights, not args.no_attention)
    trainer.train(args.regions, args.minutes, args.steps)


if __name__ == "__main__":
    main()
