"""Decoded video frames ↔ R'G'B' and alpha as numbers: matrix, range, depth.

The scaler that comes with the decoder is most of an 8-bit code value off between Y'CbCr and R'G'B', even
in float, so that step is taken here; it fills in chroma and shuffles planes, which it does exactly.

References:
    Rec. ITU-R BT.601-7, BT.709-6, BT.2020-2; ITU-T H.273 for the numbers that files carry.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]

# MatrixCoefficients → Kr, Kb.
_MATRICES = {
    1: (0.2126, 0.0722),  # BT.709
    4: (0.30, 0.11),  # FCC
    5: (0.299, 0.114),  # BT.601, 625 lines
    6: (0.299, 0.114),  # BT.601, 525 lines
    7: (0.212, 0.087),  # SMPTE 240M
    9: (0.2627, 0.0593),  # BT.2020, non-constant luminance
}
BT709, _BT601 = _MATRICES[1], _MATRICES[6]
_VIDEO, _FULL = 1, 2  # what a frame says of its range; 0 is nothing


def matrix_of(frame: Any) -> tuple[tuple[float, float], bool]:
    """Kr and Kb of a Y'CbCr frame, and whether the file says so; else by its size, as players do."""
    said = _MATRICES.get(int(frame.colorspace))
    if said is not None:
        return said, True
    return (BT709 if frame.width >= 1280 or frame.height > 576 else _BT601), False


def is_full_range(frame: Any) -> bool:
    """Whether code 0 is black; else video's own range, 16 to 235 in 8 bits."""
    return bool(
        frame.format.is_rgb or frame.format.name.startswith("yuvj") or int(frame.color_range) == _FULL
    )


def rgb_of(frame: Any) -> tuple[FloatImage, FloatImage | None]:
    """A decoded frame's R'G'B' (H×W×3 float32, 0..1, beyond it where the signal is) and its alpha."""
    bits = int(frame.format.components[0].bits)
    alpha = _alpha_of(frame, bits)
    if frame.format.is_rgb:
        return _from_rgb(frame, bits), alpha
    full = is_full_range(frame)
    grey = frame.format.name.startswith("gray")
    planes, shift = ([_samples(frame.planes[0], _kind(bits))], 0) if grey else _full_chroma(frame, bits)
    step = np.float32(1 << shift)
    zero, luma_span, chroma_span = _levels(bits, full)
    luma = (planes[0] / step - np.float32(zero)) / np.float32(luma_span)
    if grey:
        return np.repeat(luma[..., None], 3, axis=2), alpha
    middle = np.float32(1 << (bits - 1))
    blue, red = ((plane / step - middle) / np.float32(chroma_span) for plane in planes[1:3])
    (kr, kb), _ = matrix_of(frame)
    r = luma + np.float32(2 * (1 - kr)) * red
    b = luma + np.float32(2 * (1 - kb)) * blue
    g = (luma - np.float32(kr) * r - np.float32(kb) * b) / np.float32(1 - kr - kb)
    return np.stack([r, g, b], axis=-1), alpha


def ycbcr_codes(rgb: FloatImage, bits: int = 10) -> list[NDArray[np.uint16]]:
    """BT.709 video-range codes (Y', Cb, Cr; H×W uint16 each) of R'G'B' in 0..1, H×W×3 float32."""
    zero, luma_span, chroma_span = _levels(bits, full=False)
    kr, kb = BT709
    r, g, b = (rgb[..., index] for index in range(3))
    luma = np.float32(kr) * r + np.float32(1 - kr - kb) * g + np.float32(kb) * b
    blue, red = (b - luma) / np.float32(2 * (1 - kb)), (r - luma) / np.float32(2 * (1 - kr))
    middle = 1 << (bits - 1)
    codes = (luma * luma_span + zero, blue * chroma_span + middle, red * chroma_span + middle)
    return [np.clip(np.rint(code), 0, (1 << bits) - 1).astype(np.uint16) for code in codes]


def _levels(bits: int, full: bool) -> tuple[int, int, int]:
    """Black's code, and the codes from black to white and over chroma's whole width."""
    if full:
        return 0, (1 << bits) - 1, (1 << bits) - 1
    return 16 << (bits - 8), 219 << (bits - 8), 224 << (bits - 8)


def _full_chroma(frame: Any, bits: int) -> tuple[list[FloatImage], int]:
    """Y', Cb, Cr, all of the frame's size, and how far their codes are shifted up."""
    if frame.format.name.startswith(("yuv444", "yuvj444", "yuva444")):
        return [_samples(plane, _kind(bits)) for plane in frame.planes[:3]], 0
    # The same matrix and range on both sides: nothing but depth and chroma's size changes.
    span = _FULL if is_full_range(frame) else _VIDEO
    same = {"src_colorspace": 1, "dst_colorspace": 1, "src_color_range": span, "dst_color_range": span}
    larger = frame.reformat(format="yuv444p16le", **same)
    return [_samples(plane, np.uint16) for plane in larger.planes], 16 - bits


def _kind(bits: int) -> type[np.uint8] | type[np.uint16]:
    return np.uint8 if bits == 8 else np.uint16


def _samples(plane: Any, kind: Any) -> FloatImage:
    """A plane without the padding at the end of its lines: H×W float32."""
    lines = np.frombuffer(plane, kind).reshape(-1, plane.line_size // np.dtype(kind).itemsize)
    return lines[: plane.height, : plane.width].astype(np.float32)


def _from_rgb(frame: Any, bits: int) -> FloatImage:
    if bits == 8:
        return np.asarray(frame.reformat(format="rgb24").to_ndarray(), np.float32) / np.float32(255)
    # Planar (green, blue, red) in the frame's own depth, so that nothing is rescaled.
    depth = bits if bits in (10, 12, 14) else 16
    name = f"gbrp{depth}le"
    own = frame if frame.format.name == name else frame.reformat(format=name)
    green, blue, red = (_samples(plane, np.uint16) for plane in own.planes[:3])
    return np.stack([red, green, blue], axis=-1) / np.float32((1 << depth) - 1)


def _alpha_of(frame: Any, bits: int) -> FloatImage | None:
    """From its own plane or channel: alpha has full range, whatever the colour has."""
    name = frame.format.name
    if name.startswith(("yuva", "gbrap")):
        return _samples(frame.planes[3], _kind(bits)) / np.float32((1 << bits) - 1)
    if name in ("rgba", "bgra", "argb", "abgr"):
        packed = frame.reformat(format="rgba").to_ndarray()
        return np.asarray(packed[..., 3], np.float32) / np.float32(255)
    if name.startswith(("rgba64", "bgra64")):
        wide = frame.reformat(format="rgba64le").to_ndarray()
        return np.asarray(wide[..., 3], np.float32) / np.float32(65535)
    return None
