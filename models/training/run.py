"""Train by a recipe, or go on with it: `python -m models.training.run NAME --run DIR …`.

One loop for all: a recipe (`recipes/`) names the network, what it starts from, what is drawn (`compose.py`)
and what is learned (`objectives.py`). A run is a folder with checkpoints and a log; the same command goes on
with it. The average of the weights (`average.safetensors`) is what is released. Nothing is pickled.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from flyaway.network import CONFIGS, MattingNetwork
from models.training.again import Again
from models.training.ahead import Ahead
from models.training.bank import backgrounds, open_bank, people, things
from models.training.clips import Clips
from models.training.compose import Composer
from models.training.depthwise import quicken
from models.training.imitation import imitation, teacher
from models.training.loop import Loop
from models.training.objectives import OBJECTIVES, STILLS, TURNS
from models.training.recipe import Run, read_recipe
from models.training.schedule import average_in, pace
from models.training.start import begin

Draw = Callable[[int, tuple[int, int]], Any]  # plates of a size, or shots of them


def halves(device: torch.device) -> bool:
    """Whether bf16 is quicker there: without instructions of its own a processor takes ten times as long."""
    return device.type == "cuda" or bool(torch.cpu.get_capabilities().get("avx512_bf16"))


def parameter_groups(network: nn.Module, run: Run) -> list[dict[str, object]]:
    """Parameters by their share of the rate; those with a share of 0 stay as they are."""
    groups: dict[float, list[nn.Parameter]] = defaultdict(list)
    for name, parameter in network.named_parameters():
        share = next((s for start, s in run.shares.items() if name.startswith(start)), 0.0)
        parameter.requires_grad_(share > 0)
        if share > 0:
            groups[share].append(parameter)
    return [{"params": parameters, "share": share} for share, parameters in groups.items()]


class Trainer(Loop):
    """One run of a recipe."""

    def __init__(self, run: Run, folder: Path, composer: Composer, device: torch.device, ahead: bool = False):
        self.run, self.device = run, device
        self.objectives = dict(OBJECTIVES)
        if run.teacher:
            self.objectives |= imitation(teacher(run.teacher_config, Path(run.teacher)))
        clips = Clips(composer, run.frames)
        self.draws: dict[str, Draw] = {
            name: composer if name in STILLS else clips for name in self.objectives
        }
        if ahead:  # of stills alone: the copy of this process is made before torch has done any work
            sizes = [self._plate(view, ratio) for view in run.views for ratio in run.ratios]
            drawn = Ahead(composer, self._count("coarse"), sizes)
            self.draws |= {name: drawn for name in self.draws if name in STILLS}
        if run.again > 1:
            self.draws |= {n: Again(self.draws[n], run.again, run.seed) for n in self.draws if n in STILLS}
        torch.manual_seed(run.seed)
        network = MattingNetwork(CONFIGS[run.config])
        begin(network, run.start, run.keep_blocks, run.lighten)
        if device.type == "cpu":
            quicken(network)
        # torch does not declare this form of the call.
        cast("Any", network).to(device, memory_format=torch.channels_last).train()
        self.start = {n: p.detach().clone() for n, p in network.named_parameters()}
        groups = parameter_groups(network, run)
        self.drawn = 0  # plates of the last step
        optimizer = torch.optim.AdamW(groups, lr=run.rate, weight_decay=0, betas=(0.9, 0.98))
        counts: dict[str, Any] = {"images": 0, "stage_images": 0, "steps": 0, "seconds": 0.0}
        super().__init__(folder, network, optimizer, {"stage": run.name, **counts})

    def step(self) -> Mapping[str, Tensor]:
        """One batch; returns losses and figures."""
        run, number = self.run, int(self.state["steps"])
        turns = TURNS[run.objective]
        learned, turn = turns[number % len(turns)], number // len(turns)
        size = run.views[turn % len(run.views)]
        ratio = run.ratios[turn % len(run.ratios)]
        count = self._count(learned)
        plates = self.draws[learned](count, self._plate(size, ratio))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=halves(self.device)):
            losses, logged = self.objectives[learned](self.network, plates, size)
        self.drawn = count if learned in STILLS else count * run.frames
        if len(turns) > 1:
            logged = {f"{learned} {key}": value for key, value in logged.items()}
        self.optimizer.zero_grad(set_to_none=True)
        torch.stack(list(losses.values())).sum().backward()
        moving = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = nn.utils.clip_grad_norm_(moving, 2.0)
        rate = self._set_rate(number)
        if norm.isfinite():  # bf16 overflows once in a thousand steps
            self.optimizer.step()
            self._pull(rate)
        average_in(self.average, self.network, self.average, number)
        return {**{k: v.detach() for k, v in losses.items()}, **logged, "norm": norm.detach()}

    def _count(self, learned: str) -> int:
        """Plates of a step, or shots."""
        taking_turns = len(TURNS[self.run.objective]) > 1
        return self.run.stills if taking_turns and learned in STILLS else self.run.batch

    @staticmethod
    def _plate(view: tuple[int, int], ratio: float) -> tuple[int, int]:
        return round(view[0] * ratio), round(view[1] * ratio)

    def _set_rate(self, number: int) -> float:
        run = self.run
        done = self.state["images"] / run.images if run.images else 0.0
        rate = run.rate * pace(done, number, run.warm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["share"]
        return rate

    @torch.no_grad()
    def _pull(self, rate: float) -> None:
        """Towards where the weights came from: what no plate speaks of is not forgotten."""
        if self.run.anchor > 0:
            for name, parameter in self.network.named_parameters():
                if parameter.grad is not None:
                    parameter.lerp_(self.start[name], rate * self.run.anchor)

    def train(self, seconds: float) -> None:
        """Go on for so long, or until the rate is nothing."""
        self.repeat(self._steps(seconds))

    def _steps(self, seconds: float) -> Iterator[Mapping[str, Tensor]]:
        began = time.monotonic()
        while time.monotonic() - began < seconds:
            if self.run.images and self.state["images"] >= self.run.images:
                return
            values = self.step()
            self.state["steps"] += 1
            self.state["images"] += self.drawn
            yield values


def learned_here(run: Run) -> Run:
    """A recipe that this loop can follow, or the end of the program."""
    if run.objective == "regions":
        raise SystemExit(
            f"{run.name} learns regions, which have a trainer of their own: "
            f"python -m models.training.train_refiner {run.name} --run DIR --regions DIR --weights FILE …"
        )
    if run.objective not in TURNS:
        raise SystemExit(f"{run.name}: no objective is called {run.objective!r}: use {', '.join(TURNS)}")
    if run.objective == "imitation" and not run.teacher:
        raise SystemExit(f"{run.name} imitates nobody: it needs a teacher and a teacher_config")
    return run


def open_composer(run: Run, bank: Path, data: Path, device: torch.device) -> Composer:
    """Read the bank onto a device."""
    whom = people(bank, run.licences, (run.limit, run.solved_limit), run.people)
    where = backgrounds(bank, data, run.licences, run.limit, run.people)
    whom = [row for row in whom if run.draw.shares.get(row["source"], 0) > 0]
    print(f"{len(whom)} people, {len(where)} backgrounds", flush=True)
    banks = [open_bank(rows, device) for rows in (whom, where, things(data, bank))]
    return Composer(banks[0], banks[1], run.draw, run.seed + int(time.time()) % 100_000, device, banks[2])


def main() -> None:
    """Train for some minutes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipe", help="its name in models/training/recipes, or a .toml")
    parser.add_argument("--run", type=Path, required=True, help="folder of checkpoints and log")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--ahead", action="store_true", help="another process composes plates where a core has nothing to do"
    )
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    run = learned_here(read_recipe(args.recipe))
    run = replace(run, start=run.start.replace("BANK", str(args.bank), 1))
    composer = open_composer(run, args.bank, args.data, device)
    Trainer(run, args.run, composer, device, args.ahead).train(60 * args.minutes)


if __name__ == "__main__":
    main()
