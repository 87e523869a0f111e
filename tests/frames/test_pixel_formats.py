"""Every pixel format that PyAV knows comes out as the numbers in its own planes, or is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from flyaway import ReadError
from flyaway.frames import movie_decode, read_plate
from flyaway.frames.pixel_formats import is_grey, is_known, is_rgb, samples_of
from flyaway.frames.video import Tags, rgb_of
from flyaway.resample import resize

av = pytest.importorskip("av", reason="PyAV is not installed: pip install av")

# Widths that end within a block of 16 or 32 samples, where a scaler's vectors end too.
SIZES = ((100, 64), (132, 36), (1924, 20))


def described(name):
    return av.video.format.VideoFormat(name, 64, 64)


NAMES = sorted(name for name in av.video.format.names if described(name).components)
KNOWN = [name for name in NAMES if is_known(name)]
PLANAR = [
    name
    for name in KNOWN
    if len({c.plane for c in described(name).components}) == len(described(name).components)
    and described(name).components[0].bits >= 8
    and not described(name).has_palette
]
OTHERS = [name for name in KNOWN if name not in PLANAR]


def dtype_of(name, bits):
    kind = ("f2" if "f16" in name else "f4") if "f16" in name or "f32" in name else None
    return np.dtype(
        (">" if name.endswith("be") else "<") + (kind or f"u{1 if bits <= 8 else 2 if bits <= 16 else 4}")
    )


def fill(frame, rng):
    """Random numbers in every plane, the padding too; returns what is within, plane by plane."""
    form, kept = frame.format, []
    bits = form.components[0].bits
    dtype = dtype_of(form.name, bits)
    shift = 16 - bits if "msb" in form.name else 0
    for plane in frame.planes:
        shape = (plane.buffer_size // plane.line_size, plane.line_size // dtype.itemsize)
        if dtype.kind == "f":
            lines = rng.random(shape).astype(dtype)
        else:
            lines = (rng.integers(0, 1 << bits, shape, np.uint64) << shift).astype(dtype)
        plane.update(lines.tobytes())
        kept.append((lines >> shift if shift else lines)[: plane.height, : plane.width].astype(np.float32))
    return kept


def test_hardly_any_format_is_refused():
    refused = {name for name in NAMES if not is_known(name)}
    raw = {name for name in refused if name.startswith(("bayer", "xyz12"))}
    assert refused - raw == {"rgb4", "bgr4", "v30xbe", "xv30be", "y210be", "y212be", "y216be"}
    assert len(KNOWN) > 200
    assert not [name for name in KNOWN if is_rgb(name) and is_grey(name)]


@pytest.mark.parametrize("name", PLANAR)
def test_planes_are_taken_from_the_frame_itself(name):
    rng = np.random.default_rng(3)
    for size in SIZES:
        frame = av.VideoFrame(*size, name)
        planes = fill(frame, rng)
        components = frame.format.components
        in_order = [planes[component.plane] for component in components]
        found = samples_of(frame)
        bits = 0 if "f16" in name or "f32" in name else components[0].bits
        assert found.bits == bits
        if components[-1].is_alpha:
            meant = in_order.pop()
            np.testing.assert_array_equal(found.alpha, meant / np.float32((1 << bits) - 1) if bits else meant)
        else:
            assert found.alpha is None
        assert found.model == ("grey" if len(in_order) == 1 else "rgb" if name.startswith("gbr") else "ycbcr")
        np.testing.assert_array_equal(found.planes[0], in_order[0])
        for plane, meant in zip(found.planes[1:], in_order[1:], strict=True):
            if meant.shape == plane.shape:
                np.testing.assert_array_equal(plane, meant)
            else:
                # Chroma filled in by the scaler is chroma resampled, to a two hundredth of a code of 8 bits.
                wide = resize(meant[..., None], *plane.shape)[..., 0]
                np.testing.assert_allclose(plane, wide, atol=(1 << bits) / 256 * 0.02 + 0.02)


# Fields of bits, highest first, by name; and which of them are red, green, blue (or Y', Cb, Cr).
FIELDS = {
    "rgb565": (16, ((11, 5), (5, 6), (0, 5))),
    "bgr565": (16, ((0, 5), (5, 6), (11, 5))),
    "rgb555": (16, ((10, 5), (5, 5), (0, 5))),
    "bgr555": (16, ((0, 5), (5, 5), (10, 5))),
    "rgb444": (16, ((8, 4), (4, 4), (0, 4))),
    "bgr444": (16, ((0, 4), (4, 4), (8, 4))),
    "rgb8": (8, ((5, 3), (2, 3), (0, 2))),
    "bgr8": (8, ((0, 3), (3, 3), (6, 2))),
    "rgb4_byte": (8, ((3, 1), (1, 2), (0, 1))),
    "bgr4_byte": (8, ((0, 1), (1, 2), (3, 1))),
    "x2rgb10": (32, ((20, 10), (10, 10), (0, 10))),
    "x2bgr10": (32, ((0, 10), (10, 10), (20, 10))),
    "xv30": (32, ((10, 10), (0, 10), (20, 10))),
    "v30x": (32, ((12, 10), (2, 10), (22, 10))),
}


def stem(name):
    return name[:-2] if name.endswith(("le", "be")) else name


@pytest.mark.parametrize("name", [name for name in OTHERS if stem(name) in FIELDS])
def test_fields_of_bits_are_taken_apart(name):
    width, fields = FIELDS[stem(name)]
    rng = np.random.default_rng(6)
    for size in SIZES:
        frame = av.VideoFrame(*size, name)
        plane = frame.planes[0]
        dtype = np.dtype((">" if name.endswith("be") else "<") + f"u{width // 8}")
        words = rng.integers(0, 1 << width, (size[1], plane.line_size // dtype.itemsize), np.uint64)
        plane.update(words.astype(dtype).tobytes())
        found = samples_of(frame)
        assert found.alpha is None
        for got, (low, bits) in zip(found.planes, fields, strict=True):
            meant = ((words[:, : size[0]] >> low) & ((1 << bits) - 1)).astype(np.float32)
            scale = 1 if found.bits else np.float32((1 << bits) - 1)
            np.testing.assert_array_equal(got, meant / scale)


@pytest.mark.parametrize("name", ["monob", "monow"])
def test_one_bit_is_black_or_white(name):
    for width, height in SIZES:
        frame = av.VideoFrame(width, height, name)
        plane = frame.planes[0]
        bits = np.random.default_rng(7).integers(0, 2, (height, plane.line_size * 8), np.uint8)
        plane.update(np.packbits(bits, axis=1).tobytes())
        white = (1 - bits if name == "monow" else bits)[:, :width]
        for channel in range(3):
            np.testing.assert_array_equal(rgb_of(frame)[0][..., channel], white)


@pytest.mark.parametrize("opaque", [True, False])
def test_a_palette_is_looked_up_with_its_alpha(opaque):
    rng = np.random.default_rng(8)
    for width, height in SIZES:
        frame = av.VideoFrame(width, height, "pal8")
        indices = rng.integers(0, 256, (height, frame.planes[0].line_size), np.uint8)
        palette = rng.integers(0, 256, (256, 4), np.uint8)  # blue, green, red, alpha
        if opaque:
            palette[:, 3] = 255
        frame.planes[0].update(indices.tobytes())
        frame.planes[1].update(palette.tobytes())
        pixels, alpha = rgb_of(frame)
        meant = palette[indices[:, :width]].astype(np.float32) / np.float32(255)
        np.testing.assert_allclose(pixels, meant[..., 2::-1], atol=1e-6)
        if opaque:
            assert alpha is None
        else:
            np.testing.assert_allclose(alpha, meant[..., 3], atol=1e-6)


@pytest.mark.parametrize(
    "name", [n for n in OTHERS if stem(n) not in FIELDS and n not in ("monob", "monow", "pal8")]
)
def test_samples_that_lie_side_by_side_are_told_apart(name):
    """Against the library's own step to planes of the same depth, which moves samples and no more."""
    rng = np.random.default_rng(4)
    form = described(name)
    bits = form.components[0].bits
    for width, height in SIZES:
        frame = av.VideoFrame(width, height, name)
        values = random_lines(frame, rng)
        found = samples_of(frame)
        assert found.model == ("grey" if is_grey(name) else "rgb" if is_rgb(name) else "ycbcr")
        meant = apart(frame, values)
        alpha = meant.pop() if form.components[-1].is_alpha else None
        assert (found.alpha is None) == (alpha is None)
        if alpha is not None:
            scale = np.float32((1 << bits) - 1) if found.bits else np.float32(1)
            np.testing.assert_allclose(found.alpha, alpha / scale, rtol=1e-6)
        for plane, own in zip(found.planes, meant, strict=True):
            if own.shape == plane.shape:
                np.testing.assert_array_equal(plane, own)
            else:
                wide = resize(own[..., None], *plane.shape)[..., 0]
                np.testing.assert_allclose(plane, wide, atol=(1 << bits) / 256 * 0.02 + 0.02)


