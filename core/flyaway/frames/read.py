"""Plates from disk: files opened, checked, converted to straight pixels, and turned upright."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway.color import FloatImage
from flyaway.errors import ReadError
from flyaway.frames import library
from flyaway.frames.alpha import straighten, usual_state
from flyaway.frames.encoding import file_colour
from flyaway.frames.movie import is_movie
from flyaway.frames.movie_plate import header_of, read_movie_frame
from flyaway.frames.plate import Oddities, PixelShape, Plate, ReadOptions, Window
from flyaway.frames.select import choose_channels, choose_part, subimages
from flyaway.frames.trust import trusted
from flyaway.geometry import believed_aspect, is_turned, upright

__all__ = [
    "Oddities",
    "PixelShape",
    "Plate",
    "ReadOptions",
    "Window",
    "orientation",
    "pixel_aspect",
    "read_header",
    "read_plate",
    "values_of",
    "windows",
]


def read_plate(
    path: str | Path,
    in_space: str | None = None,
    frame: int | None = None,
    *,
    options: ReadOptions | None = None,
) -> Plate:
    """Read one frame.

    Parameters
    ----------
    path : an EXR, PNG, JPEG, TIFF, WebP, DPX, Cineon, Radiance HDR, BMP or Targa file, or a movie
        (mov, mp4, mxf, mkv, webm, avi, mts, …), whose `frame` counts from 1.
    in_space : short for `options.in_space`.
    frame : its number, for messages.
    options : see `ReadOptions`.

    Raises
    ------
    ReadError : missing, truncated, damaged, deep, too large, or without colour.
    EncodingUnknownError : the encoding cannot be known (log DPX, Cineon) and `in_space` is None.
    """
    path, options = Path(path), options or ReadOptions()
    if in_space is not None:
        options = replace(options, in_space=in_space)
    if is_movie(path):
        return _movie_plate(path, frame, options)
    source = library.open_input(path, frame, options.part)
    try:
        return _read_open(source, path, frame, options)
    finally:
        source.close()


def read_header(path: Path, frame: int | None = None, part: str | None = None) -> oiio.ImageSpec:
    """The header of one frame, without its pixels and without what cannot be true (see `trust`).

    Raises
    ------
    ReadError : see `read_plate`.
    """
    if is_movie(path):
        return trusted(header_of(path, frame))[0]
    source = library.open_input(path, frame, part)
    try:
        return trusted(source.spec(), source.format_name(), path)[0]
    finally:
        source.close()


def check_header(path: Path, frame: int | None = None, options: ReadOptions | None = None) -> None:
    """See by its header alone whether a plate has the part and the layer that are asked for.

    Raises
    ------
    ReadError : it has not, or is no plate; see `read_plate`.
    """
    options = options or ReadOptions()
    if is_movie(path):
        header_of(path, frame)
        return
    source = library.open_input(path, frame, options.part)
    try:
        spec = source.spec()
        choose_channels(spec.channelnames, options.layer, path, frame, _default_view(spec))
    finally:
        source.close()


def values_of(path: Path, frame: int | None = None) -> int:
    """How many values all parts of a file hold together: pixels times channels.

    Raises
    ------
    ReadError : see `read_plate`.
    """
    source = library.open_input(path, frame)
    try:
        specs = subimages(source, path, frame)
        return sum(int(spec.width * spec.height * spec.nchannels) for spec in specs)
    finally:
        source.close()


def _read_open(source: oiio.ImageInput, path: Path, frame: int | None, options: ReadOptions) -> Plate:
    part, part_notes = choose_part(source, options.part, path, frame)
    spec, header_notes = trusted(source.spec(), source.format_name(), path)
    notes = [*part_notes, *header_notes]
    meant = file_colour(source.format_name(), spec, options.in_space, options.config, path, frame, notes)
    picked = choose_channels(spec.channelnames, options.layer, path, frame, _default_view(spec))
    notes += picked.notes
    used = {*picked.colour} | ({picked.alpha} if picked.alpha is not None else set())
    first, last = min(used), max(used) + 1
    values = library.decode(source, first, last, path, frame)
    colour = _channels(values, [index - first for index in picked.colour])
    oddities = _count_oddities(colour, path, frame, notes)
    if source.format_name() == "openexr" and str(spec.channelformat(picked.colour[0])) == "uint":
        notes.append("its colour is stored as 32-bit integers: shares of the largest were taken")
    alpha = None if picked.alpha is None else np.ascontiguousarray(values[..., picked.alpha - first])
    usual = usual_state(source.format_name(), spec)
    colour, alpha, premultiplied = straighten(colour, alpha, options.alpha_in, usual, notes)
    colour = meant.pixels(colour)
    turn = _turn_of(source.format_name(), spec, path, frame)
    data, display = windows(spec)
    if turn > 1:
        notes.append("turned upright, as its orientation tag says")
        colour = upright(colour, turn)
        alpha = None if alpha is None else np.ascontiguousarray(upright(alpha, turn))
    return Plate(
        path=path,
        frame=frame,
        pixels=np.ascontiguousarray(colour),
        space=meant.space,
        alpha=alpha,
        premultiplied=premultiplied,
        data_window=data,
        display_window=display,
        format=source.format_name(),
        channel_type=str(spec.channelformat(picked.colour[0])),
        channels=tuple(spec.channelnames),
        unused=tuple(name for i, name in enumerate(spec.channelnames) if i not in used),
        spec=spec,
        notes=tuple(notes),
        part=part,
        config=options.config,
        oddities=oddities,
        pixel_aspect=pixel_aspect(spec),
    )


def _movie_plate(path: Path, frame: int | None, options: ReadOptions) -> Plate:
    found = read_movie_frame(path, frame, options)
    notes = list(found.notes)
    oddities = _count_oddities(found.pixels, path, frame, notes=[])  # below black is usual in video
    if found.alpha is not None and options.alpha_in == "auto":
        notes.append("the movie's colour was taken as straight; --alpha-in can say otherwise")
    pixels, alpha, premultiplied = straighten(found.pixels, found.alpha, options.alpha_in, "straight", notes)
    spec, header_notes = trusted(found.spec)
    notes += header_notes
    data, display = windows(spec)
    return Plate(
        path=path,
        frame=frame,
        pixels=found.colour.pixels(pixels),
        space=found.colour.space,
        alpha=alpha,
        premultiplied=premultiplied,
        data_window=data,
        display_window=display,
        format="movie",
        channel_type=str(spec.format),
        channels=("R", "G", "B") if found.alpha is None else ("R", "G", "B", "A"),
        spec=spec,
        notes=tuple(notes),
        config=options.config,
        oddities=oddities,
        pixel_aspect=pixel_aspect(spec),
    )


def _default_view(spec: oiio.ImageSpec) -> str:
    """The view that a stereo file's plain R, G, B are of, or ""."""
    views = spec.get("multiView", None)
    return str(views[0]) if isinstance(views, tuple) and views else ""


