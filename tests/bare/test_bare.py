"""What a host application does: numpy, onnxruntime and this wheel, installed without its dependencies.

Nothing here may import more than that, conftest.py included (`pytest --noconftest tests/bare`).
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import flyaway
from flyaway.weights import check_model

ASTRONAUT = Path(__file__).resolve().parents[2] / "examples" / "astronaut.png"


def read_png(path: Path) -> np.ndarray:
    """An 8-bit RGB PNG without interlacing, by the standard library: no image library is here."""
    data, position, compressed = path.read_bytes(), 8, b""
    width = height = 0
    while position < len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        chunk = data[position + 8 : position + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunk)
            assert (depth, colour, interlace) == (8, 2, 0)
        elif kind == b"IDAT":
            compressed += chunk
        position += 12 + length
    rows = np.frombuffer(zlib.decompress(compressed), np.uint8).reshape(height, 1 + 3 * width)
    picture = np.zeros((height, width + 1, 3), np.int64)  # one black pixel to the left of each row
    above = np.zeros((width + 1, 3), np.int64)
    for y, row in enumerate(rows):
        line, filtered = picture[y], row[1:].reshape(width, 3).astype(np.int64)
        for x in range(1, width + 1):
            left, up, corner = line[x - 1], above[x], above[x - 1]
            estimate = left + up - corner
            distance = np.abs(np.stack([estimate - left, estimate - up, estimate - corner]))
            paeth = np.choose(distance.argmin(0), [left, up, corner])
            guess = (0, left, up, (left + up) // 2, paeth)[row[0]]
            line[x] = (filtered[x - 1] + guess) % 256
        above = line
    return picture[:, 1:].astype(np.uint8)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    return read_png(ASTRONAUT)


@pytest.mark.skipif("FLYAWAY_TEST_BARE" not in os.environ, reason="not the bare environment")
def test_nothing_else_is_installed():
    assert not [name for name in ("OpenImageIO", "fileseq", "typer", "rich", "torch") if find_spec(name)]


def test_a_real_photograph_is_matted(astronaut):
    matting = flyaway.load(device="cpu")
    alpha = matting(astronaut, encoding="srgb").alpha
    assert alpha.shape == (512, 512)
    assert alpha.dtype == np.float32
    assert alpha[90:150, 200:250].mean() > 0.95
    assert alpha[:60, :60].mean() < 0.05


def test_a_float_scene_linear_plate_is_matted_alike(astronaut):
    matting = flyaway.load(device="cpu")
    display = astronaut.astype(np.float32) / 255
    linear = np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
    difference = np.abs(
        matting(linear.astype(np.float32), encoding="linear").alpha
        - matting(astronaut, encoding="srgb").alpha
    )
    assert difference.mean() < 1e-3


def test_the_command_line_says_what_it_needs():
    if find_spec("typer") is not None:
        pytest.skip("the command line is installed here")
    done = subprocess.run([sys.executable, "-m", "flyaway"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "pip install OpenImageIO" in done.stderr
    assert "Traceback" not in done.stderr


EARLIER = os.environ.get("FLYAWAY_TEST_EARLIER", "")  # the wheel of weights that came before
MATTE_EARLIER = """
import sys
import numpy as np
import flyaway
from flyaway.weights import check_model

assert all(info.installed for info in flyaway.earlier_models().values())
for name in sys.argv[1:]:
    try:
        matte = flyaway.load(name, device="cpu", threads=1)(np.zeros((64, 64, 3), np.uint8))
        print(name, matte.alpha.shape)
    except flyaway.FlyawayError as error:
        print(type(error).__name__, error)
"""


@pytest.mark.skipif(not EARLIER, reason="no wheel of earlier weights: `nox -s bare` builds it")
def test_earlier_weights_are_listed_and_name_the_wheel_that_has_them():
    earlier = flyaway.earlier_models()
    apart = {
        name: {role for role, file in info.files.items() if file.package and role != "torch"}
        for name, info in earlier.items()
    }
    assert any(apart.values())
    for name, roles in apart.items():
        assert earlier[name].installed is not bool(roles)
        if roles:
            with pytest.raises(flyaway.MissingPackageError, match=Path(EARLIER).name) as raised:
                check_model(name)
            # Versions that share weights share a folder.
            folders = {earlier[name].files[role].path.parent.name for role in roles}
            assert any(f"{folder}/" in str(raised.value) for folder in folders)
        if roles - {"shot"}:
            with pytest.raises(flyaway.MissingPackageError, match=Path(EARLIER).name):
                flyaway.load(name, device="cpu", threads=1)
        else:  # its stills are those of what is released now, if looked at otherwise: their files are here
            assert flyaway.load(name, device="cpu", threads=1).info.versioned_name == name


@pytest.mark.skipif(not EARLIER, reason="no wheel of earlier weights: `nox -s bare` builds it")
def test_with_their_wheel_earlier_weights_run_and_no_other_bytes_do(tmp_path):
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", f"--target={tmp_path}", EARLIER]
    subprocess.run(pip, check=True)

    def matte(*names):
        call = [sys.executable, "-c", MATTE_EARLIER, *names]
        done = subprocess.run(
            call, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    names = list(flyaway.earlier_models())
    assert matte(*names) == [f"{name} (64, 64)" for name in names]
    file = tmp_path / "flyaway_earlier_weights" / "fast@5" / "coarse.onnx"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    (said,) = matte("fast@5")
    assert said.startswith("CorruptWeightsError")
    assert Path(EARLIER).name in said
