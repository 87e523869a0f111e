"""A checkpoint's coarse alpha over clips, with its memory, in torch, while it trains.

``python -m models.training.score_shots CONFIG FILE … --sets SETS`` reads what `models.evaluation.make_sets`
fills: MAD ×10³, dtSSD ×10² and chatter ×10³ of `clips` (as `flyaway evaluate` defines them), and the overlap
of `footage`. Half a minute a clip and checkpoint on one core. What is released is scored whole, by
`models.evaluation.tables`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from flyaway.network import MattingNetwork
from flyaway.shots import KEPT
from models.training.score_coarse import Floats, open_network

UNCHANGED = 1e-4  # of the truth, where chatter is counted


def frames_of(folder: Path, most: int) -> list[tuple[NDArray[np.uint8], Floats]]:
    """Plates of a clip and their alphas, in order."""
    plates = sorted(p for p in folder.glob("*.png") if "." not in p.stem)[:most]
    found = []
    for path in plates:
        with Image.open(path) as picture, Image.open(path.with_name(f"{path.stem}.alpha.png")) as truth:
            alpha = np.asarray(truth)
            levels = np.float32(65535 if alpha.dtype != np.uint8 else 255)
            found.append((np.asarray(picture.convert("RGB")), alpha.astype(np.float32) / levels))
    return found


def faded(network: MattingNetwork, left: Sequence[Tensor]) -> list[Tensor] | None:
    """What a frame hands on of its states; None of a network without memory, whose shots are stills."""
    return [KEPT * state for state in left] if network.config.coarse.memory else None


@torch.inference_mode()
def matted(network: MattingNetwork, plates: Sequence[NDArray[np.uint8]]) -> list[Floats]:
    """The coarse alphas of a shot, at the plates' size; memory fades as it does in a shot."""
    states: list[Tensor] | None = None
    found = []
    for plate in plates:
        image = torch.from_numpy(plate.copy()).permute(2, 0, 1)[None].float() / 255
        working, (height, width) = network.working_image(image)
        coarse, left = network.frame(working, states)
        states = faded(network, left)
        alpha = network.finest(coarse.levels[-1])[0][..., :height, :width]
        whole = torch.nn.functional.interpolate(alpha, plate.shape[:2], mode="bilinear", align_corners=False)
        found.append(np.asarray(whole[0, 0].numpy(), np.float32))
    return found


def scores(alphas: Sequence[Floats], truths: Sequence[Floats]) -> dict[str, float]:
    """MAD ×10³, dtSSD ×10², chatter ×10³ and overlap of a clip."""
    mad = np.mean([np.abs(a - t).mean() for a, t in zip(alphas, truths, strict=True)])
    changes, chatter = [], []
    for i in range(1, len(alphas)):
        found, true = alphas[i] - alphas[i - 1], truths[i] - truths[i - 1]
        changes.append(float(np.sqrt(np.mean((found - true) ** 2))))
        held = np.abs(true) < UNCHANGED
        chatter.append(float(np.abs(found[held]).mean()))
    both = [((a > 0.5) & (t > 0.5)).sum() / max(1, ((a > 0.5) | (t > 0.5)).sum()) for a, t in
            zip(alphas, truths, strict=True)]  # fmt: skip
    return {
        "MAD": 1e3 * float(mad),
        "dtSSD": 1e2 * float(np.mean(changes)),
        "chatter": 1e3 * float(np.mean(chatter)),
        "IoU": float(np.mean(both)),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each checkpoint and clip, and their means."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config", help="a configuration of the network")
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--sets", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--clips", default="", help="comma-separated; all of `clips` and `footage` if none")
    parser.add_argument("--frames", type=int, default=24, help="of each clip, at most")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    folders = [f for name in ("clips", "footage") for f in sorted((options.sets / name).glob("*/"))]
    if options.clips:
        folders = [folder for folder in folders if folder.name in options.clips.split(",")]
    clips = {folder.name: frames_of(folder, options.frames) for folder in folders}
    for weights in options.weights:
        network, rows = open_network(options.config, weights), []
        for name, frames in clips.items():
            plates, truths = zip(*frames, strict=True)
            rows.append(scores(matted(network, plates), truths))
            print(weights.name, name, {k: round(v, 4) for k, v in rows[-1].items()}, flush=True)
        print(weights.name, "mean", {k: round(float(np.mean([r[k] for r in rows])), 4) for k in rows[0]})


if __name__ == "__main__":
    main()
