"""Small movies for the tests, and what their pixels ought to be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

av = pytest.importorskip("av", reason="PyAV is not installed: pip install av")
W, H = 96, 64
MATRICES = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def reference(codes: tuple[int, int, int], bits: int, matrix: int, full: bool) -> np.ndarray:
    """R'G'B' of one Y'CbCr code, by the formulas of BT.601, BT.709 and BT.2020."""
    y, cb, cr = codes
    if full:
        top = (1 << bits) - 1
        y, cb, cr = y / top, (cb - (1 << bits - 1)) / top, (cr - (1 << bits - 1)) / top
    else:
        scale = 1 << (bits - 8)
        y, cb, cr = (y / scale - 16) / 219, (cb / scale - 128) / 224, (cr / scale - 128) / 224
    kr, kb = MATRICES[matrix]
    r, b = y + 2 * (1 - kr) * cr, y + 2 * (1 - kb) * cb
    return np.array([r, (y - kr * r - kb * b) / (1 - kr - kb), b])


def flat(codes: tuple[int, ...], name: str = "yuv420p", size: tuple[int, int] = (W, H)):
    frame = av.VideoFrame(*size, name)
    wide = frame.format.components[0].bits > 8
    for plane, code in zip(frame.planes, codes, strict=True):
        count = plane.buffer_size // (2 if wide else 1)
        plane.update(np.full(count, code, np.uint16 if wide else np.uint8).tobytes())
    return frame


def make(
    path: Path, frames, codec="libx264", *, rate=24, tags=None, options=None, timecode=None, alpha_mode=None
):
    """Encode frames; lossless H.264 unless another codec is named."""
    frames = list(frames)
    if options is None:
        options = {"qp": "0"} if codec == "libx264" else {}
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, frames[0].format.name
        for name, value in (tags or {}).items():
            setattr(stream.codec_context, name, value)
        if alpha_mode:
            stream.metadata["alpha_mode"] = alpha_mode
        if timecode:
            stream.metadata["timecode"] = timecode
            container.metadata["timecode"] = timecode
        for frame in frames:
            for name, value in (tags or {}).items():
                if name in ("colorspace", "color_range"):
                    setattr(frame, name, value)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def numbered(count: int, name: str = "yuv420p"):
    """Frames that say which they are: frame n has luma 20 + 3n."""
    for number in range(1, count + 1):
        frame = flat((20 + 3 * number, 128, 128), name)
        frame.pts = number - 1
        yield frame


def number_of(plate) -> int:
    return round((float(plate.pixels.mean()) * 219 + 16 - 20) / 3)
