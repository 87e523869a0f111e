"""Take a coarse stage's transformer part of the way to the identity: first aid for one that forgot.

``python -m models.training.towards_identity CHECKPOINT SHARE OUT`` writes OUT, which ``flyaway evaluate
--model fast=OUT`` scores and ``flyaway export`` releases. Each block adds three branches to what it is given
(position, attention, MLP), and the last layer of a branch, weight and bias, is multiplied by 1 − SHARE: with
1 the blocks let everything pass, as they did before training (`start.load_rvm_decoder`), with 0 they are as
they were.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

BRANCHES = ("position", "project", "mlp.2")


def towards_identity(tensors: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """A checkpoint's tensors, in float32, with every block's branches weakened by ``share`` (0..1)."""
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {share}")
    ends = tuple(f".{branch}.{part}" for branch in BRANCHES for part in ("weight", "bias"))
    weakened = {
        name: tensor.float() * (1 - share if _of_block(name) and name.endswith(ends) else 1)
        for name, tensor in tensors.items()
    }
    if not any(_of_block(name) for name in tensors):
        raise ValueError("the checkpoint has no transformer blocks (encoder.blocks.…)")
    return {name: tensor.contiguous() for name, tensor in weakened.items()}


def _of_block(name: str) -> bool:
    # The tokeniser's own blocks are convolutions, and stay.
    return name.startswith("encoder.blocks.")


def main() -> None:
    """Read a checkpoint, write the weakened one."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("share", type=float)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    save_file(towards_identity(load_file(options.checkpoint), options.share), options.out)


if __name__ == "__main__":
    main()
