"""A checkpoint's coarse alpha on the validation sets, in torch, while it trains.

``python -m models.training.score_coarse CONFIG FILE … --sets SETS`` reads the folder that
`models.evaluation.make_sets` fills: a minute a checkpoint for every fourth picture. What is released is
scored whole, by `models.evaluation.tables`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.two_stage import Coarse
from flyaway.yardsticks.rvm import RobustVideoMatting

Floats = NDArray[np.float32]
Matter = Callable[[NDArray[np.uint8]], Floats]
SETS = ("studio-linear", "faces-linear", "street", "action", "footage", "empty")


def open_network(config: str, weights: Path) -> MattingNetwork:
    """A network with a checkpoint's weights, to be run."""
    network = MattingNetwork(CONFIGS[config]).eval()
    network.load_state_dict({k: v.float() for k, v in load_file(weights).items()})
    return network


def matter(config: str, weights: Path) -> Matter:
    """Plate → the coarse alpha of a checkpoint, at the plate's size."""
    network = open_network(config, weights)

    @torch.inference_mode()
    def alpha(plate: NDArray[np.uint8]) -> Floats:
        working, size = network.working_image(as_picture(plate))
        return on_plate(network, network.coarse(working), size, plate.shape[:2])

    return alpha


def as_picture(plate: NDArray[np.uint8]) -> Tensor:
    """A plate as networks take it: 1×3×H×W, 0..1."""
    return torch.from_numpy(plate.copy()).permute(2, 0, 1)[None].float() / 255


def on_plate(
    network: MattingNetwork, coarse: Coarse, size: tuple[int, int], shape: tuple[int, ...]
) -> Floats:
    """The coarse alpha, of a working image of `size` before it was padded, at the plate's shape."""
    found = network.finest(coarse.levels[-1])[0][..., : size[0], : size[1]]
    whole = F.interpolate(found, shape, mode="bilinear", align_corners=False)
    return np.asarray(whole[0, 0].numpy(), np.float32)


def scores(alpha: Floats, truth: Floats) -> dict[str, float]:
    """SAD in thousands, mean distance ×10³, that of soft pixels, and overlap, as far as each can be said."""
    distance = np.abs(alpha - truth)
    found = {"SAD": float(distance.sum() / 1e3), "MAD": float(1e3 * distance.mean())}
    soft = (truth > 0.05) & (truth < 0.95)
    if soft.any():
        found["soft"] = float(distance[soft].mean())
    if (truth > 0.5).any():
        found["IoU"] = float(((alpha > 0.5) & (truth > 0.5)).sum() / ((alpha > 0.5) | (truth > 0.5)).sum())
    return found


def plates_of(folder: Path) -> list[Path]:
    """The plates below a folder, in order: not NAME.alpha.png and the like."""
    return sorted(p for p in folder.rglob("*.png") if "." not in p.stem)


def read_pair(path: Path) -> tuple[NDArray[np.uint8], Floats]:
    """A plate, and the alpha beside it; where there is none, nobody is in it."""
    with Image.open(path) as picture:
        plate = np.asarray(picture.convert("RGB"))
    truth, file = np.zeros(plate.shape[:2], np.float32), path.with_name(f"{path.stem}.alpha.png")
    if file.exists():
        with Image.open(file) as picture:
            truth = (np.asarray(picture.convert("L")) / 255).astype(np.float32)
    return plate, truth


def score(matte: Matter, folder: Path, every: int) -> dict[str, float]:
    """The means over every N-th plate of a set; without an alpha beside it a plate has nobody."""
    rows = []
    for path in plates_of(folder)[::every]:
        plate, truth = read_pair(path)
        rows.append(scores(matte(plate), truth))
    return {key: float(np.mean([r[key] for r in rows if key in r])) for key in ("SAD", "MAD", "soft", "IoU")
            if any(key in r for r in rows)}  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config", choices=(*CONFIGS, "rvm"), help="rvm needs no file")
    parser.add_argument("weights", type=Path, nargs="*")
    parser.add_argument("--sets", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=SETS)
    parser.add_argument("--every", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    print("| weights | set | SAD | MAD ×10³ | soft | IoU |\n|---|---|---:|---:|---:|---:|")
    named: dict[str, Matter] = {f"{w.parent.name}/{w.name}": matter(args.config, w) for w in args.weights}
    if args.config == "rvm":
        yardstick = RobustVideoMatting("cpu", args.threads)
        named = {"rvm": lambda plate: cast("Floats", yardstick(plate))}
    for name, matte in named.items():
        for each in args.only:
            found = score(matte, args.sets / each, args.every)
            cells = (f"{found[k]:.4g}" if k in found else "–" for k in ("SAD", "MAD", "soft", "IoU"))
            print(f"| {name} | {each} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
