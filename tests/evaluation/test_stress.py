"""Plates made worse: the same each time, no more than meant, and with a truth that still fits."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the evaluate extra is not installed")
pytest.importorskip("OpenImageIO")

from flyaway.color import srgb_to_linear
from flyaway.errors import FlyawayError
from flyaway.evaluation import robustness, stress
from flyaway.evaluation.layouts import EvaluationSet, Item

SHAPE = (200, 240)


def half(value_left=200, value_right=40):
    """A plate of two halves, and the matte of the left one."""
    plate = np.full((*SHAPE, 3), value_right, np.uint8)
    plate[:, :120] = value_left
    alpha = np.zeros(SHAPE, np.float32)
    alpha[:, :120] = 1
    return plate, alpha


def a_set(*names):
    plate, alpha = half()
    return EvaluationSet("set", "pairs", [Item(n, lambda: plate, lambda: alpha, lambda: None) for n in names])


@pytest.mark.parametrize("name", stress.CONDITIONS)
def test_a_condition_is_the_same_each_time_and_changes_the_plate(name):
    images = a_set("a", "b")
    first, again = (stress.stressed(images, name).items[0] for _ in range(2))
    plate = first.load_plate()
    assert np.array_equal(plate, again.load_plate())
    assert np.array_equal(first.load_alpha(), again.load_alpha())
    assert plate.dtype == np.uint8
    assert plate.shape[:2] == first.load_alpha().shape
    assert plate.shape != (*SHAPE, 3) or not np.array_equal(plate, images.items[0].load_plate())


@pytest.mark.parametrize("name", ["noise", "grain", "motion"])
def test_each_image_has_its_own_randomness(name):
    first, second = stress.stressed(a_set("a", "b"), name).items
    assert not np.array_equal(first.load_plate(), second.load_plate())


@pytest.mark.parametrize("name", ["defocus", "motion", "quarter"])
def test_the_truth_of_a_blurred_plate_is_what_its_light_says(name):
    # With even foreground and background the share of light at a pixel is its coverage.
    plate, _ = half()
    item = stress.stressed(a_set("a"), name).items[0]
    front, behind = (srgb_to_linear(np.float32(plate[0, x, 0] / 255)[None])[0] for x in (0, -1))
    light = srgb_to_linear((item.load_plate()[..., 0] / 255).astype(np.float32))
    alpha = item.load_alpha()
    assert np.abs((light - behind) / (front - behind) - alpha).max() < 0.02
    if name != "quarter":  # an edge on the grid of the smaller picture stays sharp
        assert ((alpha > 0.05) & (alpha < 0.95)).any()


def test_stops_are_factors_of_light():
    plate, _ = half(100, 50)
    under = stress.stressed(
        EvaluationSet("s", "pairs", [Item("a", lambda: plate, *2 * [lambda: None])]), "under"
    )
    light, darker = (
        srgb_to_linear((p[0, 0] / 255).astype(np.float32)) for p in (plate, under.items[0].load_plate())
    )
    assert darker == pytest.approx(light / 4, rel=0.03)


def test_noise_has_the_variance_of_its_electrons():
    plate = np.full((300, 300, 3), 188, np.uint8)  # half the light of white
    noisy = srgb_to_linear((stress.camera_noise(plate, stress.seeded("noise", "a")) / 255).astype(np.float32))
    assert noisy.std() == pytest.approx(np.sqrt(0.503 / stress.ELECTRONS), rel=0.05)


def test_a_set_trimap_is_left_where_the_truth_stays():
    trimap = np.full(SHAPE, 128, np.uint8)
    plate, alpha = half()
    images = EvaluationSet("s", "pairs", [Item("a", lambda: plate, lambda: alpha, lambda: trimap)])
    assert stress.stressed(images, "noise").items[0].load_trimap() is trimap
    assert stress.stressed(images, "defocus").items[0].load_trimap() is None


def test_an_unknown_condition_is_named():
    with pytest.raises(FlyawayError, match="fog"):
        stress.stressed(a_set("a"), "fog")


def bright(plate):
    """A matter that takes what is bright: light on it tells it nothing, darkness everything."""
    return (plate[..., 0] > 100).astype(np.float32)


def steady(plate):
    return (plate[..., 0] > plate[..., 0].mean()).astype(np.float32)


def test_growth_is_counted_in_pixels_of_the_clean_plate(tmp_path):
    conditions = ["under", "quarter"]
    result = robustness.measure(
        a_set("a", "b", "c"), {"steady": steady, "bright": bright}, conditions=conditions
    )
    assert result.sad("bright") == 0
    # Two stops under, 200 becomes 102 and 40 stays below; a smaller plate is as right as the large one.
    assert result.loss("steady", "under") == 0
    assert result.loss("bright", "quarter") == pytest.approx(result.loss("steady", "quarter"))
    nothing = robustness.measure(
        a_set("a"), {"none": lambda plate: np.zeros(plate.shape[:2])}, conditions=conditions
    )
    assert nothing.sad("none") == pytest.approx(24)
    assert nothing.sad("none", "quarter") == pytest.approx(24, rel=0.02)
    written = {path.name: path for path in robustness.write(nothing, tmp_path)}
    assert set(written) == {"stress.md", "stress.json", "stress.png"}
    document = json.loads(written["stress.json"].read_text(encoding="utf-8"))
    assert list(document["conditions"]) == ["clean", *conditions]


def test_the_table_says_who_degrades_least():
    plates = {"a": half(140, 30)[0]}
    images = EvaluationSet("s", "pairs", [Item("a", lambda: plates["a"], lambda: half()[1], lambda: None)])
    result = robustness.measure(images, {"steady": steady, "bright": bright}, conditions=["under"])
    assert result.loss("bright", "under") == pytest.approx(24)  # 140 is 66 then, and nothing is bright
    row = robustness.table(result)[3]
    assert row == "| under | 0.00 | 24.00 | +0.00 | +24.00 | steady |"
    assert "steady degrades by less than bright in 1 of 1 conditions" in robustness.notes(result)
