"""Decoded video frames ↔ R'G'B' and alpha as numbers: matrix, range, depth.

The scaler that comes with the decoder is most of an 8-bit code value off between Y'CbCr and R'G'B', even
in float, so that step is taken here.

References
----------
    Rec. ITU-R BT.601-7, BT.709-6, BT.2020-2; ITU-T H.273 for the numbers that files carry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.frames.pixel_formats import FloatImage, is_grey, is_rgb, samples_of

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
# Those by which Y'CbCr cannot be turned into R'G'B' as below.
_OTHER_MATRICES = {
    8: "YCgCo",
    10: "BT.2020 with constant luminance",
    11: "SMPTE 2085",
    12: "derived from its primaries",
    13: "derived from its primaries, with constant luminance",
    14: "ICtCp",
    15: "IPT-PQ-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
_UNSAID = (0, 2)  # of matrices, curves and primaries; 0 is a matrix of R'G'B', which Y'CbCr cannot have
_VIDEO, _FULL = 1, 2  # ranges; 0 is nothing


@dataclass(frozen=True)
class Tags:
    """What a file says its colour is, by the numbers of H.273; 2 (a range: 0) where it does not say.

    Attributes
    ----------
    matrix, transfer, primaries : MatrixCoefficients, TransferCharacteristics, ColourPrimaries.
    range : 1 video's own (16 to 235 in 8 bits), 2 full.
    """

    matrix: int = 2
    transfer: int = 2
    primaries: int = 2
    range: int = 0


def tags_of(frame: Any, container: Tags | None = None) -> Tags:
    """What a frame says of its colour, and where it says nothing, what its container says."""
    other = container or Tags()

    def either(own: int, theirs: int) -> int:
        return theirs if own in _UNSAID else own

    return Tags(
        either(int(frame.colorspace), other.matrix),
        either(int(frame.color_trc), other.transfer),
        either(int(frame.color_primaries), other.primaries),
        int(frame.color_range) or other.range,
    )


def unknown_matrix(frame: Any, tags: Tags) -> str:
    """The name of a matrix that Y'CbCr cannot be turned into R'G'B' by, or ""."""
    if is_rgb(frame.format.name) or is_grey(frame.format.name):
        return ""
    return _OTHER_MATRICES.get(tags.matrix, "")


def matrix_of(frame: Any, tags: Tags) -> tuple[tuple[float, float], bool]:
    """Kr and Kb of a Y'CbCr frame, and whether the file says so; else by its size, as players do."""
    matrix = _MATRICES.get(tags.matrix)
    if matrix is not None:
        return matrix, True
    return (BT709 if frame.width >= 1280 or frame.height > 576 else _BT601), False


def is_full_range(frame: Any, tags: Tags) -> bool:
    """Whether code 0 is black; else video's own range, 16 to 235 in 8 bits.

    R'G'B' always is. Grey that says nothing is too, as FFmpeg and its scaler have it; Y'CbCr is not.
    """
    name = frame.format.name
    if is_rgb(name) or name.startswith("yuvj"):
        return True
    return tags.range == _FULL or (is_grey(name) and tags.range != _VIDEO)


def rgb_of(frame: Any, tags: Tags | None = None) -> tuple[FloatImage, FloatImage | None]:
    """A decoded frame's R'G'B' (H×W×3 float32, 0..1, beyond it where the signal is) and its alpha.

    Parameters
    ----------
    frame : PyAV's VideoFrame, of a format that is known (`flyaway.frames.pixel_formats.is_known`).
    tags : what is known of its colour; None takes what the frame itself says.
    """
    tags = tags or tags_of(frame)
    found = samples_of(frame)
    if found.model == "rgb":
        top = np.float32((1 << found.bits) - 1 if found.bits else 1)
        return np.stack(found.planes, axis=-1) / top, found.alpha
    luma = found.planes[0]
    zero, luma_span, chroma_span = _levels(found.bits, is_full_range(frame, tags))
    if found.bits:
        luma = (luma - np.float32(zero)) / np.float32(luma_span)
    if found.model == "grey":
        return np.repeat(luma[..., None], 3, axis=2), found.alpha
    middle = np.float32(1 << (found.bits - 1))
    blue, red = ((plane - middle) / np.float32(chroma_span) for plane in found.planes[1:])
    (kr, kb), _ = matrix_of(frame, tags)
    r = luma + np.float32(2 * (1 - kr)) * red
    b = luma + np.float32(2 * (1 - kb)) * blue
    g = (luma - np.float32(kr) * r - np.float32(kb) * b) / np.float32(1 - kr - kb)
    return np.stack([r, g, b], axis=-1), found.alpha


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
    if not bits:
        return 0, 1, 1
    if full:
        return 0, (1 << bits) - 1, (1 << bits) - 1
    return 16 << (bits - 8), 219 << (bits - 8), 224 << (bits - 8)
