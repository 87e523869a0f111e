"""Long skirts drawn on people in photographs, for training."""

from __future__ import annotations

import torch
from models.training.faults import Rng
from models.training.skirts import HEM, WAIST, skirted

SIDE, TOP, FEET, LEFT, RIGHT = 160, 10, 150, 66, 94


def dressed(
    share: float = 1.0, tall: bool = True, right: int = RIGHT, count: int = 48
) -> tuple[torch.Tensor, ...]:
    alpha = torch.zeros(count, 1, SIDE, SIDE)
    alpha[:, :, TOP:FEET, LEFT:right] = 1
    image = torch.full((count, 3, SIDE, SIDE), 0.5)
    print_ = torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    rng = Rng(torch.device("cpu"), 5)
    return alpha, *skirted(image, alpha, torch.full((count,), tall), lambda n: print_[:n], rng, share)


def test_alpha_grows_by_what_is_drawn_between_waist_and_hem_and_nowhere_else() -> None:
    before, image, alpha, drawn = dressed()
    assert torch.equal(alpha, torch.maximum(before, drawn))
    worn = drawn.amax((1, 2, 3)) == 1
    assert worn.float().mean() > 0.9
    rows = drawn[worn, 0].amax(2) > 0
    height = FEET - TOP
    assert not rows[:, : TOP + int((WAIST[0] - 0.06) * height)].any()
    assert not rows[:, TOP + int((HEM[1] + 0.07) * height) :].any()
    assert rows[:, TOP + int(0.6 * height)].all()
    wider = (alpha > before).flatten(1).any(1)[worn]
    assert wider.float().mean() > 0.7
    # Where nothing is drawn the plate is what it was; where it is, it is cloth.
    same = (image - 0.5).abs().amax(1, keepdim=True) < 1e-6
    assert same[drawn == 0].all()
    assert (~same)[drawn == 1].float().mean() > 0.9


def test_busts_who_does_not_stand_and_the_rest_of_the_share_wear_none() -> None:
    for others in (dressed(tall=False), dressed(share=0.0), dressed(right=SIDE)):
        before, image, alpha, drawn = others
        assert torch.equal(alpha, before)
        assert not drawn.any()
        assert (image == 0.5).all()
    some = dressed(share=0.4, count=300)[3].amax((1, 2, 3)) > 0
    assert 0.28 < some.float().mean() < 0.5
