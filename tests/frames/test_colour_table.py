"""One rule for what a picture's colour is, cell by cell; and that what is written says what it is."""

from __future__ import annotations

import numpy as np
import pytest
from tests.frames import colour_cells, colour_profiles
from tests.frames.colour_cells import AWG4, PAGE, Cell

from flyaway.colorimetry import srgb_to_linear
from flyaway.errors import EncodingUnknownError
from flyaway.frames import WriteOptions, icc, read_plate, write_matte

CELLS = colour_cells.cells()


def read(cell: Cell, folder):
    if cell.container == "movie":
        pytest.importorskip("av", reason="PyAV is not installed: pip install 'flyaway[movie]'")
    cell.make(folder / cell.name)
    return read_plate(folder / cell.name, frame=1 if cell.container == "movie" else None)


def light(plate) -> np.ndarray:
    """H×W×3 scene-linear Rec.709, as the matting is given it."""
    pixels, encoding = plate.for_matting()
    return srgb_to_linear(pixels) if encoding == "srgb" else pixels


def flat(code: float) -> np.ndarray:
    return np.full((32, 32, 3), code, np.float32)


def cell_of(name: str) -> Cell:
    return next(cell for cell in CELLS if cell.name == name)


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: f"{cell.container}-{cell.tag}")
def test_each_cell(tmp_path, cell):
    if cell.light is None:
        with pytest.raises(EncodingUnknownError, match=cell.told):
            read(cell, tmp_path)
        return
    plate = read(cell, tmp_path)
    middle = light(plate)[8:24, 8:24].mean(axis=(0, 1))
    np.testing.assert_allclose(middle, cell.light, atol=cell.tolerance)
    assert (cell.told in "; ".join(plate.notes)) if cell.told else plate.notes == ()


