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
        notes: tuple[str, ...] = ()
    else:  # also beside channels that are floats
        more, notes = as_half(more)
    pixels = np.concatenate([picture.pixels, more.astype(np.float32)], axis=-1)
    return replace(
        picture,
        pixels=np.ascontiguousarray(pixels),
        spec=spec,
        notes=tuple(dict.fromkeys((*picture.notes, *notes))),
    )


def as_half(pixels: FloatImage) -> tuple[FloatImage, tuple[str, ...]]:
    """Values that half floats can hold, and what is to be told of those that they cannot."""
    if not bool((np.abs(pixels) > HALF_MAX).any()):  # NaN, which a half can hold, is none of them
        return pixels, ()
    told = f"values beyond ±{HALF_MAX:g} were clipped, where half floats end; --depth float keeps them"
    return np.clip(pixels, -HALF_MAX, HALF_MAX), (told,)
