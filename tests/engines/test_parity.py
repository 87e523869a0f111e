"""One loop, one bound: onnxruntime gives what the network gives in torch, at sizes the export never saw."""

from __future__ import annotations

import numpy as np
import pytest

from flyaway.engines import Engine, Inference
from flyaway.geometry import grid_size

pytest.importorskip("torch")

BOUND = 1e-4
SIZES = [(33, 47), (517, 389), (540, 960), (1080, 1920), (811, 457)]


def forced(engine: Engine, height: int, width: int, share: float) -> np.ndarray:
    """A share of the cells, and the corners, where regions hang over the frame."""
    grid = grid_size(height, width, engine.config.refiner.cell)
    cells = np.random.default_rng(height).random(grid) < share
    cells[[0, 0, -1, -1], [0, -1, 0, -1]] = True
    return cells


def assert_refined(result: Inference) -> None:
    """Weights whose refiner does nothing would make the comparison pass and mean nothing."""
    assert result.cells.any()
    assert np.abs(result.alpha - result.coarse_alpha).max() > 1e-3


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_same_cells_give_the_same_alpha(ort_engine, torch_engine, plates, height, width):
    plate = plates(height, width)
    cells = forced(ort_engine, height, width, 0.15)
    ours, reference = (engine.infer(plate, cells=cells) for engine in (ort_engine, torch_engine))
    for result in (ours, reference):
        assert result.alpha.shape == result.coarse_alpha.shape == (height, width)
        assert result.alpha.dtype == result.coarse_alpha.dtype == result.trimap.dtype == np.float32
        assert np.array_equal(result.cells, cells)
        np.testing.assert_allclose(result.trimap.sum(0), 1, atol=1e-5)
    assert ours.trimap.shape == reference.trimap.shape
    assert np.abs(ours.trimap - reference.trimap).max() <= BOUND
    assert np.abs(ours.coarse_alpha - reference.coarse_alpha).max() <= BOUND
    assert np.abs(ours.alpha - reference.alpha).max() <= BOUND
    assert_refined(reference)


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_end_to_end_all_but_a_thousandth_of_the_pixels_agree(
    ort_engine, torch_engine, plates, height, width, capsys
):
    plate = plates(height, width)
    ours, reference = (engine.infer(plate) for engine in (ort_engine, torch_engine))
    flipped = int((ours.cells != reference.cells).sum())
    within = float((np.abs(ours.alpha - reference.alpha) <= BOUND).mean())
    with capsys.disabled():
        sizes = f"{width}×{height}: {flipped} of {reference.cells.sum()} cells flipped"
        print(f"\n{sizes}, {within:.4%} of the pixels within {BOUND}")
    assert_refined(reference)
    assert flipped <= 0.01 * reference.cells.size
    assert within >= 0.999


@pytest.mark.parametrize("everything", [False, True])
def test_nothing_and_everything_selected(ort_engine, torch_engine, plates, everything):
    height, width = 349, 517
    plate = plates(height, width)
    cells = np.full(grid_size(height, width, ort_engine.config.refiner.cell), everything)
    ours, reference = (engine.infer(plate, cells=cells) for engine in (ort_engine, torch_engine))
    assert np.abs(ours.alpha - reference.alpha).max() <= BOUND
    assert np.array_equal(ours.alpha, ours.coarse_alpha) != everything


def test_without_refinement_the_alpha_is_the_coarse_one(ort_engine, torch_engine, plates):
    plate = plates(240, 320)
    for engine in (ort_engine, torch_engine):
        result = engine.infer(
            plate, refine=False, cells=np.ones(grid_size(240, 320, engine.config.refiner.cell), bool)
        )
        assert np.array_equal(result.alpha, result.coarse_alpha)
        assert not result.cells.any()


def test_refinement_touches_the_chosen_cells_and_their_halos_alone(ort_engine, plates):
    plate = plates(400, 400)
    cells = forced(ort_engine, 400, 400, 0.3)
    result = ort_engine.infer(plate, cells=cells)
    cell = ort_engine.config.refiner.cell
    chosen = np.kron(cells, np.ones((cell, cell), bool))[:400, :400]
    halo = ort_engine.config.refiner.halo
    sides = [np.roll(chosen, (y, x), (0, 1)) for y in (-halo, 0, halo) for x in (-halo, 0, halo)]
    outside = ~np.logical_or.reduce(sides)
    assert np.array_equal(result.alpha[outside], result.coarse_alpha[outside])
    assert not np.array_equal(result.alpha, result.coarse_alpha)


def test_chunks_change_nothing(ort_engine, plates, monkeypatch):
    height, width = 1080, 1920
    plate = plates(height, width)
    cells = forced(ort_engine, height, width, 0.15)
    results = []
    # Regions at once, and regions whose inputs are kept from the tokens to the refiner: all, some, none.
    for chunk, kept in ((256, 512), (32, 512), (7, 512), (7, 40), (7, 0)):
        monkeypatch.setattr(ort_engine, "chunk", chunk)
        monkeypatch.setattr("flyaway.engines.host_loop.KEPT", kept * ort_engine._region)
        results.append(ort_engine.infer(plate, cells=cells).alpha)
    assert cells.sum() % 7 > 1
    assert 40 < cells.sum() <= 512
    assert all(np.array_equal(result, results[0]) for result in results[1:])
    assert np.abs(results[0] - ort_engine.infer(plate, refine=False).alpha).max() > 1e-3


def test_one_region_in_a_chunk_of_its_own(ort_engine, plates, monkeypatch):
    plate = plates(300, 300)
    cells = np.zeros(grid_size(300, 300, ort_engine.config.refiner.cell), bool)
    cells[:5, :5] = True
    whole = ort_engine.infer(plate, cells=cells).alpha
    monkeypatch.setattr(ort_engine, "chunk", 8)  # 8, 8, 8, 1
    assert np.abs(ort_engine.infer(plate, cells=cells).alpha - whole).max() <= 1e-6


@pytest.mark.parametrize("engine", ["ort_engine", "torch_engine"])
def test_two_calls_are_equal_to_the_bit(request, plates, engine):
    chosen = request.getfixturevalue(engine)
    first, second = (chosen.infer(plates(300, 400)) for _ in range(2))
    assert np.array_equal(first.alpha, second.alpha)
    assert np.array_equal(first.trimap, second.trimap)
