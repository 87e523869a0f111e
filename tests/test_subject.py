"""Who is who: regions, the choice, and people who cross."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from flyaway import ControlError
from flyaway.following import State, begin, follow, mask_of
from flyaway.people import find_people, label
from flyaway.subject import Subject, alone

Float = NDArray[np.float32]
HEIGHT, WIDTH = 270, 480
YS, XS = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) + np.float32(0.5)
NOISE = np.random.default_rng(9).normal(0, 0.05, (HEIGHT, WIDTH, 3)).astype(np.float32)


def test_regions_are_those_of_a_flood() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        inside = rng.random((30, 41)) < 0.45
        found, count = label(inside)
        wanted, number = np.zeros(inside.shape, int), 0
        for y, x in np.argwhere(inside):
            if wanted[y, x]:
                continue
            number += 1
            waiting = [(y, x)]
            while waiting:
                a, b = waiting.pop()
                if 0 <= a < 30 and 0 <= b < 41 and inside[a, b] and not wanted[a, b]:
                    wanted[a, b] = number
                    waiting += [(a + i, b + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        assert count == number
        pairs = {(int(one), int(other)) for one, other in zip(found.ravel(), wanted.ravel(), strict=True)}
        assert len(pairs) == number + (not inside.all())  # one to one


def figure(x: float, y: float, tall: float) -> Float:
    """A person of head and body, with an edge of one pixel."""
    ys, xs = YS, XS
    head = np.hypot(xs - x, ys - y) - 0.16 * tall
    body = np.maximum(np.abs(xs - x) - 0.18 * tall, np.abs(ys - y - 0.55 * tall) - 0.42 * tall)
    return np.clip(0.5 - np.minimum(head, body), 0, 1).astype(np.float32)


def crossing(seed: int, frames: int = 16) -> tuple[list[Float], list[tuple[Float, Float]]]:
    """Plates and the two people's own mattes: they walk through each other, one before the other."""
    rng = np.random.default_rng(seed)
    clothes = rng.random((2, 3, 3)).astype(np.float32)
    heights = rng.uniform(90, 150, 2)
    levels = rng.uniform(60, 110, 2)
    front = int(rng.integers(2))
    turns = bool(rng.integers(2))  # they meet, and go back where they came from
    plates, truth = [], []
    for number in range(frames):
        share = number / (frames - 1)
        way = 1 - abs(1 - 2 * share) if turns else share
        places = (110 + (120 if turns else 260) * way, 370 - (120 if turns else 260) * way)
        mattes = [figure(places[i], levels[i], heights[i]) for i in (0, 1)]
        plate = np.full((HEIGHT, WIDTH, 3), 0.4, np.float32)
        for i in (1 - front, front):
            band = np.clip((YS[:, :1] - levels[i]) / heights[i] * 3 + 0.5, 0, 2).astype(int)
            worn = clothes[i][band] + np.roll(NOISE, 7 * number, axis=1)
            plate = plate * (1 - mattes[i][..., None]) + worn.astype(np.float32) * mattes[i][..., None]
        mattes[1 - front] = mattes[1 - front] * (1 - mattes[front])
        plates.append(plate.astype(np.float32))
        truth.append((mattes[0], mattes[1]))
    return plates, truth


def iou(one: Float, other: Float) -> float:
    return float(np.minimum(one, other).sum() / np.maximum(one, other).sum())


