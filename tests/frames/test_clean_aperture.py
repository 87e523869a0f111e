"""A movie's clean aperture: told by name, never cut to; a damaged box is none."""

from __future__ import annotations

import struct
from fractions import Fraction

import numpy as np
import pytest

from flyaway.frames import read_plate
from flyaway.frames.clean_aperture import clean_aperture
from flyaway.frames.movie import probe

av = pytest.importorskip("av", reason="PyAV is not installed: pip install av")
W, H = 96, 64


@pytest.fixture
def movie(tmp_path):
    """`movie(numbers, name)`: two grey frames in a file that has a `clap` box of eight numbers."""

    def make(numbers: tuple[int, ...] | None, name: str = "dv.mov"):
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            # A track without pictures comes first in cameras' files, too.
            sound = container.add_stream("pcm_s16le" if name.endswith("mov") else "aac", rate=48000)
            stream = container.add_stream("libx264", rate=24)
            stream.width, stream.height, stream.pix_fmt = W, H, "yuv420p"
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 2048), np.int16), "s16", "stereo")
            samples.sample_rate = 48000
            for packet in (*sound.encode(samples), *sound.encode()):
                container.mux(packet)
            for _ in range(2):
                frame = av.VideoFrame.from_ndarray(np.full((H, W, 3), 128, np.uint8), "rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        if numbers is not None:
            path.write_bytes(with_box(path.read_bytes(), struct.pack(">I4s8I", 40, b"clap", *numbers)))
        return path

    return make


def with_box(data: bytes, box: bytes) -> bytes:
    """A movie with a box more at the end of its pictures' description; every box around it grows."""
    assert data.index(b"mdat") < data.index(b"moov")  # no table of offsets moves
    entry = data.rindex(b"avc1") - 4
    around = [data.rindex(name) - 4 for name in (b"moov", b"stsd", b"stbl", b"minf", b"mdia", b"trak")]
    around += [entry]
    end = entry + struct.unpack(">I", data[entry : entry + 4])[0]
    changed = bytearray(data)
    for at in around:
        (size,) = struct.unpack(">I", changed[at : at + 4])
        changed[at : at + 4] = struct.pack(">I", size + len(box))
    return bytes(changed[:end] + box + changed[end:])


@pytest.mark.parametrize("name", ["dv.mov", "phone.mp4"])
def test_all_pixels_are_matted_and_the_clean_aperture_is_told(movie, name):
    path = movie((176, 2, 60, 1, 1, 2, 2**32 - 3, 1), name)
    assert probe(path).aperture == clean_aperture(path, W, H)
    plate = read_plate(path, frame=2)
    assert plate.pixels.shape == (H, W, 3)
    (remark,) = [note for note in plate.notes if "clean aperture" in note]
    assert "88×60, 0.5 right and -3 down" in remark
    assert "all of its 96×64 pixels are matted" in remark


def test_centred_it_is_told_without_an_offset(movie):
    assert str(clean_aperture(movie((88, 1, 60, 1, 0, 1, 0, 1)), W, H)) == "88×60"


@pytest.mark.parametrize(
    "numbers",
    [
        None,
        (96, 1, 64, 1, 0, 1, 0, 1),  # all of it
        (97, 1, 64, 1, 0, 1, 0, 1),  # more than there is
        (0, 1, 64, 1, 0, 1, 0, 1),
        (88, 0, 60, 1, 0, 1, 0, 1),
    ],
)
def test_what_says_nothing_or_nonsense_is_none(movie, numbers):
    path = movie(numbers)
    assert clean_aperture(path, W, H) is None
    assert not [note for note in read_plate(path, frame=1).notes if "aperture" in note]


def test_damaged_boxes_are_no_aperture_and_no_trouble(movie, tmp_path):
    whole = movie((88, 1, 60, 1, 0, 1, 0, 1)).read_bytes()
    broken = tmp_path / "broken.mov"
    start, found = whole.index(b"moov") - 4, set()
    for cut in range(start, len(whole), 7):
        for data in (whole[:cut], whole[:cut] + b"\0\0\0\1" + whole[cut + 4 :], whole[:cut] + b"\xff" * 9):
            broken.write_bytes(data)
            aperture = clean_aperture(broken, W, H)
            found.add(None if aperture is None else aperture.width)
    assert {None, Fraction(88)} >= found