def random_lines(frame, rng):
    """Random samples all over a frame's planes, lowest bits cleared where the format does not use them."""
    name, bits = frame.format.name, frame.format.components[0].bits
    dtype, kept = dtype_of(name, bits), []
    shift = 16 - bits if name.startswith(("p0", "p2", "p4", "y21", "xv36")) else 0
    for plane in frame.planes:
        shape = (plane.buffer_size // plane.line_size, plane.line_size // dtype.itemsize)
        if dtype.kind == "f":
            lines = rng.random(shape).astype(dtype)
        else:
            lines = (rng.integers(0, 1 << bits, shape, np.uint64) << shift).astype(dtype)
        plane.update(lines.tobytes())
        kept.append((lines >> shift if shift else lines)[: plane.height])
    return kept


# Where red, green, blue, alpha (or Y', Cb, Cr, alpha) lie among the samples of one pixel, as FFmpeg's own
# pixfmt.h has it in words.
ORDERS = {
    "rgb24": (0, 1, 2), "bgr24": (2, 1, 0), "rgba": (0, 1, 2, 3), "bgra": (2, 1, 0, 3),
    "argb": (1, 2, 3, 0), "abgr": (3, 2, 1, 0), "0rgb": (1, 2, 3), "rgb0": (0, 1, 2), "0bgr": (3, 2, 1),
    "bgr0": (2, 1, 0), "rgb48": (0, 1, 2), "bgr48": (2, 1, 0), "rgba64": (0, 1, 2, 3),
    "bgra64": (2, 1, 0, 3), "rgb96": (0, 1, 2), "rgba128": (0, 1, 2, 3), "rgbf16": (0, 1, 2),
    "rgbaf16": (0, 1, 2, 3), "rgbf32": (0, 1, 2), "rgbaf32": (0, 1, 2, 3), "ya8": (0, 1), "ya16": (0, 1),
    "yaf16": (0, 1), "yaf32": (0, 1), "ayuv": (1, 2, 3, 0), "ayuv64": (1, 2, 3, 0), "vuya": (2, 1, 0, 3),
    "vuyx": (2, 1, 0), "uyva": (1, 0, 2, 3), "vyu444": (1, 2, 0), "xv36": (1, 0, 2), "xv48": (1, 0, 2),
}  # fmt: skip


def apart(frame, lines):
    """The samples of each component, moved apart by numpy."""
    name, width = stem(frame.format.name), frame.width
    if name in ORDERS:
        each = {"0": 4, "x": 4}.get(name[0], 4 if name in ("rgb0", "bgr0", "vuyx") else len(ORDERS[name]))
        pixels = lines[0][:, : width * each].reshape(frame.height, width, each)
        return [pixels[..., place].astype(np.float32) for place in ORDERS[name]]
    if len(lines) == 2:  # nv12, p010, …: luma, and chroma in pairs
        small = frame.planes[1].width
        pairs = lines[1][:, : 2 * small].astype(np.float32)
        blue, red = (
            (pairs[:, 1::2], pairs[:, ::2]) if name in ("nv21", "nv42") else (pairs[:, ::2], pairs[:, 1::2])
        )
        return [lines[0][:, :width].astype(np.float32), blue, red]
    places = {"yuyv422": (0, 1, 3), "yvyu422": (0, 3, 1), "uyvy422": (1, 0, 2)}.get(name, (0, 1, 3))
    line = lines[0][:, : 2 * width].astype(np.float32)
    if name == "uyyvyy411":
        six = lines[0][:, : width * 3 // 2].astype(np.float32).reshape(frame.height, -1, 6)
        return [six[..., [1, 2, 4, 5]].reshape(frame.height, -1), six[..., 0], six[..., 3]]
    return [line[:, places[0] :: 2], line[:, places[1] :: 4], line[:, places[2] :: 4]]


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
@pytest.mark.parametrize(("tag", "full"), [(0, True), (2, True), (1, False)])
def test_grey_is_full_range_unless_it_says_otherwise(bits, tag, full):
    frame = av.VideoFrame(96, 64, "gray" if bits == 8 else f"gray{bits}le")
    for plane in frame.planes:
        code = np.full(plane.buffer_size // (1 if bits == 8 else 2), 100 << (bits - 8))
        plane.update(code.astype(np.uint8 if bits == 8 else np.uint16).tobytes())
    pixels, _ = rgb_of(frame, Tags(range=tag))
    meant = (100 << (bits - 8)) / ((1 << bits) - 1) if full else (100 - 16) / 219
    np.testing.assert_allclose(pixels, meant, atol=1e-6)


@pytest.mark.parametrize(
    ("codec", "suffix", "name"),
    [
        ("cfhd", "mov", "gbrap12le"),
        ("cfhd", "mov", "gbrp12le"),
        ("ffv1", "mkv", "gbrap10le"),
        ("ffv1", "mkv", "gbrap16le"),
        ("ffv1", "mkv", "gray10le"),
        ("ffv1", "mkv", "yuva444p12le"),
        ("prores_ks", "mov", "yuva444p10le"),
        ("qtrle", "mov", "argb"),
        ("png", "mov", "rgba64be"),
        ("rawvideo", "avi", "bgr24"),
    ],
)
def test_a_plate_of_a_movie_is_what_its_decoder_hands_out(tmp_path, codec, suffix, name):
    """Through the whole reader, beside PyAV alone: alpha exactly, colour by the formulas."""
    width, height = (112, 64) if codec == "cfhd" else (98, 66)
    rng = np.random.default_rng(5)
    path = tmp_path / f"m.{suffix}"
    with av.open(str(path), "w") as container:
        options = {"profile": "4444", "alpha_bits": "16"} if codec == "prores_ks" else {}
        stream = container.add_stream(codec, rate=24, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, name
        frame = av.VideoFrame(width, height, name)
        fill(frame, rng)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        decoded = next(container.decode(video=0))
    plate = read_plate(path, frame=1)
    form = decoded.format
    assert plate.pixels.shape == (height, width, 3)
    bits = form.components[0].bits
    if form.components[-1].is_alpha:
        if form.is_planar:
            dtype = dtype_of(form.name, bits)
            plane = decoded.planes[3]
            own = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)[:height, :width]
        else:
            own = decoded.to_ndarray()[..., "argb".index("a") if form.name == "argb" else 3]
        np.testing.assert_array_equal(plate.alpha, own.astype(np.float32) / np.float32((1 << bits) - 1))
    if form.name.startswith("gbr"):
        dtype = dtype_of(form.name, bits)
        for channel, index in enumerate((2, 0, 1)):
            plane = decoded.planes[index]
            own = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // dtype.itemsize)[:height, :width]
            np.testing.assert_array_equal(
                plate.pixels[..., channel], own.astype(np.float32) / np.float32((1 << bits) - 1)
            )
    if form.name == "gray10le":
        own = np.frombuffer(decoded.planes[0], "<u2").reshape(height, -1)[:, :width]
        np.testing.assert_allclose(plate.pixels[..., 1], own / 1023, atol=1e-6)


@pytest.mark.parametrize("name", ["xyz12le", "bayer_rggb16le"])
def test_a_format_that_is_not_taken_apart_is_refused_by_name(tmp_path, monkeypatch, name):
    """Digital cinema's and sensors' decoders are in PyAV, their encoders are not: the decoder is played."""
    path = tmp_path / "m.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "gray"
        container.mux(stream.encode(av.VideoFrame(64, 64, "gray")))
        container.mux(stream.encode(None))
    monkeypatch.setattr(movie_decode, "read_frame", lambda *_: av.VideoFrame(64, 64, name))
    with pytest.raises(ReadError, match=rf"its pixels \({name}\).*convert the movie"):
        read_plate(path, frame=1)


@pytest.mark.parametrize("matrix", [8, 10, 14])
def test_a_matrix_that_is_none_of_the_usual_is_refused_by_name(tmp_path, matrix):
    path = tmp_path / "m.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p10le"
        stream.codec_context.colorspace = matrix
        frame = av.VideoFrame(64, 64, "yuv444p10le")
        fill(frame, np.random.default_rng(0))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(ReadError, match="its matrix"):
        read_plate(path, frame=1)
