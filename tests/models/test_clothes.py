"""Other clothes for people in photographs, for training."""

from __future__ import annotations

import pytest
import torch
from models.mixing import decoded
from models.training.clothes import BELOW, CHEST, clothed
from models.training.faults import Rng

SIDE, TOP, FEET = 160, 20, 140


def dressed(short: bool, share: float, count: int = 64, level: float = 0.5) -> torch.Tensor:
    """A grey column of a person before grey, some rows of it dressed."""
    image = torch.full((count, 3, SIDE, SIDE), level)
    print_ = torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    rng = Rng(torch.device("cpu"), 7)
    return clothed(image, person(count), torch.full((count,), short), lambda n: print_[:n], rng, share)


def person(count: int) -> torch.Tensor:
    alpha = torch.zeros(count, 1, SIDE, SIDE)
    alpha[:, :, TOP:FEET, 60:100] = 1
    alpha[:, :, TOP:FEET, 100:104] = 0.25
    return alpha


@pytest.mark.parametrize(("short", "highest"), [(False, BELOW[0]), (True, CHEST[0])])
def test_nothing_but_the_person_is_dressed_and_no_head(short: bool, highest: float) -> None:
    changed = (dressed(short, 1.0) - 0.5).abs().amax(1) > 1e-3
    assert not changed[:, :, :60].any()
    assert not changed[:, :, 104:].any()
    hem = TOP + (highest - 0.1) * (FEET - TOP)  # the row it begins at is not quite straight
    assert not changed[:, : int(hem)].any()
    assert changed.flatten(1).any(1).float().mean() > 0.9
    kinds = {len(row.unique()) > 2000 for row in dressed(short, 1.0)}
    assert kinds == {True, False}  # prints, and cloth of two colours


def test_a_soft_edge_is_mixed_by_its_coverage_in_linear_light() -> None:
    """Where alpha is a quarter, a quarter of the light is the cloth's."""
    found = decoded(dressed(False, 1.0))
    before = decoded(torch.tensor(0.5))
    row = found[:, :, 120]  # where plain cloth is, it is one colour from side to side
    plain = row[((row[:, :, 60:100] - row[:, :, 60:61]).abs().amax((1, 2)) < 1e-4)]
    plain = plain[(plain[:, :, 80] - before).abs().amax(1) > 1e-3]
    assert len(plain) > 3
    for one in plain:
        solid, soft = one[:, 80] - before, one[:, 102] - before
        torch.testing.assert_close(soft, solid / 4, atol=2e-4, rtol=1e-2)


def test_as_many_are_dressed_as_asked_and_the_given_plate_is_left_alone() -> None:
    assert torch.equal(dressed(False, 0.0), torch.full((64, 3, SIDE, SIDE), 0.5))
    some = (dressed(False, 0.3, 400) - 0.5).abs().flatten(1).amax(1) > 1e-3
    assert 0.2 < some.float().mean() < 0.4


def test_what_was_darker_stays_darker_under_the_cloth() -> None:
    image = torch.full((32, 3, SIDE, SIDE), 0.6)
    image[:, :, 120:] = 0.3  # a fold
    rng = Rng(torch.device("cpu"), 3)
    found = clothed(image, person(32), torch.zeros(32, dtype=torch.bool), lambda n: image[:n], rng, 1.0)
    both = ((found - image).abs().amax(1)[:, 100, 80] > 1e-3) & (
        (found - image).abs().amax(1)[:, 135, 80] > 1e-3
    )
    assert both.sum() > 3
    kinds = found[both].mean(1)
    assert (
        kinds[:, 125:138, 70:95].mean((1, 2)) < kinds[:, 100:118, 70:95].mean((1, 2))
    ).float().mean() > 0.7
