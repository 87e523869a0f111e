"""Mattes go out whole, with the plate's windows and metadata, or not at all."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import OpenImageIO as oiio
import pytest

from flyaway import ReadError, UsageError, WriteError
from flyaway.color import srgb_to_linear
from flyaway.errors import OtherKindError
from flyaway.frames import WriteOptions, read_plate, write_matte
from flyaway.frames.atomic import Disk
from flyaway.frames.existing import check_existing
from flyaway.frames.write import store_matte, target_suffix

COLOUR = np.random.default_rng(3).random((40, 48, 3), np.float32)
ALPHA = np.linspace(0, 1, 40 * 48, dtype=np.float32).reshape(40, 48)


def read(path):
    """(spec, H×W×C float32) as the file has it."""
    config = oiio.ImageSpec()
    config["oiio:UnassociatedAlpha"] = 1
    source = oiio.ImageInput.open(str(path), config)
    spec = source.spec()
    pixels = source.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT)
    source.close()
    return spec, pixels


@pytest.fixture
def exr_plate(tmp_path, write_plate):
    metadata = {
        "PixelAspectRatio": 2.0,
        "smpte:TimeCode": ("timecode", (18356486, 4294967295)),
        "FramesPerSecond": ("rational", (24000, 1001)),
        "worldToCamera": ("matrix", tuple(float(n) for n in range(16))),
        "camera": "A-camera",
        "chromaticities": ("float[8]", (0.64, 0.33, 0.3, 0.6, 0.15, 0.06, 0.3127, 0.329)),
    }
    path = write_plate(
        tmp_path / "plate.exr", COLOUR * 8, metadata=metadata, window=(-4, 6), display=(0, 0, 64, 32)
    )
    return read_plate(path)


def test_an_exr_matte_keeps_windows_and_metadata(tmp_path, exr_plate):
    path = tmp_path / "out" / "matte.exr"
    assert write_matte(path, ALPHA, exr_plate, provenance={"model": "fast"}) == ()
    spec, pixels = read(path)
    assert (spec.x, spec.y, spec.width, spec.height) == (-4, 6, 48, 40)
    assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (0, 0, 64, 32)
    assert (tuple(spec.channelnames), str(spec.format)) == (("A",), "half")
    assert spec.get("compression") == "zip"
    assert spec.get("PixelAspectRatio") == 2.0
    for name in ("smpte:TimeCode", "FramesPerSecond", "worldToCamera", "camera"):
        assert spec.get(name) == exr_plate.spec.get(name)
    assert spec.get("chromaticities") is None
    assert spec.get("flyaway:model") == "fast"
    np.testing.assert_allclose(pixels[..., 0], ALPHA, atol=2**-11)
    assert [item.name for item in path.parent.iterdir()] == ["matte.exr"]


def test_the_matte_channel_can_be_named(tmp_path, exr_plate):
    write_matte(tmp_path / "m.exr", ALPHA, exr_plate, WriteOptions(channel="matte.a"))
    assert tuple(read(tmp_path / "m.exr")[0].channelnames) == ("matte.a",)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channel_type", ["uint8", "uint16"])
def test_an_integer_plate_gives_sixteen_bits_of_linear_coverage(tmp_path, write_plate, suffix, channel_type):
    plate = read_plate(write_plate(tmp_path / f"p{suffix}", COLOUR, channel_type))
    path = tmp_path / f"m{suffix}"
    write_matte(path, ALPHA, plate)
    spec, pixels = read(path)
    assert (spec.nchannels, str(spec.format)) == (1, "uint16")
    # No curve: the code is the coverage.
    np.testing.assert_array_equal(np.rint(pixels[..., 0] * 65535), np.rint(ALPHA * 65535))
    if suffix == ".png":
        assert spec.get("oiio:ColorSpace") == "lin_rec709_scene"
        assert spec.get("flyaway:encoding") == "linear coverage"


def test_a_float_tiff_gives_a_float_matte(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.tif", COLOUR, "float"))
    write_matte(tmp_path / "m.tif", ALPHA, plate)
    spec, pixels = read(tmp_path / "m.tif")
    assert str(spec.format) == "float"
    np.testing.assert_array_equal(pixels[..., 0], ALPHA)


def test_windows_that_a_format_cannot_say_are_said(tmp_path, exr_plate):
    notes = write_matte(tmp_path / "m.png", ALPHA, exr_plate)
    assert any("window" in note for note in notes)


@pytest.mark.parametrize("premultiplied", [None, True, False])
def test_rgba_exr_keeps_values_beyond_one(tmp_path, exr_plate, premultiplied):
    path = tmp_path / "m.exr"
    write_matte(path, ALPHA, exr_plate, WriteOptions("rgba", premultiplied, edge_colour="plate"))
    spec, pixels = read(path)
    assert tuple(spec.channelnames) == ("R", "G", "B", "A")
    factor = 1 if premultiplied is False else ALPHA[..., None]
    np.testing.assert_allclose(pixels[..., :3], exr_plate.pixels * factor, rtol=2**-10, atol=1e-6)
    np.testing.assert_allclose(pixels[..., 3], ALPHA, atol=2**-11)
    assert pixels.max() > 4
    assert spec.get("flyaway:colour") == ("straight" if premultiplied is False else "premultiplied")


def test_rgba_says_which_channels_stay_behind(tmp_path, write_plate):
    pixels = np.concatenate([COLOUR, ALPHA[..., None]], -1)
    path = write_plate(tmp_path / "plate.exr", pixels, channels=("R", "G", "B", "depth.Z"))
    options = WriteOptions(output="rgba")
    notes = write_matte(tmp_path / "out.exr", ALPHA, read_plate(path), options)
    assert any("depth.Z" in note for note in notes)


def test_rgba_png_is_straight_and_exact(tmp_path, write_plate, astronaut):
    plate = read_plate(write_plate(tmp_path / "p.png", astronaut, "uint8"))
    alpha = np.tile(np.linspace(0, 1, 512, dtype=np.float32), (512, 1))
    write_matte(tmp_path / "m.png", alpha, plate, WriteOptions("rgba", edge_colour="plate"))
    _, pixels = read(tmp_path / "m.png")
    np.testing.assert_array_equal(np.rint(pixels[..., :3] * 255), astronaut)
    np.testing.assert_allclose(pixels[..., 3], alpha, atol=1 / 65535)


def test_premultiplied_png_is_refused(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.png", COLOUR, "uint8"))
    with pytest.raises(UsageError, match="straight by definition"):
        write_matte(tmp_path / "m.png", ALPHA, plate, WriteOptions("rgba", premultiplied=True))
    assert not (tmp_path / "m.png").exists()


@pytest.mark.parametrize("premultiplied", [True, False])
def test_rgba_tiff_says_whether_it_is_premultiplied(tmp_path, write_plate, premultiplied):
    plate = read_plate(write_plate(tmp_path / "p.tif", COLOUR, "uint16"))
    write_matte(tmp_path / "m.tif", ALPHA, plate, WriteOptions("rgba", premultiplied, edge_colour="plate"))
    again = read_plate(tmp_path / "m.tif")
    assert again.premultiplied is premultiplied
    solid = ALPHA > 0.1
    np.testing.assert_allclose(again.pixels[solid], plate.pixels[solid], atol=2e-4)


def test_a_photograph_becomes_scene_linear_in_an_exr(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.png", COLOUR, "uint16"))
    write_matte(
        tmp_path / "m.exr", ALPHA, plate, WriteOptions("rgba", premultiplied=False, edge_colour="plate")
    )
    _, pixels = read(tmp_path / "m.exr")
    np.testing.assert_allclose(pixels[..., :3], srgb_to_linear(plate.pixels), rtol=2**-10, atol=1e-6)


def test_colour_that_integers_cannot_hold_is_said(tmp_path, exr_plate):
    notes = write_matte(tmp_path / "m.png", ALPHA, exr_plate, WriteOptions("rgba"))
    assert any("clipped" in note for note in notes)


@pytest.mark.parametrize("depth", ["half", "float"])
def test_colour_that_a_half_cannot_hold_is_said(tmp_path, write_plate, depth):
    bright = COLOUR.copy()
    bright[3, 4] = 2e5
    plate = read_plate(write_plate(tmp_path / "plate.exr", bright, "float"))
    options = WriteOptions("rgba", depth=depth, edge_colour="plate")
    notes = write_matte(tmp_path / "m.exr", np.ones_like(ALPHA), plate, options)
    assert any("65504" in note for note in notes) == (depth == "half")
    _, pixels = read(tmp_path / "m.exr")
    assert pixels[..., :3].max() == (65504 if depth == "half" else 2e5)


def test_a_lossy_target_is_refused(tmp_path, exr_plate):
    with pytest.raises(WriteError, match=r"\.exr, \.png or \.tif"):
        write_matte(tmp_path / "m.jpg", ALPHA, exr_plate)


def test_a_matte_of_another_size_is_refused(tmp_path, exr_plate):
    with pytest.raises(WriteError):
        write_matte(tmp_path / "m.exr", ALPHA[:-1], exr_plate)


def test_a_full_disk_leaves_an_error_and_nothing_else(tmp_path, write_plate):
    """A real one for the process that writes: the system refuses to let its files grow."""
    plate = write_plate(tmp_path / "p.png", COLOUR.repeat(8, 0).repeat(8, 1), "uint16")
    code = f"""
        import resource, signal
        import numpy as np
        from flyaway import WriteError
        from flyaway.frames import read_plate, write_matte
        plate = read_plate({str(plate)!r})
        alpha = np.random.default_rng(0).random(plate.pixels.shape[:2], np.float32)
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
        for suffix in ("exr", "png", "tif"):
            try:
                write_matte({str(tmp_path / "out")!r} + "/m." + suffix, alpha, plate)
            except WriteError as error:
                print(error)
    """
    assert resource.RLIMIT_FSIZE is not None
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == 3, done.stdout + done.stderr
    assert list((tmp_path / "out").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path, exr_plate):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(WriteError):
        write_matte(tmp_path / "file" / "m.exr", ALPHA, exr_plate)


def test_an_earlier_matte_stays_when_the_new_one_fails(tmp_path, exr_plate, monkeypatch):
    path = tmp_path / "m.exr"
    write_matte(path, ALPHA, exr_plate)
    before = path.read_bytes()

    def fail(self: os.PathLike, target: os.PathLike) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.replace", fail)
    with pytest.raises(WriteError, match="Permission denied"):
        write_matte(path, 1 - ALPHA, exr_plate)
    assert path.read_bytes() == before
    assert sorted(item.name for item in tmp_path.iterdir()) == ["m.exr", "plate.exr"]


@pytest.mark.parametrize(
    ("header", "after"),
    [
        (b"displayWindow\0box2i\0\x10\0\0\0", 0),
        (b"displayWindow\0box2i\0\x10\0\0\0", 8),
        (b"channels\0chlist\0\x13\0\0\0", 0),
    ],
)
def test_a_bit_that_rots_in_a_window_or_a_name_is_found(tmp_path, exr_plate, header, after):
    class Rotting(Disk):
        def image_output(self, path):
            real = super().image_output(path)

            class Output:
                open, write_image, geterror = real.open, real.write_image, real.geterror

                def close(self):
                    closed = real.close()
                    data = bytearray(path.read_bytes())
                    data[data.index(header) + len(header) + after] ^= 4
                    path.write_bytes(data)
                    return closed

            return Output()

    with pytest.raises(WriteError, match="read back"):
        store_matte(tmp_path / "m.exr", ALPHA, exr_plate, disk=Rotting())
    assert not (tmp_path / "m.exr").exists()


def test_existing_mattes_are_believed_only_when_whole(tmp_path, exr_plate):
    path = tmp_path / "m.exr"
    write_matte(path, ALPHA, exr_plate)
    check_existing(path, exr_plate.spec, WriteOptions())
    with pytest.raises(OtherKindError, match="1 channels where rgba has 4"):
        check_existing(path, exr_plate.spec, WriteOptions("rgba"))
    moved = oiio.ImageSpec(exr_plate.spec)
    moved.x += 30  # rendered again elsewhere in its format, of the same size
    with pytest.raises(ReadError, match="where the plate does at 26,6"):
        check_existing(path, moved, WriteOptions())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(ReadError, match="truncated"):
        check_existing(path, exr_plate.spec, WriteOptions())


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (".exr", ".exr"),
        (".PNG", ".PNG"),
        (".jpg", ".png"),
        (".webp", ".png"),
        (".dpx", ".exr"),
        (".hdr", ".exr"),
    ],
)
def test_formats_that_hold_a_matte_badly_are_replaced(source, target):
    assert target_suffix(source) == target


def test_a_full_disk_is_called_full(tmp_path, write_plate, monkeypatch):
    """The library says that output failed; what is free on that disk says why."""
    plate = read_plate(write_plate(tmp_path / "p.png", COLOUR, "uint16"))
    target = oiio.ImageOutput.create(str(tmp_path / "m.exr"))

    class Failing(Disk):
        def image_output(self, part):
            class Output:
                def open(self, *given):
                    return target.open(*given)

                def write_image(self, pixels):
                    return False

                def geterror(self):
                    return "File output failed"

                def close(self):
                    return target.close()

            return Output()

    usage = shutil.disk_usage(tmp_path)
    for free, message in ((4096, "the disk is full"), (usage.total, "File output failed")):
        monkeypatch.setattr(shutil, "disk_usage", lambda folder, free=free: usage._replace(free=free))
        with pytest.raises(WriteError, match=message):
            store_matte(tmp_path / "m.exr", ALPHA, plate, disk=Failing())


@pytest.mark.parametrize("suffix", [".exr", ".png"])
def test_a_matte_of_integers_is_scaled_by_its_white(tmp_path, exr_plate, suffix):
    path, eight = tmp_path / f"m{suffix}", np.rint(ALPHA * 255).astype(np.uint8)
    plate = replace(exr_plate, data_window=exr_plate.data_window, display_window=exr_plate.data_window)
    for given, wanted in (
        (eight, eight / 255),
        (ALPHA > 0.5, ALPHA > 0.5),
        (ALPHA.astype(np.float64), ALPHA),
    ):
        write_matte(path, given, plate)
        np.testing.assert_allclose(read(path)[1][..., 0], wanted, atol=1e-3)
    with pytest.raises(WriteError, match="the matte holds int64, which has no agreed white"):
        write_matte(path, eight.astype(np.int64), plate)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("suffix", [".exr", ".png"])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_matte_that_is_not_finite_is_refused_by_name(tmp_path, exr_plate, suffix, value):
    alpha = ALPHA.copy()
    alpha[3, 4] = value
    with pytest.raises(WriteError, match="the matte holds NaN or infinity"):
        write_matte(tmp_path / f"m{suffix}", alpha, exr_plate)
    assert not list(tmp_path.glob("m.*"))
    write_matte(tmp_path / f"m{suffix}", np.nan_to_num(alpha, posinf=1, neginf=0), exr_plate)
