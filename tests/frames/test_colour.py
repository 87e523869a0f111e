"""Colour spaces: by name, by configuration, by file; each against a value that is published."""

from __future__ import annotations

import numpy as np
import pytest
from tests.ocio import STUDIO_CONFIG

from flyaway import EncodingUnknownError
from flyaway.color import resolve_config, resolve_space, srgb_to_linear
from flyaway.frames import ReadOptions, WriteOptions, read_plate, write_matte


@pytest.fixture
def studio_config(tmp_path):
    path = tmp_path / "house" / "config.ocio"
    path.parent.mkdir()
    path.write_text(STUDIO_CONFIG.format(working="half_light"))
    return path


def grey(value: float) -> np.ndarray:
    return np.full((32, 32, 3), value, np.float32)


def light(plate) -> float:
    """The one scene-linear Rec.709 value that the matting is given."""
    pixels, encoding = plate.for_matting()
    linear = srgb_to_linear(pixels) if encoding == "srgb" else pixels
    assert float(np.ptp(linear)) < 1e-5
    return float(linear.mean())


@pytest.mark.parametrize(
    ("space", "code", "expected"),
    [
        # Kodak's reference white and black, 18 % grey on film by the same formula, and above white.
        ("Cineon", 685 / 1023, 1.0),
        ("cineon", 95 / 1023, 0.0),
        ("Cineon", 470 / 1023, 0.1831),
        ("Cineon", 1.0, 13.53),
        # Published code values of 18 % grey.
        ("ACEScct", 0.4135884, 0.18),
        ("ARRI LogC3 (EI800)", 0.391007, 0.18),
        ("ARRI LogC4", 0.2783958, 0.18),
        ("S-Log3 S-Gamut3", 420 / 1023, 0.18),
        ("Log3G10 REDWideGamutRGB", 1 / 3, 0.18),
        ("V-Log V-Gamut", 0.4233, 0.18),
        ("ACEScg", 0.18, 0.18),
        ("scene_linear", 0.18, 0.18),
        ("lin_rec2020_scene", 0.18, 0.18),
        ("srgb", 0.4613561, 0.18),
    ],
)
def test_a_space_by_name(tmp_path, write_plate, space, code, expected):
    plate = read_plate(write_plate(tmp_path / "p.exr", grey(code), "float"), in_space=space)
    # White is where the display-referred conversion clips nothing either: it is undone above.
    assert light(plate) == pytest.approx(expected, rel=2e-3, abs=1e-4)


def test_a_film_scan_says_which_option_to_use_and_it_works(tmp_path, write_plate):
    path = write_plate(
        tmp_path / "p.dpx", grey(445 / 1023), "uint16", metadata={"dpx:Transfer": "Printing density"}
    )
    with pytest.raises(EncodingUnknownError, match="--in-space: Cineon for a film scan"):
        read_plate(path)
    assert light(read_plate(path, in_space="Cineon")) == pytest.approx(0.149, abs=1e-3)


def test_primaries_are_converted_not_only_named(tmp_path, write_plate):
    # AP1 red in Rec.709 (Bradford, D60 → D65): 1.7051, −0.1302, −0.0240.
    red = np.zeros((32, 32, 3), np.float32)
    red[..., 0] = 1
    pixels, _ = read_plate(write_plate(tmp_path / "p.exr", red, "float"), in_space="ACEScg").for_matting()
    np.testing.assert_allclose(pixels[0, 0], [1.7051, -0.1302, -0.0240], atol=1e-3)


def test_a_studios_own_configuration(tmp_path, write_plate, studio_config, monkeypatch):
    path = write_plate(tmp_path / "p.exr", grey(0.5), "float")
    named = ReadOptions(in_space="house_log", config=str(studio_config))
    assert light(read_plate(path, options=named)) == pytest.approx(10**0.5, rel=1e-3)
    with pytest.raises(EncodingUnknownError, match="house_log"):
        read_plate(path, in_space="house_log")
    monkeypatch.setenv("OCIO", str(studio_config))
    assert light(read_plate(path, in_space="house_log")) == pytest.approx(10**0.5, rel=1e-3)