def test_the_page_shows_it(tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed: pip install 'flyaway[movie]'")
    assert PAGE.read_text("utf-8") == colour_cells.page(tmp_path)


@pytest.mark.parametrize("target", ["o.exr", "o.png", "o.tif"])
@pytest.mark.parametrize(
    "name", ["ca.exr", "cx.exr", "c0.exr", "ic.exr", "ip.png", "ir.tif", "c9.png", "pq.png"]
)
def test_what_is_written_means_the_same_to_who_is_told_nothing(tmp_path, name, target):
    """Of a plate in any colour: colour and its marks agree, and neither its profile nor its cICP is left."""
    plate = read(cell_of(name), tmp_path)
    write_matte(tmp_path / target, np.ones((32, 32), np.float32), plate, WriteOptions("rgba"))
    again = read_plate(tmp_path / target)
    assert again.notes == ()
    meant = light(plate) if target == "o.exr" else np.clip(light(plate), 0, 1)
    np.testing.assert_allclose(light(again), meant, atol=3e-3)
    assert again.spec.get("ICCProfile", None) is None
    assert again.spec.get("CICP", None) is None


@pytest.mark.parametrize("name", ["ca.exr", "cx.exr"])
def test_a_cameras_primaries_are_kept_and_no_other_are_named(tmp_path, name):
    plate = read(cell_of(name), tmp_path)
    write_matte(tmp_path / "o.exr", np.ones((32, 32), np.float32), plate, WriteOptions("rgba"))
    again = read_plate(tmp_path / "o.exr")
    assert again.spec.get("colorInteropID", None) is None
    np.testing.assert_allclose(again.spec.get("chromaticities"), plate.spec.get("chromaticities"), atol=1e-6)
    np.testing.assert_allclose(again.pixels, plate.pixels, rtol=1e-3)


def test_who_overrules_the_primaries_gets_them_written(tmp_path, write_plate):
    path = write_plate(
        tmp_path / "p.exr",
        np.full((32, 32, 3), 0.3, np.float32),
        metadata={"chromaticities": ("float[8]", AWG4)},
    )
    write_matte(
        tmp_path / "o.exr", np.ones((32, 32), np.float32), read_plate(path, "ACEScg"), WriteOptions("rgba")
    )
    again = read_plate(tmp_path / "o.exr")
    assert again.space == "lin_ap1_scene"
    assert again.spec.get("chromaticities")[0] == pytest.approx(0.713)


def test_the_same_frame_as_movie_and_as_still_is_one_picture(tmp_path):
    """FFmpeg writes cICP 1, 1 into the PNGs that it makes of BT.709 video."""
    movie, still = read(cell_of("m1.mov"), tmp_path), read(cell_of("c1.png"), tmp_path)
    assert movie.space == still.space == "srgb"
    np.testing.assert_allclose(movie.pixels, still.pixels, atol=4e-3)


@pytest.mark.parametrize("space", ["PQ", "HLG", "Rec.2100-PQ - Display", "Rec.2100-HLG - Display"])
def test_reference_white_is_white(tmp_path, write_plate, space):
    code = 0.58069 if "PQ" in space else 0.75
    plate = read_plate(write_plate(tmp_path / "p.exr", flat(code), "float"), space)
    np.testing.assert_allclose(light(plate), 1, atol=2e-3)


def test_a_photograph_in_hdr_is_the_photograph(tmp_path, write_plate, astronaut):
    """In PQ with its white at 203 cd/m², as BT.2408 maps it: the network is given the same picture."""
    linear = srgb_to_linear(astronaut[:128, 160:288].astype(np.float32) / 255)
    to_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
    nits = np.clip(linear @ to_2020.T, 0, None) * 203 / 10_000
    power = nits ** (2610 / 16384)
    code = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    plate = read_plate(write_plate(tmp_path / "p.exr", code.astype(np.float32), "float"), "PQ")
    np.testing.assert_allclose(light(plate), linear, atol=1e-3)


def test_highlights_of_hdr_stay_above_white(tmp_path, write_plate):
    plate = read_plate(write_plate(tmp_path / "p.exr", flat(1), "float"), "PQ")
    np.testing.assert_allclose(light(plate), 10_000 / 203, rtol=1e-3)


def test_profiles_from_outside_are_bounded():
    """Whatever is in a profile: a meaning, or None, and never more memory than a curve takes."""
    rng = np.random.default_rng(5)
    for _ in range(400):
        data = bytearray(colour_profiles.P3_ICC)
        for place in rng.integers(0, len(data), 6):
            data[place] = rng.integers(256)
        found = icc.parse(bytes(data[: rng.integers(100, len(data) + 1)]))
        if found is not None:
            assert found.to_rec709(np.full((2, 2, 3), 0.5, np.float32)).shape == (2, 2, 3)
    assert icc.parse(b"") is None
    endless = b"curv" + bytes(4) + b"\x7f\xff\xff\xff" + bytes(8)
    huge = colour_profiles.profile("x", colour_profiles.P3_XYZ, endless)
    assert icc.parse(huge) is None


def test_a_grey_profile_has_its_curve(tmp_path):
    grey = colour_profiles.profile("Gray Gamma 2.2", None, colour_profiles.gamma_curve(2.2), b"GRAY")
    found = icc.parse(grey)
    np.testing.assert_allclose(
        found.to_rec709(np.full((1, 1, 3), 0.5, np.float32)), 0.5 ** (563 / 256), atol=2e-3
    )


NO_SRGB = """ocio_profile_version: 2
search_path: ""
roles: {{default: raw, scene_linear: house, {role} }}
file_rules:
  - !<Rule> {{name: Default, colorspace: raw}}
displays:
  d:
    - !<View> {{name: Raw, colorspace: raw}}
active_displays: []
active_views: []
colorspaces:
  - !<ColorSpace> {{name: raw, isdata: true}}
  - !<ColorSpace> {{name: aces_ap0}}
  - !<ColorSpace>
    name: house
    to_scene_reference: !<MatrixTransform> {{matrix: [0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 0.5, 0, 0, 0, 0, 1]}}
"""


def test_a_configuration_without_srgb_is_understood_by_its_interchange_role(
    tmp_path, write_plate, monkeypatch
):
    config = tmp_path / "config.ocio"
    config.write_text(NO_SRGB.format(role="aces_interchange: aces_ap0"))
    monkeypatch.setenv("OCIO", str(config))
    code = np.broadcast_to(np.float32(colour_profiles.CODE), (32, 32, 3)).copy()
    plate = read_plate(write_plate(tmp_path / "p.exr", code, "float"), "house")
    half = tuple(value / 2 for value in colour_profiles.CODE)
    np.testing.assert_allclose(light(plate)[0, 0], colour_cells.ocio("ACES2065-1", half), atol=1e-4)
    config = tmp_path / "none.ocio"
    config.write_text(NO_SRGB.format(role=""))
    monkeypatch.setenv("OCIO", str(config))
    with pytest.raises(EncodingUnknownError, match="nor the role aces_interchange"):
        read_plate(write_plate(tmp_path / "p.exr", code, "float"), "house").for_matting()


def test_values_out_of_gamut_are_written_as_they_are(tmp_path, write_plate):
    """Below zero OCIO's sRGB goes on in a straight line, which undoing sRGB's power would blow up."""
    code = np.broadcast_to(np.float32([0.7, 0.1, 0.1]), (32, 32, 3)).copy()
    plate = read_plate(write_plate(tmp_path / "p.exr", code, "float"), "ARRI LogC4")
    write_matte(tmp_path / "o.exr", np.ones((32, 32), np.float32), plate, WriteOptions("rgba", depth="float"))
    expected = colour_cells.ocio("ARRI LogC4", (0.7, 0.1, 0.1))
    assert min(expected) < -0.5
    np.testing.assert_allclose(read_plate(tmp_path / "o.exr").pixels[0, 0], expected, rtol=1e-4)
