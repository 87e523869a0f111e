"""Frames and their mattes as one movie: ProRes 4444 with alpha, for review and for editors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway import color
from flyaway.color import FloatImage
from flyaway.errors import PatternError, ReadError, UsageError, WriteError
from flyaway.foreground import Despill
from flyaway.frames import movie, movie_decode, video
from flyaway.frames.atomic import WrittenFile, write_atomically
from flyaway.frames.edges import edged
from flyaway.frames.movie_plate import EXACT_TIMECODE
from flyaway.frames.options import EdgeColour
from flyaway.frames.read import Plate, ReadOptions, Window, pixel_aspect, read_header, read_plate
from flyaway.frames.read import windows as windows_of
from flyaway.frames.read_matte import read_matte
from flyaway.frames.timecode import FASTEST, SLOWEST, rate_of_number, text_of, timecode_later
from flyaway.frames.windows import fit_window

_BITS = 10
# Half a code by rounding to ten bits, and a fifth because the decoder hands out twelve.
_ALPHA_TOLERANCE = 0.7 / ((1 << _BITS) - 1)

# By the numbers of H.273: matrix, curve and primaries of BT.709, and video range.
_BT709 = 1
_TAGS = video.Tags(_BT709, _BT709, _BT709, _BT709)
_FASTEST_TIMECODE = 255  # frames a second: a movie counts those of a timecode in a byte

Content = Literal["rgba", "matte"]


@dataclass(frozen=True)
class MovieOptions:
    """How a movie is made.

    Attributes
    ----------
    content : "rgba" (the plate's colour with the matte as its alpha) or "matte" (coverage as grey).
    premultiplied : colour is multiplied by alpha; ProRes itself does not say which.
    rate : frames a second; None takes the plates', or 24.
    timecode : of the first frame; None takes the plates'.
    edge_colour : "foreground" (no old background at soft edges, see `flyaway.foreground`) or "plate".
    despill : takes a screen's light off the person; None takes nothing.
    channel : the mattes' channel; None takes the one that they say, or the usual names.
    """

    content: Content = "rgba"
    premultiplied: bool = False
    rate: Fraction | None = None
    timecode: str | None = None
    edge_colour: EdgeColour = "foreground"
    despill: Despill | None = None
    channel: str | None = None


@dataclass(frozen=True)
class _Header:
    """What a movie's header says: width and height, rate, timecode of the first frame, a pixel's aspect."""

    size: tuple[int, int]
    rate: Fraction
    timecode: str
    aspect: Fraction


def write_movie(
    path: str | Path,
    plates: Sequence[tuple[Path, int | None]],
    mattes: Sequence[Path],
    options: MovieOptions | None = None,
    read: ReadOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> WrittenFile:
    """Encode frames, decode them again, and compare every frame's alpha with its matte.

    Parameters
    ----------
    path : a .mov; replaced if it exists.
    plates : the file and frame number of each plate, in order.
    mattes : each one's matte, as `flyaway matte` writes them.
    options : see `MovieOptions`.
    read : how plates are read.
    progress : called with the number of frames encoded so far.

    Raises
    ------
    UsageError, PatternError : not a .mov, a timecode that is none, or plates and mattes do not pair.
    ReadError, WriteError : a frame could not be read, or the movie not be written or proven.
    """
    path, options, read = Path(path), options or MovieOptions(), read or ReadOptions()
    if path.suffix.lower() != ".mov":
        raise UsageError(f"{path}: ProRes 4444 goes into .mov.")
    if not plates or len(plates) != len(mattes):
        raise PatternError(f"{len(plates)} plates and {len(mattes)} mattes do not pair.")
    notes: list[str] = []
    header = _header(*plates[0], options, read, notes)
    windows: list[Window] = []

    def frames() -> Iterator[tuple[FloatImage, FloatImage]]:
        windows.clear()
        for (source, number), matte in zip(plates, mattes, strict=True):
            plate = read_plate(source, None, number, options=read)
            windows.append(plate.display_window)
            yield _frame(plate, matte, header.size, options)

    def encode(part: Path) -> None:
        _encode(part, frames(), header, progress)

    def verify(part: Path) -> None:
        _verify(part, path, header, windows, mattes, options)

    return replace(write_atomically(path, encode, verify), notes=tuple(notes))


def _header(
    source: Path, number: int | None, options: MovieOptions, read: ReadOptions, notes: list[str]
) -> _Header:
    """What the first plate says of the movie, or the user in its place."""
    spec = read_header(source, number, read.part)
    window = windows_of(spec)[1]
    own = _rate(spec)
    rate = options.rate or own or Fraction(24)
    if options.timecode is not None:
        timecode = timecode_later(options.timecode, 0, rate)
        if options.timecode and not timecode:
            raise UsageError(f"{options.timecode!r} is no timecode at {float(rate):g} frames a second.")
    else:
        stated = _timecode(spec, own or rate)
        timecode = timecode_later(stated, 0, rate)
        if stated and not timecode:
            notes.append(f"the timecode {stated} is none at {float(rate):g} frames a second and was left out")
    if timecode and rate > _FASTEST_TIMECODE:
        notes.append(f"a movie holds no timecode at {float(rate):g} frames a second")
        timecode = ""
    aspect = Fraction(pixel_aspect(spec)).limit_denominator(1000)
    return _Header((window.width, window.height), rate, timecode, aspect)


def _rate(spec: oiio.ImageSpec) -> Fraction | None:
    """Frames a second as a header has them; None where it has none, or nonsense."""
    stated = spec.get("framesPerSecond", None)
    if isinstance(stated, tuple) and len(stated) == 2 and stated[1]:
        rate = Fraction(int(stated[0]), int(stated[1]))
        return rate if SLOWEST <= rate <= FASTEST else None
    number = stated or spec.get("dpx:FrameRate", 0) or spec.get("dpx:TemporalFrameRate", 0)
    return rate_of_number(float(number)) if isinstance(number, int | float) else None


def _timecode(spec: oiio.ImageSpec, rate: Fraction) -> str:
    """The first plate's timecode as text, or ""."""
    exact = str(spec.get(EXACT_TIMECODE, "") or "")
    words = spec.get("smpte:TimeCode", None)
    return exact or (text_of(int(words[0]), rate) if isinstance(words, tuple) else "")


def _frame(
    plate: Plate, matte: Path, size: tuple[int, int], options: MovieOptions
) -> tuple[FloatImage, FloatImage]:
    """A frame's display-referred R'G'B' and its alpha, both as large as the display window."""
    target = plate.display_window
    if (target.width, target.height) != size:
        raise ReadError(
            f"{target.width}×{target.height} pixels in a movie of {size[0]}×{size[1]}.",
            path=plate.path,
            frame=plate.frame,
        )
    covered = _coverage(matte, target, options)[..., None]
    if options.content == "matte":
        return np.repeat(covered, 3, axis=2), np.ones(covered.shape[:2], np.float32)
    pixels, encoding = plate.for_matting()
    colour = np.nan_to_num(color.linear_to_srgb(pixels) if encoding == "linear" else pixels)
    colour = fit_window(np.clip(colour, 0, 1), plate.data_window, target)
    colour = edged(colour, covered[..., 0], "srgb", options.edge_colour, options.despill)
    return (colour * covered if options.premultiplied else colour), covered[..., 0]


def _encode(
    part: Path,
    frames: Iterable[tuple[FloatImage, FloatImage]],
    header: _Header,
    progress: Callable[[int], None] | None,
) -> None:
    av = movie.pyav()
    try:
        with av.open(f"file:{part}", "w", format="mov") as container:
            stream = container.add_stream("prores_ks", rate=header.rate)
            stream.width, stream.height = header.size
            stream.pix_fmt = f"yuva444p{_BITS}le"
            stream.codec_context.options = {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}
            # Here for the container, in `_picture` for ProRes' own header: readers heed either.
            for name in ("colorspace", "color_trc", "color_primaries", "color_range"):
                setattr(stream.codec_context, name, _BT709)
            if header.aspect != 1:
                stream.codec_context.sample_aspect_ratio = header.aspect
            if header.timecode:
                stream.metadata["timecode"] = header.timecode
            for count, (rgb, alpha) in enumerate(frames, 1):
                container.mux(stream.encode(_picture(av, rgb, alpha)))
                if progress is not None:
                    progress(count)
            container.mux(stream.encode(None))
    except av.FFmpegError as error:
        raise WriteError(f"cannot be encoded: {error.strerror or error}.", path=part) from error


def _picture(av: Any, rgb: FloatImage, alpha: FloatImage) -> Any:
    height, width = alpha.shape
    frame = av.VideoFrame(width, height, f"yuva444p{_BITS}le")
    codes = [*video.ycbcr_codes(rgb, _BITS), np.rint(alpha * ((1 << _BITS) - 1)).astype(np.uint16)]
    for plane, code in zip(frame.planes, codes, strict=True):
        lines: NDArray[np.uint16] = np.zeros((plane.height, plane.line_size // 2), np.uint16)
        lines[:, :width] = code
        plane.update(lines.tobytes())
    for name in ("colorspace", "color_trc", "color_primaries", "color_range"):
        setattr(frame, name, _BT709)
    return frame


def _coverage(matte: Path, target: Window, options: MovieOptions) -> FloatImage:
    """A matte over the movie's picture, 0..1."""
    found = read_matte(matte, options.channel).in_format(target)
    return np.clip(np.nan_to_num(found.over(target)), 0, 1)


def _verify(
    part: Path,
    path: Path,
    header: _Header,
    windows: Sequence[Window],
    mattes: Sequence[Path],
    options: MovieOptions,
) -> None:
    """Every frame is there, the header says what it should, and each alpha is its matte's."""
    try:
        info = movie.probe(part)
        if info.frames != len(mattes):
            raise WriteError(f"{info.frames} frames came out of {len(mattes)}.", path=path)
        found = _Header((info.width, info.height), info.rate, info.timecode, info.aspect)
        if found != header:
            raise WriteError(f"its header does not read back as written: {found} for {header}.", path=path)
        for number, (window, matte) in enumerate(zip(windows, mattes, strict=True), 1):
            frame = movie_decode.read_frame(part, number)
            own = video.tags_of(frame)
            if own != _TAGS or video.tags_of(frame, info.tags) != own:
                raise WriteError("its colour tags do not read back as written.", path=path, frame=number)
            alpha = video.rgb_of(frame)[1]
            meant = _coverage(matte, window, options) if options.content == "rgba" else np.float32(1)
            if alpha is None or float(np.abs(alpha - meant).max()) > _ALPHA_TOLERANCE:
                raise WriteError("this frame's alpha does not read back as written.", path=path, frame=number)
    except ReadError as error:
        raise WriteError(f"does not read back: {error}", path=path) from error
