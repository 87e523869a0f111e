"""Learning from a heavier network instead of from labels: a lighter decoder behind the same encoder.

Any picture teaches, whether or not anybody knows its alpha, and what the teacher knows of pictures that
nobody has labelled is kept. Teacher and pupil share an encoder that learns nothing: a plate is encoded once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from safetensors.torch import load_file
from torch import Tensor

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.decoder import HeadOutput
from flyaway.network.gated import GatedDecoder
from flyaway.network_config import NetworkConfig
from flyaway.shots import KEPT
from models.training.compose import Plates
from models.training.lighten import kept_channels
from models.training.objectives import Objective, Result, shrunk

Levels = list[Tensor]  # features behind each step of a decoder
SOFT = 3.0  # what a soft pixel counts besides
LEVELS = 0.5  # what the features of all levels together count


def teacher(config: str, weights: Path) -> MattingNetwork:
    """A trained network that learns nothing more."""
    network = MattingNetwork(CONFIGS[config])
    network.load_state_dict({k: v.float() for k, v in load_file(weights).items()})
    # torch does not declare this form of the call; it changes the network in place.
    cast("Any", network).to(memory_format=torch.channels_last)
    return network.eval().requires_grad_(False)


def imitation(taught_by: MattingNetwork, config: NetworkConfig) -> dict[str, Objective]:
    """What a network of a configuration learns from another: its answers on stills and, with memory, on shots."""
    kept = kept_channels(taught_by.state_dict(), config)

    def stills(network: MattingNetwork, plates: Plates, size: tuple[int, int]) -> Result:
        return followed(network, taught_by, kept, [shrunk(plates, size)[0]])

    def shots(network: MattingNetwork, plates: list[Plates], size: tuple[int, int]) -> Result:
        return followed(network, taught_by, kept, [shrunk(frame, size)[0] for frame in plates])

    return {"imitated": stills, "imitated shots": shots}


def followed(
    network: MattingNetwork, taught_by: MattingNetwork, kept: Sequence[Tensor], images: Sequence[Tensor]
) -> Result:
    """Distance of a network's answers from a teacher's, over the frames of shots; each keeps its own memory.

    `kept`: which of the teacher's channels the network has, step by step.
    """
    decoder, other = network.decoder, taught_by.decoder
    if not isinstance(decoder, GatedDecoder) or not isinstance(other, GatedDecoder):
        raise SystemExit("only a gated decoder is imitated")
    states: list[Tensor] | None = None
    before: list[Tensor] | None = None
    sums, figures = dict[str, Tensor](), dict[str, Tensor]()
    for image in images:
        image = image.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), levels_of(other) as wanted:
            features = network.encoder(image)
            answer, left = other.frame(features, image, before)
            before = [KEPT * state for state in left]
        with levels_of(decoder) as found:
            own, left = decoder.frame(features, image, states)
        states = [KEPT * state for state in left]
        losses = distance(own[-1], answer[-1])
        wanted = [level[:, channels] for level, channels in zip(wanted, kept, strict=True)]
        levels = [_apart(*pair) for pair in zip(found, wanted, strict=True)]
        losses["levels"] = LEVELS * torch.stack(levels).mean()
        for key, value in losses.items():
            sums[key] = sums.get(key, 0.0) + value / len(images)
        with torch.no_grad():
            mad = (own[-1].alpha.float().sigmoid() - answer[-1].alpha.float().sigmoid()).abs().mean()
            figures["mad"] = figures.get("mad", 0.0) + mad / len(images)
    return sums, figures


def distance(own: HeadOutput, answer: HeadOutput) -> dict[str, Tensor]:
    """How far answers lie from the teacher's: alpha and its steps, doubt, what the refiner is given."""
    alpha, wanted = own.alpha.float().sigmoid(), answer.alpha.float().sigmoid()
    soft = 1 + SOFT * ((wanted > 0.03) & (wanted < 0.97))
    apart = alpha - wanted
    steps = sum(apart.diff(dim=axis).abs().mean() for axis in (2, 3))
    doubt = (own.trimap.float().softmax(1) - answer.trimap.float().softmax(1)).abs()
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
