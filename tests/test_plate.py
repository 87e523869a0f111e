"""Any array becomes a plate, or an error that says what to do; the caller's array stays the caller's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from flyaway import BadPlateError
from flyaway.plate import BAND, LARGEST_SIDE, as_display, as_engine_view, linear_to_display
from flyaway.regions.numpy_backend import refiner_inputs
from flyaway.resample import resize

SIDE = 32


def curve(x: np.ndarray) -> np.ndarray:
    """The sRGB curve as IEC 61966-2-1 writes it, in float64."""
    x = np.clip(np.asarray(x, np.float64), 0, 1)
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape, np.float32)


def check(display: np.ndarray, plate: np.ndarray) -> None:
    """What holds of every result."""
    assert display.shape == (*plate.shape[:2], 3)
    assert display.dtype == np.float32
    assert display.dtype.isnative
    assert display.flags.c_contiguous
    assert display.flags.writeable
    assert not np.shares_memory(display, plate)
    assert display.min() >= 0
    assert display.max() <= 1  # false for NaN too


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1)])
def test_grey_is_repeated(shape):
    plate = noise(*shape)
    display = as_display(plate)
    check(display, plate)
    assert np.array_equal(display, np.repeat(plate.reshape(40, 50, 1), 3, 2))


def test_the_alpha_of_a_straight_plate_changes_nothing():
    plate = noise(40, 50, 4)
    check(as_display(plate), plate)
    assert np.array_equal(as_display(plate), plate[..., :3])


def test_premultiplied_colour_is_divided_by_its_alpha():
    colour, alpha = noise(40, 50, 3), noise(40, 50, 1) + 1e-3
    alpha[3:6] = 1e-12  # hardly any coverage is still some
    alpha[6:9] = 1.25  # and renderers overshoot
    display = as_display(np.concatenate((colour * alpha, alpha), 2), premultiplied=True)
    np.testing.assert_allclose(display, colour, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.0, -1.0, np.nan, -np.inf])
def test_a_pixel_without_coverage_is_black(alpha):
    plate = noise(40, 50, 4)
    plate[..., 3] = alpha
    assert not as_display(plate, premultiplied=True).any()


@pytest.mark.parametrize("encoding", ["srgb", "linear"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e38, -1e38, 1e-45])
def test_wild_values_of_premultiplied_plates_stay_in_range(bad, encoding):
    for channel in range(4):
        plate = noise(40, 50, 4)
        plate[::2, :, channel] = bad
        check(as_display(plate, encoding, premultiplied=True), plate)
    plate[...] = bad
    check(as_display(plate, encoding, premultiplied=True), plate)


@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1), (40, 50, 3)])
def test_premultiplied_without_an_alpha_names_the_remedy(shape):
    with pytest.raises(BadPlateError, match="pass H×W×4, or premultiplied=False"):
        as_display(noise(*shape), premultiplied=True)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i1", "i2"])
def test_integers_are_scaled_by_the_maximum_of_their_type(dtype):
    most = np.iinfo(dtype).max
    plate = np.zeros((SIDE, SIDE, 3), dtype)
    plate[0], plate[1], plate[2] = most, most // 2, np.iinfo(dtype).min
    display = as_display(plate)
    check(display, plate)
    assert (display[0] == 1).all()
    np.testing.assert_allclose(display[1], (most // 2) / most, atol=1e-6)
    assert (display[2:] == 0).all()


@pytest.mark.parametrize("plate", [noise(40, 50, 3).astype(np.int64), [[[255] * 3] * 40] * 40])
def test_64_bit_integers_have_no_agreed_white(plate):
    with pytest.raises(BadPlateError, match="uint8"):
        as_display(plate)


def test_bool_is_black_and_white():
    plate = noise(SIDE, SIDE) < 0.5
    assert np.array_equal(as_display(plate)[..., 1], plate.astype(np.float32))


@pytest.mark.parametrize(
    ("dtype", "bound"), [(np.float16, 1e-3), (np.float32, 0), (np.float64, 1e-7), (np.longdouble, 1e-7)]
)
def test_floats_are_taken_as_they_are(dtype, bound):
    plate = noise(SIDE, SIDE, 3)
    display = as_display(plate.astype(dtype))
    check(display, plate)
    np.testing.assert_allclose(display, plate, atol=bound)


@pytest.mark.parametrize("encoding", ["srgb", "linear"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_what_is_no_colour_has_a_defined_result(dtype, encoding):
    plate = np.full((SIDE, SIDE, 3), 0.25, dtype)
    values = [(np.nan, 0), (np.inf, 1), (-np.inf, 0), (-0.5, 0), (7, 1), (0, 0), (1, 1)]
    if dtype is np.float64:
        values += [(1e300, 1), (-1e300, 0), (5e-324, 0)]
    for row, (value, _) in enumerate(values):
        plate[row] = value
    display = as_display(plate, encoding)
    check(display, plate)
    for row, (_, expected) in enumerate(values):
        np.testing.assert_allclose(display[row], expected, atol=1e-6)
    np.testing.assert_allclose(
        display[len(values) :], curve(0.25) if encoding == "linear" else 0.25, atol=1e-6
    )


def test_the_linear_curve_is_the_standard_one():
    x = np.concatenate(([0, 0.0031307, 0.0031308, 0.0031309, 1], np.geomspace(1e-8, 1, 100_000)))
    result = linear_to_display(x.astype(np.float32))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, curve(x), atol=1e-6)
    assert (np.diff(result[5:]) >= 0).all()


@pytest.mark.parametrize("encoding", ["srgb", "linear"])
def test_layout_in_memory_makes_no_difference(encoding):
    plain = noise(45, 60, 3)
    expected = as_display(plain, encoding)
    spaced = np.zeros((90, 120, 6), np.float32)[::2, ::2, ::2]
    spaced[...] = plain
    layouts = [
        spaced,
        plain[::-1].copy()[::-1],
        np.asfortranarray(plain),
        plain.transpose(2, 0, 1).copy().transpose(1, 2, 0),
        plain.astype(plain.dtype.newbyteorder("S")),
        np.frombuffer(plain.tobytes(), np.float32).reshape(plain.shape),  # read-only
        np.frombuffer(b"x" + plain.tobytes(), np.uint8)[1:]
        .view(np.float32)
        .reshape(plain.shape),  # unaligned
    ]
    for layout in layouts:
        check(as_display(layout, encoding), layout)
        assert np.array_equal(as_display(layout, encoding), expected)


@pytest.mark.parametrize("dtype", [">u2", "<u2", ">i2", ">f2", ">f8"])
def test_byte_swapped_types(dtype):
    plate = (noise(SIDE, SIDE, 3) * (1000 if "f" not in dtype else 1)).astype(dtype)
    assert np.array_equal(as_display(plate), as_display(plate.astype(plate.dtype.newbyteorder("="))))


def test_what_numpy_makes_an_array_of_is_a_plate():
    rows = noise(SIDE, SIDE, 3).tolist()
    assert np.array_equal(as_display(rows), as_display(np.array(rows)))


def test_a_torch_tensor_is_a_plate_unless_torch_refuses():
    torch = pytest.importorskip("torch")
    plate = noise(SIDE, SIDE, 3)
    assert np.array_equal(as_display(torch.from_numpy(plate)), plate)
    with pytest.raises(BadPlateError, match="requires grad"):
        as_display(torch.zeros(SIDE, SIDE, 3, requires_grad=True))


@pytest.mark.parametrize(
    ("plate", "remedy"),
    [
        (None, "holds numbers"),
        ("plate.png", "holds numbers"),
        (3.0, "H×W×3"),
        ([[1, 2], [3]], "must be an array"),
        (np.zeros((64, 64), object), "holds numbers"),
        (np.zeros((64, 64), "U3"), "holds numbers"),
        (np.zeros((64, 64), "S3"), "holds numbers"),
        (np.zeros((64, 64), complex), "holds numbers"),
        (np.zeros((64, 64), "M8[s]"), "holds numbers"),
        (np.zeros((64, 64), [("r", "f4"), ("g", "f4")]), "holds numbers"),
        (np.zeros(64), "H×W×3"),
        (np.zeros((3, 64, 64)), "move the channels last"),
        (np.zeros((64, 64, 2)), "H×W×3"),
        (np.zeros((64, 64, 5)), "H×W×3"),
        (np.zeros((64, 64, 0)), "H×W×3"),
        (np.zeros((2, 64, 64, 3)), "one picture at a time"),
        (np.zeros((0, 0, 3)), "32 px a side is the least"),
        (np.zeros((0, 64)), "32 px a side is the least"),
        (np.zeros((64, 31, 3)), "31×64 px is too small"),
        (np.zeros((31, 64)), "64×31 px is too small"),
        (np.broadcast_to(np.float32(0), (LARGEST_SIDE + 1, 32, 3)), f"{LARGEST_SIDE} px a side is the most"),
        (np.broadcast_to(np.float32(0), (32, LARGEST_SIDE + 1)), f"{LARGEST_SIDE} px a side is the most"),
    ],
)
def test_what_is_no_plate_is_refused_with_a_remedy(plate, remedy):
    with pytest.raises(BadPlateError, match=remedy):
        as_display(plate)


def test_a_bad_plate_is_a_value_error_too():
    with pytest.raises(ValueError, match="too small"):
        as_display(np.zeros((1, 1, 3)))


@pytest.mark.parametrize("encoding", ["", "sRGB", "acescg", None, 1])
def test_an_encoding_that_is_not_known_lists_those_that_are(encoding):
    with pytest.raises(BadPlateError, match="use one of srgb, linear"):
        as_display(np.zeros((64, 64, 3)), encoding)


def test_the_sides_allowed_are_allowed():
    assert as_display(np.zeros((32, 32), np.uint8)).shape == (32, 32, 3)
    assert as_display(np.broadcast_to(np.uint8(0), (32, LARGEST_SIDE))).shape == (32, LARGEST_SIDE, 3)


def test_a_plate_of_many_bands_equals_its_parts():
    width = BAND // 10 + 1
    plate = noise(64, width, 3)
    parts = [as_display(plate[i : i + 32], "linear") for i in (0, 32)]
    assert np.array_equal(as_display(plate, "linear"), np.concatenate(parts))


PLATES = st.tuples(
    st.sampled_from(["?", "u1", "u2", "u4", "i1", "i2", "f2", "f4", "f8", ">u2", ">f4"]),
    st.sampled_from([(), (1,), (3,), (4,)]),
    st.integers(32, 40),
    st.integers(32, 40),
).flatmap(lambda t: hnp.arrays(np.dtype(t[0]), (t[2], t[3], *t[1])))


@settings(deadline=None, max_examples=100)
@given(plate=PLATES, encoding=st.sampled_from(["srgb", "linear"]), premultiplied=st.booleans())
def test_every_plate_has_a_result_and_is_left_alone(plate, encoding, premultiplied):
    premultiplied &= plate.shape[2:] == (4,)
    before = plate.tobytes()
    plate.flags.writeable = False
    display = as_display(plate, encoding, premultiplied)
    check(display, plate)
    assert plate.tobytes() == before
    assert np.array_equal(display, as_display(plate, encoding, premultiplied))


@settings(deadline=None)
@given(hnp.arrays(np.float32, (32, 33, 3), elements=st.floats(0, 1, width=32)))
def test_a_display_referred_plate_in_range_is_unchanged(plate):
    assert np.array_equal(as_display(plate), plate)
    np.testing.assert_allclose(as_display(plate, "linear"), curve(plate), atol=1e-6)


@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "<u4"])
@pytest.mark.parametrize("shape", [(40, 50), (40, 50, 1), (40, 50, 3), (40, 50, 4), (200, 700, 3)])
def test_unsigned_integers_are_divided_in_one_pass_to_the_same_bit(dtype, shape):
    plate = np.random.default_rng(1).integers(0, np.iinfo(dtype).max, shape, np.uint64).astype(dtype)
    display = as_display(plate)
    check(display, plate)
    colour = plate.reshape(*shape[:2], -1)[..., :3]
    expected = colour.astype(np.float32) / np.float32(np.iinfo(dtype).max)
    assert np.array_equal(display, np.broadcast_to(expected, display.shape))


def test_memory_that_is_there_is_used_where_it_fits():
    into = np.empty((40, 50, 3), np.float32)
    for plate in (noise(40, 50, 3), np.full((40, 50, 3), 7, np.uint8)):
        assert as_display(plate, into=into) is into
        assert np.array_equal(into, as_display(plate))
    assert as_display(noise(40, 51, 3), into=into) is not into


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.dtype(">u2")])
def test_integers_are_looked_at_where_they_lie_and_count_as_their_float(kind):
    """No copy of a plate as a file holds it; resized or cut out, it is what the conversion would be."""
    plate = np.random.default_rng(5).integers(0, np.iinfo(np.dtype(kind)).max, (70, 90, 4)).astype(kind)
    viewed, display = as_engine_view(plate), as_display(plate)
    assert viewed.shape == display.shape
    assert np.shares_memory(viewed, plate) == np.dtype(kind).isnative
    assert np.array_equal(resize(viewed, 40, 33), resize(display, 40, 33))
    positions = np.array([[0, 0], [1, 2]])
    inputs = [refiner_inputs(x, np.ones((2, 8, 9), np.float32), positions, 32, 4) for x in (viewed, display)]
    assert np.array_equal(*inputs)


@pytest.mark.parametrize("encoding", ["srgb", "linear"])
def test_what_needs_conversion_is_converted(encoding):
    grey = np.full((40, 50), 7, np.uint8)
    bits = np.ones((40, 50, 3), bool)
    wide = np.full((40, 50, 3), 1 << 20, np.uint32)
    for plate in (grey, bits, wide, np.ones((40, 50, 3), np.float32)):
        assert np.array_equal(as_engine_view(plate, encoding), as_display(plate, encoding))
        assert as_engine_view(plate, encoding).dtype == np.float32


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint64", ">i4"])
def test_bytes_in_wide_integers_are_refused_with_a_remedy(dtype):
    plate = np.full((40, 50, 3), 200, dtype)
    for take in (as_engine_view, as_display):
        with pytest.raises(BadPlateError, match="no agreed white: convert the plate to uint8"):
            take(plate)