def _channels(values: FloatImage, wanted: list[int]) -> FloatImage:
    """H×W×3 of an image's channels, in memory of its own or that of `values`, which then has no others."""
    first = wanted[0]
    if wanted != [first, first + 1, first + 2]:
        return np.stack([values[..., index] for index in wanted], axis=-1)
    return np.ascontiguousarray(values[..., first : first + 3])


def _count_oddities(colour: FloatImage, path: Path, frame: int | None, notes: list[str]) -> Oddities:
    """Say how many pixels are no numbers or negative; a plate of nothing else is no plate."""
    # A NaN is the least of all and the greatest, so a plate without oddities is known by two numbers.
    least, most = float(colour.min()), float(colour.max())
    nan = infinite = 0
    if not np.isfinite(least) or not np.isfinite(most):
        nan, infinite = _how_many(np.isnan(colour)), _how_many(np.isinf(colour))
        bad = _how_many(~np.isfinite(colour))
        if bad == colour.shape[0] * colour.shape[1]:
            raise ReadError("every pixel is NaN or infinite: render it again.", path=path, frame=frame)
        notes.append(f"{bad} pixels are NaN or infinite")
    negative = 0 if least >= 0 else _how_many(colour < 0)
    if negative:
        notes.append(f"{negative} pixels are negative")
    return Oddities(nan, infinite, negative)


def _how_many(odd: NDArray[np.bool_]) -> int:
    """Pixels of which a channel is so: H×W×C bool."""
    return int(np.count_nonzero(np.logical_or.reduce([odd[..., index] for index in range(odd.shape[2])])))


def windows(spec: oiio.ImageSpec) -> tuple[Window, Window]:
    """The data and the display window of an image, as they are after turning it upright."""
    turn = orientation(spec)
    if turn > 1:
        # Photographs have tags, sequences have windows; a file with both has no meaning to keep.
        width, height = (spec.height, spec.width) if is_turned(turn) else (spec.width, spec.height)
        return Window(0, 0, width, height), Window(0, 0, width, height)
    if _is_our_tiff(spec):
        # Those of earlier releases say where their plate lay, and in another format.
        return Window(0, 0, spec.width, spec.height), Window(0, 0, spec.width, spec.height)
    return (
        Window(spec.x, spec.y, spec.width, spec.height),
        Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
    )


def _is_our_tiff(spec: oiio.ImageSpec) -> bool:
    """Whether Flyaway wrote a TIFF, which is the plate's display window: its image description says so."""
    if spec.get("tiff:Compression", None) is None:  # of the reader; others do not hand it on
        return False
    lines = str(spec.get("ImageDescription", "") or "").splitlines()
    return any(line.startswith("flyaway:version=") for line in lines)


def _turn_of(format_name: str, spec: oiio.ImageSpec, path: Path, frame: int | None) -> int:
    """The EXIF orientation of a still, where a reader has it wrong or no pixels by it."""
    turn = orientation(spec)
    if format_name == "dpx" and is_turned(turn):
        raise ReadError("its lines run from top to bottom; write it line by line.", path=path, frame=frame)
    if format_name == "hdr" and turn in (6, 8):
        return 14 - turn  # OpenImageIO takes the two quarter turns of Radiance for each other
    return turn


def orientation(spec: oiio.ImageSpec) -> int:
    """The EXIF orientation of an image, 1 to 8."""
    stated = spec.get("Orientation", 1)
    return stated if isinstance(stated, int) and 1 <= stated <= 8 else 1


def pixel_aspect(spec: oiio.ImageSpec) -> float:
    """A pixel's width over its height, as it is after turning the image upright."""
    stated = spec.get("PixelAspectRatio", 1.0)
    aspect = believed_aspect(float(stated)) if isinstance(stated, int | float) else 1.0
    return 1 / aspect if is_turned(orientation(spec)) else aspect
