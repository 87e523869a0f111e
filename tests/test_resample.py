"""Resampling in numpy equals torch's, and its twins equal the network's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyaway import cells as grid
from flyaway.resample import BLOCK, resize, sample, sample_points, upsample

torch = pytest.importorskip("torch")
F = torch.nn.functional

from flyaway.network import regions  # noqa: E402


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape, np.float32)


def torch_resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    x = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].contiguous()
    x = F.interpolate(x, (height, width), mode="bilinear", align_corners=False, antialias=True)
    return x[0].permute(1, 2, 0).numpy()


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ((540, 960), (288, 512)),
        ((1080, 1920), (288, 512)),
        ((517, 389), (512, 385)),
        ((513, 512), (512, 511)),
        ((2160, 1001), (512, 237)),
        ((33, 5000), (3, 512)),
        ((5000, 40), (512, 4)),
        ((37, 41), (1, 1)),
        ((64, 64), (64, 32)),  # one side unchanged
        ((31, 47), (64, 96)),  # enlarged
        ((40, 90), (90, 40)),
        ((BLOCK + 1, BLOCK - 1), (BLOCK - 1, BLOCK + 1)),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_resizing_equals_torch(source, target, channels):
    image = noise(*source, channels)
    resized = resize(image, *target)
    assert resized.dtype == np.float32
    assert resized.flags.c_contiguous
    np.testing.assert_allclose(resized, torch_resize(image, *target), rtol=0, atol=1e-5)


SIZE = st.integers(2, 200)  # torch itself errs when it enlarges a picture of one column


@settings(deadline=None, max_examples=50)
@given(SIZE, SIZE, SIZE, SIZE, st.integers(1, 4))
def test_resizing_equals_torch_at_any_size(height, width, to_height, to_width, channels):
    image = noise(height, width, channels, seed=height)
    np.testing.assert_allclose(
        resize(image, to_height, to_width), torch_resize(image, to_height, to_width), rtol=0, atol=1e-5
    )


def test_resizing_takes_any_layout():
    image = noise(90, 120, 3)
    expected = resize(image, 31, 47)
    assert np.array_equal(resize(np.asfortranarray(image), 31, 47), expected)
    assert np.array_equal(resize(np.repeat(image, 2, 0)[::2], 31, 47), expected)


def test_a_flat_picture_stays_flat():
    np.testing.assert_allclose(resize(np.full((1000, 777, 3), 0.7, np.float32), 288, 224), 0.7, atol=1e-6)


PLATE = st.tuples(st.integers(32, 700), st.integers(32, 700))
SEED = st.integers(0, 99)
MAP = st.tuples(st.integers(1, 80), st.integers(1, 80))


@settings(deadline=None, max_examples=50)
@given(plate=PLATE, size=MAP)
def test_upsampling_equals_the_networks(plate, size):
    plane = noise(*size)
    expected = regions.upsample(torch.from_numpy(plane)[None], *plate)[0].numpy()
    np.testing.assert_allclose(upsample(plane, *plate), expected, rtol=0, atol=1e-6)


@settings(deadline=None, max_examples=50)
@given(
    plate=PLATE, size=MAP, cell=st.sampled_from([8, 16, 64]), halo=st.integers(0, 5), seed=st.integers(0, 99)
)
def test_samples_of_regions_equal_the_networks(plate, size, cell, halo, seed):
    maps = noise(3, *size, seed=seed)
    rows, columns = -(-plate[0] // cell), -(-plate[1] // cell)
    chosen = np.random.default_rng(seed).random((rows, columns)) < 0.3
    chosen[0, 0] = chosen[-1, -1] = True
    positions = np.argwhere(chosen)[:40]
    ys, xs = grid.pixels(positions, cell, halo)
    expected = regions.sample(
        torch.from_numpy(maps), torch.from_numpy(ys), torch.from_numpy(xs), *plate
    ).numpy()
    np.testing.assert_allclose(sample(maps, ys, xs, *plate), expected, rtol=0, atol=2e-6)
    into = np.full((len(positions), 5, *expected.shape[2:]), -1, np.float32)
    sample(maps, ys, xs, *plate, out=into[:, 2:])
    np.testing.assert_allclose(into[:, 2:], expected, rtol=0, atol=2e-6)
    assert (into[:, :2] == -1).all()


@settings(deadline=None, max_examples=50)
@given(plate=PLATE, size=MAP, seed=st.integers(0, 99))
def test_samples_at_points_equal_the_networks(plate, size, seed):
    maps = noise(5, *size, seed=seed)
    # Centres of cells that hang over the frame lie outside it.
    points = np.random.default_rng(seed).integers(-10, np.array(plate) + 40, (20, 2))
    both = torch.from_numpy(points)
    expected = regions.sample(torch.from_numpy(maps), both[:, :1], both[:, 1:], *plate)[:, :, 0, 0].numpy()
    result = sample_points(maps, points[:, 0], points[:, 1], *plate)
    assert result.flags.c_contiguous
    np.testing.assert_allclose(result, expected, rtol=0, atol=1e-6)
