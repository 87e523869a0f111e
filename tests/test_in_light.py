"""Alpha read again in linear light: what it must recover, and what it must leave alone."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pytest

import flyaway
from flyaway.colorimetry import linear_to_srgb, srgb_to_linear
from flyaway.curves import quick_decode, quick_encode
from flyaway.errors import WeightsError
from flyaway.in_light import read_in_light, reread
from flyaway.weights import earlier_models, list_models, model_info, weights_folder

DARK, LIGHT = np.array([0.02, 0.015, 0.01], np.float32), np.array([0.7, 0.75, 0.8], np.float32)


def soft_disc(height: int = 200, width: int = 260) -> np.ndarray:
    """H×W coverage: a disc with an edge 40 px wide."""
    y, x = np.mgrid[:height, :width]
    away = np.hypot(y - height / 2, x - width / 2)
    return np.clip((90 - away) / 40, 0, 1).astype(np.float32)


def as_read_encoded(cover: np.ndarray, front: np.ndarray, behind: np.ndarray) -> np.ndarray:
    """What a network that learned from encoded mixtures reads, by its definition: H×W."""
    mixed = linear_to_srgb(cover[..., None] * front + (1 - cover[..., None]) * behind)
    ends = linear_to_srgb(front) - linear_to_srgb(behind)
    return ((mixed - linear_to_srgb(behind)) @ ends / (ends @ ends)).astype(np.float32)


@pytest.mark.parametrize(("front", "behind"), [(DARK, LIGHT), (LIGHT, DARK)])
def test_coverage_comes_back_whichever_side_is_darker(front, behind):
    cover = soft_disc()
    image = linear_to_srgb(cover[..., None] * front + (1 - cover[..., None]) * behind)
    read = as_read_encoded(cover, front, behind)
    soft = (cover > 0.1) & (cover < 0.9)
    assert abs((read - cover)[soft].mean()) > 0.15
    found = read_in_light(image, read)
    # Over an edge as wide as this the estimates of both colours are still a little mixed.
    assert abs((found - cover)[soft].mean()) < 0.25 * abs((read - cover)[soft].mean())
    assert np.abs(found - cover)[soft].max() < 0.1
    assert found is not read
    assert found.dtype == np.float32


def test_what_is_certain_stays_to_the_bit():
    cover = soft_disc()
    found = read_in_light(linear_to_srgb(cover[..., None] * DARK + (1 - cover[..., None]) * LIGHT), cover)
    assert np.array_equal(found == 0, cover == 0)
    assert np.array_equal(found == 1, cover == 1)
    assert np.isfinite(found).all()


def test_where_both_sides_look_alike_nothing_changes():
    cover = soft_disc()
    image = np.full((*cover.shape, 3), 0.4, np.float32)
    assert np.array_equal(read_in_light(image, cover), cover)


def test_it_is_monotone_and_bounded_for_any_two_colours():
    rng = np.random.default_rng(3)
    front, behind = rng.uniform(-1, 4, (2, 64, 3, 1, 1)).astype(np.float32)
    alpha = np.broadcast_to(np.linspace(0, 1, 400, dtype=np.float32)[None, None], (64, 1, 400))
    found = reread(alpha, np.broadcast_to(front, (64, 3, 1, 400)), np.broadcast_to(behind, (64, 3, 1, 400)))
    assert found.min() >= 0
    assert found.max() <= 1
    assert (np.diff(found, axis=2) >= -1e-5).all()
    assert np.array_equal(found[..., 0], alpha[..., 0])
    assert np.array_equal(found[..., -1], alpha[..., -1])


def test_odd_sizes_and_an_edge_at_the_frame():
    for height, width in ((33, 500), (129, 65), (64, 64)):
        cover = np.tile(np.linspace(-3, 4, width, dtype=np.float32).clip(0, 1), (height, 1))
        image = linear_to_srgb(cover[..., None] * DARK + (1 - cover[..., None]) * LIGHT)
        read = as_read_encoded(cover, DARK, LIGHT)
        found = read_in_light(image, read)
        assert np.abs(found - cover).mean() < 0.8 * np.abs(read - cover).mean()


def test_the_quick_curves_are_the_exact_ones():
    x = np.concatenate([np.linspace(-1, 3, 4001), [0.04045, 0.0031308, 0.0]]).astype(np.float32)
    assert np.abs(quick_decode(x) - srgb_to_linear(x)).max() < 2e-5
    assert np.abs(quick_encode(x) - linear_to_srgb(x)).max() < 2e-5
    unit = x[(x >= 0) & (x <= 1)]
    assert np.abs(quick_decode(unit) - srgb_to_linear(unit)).max() < 2e-6


@pytest.mark.parametrize("name", [*list_models(), *earlier_models()])
def test_a_model_says_what_it_learned_from(name):
    assert model_info(name).config["mixed_in"] in ("encoded", "linear")
    assert model_info(name).reads_encoded == (model_info(name).config["mixed_in"] == "encoded")


@pytest.mark.parametrize("name", ["fast@4", "quality@4", "clean@2"])
def test_a_model_is_read_again_as_its_manifest_says(name, astronaut):
    matting = flyaway.load(name, device="cpu", threads=1)
    assert matting.info.config["mixed_in"] == "encoded"
    as_read = matting(astronaut, reread=False)
    assert "reread" not in matting.timings
    in_light = matting(astronaut)
    assert matting.timings["reread"] > 0
    soft = (as_read.alpha > 0.1) & (as_read.alpha < 0.9)
    assert np.abs(in_light.alpha - as_read.alpha)[soft].mean() > 0.02
    assert np.array_equal(in_light.coarse, as_read.coarse)
    linear = replace(matting.info, config=MappingProxyType({**matting.info.config, "mixed_in": "linear"}))
    matting.info = linear
    assert np.array_equal(matting(astronaut).alpha, as_read.alpha)
    assert np.array_equal(matting(astronaut, reread=True).alpha, in_light.alpha)


def test_a_manifest_cannot_say_what_means_nothing(tmp_path):
    manifest = (weights_folder() / "manifest.json").read_text()
    (tmp_path / "manifest.json").write_text(manifest.replace('"mixed_in": "encoded"', '"mixed_in": "log"', 1))
    with pytest.raises(WeightsError, match="mixed_in"):
        list_models(tmp_path)
