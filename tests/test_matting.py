"""A plate in, a matte out: what it is made of, and what does not change it."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import flyaway
from flyaway.errors import BadPlateError, EngineError
from flyaway.geometry import grid_size, viewing_size
from flyaway.matte import Matte, likeliest
from flyaway.matting import Matting
from flyaway.resample import resize
from flyaway.weights import model_info

pytest.importorskip("onnxruntime")

CELL = model_info("fast").config["refiner"]["cell"]  # px


@pytest.fixture(scope="module")
def matting() -> Matting:
    return flyaway.load(device="cpu", threads=1)


@pytest.fixture(scope="module")
def matte(matting, astronaut) -> Matte:
    return matting(astronaut)


def to_linear(display: np.ndarray) -> np.ndarray:
    x = display.astype(np.float64) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


def test_a_matte_is_what_it_says(matting, astronaut, matte):
    assert matte.alpha.shape == matte.coarse.shape == matte.trimap.shape == (512, 512)
    assert matte.alpha.dtype == matte.coarse.dtype == np.float32
    assert matte.trimap.dtype == np.uint8
    assert set(np.unique(matte.trimap)) <= {0, 128, 255}
    assert matte.cells.shape == grid_size(512, 512, CELL)
    assert matte.cells.dtype == bool
    for alpha in (matte.alpha, matte.coarse):
        assert 0 <= alpha.min() <= alpha.max() <= 1
    assert matting.device == "cpu"
    assert matting.info.name == "fast"
    assert {"prepare", "coarse", "select", "tokens", "refine", "finish"} == set(matting.timings)
    assert all(seconds > 0 for seconds in matting.timings.values())


def test_the_astronaut_is_cut_out(matte):
    """Generous: the weights may change, who is in the picture does not."""
    assert matte.alpha[90:150, 200:250].mean() > 0.95  # face
    assert matte.alpha[330:400, 150:300].mean() > 0.9  # suit
    assert matte.alpha[:60, :60].mean() < 0.05  # flag
    assert matte.alpha[:40, 440:].mean() < 0.1  # backdrop, top right
    assert matte.trimap[120, 225] == 255
    assert matte.trimap[5, 5] == 0


def test_the_unknown_band_is_what_is_refined(matting, astronaut, matte):
    unknown = matte.trimap == 128
    chosen = np.kron(matte.cells, np.ones((CELL, CELL), bool))[: unknown.shape[0], : unknown.shape[1]]
    assert 0 < unknown.mean() < 0.5
    assert chosen[unknown].all()
    as_read = matting(astronaut, reread=False).alpha
    assert np.array_equal(as_read[~chosen], matte.coarse[~chosen])
    assert not np.array_equal(as_read, matte.coarse)


def test_two_calls_are_equal_to_the_bit(matting, astronaut, matte):
    again = matting(astronaut)
    assert np.array_equal(again.alpha, matte.alpha)
    assert np.array_equal(again.trimap, matte.trimap)
    assert np.array_equal(again.coarse, matte.coarse)
    assert np.array_equal(again.cells, matte.cells)


def test_mattes_share_no_memory(matting, astronaut):
    cells = np.eye(512 // CELL, dtype=bool)
    for options in ({"refine": False}, {"cells": cells}, {"cells": np.zeros_like(cells)}):
        first, second = matting(astronaut, **options), matting(astronaut, **options)
        expected = second.alpha.copy()
        assert not np.shares_memory(first.alpha, first.coarse)
        assert not np.shares_memory(first.cells, cells)
        first.alpha[:] = 7
        first.cells[:] = True
        assert np.array_equal(second.alpha, expected)
    assert cells.sum() == 512 // CELL


def test_without_refinement_the_alpha_is_the_coarse_one(matting, astronaut, matte):
    unrefined = matting(astronaut, refine=False, reread=False)
    assert np.array_equal(unrefined.alpha, unrefined.coarse)
    assert np.array_equal(unrefined.coarse, matte.coarse)
    assert not unrefined.cells.any()
    assert matting.timings["refine"] == 0


def test_the_same_picture_scene_linear_has_the_same_matte(matting, astronaut, matte):
    linear = matting(to_linear(astronaut), encoding="linear")
    np.testing.assert_allclose(linear.alpha, matte.alpha, atol=2e-2)
    assert np.abs(linear.alpha - matte.alpha).mean() < 1e-4


def test_the_encoding_matters(matting, astronaut, matte):
    assert np.abs(matting(to_linear(astronaut)).coarse - matte.coarse).mean() > 1e-3


@pytest.mark.parametrize(
    "dtype", [np.uint16, np.uint32, np.int16, np.float16, np.float32, np.float64, ">u2", ">f4"]
)
def test_the_type_of_the_numbers_hardly_matters(matting, astronaut, matte, dtype):
    dtype = np.dtype(dtype)
    scale = 1 if dtype.kind == "f" else np.iinfo(dtype).max
    plate = np.rint(astronaut / 255 * scale) if scale > 1 else astronaut / 255
    difference = np.abs(matting(plate.astype(dtype)).alpha - matte.alpha)
    assert difference.mean() < 1e-3
    assert (difference < 0.02).mean() > 0.999


def test_an_opaque_alpha_changes_nothing(matting, astronaut, matte):
    plate = np.concatenate((astronaut, np.full((512, 512, 1), 255, np.uint8)), 2)
    assert np.array_equal(matting(plate).alpha, matte.alpha)
    assert np.array_equal(matting(plate, premultiplied=True).alpha, matte.alpha)


def test_grey_is_grey_rgb(matting, astronaut):
    grey = astronaut[..., 1]
    expected = matting(np.repeat(grey[..., None], 3, 2)).alpha
    assert np.array_equal(matting(grey).alpha, expected)
    assert np.array_equal(matting(grey[..., None]).alpha, expected)


def test_a_bright_sky_breaks_nothing(matting, astronaut):
    hdr = to_linear(astronaut)
    hdr[:100, 400:] *= 1e4
    hdr[0, 0], hdr[0, 1], hdr[0, 2], hdr[0, 3] = np.inf, -np.inf, np.nan, 1e38
    matte = matting(hdr, encoding="linear")
    assert np.isfinite(matte.alpha).all()
    assert matte.alpha[90:150, 200:250].mean() > 0.9


@pytest.mark.parametrize("value", [0, np.nan, np.inf, -np.inf, 1e30])
def test_a_plate_of_nothing_has_a_matte(matting, value):
    for encoding in ("srgb", "linear"):
        matte = matting(np.full((45, 77, 3), value, np.float32), encoding)
        assert matte.alpha.shape == (45, 77)
        assert 0 <= matte.alpha.min() <= matte.alpha.max() <= 1


@pytest.mark.parametrize("size", [(32, 32), (32, 700), (700, 33), (65, 63), (513, 511), (2000, 40)])
def test_any_size_from_32_px_up(matting, astronaut, size):
    plate = np.resize(astronaut, (*size, 3))
    matte = matting(plate)
    assert matte.alpha.shape == matte.trimap.shape == size
    assert matte.cells.shape == grid_size(*size, CELL)
    assert np.isfinite(matte.alpha).all()


def test_a_plate_is_not_written_to(matting, astronaut):
    plate = astronaut.astype(np.float32) / 255
    before = plate.copy()
    plate.flags.writeable = False
    matting(plate)
    assert np.array_equal(plate, before)


def test_a_bad_plate_is_an_error_before_the_network_runs(matting, monkeypatch):
    monkeypatch.setattr(matting, "engine", None)
    with pytest.raises(BadPlateError, match="move the channels last"):
        matting(np.zeros((3, 512, 512)))


def test_the_trimap_lies_where_the_plate_does(matting, astronaut):
    """Enlarged by two, every pixel's class is the one of the pixel that it came from."""
    double = matting(np.repeat(np.repeat(astronaut, 2, 0), 2, 1))
    single = matting(astronaut)
    # The working image is the same, up to the filter's reach at the 512 px cap.
    agree = double.trimap[::2, ::2] == single.trimap
    assert agree.mean() > 0.97
    assert np.array_equal(double.trimap[::2, ::2], double.trimap[1::2, 1::2])


