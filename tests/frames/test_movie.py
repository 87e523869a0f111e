"""Movies made by code: their matrix, range, depth, rotation, timecode and every frame come out right."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from tests.frames.movies import H, W, av, flat, make, number_of, numbered, reference

from flyaway import PatternError, ReadError
from flyaway.batch import Target, plan_shot
from flyaway.batch.cost import cost_of
from flyaway.frames import ReadOptions, plan_frames, read_plate, write_matte
from flyaway.frames.movie import probe
from flyaway.frames.read_matte import read_matte
from flyaway.frames.timecode import timecode_later, words_of
from flyaway.frames.video import rgb_of


@pytest.mark.parametrize("matrix", [1, 5, 6, 9])
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("name", "bits"), [("yuv420p", 8), ("yuv422p", 8), ("yuv444p", 8), ("yuv420p10le", 10)]
)
def test_matrix_range_and_depth(tmp_path, matrix, full, name, bits):
    codes = tuple(code << (bits - 8) for code in (120, 90, 170))
    tags = {"colorspace": matrix, "color_range": 2 if full else 1, "color_primaries": 1, "color_trc": 1}
    path = make(tmp_path / "m.mp4", [flat(codes, name), flat(codes, name)], tags=tags)
    plate = read_plate(path, frame=2)
    expected = reference(codes, bits, matrix, full)
    np.testing.assert_allclose(plate.pixels, np.broadcast_to(expected, (H, W, 3)), atol=2e-6)
    assert plate.space == "srgb"
    assert not any("matrix" in note for note in plate.notes)


@pytest.mark.parametrize(("size", "matrix"), [((96, 64), 6), ((1280, 720), 1)])
def test_a_movie_that_names_no_matrix_is_taken_by_its_size_and_says_so(tmp_path, size, matrix):
    path = make(tmp_path / "m.mp4", [flat((120, 90, 170), size=size)])
    plate = read_plate(path, frame=1)
    np.testing.assert_allclose(plate.pixels[0, 0], reference((120, 90, 170), 8, matrix, False), atol=2e-6)
    assert any("names no matrix" in note for note in plate.notes)


@pytest.mark.parametrize("value", [16, 235, 255, 1])
def test_grey_stays_what_it_was(tmp_path, value):
    plate = read_plate(make(tmp_path / "m.mp4", [flat((value, 128, 128))]), frame=1)
    np.testing.assert_allclose(plate.pixels, (value - 16) / 219, atol=1e-6)


@pytest.mark.parametrize(
    ("codec", "name", "codes", "expected"),
    [
        ("qtrle", "rgb24", (200,), [200 / 255] * 3),
        ("png", "rgb48be", (200 * 257,), [200 / 255] * 3),
        ("libx264rgb", "rgb24", (99,), [99 / 255] * 3),
    ],
)
def test_rgb_movies(tmp_path, codec, name, codes, expected):
    options = {"qp": "0"} if codec == "libx264rgb" else {}
    path = make(tmp_path / "m.mov", [flat(codes, name)], codec, options=options)
    np.testing.assert_allclose(read_plate(path, frame=1).pixels[5, 5], expected, atol=1e-6)


@pytest.mark.parametrize("bits", [10, 12])
def test_planar_rgb_keeps_its_depth(bits):
    pixels, alpha = rgb_of(flat((200, 300, 700, 90), f"gbrap{bits}le"))
    np.testing.assert_allclose(pixels[5, 5], np.array([700, 200, 300]) / ((1 << bits) - 1), atol=1e-6)
    np.testing.assert_allclose(alpha, 90 / ((1 << bits) - 1), atol=1e-6)


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        ("mp4", "libx264", {"qp": "0", "bf": "3", "g": "12"}),
        ("mov", "prores_ks", {"profile": "hq"}),
        ("mxf", "mpeg2video", {"bf": "2", "g": "9", "b": "20000000"}),
        ("mkv", "libx264", {"qp": "0", "bf": "3", "g": "12"}),
        ("webm", "libvpx-vp9", {"lossless": "1", "g": "10"}),
        ("avi", "libx264", {"qp": "0", "bf": "3", "g": "12"}),
        ("avi", "mpeg4", {"bf": "2", "g": "12", "b": "9000000"}),
        ("mts", "libx264", {"qp": "0", "bf": "3", "g": "12"}),
        ("m2ts", "libx264", {"qp": "0", "bf": "3", "g": "12", "x264-params": "open-gop=1"}),
        ("MTS", "libx264", {"qp": "0", "bf": "3", "g": "12", "x264-params": "interlaced=1"}),
        ("ts", "mpeg2video", {"bf": "2", "g": "9", "b": "20000000"}),
        ("mpg", "mpeg2video", {"bf": "2", "g": "9", "b": "20000000"}),
        ("flv", "libx264", {"qp": "0", "bf": "3", "g": "12"}),
        ("wmv", "wmv2", {"g": "12", "b": "9000000"}),
    ],
)
def test_any_frame_in_any_order(tmp_path, suffix, codec, options):
    name = {"prores_ks": "yuv422p10le", "mpeg2video": "yuv422p"}.get(codec, "yuv420p")
    if suffix in ("ts", "mpg"):
        name = "yuv420p"
    frames = list(numbered(60, name))
    if codec == "prores_ks":
        frames = [flat((4 * (20 + 3 * n), 512, 512), name) for n in range(1, 61)]
    path = make(tmp_path / f"m.{suffix}", frames, codec, options=options, rate=25)
    info = probe(path)
    assert (info.frames, info.rate) == (60, 25)
    order = [1, 2, 3, 60, 1, 30, 29, 28, 31, 5, 59, 60, 17, 16, *range(40, 61)]
    assert [number_of(read_plate(path, frame=n)) for n in order] == order
    for wrong in (0, 61):
        with pytest.raises(ReadError, match="frames 1-60"):
            read_plate(path, frame=wrong)


def test_readers_that_share_a_movie_each_get_their_frame(tmp_path):
    path = make(tmp_path / "m.mp4", numbered(60), options={"qp": "0", "bf": "3", "g": "12"})
    order = [int(n) for n in np.random.default_rng(4).permutation(60) + 1]
    with ThreadPoolExecutor(4) as readers:
        assert list(readers.map(lambda n: number_of(read_plate(path, frame=n)), order)) == order


# The matrix of a track header: (a, b, c, d) of a turn, by ISO/IEC 14496-12.
UPRIGHT = b"\x00\x01\x00\x00" + bytes(12) + b"\x00\x01\x00\x00"
TURNS = {
    1: b"\x00\x00\x00\x00\x00\x01\x00\x00" + bytes(4) + b"\xff\xff\x00\x00\x00\x00\x00\x00",  # clockwise
    2: b"\xff\xff\x00\x00\x00\x00\x00\x00" + bytes(4) + b"\x00\x00\x00\x00\xff\xff\x00\x00",
    3: b"\x00\x00\x00\x00\xff\xff\x00\x00" + bytes(4) + b"\x00\x01\x00\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_telephones_movie_is_turned_upright(tmp_path, quarters):
    frame = flat((60, 128, 128))
    luma = np.full((H, frame.planes[0].line_size), 60, np.uint8)
    luma[: H // 2, : W // 2] = 200
    frame.planes[0].update(luma.tobytes())
    path = make(tmp_path / "m.mp4", [frame])
    data = path.read_bytes()
    track = data.index(b"tkhd")
    place = data.index(UPRIGHT, track)
    path.write_bytes(data[:place] + TURNS[quarters] + data[place + len(UPRIGHT) :])
    plate = read_plate(path, frame=1)
    stored = np.where(luma[:, :W] == 200, 200, 60)
    expected = (np.rot90(stored, -quarters) - 16) / 219
    np.testing.assert_allclose(plate.pixels[..., 0], expected, atol=1e-6)
    assert (plate.spec.width, plate.spec.height) == expected.shape[::-1]
    assert (plate.data_window.width, plate.data_window.height) == expected.shape[::-1]


@pytest.mark.parametrize(
    ("suffix", "codec", "name"), [("mov", "libx264", "yuv420p"), ("mxf", "mpeg2video", "yuv422p")]
)
def test_timecode_rate_and_pixel_aspect_reach_the_matte(tmp_path, suffix, codec, name):
    path = make(
        tmp_path / f"m.{suffix}",
        [flat((120, 128, 128), name) for _ in range(30)],
        codec,
        rate=25,
        timecode="10:00:00:20",
        tags={"sample_aspect_ratio": Fraction(16, 15)},
    )
    plate = read_plate(path, frame=7)
    write_matte(tmp_path / "m.exr", plate.pixels[..., 0], plate)
    spec = read_matte(tmp_path / "m.exr").spec
    assert spec.get("smpte:TimeCode")[0] == 0x10000101  # 10:00:01:01
    assert spec.get("framesPerSecond") == (25, 1)
    if suffix == "mov":  # MPEG-2 knows pictures of 4:3 and 16:9 only
        assert spec.get("PixelAspectRatio") == pytest.approx(16 / 15)


@pytest.mark.parametrize(
    ("start", "later", "rate", "expected"),
    [
        ("01:00:00:00", 24, "24", 0x01000100),
        ("23:59:59:23", 1, "24", 0x00000000),
        # Drop frame leaves out :00 and :01 of each minute but the tenth (SMPTE 12M).
        ("01:00:59;29", 1, "30000/1001", 0x01010002 | 0x40),
        ("01:09:59;29", 1, "30000/1001", 0x01100000 | 0x40),
        ("00:00:00;00", 17982, "30000/1001", 0x00100000 | 0x40),
        ("00:00:00;00", 1800, "30000/1001", 0x00010002 | 0x40),
        ("00:00:00:00", 3, "50", 0x00000001 | 0x8000),
        ("nonsense", 0, "24", None),
    ],
)
def test_timecode_arithmetic(start, later, rate, expected):
    words = words_of(timecode_later(start, later, Fraction(rate)), Fraction(rate))
    assert (words[0] if words else None) == expected


@pytest.mark.parametrize(("transfer", "name"), [(16, "PQ"), (18, "HLG")])
def test_high_dynamic_range_is_read_with_its_white_at_one(tmp_path, transfer, name):
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": transfer, "color_range": 1}
    path = make(tmp_path / "m.mp4", [flat((400, 512, 512), "yuv420p10le")], tags=tags)
    plate = read_plate(path, frame=1)
    assert plate.space == name
    assert any("203 cd/m²" in note for note in plate.notes)
    pixels, _ = plate.for_matting()
    assert 0 < float(pixels.mean()) < 1
    for same in (name, f"Rec.2100-{name} - Display"):
        np.testing.assert_array_equal(read_plate(path, same, frame=1).for_matting()[0], pixels)


@pytest.mark.parametrize("suffix", ["webm", "mkv"])
@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_alpha_that_lies_beside_vp9_is_read_in_any_order(tmp_path, suffix, codec):
    def frames():
        for number in range(1, 31):
            frame = flat((20 + 3 * number, 128, 128, 8 * number), "yuva420p")
            frame.pts = number - 1
            yield frame

    options = {"lossless": "1", "g": "10"}
    if codec == "libvpx":
        options = {"crf": "4", "b": "9000000", "auto-alt-ref": "0", "g": "10"}
    path = make(tmp_path / f"m.{suffix}", frames(), codec, options=options, alpha_mode="1")
    for number in (1, 2, 30, 5, 17, 16):
        plate = read_plate(path, frame=number)
        assert number_of(plate) == number
        assert float(plate.alpha.mean()) == pytest.approx(8 * number / 255, abs=0.004)


def test_timecode_comes_out_of_matroska(tmp_path):
    path = make(tmp_path / "m.mkv", [flat((120, 128, 128))], timecode="10:00:00:20")
    assert probe(path).timecode == "10:00:00:20"


def test_a_playlist_by_a_movies_name_opens_nothing(tmp_path):
    make(tmp_path / "m.mp4", [flat((120, 128, 128))])
    for suffix in ("mkv", "avi", "mts", "webm", "mpg", "wmv", "flv", "ogv", "dv"):
        path = tmp_path / f"list.{suffix}"
        path.write_text("#EXTM3U\n#EXTINF:1,\nm.mp4\n#EXT-X-ENDLIST\n")
        with pytest.raises(ReadError):
            read_plate(path, frame=1)


def test_alpha_comes_out_of_a_movie(tmp_path):
    frame = flat((500, 512, 512, 256), "yuva444p10le")
    path = make(tmp_path / "m.mov", [frame], "prores_ks", options={"profile": "4444"})
    plate = read_plate(path, frame=1)
    np.testing.assert_allclose(plate.alpha, 256 / 1023, atol=1e-3)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
@pytest.mark.parametrize("suffix", ["mp4", "mov", "mxf"])
def test_a_truncated_movie_fails_by_name_and_never_lies(tmp_path, suffix, share):
    codec = "mpeg2video" if suffix == "mxf" else "libx264"
    rng = np.random.default_rng(1)
    frames = []
    for _ in range(20):
        frame = av.VideoFrame(W, H, "yuv420p" if codec == "libx264" else "yuv422p")
        for plane in frame.planes:
            plane.update(rng.integers(16, 235, plane.buffer_size, np.uint8).tobytes())
        frames.append(frame)
    path = make(tmp_path / f"m.{suffix}", frames, codec)
    whole = [read_plate(path, frame=n).pixels for n in range(1, 21)]
    data = path.read_bytes()
    broken = tmp_path / f"b.{suffix}"
    broken.write_bytes(data[: int(len(data) * share)])
    errors = []
    for number in range(1, 21):
        try:
            pixels = read_plate(broken, frame=number).pixels
        except ReadError as error:
            errors.append(error)
        else:
            np.testing.assert_array_equal(pixels, whole[number - 1])
    assert errors
    assert {error.path for error in errors} == {broken}


def test_without_pyav_the_remedy_is_named(tmp_path):
    path = make(tmp_path / "m.mp4", [flat((120, 128, 128))])
    code = (
        "import sys; sys.modules['av'] = None\n"
        "from flyaway import FlyawayError\nfrom flyaway.frames import read_plate\n"
        f"try: read_plate({str(path)!r}, frame=1)\nexcept FlyawayError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install av" in done.stdout


def test_frames_of_a_movie_are_planned(tmp_path):
    path = make(tmp_path / "clip.mp4", numbered(12))
    jobs = plan_frames(path, tmp_path / "out")
    assert [job.frame for job in jobs] == list(range(1, 13))
    assert jobs[0].target == tmp_path / "out" / "clip.0001.exr"
    some = plan_frames(path, str(tmp_path / "m.####.png"), frames="3-9x3")
    assert [job.target.name for job in some] == ["m.0003.png", "m.0006.png", "m.0009.png"]
    with pytest.raises(PatternError, match="flyaway movie"):
        plan_frames(path, tmp_path / "out.mov")


def test_a_movie_counts_once_in_a_plans_cost(tmp_path):
    path = make(tmp_path / "m.mp4", [flat((120, 90, 170))] * 5)
    cost = cost_of(plan_shot("movie", path, [Target(str(tmp_path / "m.####.exr"))]))
    assert (cost.frames, cost.bytes_in, cost.bytes_out) == (5, path.stat().st_size, 5 * W * H * 2)


def test_layers_do_not_apply_but_spaces_do(tmp_path):
    path = make(tmp_path / "m.mp4", [flat((120, 128, 128))])
    plate = read_plate(path, frame=1, options=ReadOptions(in_space="ARRI LogC4"))
    assert plate.space == "ARRI LogC4"
