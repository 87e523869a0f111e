"""Batches that are shown more than once, for training."""

from __future__ import annotations

import itertools
from collections import Counter

import torch
from models.training.again import WAITING, Again
from models.training.compose import Plates

SHAPE = (6, 8)


class Counting:
    def __init__(self) -> None:
        self.drawn = 0

    def __call__(self, count: int, shape: tuple[int, int]) -> Plates:
        """A batch that tells its number (in bytes), and on which side it lies."""
        self.drawn += 1
        plane = torch.full((count, 1, *shape), self.drawn / 255)
        plane[..., -1] = 0
        ones = torch.ones(count)
        return Plates(plane.expand(-1, 3, -1, -1), plane, ones, ones, plane)


def shown(times: int, steps: int) -> tuple[list[int], list[bool], int]:
    counting = Counting()
    again = Again(counting, times, seed=1)
    found = [again(2, SHAPE) for _ in range(steps)]
    numbers = [round(255 * float(plates.image.max())) for plates in found]
    for plates, number in zip(found, numbers, strict=True):
        for plane in (plates.image, plates.alpha, plates.trust):
            assert torch.allclose(plane.max(), torch.tensor(number / 255))
            assert torch.equal(plane[..., 0] == 0, plates.alpha[..., 0].expand_as(plane[..., 0]) == 0)
    return numbers, [bool((p.alpha[..., 0] == 0).all()) for p in found], counting.drawn


def test_each_batch_is_shown_so_often_mirrored_in_between_and_not_twice_in_a_row() -> None:
    numbers, mirrored, drawn = shown(3, 240)
    assert 240 / 3 <= drawn < 240 / 3 + 3 * WAITING
    assert max(Counter(numbers).values()) == 3
    for number in set(numbers):
        sides = [side for n, side in zip(numbers, mirrored, strict=True) if n == number]
        assert sides == [False, True, False][: len(sides)]
    assert all(one != other for one, other in itertools.pairwise(numbers))


def test_once_is_what_is_drawn() -> None:
    numbers, mirrored, drawn = shown(1, 40)
    assert numbers == list(range(1, 41))
    assert not any(mirrored)
    assert drawn == 40
