"""Shadows and passers-by around a person, for training."""

from __future__ import annotations

import numpy as np
import torch
from models.mixing import decoded
from models.training.faults import Rng
from models.training.plates import build
from models.training.surroundings import LEAST, passed_by, shadowed

SIDE, TOP, FEET, LEFT, RIGHT = 160, 20, 130, 66, 94


def standing(count: int, feet: int = FEET, top: int = TOP) -> tuple[torch.Tensor, torch.Tensor]:
    alpha = torch.zeros(count, 1, SIDE, SIDE)
    alpha[:, :, top:feet, LEFT:RIGHT] = 1
    return torch.full((count, 3, SIDE, SIDE), 0.5), alpha


def test_shadows_take_light_away_where_somebody_stands_and_add_none() -> None:
    behind, alpha = standing(200)
    found = shadowed(behind, alpha, Rng(torch.device("cpu"), 3), 0.5)
    assert torch.equal(behind, standing(200)[0])
    assert (found <= behind + 1e-6).all()
    dark = 1 - decoded(found) / decoded(behind)
    shaded = dark.amax((1, 2, 3)) > 0.2
    assert 0.35 < shaded.float().mean() < 0.6
    assert dark.max() < 0.86
    # No shadow is as large as half of the picture, and most are a good part of the person.
    area = (dark[shaded] > 0.1).float().mean((1, 2, 3)) / alpha.mean()
    assert 0.3 < area.median() < 1.5


def test_nobody_s_feet_no_shadow_on_the_ground() -> None:
    behind, alpha = standing(120, feet=SIDE)
    found = shadowed(behind, alpha, Rng(torch.device("cpu"), 4), 1.0)
    # On a wall a shadow is about as tall as the person: it is laid flat for nobody who is cut off.
    rows = ((behind - found).amax((1, 3)) > 0.05).sum(1)
    assert (rows > 0.7 * (SIDE - TOP)).float().mean() > 0.95


def crowd(count: int, top: int, where: bool = True) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    red, mask = np.zeros((64, 32, 3), np.uint8), np.zeros((64, 32, 3), np.uint8)
    red[..., 0] = mask[4:, 8:24] = 255
    rows = [{"colour": "red", "alpha": "mask", "source": "rendered"}]
    bank = build(rows, {"red": red, "mask": mask}, torch.device("cpu"))
    behind, alpha = standing(count, top=top)
    odds, rng = torch.ones(1), Rng(torch.device("cpu"), 5)
    allowed = torch.full((count,), where)
    found, seen = passed_by(behind, alpha, allowed, bank, odds, rng, 1.0)
    return behind, found, seen


def test_passers_by_stand_behind_who_is_tall_enough_and_where_they_may() -> None:
    behind, found, seen = crowd(40, TOP)
    assert seen.all()
    red = found[:, 0] - found[:, 1]
    assert (red.amax((1, 2)) > 0.1).float().mean() > 0.8
    assert (red > 0.1).float().mean((1, 2)).max() < 0.5
    assert not torch.equal(behind, found)
    for other in (crowd(40, FEET - int(LEAST * SIDE) + 4), crowd(40, TOP, where=False)):
        assert torch.equal(other[0], other[1])
        assert not other[2].any()
