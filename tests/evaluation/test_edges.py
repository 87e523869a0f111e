"""Coverage bias and comp error, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the evaluate extra is not installed")

from flyaway.errors import BadPlateError, DatasetError
from flyaway.evaluation import edges, layouts, run, shot_report
from flyaway.pictures import files
from flyaway.pictures.convert import eight_bit
from flyaway.yardsticks import Found

SHAPE = (40, 60)


def flat(value, shape=SHAPE):
    return np.full((*shape, 3), value, np.float32)


def ramp():
    """Alpha from 0 to 1 across the middle third."""
    return np.tile(np.clip((np.arange(60) - 20) / 20, 0, 1).astype(np.float32), (40, 1))


def test_bias_is_told_apart_by_who_is_darker():
    truth = ramp()
    found = np.clip(truth - 0.05, 0, 1)
    dark = edges.bias(found, truth, flat(0.1), flat(0.9))
    assert dark["bias_darker"] == pytest.approx(-0.05, abs=1e-6)
    assert np.isnan(dark["bias_lighter"])
    light = edges.bias(found, truth, flat(0.9), flat(0.1))
    assert light["bias_lighter"] == pytest.approx(-0.05, abs=1e-6)
    alike = edges.bias(found, truth, flat(0.5), flat(0.6))
    assert np.isnan(list(alike.values())).all()


def test_a_few_pixels_have_no_bias():
    truth = np.zeros(SHAPE, np.float32)
    truth[0, : edges.LEAST_PIXELS - 1] = 0.5
    assert np.isnan(edges.bias(truth, truth, flat(0), flat(1))["bias_darker"])


def test_the_curve_holds_all_soft_pixels_by_contrast():
    truth = ramp()
    sums, counts = edges.bias_curve(truth + 0.1, truth, flat(0.2), flat(0.7))
    (bin_,) = np.flatnonzero(counts)
    assert edges.BINS[bin_] <= -0.5 <= edges.BINS[bin_ + 1]
    assert counts[bin_] == ((truth > 0.1) & (truth < 0.9)).sum()
    assert sums[bin_] / counts[bin_] == pytest.approx(0.1)


def test_the_true_cut_out_has_no_comp_error():
    truth = ramp()
    assert edges.comp_error(truth, flat(0.3), truth, flat(0.3)) == 0


def test_comp_error_by_hand():
    """White at half coverage, taken for a quarter, over each background in linear light."""
    truth = np.full(SHAPE, 0.5, np.float32)

    def code(light):
        return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)

    backgrounds = np.array([(0, 0, 0), (1, 1, 1), (0.05, 0.6, 0.05), (0.2, 0.2, 0.2)])
    expected = np.abs(code(0.25 + 0.75 * backgrounds) - code(0.5 + 0.5 * backgrounds)).mean()
    error = edges.comp_error(np.full(SHAPE, 0.25, np.float32), flat(1), truth, flat(1))
    assert error == pytest.approx(expected, abs=1e-6)


def test_comps_are_compared_near_the_edge_only():
    truth = ramp()
    alpha = truth.copy()
    alpha[:, :10] = 1  # far from the band
    assert edges.comp_error(alpha, flat(0.5), truth, flat(0.5)) == 0
    band = edges.comp_band(truth)
    assert band[0, 20 - 4]
    assert not band[0, 20 - 5]  # the first soft pixel is the 21st
    assert np.isnan(edges.comp_error(alpha, flat(0.5), np.zeros(SHAPE), flat(0.5)))


def test_what_is_no_comp_is_refused():
    with pytest.raises(BadPlateError, match="not of one size"):
        edges.comp_error(ramp(), flat(0.5, (4, 4)), ramp(), flat(0.5))


@pytest.fixture
def composed(tmp_path):
    """One plate of a dark person before a bright wall, with the colours that were mixed."""
    pytest.importorskip("OpenImageIO")
    truth = np.rint(ramp() * 255).astype(np.uint8)
    cover = truth[..., None] / np.float32(255)
    files.write(tmp_path / "a.png", eight_bit(flat(0.2) * cover + flat(0.8) * (1 - cover)))
    files.write(tmp_path / "a.alpha.png", truth[..., None])
    files.write(tmp_path / "a.fg.png", eight_bit(flat(0.2)))
    files.write(tmp_path / "a.bg.png", eight_bit(flat(0.8)))
    return tmp_path


def test_a_run_measures_bias_where_colours_are_known_and_comps_when_asked(composed):
    images = layouts.open_set(composed)
    truth = images.items[0].load_alpha()
    matters = {"exact": lambda plate: Found(truth, flat(51 / 255)), "bare": lambda plate: truth}
    result = run.evaluate(images, matters, comp=True)
    exact, bare = result.rows[0].scores, result.rows[1].scores
    assert exact["bias_darker"] == pytest.approx(0, abs=1e-6)
    assert exact["comp_own"] == pytest.approx(0, abs=1e-6)
    assert exact["comp_plate"] == bare["comp_plate"] > 0.02  # the wall's colour in every soft pixel
    assert "comp_own" not in bare
    assert "bias.svg" in shot_report.plots(result)
    assert list(edges.COMP) == list(result.measures[-2:])
    without = run.evaluate(images, matters)
    assert "bias_darker" in without.rows[0].scores
    assert "comp_plate" not in without.rows[0].scores


def test_a_comp_without_known_colours_says_what_is_missing(composed):
    (composed / "a.fg.png").unlink()
    with pytest.raises(DatasetError, match=r"NAME\.fg\.png"):
        run.evaluate(layouts.open_set(composed), {"m": lambda plate: ramp()}, comp=True)
