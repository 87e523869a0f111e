"""Plates come in as the file means them, and what is no plate is an error that names the file."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest

from flyaway import EncodingUnknownError, ReadError
from flyaway.frames import read_plate
from flyaway.frames.library import MAX_PIXELS
from flyaway.frames.read import Window

RED = np.float32([[[0.5, 0.25, 0.125]]]).repeat(40, 0).repeat(48, 1)


@pytest.mark.parametrize(
    ("name", "channel_type", "space"),
    [
        ("p.png", "uint8", "srgb"), ("p.png", "uint16", "srgb"), ("p.jpg", "uint8", "srgb"),
        ("p.webp", "uint8", "srgb"), ("p.tif", "uint8", "srgb"), ("p.tif", "uint16", "srgb"),
        ("p.tif", "float", "linear"), ("p.bmp", "uint8", "srgb"), ("p.tga", "uint8", "srgb"),
        ("p.hdr", "float", "linear"), ("p.exr", "half", "linear"), ("p.exr", "float", "linear"),
    ],
)  # fmt: skip
def test_each_format_has_its_encoding(tmp_path, write_plate, name, channel_type, space):
    plate = read_plate(write_plate(tmp_path / name, RED, channel_type))
    assert plate.space == space
    assert plate.pixels.dtype == np.float32
    tolerance = 0.02 if name.endswith(("jpg", "webp")) else 1 / 255
    np.testing.assert_allclose(plate.pixels, RED, atol=tolerance)
    pixels, encoding = plate.for_matting()
    assert encoding == space
    assert pixels is plate.pixels


@pytest.mark.parametrize("transfer", ["Undefined", "Logarithmic", "Printing density", "User defined"])
def test_a_dpx_that_does_not_say_its_encoding_names_the_option(tmp_path, write_plate, transfer):
    path = write_plate(tmp_path / "p.dpx", RED, "uint16", metadata={"dpx:Transfer": transfer})
    with pytest.raises(EncodingUnknownError, match="--in-space") as caught:
        read_plate(path, frame=7)
    assert (caught.value.path, caught.value.frame) == (path, 7)
    assert read_plate(path, in_space="srgb").space == "srgb"


@pytest.mark.parametrize(("transfer", "space"), [("Linear", "linear"), ("ITU-R 709-4", "srgb")])
def test_a_dpx_that_says_its_encoding_is_believed(tmp_path, write_plate, transfer, space):
    path = write_plate(tmp_path / "p.dpx", RED, "uint16", metadata={"dpx:Transfer": transfer})
    assert read_plate(path).space == space


def test_an_ocio_space_reaches_the_network_as_light(tmp_path, write_plate):
    # ACEScct of 18 % grey is 0.4135884 (S-2016-001).
    grey = np.full((8, 8, 3), 0.4135884, np.float32)
    path = write_plate(tmp_path / "p.exr", grey, "float")
    pixels, encoding = read_plate(path, in_space="ACEScct").for_matting()
    assert encoding == "linear"
    np.testing.assert_allclose(pixels, 0.18, atol=1e-4)


def test_a_cameras_log_space_is_known_without_any_configuration(tmp_path, write_plate):
    # ARRI LogC4 puts 18 % grey at code 0.2783958.
    grey = np.full((8, 8, 3), 0.2783958, np.float32)
    path = write_plate(tmp_path / "p.dpx", grey, "uint16", metadata={"dpx:Transfer": "Logarithmic"})
    pixels, encoding = read_plate(path, in_space="ARRI LogC4").for_matting()
    assert encoding == "linear"
    np.testing.assert_allclose(pixels, 0.18, atol=2e-3)


def test_an_unknown_space_is_named(tmp_path, write_plate):
    path = write_plate(tmp_path / "p.exr", RED)
    with pytest.raises(EncodingUnknownError, match="No colour space 'ACEScgg'"):
        read_plate(path, in_space="ACEScgg")


def test_an_exr_that_says_its_space_or_primaries_is_believed(tmp_path, write_plate):
    tagged = write_plate(tmp_path / "a.exr", RED, metadata={"oiio:ColorSpace": "lin_ap1_scene"})
    ap0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
    primaries = write_plate(tmp_path / "b.exr", RED, metadata={"chromaticities": ("float[8]", ap0)})
    assert read_plate(tagged).space == "lin_ap1_scene"
    assert read_plate(primaries).space == "lin_ap0_scene"
    pixels, encoding = read_plate(tagged).for_matting()
    assert encoding == "linear"
    # Red in AP1 is more than red in Rec.709.
    assert pixels[0, 0, 0] > 0.5


def test_premultiplied_exr_colour_is_divided_by_its_alpha(tmp_path, write_plate):
    alpha = np.linspace(0, 1, 48, dtype=np.float32)[None, :, None].repeat(40, 0)
    plate = read_plate(write_plate(tmp_path / "p.exr", np.concatenate([RED * alpha, alpha], -1), "float"))
    assert plate.premultiplied
    np.testing.assert_allclose(plate.pixels[:, 1:], RED[:, 1:], rtol=1e-5)
    np.testing.assert_allclose(plate.alpha, alpha[..., 0])
    assert (plate.pixels[:, 0] == 0).all()


@pytest.mark.parametrize("name", ["p.png", "p.tif"])
def test_straight_colour_stays_under_zero_alpha(tmp_path, write_plate, name):
    alpha = np.zeros((40, 48, 1), np.float32)
    plate = read_plate(write_plate(tmp_path / name, np.concatenate([RED, alpha], -1), "uint8"))
    assert not plate.premultiplied
    np.testing.assert_allclose(plate.pixels, RED, atol=1 / 255)


def test_a_grey_plate_stands_for_all_three_channels(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.exr", RED[..., :1], channels=("Y",)))
    assert plate.pixels.shape == (40, 48, 3)
    assert any("grey" in note for note in plate.notes)
    np.testing.assert_array_equal(plate.pixels[..., 0], plate.pixels[..., 2])


def test_colour_in_a_layer_is_found(tmp_path, write_plate):
    names = ("beauty.R", "beauty.G", "beauty.B", "Z")
    plate = read_plate(
        write_plate(tmp_path / "p.exr", np.concatenate([RED, RED[..., :1]], -1), channels=names)
    )
    np.testing.assert_allclose(plate.pixels, RED, atol=1e-3)
    assert any("beauty" in note for note in plate.notes)


def test_a_file_without_colour_is_refused(tmp_path, write_plate):
    path = write_plate(tmp_path / "p.exr", RED[..., :1], channels=("Z",))
    with pytest.raises(ReadError, match="no red, green and blue"):
        read_plate(path)


def test_windows_come_along(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.exr", RED, window=(-4, 6), display=(0, 0, 64, 32)))
    assert plate.data_window == Window(-4, 6, 48, 40)
    assert plate.display_window == Window(0, 0, 64, 32)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_turned_upright(tmp_path, write_plate, orientation):
    upright = np.zeros((40, 48, 3), np.uint8)
    upright[:20, :24] = 255  # bright top left, so that every turn differs
    upright[:20, 24:] = 128
    turns = {
        1: lambda p: p, 2: lambda p: p[:, ::-1], 3: lambda p: p[::-1, ::-1], 4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1), 6: lambda p: np.rot90(p, 1),
        7: lambda p: np.rot90(p.swapaxes(0, 1), 2), 8: lambda p: np.rot90(p, -1),
    }  # fmt: skip
    stored = np.ascontiguousarray(turns[orientation](upright))
    plate = read_plate(
        write_plate(tmp_path / "p.tif", stored, "uint8", metadata={"Orientation": orientation})
    )
    np.testing.assert_array_equal(plate.pixels, upright.astype(np.float32) / 255)
    assert (plate.data_window.width, plate.data_window.height) == (48, 40)


@pytest.mark.parametrize("name", ["p.exr", "p.png", "p.jpg", "p.tif", "p.webp", "p.dpx"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95])
def test_a_truncated_file_is_a_named_error(tmp_path, write_plate, astronaut, name, share):
    channel_type = "half" if name.endswith("exr") else "uint8"
    metadata = {"dpx:Transfer": "Linear"} if name.endswith("dpx") else {}
    path = write_plate(tmp_path / name, astronaut, channel_type, metadata=metadata)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ReadError) as caught:
        read_plate(path)
    assert caught.value.path == path


@pytest.mark.parametrize("name", ["p.exr", "p.png", "p.jpg", "p.tif", "p.webp", "p.dpx", "p.hdr"])
def test_garbage_is_a_named_error(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(np.random.default_rng(0).bytes(4096))
    with pytest.raises(ReadError, match=r"p\."):
        read_plate(path)


def test_a_file_that_is_not_there_is_a_read_error(tmp_path):
    with pytest.raises(ReadError, match="no such file"):
        read_plate(tmp_path / "p.exr", frame=3)


def test_a_deep_exr_is_refused_by_name(tmp_path):
    path = tmp_path / "deep.exr"
    spec = oiio.ImageSpec(8, 8, 4, "float")
    spec.deep = True
    samples = oiio.DeepData()
    samples.init(64, 4, [oiio.TypeFloat] * 4, ("R", "G", "B", "A"))
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), spec)
    assert target.write_deep_image(samples)
    assert target.close()
    with pytest.raises(ReadError, match="deep"):
        read_plate(path)


def test_several_parts_give_the_first_and_say_so(tmp_path):
    path = tmp_path / "parts.exr"
    beauty, mask = oiio.ImageSpec(48, 40, 3, "half"), oiio.ImageSpec(48, 40, 3, "half")
    beauty.attribute("oiio:subimagename", "beauty")
    mask.attribute("oiio:subimagename", "other")
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), (beauty, mask))
    assert target.write_image(RED)
    assert target.open(str(path), mask, "AppendSubimage")
    assert target.write_image(RED * 0)
    assert target.close()
    plate = read_plate(path)
    np.testing.assert_allclose(plate.pixels, RED, atol=1e-3)
    assert any("several parts" in note for note in plate.notes)


def test_a_header_that_promises_too_much_is_refused_before_it_is_read(tmp_path, write_plate):
    # A valid PNG header of 60000×60000 with nothing behind it.
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 60_000
    assert side * side > MAX_PIXELS
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )
    with pytest.raises(ReadError):
        read_plate(path)


def test_values_beyond_one_are_kept(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.exr", RED * 40, "half"))
    assert float(plate.pixels.max()) == pytest.approx(20)


def test_pixels_that_are_no_numbers_are_counted_and_a_plate_of_them_refused(tmp_path, write_plate):
    pixels = np.full((40, 40, 3), 0.5, np.float32)
    pixels[0, :7] = np.nan, 0.5, np.inf
    plate = read_plate(write_plate(tmp_path / "some.exr", pixels))
    assert "7 pixels are NaN or infinite" in plate.notes
    with pytest.raises(ReadError, match="every pixel"):
        read_plate(write_plate(tmp_path / "all.exr", np.full((40, 40, 3), np.nan, np.float32)))
