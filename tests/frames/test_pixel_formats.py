"""Every pixel format that PyAV knows comes out as the numbers in the frame's own planes, or is refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from flyaway import ReadError
from flyaway.frames import read_plate
from flyaway.frames.pixel_formats import is_grey, is_known, is_rgb, samples_of
from flyaway.frames.video import Tags, rgb_of
from flyaway.resample import resize

av = pytest.importorskip("av", reason="PyAV is not installed: pip install av")

# Widths that end within a block of 16 or 32 samples, where a scaler's vectors end too.
SIZES = ((98, 66), (130, 34), (1922, 18))


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
# R'G'B' in fewer bits than a byte: each expanded by the scaler, to the nearest eighth bit or so.
COARSE = ("444", "555", "565", "rgb8", "bgr8", "4_byte", "pal8", "mono")


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
    assert refused - raw == {
        "rgb4", "bgr4", "v30xbe", "xv30be", "x2rgb10be", "x2bgr10be", "y210be", "y212be", "y216be",
    }  # fmt: skip
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
            elif size[0] % 4 == 0 or meant.shape[1] * 2 == size[0]:
                # Chroma filled in by the scaler is chroma resampled, to a two hundredth of a code of 8 bits.
                wide = resize(meant[..., None], *plane.shape)[..., 0]
                np.testing.assert_allclose(plane, wide, atol=(1 << bits) / 256 * 0.02 + 0.02)


@pytest.mark.parametrize("name", OTHERS)
def test_samples_that_lie_side_by_side_are_told_apart(name):
    rng = np.random.default_rng(4)
    for width, height in SIZES:
        form = described(name)
        bits = 8 if any(word in name for word in COARSE) else form.components[0].bits
        planar, order = source_of(name, bits)
        source = av.VideoFrame(width, height, planar)
        planes = fill(source, rng)
        if "mono" in name or "ya" in name or name.startswith(("rgbf", "rgbaf", "rgb96", "rgba128")):
            frame, planes = by_hand(name, width, height, rng)
        else:
            same = {"src_colorspace": 1, "dst_colorspace": 1, "src_color_range": 2, "dst_color_range": 2}
            frame = source.reformat(format=name, **same)
            planes = [planes[index] for index in order]
        found = samples_of(frame)
        assert found.model == ("grey" if is_grey(name) else "rgb" if is_rgb(name) else "ycbcr")
        top = (1 << found.bits) - 1 if found.bits else 1
        if form.components[-1].is_alpha:
            np.testing.assert_allclose(found.alpha, planes.pop() / np.float32(top), rtol=1e-6)
        step = {"444": 17, "555": 9, "565": 9, "rgb8": 96, "bgr8": 96, "4_byte": 255, "pal8": 255}
        coarse = next(
            (value for word, value in step.items() if word in name and found.bits == 8 and is_rgb(name)), 0
        )
        for plane, meant in zip(found.planes, planes, strict=False):
            if plane.shape == meant.shape:
                np.testing.assert_allclose(plane, meant, atol=coarse, rtol=1e-6)
            else:
                wide = resize(meant[..., None], *plane.shape)[..., 0]
                np.testing.assert_allclose(plane, wide, atol=top * 0.01)


def source_of(name, bits):
    """A planar format of the same depth from which the decoder's library makes `name` by shuffling alone."""
    depth = "" if bits == 8 else f"{bits}le"
    if is_rgb(name):
        return (f"gbrap{depth}" if bits in (8, 16) else f"gbrp{depth}"), (2, 0, 1, 3)
    if name.startswith(("nv24", "nv42", "p4", "v", "x", "ay", "uyva")):
        return (f"yuva444p{depth}" if bits in (8, 16) else f"yuv444p{depth}"), (0, 1, 2, 3)
    small = "411" if "411" in name else "420" if name.startswith(("nv12", "nv21", "p0")) else "422"
    return f"yuv{small}p{depth}", (0, 1, 2)


def by_hand(name, width, height, rng):
    """Formats that no scaler writes, or not exactly: grey with alpha, floats, 32 bits, one bit."""
    frame = av.VideoFrame(width, height, name)
    plane = frame.planes[0]
    if "mono" in name:
        bits = rng.integers(0, 2, (height, plane.line_size * 8), np.uint8)
        plane.update(np.packbits(bits, axis=1).tobytes())
        white = (1 - bits if name == "monow" else bits)[:, :width]
        return frame, [white * np.float32(255)] * 3
    letters = 2 if name.startswith("ya") else len(frame.format.components)
    bits = frame.format.components[0].bits
    dtype = dtype_of(name, bits)
    lines = np.zeros((height, plane.line_size // dtype.itemsize), dtype)
    values = rng.random((height, width, letters))
    values = values.astype(dtype) if dtype.kind == "f" else (values * ((1 << bits) - 1)).astype(dtype)
    lines[:, : width * letters] = values.reshape(height, -1)
    plane.update(lines.tobytes())
    return frame, [values[..., index].astype(np.float32) for index in range(letters)]


@pytest.mark.parametrize("bits", [8, 9, 10, 12, 14, 16])
@pytest.mark.parametrize(("said", "full"), [(0, True), (2, True), (1, False)])
def test_grey_is_full_range_unless_it_says_otherwise(bits, said, full):
    frame = av.VideoFrame(96, 64, "gray" if bits == 8 else f"gray{bits}le")
    for plane in frame.planes:
        code = np.full(plane.buffer_size // (1 if bits == 8 else 2), 100 << (bits - 8))
        plane.update(code.astype(np.uint8 if bits == 8 else np.uint16).tobytes())
    pixels, _ = rgb_of(frame, Tags(range=said))
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
    width, height = 98, 66
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


def test_x_y_z_is_refused_by_name(tmp_path):
    path = tmp_path / "dci.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("jpeg2000", rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "xyz12le"
        frame = av.VideoFrame(64, 64, "xyz12le")
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(ReadError, match=r"its pixels \(xyz12le\).*convert the movie"):
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
