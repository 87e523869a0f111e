"""Every tag that `flyaway movie` writes is read back: rate, timecode, aspect, colour in both headers."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from flyaway import UsageError
from flyaway.cli.movie import _rate
from flyaway.frames import WriteOptions, read_plate, write_matte
from flyaway.frames.movie import probe
from flyaway.frames.movie_write import MovieOptions, write_movie
from flyaway.frames.timecode import rate_of_number, rate_of_text, text_of, timecode_later, words_of

av = pytest.importorskip("av", reason="PyAV is not installed: pip install av")

W, H = 64, 48
NTSC = {n: Fraction(n * 1000, 1001) for n in (24, 30, 48, 60, 120)}
# rate, first timecode, the next one
TIMECODES = [
    (Fraction(24), "10:11:12:23", "10:11:13:00"),
    (NTSC[24], "10:11:12:22", "10:11:12:23"),
    (Fraction(25), "10:11:12:24", "10:11:13:00"),
    (NTSC[30], "10:11:59:29", "10:12:00:00"),
    (NTSC[30], "10:11:59;29", "10:12:00;02"),
    (Fraction(30), "00:00:00:29", "00:00:01:00"),
    (NTSC[48], "10:11:12:46", "10:11:12:47"),
    (Fraction(48), "10:11:12:47", "10:11:13:00"),
    (Fraction(50), "10:11:12:48", "10:11:12:49"),
    (Fraction(50), "10:11:12:49", "10:11:13:00"),
    (NTSC[60], "10:11:12:59", "10:11:13:00"),
    (NTSC[60], "10:11:59;59", "10:12:00;04"),
    (Fraction(60), "10:19:59;59", "10:20:00;00"),
    (Fraction(60), "23:59:59:59", "00:00:00:00"),
    (Fraction(72), "10:11:12:70", "10:11:12:71"),
    (Fraction(96), "10:11:12:93", "10:11:12:94"),
    (Fraction(100), "10:11:12:98", "10:11:12:99"),
    (NTSC[120], "10:11:59;119", "10:12:00;008"),
    (Fraction(120), "10:11:12:117", "10:11:12:118"),
]


def stream_of(path, frames=1, *, rate=Fraction(25), timecode="", aspect=None, tag=1):
    """A small movie whose container says what is asked for, and whose frames say `tag` of their colour."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("prores_ks", rate=rate)
        stream.width, stream.height, stream.pix_fmt = W, H, "yuv422p10le"
        for name in ("colorspace", "color_trc", "color_primaries", "color_range"):
            setattr(stream.codec_context, name, 1)
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if timecode:
            stream.metadata["timecode"] = timecode
        for _ in range(frames):
            frame = av.VideoFrame(W, H, "yuv422p10le")
            for plane in frame.planes:
                plane.update(np.full(plane.buffer_size // 2, 500, np.uint16).tobytes())
            frame.colorspace = frame.color_trc = frame.color_primaries = tag
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def mattes_of(folder, plates):
    paths = []
    for number, (source, frame) in enumerate(plates, 1):
        plate = read_plate(source, frame=frame)
        paths.append(folder / f"matte.{number}.exr")
        alpha = np.full(plate.pixels.shape[:2], 0.5, np.float32)
        write_matte(paths[-1], alpha, plate, WriteOptions(channel="Y"))  # a plate for the next step, too
    return paths


def prores_header(path) -> tuple[int, int, int]:
    """Primaries, curve and matrix in the first frame's own header (SMPTE RDD 36, frame_header)."""
    with av.open(str(path)) as container:
        packet = next(bytes(packet) for packet in container.demux(video=0) if packet.size)
    assert packet[4:8] == b"icpf"
    return tuple(packet[8 + 14 : 8 + 17])


@pytest.mark.parametrize(("rate", "first", "second"), TIMECODES)
def test_timecode_and_rate_go_through_a_movie_and_through_stills(tmp_path, rate, first, second):
    clip = stream_of(tmp_path / "clip.mov", 2, rate=rate, timecode=first)
    assert probe(clip).timecode == first
    stills = mattes_of(tmp_path, [(clip, 1), (clip, 2)])  # they carry the clip's header
    made = tmp_path / "made.mov"
    landed = write_movie(made, [(clip, 2)], stills[1:])  # starts at frame 2
    assert (probe(made).rate, probe(made).timecode, landed.notes) == (rate, second, ())
    write_movie(made, [(stills[0], 1), (stills[1], 2)], stills, MovieOptions("matte"))
    assert (probe(made).rate, probe(made).timecode) == (rate, first)


@pytest.mark.parametrize(("rate", "first", "second"), TIMECODES)
def test_up_to_sixty_frames_a_second_a_headers_bits_say_it_all(rate, first, second):
    assert timecode_later(first, 1, rate) == second
    if rate <= 60:
        for text in (first, second):
            assert text_of(words_of(text, rate)[0], rate) == text
    else:  # the bits tell pairs apart, and never lead into another second
        assert text_of(words_of(first, rate)[0], rate)[:9] == first[:9]


@pytest.mark.parametrize(
    ("word", "rate", "text"),
    [
        (0x10111224, 50, "10:11:12:48"),
        (0x10111224 | 0x8000, 50, "10:11:12:49"),
        (0x10111239, 50, "10:11:12:39"),  # a program that counts every frame in the word
        (0x10111212 | 0x40, 24, "10:11:12:12"),  # 24 frames a second have no drop frame
        (0x1011121F, 24, ""),
        (0x10116012, 24, ""),
        (0x10111230, 24, ""),
    ],
)
def test_a_headers_bits_as_text(word, rate, text):
    assert text_of(word, Fraction(rate)) == text


@pytest.mark.parametrize(
    ("typed", "rate"),
    [
        ("24", Fraction(24)),
        ("23.98", NTSC[24]),
        ("23.97", NTSC[24]),
        ("23.976", NTSC[24]),
        ("23.976024", NTSC[24]),
        ("24000/1001", NTSC[24]),
        ("29.97", NTSC[30]),
        ("47.95", NTSC[48]),
        ("59.94", NTSC[60]),
        ("119.88", NTSC[120]),
        ("24.00", Fraction(24)),
        ("12.5", Fraction(25, 2)),
        ("23.5", Fraction(47, 2)),
        ("24.5", Fraction(49, 2)),
    ],
)
def test_rates_as_they_are_typed(typed, rate):
    assert rate_of_text(typed) == rate
    if "/" not in typed and rate.denominator == 1001 and typed != "23.97":
        assert rate_of_number(float(np.float32(typed))) == rate


@pytest.mark.parametrize("typed", ["fast", "0", "-24", "1001", "1/0", "nan", ""])
def test_what_is_no_rate_says_so(typed):
    assert rate_of_text(typed) is None
    with pytest.raises(UsageError, match="no frame rate"):
        _rate(typed)


@pytest.mark.parametrize("aspect", [Fraction(32, 27), Fraction(10, 11), Fraction(2), Fraction(1, 2)])
def test_pixel_aspect_goes_through_a_movie_and_through_stills(tmp_path, aspect):
    clip = stream_of(tmp_path / "clip.mov", aspect=aspect)
    stills = mattes_of(tmp_path, [(clip, 1)])
    made = tmp_path / "made.mov"
    write_movie(made, [(clip, 1)], stills)
    assert probe(made).aspect == aspect
    write_movie(made, [(stills[0], 1)], stills, MovieOptions("matte"))
    assert probe(made).aspect == aspect


def test_both_headers_say_bt709(tmp_path):
    clip = stream_of(tmp_path / "clip.mov")
    made = tmp_path / "made.mov"
    write_movie(made, [(clip, 1)], mattes_of(tmp_path, [(clip, 1)]))
    assert prores_header(made) == (1, 1, 1)
    tags = probe(made).tags
    assert (tags.matrix, tags.transfer, tags.primaries, tags.range) == (1, 1, 1, 1)


def test_what_only_the_container_says_is_heeded(tmp_path):
    clip = stream_of(tmp_path / "clip.mov", tag=2)
    assert prores_header(clip) == (2, 2, 2)
    plate = read_plate(clip, frame=1)
    assert not [note for note in plate.notes if "matrix" in note]
    both = read_plate(stream_of(tmp_path / "both.mov"), frame=1)
    np.testing.assert_array_equal(plate.pixels, both.pixels)


def test_a_timecode_that_cannot_be_is_left_out_and_told(tmp_path, write_plate):
    metadata = {"framesPerSecond": ("rational", (50, 1)), "smpte:TimeCode": ("timecode", (0x10111224, 0))}
    plate = write_plate(tmp_path / "p.exr", np.zeros((H, W, 3), np.float32), metadata=metadata)
    made = tmp_path / "made.mov"
    mattes = mattes_of(tmp_path, [(plate, 1)])
    landed = write_movie(made, [(plate, 1)], mattes, MovieOptions(rate=Fraction(24)))
    assert (probe(made).rate, probe(made).timecode) == (24, "")
    assert "10:11:12:48" in landed.notes[0]
    with pytest.raises(UsageError, match="no timecode at 24"):
        write_movie(made, [(plate, 1)], mattes, MovieOptions(rate=Fraction(24), timecode="10:11:12:48"))
