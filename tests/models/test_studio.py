"""Alpha solved from a backdrop comes out as the alpha that the picture was made with."""

from __future__ import annotations

import numpy as np
import pytest
from models.mixing import LIGHTS, mix
from models.training.data.backdrop import Floats, fit_backdrop
from models.training.data.studio import Solution, solve
from scipy import ndimage

SIDE = 480


def backdrop_colour() -> Floats:
    """A grey that darkens towards the corners and leans a little to one side."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    grey = 214 - 18 * (x**2 + y**2) + 4 * x
    return np.stack([grey - 3, grey + 1, grey], axis=-1).astype(np.float32)


def sitter() -> tuple[Floats, Floats]:
    """A dark head with thin strands, over a white shirt with grey folds: alpha and colour."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    head = np.clip(95 - np.hypot(x - 240, (y - 200) * 0.8) + 0.5, 0, 1)
    neck = ((np.abs(x - 240) < 45) & (y > 200)).astype(np.float32)
    shirt = np.clip((y - 345) / 1.2 - np.abs(x - 240) / 6 + 0.5, 0, 1) * (np.abs(x - 240) < 200)
    strands = np.zeros((SIDE, SIDE), np.float32)
    for k in range(9):
        middle = 240 + 12 * (k - 4) + 14 * np.sin(y / 19 + k)
        inside = (y > 48 + 3 * k) & (y < 160)
        strands = np.maximum(strands, np.clip(1.1 - np.abs(x - middle), 0, 1) * 0.8 * inside)
    hair = np.maximum(head, strands)
    alpha = np.maximum(np.maximum(hair, neck), shirt)
    colour = np.zeros((SIDE, SIDE, 3), np.float32)
    colour[...] = (52, 38, 30)
    colour[(neck > 0) & (y > 290)] = (172, 122, 98)
    folds = 226 + 24 * np.sin(x / 11)
    colour[(shirt > 0) & (hair < 0.01)] = 0
    colour += np.stack([folds, folds, folds + 4], -1) * ((shirt > 0) & (hair < 0.01))[..., None]
    return alpha.astype(np.float32), np.clip(colour, 0, 255)


@pytest.fixture(scope="module", params=LIGHTS)
def solved(request: pytest.FixtureRequest) -> tuple[Floats, Solution]:
    """Mixed in one light and solved in the same."""
    alpha, colour = sitter()
    rng = np.random.default_rng(5)
    image = 255 * mix(colour / 255, backdrop_colour() / 255, alpha[..., None], request.param)
    return alpha, solve((image + rng.normal(0, 0.7, image.shape)).astype(np.float32), request.param)


def test_backdrop_is_found_to_a_level(solved: tuple[Floats, Solution]) -> None:
    alpha, solution = solved
    error = np.abs(solution.backdrop.colour - backdrop_colour()).max(axis=-1)
    near = ndimage.distance_transform_edt(alpha > 0.01) < 15
    assert error[near].max() < 1.5


def test_backdrop_is_found_where_half_the_frame_is_covered() -> None:
    image = backdrop_colour()
    image[160:, 60:420] = (40, 90, 60)
    fitted = fit_backdrop(image)
    assert np.abs(fitted.colour - backdrop_colour())[:, :40].max() < 1.0


def test_empty_is_exactly_empty_and_solid_exactly_solid(solved: tuple[Floats, Solution]) -> None:
    alpha, solution = solved
    far = ndimage.distance_transform_edt(alpha < 0.004) > 12
    deep = ndimage.distance_transform_edt(alpha > 0.996) > 12
    assert (solution.alpha[far] == 0).mean() > 0.9999
    assert (solution.alpha[deep] == 1).mean() > 0.999


def test_strands_keep_their_coverage(solved: tuple[Floats, Solution]) -> None:
    alpha, solution = solved
    tips = np.zeros_like(alpha, bool)
    tips[40:95] = True
    soft = tips & (alpha > 0.05)
    assert soft.sum() > 500
    assert np.abs(solution.alpha - alpha)[soft].mean() < 0.06
    assert solution.alpha[tips].sum() == pytest.approx(alpha[tips].sum(), rel=0.08)


def test_colour_under_strands_is_hair_and_not_backdrop(solved: tuple[Floats, Solution]) -> None:
    alpha, solution = solved
    tips = np.zeros_like(alpha, bool)
    tips[40:95] = True
    strands = tips & (alpha > 0.3)
    assert np.abs(solution.foreground[strands].mean(axis=0) - (52, 38, 30)).max() < 20
