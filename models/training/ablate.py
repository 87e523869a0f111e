"""Cross region attention on and off: `python -m models.training.ablate --coarse FILE --regions DIR …`.

For each seed two refiners start from the same noise and take the same steps on the same regions in the same
order; one sees its neighbours' tokens, the other only its own (with the same layers, so both have as many
weights). Each is scored on sets with exact alpha, with the regions that the coarse stage chose.
Runs that are finished are not repeated. The table goes to OUT/ablation.md.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from flyaway.evaluation import layouts, metrics
from flyaway.machine import environment_line
from flyaway.network import CONFIGS, MattingNetwork
from models.training.recipe import read_recipe
from models.training.train_refiner import Trainer

MODES = ("on", "off")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recipe", default="fast-2-refiner", help="the refiner's, but for where it starts")
    parser.add_argument("--coarse", type=Path, required=True, help="checkpoint with a trained coarse stage")
    parser.add_argument("--regions", type=Path, required=True, help="shards of region_bank.py")
    parser.add_argument("--set", type=Path, action="append", required=True, help="may be repeated")
    parser.add_argument("--every", type=int, default=1, help="score every Nth image")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    return parser.parse_args(given)


def train(args: argparse.Namespace, mode: str, seed: int) -> Path:
    """One refiner, from noise; its checkpoint."""
    folder = args.out / f"{mode}-{seed}"
    state = folder / "state.json"
    if not state.exists() or json.loads(state.read_text())["steps"] < args.steps:
        run = replace(read_recipe(args.recipe), start="new", seed=seed)
        Trainer(run, folder, args.coarse, mode == "on").train(args.regions, 0, args.steps)
    return folder / "average.safetensors"


@torch.no_grad()
def soft_mads(refiners: list[tuple[str, MattingNetwork]], folder: Path, every: int) -> list[float]:
    """Mean distance on soft pixels over a set: of the coarse alpha, then of each refined one.

    Parameters
    ----------
    refiners : mode and network of each; they share one coarse stage, which sees each plate once.
    """
    _, first = refiners[0]
    scores = []
    for item in layouts.open_set(folder, "pairs").items[::every]:
        plate = torch.from_numpy(item.load_plate()).permute(2, 0, 1)[None].float() / 255
        truth = item.load_alpha()
        working, size = first.working_image(plate)
        maps = first.coarse_maps(first.coarse(working), size)
        cells = first.select(maps, *truth.shape)
        alphas = [first.upsampled(maps, *truth.shape)]
        alphas += [net.refine(plate[0], maps, cells, attention=mode == "on") for mode, net in refiners]
        scores.append([metrics.soft_mad(alpha.numpy(), truth) for alpha in alphas])
    return [float(value) for value in np.nanmean(scores, 0)]


def rows(refiners: list[tuple[str, MattingNetwork]], forms: list[str], folder: Path, every: int) -> list[str]:
    """Lines of a table: each form's soft MAD by seed, their mean and deviation.

    Parameters
    ----------
    forms : what each refiner is a seed of.
    """
    before, *after = soft_mads(refiners, folder, every)
    lines = []
    for form in dict.fromkeys(forms):
        values = [value for other, value in zip(forms, after, strict=True) if other == form]
        listed = ", ".join(f"{value:.4f}" for value in values)
        spread = np.std(values, ddof=1) if len(values) > 1 else float("nan")
        mean = np.mean(values)
        lines.append(f"| {folder.name} | {before:.4f} | {form} | {listed} | {mean:.4f} | {spread:.4f} |")
        print(lines[-1], flush=True)
    return lines


def open_refiner(config: str, checkpoint: Path) -> MattingNetwork:
    """A trained network, to be scored."""
    network = MattingNetwork(CONFIGS[config]).eval()
    network.load_state_dict(load_file(checkpoint))
    return network


def main(given: Sequence[str] | None = None) -> None:
    """Train and score all of them."""
    args = arguments(given)
    lines = [
        f"{args.steps} steps a refiner from noise, {args.seeds} seeds. {environment_line()}",
        "",
        "| set | coarse | attention | soft MAD by seed | mean | deviation |",
        "|---|---:|---|---|---:|---:|",
    ]
    config = read_recipe(args.recipe).config
    pairs = [(mode, seed) for seed in range(1, args.seeds + 1) for mode in MODES]
    refiners = [(mode, open_refiner(config, train(args, mode, seed))) for mode, seed in pairs]
    for folder in args.set:
        lines += rows(refiners, [mode for mode, _ in refiners], folder, args.every)
    (args.out / "ablation.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
