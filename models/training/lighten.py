"""Weights of a heavier shape fitted to the lighter one (decision 13): where a run that imitates it starts.

What is fitted is the nearest by a simple rule, not by the data: training does the rest in minutes.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from flyaway.network.gated import current_names, narrowed
from flyaway.network.refiner import of_phases
from flyaway.network_config import NetworkConfig

Tensors = dict[str, Tensor]


def lightened(tensors: Mapping[str, Tensor], config: NetworkConfig, heavier: NetworkConfig) -> Tensors:
    """A checkpoint's tensors, those that are too large for a lighter configuration fitted to it.

    What both have alike stays as it is, in float32.
    """
    found = {name: tensor.float() for name, tensor in current_names(tensors).items()}
    early = config.coarse.early_steps and not heavier.coarse.early_steps  # no shape tells
    if early and "decoder.steps.0.conv.weight" in found:
        found |= _steps(found, config)
    found |= _doubt(found, config.coarse.doubt_width)
    return {**found, **_refiner(found, config)}


def _steps(found: Tensors, config: NetworkConfig) -> Tensors:
    """Kernels over enlarged features → the nearest over features that are not enlarged yet."""
    fitted, inner = dict[str, Tensor](), config.mobile.dim
    for number in range(len(config.coarse.widths)):
        name = f"decoder.steps.{number}.conv.weight"
        weight = found[name].clone()
        weight[:, :inner] = narrowed(weight[:, :inner])
        fitted[name] = weight
        inner = len(weight)
    return fitted


def _doubt(found: Tensors, width: int) -> Tensors:
    """A narrower doubt head: the channels that weigh most on what follows them."""
    names = [f"decoder.trimap_head.{layer}" for layer in (0, 2, 4)]
    if f"{names[0]}.weight" not in found or found[f"{names[0]}.weight"].shape[0] <= width:
        return {}
    fitted = dict[str, Tensor]()
    chosen: Tensor | None = None
    for this, following in zip(names, (*names[1:], ""), strict=True):
        weight, bias = found[f"{this}.weight"], found[f"{this}.bias"]
        weight = weight if chosen is None else weight[:, chosen]
        if following:
            after = found[f"{following}.weight"].flatten(2).norm(dim=2).norm(dim=0)
            most = (weight.flatten(1).norm(dim=1) * after).topk(width).indices
            chosen = most.sort().values
            weight, bias = weight[chosen], bias[chosen]
        fitted |= {f"{this}.weight": weight, f"{this}.bias": bias}
    return fitted


def _refiner(found: Tensors, config: NetworkConfig) -> Tensors:
    """A smaller first kernel, and skips through kernels of one pixel."""
    r, fitted = config.refiner, dict[str, Tensor]()
    enter = found.get("refiner.enter.0.weight")
    if enter is not None and enter.shape[-1] == 3 and r.entry == 4:  # stored as 3×3 over four phases
        fitted["refiner.enter.0.weight"] = _folded(of_phases(enter))
    for name, beside, width in (("up1", "beside1", r.widths[1]), ("up2", "beside2", r.widths[0])):
        weight = found.get(f"refiner.{name}.0.weight")
        if weight is not None and r.skip == 1 and f"refiner.{beside}.weight" not in found:
            fitted[f"refiner.{name}.0.weight"] = weight[:, :-width].clone()
            fitted[f"refiner.{beside}.weight"] = weight[:, -width:].sum((2, 3), keepdim=True)
    return fitted


def _folded(kernel: Tensor) -> Tensor:
    """6×6 → 4×4: what lies outside counts for its nearest neighbour inside."""
    fold = F.pad(torch.eye(4), (0, 0, 1, 1), mode="constant")
    fold[0, 0] = fold[-1, -1] = 1.0
    return torch.einsum("ocyx,yr,xs->ocrs", kernel, fold, fold)
