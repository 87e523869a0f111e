"""The one place where pictures are mixed: a person before a background, by coverage, in linear light.

A camera adds light. Where hair covers a pixel by c, what reaches the sensor is c times the hair's light and
1 − c times that of what is behind; the sRGB curve comes after. The matting literature mixes the encoded
values instead, and a network that learns from such plates misreads photographs and renders: dark hair
before a bright sky comes out too thin, light hair at night too fat. So everything here (training on any
device, validation sets, drawn strands, published pictures) mixes by `mix`, with ``light="linear"``;
``light="encoded"`` makes figures that compare with the literature's.

Pictures may be numpy arrays or torch tensors, of any shape that broadcasts; what comes back is of the same
kind.

References
----------
IEC 61966-2-1 for the curve.
"""

from __future__ import annotations

import sys
from typing import Any, Literal, TypeVar

import numpy as np

Light = Literal["linear", "encoded"]
LIGHTS: tuple[Light, ...] = ("linear", "encoded")
Pixels = TypeVar("Pixels", bound=Any)  # numpy array or torch tensor, float

DARK = 0.0031308  # linear light below which the curve is a straight line
DARK_CODE = 12.92 * DARK


def _library(pixels: Any) -> Any:
    """numpy or torch: whichever the pixels belong to. A tensor exists only where torch is loaded."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(pixels, torch.Tensor) else np


def decoded(pixels: Pixels) -> Pixels:
    """Display-referred sRGB → linear light. Values are clipped to 0..1 first."""
    lib = _library(pixels)
    pixels = pixels.clip(0, 1)
    return lib.where(pixels <= DARK_CODE, pixels / 12.92, ((pixels + 0.055) / 1.055) ** 2.4)


def encoded(pixels: Pixels) -> Pixels:
    """Linear light → display-referred sRGB. Values are clipped to 0..1 first."""
    lib = _library(pixels)
    pixels = pixels.clip(0, 1)
    # The straight line's part is kept away from the power, whose gradient at 0 is infinite.
    return lib.where(pixels <= DARK, pixels * 12.92, 1.055 * pixels.clip(DARK, 1) ** (1 / 2.4) - 0.055)


def mix(front: Pixels, back: Pixels, alpha: Pixels, light: Light = "linear") -> Pixels:
    """A person before a background.

    Parameters
    ----------
    front, back : display-referred sRGB, 0..1; the person's colour is straight (not multiplied).
    alpha : coverage 0..1, broadcast over channels.
    light : what is mixed: ``"linear"`` light, or ``"encoded"`` values as the literature does.

    Returns
    -------
    Display-referred sRGB, 0..1.
    """
    if light == "encoded":
        return alpha * front + (1 - alpha) * back
    if light != "linear":
        raise ValueError(f"light is mixed {' or '.join(LIGHTS)}, not {light!r}")
    return encoded(alpha * decoded(front) + (1 - alpha) * decoded(back))