def test_an_exr_that_says_nothing_is_the_configurations_scene_linear(tmp_path, write_plate, studio_config):
    path = write_plate(tmp_path / "p.exr", grey(0.36), "float")
    assert light(read_plate(path)) == pytest.approx(0.36)
    plate = read_plate(path, options=ReadOptions(config=str(studio_config)))
    assert light(plate) == pytest.approx(0.18, rel=1e-3)
    assert any("scene_linear" in note for note in plate.notes)


def test_file_rules_are_heeded(tmp_path, write_plate, studio_config):
    path = write_plate(tmp_path / "scan_7.exr", grey(0.5), "float")
    plate = read_plate(path, options=ReadOptions(config=str(studio_config)))
    assert plate.space == "house_log"
    assert any("file rule" in note for note in plate.notes)


@pytest.mark.parametrize("name", ["cg", "studio", "ocio://default"])
def test_configurations_by_name(name):
    assert resolve_space("ACEScg", resolve_config(name)) == "ACEScg"


def test_a_configuration_that_is_none_is_named(tmp_path):
    with pytest.raises(EncodingUnknownError, match="nowhere"):
        resolve_config(str(tmp_path / "nowhere.ocio"))
    broken = tmp_path / "broken.ocio"
    broken.write_text("ocio_profile_version: 2\ncolorspaces: [oh dear")
    with pytest.raises(EncodingUnknownError, match="cannot be read"):
        resolve_config(str(broken))


def test_a_near_miss_is_answered_with_the_name():
    with pytest.raises(EncodingUnknownError, match=r"Did you mean.*'ARRI LogC4'"):
        resolve_space("ARRI LogC-4")


@pytest.mark.parametrize(
    "space", ["ACEScg", "ARRI LogC4", "S-Log3 S-Gamut3.Cine", "Cineon", "srgb", "linear"]
)
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("o.exr", WriteOptions("rgba")),
        ("o.exr", WriteOptions("rgba", depth="float")),
        ("o.tif", WriteOptions("rgba", depth="float")),
        ("o.tif", WriteOptions("rgba", depth="uint16")),
        ("o.png", WriteOptions("rgba")),
    ],
)
def test_colour_is_written_as_its_format_means_it(tmp_path, write_plate, space, name, options):
    """Log in an EXR, or ACEScg in a PNG, would be another picture to whoever opens it."""
    code = np.broadcast_to(np.float32([0.40, 0.36, 0.32]), (32, 32, 3))
    plate = read_plate(write_plate(tmp_path / "p.exr", np.ascontiguousarray(code), "float"), space)
    notes = write_matte(tmp_path / name, np.full((32, 32), 0.5, np.float32), plate, options)
    # Read as anybody would, who is told nothing.
    again = read_plate(tmp_path / name)
    np.testing.assert_allclose(rec709(again), rec709(plate), rtol=2e-3, atol=2e-4)
    stays = space in ("srgb", "linear") or (space == "ACEScg" and name == "o.exr")
    assert any("was converted from" in note for note in notes) is not stays
    if space == "ACEScg" and name == "o.exr":
        np.testing.assert_allclose(again.pixels, code, rtol=1e-3)  # linear already: not touched


def test_converted_colour_says_its_primaries_to_who_has_a_configuration(
    tmp_path, write_plate, studio_config, monkeypatch
):
    plate = read_plate(write_plate(tmp_path / "p.exr", grey(0.4)), "ARRI LogC4")
    write_matte(tmp_path / "o.exr", np.ones((32, 32), np.float32), plate, WriteOptions("rgba"))
    monkeypatch.setenv("OCIO", str(studio_config))
    again = read_plate(tmp_path / "o.exr")
    assert again.space == "linear"
    assert light(again) == pytest.approx(light(plate), rel=1e-3)


def rec709(plate) -> np.ndarray:
    """H×W×3, the scene-linear Rec.709 light that the matting is given."""
    pixels, encoding = plate.for_matting()
    return srgb_to_linear(pixels) if encoding == "srgb" else pixels
