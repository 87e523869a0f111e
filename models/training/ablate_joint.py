"""Cross region attention, in several forms at once: `python -m models.training.ablate_joint --pack DIR …`.

Behind one frozen coarse stage all refiners learn together: each step draws one batch of regions, and every
refiner takes a step on it. For each seed all forms start from the same noise. The forms:

- on: as it ships, K = 8 neighbours;
- off: a region's own token alone (the same layers, as many weights);
- wide: K = 24;
- on-blind, off-blind: tokens without what the coarse stage's deepest features say of their place.

The second stages go to OUT/FORM-SEED.safetensors, the table of their soft MAD on sets with exact alpha to
OUT/forms.md. Forms that are trained already are scored only.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor

from flyaway.machine import environment_line
from flyaway.network import CONFIGS, MattingNetwork, NetworkConfig
from models.training import checkpoints, gather, joint
from models.training.ablate import rows
from models.training.losses import fade, region_loss
from models.training.merge import is_second
from models.training.schedule import pace

FORMS = ("on", "off", "wide", "on-blind", "off-blind")
WIDE = 24


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--config", default="fast", choices=sorted(CONFIGS))
    parser.add_argument("--pack", type=Path, required=True)
    parser.add_argument("--index", default="train", choices=sorted(joint.RECIPES))
    parser.add_argument("--start", type=Path, required=True, help="weights with a trained coarse stage")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--regions", type=int, default=16, help="per plate")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--set", type=Path, action="append", default=[], help="to score on; may be repeated")
    parser.add_argument("--every", type=int, default=1, help="score every Nth image")
    return parser.parse_args()


def configured(config: NetworkConfig, form: str) -> NetworkConfig:
    """The network of a form."""
    return replace(config, attention=replace(config.attention, neighbours=WIDE)) if form == "wide" else config


def formed(found: gather.Regions, form: str, neighbours: int) -> gather.Regions:
    """What a form sees of the regions; they come with WIDE neighbours, nearest first."""
    count = 1 if form.startswith("off") else 1 + (WIDE if form == "wide" else neighbours)
    return found._replace(
        indices=found.indices[:, :count], where=found.where[:, :count], valid=found.valid[:, :count]
    )


class Student:
    """One refiner."""

    def __init__(self, config: NetworkConfig, form: str, seed: int, device: torch.device, rate: float):
        torch.manual_seed(seed)
        self.network = MattingNetwork(configured(config, form)).to(device).train()
        self.form, self.seed, self.rate = form, seed, rate
        context = self.network.refiner.context.weight
        if form.endswith("blind"):
            context.requires_grad_(False).zero_()
        self.moving = [
            p for name, p in self.network.named_parameters() if is_second(name) and p.requires_grad
        ]
        self.optimizer = torch.optim.AdamW(self.moving, lr=rate, weight_decay=0.01, betas=(0.9, 0.99))

    def step(self, found: gather.Regions, neighbours: int, shown: Tensor, factor: float) -> Tensor:
        """Learn from a batch; the mean soft distances before and after."""
        self.optimizer.param_groups[0]["lr"] = self.rate * factor
        regions = formed(found, self.form, neighbours)
        with torch.autocast(shown.device.type, torch.bfloat16):
            base, after = gather.refined(self.network, regions)
        loss = region_loss(after, regions.truth, regions.trust, shown)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.moving, 1.0)
        self.optimizer.step()
        return gather.soft_distances(base, after.detach(), regions, shown)

    def save(self, out: Path) -> None:
        """The second stage alone."""
        state = self.network.state_dict()
        second = {k: v for k, v in state.items() if is_second(k)}
        checkpoints.write(second, out / f"{named(self)}.safetensors")


def named(student: Student) -> str:
    """Form and seed."""
    return f"{student.form}-{student.seed}"


def train(args: argparse.Namespace, todo: list[tuple[str, int]]) -> None:
    """Train the forms that are not there yet, together."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    config = CONFIGS[args.config]
    teacher = MattingNetwork(configured(config, "wide")).to(device).eval()
    teacher.load_state_dict({k: v.float() for k, v in load_file(args.start).items()})
    composer = joint.open_composer(args.pack, args.index, 77, device, args.threads)
    shown = fade(config.refiner.cell, config.refiner.halo).to(device)
    students = [Student(config, form, seed, device, args.rate) for form, seed in todo]
    began, sums = time.monotonic(), []
    for number in range(args.steps):
        plates = joint.draw(composer, number, args.batch, args.scale)
        with torch.no_grad(), torch.autocast(device.type, torch.bfloat16):
            image, _ = joint.shrunk(plates, joint.working(number, args.scale)[0])
            coarse = teacher.coarse(image)
            maps = gather.plate_maps(teacher, plates, coarse)
            found = gather.choose(teacher, plates, maps, args.batch * args.regions)
        if found is not None:
            factor = pace(number / args.steps, number, 40)
            neighbours = config.attention.neighbours
            sums.append(torch.stack([student.step(found, neighbours, shown, factor) for student in students]))
        if (number + 1) % 50 == 0:
            means = torch.stack(sums).nanmean(0)[:, 1].tolist()
            values = {named(p): round(v, 4) for p, v in zip(students, means, strict=True)}
            line = {"steps": number + 1, "seconds": round(time.monotonic() - began), **values}
            print(json.dumps(line), flush=True)
            sums = []
    for student in students:
        student.save(args.out)


def opened(args: argparse.Namespace, form: str, seed: int) -> MattingNetwork:
    """A trained form behind the coarse stage, to be scored."""
    network = MattingNetwork(configured(CONFIGS[args.config], form)).eval()
    first = {k: v.float() for k, v in load_file(args.start).items() if not is_second(k)}
    network.load_state_dict(first | load_file(args.out / f"{form}-{seed}.safetensors"))
    return network


def main() -> None:
    """Train and score all of them."""
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    pairs = [(form, seed) for seed in range(1, args.seeds + 1) for form in args.forms]
    if todo := [(f, s) for f, s in pairs if not (args.out / f"{f}-{s}.safetensors").exists()]:
        train(args, todo)
    lines = [
        f"{args.steps} steps of {args.batch * args.regions} regions, {args.seeds} seeds.",
        environment_line(),
        "",
        "| set | coarse | form | soft MAD by seed | mean | deviation |",
        "|---|---:|---|---|---:|---:|",
    ]
    refiners = [("off" if f.startswith("off") else "on", opened(args, f, s)) for f, s in pairs]
    for folder in args.set:
        lines += rows(refiners, [form for form, _ in pairs], folder, args.every)
    (args.out / "forms.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
