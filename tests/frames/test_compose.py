"""What goes into a matte's file: windows, types, names; and the plate's own channels, bit for bit."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.frames.exr_bytes import Channel, exr

from flyaway import ReadError, UsageError, WriteError
from flyaway.frames import ReadOptions, WriteOptions, read_plate, write_matte
from flyaway.frames.existing import check_existing
from flyaway.frames.metadata import read_provenance
from flyaway.frames.read import read_header
from flyaway.frames.read_matte import read_matte
from flyaway.frames.write import store_matte

RANDOM = np.random.default_rng(7)
COLOUR = RANDOM.random((40, 48, 3), np.float32)
ALPHA = np.linspace(0, 1, 40 * 48, dtype=np.float32).reshape(40, 48)


def read(path, channel_type=oiio.FLOAT):
    config = oiio.ImageSpec()
    config["oiio:UnassociatedAlpha"] = 1
    source = oiio.ImageInput.open(str(path), config)
    spec = source.spec()
    pixels = source.read_image(0, 0, 0, spec.nchannels, channel_type)
    source.close()
    return spec, pixels


@pytest.fixture
def overscan(tmp_path, write_plate):
    """48×40 pixels at (−4, 6) of a 40×32 format: more than it at the left and below, less at the top."""
    return read_plate(write_plate(tmp_path / "p.exr", COLOUR, window=(-4, 6), display=(0, 0, 40, 32)))


@pytest.fixture
def many(tmp_path):
    """Half and float channels of every bit pattern there is (NaN payloads, denormals), and metadata."""
    path = tmp_path / "many.exr"
    spec = oiio.ImageSpec(48, 40, 6, "float")
    spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = -3, 5, 0, 0, 64, 50
    spec.channelnames = ("R", "G", "B", "A", "depth.Z", "id.cryptomatte")
    spec.channelformats = tuple(oiio.TypeDesc(t) for t in ("half", "half", "half", "half", "float", "float"))
    spec.attribute("compression", "piz")
    spec.attribute("owner", "night shift")
    spec.attribute("worldToCamera", "matrix", tuple(float(n) for n in range(16)))
    spec.attribute("smpte:TimeCode", "timecode", (18356486, 4294967295))
    halves = RANDOM.integers(0, 1 << 16, (40, 48, 4), np.uint16).view(np.float16).astype(np.float32)
    floats = RANDOM.integers(0, 1 << 32, (40, 48, 2), np.uint32).view(np.float32)
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), spec)
    assert target.write_image(np.ascontiguousarray(np.concatenate([halves, floats], -1)))
    assert target.close()
    return path


@pytest.mark.parametrize("channel", ["matte.A", "matte", "Y"])
def test_the_plates_own_channels_pass_bit_for_bit(tmp_path, many, channel):
    plate = read_plate(many)
    out = tmp_path / "out.exr"
    write_matte(out, ALPHA, plate, WriteOptions("beside", channel=channel))
    before, was = read(many)
    after, got = read(out)
    assert sorted(after.channelnames) == sorted([*before.channelnames, channel])
    for index, name in enumerate(before.channelnames):
        found = after.channelnames.index(name)
        assert after.channelformat(found) == before.channelformat(index)
        assert got[..., found].tobytes() == was[..., index].tobytes()
    np.testing.assert_allclose(got[..., after.channelnames.index(channel)], ALPHA, atol=2**-11)
    for name in ("compression", "owner", "worldToCamera", "smpte:TimeCode"):
        assert after.get(name) == before.get(name)
    for name in ("x", "y", "width", "height", "full_x", "full_y", "full_width", "full_height"):
        assert getattr(after, name) == getattr(before, name)
    check_existing(out, read_header(many), WriteOptions("beside", channel=channel))


def test_beside_what_would_not_pass_is_refused(tmp_path, many, write_plate):
    plate = read_plate(many)
    with pytest.raises(WriteError, match="a channel 'A' already"):
        write_matte(tmp_path / "o.exr", ALPHA, plate, WriteOptions("beside"))
    for lossy in ("dwaa", "b44", "pxr24", "dwab:20"):
        with pytest.raises(UsageError, match="bit for bit"):
            write_matte(tmp_path / "o.exr", ALPHA, plate, WriteOptions("beside", compression=lossy))
    with pytest.raises(UsageError, match="only EXR"):
        write_matte(tmp_path / "o.png", ALPHA, plate, WriteOptions("beside"))
    png = read_plate(write_plate(tmp_path / "p.png", COLOUR, "uint8"))
    with pytest.raises(WriteError, match="only an upright EXR"):
        write_matte(tmp_path / "o.exr", ALPHA, png, WriteOptions("beside"))
    (tmp_path / "u.exr").write_bytes(exr((Channel("B"), Channel("G"), Channel("R"), Channel("id", 0))))
    integers = read_plate(tmp_path / "u.exr")
    with pytest.raises(WriteError, match=r"integer channels \(id\)"):
        write_matte(
            tmp_path / "o.exr", integers.pixels[..., 0], integers, WriteOptions("beside", channel="m")
        )
    assert not (tmp_path / "o.exr").exists()


@pytest.mark.parametrize("part", ["left", "right", "2"])
def test_beside_keeps_every_part_of_the_file(tmp_path, part):
    path, out = tmp_path / "parts.exr", tmp_path / "o.exr"
    specs, pixels = [], []
    for name, kind, channels in (
        ("left", "half", "RGB"),
        ("right", "half", "RGB"),
        ("data", "float", "RGBXZ"),
    ):
        spec = oiio.ImageSpec(48, 40, len(channels), kind)
        spec.channelnames = tuple(channels)
        spec.attribute("oiio:subimagename", name)
        spec.attribute("compression", "piz")
        spec.attribute("camera", f"the {name} one")
        specs.append(spec)
        pixels.append(
            RANDOM.random((40, 48, len(channels)), np.float32).astype(np.float16).astype(np.float32)
        )
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), tuple(specs))
    for index, spec in enumerate(specs):
        assert index == 0 or target.open(str(path), spec, "AppendSubimage")
        assert target.write_image(pixels[index])
    assert target.close()
    plate = read_plate(path, options=ReadOptions(part=part))
    assert write_matte(out, ALPHA, plate, WriteOptions("beside", channel="matte.A")) == ()
    source = oiio.ImageInput.open(str(out))
    for index, spec in enumerate(specs):
        assert source.seek_subimage(index, 0)
        found = source.spec()
        for name in ("oiio:subimagename", "camera"):
            assert found.get(name) == spec.get(name)
        assert found.get("compression") == "piz"
        names = list(found.channelnames)
        assert set(names) - set(spec.channelnames) == ({"matte.A"} if index == plate.part else set())
        stored = source.read_image(index, 0, 0, found.nchannels, oiio.FLOAT)
        for place, name in enumerate(spec.channelnames):
            np.testing.assert_array_equal(stored[..., names.index(name)], pixels[index][..., place])
    assert not source.seek_subimage(3, 0)
    source.close()
    check_existing(out, read_header(path, part=part), WriteOptions("beside", channel="matte.A"))
    np.testing.assert_allclose(read_matte(out).alpha, ALPHA, atol=2**-11)


def test_beside_says_when_other_parts_cannot_come(tmp_path):
    path = tmp_path / "parts.exr"
    first, second = oiio.ImageSpec(48, 40, 3, "half"), oiio.ImageSpec(48, 40, 1, "uint")
    first.attribute("oiio:subimagename", "rgb")
    second.attribute("oiio:subimagename", "ids")
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), (first, second))
    assert target.write_image(COLOUR)
    assert target.open(str(path), second, "AppendSubimage")
    assert target.write_image(np.ones((40, 48, 1), np.uint32))
    assert target.close()
    notes = write_matte(tmp_path / "o.exr", ALPHA, read_plate(path), WriteOptions("beside", channel="m"))
    assert any("other parts stay behind: part 1 holds integers" in note for note in notes)
    assert read(tmp_path / "o.exr")[0].nchannels == 4


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("output", ["matte", "rgba"])
def test_outside_exr_a_picture_is_its_display_window(tmp_path, overscan, suffix, output):
    path = tmp_path / f"m{suffix}"
    notes = write_matte(path, ALPHA, overscan, WriteOptions(output))
    assert any("display window" in note for note in notes)
    spec, pixels = read(path)
    assert (spec.x, spec.y, spec.width, spec.height) == (0, 0, 40, 32)
    expected = np.zeros((32, 40), np.float32)
    expected[6:] = ALPHA[:26, 4:44]
    np.testing.assert_allclose(pixels[..., -1], expected, atol=1e-4)
    check_existing(path, overscan.spec, WriteOptions(output))


def test_a_data_window_apart_from_its_display_gives_an_empty_picture(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.exr", COLOUR, window=(500, 500), display=(0, 0, 40, 32)))
    write_matte(tmp_path / "m.png", ALPHA, plate)
    assert not read(tmp_path / "m.png")[1].any()


def test_crop_shrinks_the_data_window_to_the_coverage(tmp_path, overscan):
    alpha = np.zeros((40, 48), np.float32)
    alpha[10:20, 5:9] = 0.5
    path = tmp_path / "m.exr"
    write_matte(path, alpha, overscan, WriteOptions(crop=True))
    spec, pixels = read(path)
    assert (spec.x, spec.y, spec.width, spec.height) == (1, 16, 4, 10)
    assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (0, 0, 40, 32)
    assert (pixels == 0.5).all()
    check_existing(path, overscan.spec, WriteOptions(crop=True))
    write_matte(path, np.zeros_like(alpha), overscan, WriteOptions(crop=True))
    spec, pixels = read(path)
    assert (spec.width, spec.height, pixels.max()) == (1, 1, 0)
    with pytest.raises(UsageError, match="--crop"):
        write_matte(tmp_path / "m.exr", alpha, overscan, WriteOptions("rgba", crop=True))


def test_crop_goes_by_coverage_and_not_by_what_comes_beside_it(tmp_path, overscan):
    alpha = np.zeros((40, 48), np.float32)
    alpha[10:20, 5:9] = 0.5
    options = WriteOptions(channel="Y", crop=True, unknown=True)
    store_matte(tmp_path / "m.exr", alpha, overscan, options, unknown=np.ones_like(alpha))
    spec, pixels = read(tmp_path / "m.exr")
    assert (spec.x, spec.y, spec.width, spec.height) == (1, 16, 4, 10)
    assert (pixels[..., spec.channelnames.index("Y")] == 0.5).all()
    assert (pixels[..., spec.channelnames.index("unknown.A")] == 1).all()


def test_a_cropped_matte_of_another_place_is_not_believed(tmp_path, overscan, write_plate):
    path = tmp_path / "m.exr"
    write_matte(path, ALPHA, overscan, WriteOptions(crop=True))
    elsewhere = write_plate(tmp_path / "q.exr", COLOUR, window=(100, 100))
    with pytest.raises(ReadError, match="not within"):
        check_existing(path, read_header(elsewhere), WriteOptions())


@pytest.mark.parametrize(
    ("suffix", "depth", "step"),
    [
        (".exr", "half", 2**-11), (".exr", "float", 0), (".png", "uint8", 1 / 510), (".png", "uint16", 1e-5),
        (".tif", "uint8", 1 / 510), (".tif", "uint16", 1e-5), (".tif", "float", 0),
    ],
)  # fmt: skip
@pytest.mark.parametrize("plate_type", ["half", "float"])
def test_depths(tmp_path, write_plate, suffix, depth, step, plate_type):
    plate = read_plate(write_plate(tmp_path / "p.exr", COLOUR, plate_type))
    write_matte(tmp_path / f"m{suffix}", ALPHA, plate, WriteOptions(depth=depth))
    spec, pixels = read(tmp_path / f"m{suffix}")
    assert str(spec.format) == depth
    np.testing.assert_allclose(pixels[..., 0], ALPHA, atol=step + 1e-7 if step else 0)


@pytest.mark.parametrize(
    "compression",
    ["zip", "zips", "piz", "rle", "none", "pxr24", "b44", "b44a", "dwaa:45", "dwaa:45.5", "dwab", "htj2k256"],
)
def test_compressions_of_exr(tmp_path, overscan, compression):
    path = tmp_path / "m.exr"
    write_matte(path, ALPHA, overscan, WriteOptions(channel="Y", compression=compression))
    spec, pixels = read(path)
    assert spec.get("compression").partition(":")[0] == compression.partition(":")[0]
    np.testing.assert_allclose(pixels[..., 0], ALPHA, atol=0.02)


def test_levels_of_png_are_heeded(tmp_path, overscan):
    """The library reads them out of the compression's name in EXR alone."""
    sizes = []
    for compression in ("zip:1", "zip:9"):
        write_matte(tmp_path / "m.png", ALPHA, overscan, WriteOptions("rgba", compression=compression))
        sizes.append((tmp_path / "m.png").stat().st_size)
    assert sizes[0] > sizes[1]


