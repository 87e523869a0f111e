"""Colour that is written anew: foreground, plate, despill, comps; from real files to real files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import OpenImageIO as oiio
import pytest

from flyaway.color import linear_to_srgb, srgb_to_linear
from flyaway.errors import ReadError, UsageError, WriteError
from flyaway.foreground import foreground
from flyaway.frames import WriteOptions, read_plate, write_matte
from flyaway.frames.edges import check_background, parse_colour
from flyaway.frames.existing import check_existing
from flyaway.frames.options import check_options
from flyaway.frames.read import read_header

FRONT, BEHIND = np.array([0.30, 0.18, 0.10], np.float32), np.array([0.05, 0.60, 0.05], np.float32)


@pytest.fixture(scope="module")
def cover() -> np.ndarray:
    y, x = np.mgrid[:96, :128]
    return np.clip((35 - np.hypot(y - 48, x - 64)) / 8, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def light(cover) -> np.ndarray:
    return (cover[..., None] * FRONT + (1 - cover[..., None]) * BEHIND).astype(np.float32)


@pytest.fixture(scope="module")
def exr(tmp_path_factory, write_plate, light):
    """A float EXR, with one more channel."""
    path = tmp_path_factory.mktemp("edges") / "plate.exr"
    pixels = np.concatenate([light, np.full((96, 128, 1), 7.0, np.float32)], axis=-1)
    return write_plate(path, pixels, "float", channels=("R", "G", "B", "Z"))


@pytest.fixture(scope="module")
def png(tmp_path_factory, write_plate, light):
    path = tmp_path_factory.mktemp("edges") / "plate.png"
    coded = (linear_to_srgb(light) * 65535 + 0.5).astype(np.uint16)
    return write_plate(path, coded, "uint16")


def read(path) -> dict[str, np.ndarray]:
    straight = oiio.ImageSpec()
    straight.attribute("oiio:UnassociatedAlpha", 1)  # as stored
    source = oiio.ImageInput.open(str(path), straight)
    try:
        spec = source.spec()
        pixels = source.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT).reshape(spec.height, spec.width, -1)
        return {name: pixels[..., index] for index, name in enumerate(spec.channelnames)}
    finally:
        source.close()


def colours(channels: dict[str, np.ndarray], prefix: str = "") -> np.ndarray:
    return np.stack([channels[prefix + name] for name in "RGB"], axis=-1)


def test_rgba_has_no_old_background_unless_asked(tmp_path, exr, cover, light):
    plate, soft = read_plate(exr), (cover > 0.1) & (cover < 0.9)
    write_matte(tmp_path / "new.exr", cover, plate, WriteOptions("rgba", depth="float"))
    new = colours(read(tmp_path / "new.exr"))
    meant = foreground(light, cover, "linear") * cover[..., None]
    assert np.allclose(new, meant, atol=1e-6)
    write_matte(tmp_path / "old.exr", cover, plate, WriteOptions("rgba", depth="float", edge_colour="plate"))
    old = colours(read(tmp_path / "old.exr"))
    assert np.array_equal(old, light * cover[..., None])
    truth = FRONT * cover[..., None]
    assert np.abs(new - truth)[soft].mean() < 0.15 * np.abs(old - truth)[soft].mean()
    assert np.array_equal(new[cover >= 1], light[cover >= 1])


def test_a_straight_png_keeps_the_plate_bit_for_bit_where_all_is_covered(tmp_path, png, cover, light):
    plate = read_plate(png)
    write_matte(tmp_path / "rgba.png", cover, plate, WriteOptions("rgba"))
    channels = read(tmp_path / "rgba.png")
    assert np.array_equal(colours(channels)[cover >= 1], plate.pixels[cover >= 1])
    soft = (cover > 0.1) & (cover < 0.9)
    assert np.abs(srgb_to_linear(colours(channels)) - FRONT)[soft].mean() < 0.05


def test_fg_is_straight_colour_without_a_matte(tmp_path, exr, png, cover, light):
    for source, name in ((exr, "fg.exr"), (png, "fg.png"), (exr, "fg.tif")):
        write_matte(tmp_path / name, cover, read_plate(source), WriteOptions("fg"))
        channels = read(tmp_path / name)
        assert set(channels) == {"R", "G", "B"}
        colour = colours(channels) if source is exr else srgb_to_linear(colours(channels))
        assert np.abs(colour - FRONT)[cover > 0.1].mean() < 0.02
        assert (colour[:4, :4] == 0).all()


def test_a_comp_is_mixed_in_light_over_colours(tmp_path, exr, png, cover, light):
    own = foreground(light, cover, "linear")
    for text, behind in (("0.2,0.1,3", (0.2, 0.1, 3)), ("white", (1, 1, 1)), ("#808080", (0.21586,) * 3)):
        options = WriteOptions("comp", over=text, depth="float")
        write_matte(tmp_path / "comp.exr", cover, read_plate(exr), options)
        channels = read(tmp_path / "comp.exr")
        assert set(channels) == {"R", "G", "B"}
        meant = own * cover[..., None] + np.array(behind, np.float32) * (1 - cover[..., None])
        assert np.allclose(colours(channels), meant, atol=1e-4)
    write_matte(tmp_path / "comp.png", cover, read_plate(png), WriteOptions("comp", over="white"))
    meant = linear_to_srgb(own * cover[..., None] + 1 - cover[..., None])
    assert np.allclose(colours(read(tmp_path / "comp.png")), meant, atol=2e-3)


def test_a_comp_over_a_picture_and_over_a_sequence(tmp_path, write_plate, exr, cover):
    rng = np.random.default_rng(5)
    for number in (7, 8):
        pixels = rng.uniform(0, 2, (96, 128, 3)).astype(np.float32)
        write_plate(tmp_path / f"behind.{number:04d}.exr", pixels, "float")
    plate = replace(read_plate(exr), frame=8)
    options = WriteOptions("comp", over=str(tmp_path / "behind.####.exr"), depth="float")
    write_matte(tmp_path / "comp.exr", cover, plate, options)
    found = colours(read(tmp_path / "comp.exr"))
    assert np.array_equal(found[cover == 0], pixels[cover == 0])
    with pytest.raises(ReadError, match="background"):
        write_matte(tmp_path / "no.exr", cover, replace(plate, frame=9), options)
    with pytest.raises(ReadError, match="no single picture"):
        write_matte(tmp_path / "no.exr", cover, replace(plate, frame=None), options)
    wide = write_plate(tmp_path / "wide.exr", np.full((48, 128, 3), 0.5, np.float32), "float")
    notes = write_matte(tmp_path / "comp.exr", cover, plate, WriteOptions("comp", over=str(wide)))
    assert np.allclose(colours(read(tmp_path / "comp.exr"))[cover == 0], 0.5, atol=1e-3)
    assert any("scaled to fill" in note for note in notes)


def test_beside_adds_the_foreground_and_keeps_the_plate_bit_for_bit(tmp_path, exr, cover, light):
    before = read(exr)
    options = WriteOptions("beside", channel="matte.A", edge_colour="foreground", depth="float")
    write_matte(tmp_path / "beside.exr", cover, read_plate(exr), options)
    after = read(tmp_path / "beside.exr")
    assert set(after) == {*before, "matte.A", "fg.R", "fg.G", "fg.B"}
    for name, values in before.items():
        assert after[name].tobytes() == values.tobytes()
    assert np.allclose(colours(after, "fg."), foreground(light, cover, "linear"), atol=1e-6)
    again = read_plate(tmp_path / "beside.exr")
    with pytest.raises(WriteError, match=r"fg\.R"):
        write_matte(tmp_path / "twice.exr", cover, again, replace(options, channel="more.A"))
    write_matte(tmp_path / "plain.exr", cover, read_plate(exr), WriteOptions("beside"))
    assert set(read(tmp_path / "plain.exr")) == {*before, "A"}


def test_despill_reaches_the_file(tmp_path, write_plate, cover):
    plate = write_plate(tmp_path / "spill.exr", np.full((96, 128, 3), (0.2, 0.4, 0.3), np.float32), "float")
    for edges in (None, "plate"):
        options = WriteOptions("rgba", premultiplied=False, depth="float", edge_colour=edges, despill="green")
        write_matte(tmp_path / "out.exr", cover, read_plate(plate), options)
        assert np.allclose(colours(read(tmp_path / "out.exr"))[cover >= 1], (0.2, 0.3, 0.3), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (WriteOptions("comp"), "--over"),
        (WriteOptions("rgba", over="black"), "--over"),
        (WriteOptions("fg", edge_colour="plate"), "own colour"),
        (WriteOptions("matte", edge_colour="foreground"), "--edge-colour"),
        (WriteOptions("matte", despill="green"), "--despill"),
        (WriteOptions("rgba", despill="blue", despill_strength=2), "between 0 and 1"),
        (WriteOptions("rgba", despill_strength=0.5), "needs --despill"),
    ],
)
def test_what_contradicts_itself_is_refused(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        check_options(tmp_path / "out.exr", options)


@pytest.mark.filterwarnings("error")
def test_colours_and_what_is_none(tmp_path):
    assert np.allclose(parse_colour("0.1, 2 ,-3e-1"), (0.1, 2, -0.3))
    assert np.allclose(parse_colour("Green"), (0.05, 0.6, 0.05))
    for text in ("plate.exr", "#12345", "1,2", "1,2,3,4", "", "nan,0,0", "1e39,0,0", "0,-1e999,0"):
        assert parse_colour(text) is None
    with pytest.raises(UsageError, match="neither a file nor a colour"):
        check_background(str(tmp_path / "nothing.png"))
    check_background("behind.####.exr", 1001)
    with pytest.raises(UsageError, match="name one background"):  # not after a folder of photographs
        check_background("behind.####.exr", None)


@pytest.mark.parametrize("suffix", ["exr", "png"])
def test_a_comp_fills_the_format_however_its_plate_was_cropped(tmp_path, write_plate, light, cover, suffix):
    part = light[20:80, 30:110]
    source = write_plate(tmp_path / "p.exr", part, "float", window=(30, 20), display=(0, 0, 128, 96))
    alpha = np.ascontiguousarray(cover[20:80, 30:110])
    target = tmp_path / f"comp.{suffix}"
    write_matte(target, alpha, read_plate(source), WriteOptions("comp", over="grey", depth=None))
    found = colours(read(target))
    assert found.shape == light.shape
    behind = 0.18 if suffix == "exr" else float(linear_to_srgb(np.float32(0.18)))
    assert np.allclose(found[cover == 0], behind, atol=1e-3)
    check_existing(target, read_header(source, None, None), WriteOptions("comp", over="green"))


@pytest.mark.parametrize("output", ["rgba", "fg", "comp", "beside"])
def test_an_empty_frame_has_every_kind_of_output(tmp_path, write_plate, output):
    # A data window cannot be nothing, so an empty frame has a pixel.
    pixel = np.zeros((1, 1, 3), np.float32)
    plate = read_plate(write_plate(tmp_path / "p.exr", pixel, display=(0, 0, 64, 48)))
    assert plate.is_void
    over = "grey" if output == "comp" else None
    for despill in (None, "green"):
        options = WriteOptions(output, over=over, edge_colour="foreground", despill=despill)
        write_matte(tmp_path / "m.exr", np.zeros((1, 1), np.float32), plate, options)
    found = read(tmp_path / "m.exr")
    if output == "comp":
        assert np.allclose(colours(found), 0.18, atol=1e-3)
        assert found["R"].shape == (48, 64)
    else:
        assert not any(values.any() for values in found.values())
