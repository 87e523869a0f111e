"""The one place that mixes: by light, the same in numpy and in torch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from models.mixing import decoded, encoded, mix


def test_half_of_white_before_black_is_half_the_light() -> None:
    white, black = np.ones((2, 2, 3), np.float32), np.zeros((2, 2, 3), np.float32)
    half = np.full((2, 2, 1), 0.5, np.float32)
    assert mix(white, black, half) == pytest.approx(0.73536, abs=1e-4)  # sRGB of half the light
    assert mix(white, black, half, "encoded") == pytest.approx(0.5)


def test_the_curve_is_srgb_and_comes_back() -> None:
    codes = np.linspace(0, 1, 1001, dtype=np.float32)
    assert decoded(np.float32([0.5]))[0] == pytest.approx(0.21404, abs=1e-5)
    assert np.abs(encoded(decoded(codes)) - codes).max() < 1e-5


@pytest.mark.parametrize("light", ["linear", "encoded"])
def test_torch_mixes_as_numpy_does(light: str) -> None:
    rng = np.random.default_rng(5)
    front, back = rng.random((2, 3, 16, 16), np.float32)
    alpha = rng.random((1, 16, 16), np.float32)
    tensors = (torch.from_numpy(x) for x in (front, back, alpha))
    assert np.abs(mix(*tensors, light).numpy() - mix(front, back, alpha, light)).max() < 2e-6


def test_full_and_no_coverage_give_the_pictures_themselves() -> None:
    rng = np.random.default_rng(7)
    front, back = rng.random((2, 8, 8, 3), np.float32)
    one = np.ones((8, 8, 1), np.float32)
    assert np.abs(mix(front, back, one) - front).max() < 1e-5
    assert np.abs(mix(front, back, 0 * one) - back).max() < 1e-5


def test_an_unknown_light_is_refused() -> None:
    with pytest.raises(ValueError, match="linear or encoded"):
        mix(np.zeros(1), np.zeros(1), np.zeros(1), "gamma")
