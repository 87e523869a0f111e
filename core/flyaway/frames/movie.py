"""Movies on disk, and what they say of themselves (PyAV)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from flyaway.errors import ReadError
from flyaway.frames.clean_aperture import Aperture, clean_aperture
from flyaway.frames.library import MAX_PIXELS
from flyaway.frames.timecode import FASTEST, SLOWEST, timecode_later
from flyaway.frames.video import Tags
from flyaway.optional import require

# The container that a suffix stands for: never guessed, or a playlist by another name could open other files.
CONTAINERS = {
    **dict.fromkeys((".mov", ".mp4", ".m4v", ".qt", ".3gp", ".3g2"), "mov"),
    **dict.fromkeys((".mkv", ".webm"), "matroska"),
    **dict.fromkeys((".mts", ".m2ts", ".m2t", ".ts"), "mpegts"),
    **dict.fromkeys((".mpg", ".mpeg", ".vob"), "mpeg"),
    **dict.fromkeys((".wmv", ".asf"), "asf"),
    ".mxf": "mxf",
    ".avi": "avi",
    ".dv": "dv",
    ".flv": "flv",
    ".ogv": "ogg",
}
_MAX_FRAMES = 10_000_000


# Compared by identity: a reader is found by it for every frame.
@dataclass(frozen=True, eq=False)
class MovieInfo:
    """What a movie says of itself.

    Attributes
    ----------
    path : the file.
    width, height : as stored, before turning it upright.
    times : the presentation time stamp of each frame, in order; their number is the movie's length.
    rate : frames a second.
    aspect : of a pixel.
    timecode : of the first frame ("01:00:00:00", ";" before the frames for drop frame), or "".
    tags : what the container says of colour.
    keys : the frames (counted from 1) that can be decoded without those before them, and where in the file
        each lies (bytes; None where its container does not say); empty if unknown.
    aperture : what a player shows of the stored pixels, where that is not all.
    has_alpha_beside : alpha lies beside each packet (VP8, VP9), where FFmpeg's own decoders leave it.
    """

    path: Path
    width: int
    height: int
    times: tuple[int | None, ...]
    rate: Fraction
    aspect: Fraction
    timecode: str
    tags: Tags = field(default_factory=Tags)
    keys: Mapping[int, int | None] = field(default_factory=dict)
    has_alpha_beside: bool = False
    aperture: Aperture | None = None

    @property
    def frames(self) -> int:
        """How many frames there are; they are numbered from 1."""
        return len(self.times)


def is_movie(path: str | Path) -> bool:
    """Whether a file is a movie, by its name."""
    return Path(path).suffix.lower() in CONTAINERS


def pyav() -> Any:
    """PyAV, or an error that says how to get it."""
    return require("Reading and writing movies", "av", install="av")


def probe(path: str | Path) -> MovieInfo:
    """Read a movie's header and the time stamp of every frame, without decoding any.

    Raises
    ------
    ReadError : not there, no movie, without pictures, or larger than any plate.
    """
    path = Path(path)
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise ReadError("there is no such file.", path=path) from error
    return _probe(path, state.st_mtime_ns, state.st_size)


def open_movie(path: Path) -> Any:
    """PyAV's container of an untrusted movie.

    Raises
    ------
    ReadError : it cannot be opened.
    """
    av = pyav()
    # Only this file: no network, no playlist, no other file that a reference may name.
    options = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}
    try:
        return av.open(f"file:{path}", format=CONTAINERS[path.suffix.lower()], options=options)
    except (av.FFmpegError, ValueError, UnicodeError) as error:
        raise ReadError(f"cannot be opened as a movie: {said_by(error)}", path=path) from error


@lru_cache(maxsize=16)
def _probe(path: Path, _mtime: int, size: int) -> MovieInfo:
    if size == 0:
        raise ReadError("the file is empty; copy or render it again.", path=path)
    av = pyav()
    with open_movie(path) as container:
        stream = video_stream(container, path)
        context = stream.codec_context
        width, height = int(context.width), int(context.height)
        if not 0 < width * height <= MAX_PIXELS:
            raise ReadError(f"{width}×{height} pixels are no plate (at most {MAX_PIXELS:,}).", path=path)
        # Before anything is decoded: a decoder overwrites this with what its frames say, or do not say.
        tags = Tags(
            int(context.colorspace),
            int(context.color_trc),
            int(context.color_primaries),
            int(context.color_range),
        )
        try:
            times, keys = _times(container, stream, path)
        except av.FFmpegError as error:
            raise ReadError(f"truncated or damaged ({said_by(error)}).", path=path) from error
        rate, timecode = _rate(stream), _timecode(container)
        return MovieInfo(
            path=path,
            width=width,
            height=height,
            times=times,
            rate=rate,
            aspect=Fraction(stream.sample_aspect_ratio or 1) or Fraction(1),
            timecode=timecode_later(timecode, 0, rate) or timecode,
            tags=tags,
            keys=keys,
            has_alpha_beside=_marks_alpha(stream),
            aperture=clean_aperture(path, width, height) if _is_quicktime(path) else None,
        )


def _is_quicktime(path: Path) -> bool:
    return CONTAINERS[path.suffix.lower()] == "mov"


def _marks_alpha(stream: Any) -> bool:
    """Whether a Matroska or WebM track says that its packets come with alpha."""
    return _tag(stream.metadata, "alpha_mode") == "1"


def _rate(stream: Any) -> Fraction:
    """Frames a second, as a ratio that a header can hold; 24 where the file says none or nonsense."""
    for stated in (stream.average_rate, stream.guessed_rate):
        rate = Fraction(stated or 0).limit_denominator(1_000_000)
        if SLOWEST <= rate <= FASTEST:
            return rate
    return Fraction(24)


def video_stream(container: Any, path: Path) -> Any:
    """The pictures of an open movie, decoded by several threads; ReadError where there are none."""
    if not container.streams.video:
        raise ReadError("there are no pictures in this movie.", path=path)
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    # Damage is an error, not something to be painted over in silence.
    stream.codec_context.options = {"err_detect": "explode"}
    return stream


def _times(container: Any, stream: Any, path: Path) -> tuple[tuple[int | None, ...], dict[int, int | None]]:
    """The time stamp of every frame in the order they are shown (None where any is missing), and the keys."""
    found: list[int | None] = []
    keys: dict[int, int | None] = {}
    for packet in container.demux(stream):
        if packet.size and not packet.is_discard:
            if packet.is_keyframe and packet.pts is not None:
                keys[packet.pts] = packet.pos
            found.append(packet.pts)
        if len(found) > _MAX_FRAMES:
            raise ReadError(f"more than {_MAX_FRAMES:,} frames are no shot.", path=path)
    if not found:
        raise ReadError("there is no frame in this movie.", path=path)
    known = sorted({time for time in found if time is not None})
    if len(known) != len(found):
        return (None,) * len(found), {}
    return tuple(known), {number: keys[time] for number, time in enumerate(known, 1) if time in keys}


def _timecode(container: Any) -> str:
    tables = [container.metadata, *(stream.metadata for stream in container.streams)]
    return next((text for metadata in tables if (text := _tag(metadata, "timecode"))), "")


def _tag(metadata: Mapping[str, str], name: str) -> str:
    """A tag by its name; Matroska writes them in capitals."""
    return next((text for key, text in metadata.items() if key.lower() == name), "")


def said_by(error: BaseException) -> str:
    """A decoder's error in its own words, on one line."""
    return str(getattr(error, "strerror", "") or error).strip() or type(error).__name__
