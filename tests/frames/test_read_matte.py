"""Our mattes read again: the channel that a header says, and where a file lies that cannot say so."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.frames.movies import av  # noqa: F401 -- skips by name where PyAV is missing

from flyaway import ReadError, UsageError
from flyaway.frames import ReadOptions, WriteOptions, read_plate, write_matte
from flyaway.frames.masks import read_mask
from flyaway.frames.metadata import read_provenance
from flyaway.frames.movie_write import MovieOptions, write_movie
from flyaway.frames.patterns import FrameJob
from flyaway.frames.read_matte import read_matte
from flyaway.frames.write import store_matte
from flyaway.review import review_frames

H, W = 64, 96
COLOUR = np.random.default_rng(5).random((H, W, 3), np.float32)
ALPHA = np.tile(np.linspace(0, 1, W, dtype=np.float32), (H, 1))
OPAQUE = np.concatenate([COLOUR, np.ones((H, W, 1), np.float32)], axis=-1)


def in_parts(path):
    """A file of three parts: a depth, a picture with an alpha of its own, and a layer of light."""
    parts = (
        ("depth", ("Z",), OPAQUE[..., 3:]),
        ("beauty", ("R", "G", "B", "A"), OPAQUE),
        ("diff", ("diffuse.R", "diffuse.G", "diffuse.B"), COLOUR),
    )
    specs = []
    for name, channels, _ in parts:
        spec = oiio.ImageSpec(W, H, len(channels), "half")
        spec.channelnames = channels
        spec.attribute("oiio:subimagename", name)
        specs.append(spec)
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), tuple(specs))
    for index, (_, _, pixels) in enumerate(parts):
        assert index == 0 or target.open(str(path), specs[index], "AppendSubimage")
        assert target.write_image(np.ascontiguousarray(pixels))
    assert target.close()
    return path


@pytest.fixture(params=["a channel beside the plate's alpha", "a part beside one with an alpha"])
def beside(request, tmp_path, write_plate):
    """A plate, and its matte beside the plate's own channels, of which one could be taken for it."""
    if "part" in request.param:
        path, read, options = in_parts(tmp_path / "p.exr"), ReadOptions(part="diff"), WriteOptions("beside")
    else:
        path, read = write_plate(tmp_path / "p.exr", OPAQUE), ReadOptions()
        options = WriteOptions("beside", channel="mask.A")
    plate = read_plate(path, options=read)
    write_matte(tmp_path / "m.exr", ALPHA, plate, options)
    return plate, tmp_path / "m.exr"


def test_the_matte_is_the_channel_that_its_header_says(tmp_path, beside):
    plate, matte = beside
    found = read_matte(matte)
    assert found.said
    np.testing.assert_allclose(found.alpha, ALPHA, atol=2**-11)
    np.testing.assert_allclose(read_mask(matte, plate, "core"), ALPHA, atol=2**-11)
    write_movie(tmp_path / "o.mov", [(plate.path, 1)], [matte])
    np.testing.assert_allclose(read_plate(tmp_path / "o.mov", frame=1).alpha, ALPHA, atol=1.2 / 1023)
    review = review_frames([FrameJob(plate.path, matte, 1)])
    assert review.frames[0].coverage == pytest.approx(ALPHA.mean(), abs=1e-3)
    assert not review.faulty


