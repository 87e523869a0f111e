"""Frames and their mattes as one movie: ProRes 4444 with alpha, for review and for editors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from flyaway import color
from flyaway.color import FloatImage
from flyaway.errors import PatternError, ReadError, WriteError
from flyaway.frames import movie, video
from flyaway.frames.compose import fit_window
from flyaway.frames.landing import Landed, land
from flyaway.frames.read import Plate, ReadOptions, Window, read_header, read_plate
from flyaway.frames.read_matte import read_matte

_BITS = 10
# Half a code by rounding to ten bits, and a fifth because the decoder hands out twelve.
_ALPHA_TOLERANCE = 0.7 / ((1 << _BITS) - 1)

Content = Literal["rgba", "matte"]


@dataclass(frozen=True)
class MovieOptions:
    """How a movie is made.

    Attributes:
        content: "rgba" (the plate's colour with the matte as its alpha) or "matte" (coverage as grey).
        premultiplied: colour is multiplied by alpha; ProRes itself does not say which.
        rate: frames a second; None takes the plates', or 24.
        timecode: of the first frame; None takes the plates'.
    """

    content: Content = "rgba"
    premultiplied: bool = False
    rate: Fraction | None = None
    timecode: str | None = None


def write_movie(
    path: str | Path,
    plates: Sequence[tuple[Path, int | None]],
    mattes: Sequence[Path],
    options: MovieOptions | None = None,
    read: ReadOptions | None = None,
    progress: Callable[[int], None] | None = None,
) -> Landed:
    """Encode frames, decode them again, and compare every frame's alpha with its matte.

    Args:
        path: a .mov; replaced if it exists.
        plates: the file and frame number of each plate, in order.
        mattes: each one's matte, as `flyaway matte` writes them.
        options: see `MovieOptions`.
        read: how plates are read.
        progress: called with the number of frames encoded so far.

    Raises:
        ReadError, WriteError: a frame could not be read, or the movie not be written or proven.
    """
    path, options, read = Path(path), options or MovieOptions(), read or ReadOptions()
    if path.suffix.lower() != ".mov":
        raise PatternError(f"{path}: ProRes 4444 goes into .mov.")
    if not plates or len(plates) != len(mattes):
        raise PatternError(f"{len(plates)} plates and {len(mattes)} mattes do not pair.")
    size = _size(*plates[0], read)
    rate, timecode = options.rate or _rate(*plates[0], read), options.timecode
    if timecode is None:
        timecode = _timecode(*plates[0], read)

    windows: list[Window] = []

    def frames() -> Iterator[tuple[FloatImage, FloatImage]]:
        windows.clear()
        for (source, number), matte in zip(plates, mattes, strict=True):
            plate = read_plate(source, None, number, options=read)
            windows.append(plate.display_window)
            yield _frame(plate, matte, size, options)

    def encode(part: Path) -> None:
        _encode(part, frames(), size, rate, timecode, progress)

    def verify(part: Path) -> None:
        _verify(part, path, windows, mattes, options)

    return land(path, encode, verify)


def _size(source: Path, number: int | None, read: ReadOptions) -> tuple[int, int]:
    """Width and height of the display window."""
    spec = read_header(source, number, read.part)
    return spec.full_width or spec.width, spec.full_height or spec.height


def _rate(source: Path, number: int | None, read: ReadOptions) -> Fraction:
    said = read_header(source, number, read.part).get("framesPerSecond", None)
    if isinstance(said, tuple) and len(said) == 2 and said[1]:
        return Fraction(int(said[0]), int(said[1]))
    return Fraction(float(said)).limit_denominator(1001) if said else Fraction(24)


def _timecode(source: Path, number: int | None, read: ReadOptions) -> str:
    """The first plate's timecode as text, or ""."""
    words = read_header(source, number, read.part).get("smpte:TimeCode", None)
    if not isinstance(words, tuple):
        return ""
    time = int(words[0])
    hours, minutes, seconds = (_from_bcd(time >> shift, 7) for shift in (24, 16, 8))
    frames = _from_bcd(time, 3)
    return f"{hours % 24:02d}:{minutes:02d}:{seconds:02d}{';' if time & 0x40 else ':'}{frames:02d}"


def _from_bcd(word: int, tens: int) -> int:
    return (word >> 4 & tens) * 10 + (word & 15)


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
    covered = _coverage(matte, target)[..., None]
    if options.content == "matte":
        return np.repeat(covered, 3, axis=2), np.ones(covered.shape[:2], np.float32)
    pixels, encoding = plate.for_matting()
    colour = np.nan_to_num(color.linear_to_srgb(pixels) if encoding == "linear" else pixels)
    colour = fit_window(np.clip(colour, 0, 1), plate.data_window, target)
    return (colour * covered if options.premultiplied else colour), covered[..., 0]


def _encode(
    part: Path,
    frames: Iterable[tuple[FloatImage, FloatImage]],
    size: tuple[int, int],
    rate: Fraction,
    timecode: str,
    progress: Callable[[int], None] | None,
) -> None:
    av = movie.pyav()
    try:
        with av.open(f"file:{part}", "w", format="mov") as container:
            stream = container.add_stream("prores_ks", rate=rate)
            stream.width, stream.height = size
            stream.pix_fmt = f"yuva444p{_BITS}le"
            stream.codec_context.options = {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}
            # BT.709 matrix, curve and primaries, video range; and the file says so.
            for name in ("colorspace", "color_trc", "color_primaries", "color_range"):
                setattr(stream.codec_context, name, 1)
            if timecode:
                stream.metadata["timecode"] = timecode
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
    frame.colorspace, frame.color_range = 1, 1
    return frame


def _coverage(matte: Path, target: Window) -> FloatImage:
    """A matte over the movie's picture, 0..1."""
    return np.clip(np.nan_to_num(read_matte(matte).over(target)), 0, 1)


def _verify(
    part: Path, path: Path, windows: Sequence[Window], mattes: Sequence[Path], options: MovieOptions
) -> None:
    """Every frame is there, and its alpha (which ProRes keeps exactly) is the matte's."""
    try:
        info = movie.probe(part)
        if info.frames != len(mattes):
            raise WriteError(f"{info.frames} frames came out of {len(mattes)}.", path=path)
        for number, (window, matte) in enumerate(zip(windows, mattes, strict=True), 1):
            frame = movie.read_frame(part, number)
            alpha = video.rgb_of(frame)[1]
            meant = _coverage(matte, window) if options.content == "rgba" else np.float32(1)
            if alpha is None or float(np.abs(alpha - meant).max()) > _ALPHA_TOLERANCE:
                raise WriteError("this frame's alpha does not read back as written.", path=path, frame=number)
    except ReadError as error:
        raise WriteError(f"does not read back: {error}", path=path) from error
