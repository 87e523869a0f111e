"""What headers say of turns, mirrors and pixels that are not square: in movies, in all formats of stills."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest
from tests.files import DISPLAY_MATRICES, write_picture

from flyaway import ReadError
from flyaway.batch import RunOptions, Target, plan_shot, run_plan
from flyaway.frames import read_plate, write_matte
from flyaway.frames.read_matte import read_matte
from flyaway.geometry import is_turned, upright

H, W = 48, 64


def stored(height=H, width=W) -> np.ndarray:
    """A picture whose corners are red, green, blue and black."""
    pixels = np.full((height, width, 3), 0.25, np.float32)
    pixels[:16, :16] = (1, 0, 0)
    pixels[:16, -16:] = (0, 1, 0)
    pixels[-16:, :16] = (0, 0, 1)
    pixels[-16:, -16:] = 0
    return pixels


def patched(path, orientation):
    """A file of `stored` with an orientation, for formats whose writer keeps none: by the formats' bytes."""
    suffix = path.suffix
    write_picture(path, stored(), "float" if suffix == ".hdr" else "uint8")
    data = bytearray(path.read_bytes())
    if suffix == ".webp":
        exif = b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x112, 3, 1, orientation, 0, 0)
        size = struct.pack("<I", W - 1)[:3] + struct.pack("<I", H - 1)[:3]
        chunks = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + size + bytes(data[12:])
        chunks += b"EXIF" + struct.pack("<I", len(exif)) + exif
        data = bytearray(b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks)
    elif suffix == ".dpx":
        word = {1: 0, 2: 1, 3: 3, 4: 2, 5: 4, 6: 5, 7: 7, 8: 6}[orientation]
        struct.pack_into(">H" if data[:4] == b"SDPX" else "<H", data, 768, word)
    else:  # Radiance: which way lines follow each other, then which way pixels do
        lines = {1: "-Y {} +X {}", 2: "-Y {} -X {}", 3: "+Y {} -X {}", 4: "+Y {} +X {}"}
        lines |= {5: "+X {} -Y {}", 6: "-X {} -Y {}", 7: "-X {} +Y {}", 8: "+X {} +Y {}"}
        resolution = lines[orientation].format(H, W).encode()
        data = bytearray(bytes(data).replace(f"-Y {H} +X {W}".encode(), resolution))
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "exr", "webp", "dpx", "hdr"])
def test_stills_are_set_upright(tmp_path, suffix, orientation):
    path = tmp_path / f"p.{suffix}"
    if suffix in ("jpg", "png", "tif", "exr"):
        write_picture(path, stored(), "half" if suffix == "exr" else "uint8", Orientation=orientation)
    else:
        patched(path, orientation)
    if suffix == "dpx" and is_turned(orientation):
        with pytest.raises(ReadError, match="lines run"):
            read_plate(path, "srgb")
        return
    plate = read_plate(path, "srgb")
    meant = upright(stored(), orientation)
    assert plate.pixels.shape == meant.shape
    middles = [(8, 8), (8, -8), (-8, 8), (-8, -8)]
    for row, column in middles:
        np.testing.assert_allclose(plate.pixels[row, column], meant[row, column], atol=0.1)
    window = plate.display_window
    assert (window.x, window.y, window.width, window.height) == (0, 0, meant.shape[1], meant.shape[0])


@pytest.mark.parametrize("suffix", ["tga", "bmp"])
def test_formats_whose_first_line_is_the_lowest_are_upright_too(tmp_path, suffix):
    path = write_picture(tmp_path / f"p.{suffix}", stored())
    data = bytearray(path.read_bytes())
    if suffix == "bmp":
        struct.pack_into("<i", data, 22, -H)  # lines from the top
    else:
        data[17] ^= 0x20  # the other of: from the top, from the bottom
    path.write_bytes(data)
    np.testing.assert_allclose(read_plate(path).pixels[8, 8], stored()[::-1][8, 8], atol=0.01)


