"""A checkpoint's refined alpha on stills and clips, in torch, at any two doubts between which it is blended.

``python -m models.training.score_refined CONFIG FILE … --sets SETS --doubt 0.08,0.3 0.3,0.6`` reads what
`models.evaluation.make_sets` fills. Below the first doubt (unknown probability) the coarse alpha stays, from
the second on the refined one counts in full (`RefinerConfig.low`, `high`); without `--doubt` the
configuration's. Shots are without the filter of soft pixels. What is released is scored whole, by
`models.evaluation.tables`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from flyaway.engines.base import STAYS
from flyaway.network import MattingNetwork
from models.training.score_coarse import Floats, as_picture, open_network, score
from models.training.score_shots import faded, frames_of, scores

STILLS = "studio-linear,faces-linear,street,action,footage,empty"
CLIPS = "walk,whip,towards,handheld"


def blended(network: MattingNetwork, low: float, high: float) -> None:
    """Blend what the refiner says in between two doubts, and refine regions from the first on."""
    network.config = replace(network.config, refiner=replace(network.config.refiner, low=low, high=high))
    network.refiner.low, network.refiner.high = low, high


@torch.inference_mode()
def shot(network: MattingNetwork, plates: Sequence[NDArray[np.uint8]]) -> list[Floats]:
    """The mattes of a shot, with its memory and its held regions."""
    states: list[Tensor] | None = None
    held, found = None, []
    for plate in plates:
        output, left = network.frame_of(as_picture(plate), states, held=held, stays=STAYS)
        held, states = output.cells, faded(network, left)
        found.append(np.asarray(output.alpha.numpy(), np.float32))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row for each checkpoint, doubt and set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config", help="a configuration of the network")
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--sets", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--stills", default=STILLS, help="comma-separated; '' is none")
    parser.add_argument("--clips", default=CLIPS, help="comma-separated; '' is none")
    parser.add_argument("--doubt", nargs="*", default=[""], help="pairs LOW,HIGH")
    parser.add_argument("--every", type=int, default=2, help="plates of stills")
    parser.add_argument("--frames", type=int, default=40, help="of a clip, at most")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    for weights in options.weights:
        network = open_network(options.config, weights)

        @torch.inference_mode()
        def still(plate: NDArray[np.uint8], network: MattingNetwork = network) -> Floats:
            return np.asarray(network(as_picture(plate)).alpha.numpy(), np.float32)

        for doubt in options.doubt:
            if doubt:
                blended(network, *map(float, doubt.split(",")))
            row = f"{weights.name} {doubt}"
            for name in filter(None, options.stills.split(",")):
                found = score(still, options.sets / name, options.every)
                print(row, name, {k: round(v, 4) for k, v in found.items()}, flush=True)
            for name in filter(None, options.clips.split(",")):
                plates, truths = zip(*frames_of(options.sets / "clips" / name, options.frames), strict=True)
                found = scores(shot(network, plates), truths)
                print(row, name, {k: round(v, 4) for k, v in found.items()}, flush=True)


if __name__ == "__main__":
    main()
