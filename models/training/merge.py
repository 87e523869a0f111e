"""Join a coarse stage and a refiner of two runs: `python -m models.training.merge COARSE REFINER OUT`.

Each is a checkpoint file; OUT is a run's folder. REFINER may be "new", for a refiner that starts from noise,
or that of another configuration: what does not fit, or is not there, starts from noise, and is named.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.gated import current_names


def is_second(name: str) -> bool:
    """Whether a tensor belongs to the second stage."""
    return name.startswith(("refiner.", "attention."))


def main() -> None:
    """Write weights, average and a state that starts a new stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("coarse", type=Path)
    parser.add_argument("refiner")
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", default="fast", choices=sorted(CONFIGS))
    parser.add_argument("--seed", type=int, default=0, help="of the noise that new parts start from")
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    network = MattingNetwork(CONFIGS[args.config])
    new = network.state_dict()
    stages = [current_names(load_file(path)) if path != "new" else {} for path in (args.coarse, args.refiner)]
    known = {k: v for second in (False, True) for k, v in stages[second].items() if second is is_second(k)}
    fits = {k: v for k, v in known.items() if k in new and v.shape == new[k].shape}
    if fresh := sorted(new.keys() - fits.keys()):
        print("starts from noise:", ", ".join(fresh))
    joined = {k: v.float().contiguous() for k, v in (new | fits).items()}
    network.load_state_dict(joined)
    folder = args.out
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("weights", "average"):
        save_file(joined, folder / f"{name}.safetensors")
    state = {"stage": "merged", "images": 0, "steps": 0}
    (folder / "state.json").write_text(json.dumps(state))


if __name__ == "__main__":
    main()
