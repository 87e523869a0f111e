"""Headers that say what cannot be: fields that are pixels, and values that no field can have."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.files import header

from flyaway.frames.read import read_header, read_plate
from flyaway.frames.trust import is_timecode, trusted
from flyaway.frames.write import WriteOptions, write_matte

SIZE = (48, 64)
ALPHA = np.full(SIZE, 0.5, np.float32)
COLOUR = np.full((*SIZE, 3), 0.25, np.float32)


@pytest.fixture(scope="module")
def by_ffmpeg(tmp_path_factory) -> Path:
    """A 10-bit RGB DPX as FFmpeg makes it: its pixels begin at byte 1664."""
    av = pytest.importorskip("av", reason="PyAV is not installed (pip install av)")
    path = tmp_path_factory.mktemp("dpx") / "f.0001.dpx"
    ramp = np.linspace(0, 65535, SIZE[0] * SIZE[1] * 3).reshape(*SIZE, 3).astype(np.uint16)
    with av.open(str(path), "w", format="image2", options={"update": "1"}) as container:
        stream = container.add_stream("dpx", rate=24)
        stream.width, stream.height, stream.pix_fmt = SIZE[1], SIZE[0], "gbrp10be"
        picture = av.VideoFrame.from_ndarray(ramp, format="rgb48le").reformat(format="gbrp10be")
        for packet in (*stream.encode(picture), *stream.encode(None)):
            container.mux(packet)
    data = path.read_bytes()
    assert struct.unpack_from(">I", data, 4) == (1664,)
    assert b"Lavc" in data[160:260]
    return path


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("m.exr", None),
        ("m.png", None),
        ("m.tif", None),
        ("m.exr", WriteOptions(output="rgba")),
        ("m.png", WriteOptions(output="rgba")),
    ],
)
def test_nothing_is_read_out_of_a_dpx_files_pixels(tmp_path, by_ffmpeg, name, options):
    believed = header(by_ffmpeg)
    for invented in ("smpte:TimeCode", "dpx:FrameRate", "dpx:SlateInfo", "dpx:TemporalFrameRate"):
        assert believed.get(invented) is not None  # the library reads them out of the ramp
    plate = read_plate(by_ffmpeg, "srgb", 1)
    assert sum("pixels begin where" in note for note in plate.notes) == 1
    assert not any(str(value) in " ".join(plate.notes) for value in (believed.get("dpx:FrameRate"), "1664"))
    write_matte(tmp_path / name, ALPHA, plate, options)
    spec = header(tmp_path / name)
    for gone in ("smpte:TimeCode", "smpte:KeyCode", "framesPerSecond", "FramesPerSecond"):
        assert spec.get(gone) is None
    assert spec.get("PixelAspectRatio", 1.0) == 1.0
    assert read_header(by_ffmpeg).get("smpte:TimeCode") is None


def test_a_pixel_aspect_of_zero_is_square_and_told(tmp_path, by_ffmpeg):
    patched = bytearray(by_ffmpeg.read_bytes())
    for aspect, meant in (((0, 1), None), ((0, 0), 1.0), ((32, 27), 32 / 27)):
        struct.pack_into(">2I", patched, 1628, *aspect)
        path = tmp_path / "aspect.dpx"
        path.write_bytes(patched)
        plate = read_plate(path, "srgb")
        found = plate.spec.get("PixelAspectRatio", None)
        assert found == (None if meant is None else pytest.approx(meant))
        assert any("square pixels were taken" in note for note in plate.notes) == (meant is None)
        write_matte(tmp_path / "m.exr", ALPHA, plate)
        assert header(tmp_path / "m.exr").get("PixelAspectRatio") == pytest.approx(meant or 1)


@pytest.mark.parametrize(
    ("software", "space"),
    [
        (b"Lavc61.19.100", "srgb"),  # FFmpeg 7.1
        (b"Lavc62.11.100", "srgb"),  # FFmpeg 8.0
        (b"Lavc62.28.102", "linear"),  # FFmpeg 8.1 says it of linear pixels only
        (b"GraphicsMagick 1.3.40 2023-01-14 Q16 http://www.GraphicsMagick.org/", "srgb"),
        (b"somebody's scanner", "linear"),
        (b"", "linear"),
    ],
)
def test_who_calls_every_dpx_linear_is_told(tmp_path, by_ffmpeg, software, space):
    patched = bytearray(by_ffmpeg.read_bytes())
    patched[160:260] = software.ljust(100, b"\0")
    patched[801] = 2  # linear
    path = tmp_path / "linear.dpx"
    path.write_bytes(patched)
    plate = read_plate(path)
    assert plate.space == space
    told = [note for note in plate.notes if '"Linear"' in note]
    assert len(told) == (space == "srgb")
    assert all("--in-space linear" in note for note in told)
    overruled = read_plate(path, "linear")
    assert (overruled.space, [note for note in overruled.notes if '"Linear"' in note]) == ("linear", [])


# Little-endian, as OpenImageIO writes: where a field stands, what is put there, and what is told of it.
_BAD = {
    "a timecode of 77 seconds": (1920, struct.pack("<I", 0x00457742), "timecode"),
    "a timecode of letters": (1920, struct.pack("<I", 0x1011124B), "timecode"),
    "a timecode of 24 hours": (1920, struct.pack("<I", 0x24000000), "timecode"),
    "a rate of next to nothing": (1724, struct.pack("<f", 0.0294), "frame rate"),
    "a rate of 1e20": (1724, struct.pack("<f", 1e20), "frame rate"),
    "a rate below nothing": (1724, struct.pack("<f", -24), "frame rate"),
    "a keycode of minus signs": (1664, b"-1-2-3-40000-500", "keycode"),
    "a pixel aspect of 1 to 4 milliards": (1628, struct.pack("<2I", 1, 0xFFFFFFFE), "pixel aspect"),
}


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_field_is_dropped_and_told_and_fails_no_frame(tmp_path, write_plate, name):
    place, value, told = _BAD[name]
    metadata = {
        "dpx:Transfer": "ITU-R 709-4",
        "dpx:FrameRate": 23.976,
        "smpte:TimeCode": ("timecode", (0x10111213, 0)),
        "smpte:KeyCode": ("keycode", (12, 34, 567890, 1234, 5, 4, 64)),
    }
    path = write_plate(tmp_path / "p.dpx", COLOUR, "uint16", metadata=metadata)
    good = {"frame rate": "framesPerSecond", "timecode": "smpte:TimeCode", "keycode": "smpte:KeyCode"}
    sound = read_plate(path)
    assert sound.notes == ()
    assert all(sound.spec.get(field) is not None for field in good.values())
    data = bytearray(path.read_bytes())
    data[place : place + len(value)] = value
    path.write_bytes(data)
    plate = read_plate(path)
    assert [note for note in plate.notes if told in note] == list(plate.notes)
    assert len(plate.notes) == 1
    for kind, suffix in (("matte", ".exr"), ("rgba", ".exr"), ("matte", ".png"), ("matte", ".tif")):
        write_matte(tmp_path / f"m{suffix}", ALPHA, plate, WriteOptions(output=kind))
    write_matte(tmp_path / "m.exr", ALPHA, plate)
    spec = header(tmp_path / "m.exr")
    for field, attribute in good.items():
        assert (spec.get(attribute) is None) == (field == told), attribute


@pytest.mark.parametrize(
    ("stored", "meant"),
    [
        (("rational", (24, 1)), (24, 1)),
        (("rational", (24000, 1001)), (24000, 1001)),
        (("rational", (60000, 1001)), (60000, 1001)),
        (("rational", (1000, 1)), (1000, 1)),
        (("rational", (23976, 1000)), (2997, 125)),
        (("rational", (240_000_000, 10_010_000)), (24000, 1001)),
        (("rational", (24, 0)), None),
        (("rational", (0, 1)), None),
        (("rational", (1001, 1)), None),
        (("rational", (1, 2)), None),
        (("float", 23.976), (24000, 1001)),
        (("float", 25.0), (25, 1)),
        (("float", 1e-20), None),
        (("string", "24"), (24, 1)),
    ],
)
def test_rates(stored, meant):
    spec = oiio.ImageSpec(8, 8, 3, "half")
    spec.attribute("framesPerSecond", *stored)
    kept, notes = trusted(spec)
    assert kept.get("framesPerSecond", None) == meant
    assert bool(notes) == (meant is None)
    assert spec.get("framesPerSecond") is not None  # the one that was given is not touched


def test_a_rate_that_is_not_said_is_no_bad_rate():
    for unsaid in (0.0, float("nan"), float("inf")):
        spec = oiio.ImageSpec(8, 8, 3, "half")
        spec.attribute("dpx:FrameRate", "float", unsaid)
        assert trusted(spec)[1] == []
        spec.attribute("dpx:TemporalFrameRate", "float", 25.0)
        assert trusted(spec)[0].get("framesPerSecond") == (25, 1)


def test_a_bad_rate_in_one_place_leaves_the_good_one():
    spec = oiio.ImageSpec(8, 8, 3, "half")
    spec.attribute("dpx:FrameRate", "float", 1e9)
    spec.attribute("dpx:TemporalFrameRate", "float", 29.97)
    kept, notes = trusted(spec)
    assert (kept.get("framesPerSecond"), notes) == ((30000, 1001), [])


@pytest.mark.parametrize("hour", [0, 9, 10, 19, 20, 23])
def test_every_time_of_day_is_a_timecode(hour):
    def bcd(number: int) -> int:
        return number // 10 << 4 | number % 10

    for minute, second, frame in ((0, 0, 0), (59, 59, 29), (9, 10, 19)):
        word = bcd(hour) << 24 | bcd(minute) << 16 | bcd(second) << 8 | bcd(frame)
        for flags in (0, 0x40, 0x80, 0x8000, 0x800000, 0x40000000, 0x80000000, 0xC08080C0):
            assert is_timecode((word | flags, 0xFFFFFFFF))


def cineon(offset: int, rate: float) -> bytes:
    """A 10-bit RGB Cineon file of `SIZE`, its pixels from `offset` on."""
    head = bytearray(2048)
    struct.pack_into(">5I", head, 0, 0x802A5FD7, offset, 1024, 1024 if offset >= 2048 else 0, 0)
    struct.pack_into(">I", head, 20, offset + SIZE[0] * SIZE[1] * 4)
    head[24:28] = b"V4.5"
    head[192:196] = bytes((0, 3, 0, 0))  # left to right and down, three channels
    for channel in range(3):
        start = 196 + 28 * channel
        head[start : start + 4] = bytes((0, channel + 1, 10, 0))
        struct.pack_into(">2I4f", head, start + 4, SIZE[1], SIZE[0], 0, 0, 1023, 2.046)
    head[680:684] = bytes((0, 5, 0, 0))  # pixel by pixel, in 32-bit words
    struct.pack_into(">f", head, 1072, rate)
    words = np.full(SIZE, 512 << 22 | 512 << 12 | 512 << 2, ">u4").tobytes()
    return bytes(head[:offset]) + words


@pytest.mark.parametrize(("offset", "rate"), [(2048, (24, 1)), (1024, None)])
def test_cineons_film_fields_too_end_where_its_pixels_begin(tmp_path, offset, rate):
    path = tmp_path / "p.cin"
    path.write_bytes(cineon(offset, 24))
    if offset == 1024:
        assert header(path).get("cineon:FrameRate") not in (None, 24)
    plate = read_plate(path, "Cineon")
    assert plate.spec.get("framesPerSecond", None) == rate
    assert any("pixels begin" in note for note in plate.notes) == (rate is None)
    write_matte(tmp_path / "m.exr", ALPHA, plate)
