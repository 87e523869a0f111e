"""Every measure against answers worked out by hand, properties, and a slow implementation written apart."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

pytest.importorskip("scipy", reason="the evaluate extra is not installed")

from flyaway.errors import BadPlateError
from flyaway.evaluation import metrics

SIZES = st.tuples(st.integers(1, 12), st.integers(1, 12))
EIGHT_BIT = st.integers(0, 255).map(lambda value: value / 255)


def mattes(shape=None):
    if shape is not None:
        return arrays(np.float64, shape, elements=EIGHT_BIT)
    return SIZES.flatmap(mattes)


PAIRS = SIZES.flatmap(lambda shape: st.tuples(mattes(shape), mattes(shape)))
ERRORS = ["sad", "mse", "mad", "grad", "conn"]


def plate_with_square(size=100, low=30, high=70):
    truth = np.zeros((size, size))
    truth[low:high, low:high] = 1
    return truth


# By hand -------------------------------------------------------------------------------------------------


def test_sums_and_means_by_hand():
    truth = np.array([[0.0, 0.5], [1.0, 1.0]])
    alpha = np.array([[0.25, 0.5], [0.5, 1.0]])
    assert metrics.sad(alpha, truth) == pytest.approx(0.75 / 1000)
    assert metrics.mad(alpha, truth) == pytest.approx(0.75 / 4)
    assert metrics.mse(alpha, truth) == pytest.approx((0.0625 + 0.25) / 4)
    assert metrics.soft_mad(alpha, truth) == 0  # the one soft pixel is right
    assert metrics.iou(alpha, truth) == 1


def test_gradient_of_a_ramp_is_its_slope():
    # Away from the borders the derivative of a ramp is its slope: 0.02 against 0.01, squared 1e-4 a pixel.
    slow = np.tile(np.arange(41) * 0.01, (41, 1))
    inner = np.s_[8:-8, 8:-8]
    magnitude = metrics._gradient_magnitude(2 * slow) - metrics._gradient_magnitude(slow)
    assert magnitude[inner] == pytest.approx(0.01, rel=1e-3)


def test_connectivity_of_a_lost_island_by_hand():
    # Truth and matte share a 3-pixel subject; the matte adds one pixel of alpha 0.8 that hangs on nothing.
    truth = np.array([[1.0, 1.0, 1.0, 0.0, 0.0]])
    alpha = np.array([[1.0, 1.0, 1.0, 0.0, 0.8]])
    # It falls out at the first threshold: level 0, connectivity 1 − 0.8 against 1.
    assert metrics.connectivity_error(alpha, truth) == pytest.approx(0.8 / 1000)


def test_connectivity_forgives_what_is_below_its_tolerance():
    truth = np.array([[1.0, 1.0, 1.0, 0.0]])
    alpha = np.array([[1.0, 1.0, 1.0, 0.14]])
    assert metrics.connectivity_error(alpha, truth) == 0


def test_trimap_is_the_soft_pixels_and_a_disc_around_them():
    truth = np.zeros((31, 31))
    truth[15, 15] = 0.3
    band = metrics.unknown_band(metrics.trimap_of(truth, radius=5))
    rows, columns = np.mgrid[:31, :31]
    assert np.array_equal(band, np.hypot(rows - 15, columns - 15) <= 5)
    assert set(np.unique(metrics.trimap_of(truth))) == {0, 128}


def test_trimap_passes_over_compression_noise_but_not_over_a_hard_edge():
    noise = np.random.default_rng(0).integers(0, 3, (40, 40)) / 255
    assert (metrics.trimap_of(noise) == 0).all()
    truth = np.zeros((40, 40))
    truth[:, 20:] = 1
    band = metrics.unknown_band(metrics.trimap_of(truth, radius=3))
    assert np.flatnonzero(band[0]).tolist() == list(range(16, 24))


def test_measures_in_the_unknown_band_see_only_the_band():
    truth = np.zeros((2, 4))
    alpha = np.array([[0.5, 0.0, 0.0, 0.2], [1.0, 0.0, 0.0, 0.0]])
    trimap = np.array([[128, 128, 0, 0], [0, 0, 255, 255]], np.uint8)
    assert metrics.sad_unknown(alpha, truth, trimap) == pytest.approx(0.5 / 1000)
    assert metrics.mse_unknown(alpha, truth, trimap) == pytest.approx(0.25 / 2)


def test_what_has_no_pixels_has_no_value():
    truth = np.ones((4, 4))
    assert math.isnan(metrics.mse_unknown(truth, truth, np.full((4, 4), 255, np.uint8)))
    assert math.isnan(metrics.soft_mad(truth, truth))


def test_iou_by_hand():
    truth, alpha = plate_with_square(), plate_with_square(low=30, high=50)
    assert metrics.iou(alpha, truth) == pytest.approx(400 / 1600)
    assert metrics.iou(np.zeros((3, 3)), np.zeros((3, 3))) == 1


def test_false_components_are_islands_and_holes_above_a_thousandth():
    truth = plate_with_square()
    alpha = truth.copy()
    alpha[5:9, 5:9] = 1  # island of 16 px: above 10
    alpha[90:93, 90:93] = 1  # island of 9 px: below
    alpha[45:50, 45:50] = 0  # hole of 25 px
    alpha[30:70, 70:74] = 1  # a wider outline is no component of its own
    assert metrics.false_components(alpha, truth) == 2
    assert metrics.false_islands(alpha, truth) == metrics.false_holes(alpha, truth) == 1
    assert metrics.score(alpha, truth)["false_components"] == 2
    assert metrics.false_components(truth, truth) == 0


def test_a_true_gap_is_no_false_hole():
    truth = plate_with_square()
    truth[45:55, 45:55] = 0
    assert metrics.false_components(truth, truth) == 0


@pytest.mark.parametrize("measure", metrics.WHOLE_FRAME.values())
def test_what_cannot_be_scored_is_an_error(measure):
    fine = np.zeros((4, 4))
    for wrong in (np.zeros((4, 5)), np.zeros((4, 4, 1)), np.full((4, 4), np.nan)):
        with pytest.raises(BadPlateError):
            measure(wrong, fine)
    with pytest.raises(BadPlateError, match="without pixels"):
        measure(np.zeros((0, 4)), np.zeros((0, 4)))
    with pytest.raises(BadPlateError, match="trimap"):
        metrics.sad_unknown(fine, fine, np.zeros((3, 3), np.uint8))


# Properties ----------------------------------------------------------------------------------------------


@given(mattes())
def test_a_matte_equal_to_its_truth_has_no_error(truth):
    scores = metrics.score(truth, truth)
    assert all(scores[name] == 0 for name in (*ERRORS, "sad_unknown", "false_components"))
    assert scores["iou"] == 1
    assert all(scores[name] == 0 or math.isnan(scores[name]) for name in ("soft_mad", "mse_unknown"))


@given(PAIRS)
def test_whole_frame_errors_do_not_care_which_is_the_truth(pair):
    first, second = pair
    for name in (*ERRORS, "iou"):
        measure = metrics.WHOLE_FRAME[name]
        assert measure(first, second) == pytest.approx(measure(second, first), abs=1e-12)


@given(PAIRS)
def test_no_error_is_negative_and_nothing_is_modified(pair):
    before = [image.copy() for image in pair]
    for name in ERRORS:
        assert metrics.WHOLE_FRAME[name](*pair) >= 0
    assert 0 <= metrics.iou(*pair) <= 1
    assert metrics.mse(*pair) <= metrics.mad(*pair) + 1e-12
    assert all(np.array_equal(*both) for both in zip(before, pair, strict=True))


@given(st.tuples(mattes((9, 7)), mattes((9, 7))), st.integers(0, 12), st.integers(0, 12))
def test_errors_stay_when_both_mattes_move(pair, down, right):
    # Margins of more than the kernel's reach on all sides, so that no border comes into play.
    frames = []
    for image in pair:
        frame = np.zeros((45, 45))
        frame[12 + down : 21 + down, 12 + right : 19 + right] = image
        frames.append(frame)
    still = [np.roll(frame, (-down, -right), (0, 1)) for frame in frames]
    for name in (*ERRORS[:4], "soft_mad", "iou", "false_components"):
        measure = metrics.WHOLE_FRAME[name]
        assert measure(*frames) == pytest.approx(measure(*still), abs=1e-9, nan_ok=True)


@given(PAIRS)
def test_errors_stay_when_both_mattes_are_mirrored(pair):
    mirrored = [image[:, ::-1] for image in pair]
    for name in ("sad", "mse", "mad", "grad", "soft_mad", "iou", "false_components"):
        measure = metrics.WHOLE_FRAME[name]
        assert measure(*mirrored) == pytest.approx(measure(*pair), abs=1e-9, nan_ok=True)


# A slow implementation, written apart -----------------------------------------------------------------------


def slow_derivatives(image, sigma=1.4):
    """Both Gaussian derivatives as sums over explicit 2-D weights, borders mirrored (d c b a | a b c d)."""
    reach = int(4 * sigma + 0.5)
    offsets = np.arange(-reach, reach + 1)
    bell = np.exp(-(offsets**2) / (2 * sigma**2))
    bell /= bell.sum()
    slope = offsets / sigma**2 * bell
    height, width = image.shape

    def mirror(index, size):
        index %= 2 * size
        return index if index < size else 2 * size - 1 - index

    down, across = np.zeros_like(image), np.zeros_like(image)
    for row in range(height):
        for column in range(width):
            for i, first in enumerate(offsets):
                for j, second in enumerate(offsets):
                    value = image[mirror(row + first, height), mirror(column + second, width)]
                    down[row, column] += slope[i] * bell[j] * value
                    across[row, column] += bell[i] * slope[j] * value
    return down, across


def slow_gradient_error(alpha, truth):
    total = 0.0
    for magnitudes in zip(
        *(np.hypot(*slow_derivatives(image)).ravel() for image in (alpha, truth)), strict=True
    ):
        total += (magnitudes[0] - magnitudes[1]) ** 2
    return total / 10


def slow_components(mask):
    """4-connected components, each a set of pixels, by flood fill in raster order."""
    left = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    components = []
    for seed in sorted(left):
        if seed not in left:
            continue
        component, frontier = set(), [seed]
        left.discard(seed)
        while frontier:
            row, column = frontier.pop()
            component.add((row, column))
            for near in ((row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)):
                if near in left:
                    left.discard(near)
                    frontier.append(near)
        components.append(component)
    return components


def slow_connectivity_error(alpha, truth):
    sources = []
    for step in range(1, 11):
        components = slow_components((alpha >= step / 10) & (truth >= step / 10))
        sources.append(max(components, key=len) if components else None)
    total = 0.0
    for pixel in np.ndindex(alpha.shape):
        level = 1.0
        for step, source in enumerate(sources):
            if source is not None and pixel not in source:
                level = step / 10
                break
        first, second = (
            1 - (image[pixel] - level if image[pixel] - level >= 0.15 else 0) for image in (alpha, truth)
        )
        total += abs(first - second)
    return total / 1000


@settings(max_examples=15, deadline=None)
@given(PAIRS)
def test_gradient_error_equals_the_slow_one(pair):
    assert metrics.gradient_error(*pair) == pytest.approx(slow_gradient_error(*pair), rel=1e-9, abs=1e-12)


@settings(deadline=None)
@given(PAIRS)
def test_connectivity_error_equals_the_slow_one(pair):
    assert metrics.connectivity_error(*pair) == pytest.approx(slow_connectivity_error(*pair), abs=1e-12)


def test_connectivity_error_equals_the_slow_one_on_a_soft_subject():
    # Random pairs seldom hang together: a smooth blob with holes, islands and a soft rim does.
    rows, columns = np.mgrid[:24, :24]
    truth = np.clip(1.6 - np.hypot(rows - 12, columns - 12) / 7, 0, 1)
    alpha = np.clip(truth + np.random.default_rng(3).normal(0, 0.2, truth.shape), 0, 1)
    assert metrics.connectivity_error(alpha, truth) == pytest.approx(slow_connectivity_error(alpha, truth))
    assert metrics.connectivity_error(alpha, truth) > 0
