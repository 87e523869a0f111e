"""What other people's tools say of our files: Debian's `exrheader` (OpenEXR) and `oiiotool`."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import OpenImageIO as oiio
import pytest

from flyaway.frames import WriteOptions, read_plate, write_matte

# The system's, not the ones that OpenImageIO's wheel puts beside Python: another build by other people.
SYSTEM = "/usr/bin:/usr/local/bin:/opt/homebrew/bin"
ALPHA = np.linspace(0, 1, 72 * 96, dtype=np.float32).reshape(72, 96)


def tool(name: str, package: str) -> str:
    found = shutil.which(name, path=SYSTEM)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt-get install {package})")
    return found


@pytest.fixture(scope="module")
def exrheader():
    return tool("exrheader", "openexr")


@pytest.fixture(scope="module")
def oiiotool():
    return tool("oiiotool", "openimageio-tools")


def output_of(*command: object) -> str:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def plate_path(tmp_path):
    path = tmp_path / "plate.exr"
    spec = oiio.ImageSpec(96, 72, 5, "float")
    spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height = -8, -6, 0, 0, 80, 60
    spec.channelnames = ("R", "G", "B", "depth.Z", "N.X")
    spec.channelformats = tuple(oiio.TypeDesc(t) for t in ("half", "half", "half", "float", "half"))
    spec.attribute("compression", "piz")
    spec.attribute("PixelAspectRatio", 2.0)
    spec.attribute("smpte:TimeCode", "timecode", (18356486, 0))
    spec.attribute("framesPerSecond", "rational", (24000, 1001))
    spec.attribute("camera", "A-camera")
    spec.attribute("worldToCamera", "matrix", tuple(float(n) for n in range(16)))
    random = np.random.default_rng(5)
    pixels = random.integers(0, 0x7C00, (72, 96, 5), np.uint16).view(np.float16).astype(np.float32)
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), spec)
    assert target.write_image(pixels)
    assert target.close()
    return path


def header_of(exrheader: str, path) -> dict[str, str]:
    """What `exrheader` says, by attribute."""
    text = output_of(exrheader, path)
    return dict(re.findall(r"^(\S+) \(type \S+\):(.*(?:\n    .*)*)", text, re.MULTILINE))


def test_exrheader_sees_the_plates_windows_and_metadata(tmp_path, plate_path, exrheader):
    write_matte(tmp_path / "m.exr", ALPHA, read_plate(plate_path), WriteOptions(channel="matte.A"))
    plate, matte = header_of(exrheader, plate_path), header_of(exrheader, tmp_path / "m.exr")
    for name in ("dataWindow", "displayWindow", "pixelAspectRatio", "timeCode", "framesPerSecond", "camera"):
        assert matte[name] == plate[name], name
    assert matte["worldToCamera"] == plate["worldToCamera"]
    assert matte["dataWindow"].split() == ["(-8", "-6)", "-", "(87", "65)"]
    assert matte["channels"].split("\n")[1:] == ["    matte.A, 16-bit floating-point, sampling 1 1"]
    assert matte["compression"] == " zip, multi-scanline blocks"


def test_exrheader_sees_the_plates_channels_and_one_more(tmp_path, plate_path, exrheader):
    write_matte(tmp_path / "m.exr", ALPHA, read_plate(plate_path), WriteOptions("beside", channel="matte.A"))
    plate, both = header_of(exrheader, plate_path), header_of(exrheader, tmp_path / "m.exr")
    added = set(both["channels"].split("\n")) - set(plate["channels"].split("\n"))
    assert added == {"    matte.A, 16-bit floating-point, sampling 1 1"}
    for name, entry in plate.items():
        if name not in ("channels", "type"):
            assert both[name] == entry, name


def test_oiiotool_finds_the_plates_channels_unchanged_to_the_bit(tmp_path, plate_path, oiiotool):
    both = tmp_path / "both.exr"
    write_matte(both, ALPHA, read_plate(plate_path), WriteOptions("beside", channel="matte.A"))
    names = "R,G,B,depth.Z,N.X"
    printed = output_of(oiiotool, plate_path, "--ch", names, both, "--ch", names, "--fail", "0", "--diff")
    assert "PASS" in printed
    alone = tmp_path / "alone.exr"
    write_matte(alone, ALPHA, read_plate(plate_path))
    printed = output_of(oiiotool, alone, both, "--ch", "matte.A", "--fail", "0", "--diff")
    assert "PASS" in printed
    # The yardstick can say no.
    write_matte(alone, 1 - ALPHA, read_plate(plate_path))
    refused = subprocess.run(
        [oiiotool, alone, both, "--ch", "matte.A", "--fail", "0", "--diff"], capture_output=True, check=False
    )
    assert refused.returncode != 0


@pytest.mark.parametrize("suffix", [".exr", ".png", ".tif"])
def test_oiiotool_agrees_on_size_window_and_coverage(tmp_path, plate_path, oiiotool, suffix):
    path = tmp_path / f"m{suffix}"
    depth = "half" if suffix == ".exr" else "uint16"
    write_matte(path, ALPHA, read_plate(plate_path), WriteOptions(depth=depth))
    printed = output_of(oiiotool, "--info", "-v", "--stats", path)
    if suffix == ".exr":
        assert "96 x   72, 1 channel, half openexr" in printed
        assert "pixel data origin: x=-8, y=-6" in printed
        assert "full/display size: 80 x 60" in printed
        assert 'camera: "A-camera"' in printed
        assert "Stats Max: 1.000000" in printed
    else:
        assert "80 x   60, 1 channel, uint16" in printed
        highest = round(float(ALPHA[6:66, 8:88].max()) * 65535)
        assert f"Stats Max: {highest}" in printed
    assert "Stats FiniteCount: 6912" in printed or "Stats FiniteCount: 4800" in printed
