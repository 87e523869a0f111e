"""Matte controls on shapes whose coverage is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from flyaway import ControlError, Controls
from flyaway.controls import apply

Float = NDArray[np.float32]
FINE = 8  # samples a side of a pixel, of which true coverage is the mean


def coverage(inside: NDArray[np.bool_]) -> Float:
    """Samples → pixels."""
    height, width = (side // FINE for side in inside.shape)
    return inside.reshape(height, FINE, width, FINE).mean((1, 3), dtype=np.float32)


def samples(height: int, width: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """y and x of every sample, in px."""
    y, x = np.mgrid[: height * FINE, : width * FINE]
    return (y + 0.5) / FINE, (x + 0.5) / FINE


def half_plane(angle: float, size: int = 160) -> Float:
    """Covered on one side of a line through the middle."""
    y, x = samples(size, size)
    normal = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    return coverage((y - size / 2) * normal[0] + (x - size / 2) * normal[1] < 0.3)


def disc(radius: float, size: int = 200) -> Float:
    """A disc in the middle."""
    y, x = samples(size, size)
    return coverage((y - size / 2) ** 2 + (x - size / 2) ** 2 < radius**2)


@pytest.mark.parametrize("angle", [0, 11.25, 22.5, 30, 45, 77])
@pytest.mark.parametrize("amount", [0.25, 0.5, 1, 2.5, 7])
def test_an_edge_moves_by_as_many_pixels_as_were_asked_for(angle: float, amount: float) -> None:
    plain = half_plane(angle)
    # Along the edge, away from where the frame cuts it off: its length there is known.
    middle = slice(60, 100)
    across = (slice(None), middle) if abs(math.sin(math.radians(angle))) > 0.8 else (middle, slice(None))
    length = 40 / max(abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle))))
    for sign in (-1, 1):
        moved = apply(plain, Controls(grow=sign * amount))
        shift = float((moved[across] - plain[across]).sum(dtype=np.float64)) / length
        assert shift == pytest.approx(sign * amount, rel=0.02, abs=0.06 if amount >= 1 else 0.01)


@pytest.mark.parametrize("amount", [-5, -0.5, 0.5, 3])
def test_a_disc_becomes_a_smaller_or_a_larger_disc(amount: float) -> None:
    moved = apply(disc(60), Controls(grow=amount))
    radius = math.sqrt(float(moved.sum(dtype=np.float64)) / math.pi)
    assert radius == pytest.approx(60 + amount, abs=0.02 * abs(amount) + 0.02)
    assert (moved[100, 100], moved[0, 0]) == (1, 0)


def test_whole_pixels_leave_an_upright_edge_as_sharp_as_it_is() -> None:
    edge = np.zeros((100, 100), np.float32)
    edge[:, 40:], edge[:, 39] = 1, 0.3
    moved = apply(edge, Controls(grow=-2))
    np.testing.assert_array_equal(moved[:, 2:], edge[:, :-2])


def test_who_is_cut_off_by_the_frame_stays_cut_off_there() -> None:
    moved = apply(half_plane(0), Controls(grow=-3))
    assert (moved[:3, :70] == 1).all()
    assert (moved[:, :3] == 1).all()


def test_levels_and_gamma_are_the_formula() -> None:
    alpha = np.linspace(0, 1, 4096, dtype=np.float32).reshape(64, 64)
    found = apply(alpha, Controls(black=0.1, white=0.8, gamma=2.2))
    wanted = np.clip((alpha.astype(np.float64) - 0.1) / 0.7, 0, 1) ** (1 / 2.2)
    # Near the black point the curve is steep, and alpha itself has float32's resolution.
    np.testing.assert_allclose(found, wanted, atol=2e-5)
    # Few values between: another way through the code.
    sparse = np.zeros((300, 300), np.float32)
    sparse[10, 10] = 0.25
    assert apply(sparse, Controls(gamma=2))[10, 10] == pytest.approx(0.5)


def test_soften_keeps_the_sum_and_leaves_what_is_flat_bit_for_bit() -> None:
    plain = disc(60)
    soft = apply(plain, Controls(soften=3))
    assert float(soft.sum(dtype=np.float64)) == pytest.approx(float(plain.sum(dtype=np.float64)), rel=1e-5)
    y, x = np.mgrid[:200, :200] + 0.5
    distance = np.hypot(y - 100, x - 100)
    far = np.abs(distance - 60) > 3 * 3 * math.sqrt(2) + 2
    np.testing.assert_array_equal(soft[far], plain[far])
    # An edge that a Gaussian blurred is the Gaussian's own integral.
    wanted = [0.5 * (1 - math.erf((x + 0.5 - 60) / (3 * math.sqrt(2)))) for x in range(70)]
    np.testing.assert_allclose(soft[100, 100:170], wanted, atol=0.02)


def holed() -> Float:
    """A covered square with holes of 5 and 20 px, a notch open to the outside, and a half-lost patch."""
    alpha = np.zeros((240, 240), np.float32)
    alpha[30:210, 30:210] = 1
    alpha[60:65, 60:65] = 0
    alpha[100:120, 100:120] = 0
    alpha[150:153, 150:210] = 0
    alpha[170:178, 60:68] = 0.6
    return alpha


def test_holes_that_are_small_are_filled_and_gaps_that_are_open_are_not() -> None:
    alpha = holed()
    filled = apply(alpha, Controls(fill_holes=10))
    assert (filled[60:65, 60:65] == 1).all()
    assert (filled[170:178, 60:68] == 1).all()
    wanted = alpha.copy()
    wanted[60:65, 60:65] = wanted[170:178, 60:68] = 1
    np.testing.assert_array_equal(filled, wanted)
    assert (apply(alpha, Controls(fill_holes=21))[100:120, 100:120] == 1).all()
    assert (apply(alpha, Controls(fill_holes=20))[100:120, 100:120] == 0).all()  # a square of 20 px fits in


def test_a_hole_with_a_soft_rim_is_filled_to_the_rims_lowest_place() -> None:
    alpha = np.zeros((128, 128), np.float32)
    alpha[40:90, 40:90] = 0.7
    alpha[60:66, 60:66] = 0.1
    filled = apply(alpha, Controls(fill_holes=8))
    assert (filled[60:66, 60:66] == np.float32(0.7)).all()


def test_a_hole_with_a_long_winding_way_out_stays() -> None:
    alpha = np.ones((300, 300), np.float32)
    alpha[:, :20] = 0
    for row in range(20, 280, 8):  # a way of 2 px, back and forth
        alpha[row : row + 2, 20:280] = 0
        column = 276 if (row // 8) % 2 else 24
        alpha[row : row + 10, column : column + 2] = 0
    np.testing.assert_array_equal(apply(alpha, Controls(fill_holes=6)), alpha)


def test_the_order_is_the_documented_one() -> None:
    alpha = holed()
    garbage, core = np.zeros_like(alpha), np.zeros_like(alpha)
    garbage[:, 120:], core[:40] = 0.5, 0.75
    controls = Controls(black=0.05, white=0.9, gamma=1.5, grow=-1.5, soften=2, fill_holes=12, invert=True)
    steps = [
        Controls(black=0.05, white=0.9),
        Controls(gamma=1.5),
        Controls(grow=-1.5),
        Controls(soften=2),
        Controls(fill_holes=12),
    ]
    step = alpha
    for one in steps:
        step = apply(step, one)
    step = np.maximum(step * (1 - garbage), core)
    np.testing.assert_allclose(apply(alpha, controls, garbage=garbage, core=core), 1 - step, atol=1e-6)
    # Core wins over garbage.
    both = np.ones_like(alpha)
    assert (apply(alpha, garbage=both, core=both) == 1).all()


def test_without_controls_a_matte_is_the_same_array() -> None:
    alpha = half_plane(30)
    assert apply(alpha) is alpha
    assert apply(alpha, Controls()) is alpha
    before = alpha.copy()
    apply(alpha, Controls(black=0.1, gamma=2, grow=1, soften=1, fill_holes=9, invert=True), garbage=alpha)
    np.testing.assert_array_equal(alpha, before)


@pytest.mark.parametrize("shape", [(1, 1), (3, 200), (65, 64), (131, 77)])
def test_any_size(shape: tuple[int, int]) -> None:
    alpha = np.random.default_rng(1).random(shape, np.float32)
    for controls in (Controls(grow=2.3), Controls(grow=-6), Controls(soften=4), Controls(fill_holes=9)):
        found = apply(alpha, controls)
        assert (found.shape, found.dtype) == (shape, np.float32)
        assert found.min() >= 0
        assert found.max() <= 1


def test_tiles_leave_no_seams() -> None:
    # A slow ramp is partial everywhere: a tile that saw another neighbourhood would show.
    ramp = np.tile(np.linspace(0.1, 0.9, 300, dtype=np.float32), (200, 1))
    soft = apply(ramp, Controls(soften=5))
    np.testing.assert_allclose(soft[:, 20:-20], ramp[:, 20:-20], atol=1e-5)
    grown = apply(ramp, Controls(grow=2))
    np.testing.assert_allclose(grown[:, 2:-2], ramp[:, 4:], atol=1e-5)


def test_masks_of_other_types_and_odd_values() -> None:
    alpha = np.full((4, 4), 0.5, np.float32)
    byte = np.full((4, 4, 1), 255, np.uint8)
    assert (apply(alpha, garbage=byte) == 0).all()
    assert (apply(alpha, core=np.ones((4, 4), bool)) == 1).all()
    assert (apply(alpha, core=np.full((4, 4), np.nan)) == alpha).all()
    with pytest.raises(ControlError, match="garbage matte is"):
        apply(alpha, garbage=np.zeros((5, 4)))


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"black": 0.5, "white": 0.5}, "black point"),
        ({"white": 1.5}, "black point"),
        ({"gamma": 0}, "gamma"),
        ({"gamma": math.nan}, "gamma"),
        ({"grow": 1000}, "grow"),
        ({"soften": -1}, "soften"),
        ({"fill_holes": 1e9}, "fill_holes"),
        ({"black": "0.2"}, "black"),
    ],
)
def test_what_means_nothing_is_refused_by_name(settings: dict[str, float], word: str) -> None:
    with pytest.raises(ControlError, match=word):
        Controls(**settings)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.bool_, np.float16, np.float64, ">u2", ">f4"])
def test_a_matte_of_any_type_is_float32_before_anything_is_done(dtype: str) -> None:
    alpha = disc(60)
    given = (
        alpha
        if np.dtype(dtype).kind == "f"
        else np.rint(alpha * np.iinfo(dtype).max if dtype != np.bool_ else alpha)
    )
    given = given.astype(dtype)
    before = given.copy()
    for controls in (None, Controls(invert=True), Controls(soften=2), Controls(grow=1.5), Controls(gamma=2)):
        found = apply(given, controls)
        assert found.dtype == np.float32
        wanted = apply(np.rint(alpha) if dtype == np.bool_ else alpha, controls)
        np.testing.assert_allclose(found, wanted, atol=0.02)
    np.testing.assert_array_equal(given, before)


@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint32, np.int8])
def test_integers_without_an_agreed_white_are_refused(dtype: type) -> None:
    alpha, whole = np.full((4, 4), 0.5, np.float32), np.ones((4, 4), dtype)
    for given in ({"garbage": whole}, {"core": whole}):
        with pytest.raises(ControlError, match=f"the {next(iter(given))} matte holds .*no agreed white"):
            apply(alpha, **given)
    with pytest.raises(ControlError, match="the matte holds"):
        apply(whole)
    with pytest.raises(ControlError, match="not numbers"):
        apply(alpha, core=np.full((4, 4), "1"))
