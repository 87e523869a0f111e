"""Colour with no old background in it: what it must recover, and what it must leave alone."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import flyaway.foreground
from flyaway.colorimetry import linear_to_srgb, srgb_to_linear
from flyaway.errors import BadPlateError, UsageError
from flyaway.foreground import REACH, Despill, foreground
from flyaway.matte import Matte

FRONT, BEHIND = np.array([0.30, 0.18, 0.10], np.float32), np.array([0.05, 0.60, 0.05], np.float32)


@pytest.fixture(params=[1, 3], ids=["each pixel", "every third"], autouse=True)
def step(request, monkeypatch) -> int:
    """All promises hold however the colours are estimated: small plates are taken for large ones too."""
    if request.param > 1:
        monkeypatch.setattr(flyaway.foreground, "LARGE", 85)
    return request.param


@pytest.fixture(scope="module")
def cover() -> np.ndarray:
    """A disc of 70 px with an edge 10 px wide, in 200×260."""
    y, x = np.mgrid[:200, :260]
    return np.clip((75 - np.hypot(y - 100, x - 130)) / 10, 0, 1).astype(np.float32)


def mixed(cover: np.ndarray, front: np.ndarray = FRONT, behind: np.ndarray = BEHIND) -> np.ndarray:
    return (cover[..., None] * front + (1 - cover[..., None]) * behind).astype(np.float32)


def test_the_old_background_is_gone_from_soft_pixels(cover):
    soft = (cover > 0.05) & (cover < 0.95)
    for encoding in ("linear", "srgb"):
        plate = mixed(cover) if encoding == "linear" else linear_to_srgb(mixed(cover))
        colour = foreground(plate, cover, encoding)
        light = colour if encoding == "linear" else srgb_to_linear(colour)
        before = np.abs(mixed(cover) - FRONT)[soft].mean()
        assert np.abs(light - FRONT)[soft].mean() < 0.1 * before


def test_it_is_the_plate_bit_for_bit_where_all_is_covered(cover):
    rng = np.random.default_rng(1)
    plate = rng.uniform(-0.5, 30, (*cover.shape, 3)).astype(np.float32)
    plate[100, 130], plate[90, 130], plate[80, 130] = np.nan, np.inf, -np.inf
    assert (cover[[100, 90, 80], 130] == 1).all()
    solid = cover >= 1
    for encoding in ("linear", "srgb"):
        colour = foreground(plate, cover, encoding)
        assert colour[solid].tobytes() == plate[solid].tobytes()
        assert np.isfinite(colour[~solid]).all()
    eight = rng.integers(0, 256, (*cover.shape, 3), np.uint8)
    assert np.array_equal(np.rint(foreground(eight, cover) * 255)[solid], eight[solid])


def test_highlights_keep_their_light_and_a_plate_below_black_stays_there(cover):
    bright = foreground(mixed(cover, FRONT * 100, BEHIND * 3), cover, "linear")
    soft = (cover > 0.3) & (cover < 0.95)
    assert np.allclose(bright[soft].mean(0), FRONT * 100, rtol=0.1)
    below = foreground(mixed(cover, np.array([0.2, -0.05, 0.1], np.float32)), cover, "linear")
    assert below[soft][:, 1].mean() == pytest.approx(-0.05, abs=0.02)
    assert (foreground(mixed(cover), cover, "linear") >= 0).all()


def test_nan_and_infinity_at_an_edge_become_the_colour_around(cover):
    plate = mixed(cover)
    hole = (cover > 0.4) & (cover < 0.6)
    for bad in (np.nan, np.inf, -np.inf, 1e30):
        plate[hole] = bad
        colour = foreground(plate, cover, "linear")
        assert np.isfinite(colour).all()
    plate[hole] = np.nan
    found = foreground(plate, cover, "linear")
    assert np.abs(found - FRONT)[(cover > 0.7) & (cover < 0.95)].mean() < 0.1


def test_colour_goes_on_under_the_matte_and_then_ends(cover):
    colour = foreground(mixed(cover), cover, "linear")
    y, x = np.mgrid[:200, :260]
    away = np.hypot(y - 100, x - 130) - 75
    under = (cover == 0) & (away < REACH - 1)
    assert np.abs(colour - FRONT)[under].mean() < 0.05
    assert (colour[away > 1.5 * REACH] == 0).all()


def test_a_hard_edge_goes_on_under_the_matte_too():
    cover = np.zeros((128, 192), np.float32)
    cover[:, 64:128] = 1  # on the edges of tiles, so that the neighbours hold no covered pixel at all
    colour = foreground(mixed(cover), cover, "linear")
    assert np.abs(colour[:, 64 - REACH : 64] - FRONT).max() < 0.02
    assert np.abs(colour[:, 128 : 128 + REACH] - FRONT).max() < 0.06
    assert (colour[:, : 64 - REACH] == 0).all()


def test_nothing_and_everything_covered():
    plate = np.random.default_rng(2).uniform(0, 1, (70, 90, 3)).astype(np.float32)
    assert (foreground(plate, np.zeros((70, 90), np.float32)) == 0).all()
    assert np.array_equal(foreground(plate, np.ones((70, 90), np.float32)), plate)
    veil = foreground(plate, np.full((70, 90), 0.5, np.float32))
    assert np.isfinite(veil).all()
    assert 0.2 < veil.mean() < 0.8


def test_premultiplied_grey_and_half(cover):
    own = np.full((*cover.shape, 1), 0.5, np.float32)
    plate = np.concatenate([mixed(cover) * own, own], axis=-1)
    assert np.allclose(
        foreground(plate, cover, "linear", premultiplied=True),
        foreground(mixed(cover), cover, "linear"),
        atol=1e-6,
    )
    grey = foreground(mixed(cover)[..., :1], cover, "linear")
    assert grey.shape == (*cover.shape, 3)
    half = foreground(mixed(cover) * 1e6, cover, "linear", dtype=np.float16)
    assert half.dtype == np.float16
    assert np.isfinite(half).all()


def test_what_cannot_be_is_refused(cover):
    with pytest.raises(BadPlateError, match="plate of 200×260"):
        foreground(mixed(cover), cover[:-1], "linear")
    with pytest.raises(BadPlateError, match="float32 or float16"):
        foreground(mixed(cover), cover, "linear", dtype=np.uint8)
    with pytest.raises(UsageError, match="green or blue"):
        Despill("red")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="between 0 and 1"):
        Despill("green", 1.5)


def test_an_alpha_of_integers_is_scaled_by_its_white(cover):
    plate = mixed(cover)
    eight = np.rint(cover * 255).astype(np.uint8)
    wanted = foreground(plate, eight.astype(np.float32) / 255, "linear")
    assert np.array_equal(foreground(plate, eight, "linear"), wanted)
    assert np.array_equal(
        foreground(plate, cover > 0.5, "linear"), foreground(plate, (cover > 0.5) * 1.0, "linear")
    )
    with pytest.raises(BadPlateError, match="alpha holds int64"):
        foreground(plate, eight.astype(np.int64), "linear")
    ragged = np.where(cover > 0.5, np.float32(np.nan), cover)
    before = ragged.copy()
    foreground(plate, ragged, "linear")
    assert np.array_equal(ragged, before, equal_nan=True)


@pytest.mark.parametrize("encoding", ["linear", "srgb"])
def test_despill_takes_the_screen_and_leaves_the_rest(cover, encoding):
    spilt = np.array([0.2, 0.35, 0.25], np.float32)  # grey hair under green light
    yellow = np.array([0.6, 0.58, 0.1], np.float32)
    front = np.where((np.arange(260) < 130)[None, :, None], spilt, yellow).astype(np.float32)
    plate = mixed(cover, front)
    plate = plate if encoding == "linear" else linear_to_srgb(plate)

    def light(despill: Despill | None) -> np.ndarray:
        colour = foreground(plate, cover, encoding, despill=despill)
        return colour if encoding == "linear" else srgb_to_linear(colour)

    plain, full, some = light(None), light(Despill("green")), light(Despill("green", 0.5))
    assert np.allclose(full[100, 100], (0.2, 0.25, 0.25), atol=1e-3)
    assert np.allclose(some[100, 100], (0.2, 0.30, 0.25), atol=1e-3)
    assert np.array_equal(full[100, 160], plain[100, 160])
    assert np.array_equal(light(Despill("green", 0)), plain)
    blue = foreground(plate[..., ::-1], cover, encoding, despill=Despill("blue"))
    assert (blue[..., 2] <= np.maximum(blue[..., 0], blue[..., 1]) + 1e-6).all()


def test_a_matte_gives_it_when_asked(cover):
    empty = np.zeros((1, 1), bool)
    matte = Matte(cover, (cover * 255).astype(np.uint8), cover, empty, cover)
    assert np.array_equal(matte.foreground(mixed(cover), "linear"), foreground(mixed(cover), cover, "linear"))


def test_memory_is_the_result_and_a_little(cover):
    """Nothing but the result is as large as the frame, apart from a few masks of a byte a pixel."""
    large = np.kron(cover, np.ones((6, 6), np.float32))
    plate = np.ascontiguousarray(np.broadcast_to(FRONT, (*large.shape, 3)))
    foreground(plate, large, "linear", dtype=np.float16)
    tracemalloc.start()
    result = foreground(plate, large, "linear", dtype=np.float16)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < result.nbytes + 4 * large.size + (24 << 20)
    assert peak < plate.nbytes + (24 << 20)


def test_despill_is_a_despill():
    plate, alpha = np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), np.float32)
    with pytest.raises(UsageError, match=r"such as Despill\('green'\)"):
        foreground(plate, alpha, despill="green")