def test_two_models_run_in_two_threads_at_once(astronaut, matte):
    pair = [flyaway.load(device="cpu", threads=1) for _ in range(2)]
    start = threading.Barrier(2)
    results: dict[int, list[np.ndarray]] = {0: [], 1: []}
    plates = [astronaut, np.ascontiguousarray(astronaut[:, ::-1])]
    expected = [matte.alpha, pair[1](plates[1]).alpha]

    def work(number: int) -> None:
        start.wait(timeout=60)
        for _ in range(3):
            results[number].append(pair[number](plates[number]).alpha)

    workers = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=300)
    for number in (0, 1):
        assert len(results[number]) == 3
        assert all(np.array_equal(alpha, expected[number]) for alpha in results[number])


@pytest.mark.parametrize("shape", [(225, 150), (64, 64), (341, 90)])
def test_a_small_plate_is_looked_at_enlarged_and_its_matte_has_its_own_size(
    matting: Matting, shape: tuple[int, int]
) -> None:
    height, width = shape
    plate = np.random.default_rng(3).random((height, width, 3), np.float32)
    matte = matting(plate, reread=False)
    assert matte.alpha.shape == matte.coarse.shape == matte.trimap.shape == shape
    assert matte.cells.shape == grid_size(height, width, CELL)
    larger = resize(plate, *viewing_size(height, width))
    assert max(larger.shape) == min(512, 3 * max(shape))
    found = matting.engine.infer(larger).alpha
    expected = np.clip(resize(found[..., None], height, width)[..., 0], 0, 1)
    np.testing.assert_allclose(matte.alpha, expected, atol=1e-6)


