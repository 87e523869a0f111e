"""An alpha that comes with a plate: believed where it can be true, and otherwise as somebody says."""

from __future__ import annotations

import numpy as np
import pytest

from flyaway.batch.job import run_options
from flyaway.batch.jobfile import load_job
from flyaway.errors import JobError
from flyaway.frames import ReadOptions, WriteOptions, read_plate, write_matte

PERSON = np.random.default_rng(3).uniform(0.1, 0.9, (40, 48, 3)).astype(np.float32)
ROTO = np.tile(np.linspace(0, 1, 48, dtype=np.float32), (40, 1))


def read(path, alpha_in="auto"):
    return read_plate(path, options=ReadOptions(alpha_in=alpha_in))


def rgba(colour, alpha) -> np.ndarray:
    return np.concatenate([colour, alpha[..., None]], axis=-1).astype(np.float32)


@pytest.fixture
def never_multiplied(tmp_path, write_plate):
    """A soft roto in the alpha of an EXR whose colour was left alone, down to hardly any coverage."""
    alpha = np.maximum(ROTO, np.float32(1e-5))
    return write_plate(tmp_path / "roto.exr", rgba(PERSON, alpha), "float")


def test_a_roto_that_nobody_multiplied_by_is_told_and_left_alone(never_multiplied, tmp_path):
    plate = read(never_multiplied)
    np.testing.assert_array_equal(plate.pixels, PERSON)
    assert not plate.premultiplied
    assert any("cannot be the coverage" in note and "--alpha-in" in note for note in plate.notes)
    write_matte(tmp_path / "o.exr", np.ones((40, 48), np.float32), plate, WriteOptions("rgba"))
    assert read(tmp_path / "o.exr").pixels.max() <= 0.9


def test_who_insists_gets_a_bounded_division(never_multiplied):
    plate = read(never_multiplied, "premultiplied")
    assert plate.premultiplied
    assert plate.pixels.max() < 0.9 * 16.1
    assert not plate.notes


@pytest.mark.parametrize("alpha_in", ["straight", "ignore"])
def test_who_says_that_it_is_not_multiplied_is_believed(tmp_path, write_plate, alpha_in):
    stored = rgba(PERSON * ROTO[..., None], ROTO)
    plate = read(write_plate(tmp_path / "p.exr", stored, "float"), alpha_in)
    np.testing.assert_array_equal(plate.pixels, stored[..., :3])
    assert not plate.premultiplied
    assert not plate.notes
    assert (plate.alpha is None) == (alpha_in == "ignore")


def test_a_premultiplied_png_can_be_divided(tmp_path, write_plate):
    """PNG is straight by definition; some programs do not care."""
    path = write_plate(tmp_path / "p.png", rgba(PERSON * ROTO[..., None], ROTO), "uint16")
    well = ROTO >= 1 / 16
    np.testing.assert_allclose(read(path, "premultiplied").pixels[well], PERSON[well], atol=1e-3)
    assert not read(path).premultiplied


# What each format's alpha is, where nobody says: its colour at half coverage comes back as it was meant.
@pytest.mark.parametrize(
    ("name", "kind", "multiplied"),
    [
        ("p.bmp", "uint8", False),
        ("p.png", "uint8", False),
        ("p.webp", "uint8", False),
        ("p.tga", "uint8", False),
        ("p.tif", "uint8", False),
        ("p.exr", "half", True),
    ],
)
def test_what_each_formats_alpha_is(tmp_path, write_plate, name, kind, multiplied):
    colour = np.tile(np.float32([0.8, 0.6, 0.4]), (40, 48, 1))
    alpha = np.full((40, 48), 0.5, np.float32)
    stored = rgba(colour * 0.5 if multiplied else colour, alpha)
    plate = read(write_plate(tmp_path / name, stored, kind))
    tolerance = 0.03 if name == "p.webp" else 0.01
    np.testing.assert_allclose(plate.pixels, colour, atol=tolerance)
    assert plate.premultiplied is multiplied
    assert not plate.notes


def test_a_32_bit_bmp_is_straight_byte_for_byte(tmp_path):
    """Written here, so that no library decides what its bytes mean: BGRA, colour beside alpha."""
    pixels = np.zeros((40, 48, 4), np.uint8)
    pixels[...] = (40, 80, 200, 64)
    head = b"BM" + (54 + pixels.nbytes).to_bytes(4, "little") + bytes(4) + (54).to_bytes(4, "little")
    words = (40, 48, 40, 1 | 32 << 16, 0, pixels.nbytes, 2835, 2835, 0, 0)
    path = tmp_path / "p.bmp"
    path.write_bytes(head + b"".join(word.to_bytes(4, "little") for word in words) + pixels.tobytes())
    plate = read(path)
    np.testing.assert_allclose(plate.pixels[0, 0], np.float32([200, 80, 40]) / 255, atol=1e-6)
    np.testing.assert_allclose(plate.alpha, 64 / 255, atol=1e-6)
    assert not plate.premultiplied


def test_a_tiff_that_says_associated_is_divided(tmp_path, write_plate):
    stored = rgba(PERSON * ROTO[..., None], ROTO)
    path = write_plate(tmp_path / "p.tif", stored, "uint16", metadata={"oiio:UnassociatedAlpha": 0})
    well = ROTO >= 1 / 16
    np.testing.assert_allclose(read(path).pixels[well], PERSON[well], atol=1e-3)


def test_a_job_file_says_it_for_each_shot(tmp_path):
    job = tmp_path / "night.toml"
    job.write_text(
        '[defaults]\nalpha_in = "straight"\noutputs = ["m/"]\n[[shots]]\nname = "a"\nsource = "a.exr"\n'
        '[[shots]]\nname = "b"\nsource = "b.exr"\nalpha_in = "premultiplied"\n'
    )
    assert [run_options(shot, "resume").read.alpha_in for shot in load_job(job).shots] == [
        "straight",
        "premultiplied",
    ]
    job.write_text(job.read_text().replace("straight", "associated"))
    with pytest.raises(JobError, match="alpha_in is one of auto, premultiplied, straight, ignore"):
        load_job(job)
    table = tmp_path / "shots.csv"
    table.write_text("shot,source,output,alpha_in\na,a.exr,m/,ignore\n")
    assert load_job(table).shots[0].alpha_in == "ignore"
