"""Learning from a heavier network, or from one that looks closer, instead of from labels.

Any picture teaches, whether or not anybody knows its alpha, and what the teacher knows of pictures that
nobody has labelled is kept. Shown a larger picture and its mirror image, a network is right more often than
once at its own size: what it says then teaches the same network, or a lighter one, what to see at a glance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.network import MattingNetwork
from flyaway.network.decoder import HeadOutput
from flyaway.network.gated import GatedDecoder
from flyaway.shots import KEPT
from models.training.compose import Plates
from models.training.objectives import Objective, Result, shrunk
from models.training.score_coarse import open_network

Levels = list[Tensor]  # features behind each step of a decoder
SOFT = 3.0  # what a soft pixel counts besides
LEVELS = 0.5  # what the features of all levels together count


def teacher(config: str, weights: Path) -> MattingNetwork:
    """A trained network that learns nothing more."""
    network = open_network(config, weights)
    # torch does not declare this form of the call; it changes the network in place.
    cast("Any", network).to(memory_format=torch.channels_last)
    return network.requires_grad_(False)


def imitation(taught_by: MattingNetwork) -> dict[str, Objective]:
    """What a network learns from another: what it says of stills and of shots."""

    def stills(network: MattingNetwork, plates: Plates, size: tuple[int, int]) -> Result:
        return followed(network, taught_by, [plates], size)

    def shots(network: MattingNetwork, plates: list[Plates], size: tuple[int, int]) -> Result:
        return followed(network, taught_by, plates, size)

    return {"imitated": stills, "imitated shots": shots}


def followed(
    network: MattingNetwork,
    taught_by: MattingNetwork,
    shots: Sequence[Plates],
    size: tuple[int, int],
) -> Result:
    """Distance of a network's answers from a teacher's, over the frames of shots; each keeps its own memory.

    Parameters
    ----------
    shots : plates of each frame. The teacher sees them as large as they are, its pupil reduced.
    size : of the pupil's working image.
    """
    decoder, other = network.decoder, taught_by.decoder
    if not isinstance(decoder, GatedDecoder) or not isinstance(other, GatedDecoder):
        raise SystemExit("only a gated decoder is imitated")
    states: list[Tensor] | None = None
    before: list[Tensor] | None = None
    sums, figures = dict[str, Tensor](), dict[str, Tensor]()
    for plates in shots:
        whole = plates.image.contiguous(memory_format=torch.channels_last)
        image = shrunk(plates, size)[0].contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), levels_of(other) as wanted:
            coarse, left = taught_by.frame(whole, before)
            before = [KEPT * state for state in left]
            answer = answered(coarse.levels[-1], size)
        with levels_of(decoder) as found:
            coarse, left = network.frame(image, states)
        states = [KEPT * state for state in left]
        losses = distance(coarse.levels[-1], answer)
        if whole.shape == image.shape and len(wanted) == len(found):  # features of other pixels teach nothing
            levels = [_apart(*pair) for pair in zip(found, wanted, strict=True)]
            losses["levels"] = LEVELS * torch.stack(levels).mean()
        for key, value in losses.items():
            sums[key] = sums.get(key, 0.0) + value / len(shots)
        with torch.no_grad():
            mad = (coarse.levels[-1].alpha.float().sigmoid() - answer.alpha).abs().mean()
            figures["mad"] = figures.get("mad", 0.0) + mad / len(shots)
    return sums, figures


class Answer(NamedTuple):
    """What a teacher says, at the size of the pupil's maps."""

    alpha: Tensor  # N×1×h×w, 0..1
    doubt: Tensor  # N×3×h×w probabilities
    features: Tensor  # N×F×h×w, for the refiner


def answered(maps: HeadOutput, size: tuple[int, int]) -> Answer:
    """A head's maps as what they stand for, reduced."""
    parts = (maps.alpha.float().sigmoid(), maps.trimap.float().softmax(1), maps.features.float())
    if maps.alpha.shape[2:] == size:
        return Answer(*parts)
    return Answer(*(F.interpolate(part, size, mode="bilinear", antialias=True) for part in parts))


def distance(own: HeadOutput, answer: Answer) -> dict[str, Tensor]:
    """How far answers lie from the teacher's: alpha and its steps, doubt, what the refiner is given."""
    soft = 1 + SOFT * ((answer.alpha > 0.03) & (answer.alpha < 0.97))
    apart = own.alpha.float().sigmoid() - answer.alpha
    steps = sum(apart.diff(dim=axis).abs().mean() for axis in (2, 3))
    doubt = (own.trimap.float().softmax(1) - answer.doubt).abs()
    return {
        "alpha": (apart.abs() * soft).mean() + steps,
        "doubt": (doubt * soft).mean(),
        "features": 0.1 * _apart(own.features, answer.features),
    }


def _apart(found: Tensor, wanted: Tensor) -> Tensor:
    """Mean distance, as a share of what there is."""
    wanted = wanted.float()
    return (found.float() - wanted).abs().mean() / wanted.abs().mean().clamp(min=1e-3)


@contextmanager
def levels_of(decoder: GatedDecoder) -> Iterator[Levels]:
    """The features behind each step of a decoder, as they are made."""
    levels: Levels = []
    hooks = [step.register_forward_hook(lambda _, __, made: levels.append(made[0])) for step in decoder.steps]
    try:
        yield levels
    finally:
        for hook in hooks:
            hook.remove()
