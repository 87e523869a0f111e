"""The sRGB curve (IEC 61966-2-1), quick enough for what is worked out for every pixel of an edge.

`flyaway.colorimetry` has it exactly, for files.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]


def quick_decode(pixels: Float) -> Float:
    """`srgb_to_linear` within 2e-6 (relative to 1) and several times as quick, in new memory.

    The power goes by way of the logarithm, which numpy has vectorised and the power it has not.
    """
    magnitude: Float = np.abs(pixels)
    curved: Float = magnitude * np.float32(1 / 1.055)
    curved += np.float32(0.055 / 1.055)
    np.log(curved, out=curved)
    curved *= np.float32(2.4)
    np.exp(curved, out=curved)
    straight = magnitude <= np.float32(0.04045)
    np.copyto(curved, np.multiply(magnitude, np.float32(1 / 12.92), out=magnitude), where=straight)
    np.copysign(curved, pixels, out=curved)
    return curved


def quick_encode(pixels: Float) -> Float:
    """`linear_to_srgb` within 2e-6 (relative to 1) and several times as quick, in new memory."""
    curved = encode_positive(np.abs(pixels))
    np.copysign(curved, pixels, out=curved)
    return curved


def encode_positive(magnitude: Float) -> Float:
    """The same of values of which none is below 0, which are used up."""
    straight = magnitude <= np.float32(0.0031308)
    curved: Float = np.maximum(magnitude, np.float32(0.0031308))
    np.log(curved, out=curved)
    curved *= np.float32(1 / 2.4)
    np.exp(curved, out=curved)
    curved *= np.float32(1.055)
    curved -= np.float32(0.055)
    np.copyto(curved, np.multiply(magnitude, np.float32(12.92), out=magnitude), where=straight)
    return curved
