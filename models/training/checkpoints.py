"""Checkpoints without pickle: weights, their average and the optimiser's moments in safetensors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn


def write(tensors: dict[str, Tensor], path: Path) -> None:
    """Under its name only once it is whole."""
    partial = path.with_suffix(".part")
    save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, partial)
    partial.replace(path)


def save(
    folder: Path, network: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer,
    state: dict[str, Any],
) -> None:  # fmt: skip
    """Write all that a run needs to go on. state.json comes last: where it is, the rest is whole."""
    moments: dict[str, Tensor] = {}
    for number, slots in optimizer.state_dict()["state"].items():
        moments |= {f"{number}.{name}": torch.as_tensor(value) for name, value in slots.items()}
    write(dict(network.state_dict()), folder / "weights.safetensors")
    write(average, folder / "average.safetensors")
    write(moments, folder / "optimizer.safetensors")
    partial = folder / "state.part"
    partial.write_text(json.dumps(state, indent=1))
    partial.replace(folder / "state.json")


def restore(
    folder: Path, network: nn.Module, average: dict[str, Tensor], optimizer: torch.optim.Optimizer,
    state: dict[str, Any], stage: str,
) -> None:  # fmt: skip
    """Read a run back, in place.

    A stage of another name starts from the average, with fresh moments and a fresh schedule.
    """
    if not (folder / "state.json").exists():
        return
    found = json.loads((folder / "state.json").read_text())
    smooth = load_file(folder / "average.safetensors")
    for key, value in smooth.items():
        average[key].copy_(value)
    state["images"], state["steps"] = found["images"], found["steps"]
    if found["stage"] != stage:
        network.load_state_dict(smooth)
        return
    network.load_state_dict(load_file(folder / "weights.safetensors"))
    state.update(found)
    slots: dict[int, dict[str, Tensor]] = {}
    for name, value in load_file(folder / "optimizer.safetensors").items():
        number, slot = name.split(".", 1)
        slots.setdefault(int(number), {})[slot] = value
    current = optimizer.state_dict()
    optimizer.load_state_dict({"state": slots, "param_groups": current["param_groups"]})
