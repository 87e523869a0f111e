"""Dividing by an alpha that came with a plate, and not believing one that contradicts its pixels."""

from __future__ import annotations

import numpy as np
import pytest

from flyaway.coverage import unpremultiply, why_not_coverage


@pytest.fixture
def person(astronaut) -> np.ndarray:
    """A photograph as scene-linear colour, H×W×3 float32."""
    return ((astronaut.astype(np.float32) / 255) ** 2.2).astype(np.float32)


def roto(height: int, width: int) -> np.ndarray:
    """A soft ellipse, 0 outside and 1 inside."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return np.clip(4 - 5 * np.hypot(x, y), 0, 1).astype(np.float32)


def speckle(*shape: int) -> np.ndarray:
    return np.random.default_rng(7).random(shape, np.float32)


def test_colour_comes_back_exactly_where_it_is_well_covered(person):
    alpha = roto(*person.shape[:2])
    straight = unpremultiply(person * alpha[..., None], alpha)
    well = alpha >= 1 / 16
    np.testing.assert_allclose(straight[well], person[well], rtol=1e-5)
    assert (straight[alpha == 0] == 0).all()


@pytest.mark.parametrize("depth", [np.float16, np.float32])
def test_hdr_colour_comes_back_too(person, depth):
    alpha = roto(*person.shape[:2])
    stored = (person * 40 * alpha[..., None]).astype(depth).astype(np.float32)
    well = alpha >= 1 / 16
    np.testing.assert_allclose(unpremultiply(stored, alpha)[well], person[well] * 40, rtol=2e-3, atol=1e-5)
    assert not why_not_coverage(stored, alpha)


@pytest.mark.parametrize("faint", [1e-2, 1e-3, 1e-5, 1e-30, 5e-324])
def test_hardly_any_alpha_blows_nothing_up(person, faint):
    """A never-multiplied picture under a ramp that ends in almost nothing: 17,000 was possible."""
    alpha = np.full(person.shape[:2], np.float32(faint))
    alpha[:200] = 1
    straight = unpremultiply(person, alpha)
    assert np.isfinite(straight).all()
    assert straight.max() <= 1
    dark = unpremultiply(person * np.float32(1e-3), alpha)
    assert (dark <= person * np.float32(64e-3) * (1 + 1e-6)).all()


def test_the_bound_keeps_the_hue():
    colour = np.tile(np.float32([0.9, 0.3, -0.3]), (4, 4, 1))
    alpha = np.full((4, 4), 1e-2, np.float32)
    np.testing.assert_allclose(unpremultiply(colour, alpha)[0, 0], [1, 1 / 3, -1 / 3], rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -0.5, 0.0])
def test_what_is_no_coverage_divides_nothing(person, bad):
    alpha = np.ones(person.shape[:2], np.float32)
    alpha[10] = bad
    np.testing.assert_array_equal(unpremultiply(person, alpha), person)


# Where nothing is solid, nothing shows how bright a plate is: see the next test.
@pytest.mark.parametrize(
    ("alpha", "gain"),
    [
        *((roto(512, 512), gain) for gain in (0.05, 1.0, 40.0)),
        *((speckle(512, 512), gain) for gain in (0.05, 1.0, 40.0)),
        *((np.ones((512, 512), np.float32), gain) for gain in (0.05, 1.0, 40.0)),
        *((np.full((512, 512), 0.5, np.float32), gain) for gain in (0.05, 1.0)),
        *((np.full((512, 512), 0.01, np.float32), gain) for gain in (0.05, 1.0)),
        (np.zeros((512, 512), np.float32), 1.0),
    ],
)
def test_a_true_coverage_is_believed(person, alpha, gain):
    assert not why_not_coverage(person * gain * alpha[..., None], alpha)


def test_a_bright_ghost_is_taken_as_it_is(person):
    """Half covered everywhere and far above 1: it cannot be told from an alpha that means nothing."""
    alpha = np.full((512, 512), 0.5, np.float32)
    assert why_not_coverage(person * 40 * alpha[..., None], alpha)


def test_edges_in_eight_bits_and_a_lens_flare_are_believed(person):
    alpha = roto(512, 512)
    stored = np.rint(person * alpha[..., None] * 255) / np.float32(255)
    alpha = np.rint(alpha * 255) / np.float32(255)
    stored[:24, :24] += 0.5  # light that nothing covers
    assert not why_not_coverage(stored, alpha)


@pytest.mark.parametrize("gain", [0.2, 1.0, 40.0])
@pytest.mark.parametrize(
    ("alpha", "why"),
    [
        (roto(512, 512), "covers little"),
        (np.full((512, 512), 0.004, np.float32), "covers little"),
        (np.zeros((512, 512), np.float32), "covers little"),
        (speckle(512, 512) * np.float32(0.2), "covers little"),
        (np.full((512, 512), 255, np.float32), "outside"),
        (speckle(512, 512) * np.float32(900), "outside"),
        (np.full((512, 512), np.nan, np.float32), "outside"),
        (-speckle(512, 512), "outside"),
    ],
    ids=["roto", "faint", "empty", "noise", "bytes", "depth", "nan", "negative"],
)
def test_an_alpha_that_contradicts_the_pixels_is_doubted(person, alpha, why, gain):
    assert why in why_not_coverage(person * gain, alpha)


def test_nan_colour_is_no_evidence(person):
    alpha = roto(512, 512)
    stored = person * alpha[..., None]
    stored[alpha == 0] = np.nan
    assert not why_not_coverage(stored, alpha)