def movie_of(path, orientation, aspect=None):
    av = pytest.importorskip("av", reason="PyAV is not installed: pip install av")
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb", rate=24, options={"qp": "0"})
        stream.width, stream.height, stream.pix_fmt = W, H, "rgb24"
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        picture = np.rint(stored() * 255).astype(np.uint8)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    fixed = struct.pack(">9i", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    a, b, c, d = DISPLAY_MATRICES[orientation]
    # As ISO/IEC 14496-12 has it: with the shift that brings the picture back into view.
    shift = (W * (a < 0) + H * (c < 0), W * (b < 0) + H * (d < 0))
    turned = [v << 16 for v in (a, b)] + [0] + [v << 16 for v in (c, d)] + [0] + [v << 16 for v in shift]
    place = data.index(fixed, data.index(b"tkhd"))
    path.write_bytes(data[:place] + struct.pack(">9i", *turned, 0x40000000) + data[place + len(fixed) :])
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_movies_are_set_upright(tmp_path, orientation):
    path = movie_of(tmp_path / "m.mov", orientation)
    plate = read_plate(path, frame=1)
    np.testing.assert_allclose(plate.pixels, upright(stored(), orientation), atol=0.003)
    assert any("upright" in note for note in plate.notes) == (orientation != 1)
    write_matte(tmp_path / "m.exr", plate.pixels[..., 0], plate)
    matte = read_matte(tmp_path / "m.exr")
    assert matte.alpha.shape == plate.pixels.shape[:2]


@pytest.mark.parametrize("orientation", [1, 3, 5, 6])
def test_the_pixel_aspect_of_a_turned_plate_is_turned(tmp_path, orientation):
    upright_aspect = 0.5 if is_turned(orientation) else 2.0
    still = write_picture(tmp_path / "p.exr", stored(), "half", Orientation=orientation, PixelAspectRatio=2.0)
    clip = movie_of(tmp_path / "m.mov", orientation, Fraction(2))
    for path, number in ((still, None), (clip, 1)):
        plate = read_plate(path, frame=number)
        assert plate.pixel_aspect == upright_aspect
        matte = tmp_path / "matte.exr"
        write_matte(matte, plate.pixels[..., 0], plate)
        assert read_plate_aspect(matte) == upright_aspect


def read_plate_aspect(path) -> float:
    return float(read_matte(path).spec.get("PixelAspectRatio", 1.0))


@pytest.mark.parametrize("aspect", [200.0, 0.001])
def test_an_aspect_that_no_pixel_has_is_told_and_not_used(tmp_path, aspect):
    plate = read_plate(write_picture(tmp_path / "p.exr", stored(), "half", PixelAspectRatio=aspect))
    assert plate.pixel_aspect == 1
    assert any("pixel aspect" in note for note in plate.notes)


class Asked:
    """Stands in for a network, and keeps what it was told of the pixels' shape."""

    device = "cpu"

    def __init__(self):
        from types import SimpleNamespace

        files = {"only": SimpleNamespace(sha256="0" * 64)}
        self.info = SimpleNamespace(name="asked", licence="Apache-2.0", files=files, reads_encoded=False)
        self.aspects = []

    def __call__(self, plate, encoding="srgb", *, refine=True, pixel_aspect=1.0):
        from types import SimpleNamespace

        self.aspects.append(pixel_aspect)
        return SimpleNamespace(alpha=np.ones(plate.shape[:2], np.float32))


def test_a_run_tells_the_network_what_shape_the_pixels_have(tmp_path):
    anamorphic = write_picture(tmp_path / "a.exr", stored(), "half", PixelAspectRatio=2.0)
    square = write_picture(tmp_path / "s.exr", stored(), "half")
    clip = movie_of(tmp_path / "m.mov", 6, Fraction(2))
    asked = Asked()
    for path in (anamorphic, square, clip):
        out = (
            tmp_path / f"{path.stem}.matte.####.exr" if path is clip else tmp_path / f"{path.stem}.matte.exr"
        )
        plan = plan_shot(path.stem, path, [Target(str(out))])
        assert run_plan(asked, plan, RunOptions()).exit_code == 0
    assert asked.aspects == [2.0, 1.0, 0.5]
