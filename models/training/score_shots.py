"""A checkpoint's coarse alpha over clips, with its memory, in torch, while it trains.

``python -m models.training.score_shots CONFIG FILE … --sets SETS`` reads what `models.evaluation.make_sets`
fills: MAD ×10³, dtSSD ×10² and chatter ×10³ of `clips` (as `flyaway evaluate` defines them), and the overlap
of `footage`. Half a minute a clip and checkpoint on one core. What is released is scored whole, by
`models.evaluation.tables`.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flyaway.evaluation.shots import chatter, dtssd
from flyaway.network import MattingNetwork
from flyaway.shots import KEPT
from models.training import score_coarse
from models.training.score_coarse import Floats, as_picture, on_plate, open_network, plates_of, read_pair


def frames_of(folder: Path, most: int) -> list[tuple[NDArray[np.uint8], Floats]]:
    """Plates of a clip and their alphas, in order."""
    return [read_pair(path) for path in plates_of(folder)[:most]]


def faded(network: MattingNetwork, left: Sequence[Tensor]) -> list[Tensor] | None:
    """What a frame hands on of its states; None of a network without memory, whose shots are stills."""
    return [KEPT * state for state in left] if network.config.coarse.memory else None


@torch.inference_mode()
def matted(network: MattingNetwork, plates: Sequence[NDArray[np.uint8]]) -> list[Floats]:
    """The coarse alphas of a shot, at the plates' size; memory fades as it does in a shot."""
    states: list[Tensor] | None = None
    found = []
    for plate in plates:
        working, size = network.working_image(as_picture(plate))
        coarse, left = network.frame(working, states)
        states = faded(network, left)
        found.append(on_plate(network, coarse, size, plate.shape[:2]))
    return found


def scores(alphas: Sequence[Floats], truths: Sequence[Floats]) -> dict[str, float]:
    """MAD ×10³, dtSSD ×10², chatter ×10³ and overlap of a clip."""
    frames = list(zip(alphas, truths, strict=True))
    stills = [score_coarse.scores(alpha, truth) for alpha, truth in frames]
    pairs = [
        (alpha, before, truth, truth_before)
        for (before, truth_before), (alpha, truth) in itertools.pairwise(frames)
    ]
    return {
        "MAD": float(np.mean([still["MAD"] for still in stills])),
        "dtSSD": 1e2 * float(np.mean([dtssd(*pair) for pair in pairs])),
        "chatter": 1e3 * float(np.mean([chatter(*pair) for pair in pairs])),
        "IoU": float(np.mean([still["IoU"] for still in stills if "IoU" in still])),
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
