"""One loop, one bound: numpy, torch and TorchScript do the same arithmetic of regions, by the same names.

Whole numbers and booleans must be equal; floats may differ by the last bits of another order of operations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.regions.backends import BACKENDS, NUMPY, SCRIPT, TORCH, Backend, noise, unchanged

from flyaway.geometry import grid_size
from flyaway.regions import INTERFACE
from flyaway.regions.numpy_backend import sample_cells

BOUND = 2e-6
Case = tuple[str, tuple[Any, ...]]


def cases(
    height: int, width: int, size: tuple[int, int], cell: int, halo: int, share: float, seed: int
) -> Iterator[Case]:
    """Every function of the interface, on one plate of height×width px and maps of `size`."""
    rng = np.random.default_rng(seed)
    rows, columns = grid_size(height, width, cell)
    cells = rng.random((rows, columns)) < share
    cells[0, 0] = cells[-1, -1] = True
    positions = np.argwhere(cells)[:40]
    ys, xs = NUMPY("region_pixels", positions, cell, halo)
    image, maps, unknown = noise(height, width, 3, seed=seed), noise(4, *size, seed=seed), noise(*size) ** 8
    # Centres of cells that hang over the frame lie outside it.
    points = rng.integers(-10, np.array((height, width)) + 40, (20, 2))
    changes = rng.normal(size=(len(positions), cell + 2 * halo, cell + 2 * halo)).astype(np.float32)
    yield "source_coordinates", (np.arange(-70, height + 70), height, size[0])
    yield "sample", (maps, ys, xs, height, width)
    yield "sample_points", (maps, points[:, 0].copy(), points[:, 1].copy(), height, width)
    yield "upsample", (maps[0], height, width)
    yield "unknown_cells", (unknown, height, width, cell, 0.3)
    yield "neighbourhoods", (cells, 8, 3)
    yield "neighbourhoods", (cells, 1 + seed % 12, 1 + seed % 5)
    yield "neighbourhoods", (np.zeros_like(cells), 8, 3)
    yield "region_pixels", (positions, cell, halo)
    yield "gather", (image, ys, xs)
    yield "refiner_inputs", (image, maps, positions, cell, halo)
    yield "blend_ramps", (positions, rows, columns, cell, halo)
    yield "accumulate", (image[..., 0].copy(), positions, changes, cell)


def result_of(backend: Backend, function: str, arguments: tuple[Any, ...]) -> tuple[np.ndarray, ...]:
    if function == "accumulate":  # works in place
        alpha = arguments[0].copy()
        assert backend(function, alpha, *arguments[1:]) is None
        return (alpha,)
    with unchanged(*(x for x in arguments if isinstance(x, np.ndarray))):
        result = backend(function, *arguments)
    return result if isinstance(result, tuple) else (result,)


def assert_the_same(function: str, arguments: tuple[Any, ...]) -> None:
    """The bound: one for all functions and backends."""
    expected = result_of(NUMPY, function, arguments)
    for backend in (TORCH, SCRIPT):
        got = result_of(backend, function, arguments)
        assert len(got) == len(expected)
        for ours, reference in zip(got, expected, strict=True):
            what = f"{function} on {backend.name}"
            assert (ours.shape, ours.dtype) == (reference.shape, reference.dtype), what
            if reference.dtype == np.float32:
                np.testing.assert_allclose(ours, reference, rtol=0, atol=BOUND, err_msg=what)
            else:
                assert np.array_equal(ours, reference), what


@settings(deadline=None, max_examples=60)
@given(
    plate=st.tuples(st.integers(32, 500), st.integers(32, 500)),
    size=st.tuples(st.integers(1, 70), st.integers(1, 70)),
    cell=st.sampled_from([8, 16, 64]),
    halo=st.integers(0, 5),
    share=st.sampled_from([0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_the_three_agree(plate, size, cell, halo, share, seed):
    compared = set()
    for function, arguments in cases(*plate, size, cell, halo, share, seed):
        assert_the_same(function, arguments)
        compared.add(function)
    assert compared == set(INTERFACE)


@pytest.mark.parametrize(
    ("plate", "size"),
    [((1080, 1920), (288, 512)), ((2160, 3840), (288, 512)), ((811, 457), (512, 289))],
)
def test_the_three_agree_at_the_sizes_of_real_frames(plate, size):
    for function, arguments in cases(*plate, size, 64, 4, 0.06, seed=1):
        assert_the_same(function, arguments)


@settings(deadline=None, max_examples=40)
@given(
    shape=st.tuples(st.integers(1, 70), st.integers(1, 130)),
    share=st.sampled_from([0.001, 0.03, 0.13, 0.5, 1.0]),
    seed=st.integers(0, 1000),
)
def test_neighbours_agree_on_any_grid(shape, share, seed):
    assert_the_same("neighbourhoods", (np.random.default_rng(seed).random(shape) < share, 8, 3))


@pytest.mark.parametrize("function", INTERFACE)
def test_the_three_have_the_same_names_and_parameters(function):
    signatures = [list(inspect.signature(getattr(b.module, function)).parameters) for b in BACKENDS]
    assert signatures[0] == signatures[1] == signatures[2]


@pytest.mark.parametrize(("cell", "size"), [(32, (30, 41)), (64, (77, 90))])
def test_cells_of_a_plate_are_sampled_as_their_pixels_are(cell, size):
    """Detail of large plates alone asks for whole cells, whose weights numpy keeps from frame to frame."""
    height, width = 150, 211  # the last cells hang over
    maps = noise(4, *size, seed=3)
    positions = np.argwhere(np.ones(grid_size(height, width, cell), bool))
    found = sample_cells(maps, positions, cell, height, width)
    ys, xs = NUMPY("region_pixels", positions, cell, 0)
    np.testing.assert_array_equal(found, NUMPY("sample", maps, ys, xs, height, width))


@pytest.mark.parametrize("backend", BACKENDS, ids=lambda backend: backend.name)
def test_nothing_public_is_left_out_of_the_interface(backend):
    """A function that one sibling alone has is either its own business, and named here, or forgotten."""
    own = {"torch": {"nearest_cells", "overwrite"}, "numpy": {"sample_cells"}}.get(backend.name, set())
    public: dict[str, Callable[..., Any]] = {
        name: value
        for name, value in vars(backend.module).items()
        if inspect.isfunction(value) and value.__module__ == backend.module.__name__ and name[0] != "_"
    }
    assert set(public) == set(INTERFACE) | own
