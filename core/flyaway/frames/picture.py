"""A picture in memory as its file will hold it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import OpenImageIO as oiio

from flyaway.color import FloatImage

HALF_MAX = np.float32(65504)


@dataclass(frozen=True)
class Picture:
    """All that is to be written, in memory.

    Attributes
    ----------
    pixels : H×W×C float32, as the file shall hold them (before rounding to its type).
    spec : its header.
    exact : how many of the channels, from the first, must come back bit for bit.
    lossy : its compression may change values.
    notes : what the format could not keep.
    others : the file's other parts, in order.
    place : where among them this one comes.
    """

    pixels: FloatImage = field(repr=False)
    spec: oiio.ImageSpec = field(repr=False)
    exact: int = 0
    lossy: bool = False
    notes: tuple[str, ...] = ()
    others: tuple[Picture, ...] = ()
    place: int = 0

    @property
    def parts(self) -> tuple[Picture, ...]:
        """Every part of the file, in order."""
        return (*self.others[: self.place], self, *self.others[self.place :])


def with_channels(picture: Picture, more: FloatImage, names: tuple[str, ...], depth: str) -> Picture:
    """A picture with some channels (H×W×C) more, of one type, after its own."""
    spec = oiio.ImageSpec(picture.spec)
    kinds = [spec.channelformat(index) for index in range(spec.nchannels)]
    spec.nchannels += len(names)
    spec.channelnames = (*spec.channelnames, *names)
    spec.channelformats = (*kinds, *[oiio.TypeDesc(depth)] * len(names))
    if depth == "float":
        spec.format = oiio.TypeDesc("float")
    else:  # also beside channels that are floats
        more = np.clip(more, -HALF_MAX, HALF_MAX)
    pixels = np.concatenate([picture.pixels, more.astype(np.float32)], axis=-1)
    return replace(picture, pixels=np.ascontiguousarray(pixels), spec=spec)
