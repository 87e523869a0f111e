"""Resizing in numpy equals torch's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flyaway.resample import BLOCK, resize

torch = pytest.importorskip("torch")
F = torch.nn.functional


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
