"""A frame of a movie as a plate: pixels, colour space, and the header that its matte will carry."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO as oiio

from flyaway import color
from flyaway.errors import ReadError
from flyaway.frames import movie, movie_decode, video
from flyaway.frames.colour_table import FileColour, cicp_colour
from flyaway.frames.pixel_formats import is_grey, is_known, is_rgb
from flyaway.frames.timecode import frames_per_number, timecode_later, words_of
from flyaway.geometry import is_turned, orientation_of, upright

if TYPE_CHECKING:
    from flyaway.frames.read import ReadOptions

# Above 60 frames a second the header's bits cannot tell all frames apart.
EXACT_TIMECODE = "flyaway:timecode"


@dataclass(frozen=True)
class MovieFrame:
    """What `flyaway.frames.read` makes a plate of.

    Attributes
    ----------
    pixels : H×W×3 float32, upright, as the movie holds them.
    alpha : H×W float32, or None.
    colour : what they are.
    spec : a header as a still of this frame would have it.
    notes : what a user should know.
    """

    pixels: color.FloatImage
    alpha: color.FloatImage | None
    colour: FileColour
    spec: oiio.ImageSpec
    notes: tuple[str, ...]


def read_movie_frame(path: Path, number: int | None, options: ReadOptions) -> MovieFrame:
    """Decode one frame of a movie, counted from 1, and turn it upright.

    Raises
    ------
    ReadError : no such frame, or a damaged one.
    EncodingUnknownError : its transfer is none of a display, and `options.in_space` is None.
    """
    if number is None:
        raise ReadError("a movie is read frame by frame; name the frames.", path=path)
    info, frame = movie.probe(path), movie_decode.read_frame(path, number)
    if not is_known(frame.format.name):
        message = f"its pixels ({frame.format.name}) are none that are read here; convert the movie first."
        raise ReadError(message, path=path, frame=number)
    notes: list[str] = []
    tags = video.tags_of(frame, info.tags)
    colour = _colour(frame, tags, options, path, number, notes)
    pixels, alpha = video.rgb_of(frame, tags)
    turn = _orientation(frame)
    if turn > 1:
        notes.append("turned upright, as the movie says")
        pixels = np.ascontiguousarray(upright(pixels, turn))
        alpha = None if alpha is None else np.ascontiguousarray(upright(alpha, turn))
    if info.aperture is not None:
        notes.append(
            f"the movie has a clean aperture of {info.aperture}: all of its {info.width}×{info.height} pixels"
            " are matted, as compositors read it"
        )
    if frame.interlaced_frame:
        notes.append("an interlaced frame: its two fields are of different moments")
    header = header_of(path, number, turned=is_turned(turn), bits=int(frame.format.components[0].bits))
    if info.timecode and header.get("smpte:TimeCode", None) is None:
        notes.append(
            f"its timecode {info.timecode} is none at {float(info.rate):g} frames a second and was left out"
        )
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
    text = timecode_later(info.timecode, (number or 1) - 1, info.rate)
    words = words_of(text, info.rate)
    if words is not None:
        spec.attribute("smpte:TimeCode", "timecode", words)
        if frames_per_number(info.rate) > 2:
            spec.attribute(EXACT_TIMECODE, text)
    return spec


@lru_cache(maxsize=16)
def _is_turned(info: movie.MovieInfo) -> bool:
    """Whether a movie is shown a quarter turn off; found once, for headers must not seek in it."""
    return is_turned(_orientation(movie_decode.read_frame(info.path, 1)))


def _orientation(frame: Any) -> int:
    """The EXIF orientation that a frame's display matrix stands for; 1 where it has none."""
    for item in frame.side_data:
        if item.type.name == "DISPLAYMATRIX":
            a, b, _, c, d = np.frombuffer(item, np.int32)[:5].tolist()
            return orientation_of(a, b, c, d)
    return 1


def _colour(
    frame: Any, tags: video.Tags, options: ReadOptions, path: Path, number: int, notes: list[str]
) -> FileColour:
    _check_matrix(frame, tags, path, number, notes)
    if options.in_space is not None:
        return FileColour(color.resolve_space(options.in_space, options.config))
    return cicp_colour(tags.primaries, tags.transfer, notes, path, number)


def _check_matrix(frame: Any, tags: video.Tags, path: Path, number: int, notes: list[str]) -> None:
    """Refuse a matrix that is not computed here; tell which one was taken where none is named."""
    other = video.unknown_matrix(frame, tags)
    if other:
        message = f"its matrix ({other}) is none that is read here; convert it to BT.709 first."
        raise ReadError(message, path=path, frame=number)
    if is_rgb(frame.format.name) or is_grey(frame.format.name):
        return
    (kr, _), tagged = video.matrix_of(frame, tags)
    if not tagged:
        name = "BT.709" if kr == video.BT709[0] else "BT.601"
        notes.append(f"the movie names no matrix: {name} was taken, by its size")