@pytest.mark.parametrize("compression", ["zip", "lzw", "packbits", "none"])
def test_compressions_of_tiff(tmp_path, overscan, compression):
    write_matte(tmp_path / "m.tif", ALPHA, overscan, WriteOptions(compression=compression))
    assert read(tmp_path / "m.tif")[0].get("compression") == compression


@pytest.mark.parametrize(
    ("name", "options", "said_"),
    [
        ("m.exr", WriteOptions(compression="nonsense"), "no compression 'nonsense'"),
        ("m.exr", WriteOptions(compression="lzw"), "no compression"),
        ("m.exr", WriteOptions(compression="dwaa:high"), "no level"),
        ("m.exr", WriteOptions(compression="dwaa:0"), "from 1 to 100000"),
        ("m.exr", WriteOptions(compression="dwaa:4e1"), "take a number from 1"),
        ("m.exr", WriteOptions(compression="dwab:999999"), "from 1 to 100000"),
        ("m.exr", WriteOptions(compression="zip:99"), "from 1 to 9"),
        ("m.exr", WriteOptions(compression="zips:0"), "from 1 to 9"),
        ("m.exr", WriteOptions(compression="zip:5.5"), "a whole number"),
        ("m.exr", WriteOptions(compression="zip:\N{SUPERSCRIPT TWO}"), "a whole number"),
        ("m.exr", WriteOptions(compression="zip:"), "a whole number"),
        ("m.exr", WriteOptions(compression="none:3"), "no levels of none"),
        ("m.exr", WriteOptions(compression="htj2k32:5"), "no levels"),
        ("m.exr", WriteOptions(compression="pxr24:"), "no levels"),
        ("m.tif", WriteOptions(compression="lzw:3"), "no levels"),
        ("m.tif", WriteOptions(compression="zip:9"), "no levels"),
        ("m.png", WriteOptions(compression="zip:10"), "from 1 to 9"),
        ("m.exr", WriteOptions(premultiplied=True), "has no alpha to multiply by"),
        ("m.exr", WriteOptions("fg", premultiplied=True), "has no alpha to multiply by"),
        ("m.exr", WriteOptions("beside", channel="m", premultiplied=False), "has no alpha to multiply by"),
        ("m.png", WriteOptions(compression="piz"), "no compression"),
        ("m.tif", WriteOptions(compression="jpeg"), "no compression"),
        ("m.exr", WriteOptions(depth="uint16"), "stores half, float"),
        ("m.png", WriteOptions(depth="half"), "stores uint8, uint16"),
        ("m.exr", WriteOptions(channel=""), "no channel name"),
        ("m.exr", WriteOptions(channel="two words"), "no channel name"),
        ("m.exr", WriteOptions(channel="a\0b"), "no channel name"),
        ("m.exr", WriteOptions(channel="x" * 300), "no channel name"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_by_name(tmp_path, overscan, name, options, said_):
    with pytest.raises(UsageError, match=said_):
        write_matte(tmp_path / name, ALPHA, overscan, options)
    assert not (tmp_path / name).exists()


def test_tiff_keeps_what_flyaway_says(tmp_path, write_plate):
    path = write_plate(
        tmp_path / "p.tif", COLOUR, "uint16", metadata={"ImageDescription": "Slate 12\nTake 3"}
    )
    write_matte(
        tmp_path / "m.tif", ALPHA, read_plate(path), provenance={"model": "fast", "stages": "two\nlines"}
    )
    spec, _ = read(tmp_path / "m.tif")
    told = read_provenance(spec)
    assert (told["model"], told["stages"], told["encoding"]) == ("fast", "two lines", "linear coverage")
    assert spec.get("ImageDescription").startswith("Slate 12\nTake 3\n")
    assert check_existing(tmp_path / "m.tif", read_header(path), WriteOptions(), {"model": "fast"}) == ()
    (told,) = check_existing(tmp_path / "m.tif", read_header(path), WriteOptions(), {"model": "other"})
    assert told == "made with model fast, where other is asked for"


def test_a_dpx_gives_its_rate_and_timecode(tmp_path, write_plate):
    metadata = {
        "dpx:Transfer": "Linear", "dpx:FrameRate": 23.976, "smpte:TimeCode": ("timecode", (18356486, 0)),
    }  # fmt: skip
    plate = read_plate(write_plate(tmp_path / "p.dpx", COLOUR, "uint16", metadata=metadata))
    write_matte(tmp_path / "m.exr", ALPHA, plate)
    spec, _ = read(tmp_path / "m.exr")
    assert spec.get("FramesPerSecond") == (24000, 1001)
    assert spec.get("smpte:TimeCode") == plate.spec.get("smpte:TimeCode")


def test_the_colours_primaries_go_with_it(tmp_path, write_plate):
    ap1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767)
    plate = read_plate(
        write_plate(tmp_path / "p.exr", COLOUR, metadata={"chromaticities": ("float[8]", ap1)})
    )
    write_matte(tmp_path / "o.exr", ALPHA, plate, WriteOptions("rgba"))
    again = read_plate(tmp_path / "o.exr")
    assert again.space == plate.space == "lin_ap1_scene"
    np.testing.assert_allclose(again.spec.get("chromaticities"), ap1, atol=1e-6)
