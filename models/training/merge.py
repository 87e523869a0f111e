"""Join a coarse stage and a refiner of two runs: `python -m models.training.merge COARSE REFINER OUT`.

Each is a checkpoint file of the same configuration; OUT is a run's folder. REFINER may be "new", for a
refiner that starts from noise.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from flyaway.network import CONFIGS, MattingNetwork

SECOND_STAGE = ("refiner.", "attention.")


def main() -> None:
    """Write weights, average and a state that starts a new stage."""
    coarse, refiner, out = sys.argv[1:4]
    torch.manual_seed(0)
    network = MattingNetwork(CONFIGS["fast"])
    second = network.state_dict() if refiner == "new" else load_file(refiner)
    joined = {k: v for k, v in load_file(coarse).items() if not k.startswith(SECOND_STAGE)}
    joined |= {k: v.contiguous() for k, v in second.items() if k.startswith(SECOND_STAGE)}
    network.load_state_dict(joined)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("weights", "average"):
        save_file(joined, folder / f"{name}.safetensors")
    state = {"stage": "merged", "images": 0, "steps": 0}
    (folder / "state.json").write_text(json.dumps(state))


if __name__ == "__main__":
    main()
