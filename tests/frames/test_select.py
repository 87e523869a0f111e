"""Which part, layer and view is the plate: found by convention, named by people, or refused by name."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.frames.exr_bytes import Channel, exr

from flyaway import ReadError
from flyaway.frames import ReadOptions, read_plate

GREY = np.full((40, 48, 1), 0.25, np.float32)


def layers(*names: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Channels R, G, B of each layer, and their pixels: layer n is (n+1)/8."""
    channels = tuple(f"{name}.{c}".lstrip(".") for name in names for c in "RGB")
    pixels = np.concatenate([GREY * (n + 1) / 2 for n in range(len(names)) for _ in "RGB"], -1)
    return channels, pixels


@pytest.mark.parametrize(
    ("names", "layer", "value"),
    [
        (("", "diffuse"), None, 0.125),
        (("", "diffuse"), "diffuse", 0.25),
        (("", "diffuse"), "Diffuse.", 0.25),
        (("albedo", "beauty", "specular"), None, 0.25),
        (("View Layer.Combined", "View Layer.Emit"), None, 0.125),
        (("left", "right"), None, 0.125),
        (("left", "right"), "right", 0.25),
        (("x.specular", "x.rgba"), None, 0.25),
    ],
)
def test_the_layer_that_is_the_picture(tmp_path, write_plate, names, layer, value):
    channels, pixels = layers(*names)
    path = write_plate(tmp_path / "p.exr", pixels, channels=channels)
    plate = read_plate(path, options=ReadOptions(layer=layer))
    assert np.unique(plate.pixels).tolist() == [value]


def test_layers_that_could_each_be_meant_are_named_and_none_is_taken(tmp_path, write_plate):
    channels, pixels = layers("albedo", "specular")
    path = write_plate(tmp_path / "p.exr", pixels, channels=channels)
    with pytest.raises(ReadError, match=r"albedo, specular.*--layer"):
        read_plate(path)
    with pytest.raises(ReadError, match=r"no layer 'spekular'.*Did you mean 'specular'"):
        read_plate(path, options=ReadOptions(layer="spekular"))


def test_one_channel_can_be_named(tmp_path, write_plate):
    path = write_plate(tmp_path / "p.exr", np.concatenate([GREY, GREY * 2], -1), channels=("ir", "x.Z"))
    plate = read_plate(path, options=ReadOptions(layer="x.z"))
    assert np.unique(plate.pixels).tolist() == [0.5]


def test_a_layer_without_alpha_is_divided_by_the_pictures(tmp_path, write_plate):
    channels, pixels = layers("", "diffuse")
    pixels = np.concatenate([pixels, np.full_like(GREY, 0.5)], -1)
    path = write_plate(tmp_path / "p.exr", pixels, "float", channels=(*channels, "A"))
    plate = read_plate(path, options=ReadOptions(layer="diffuse"))
    assert np.unique(plate.pixels).tolist() == [0.5]


def test_the_other_eye_of_a_stereo_file_is_told_of(tmp_path, write_plate):
    channels, pixels = layers("", "right")
    path = write_plate(
        tmp_path / "p.exr",
        pixels,
        channels=channels,
        metadata={"multiView": ("string[2]", ("left", "right"))},
    )
    plate = read_plate(path)
    assert np.unique(plate.pixels).tolist() == [0.125]
    assert any("stereo" in note and "--layer right" in note for note in plate.notes)


@pytest.fixture
def parts(tmp_path):
    """A file of three parts: depth without colour, then the left and the right view."""
    path = tmp_path / "parts.exr"
    specs = []
    for name, view, channels in (
        ("depth", "", ("Z",)),
        ("rgb.left", "left", ("R", "G", "B")),
        ("rgb.right", "right", ("R", "G", "B")),
    ):
        spec = oiio.ImageSpec(48, 40, len(channels), "half")
        spec.channelnames = channels
        spec.attribute("oiio:subimagename", name)
        if view:
            spec.attribute("view", view)
        specs.append(spec)
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), tuple(specs)), target.geterror()
    for index, spec in enumerate(specs):
        if index:
            assert target.open(str(path), spec, "AppendSubimage"), target.geterror()
        assert target.write_image(np.full((40, 48, spec.nchannels), index / 4, np.float32))
    assert target.close()
    return path


@pytest.mark.parametrize(
    ("part", "value"), [(None, 0.25), ("1", 0.25), ("2", 0.5), ("rgb.right", 0.5), ("right", 0.5)]
)
def test_parts_by_name_view_and_number(parts, part, value):
    plate = read_plate(parts, options=ReadOptions(part=part))
    assert np.unique(plate.pixels).tolist() == [value]
    assert any("several parts" in note for note in plate.notes) is (part is None)


def test_a_part_that_is_not_there_is_an_error_that_lists_them(parts):
    for wanted in ("middle", "3", "99999999999999999999"):
        with pytest.raises(ReadError, match=r"no part .*depth, rgb\.left, rgb\.right"):
            read_plate(parts, options=ReadOptions(part=wanted))
    with pytest.raises(ReadError, match="no red, green and blue"):
        read_plate(parts, options=ReadOptions(part="depth"))


@pytest.mark.parametrize("tile", [16, 64])
def test_tiles_are_read_like_lines(tmp_path, tile):
    pixels = np.random.default_rng(0).random((70, 90, 3)).astype(np.float16).astype(np.float32)
    spec = oiio.ImageSpec(90, 70, 3, "half")
    spec.tile_width = spec.tile_height = tile
    target = oiio.ImageOutput.create(str(tmp_path / "t.exr"))
    assert target.open(str(tmp_path / "t.exr"), spec)
    assert target.write_image(pixels)
    assert target.close()
    np.testing.assert_array_equal(read_plate(tmp_path / "t.exr").pixels, pixels)


def test_luminance_and_chroma_are_refused_by_name(tmp_path):
    path = tmp_path / "yc.exr"
    path.write_bytes(exr((Channel("BY", x=2, y=2), Channel("RY", x=2, y=2), Channel("Y"))))
    with pytest.raises(ReadError, match="luminance-chroma"):
        read_plate(path)
    path.write_bytes(exr((Channel("BY"), Channel("RY"), Channel("Y"))))
    with pytest.raises(ReadError, match="luminance-chroma"):
        read_plate(path)


def test_a_thousand_channels_are_read(tmp_path):
    names = sorted([*(f"aov{n:04d}.Z" for n in range(997)), "B", "G", "R"])
    path = tmp_path / "many.exr"
    path.write_bytes(exr(tuple(Channel(name) for name in names)))
    plate = read_plate(path)
    assert np.unique(plate.pixels).tolist() == [0.5]
    assert len(plate.unused) == 997


def test_oddities_are_counted(tmp_path, write_plate):
    pixels = np.full((40, 40, 3), 0.5, np.float32)
    pixels[0, :3, 1], pixels[1, :5, 0], pixels[2, :7, 2], pixels[3, 0, 0] = np.nan, np.inf, -0.25, -np.inf
    plate = read_plate(write_plate(tmp_path / "p.exr", pixels))
    assert (plate.oddities.nan, plate.oddities.infinite, plate.oddities.negative) == (3, 6, 8)
    assert {"9 pixels are NaN or infinite", "8 pixels are negative"} <= set(plate.notes)
