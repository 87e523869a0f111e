"""Movies that are written: ProRes with the matte, proven before they get their name."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from tests.frames.movies import H, W, av

from flyaway import ReadError, UsageError, WriteError
from flyaway.color import linear_to_srgb
from flyaway.frames import read_plate, write_matte
from flyaway.frames.movie import probe
from flyaway.frames.movie_write import MovieOptions, write_movie
from flyaway.frames.read_matte import read_matte


@pytest.fixture
def shot(tmp_path, write_plate):
    """Four EXR plates with overscan, and their mattes."""
    rng = np.random.default_rng(2)
    plates, mattes = [], []
    for number in range(1, 5):
        pixels = rng.random((H + 8, W + 8, 3), np.float32)
        metadata = {
            "framesPerSecond": ("rational", (24000, 1001)),
            "smpte:TimeCode": ("timecode", (0x01020300 + number, 0)),
        }
        path = write_plate(
            tmp_path / f"p.{number}.exr", pixels, metadata=metadata, window=(-4, -4), display=(0, 0, W, H)
        )
        matte = tmp_path / f"m.{number}.exr"
        write_matte(matte, rng.random((H + 8, W + 8), np.float32), read_plate(path))
        plates.append((path, number))
        mattes.append(matte)
    return plates, mattes


@pytest.mark.parametrize("premultiplied", [False, True])
def test_prores_4444_carries_the_matte(tmp_path, shot, premultiplied):
    plates, mattes = shot
    path = tmp_path / "o.mov"
    landed = write_movie(path, plates, mattes, MovieOptions(premultiplied=premultiplied, edge_colour="plate"))
    assert landed.bytes == path.stat().st_size
    info = probe(path)
    assert (info.frames, info.rate, info.timecode) == (4, Fraction(24000, 1001), "01:02:03:01")
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.profile) == ("prores", "4444")
        for tag in (context.colorspace, context.color_primaries, context.color_trc, context.color_range):
            assert tag == 1
    for number, matte in enumerate(mattes, 1):
        plate = read_plate(path, frame=number)
        alpha = read_matte(matte).alpha[4:-4, 4:-4]
        np.testing.assert_allclose(plate.alpha, alpha, atol=0.7 / 1023)
        linear = read_plate(*plates[number - 1][:1]).pixels[4:-4, 4:-4]
        display = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
        meant = display * alpha[..., None] if premultiplied else display
        # Noise is the hardest picture there is for a codec; a wrong matrix or range is far beyond this.
        assert np.abs(plate.pixels - meant).mean() < 0.06
        assert np.abs(plate.pixels.mean((0, 1)) - meant.mean((0, 1))).max() < 0.01


def test_a_movie_has_the_persons_own_colour_at_soft_edges(tmp_path, write_plate):
    cover = np.tile(np.clip(np.linspace(-3, 4, W, dtype=np.float32), 0, 1), (H, 1))[..., None]
    front, behind = np.float32([0.3, 0.18, 0.1]), np.float32([0.05, 0.6, 0.05])
    path = write_plate(tmp_path / "p.exr", front * cover + behind * (1 - cover), "float")
    write_matte(tmp_path / "m.exr", cover[..., 0], read_plate(path))
    errors = []
    for options in (MovieOptions(), MovieOptions(edge_colour="plate")):
        write_movie(tmp_path / "o.mov", [(path, 1)], [tmp_path / "m.exr"], options)
        shown = read_plate(tmp_path / "o.mov", frame=1).pixels
        soft = (cover[..., 0] > 0.3) & (cover[..., 0] < 0.9)
        errors.append(np.abs(shown - linear_to_srgb(front))[soft].mean())
    assert errors[0] < 0.25 * errors[1]


def test_a_movie_whose_mattes_are_missing_or_do_not_fit_is_not_made(tmp_path, shot, write_plate):
    plates, mattes = shot
    path = tmp_path / "o.mov"
    with pytest.raises(ReadError, match="no such file"):
        write_movie(path, plates, [*mattes[:3], tmp_path / "none.exr"])
    small = write_plate(tmp_path / "small.exr", np.zeros((H, W // 2, 3), np.float32))
    with pytest.raises(ReadError, match=r"48×64 pixels in a movie of 96×64"):
        write_movie(path, [*plates[:3], (small, 4)], mattes)
    with pytest.raises(UsageError, match=r"\.mov"):
        write_movie(tmp_path / "o.mp4", plates, mattes)
    assert not path.exists()
    assert not [item for item in tmp_path.iterdir() if ".part" in item.name]


def test_a_movie_that_does_not_read_back_gets_no_name(tmp_path, shot, monkeypatch):
    plates, mattes = shot
    from flyaway.frames import movie_write

    real = movie_write._picture

    def spoilt(module, rgb, alpha):
        return real(module, rgb, np.clip(alpha + 0.01, 0, 1))

    monkeypatch.setattr(movie_write, "_picture", spoilt)
    with pytest.raises(WriteError, match=r"frame 1.*alpha does not read back"):
        write_movie(tmp_path / "o.mov", plates, mattes)
    assert not (tmp_path / "o.mov").exists()
