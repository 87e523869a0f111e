"""Transfer curves and primaries: encoded R'G'B' of any of them → scene-linear light with Rec.709's primaries.

Arrays are H×W×3 (or any shape with the three colours last) float32. Curves are mirrored for negative
values, so that nothing a file holds is lost. Light of 1 is diffuse white; for PQ and HLG, which know
candelas, that is 203 cd/m², the reference white of Report ITU-R BT.2408.

References
----------
    IEC 61966-2-1 (sRGB); SMPTE RP 177 (matrices from primaries); Bradford's adaptation as in ICC.1:2022,
    annex E; Rec. ITU-R BT.2100-2 and SMPTE ST 2084 (PQ, HLG); Kodak, "Conversion of 10-bit Log Film
    Data to 8-bit Linear or Video Data", 1995.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatImage = NDArray[np.float32]
Primaries = tuple[
    float, ...
]  # xy of red, green, blue, white, as OpenEXR's chromaticities attribute holds them
Curve = Callable[[FloatImage], FloatImage]

REC709: Primaries = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
REC2020: Primaries = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, 0.3127, 0.3290)
P3_D65: Primaries = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290)
P3_DCI: Primaries = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351)

REFERENCE_WHITE = 203.0  # cd/m²
_HLG_PEAK, _HLG_GAMMA = 1000.0, 1.2  # the display that HLG is reproduced on by default
# The film-log encoding of Cineon and DPX scans: ten-bit printing density, 0.002 a code, film gamma 0.6,
# reference white at 685 and black at 95.
_CINEON_WHITE, _CINEON_BLACK, _CINEON_STEP = 685.0, 95.0, 0.002 / 0.6

_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


def srgb_to_linear(pixels: FloatImage) -> FloatImage:
    """The sRGB curve undone, mirrored for negative values."""
    magnitude = np.abs(pixels)
    curve = np.where(magnitude <= 0.04045, magnitude / 12.92, ((magnitude + 0.055) / 1.055) ** 2.4)
    return np.copysign(curve, pixels).astype(np.float32, copy=False)


def linear_to_srgb(pixels: FloatImage) -> FloatImage:
    """The sRGB curve, mirrored for negative values and going on above 1; `plate.linear_to_display` clips."""
    magnitude = np.abs(pixels)
    curve = np.where(magnitude <= 0.0031308, magnitude * 12.92, 1.055 * magnitude ** (1 / 2.4) - 0.055)
    return np.copysign(curve, pixels).astype(np.float32, copy=False)


def power(exponent: float) -> Curve:
    """A plain gamma, undone."""

    def decode(pixels: FloatImage) -> FloatImage:
        return np.copysign(np.abs(pixels) ** np.float32(exponent), pixels).astype(np.float32, copy=False)

    return decode


def linear(pixels: FloatImage) -> FloatImage:
    """Light already."""
    return pixels


def cineon_to_linear(pixels: FloatImage) -> FloatImage:
    """Film log (Cineon printing density, codes 0..1) → scene-linear, reference white at 1, black at 0."""
    black = 10 ** ((_CINEON_BLACK - _CINEON_WHITE) * _CINEON_STEP)
    light = np.power(10.0, (pixels * 1023.0 - _CINEON_WHITE) * _CINEON_STEP)
    return np.asarray((light - black) / (1 - black), dtype=np.float32)


def pq_to_linear(pixels: FloatImage) -> FloatImage:
    """PQ codes → light, 203 cd/m² at 1."""
    code = np.clip(pixels, 0, 1).astype(np.float64) ** (32 / 2523)
    top = np.maximum(code - 3424 / 4096, 0)
    light = (top / (2413 / 128 - 2392 / 128 * code)) ** (16384 / 2610)
    return np.asarray(light * (10_000 / REFERENCE_WHITE), np.float32)


def hlg_to_linear(pixels: FloatImage) -> FloatImage:
    """HLG codes (Rec.2020 primaries) → displayed light, 203 cd/m² (a code of 75 %) at 1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    code = np.clip(pixels, 0, 1).astype(np.float64)
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    system = np.maximum(luminance, 1e-12) ** (_HLG_GAMMA - 1)
    return np.asarray(scene * system[..., None] * (_HLG_PEAK / REFERENCE_WHITE), np.float32)


def to_xyz(primaries: Primaries) -> NDArray[np.float64]:
    """3×3: linear R, G, B of these primaries → XYZ, white at Y = 1.

    Raises
    ------
    ValueError : they span no gamut.
    """
    if len(primaries) != 8 or not np.isfinite(primaries).all():
        raise ValueError(f"{primaries} are no primaries")
    points = np.asarray(primaries, np.float64).reshape(4, 2)
    if np.abs(points[:, 1]).min() < 1e-6:
        raise ValueError(f"{primaries} are no primaries")
    columns = np.stack([points[:, 0] / points[:, 1], np.ones(4), (1 - points.sum(1)) / points[:, 1]])
    if abs(float(np.linalg.det(columns[:, :3]))) < 1e-6:
        raise ValueError(f"{primaries} span no gamut")
    scale = np.linalg.solve(columns[:, :3], columns[:, 3])
    return np.asarray(columns[:, :3] * scale)


def adaptation(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """3×3: XYZ under one white → XYZ under another (both XYZ), by Bradford's cones."""
    ratio = (_BRADFORD @ target) / (_BRADFORD @ source)
    return np.asarray(np.linalg.solve(_BRADFORD, ratio[:, None] * _BRADFORD))


def to_rec709(primaries: Primaries) -> NDArray[np.float64]:
    """3×3: linear light of these primaries → of Rec.709's, white to white.

    Raises
    ------
    ValueError : they span no gamut.
    """
    ours, theirs = to_xyz(REC709), to_xyz(primaries)
    adapted = adaptation(theirs.sum(1), ours.sum(1)) @ theirs
    return np.asarray(np.linalg.solve(ours, adapted))


def from_xyz(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """3×3: linear light whose primaries are these XYZ columns (ICC's) → of Rec.709's, white to white."""
    ours = to_xyz(REC709)
    return np.asarray(np.linalg.solve(ours, adaptation(columns.sum(1), ours.sum(1)) @ columns))


def matrixed(pixels: FloatImage, matrix: NDArray[np.float64]) -> FloatImage:
    """Each pixel multiplied by a 3×3 matrix; one that changes nothing leaves NaN in the channel it is in."""
    if np.allclose(matrix, np.eye(3), atol=1e-6):
        return pixels
    return np.asarray(pixels @ matrix.T.astype(np.float32), np.float32)
