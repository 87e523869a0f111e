"""The table of header fields: every name in it, through every kind of output; and the page that shows it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.files import header

from flyaway.frames import fields
from flyaway.frames.metadata import read_provenance
from flyaway.frames.read import read_plate
from flyaway.frames.write import WriteOptions, store_matte, write_matte

ROOT = Path(__file__).resolve().parents[2]
ALPHA = np.full((32, 48), 0.5, np.float32)
COLOUR = np.full((32, 48, 3), 0.25, np.float32)
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, 0.32168, 0.33767)
KINDS = ("matte", "rgba", "beside")
CHANNEL = {"matte": "matte", "beside": "matte"}

# A value for each name that is not of a kind that a writer takes by itself; any other gets a text.
VALUES = {
    "acesImageContainerFlag": 1,
    "chromaticities": ("float[8]", AP0),
    "adoptedNeutral": ("float[2]", (0.32, 0.34)),
    "whiteLuminance": 100.0,
    "dwaCompressionLevel": 45.0,
    "openexr:dwaCompressionLevel": 45.0,
    "PixelAspectRatio": 2.0,
    "XResolution": 300.0,
    "smpte:TimeCode": ("timecode", (0x10111213, 0)),
    "smpte:KeyCode": ("keycode", (12, 34, 567890, 1234, 5, 4, 64)),
    "framesPerSecond": ("rational", (24000, 1001)),
    "DateTime": "2021:03:04 05:06:07",
    "multiView": ("string[2]", ("left", "right")),
    "Exif:PixelXDimension": 6000,
    "oiio:ConstantColor": "0.25,0.25,0.25",
    "oiio:AverageColor": "0.25,0.25,0.25",
}
# What a library never hands on, or takes for itself: there is nothing to see in a file.
UNSEEN = {
    "channels", "dataWindow", "displayWindow", "lineOrder", "type", "version", "tiles", "chunkCount", "name",
    "maxSamplesPerPixel", "planarconfig", "textureformat", "compression", "Orientation", "oiio:ColorSpace",
    "colorInteropID", "YResolution", "ResolutionUnit", "view",
    "preview",
}  # fmt: skip


def names() -> list[tuple[fields.Field, str]]:
    """Every name of the table with its row; one that stands for many gets an ending."""
    every = [(row, name.replace("*", "sample")) for row in fields.FIELDS for name in row.names]
    return [(row, name if name != "sample" else "my/own/note") for row, name in every]


@pytest.fixture(scope="module")
def plate_path(tmp_path_factory) -> Path:
    """An EXR whose header has every field of the table that a file can have."""
    spec = oiio.ImageSpec(48, 32, 3, "half")
    # Not "compression": a plate that may be copied bit for bit. Not the ACES flag: a writer refuses it here.
    for _, name in names():
        if name in UNSEEN or name == "acesImageContainerFlag":
            continue
        value = VALUES.get(name, f"of {name}")
        if isinstance(value, tuple):
            spec.attribute(name, *value)
        else:
            spec.attribute(name, value)
    path = tmp_path_factory.mktemp("fields") / "p.exr"
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), spec), target.geterror()
    assert target.write_image(COLOUR)
    assert target.close()
    return path


def test_the_page_shows_the_table():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import make_headers
    finally:
        sys.path.pop(0)
    assert make_headers.PAGE.read_text("utf-8") == make_headers.page()
    assert fields.as_markdown().count("\n") == len(fields.FIELDS) + 2


def test_every_name_is_of_one_row():
    listed = [name.lower() for row in fields.FIELDS for name in row.names]
    assert len(listed) == len(set(listed))
    for row, name in names():
        assert fields.field_of(name) is row, name
        assert fields.field_of(name.upper()) is row, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("converted", [False, True])
def test_an_exr_gets_what_the_table_says(tmp_path, plate_path, kind, converted):
    plate = read_plate(plate_path, "ACEScct" if converted else None)
    before = {item.name.lower() for item in plate.spec.extra_attribs}
    write_matte(tmp_path / "m.exr", ALPHA, plate, WriteOptions(output=kind, channel=CHANNEL.get(kind, "A")))
    spec = header(tmp_path / "m.exr")
    after = {item.name.lower() for item in spec.extra_attribs}
    checked = 0
    for row, name in names():
        if name.lower() not in before:
            continue
        checked += 1
        verdict = row.verdict(kind, same_colour=not converted)
        if verdict == "kept":
            assert spec.get(name) == plate.spec.get(name), name
        elif verdict == "dropped":
            assert name.lower() not in after, name
        else:
            assert verdict == "rewritten", (name, verdict)
            assert name.lower() not in after or spec.get(name) != f"of {name}", name
    assert checked > 30  # or the plate has lost what the table is about


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("kind", ["matte", "rgba"])
def test_png_and_tiff_get_what_the_table_says(tmp_path, plate_path, suffix, kind):
    plate = read_plate(plate_path)
    write_matte(tmp_path / f"m{suffix}", ALPHA, plate, WriteOptions(output=kind))
    spec = header(tmp_path / f"m{suffix}")
    after = {item.name.lower(): item.value for item in spec.extra_attribs}
    for row, name in names():
        found = after.get(name.lower())
        verdict = row.verdict(kind, exr=False, same_format=False, same_colour=False)
        assert verdict != "kept" or name in UNSEEN or found is not None, (
            f"{name} is said to be kept, and is not"
        )
        assert verdict == "kept" or name in UNSEEN or found in (None, 1) or found != plate.spec.get(name), (
            name
        )
    assert spec.get("Copyright") == "of Copyright"
    assert spec.get("PixelAspectRatio") == pytest.approx(2, rel=1e-3)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".exr"])
def test_timecode_that_a_format_has_no_place_for_is_told(tmp_path, plate_path, suffix):
    notes = write_matte(tmp_path / f"m{suffix}", ALPHA, read_plate(plate_path), WriteOptions())
    assert any("timecode" in note for note in notes) == (suffix != ".exr")


def test_a_tiff_says_what_it_says_once(tmp_path, plate_path):
    write_matte(tmp_path / "m.tif", ALPHA, read_plate(plate_path), provenance={"model": "fast"})
    lines = str(header(tmp_path / "m.tif").get("ImageDescription")).splitlines()
    ours = [line.partition("=")[0] for line in lines if line.startswith("flyaway:")]
    assert {"flyaway:model", "flyaway:pixels", "flyaway:encoding"} <= set(ours)
    assert len(ours) == len(set(ours))


@pytest.fixture
def aces(tmp_path) -> Path:
    """An ACES image container: half, AP0, uncompressed, and a header that says so."""
    spec = oiio.ImageSpec(48, 32, 3, "half")
    spec.attribute("acesImageContainerFlag", 1)
    spec.attribute("compression", "none")
    spec.attribute("chromaticities", "float[8]", AP0)
    spec.attribute("smpte:TimeCode", "timecode", (0x10111213, 0))
    path = tmp_path / "aces.exr"
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), spec), target.geterror()
    assert target.write_image(COLOUR)
    assert target.close()
    assert header(path).get("acesImageContainerFlag") == 1
    return path


@pytest.mark.parametrize("compression", [None, "none"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_aces_container_is_matted_into_files_that_claim_to_be_none(tmp_path, aces, kind, compression):
    plate = read_plate(aces)
    options = WriteOptions(output=kind, compression=compression, channel=CHANNEL.get(kind, "A"))
    landed = store_matte(tmp_path / "m.exr", ALPHA, plate, options)
    assert [note for note in landed.notes if "acesImageContainerFlag" in note] == list(landed.notes)
    assert len(landed.notes) == 1
    spec = header(tmp_path / "m.exr")
    assert spec.get("acesImageContainerFlag") is None
    assert spec.get("smpte:TimeCode") == plate.spec.get("smpte:TimeCode")
    assert (spec.get("chromaticities", None) is None) == (kind == "matte")
    for suffix in (".png", ".tif"):
        if kind != "beside":
            write_matte(tmp_path / f"m{suffix}", ALPHA, plate, WriteOptions(output=kind))


def test_a_flag_that_says_no_is_not_told(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.exr", COLOUR, metadata={"acesImageContainerFlag": 0}))
    assert store_matte(tmp_path / "m.exr", ALPHA, plate).notes == ()


@pytest.mark.parametrize("suffix", [".exr", ".png", ".tif"])
@pytest.mark.parametrize("kind", ["matte", "rgba"])
def test_an_output_that_is_a_plate_again_says_nothing_of_the_old_file(tmp_path, write_plate, suffix, kind):
    first = read_plate(write_plate(tmp_path / "p.exr", COLOUR, metadata={"ImageDescription": "Slate 12"}))
    between = tmp_path / f"between{suffix}"
    old = {"model": "older", "stages": "coarse", "licence": "X", "window": "cropped to its content"}
    write_matte(between, ALPHA, first, WriteOptions(output="rgba"), old)
    assert read_provenance(header(between))["window"] == old["window"]
    again = tmp_path / "again.exr"
    write_matte(again, ALPHA, read_plate(between), WriteOptions(output=kind), {"model": "newer"})
    told = read_provenance(header(again))
    about = {"encoding": "linear coverage"} if kind == "matte" else {"colour": "premultiplied"}
    own = {"model": "newer", "version": told["version"], "pixels": told["pixels"], "channel": "A"}
    assert told == own | about
    assert "flyaway:" not in str(header(again).get("ImageDescription", ""))
    assert suffix == ".png" or header(again).get("ImageDescription") == "Slate 12"


def test_a_quarter_turn_exchanges_across_and_down(tmp_path, write_plate):
    metadata = {"Orientation": 6, "XResolution": 300.0, "YResolution": 150.0, "PixelAspectRatio": 0.5}
    plate = read_plate(write_plate(tmp_path / "p.tif", COLOUR, "uint8", metadata=metadata))
    assert plate.spec.get("PixelAspectRatio") == 0.5
    write_matte(tmp_path / "m.tif", np.full((48, 32), 0.5, np.float32), plate)
    spec = header(tmp_path / "m.tif")
    assert (spec.width, spec.height, spec.get("Orientation", 1)) == (32, 48, 1)
    assert (spec.get("XResolution"), spec.get("YResolution")) == (150, 300)
    assert spec.get("PixelAspectRatio") == 2


def test_a_png_matte_is_not_marked_as_its_plates_colour(tmp_path, write_plate):
    cicp = ("int[4]", (9, 16, 0, 1))  # BT.2020, PQ
    path = write_plate(tmp_path / "p.png", COLOUR, "uint16", metadata={"CICP": cicp})
    if header(path).get("CICP", None) is None:
        pytest.skip("this OpenImageIO writes no cICP")
    write_matte(tmp_path / "m.png", ALPHA, read_plate(path, "srgb"))
    assert b"cICP" not in (tmp_path / "m.png").read_bytes()
    write_matte(tmp_path / "c.png", ALPHA, read_plate(path, "srgb"), WriteOptions(output="rgba"))
    assert header(tmp_path / "c.png").get("CICP", None) in (None, (1, 13, 0, 1))


def test_a_description_that_is_no_utf8_fails_no_tiff(tmp_path):
    from tests.frames.exr_bytes import attribute, exr

    path = tmp_path / "p.exr"
    path.write_bytes(exr(extra=attribute("comments", "string", b"caf\xe9"), size=(48, 32)))
    write_matte(tmp_path / "m.tif", ALPHA, read_plate(path), None, {"model": "fast"})
    assert read_provenance(header(tmp_path / "m.tif"))["model"] == "fast"


def test_the_models_licence_is_called_what_it_is():
    spec = oiio.ImageSpec(4, 4, 1, "half")
    spec.attribute("flyaway:licence", "GPL-3.0-or-later")  # as files of older versions have it
    assert read_provenance(spec) == {"modelLicence": "GPL-3.0-or-later"}
    spec.attribute("flyaway:modelLicence", "Apache-2.0")
    assert read_provenance(spec) == {"modelLicence": "Apache-2.0"}
