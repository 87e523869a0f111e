"""A frame of a movie as a plate: pixels, colour space, and the header that its matte will carry."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO as oiio

from flyaway import color
from flyaway.errors import ReadError
from flyaway.frames import movie, video
from flyaway.frames.colour_table import FileColour, cicp_colour

if TYPE_CHECKING:
    from flyaway.frames.read import ReadOptions

_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")


@dataclass(frozen=True)
class MovieFrame:
    """What `flyaway.frames.read` makes a plate of.

    Attributes:
        pixels: H×W×3 float32, upright, as the movie holds them.
        alpha: H×W float32, or None.
        colour: what they are.
        spec: a header as a still of this frame would have it.
        notes: what a user should know.
    """

    pixels: color.FloatImage
    alpha: color.FloatImage | None
    colour: FileColour
    spec: oiio.ImageSpec
    notes: tuple[str, ...]


def read_movie_frame(path: Path, number: int | None, options: ReadOptions) -> MovieFrame:
    """Decode one frame of a movie, counted from 1, and turn it upright.

    Raises:
        ReadError: no such frame, or a damaged one.
        EncodingUnknownError: its transfer is none of a display, and `options.in_space` is None.
    """
    if number is None:
        raise ReadError("a movie is read frame by frame; name the frames.", path=path)
    frame = movie.read_frame(path, number)
    notes: list[str] = []
    colour = _colour(frame, options, path, number, notes)
    pixels, alpha = video.rgb_of(frame)
    turn = round(frame.rotation / 90) % 4
    if turn:
        notes.append("turned upright, as the movie says")
        pixels = np.ascontiguousarray(np.rot90(pixels, turn))
        alpha = None if alpha is None else np.ascontiguousarray(np.rot90(alpha, turn))
    if frame.interlaced_frame:
        notes.append("an interlaced frame: its two fields are of different moments")
    header = header_of(path, number, turned=bool(turn % 2), bits=int(frame.format.components[0].bits))
    return MovieFrame(pixels, alpha, colour, header, tuple(notes))


def header_of(path: Path, number: int | None, *, turned: bool | None = None, bits: int = 8) -> oiio.ImageSpec:
    """The header that a still of a movie's frame would have: size, pixel aspect, rate, timecode."""
    info = movie.probe(path)
    if turned is None:
        turned = _is_turned(info)
    width, height = (info.height, info.width) if turned else (info.width, info.height)
    aspect = 1 / info.aspect if turned else info.aspect
    spec = oiio.ImageSpec(width, height, 3, "uint8" if bits == 8 else "uint16")
    spec.attribute("PixelAspectRatio", float(aspect))
    spec.attribute("framesPerSecond", "rational", (info.rate.numerator, info.rate.denominator))
    words = timecode_words(info.timecode, (number or 1) - 1, info.rate)
    if words is not None:
        spec.attribute("smpte:TimeCode", "timecode", words)
    return spec


@lru_cache(maxsize=16)
def _is_turned(info: movie.MovieInfo) -> bool:
    """Whether a movie is shown a quarter turn off; found once, for headers must not seek in it."""
    return bool(round(movie.read_frame(info.path, 1).rotation / 90) % 2)


def timecode_words(start: str, later: int, rate: Fraction) -> tuple[int, int] | None:
    """SMPTE 12M time and user words of the frame that is `later` frames after the timecode `start`.

    Above 30 frames a second two frames share a number, told apart by the field bit.
    """
    matched = _TIMECODE.fullmatch(start.strip())
    if matched is None:
        return None
    hours, minutes, seconds, frames = (int(matched[group]) for group in (1, 2, 3, 5))
    drop = matched[4] in ";."
    whole = max(1, round(rate))
    count = ((hours * 60 + minutes) * 60 + seconds) * whole + frames
    skipped = round(whole / 15) if drop else 0  # 2 at 29.97, 4 at 59.94, each minute but the tenth
    if drop:
        total_minutes = hours * 60 + minutes
        count -= skipped * (total_minutes - total_minutes // 10)
    count += later
    if drop:
        ten, rest = divmod(count, 600 * whole - 9 * skipped)
        count += skipped * (9 * ten + max(0, (rest - skipped) // (60 * whole - skipped)))
    rest, frames = divmod(count, whole)
    rest, seconds = divmod(rest, 60)
    hours, minutes = divmod(rest, 60)
    field = 0
    if whole > 30:
        frames, field = divmod(frames, 2)
    time = _bcd(hours % 24) << 24 | _bcd(minutes) << 16 | _bcd(seconds) << 8 | _bcd(frames)
    return time | (0x40 if drop else 0) | (0x8000 if field else 0), 0


def _bcd(number: int) -> int:
    return number // 10 << 4 | number % 10


def _colour(frame: Any, options: ReadOptions, path: Path, number: int, notes: list[str]) -> FileColour:
    if not frame.format.is_rgb and not frame.format.name.startswith("gray"):
        (kr, _), said = video.matrix_of(frame)
        if not said:
            name = "BT.709" if kr == video.BT709[0] else "BT.601"
            notes.append(f"the movie names no matrix: {name} was taken, by its size")
    if options.in_space is not None:
        return FileColour(color.resolve_space(options.in_space, options.config))
    return cicp_colour(int(frame.color_primaries), int(frame.color_trc), notes, path, number)
