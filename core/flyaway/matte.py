"""What was found in a plate, and what can be made of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from flyaway.foreground import Despill, foreground
from flyaway.regions.numpy_backend import upsample
from flyaway.resample import resize


@dataclass(frozen=True)
class Matte:
    """What was found in a plate of H×W.

    Attributes
    ----------
    alpha : H×W float32, linear coverage 0..1, never gamma-encoded.
    classes : h×w uint8, at the size at which the coarse stage works: 0 background, 128 unknown, 255
        foreground; whichever is likeliest.
    coarse_map : h×w float32, 0..1: the coarse stage's alpha as the network reads it.
    cells : rows×columns bool, of the plate's own grid; where regions were refined.
    unsure : h×w float32, 0..1: how likely each place is to belong to the unknown region, where there is
        hair or anything else that is neither in nor out.
    """

    alpha: NDArray[np.float32]
    classes: NDArray[np.uint8]
    coarse_map: NDArray[np.float32]
    cells: NDArray[np.bool_]
    unsure: NDArray[np.float32]

    @cached_property
    def trimap(self) -> NDArray[np.uint8]:
        """H×W uint8: `classes` at the plate's size, made when it is asked for."""
        height, width = self.alpha.shape
        h, w = self.classes.shape
        y = (2 * np.arange(height) + 1) * h // (2 * height)
        x = (2 * np.arange(width) + 1) * w // (2 * width)
        trimap: NDArray[np.uint8] = np.take(self.classes, x, axis=1)[y]
        return trimap

    @cached_property
    def coarse(self) -> NDArray[np.float32]:
        """H×W float32: `coarse_map` at the plate's size, bilinear, made when it is asked for."""
        height, width = self.alpha.shape
        if height < self.coarse_map.shape[0] or width < self.coarse_map.shape[1]:  # a small plate
            return resize(self.coarse_map[..., None], height, width)[..., 0].clip(0, 1)
        return upsample(self.coarse_map, height, width).clip(0, 1)

    @property
    def unknown(self) -> NDArray[np.float32]:
        """H×W float32: `unsure` at the plate's size, made when it is asked for."""
        return upsample(self.unsure, *self.alpha.shape)

    def foreground(
        self,
        plate: Any,
        encoding: str = "srgb",
        *,
        premultiplied: bool = False,
        despill: Despill | None = None,
        dtype: DTypeLike = np.float32,
    ) -> NDArray[np.floating[Any]]:
        """The person's own colour, straight, with no old background at soft edges.

        H×W×3, encoded as the plate. Nothing of it is computed before it is asked for.
        Arguments, result and errors are those of `flyaway.foreground.foreground`; `plate` is the one that
        this matte is of.
        """
        return foreground(
            plate, self.alpha, encoding, premultiplied=premultiplied, despill=despill, dtype=dtype
        )


def likeliest(trimap: NDArray[np.float32]) -> NDArray[np.uint8]:
    """3×h×w probabilities → h×w: 0 background, 128 unknown, 255 foreground; the first of equals.

    By comparisons: numpy's argmax over a short first axis takes twenty times as long.
    """
    background, unknown, foreground = trimap
    classes = np.where(unknown > background, np.uint8(128), np.uint8(0))
    classes[foreground > np.maximum(background, unknown)] = 255
    return classes
