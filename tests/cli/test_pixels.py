"""Spaces, layers, depths and windows by the options of `flyaway matte`, as a process."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.ocio import STUDIO_CONFIG

from flyaway.color import srgb_to_linear


@pytest.fixture
def run(start):
    def run_it(*arguments: object) -> subprocess.CompletedProcess[str]:
        return start("matte", *arguments, environment={**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1"})

    return run_it


@pytest.fixture(scope="module")
def linear(astronaut):
    """256×256 of her head, scene-linear Rec.709."""
    return srgb_to_linear(np.ascontiguousarray(astronaut[:256, 100:356]).astype(np.float32) / 255)


def matte_of(path, channel="A"):
    source = oiio.ImageInput.open(str(path))
    assert source is not None, oiio.geterror()
    spec = source.spec()
    index = spec.channelnames.index(channel)
    pixels = source.read_image(0, 0, index, index + 1, oiio.FLOAT)
    source.close()
    return spec, pixels[..., 0]


def test_one_picture_in_many_spaces_is_one_matte(run, tmp_path, write_plate, linear):
    write_plate(tmp_path / "plain.exr", linear, "float")
    # Rec.709 → AP1 (Bradford), and film log by Kodak's formula.
    to_ap1 = np.float32(
        [
            [0.61309740, 0.33952315, 0.04737945],
            [0.07019372, 0.91635388, 0.01345240],
            [0.02061559, 0.10956977, 0.86981463],
        ]
    )
    write_plate(tmp_path / "ap1.exr", linear @ to_ap1.T, "float")
    black = 10 ** ((95 - 685) * 0.002 / 0.6)
    code = (685 + np.log10(linear * (1 - black) + black) * 0.6 / 0.002) / 1023
    write_plate(tmp_path / "film.dpx", code, "uint16", metadata={"dpx:Transfer": "Printing density"})
    (tmp_path / "house.ocio").write_text(STUDIO_CONFIG.format(working="half_light"))
    write_plate(tmp_path / "house.exr", linear * 2, "float")
    for name, options in (
        ("plain.exr", ()),
        ("ap1.exr", ("--in-space", "ACEScg")),
        ("ap1.exr", ("--in-space", "lin_ap1_scene", "--ocio", "cg")),
        ("film.dpx", ("--in-space", "Cineon")),
        ("house.exr", ("--in-space", "half_light", "--ocio", "house.ocio")),
        ("house.exr", ("--ocio", "house.ocio")),
    ):
        done = run(name, "-o", "m.exr", "--overwrite", "--depth", "float", *options)
        assert done.returncode == 0, done.stderr
        alpha = matte_of(tmp_path / "m.exr")[1]
        if name == "plain.exr":
            expected = alpha
        assert np.abs(alpha - expected).mean() < 2e-3, (name, options)
    assert 0.2 < expected.mean() < 0.8


def test_a_layer_matted_and_kept_beside_the_others(run, tmp_path, write_plate, linear):
    depth = np.random.default_rng(0).random((256, 256, 1), np.float32)
    pixels = np.concatenate([linear * 0, linear, depth], -1)
    names = ("R", "G", "B", "diffuse.R", "diffuse.G", "diffuse.B", "Z")
    write_plate(
        tmp_path / "p.exr", pixels, "float", channels=names, window=(-16, 8), display=(0, 0, 240, 256)
    )
    options = ("--layer", "diffuse", "--output", "beside", "--channel", "matte.A", "--compression", "piz")
    done = run("p.exr", "-o", "m.exr", *options)
    assert done.returncode == 0, done.stderr
    spec, alpha = matte_of(tmp_path / "m.exr", "matte.A")
    assert (spec.x, spec.y, spec.full_width, spec.full_height) == (-16, 8, 240, 256)
    assert spec.get("compression") == "piz"
    assert 0.2 < alpha.mean() < 0.8  # the layer's, not the black picture's
    np.testing.assert_array_equal(matte_of(tmp_path / "m.exr", "Z")[1], depth[..., 0])
    cropped = run("p.exr", "-o", "c.exr", "--layer", "diffuse", "--crop")
    assert cropped.returncode == 0, cropped.stderr
    small, inside = matte_of(tmp_path / "c.exr")
    left, top = small.x + 16, small.y - 8
    whole = np.zeros_like(alpha)
    whole[top : top + small.height, left : left + small.width] = inside
    np.testing.assert_allclose(whole, alpha, atol=1e-3)
    np.testing.assert_array_equal(whole[alpha >= 1e-3], alpha[alpha >= 1e-3])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--layer", "specular"), "no layer 'specular'"),
        (("--part", "right"), "no part 'right'"),
        (("--ocio", "nowhere.ocio"), "no OCIO configuration 'nowhere.ocio'"),
        (("--in-space", "ACEScgg"), "Did you mean 'ACEScg'"),
        (("--compression", "zstd"), "no compression 'zstd'"),
        (("--depth", "uint16"), "stores half, float"),
        (("--output", "beside", "--compression", "dwaa", "--channel", "matte.A"), "bit for bit"),
        (("--output", "beside", "--crop"), "--crop"),
    ],
)
def test_what_cannot_be_is_said(run, tmp_path, write_plate, linear, options, message):
    write_plate(tmp_path / "p.exr", linear)
    done = run("p.exr", "-o", "m.exr", *options)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "m.exr").exists()