def test_a_matte_that_is_solid_throughout_is_no_painted_mask(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.exr", COLOUR))
    write_matte(tmp_path / "m.exr", np.ones_like(ALPHA), plate, WriteOptions("beside", channel="mask.A"))
    assert (read_mask(tmp_path / "m.exr", plate, "core") == 1).all()


@pytest.mark.parametrize("channel", ["A", "mask.A", "mask.a"])
def test_a_matte_and_its_unknown_region_are_told_apart_by_any_name(tmp_path, write_plate, channel):
    plate = read_plate(write_plate(tmp_path / "p.exr", COLOUR))
    store_matte(
        tmp_path / "m.exr", ALPHA, plate, WriteOptions(channel=channel, unknown=True), unknown=1 - ALPHA
    )
    np.testing.assert_allclose(read_matte(tmp_path / "m.exr").alpha, ALPHA, atol=2**-11)
    np.testing.assert_allclose(read_matte(tmp_path / "m.exr", "unknown.A").alpha, 1 - ALPHA, atol=2**-11)


def test_a_channel_that_is_asked_for_wins_over_what_is_said(tmp_path, beside):
    plate, matte = beside
    with pytest.raises(ReadError, match="no channel nix among its channels"):
        read_matte(matte, "nix")
    asked = "A" if "mask.A" in read_matte(matte).spec.channelnames else "Z"
    assert (read_matte(matte, asked).alpha == 1).all()
    write_movie(tmp_path / "o.mov", [(plate.path, 1)], [matte], MovieOptions(channel=asked))
    np.testing.assert_allclose(read_plate(tmp_path / "o.mov", frame=1).alpha, 1, atol=1.2 / 1023)


def test_a_header_that_names_no_channel_of_its_file_is_not_believed(tmp_path, write_plate):
    """As those of `--output rgba --channel matte.A` were."""
    path = write_plate(tmp_path / "m.exr", OPAQUE, metadata={"flyaway:channel": "matte.A"})
    found = read_matte(path)
    assert not found.said
    assert (found.alpha == 1).all()


@pytest.mark.parametrize(
    ("name", "options", "channel"),
    [
        ("m.exr", WriteOptions(), "A"),
        ("m.exr", WriteOptions(channel="matte.A"), "matte.A"),
        ("m.exr", WriteOptions("rgba"), "A"),
        ("m.exr", WriteOptions("unknown"), "unknown.A"),
        ("m.exr", WriteOptions("unknown", channel="u"), "u"),
        ("m.exr", WriteOptions("beside", channel="m"), "m"),
        ("m.exr", WriteOptions("fg"), None),
        ("m.exr", WriteOptions("comp", over="green"), None),
        ("m.png", WriteOptions(), None),
        ("m.tif", WriteOptions("rgba"), None),
    ],
)
def test_a_header_names_a_channel_that_its_file_has(tmp_path, write_plate, name, options, channel):
    plate = read_plate(write_plate(tmp_path / "p.exr", COLOUR))
    store_matte(tmp_path / name, ALPHA, plate, options, unknown=ALPHA)
    source = oiio.ImageInput.open(str(tmp_path / name))
    spec = source.spec()
    source.close()
    assert read_provenance(spec).get("channel") == channel
    assert channel is None or channel in spec.channelnames


@pytest.mark.parametrize(
    ("name", "options", "why"),
    [
        ("m.exr", WriteOptions("rgba", channel="matte.A"), "its alpha, A"),
        ("m.exr", WriteOptions("fg", channel="Z"), "it holds no matte"),
        ("m.exr", WriteOptions("comp", channel="Z", over="green"), "it holds no matte"),
        ("m.png", WriteOptions(channel="matte.A"), "only EXR keeps a channel's name"),
        ("m.tif", WriteOptions(channel="matte.A"), "only EXR keeps a channel's name"),
    ],
)
def test_a_channels_name_that_would_be_ignored_is_refused(tmp_path, write_plate, name, options, why):
    plate = read_plate(write_plate(tmp_path / "p.exr", COLOUR))
    with pytest.raises(UsageError, match=why):
        write_matte(tmp_path / name, ALPHA, plate, options)
    assert not (tmp_path / name).exists()


@pytest.fixture(params=[(20, 16), (1000, 1000), (-100, -50)], ids=str)
def shifted(request, tmp_path, write_plate):
    """A plate whose format begins at neither 0 nor 0, and fills it."""
    path = write_plate(tmp_path / "p.exr", COLOUR, window=request.param, display=(*request.param, W, H))
    return read_plate(path)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".exr"])
def test_a_matte_lies_on_its_plate_wherever_the_format_begins(tmp_path, shifted, suffix):
    path = tmp_path / f"m{suffix}"
    write_matte(path, ALPHA, shifted, WriteOptions(depth="float" if suffix == ".exr" else "uint16"))
    if suffix != ".exr":
        source = oiio.ImageInput.open(str(path))
        spec = source.spec()
        source.close()
        assert (spec.x, spec.y, spec.full_x, spec.full_y) == (0, 0, 0, 0)
        assert (spec.width, spec.height, spec.full_width, spec.full_height) == (W, H, W, H)
    np.testing.assert_allclose(read_mask(path, shifted, "core"), ALPHA, atol=1e-5)
    write_movie(tmp_path / "o.mov", [(shifted.path, 1)], [path])
    np.testing.assert_allclose(read_plate(tmp_path / "o.mov", frame=1).alpha, ALPHA, atol=1.2 / 1023)
    review = review_frames([FrameJob(shifted.path, path, 1)])
    assert review.frames[0].coverage == pytest.approx(ALPHA.mean(), abs=1e-3)
    assert not review.faulty


@pytest.mark.parametrize("suffix", [".tif", ".png"])
def test_a_comp_lies_under_another_as_it_is(tmp_path, shifted, suffix):
    path = tmp_path / f"c{suffix}"
    write_matte(path, ALPHA, shifted, WriteOptions("comp", over="green"))
    notes = write_matte(
        tmp_path / "cc.exr", np.zeros_like(ALPHA), shifted, WriteOptions("comp", over=str(path))
    )
    assert not [note for note in notes if "scaled" in note]


@pytest.mark.parametrize("origin", [(20, 16), (1000, 1000)])
def test_a_tiff_of_before_lies_where_it_was_meant(tmp_path, write_plate, origin):
    """Earlier releases wrote the plate's place into a TIFF, which keeps half of it."""
    write_plate(
        tmp_path / "m.tif",
        ALPHA[..., None],
        "float",
        channels=("Y",),
        window=origin,
        display=(*origin, W, H),
        metadata={"ImageDescription": "Slate 12\nflyaway:version=0.1.0\nflyaway:channel=A"},
    )
    plate = read_plate(write_plate(tmp_path / "p.exr", COLOUR, window=origin, display=(*origin, W, H)))
    np.testing.assert_allclose(read_mask(tmp_path / "m.tif", plate, "core"), ALPHA, atol=1e-6)
    write_movie(tmp_path / "o.mov", [(plate.path, 1)], [tmp_path / "m.tif"])
    np.testing.assert_allclose(read_plate(tmp_path / "o.mov", frame=1).alpha, ALPHA, atol=1.2 / 1023)