@pytest.mark.parametrize("backwards", [False, True])
def test_nobody_is_taken_for_another_after_they_crossed(backwards: bool) -> None:
    kept, runs = 0, 10
    for seed in range(runs):
        plates, truth = crossing(seed)
        order = range(len(plates))[:: -1 if backwards else 1]
        state: State | None = None
        together = 0
        for number in order:
            alpha = truth[number][0] + truth[number][1]
            people = find_people(alpha, plates[number])
            if state is None:
                x = int(np.nonzero(truth[number][0].max(axis=0))[0].mean())
                state = begin(people, Subject("point", (x, 130)))
            else:
                state = follow(state, people)
            assert state is not None
            mask, note = mask_of(state, people, HEIGHT, WIDTH)
            mine = alpha if mask is None else alpha * mask
            if note:
                together += 1
                assert "touches" in note
                # Both are in it: whoever was chosen is never lost.
                assert float((truth[number][0] - mine).max()) < 0.05
            elif together == 0:
                assert iou(mine, truth[number][0]) > 0.97
        assert 0 < together < len(plates) - 4
        kept += iou(mine, truth[order[-1]][0]) > 0.97
    assert kept >= 0.9 * runs


def test_a_state_does_not_grow_with_the_shot() -> None:
    rng = np.random.default_rng(0)
    state: State | None = None
    for number in range(60):
        x = 80 + 3 * (number % 20)
        alpha = np.maximum(figure(x, 80, 120), figure(float(rng.uniform(250, 460)), 90, 120))
        people = find_people(alpha, rng.random((HEIGHT, WIDTH, 3), np.float32))
        state = begin(people, Subject("point", (x, 130))) if state is None else follow(state, people)
        assert state is not None
        assert len(state.known) <= 16


def test_someone_who_leaves_the_frame_is_known_again() -> None:
    plates, truth = crossing(5)
    both, one = find_people(sum(truth[0]), plates[0]), find_people(truth[0][1], plates[0])
    state = begin(both, Subject("point", (110, 130)))
    assert state is not None
    for _ in range(5):
        state = follow(state, one)
        mask, note = mask_of(state, one, HEIGHT, WIDTH)
        assert mask is not None
        assert mask.max() == 0
        assert "not in this frame" in note
    state = follow(state, both)
    mask, note = mask_of(state, both, HEIGHT, WIDTH)
    assert mask is not None
    assert note == ""
    assert iou(sum(truth[0]) * mask, truth[0][0]) > 0.97


def test_each_way_of_choosing() -> None:
    left, right, small = figure(90, 60, 150), figure(330, 70, 130), figure(440, 200, 50)
    alpha = np.maximum(np.maximum(left, right), small)
    for text, wanted in (
        ("largest", left),
        ("centre", right),
        ("center", right),
        ("445,215", small),
        ("60,200", left),
        ("400,150,480,260", small),
        ("230,10,300,260@12", right),
    ):
        assert iou(alone(alpha, Subject.parse(text)), wanted) > 0.99, text
    assert alone(alpha, Subject.parse("all")) is alpha
    # The display window's corner, not the data window's.
    assert iou(alone(alpha, Subject.parse("545,315"), shift=(100, 100)), small) > 0.99
    nobody = np.zeros_like(alpha)
    assert alone(nobody, Subject.parse("largest")) is nobody


def test_a_hand_apart_belongs_to_whoever_is_nearest() -> None:
    left, right, hand = figure(100, 60, 150), figure(360, 60, 150), figure(160, 100, 18)
    alpha = np.maximum(np.maximum(left, right), hand)
    found = alone(alpha, Subject.parse("100,100"))
    assert iou(found, np.maximum(left, hand)) > 0.99


@pytest.mark.parametrize("text", ["", "someone", "1", "1,2,3", "5,5,1,9", "1,2@", "1,2@x", "all@3", "nan,2"])
def test_what_is_no_choice_is_refused(text: str) -> None:
    with pytest.raises(ControlError, match="--subject"):
        Subject.parse(text)


@pytest.mark.parametrize("text", ["all", "largest@7", "10,20.5@1001", "1,2,3,4"])
def test_a_choice_reads_back_as_it_was_written(text: str) -> None:
    assert str(Subject.parse(text)) == text


def test_any_size() -> None:
    for shape in ((1, 1), (5, 700), (257, 256)):
        alpha = np.ones(shape, np.float32)
        people = find_people(alpha)
        assert math.prod(people.solid.shape) > 0
        assert alone(alpha, Subject.parse("largest")).shape == shape
