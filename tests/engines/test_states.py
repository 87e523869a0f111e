"""States from frame to frame: a shot begins with a still, goes on as the network does, and engines agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from flyaway import EngineError
from flyaway.engines import Engine, Inference, States, open_engine
from flyaway.engines.base import HELD, STAYS, state_shapes
from flyaway.network_config import CONFIGS
from flyaway.regions.numpy_backend import unknown_cells
from flyaway.weights import ModelInfo

BOUND = 1e-4


@pytest.fixture(scope="module", params=["onnxruntime", "torch"])
def engine(request: pytest.FixtureRequest, memory_info: ModelInfo) -> Engine:
    pytest.importorskip("torch" if request.param == "torch" else "onnxruntime")
    return open_engine(memory_info, "cpu", request.param, 1)


@pytest.fixture(scope="module")
def frames(plates) -> list[NDArray[np.float32]]:
    """The astronaut, who moves 6 px to the right a frame; 270×480."""
    return [np.ascontiguousarray(np.roll(plates(270, 480), 6 * number, axis=1)) for number in range(4)]


def run(engine: Engine, frames: Sequence[NDArray[np.float32]]) -> list[Inference]:
    results, states = [], States()
    for frame in frames:
        results.append(engine.infer(frame, states=states))
        states = results[-1].states
    return results


def test_a_shot_begins_with_the_still_bit_for_bit(engine, frames):
    still, first = engine.infer(frames[0]), engine.infer(frames[0], states=States())
    assert still.states is None
    for name in ("alpha", "coarse_alpha", "trimap", "cells"):
        np.testing.assert_array_equal(getattr(still, name), getattr(first, name))
    # States of zeros are no states.
    zeros = States(tuple(np.zeros_like(array) for array in first.states.arrays))
    np.testing.assert_array_equal(engine.infer(frames[0], states=zeros).alpha, still.alpha)


def test_frames_after_it_remember_and_leave_what_they_were_given_as_it_was(engine, frames):
    first = engine.infer(frames[0], states=States())
    kept = [array.copy() for array in first.states.arrays]
    second = engine.infer(frames[1], states=first.states)
    assert np.abs(second.alpha - engine.infer(frames[1]).alpha).max() > 0.01
    for before, after in zip(kept, first.states.arrays, strict=True):
        np.testing.assert_array_equal(before, after)
    again = engine.infer(frames[1], states=first.states)
    np.testing.assert_array_equal(again.alpha, second.alpha)


def test_states_have_the_shapes_that_are_told_and_stay_within_one(engine, frames):
    for result in run(engine, frames):
        shapes = state_shapes(engine.config, *frames[0].shape[:2])
        assert [array.shape for array in result.states.arrays] == shapes
        assert max(np.abs(array).max() for array in result.states.arrays) <= 1.001
        assert engine.infer(frames[0]).states is None


def test_engines_agree_over_a_shot(memory_info, frames):
    pytest.importorskip("torch")
    both = [run(open_engine(memory_info, "cpu", name, 1), frames) for name in ("onnxruntime", "torch")]
    for ours, reference in zip(*both, strict=True):
        assert np.abs(ours.coarse_alpha - reference.coarse_alpha).max() <= BOUND
        assert (np.abs(ours.alpha - reference.alpha) <= BOUND).mean() >= 0.999
        np.testing.assert_array_equal(ours.states.held, reference.states.held)
        for one, other in zip(ours.states.arrays, reference.states.arrays, strict=True):
            assert np.abs(one - other).max() <= 1e-3


def test_a_region_of_the_frame_before_stays_down_to_a_lower_threshold(engine, frames):
    plain = engine.infer(frames[0], states=States())
    everywhere = States((), np.full(plain.cells.shape, 3, np.uint8))
    held = engine.infer(frames[0], states=everywhere)
    refiner, size = engine.config.refiner, frames[0].shape[:2]
    lower = unknown_cells(plain.trimap[1], *size, refiner.cell, STAYS * refiner.low)
    assert lower.sum() > plain.cells.sum()
    np.testing.assert_array_equal(held.cells, lower)
    nowhere = engine.infer(frames[0], states=States((), np.zeros(plain.cells.shape, np.uint8)))
    np.testing.assert_array_equal(nowhere.cells, plain.cells)
    # But for a number of frames alone, which begins anew wherever a region would be chosen in a still.
    chosen = np.where(plain.cells, HELD, 0)
    np.testing.assert_array_equal(plain.states.held, chosen)
    for left in (2, 1, 0):
        np.testing.assert_array_equal(held.states.held, np.where(plain.cells, HELD, lower * left))
        held = engine.infer(frames[0], states=States((), held.states.held))
        np.testing.assert_array_equal(held.cells, lower if left else plain.cells)


def test_states_that_cannot_be_are_refused(engine, frames):
    states = engine.infer(frames[0], states=States()).states
    smaller = np.ascontiguousarray(frames[0][:200])
    with pytest.raises(EngineError, match="another size"):
        engine.infer(smaller, states=states)
    with pytest.raises(EngineError, match="another model"):
        engine.infer(frames[0], states=States(states.arrays[:2]))
    with pytest.raises(EngineError, match="hold"):
        engine.infer(frames[0], states=States((), np.ones((2, 2), np.uint8)))


def test_a_model_without_memory_takes_no_states(frames):
    from flyaway.weights import model_info

    engine = open_engine(model_info("clean"), "cpu", threads=1)
    assert not engine.remembers
    with pytest.raises(EngineError, match="by itself"):
        engine.infer(frames[0], states=States())


@pytest.mark.parametrize(("changes", "count"), [({}, 4), ({"mirrored": True}, 8), ({"glance": 64}, 4)])
def test_shapes_are_those_that_the_network_leaves(changes, count):
    torch = pytest.importorskip("torch")
    from flyaway.network import MattingNetwork

    config = CONFIGS["fast-2"]
    config = replace(config, coarse=replace(config.coarse, working_size=96, glance_share=0.4, **changes))
    network = MattingNetwork(config).eval()
    plate = torch.rand(1, 3, 90, 160)
    with torch.no_grad():
        _, states = network.frame_of(plate, None)
        _, after = network.frame_of(plate, states)
    shapes = state_shapes(config, 90, 160)
    assert [tuple(state.shape) for state in states] == shapes == [tuple(state.shape) for state in after]
    assert len(shapes) == count