def test_a_plate_that_is_not_small_is_looked_at_as_it_is() -> None:
    assert viewing_size(342, 90) == (342, 90)
    assert viewing_size(2160, 3840) == (2160, 3840)


def test_a_plate_of_another_size_between_two_changes_nothing(matting, astronaut, matte) -> None:
    """The converted plate is kept as memory for the next one of its size."""
    first = matting(astronaut)
    matting(astronaut[:300, :401])
    matting(255 - astronaut)
    again = matting(astronaut)
    assert np.array_equal(again.alpha, matte.alpha)
    assert np.array_equal(first.alpha, matte.alpha)


@pytest.mark.parametrize("engine", ["onnxruntime", "torch"])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_squeezed_plate_is_looked_at_in_proportion(matte, astronaut, engine, axis):
    """A 4:1 plate: its matte lies on its own pixels, and is nearer to the truth than without its aspect."""
    if engine == "torch":
        pytest.importorskip("torch", reason="torch is not installed")
    squeezed_size = (128, 512) if axis == 0 else (512, 128)
    plate = resize(astronaut.astype(np.float32) / 255, *squeezed_size)
    squeezed = flyaway.load(device="cpu", threads=1, engine=engine)
    aspect = 0.25 if axis == 0 else 4.0
    told = squeezed(plate, pixel_aspect=aspect)
    assert told.alpha.shape == told.trimap.shape == squeezed_size
    assert told.cells.shape == grid_size(*squeezed_size, CELL)
    truth = resize(matte.alpha[..., None], *squeezed_size)[..., 0]
    untold = squeezed(plate)
    assert np.abs(told.alpha - truth).mean() < np.abs(untold.alpha - truth).mean()
    # It is what a square plate gives, laid back; nothing else happens to it.
    stretched = squeezed(resize(plate, 512, 512), reread=False)
    laid_back = resize(stretched.alpha[..., None], *squeezed_size)[..., 0]
    np.testing.assert_allclose(squeezed(plate, pixel_aspect=aspect, reread=False).alpha, laid_back, atol=1e-5)


def test_the_likeliest_class_is_the_first_of_the_largest() -> None:
    values = np.random.default_rng(0).integers(0, 4, (3, 50, 70)).astype(np.float32)  # many are equal
    assert np.array_equal(likeliest(values), np.array([0, 128, 255], np.uint8)[values.argmax(0)])


def test_cells_may_be_lists_and_of_another_grid_are_refused_by_both_sizes(matting, astronaut):
    small = astronaut[128:384, 128:384]
    own, plates = matting.grid(256, 256), grid_size(256, 256, CELL)
    assert own != plates
    for shape in (own, plates):
        cells = np.zeros(shape, bool)
        cells[0] = True
        assert np.array_equal(matting(small, cells=cells.tolist()).alpha, matting(small, cells=cells).alpha)
    wanted = " or ".join(f"{rows}×{columns}" for rows, columns in (own, plates))
    for wrong in (np.zeros((3, 3), bool), [[True]], np.zeros(own, np.uint8)):
        with pytest.raises(EngineError, match=f"cells must be {wanted} bool"):
            matting(small, cells=wrong)
