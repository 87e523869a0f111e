"""What is read of a frame: its pixels, and all that has to come out again beside the matte."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict

import OpenImageIO as oiio

from flyaway import color
from flyaway.chosen import PartField, check_word, part_field
from flyaway.color import Encoding, FloatImage
from flyaway.coverage import ALPHA_IN, AlphaIn
from flyaway.errors import EncodingUnknownError
from flyaway.geometry import SMALLEST_SIDE


@dataclass(frozen=True)
class ReadOptions:
    """What of a file is read, and as what.

    Attributes
    ----------
    in_space : its colour space where the file does not say, or says wrongly: "srgb", "linear"
        (scene-linear, Rec.709 primaries), "Cineon", or any that OCIO knows by name.
    part : which part of several: its number from 0, its name, or its view.
    layer : which layer holds the colour ("diffuse", "right"); None takes the plain R, G, B.
    config : the OCIO configuration that is asked first: see `flyaway.color.resolve_config`.
    alpha_in : what an alpha that comes with the plate is: "premultiplied" (colour is divided by it),
        "straight" (colour is taken as it is), "ignore" (as if it were not there), or "auto": as the
        format and the header say, unless the pixels contradict it, and then colour is taken as it is.

    Raises
    ------
    UsageError : an `alpha_in` that is none of these words, or a `part` that cannot be one.
    """

    in_space: str | None = None
    part: PartField = part_field()
    layer: str | None = None
    config: str | None = None
    alpha_in: AlphaIn = "auto"

    def __post_init__(self) -> None:
        """Refuse what means nothing: another word would be taken for "straight"."""
        check_word(self.alpha_in, ALPHA_IN, "alpha_in")


@dataclass(frozen=True)
class Oddities:
    """How many pixels of a plate hold values that no camera gives.

    Attributes
    ----------
    nan : not a number, in any of red, green, blue.
    infinite : infinite, in any of them.
    negative : below zero in any of them (out of gamut, ringing, or grain around black).
    """

    nan: int = 0
    infinite: int = 0
    negative: int = 0


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: the data window (what the file holds) or the display window (the format)."""

    x: int
    y: int
    width: int
    height: int


class PixelShape(TypedDict, total=False):
    """What a matting must be told of the pixels' shape; nothing where they are square."""

    pixel_aspect: float


@dataclass(frozen=True)
class Plate:
    """One frame from disk.

    Attributes
    ----------
    path : the file.
    frame : its number in the sequence, or None.
    pixels : H×W×3 float32 over the data window, straight (unpremultiplied), encoded as `space`.
    space : "srgb", "linear", or an OCIO colour space.
    alpha : the file's own alpha, H×W float32, or None.
    premultiplied : the file's colour was multiplied by its alpha (and has been divided again).
    data_window, display_window : as in the file, after turning it upright.
    format : OpenImageIO's name of the file format ("openexr", "png", …).
    channel_type : how the file stores a value ("uint8", "half", …).
    channels : the names of all its channels.
    spec : its header, without what cannot be true of it, for metadata.
    notes : what a user should know about how this file was understood.
    unused : the names of the channels that were not taken as colour or alpha.
    part : the index of the part that was read.
    config : the OCIO configuration that is asked first for `space`.
    oddities : counts of NaN, infinite and negative pixels.
    pixel_aspect : a pixel's width over its height, after turning it upright.
    """

    path: Path
    frame: int | None
    pixels: FloatImage = field(repr=False)
    space: str
    alpha: FloatImage | None = field(repr=False)
    premultiplied: bool
    data_window: Window
    display_window: Window
    format: str
    channel_type: str
    channels: tuple[str, ...]
    spec: oiio.ImageSpec = field(repr=False)
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    part: int = 0
    config: str | None = None
    oddities: Oddities = field(default_factory=Oddities)
    pixel_aspect: float = 1.0

    @property
    def is_void(self) -> bool:
        """Whether its data window is smaller than any plate, in a display window that is not.

        An empty frame is written so: a data window cannot be nothing, so it is a pixel or two.
        """
        display = self.display_window
        return bool(min(self.pixels.shape[:2]) < SMALLEST_SIDE <= min(display.width, display.height))

    @property
    def shape(self) -> PixelShape:
        """What a matting must be told of the pixels' shape."""
        return {} if self.pixel_aspect == 1 else {"pixel_aspect": self.pixel_aspect}

    def for_matting(self) -> tuple[FloatImage, Encoding]:
        """The pixels and their encoding, as `flyaway.matting.Matting` takes them."""
        try:
            return color.display_referred(self.pixels, self.space, self.config)
        except EncodingUnknownError as error:
            raise EncodingUnknownError(str(error), path=self.path, frame=self.frame) from error
