"""Movies on disk: what they say of themselves, and any one frame of them, decoded (PyAV)."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from flyaway.errors import FlyawayError, ReadError
from flyaway.frames.library import MAX_PIXELS
from flyaway.frames.timecode import FASTEST, SLOWEST, timecode_later
from flyaway.frames.video import Tags

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
# Decoders that give the alpha which lies beside each packet of these; FFmpeg's own leave it out in silence.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_LONGEST_SKIP = 24  # frames that are decoded and dropped rather than sought
_KEPT_FRAMES = 4  # decoded frames kept for readers that come out of order
_OPEN_MOVIES = 4
_MAX_FRAMES = 10_000_000


# Compared by identity: a reader is found by it for every frame.
@dataclass(frozen=True, eq=False)
class MovieInfo:
    """What a movie says of itself.

    Attributes:
        path: the file.
        width, height: as stored, before turning it upright.
        times: the presentation time stamp of each frame, in order; their number is the movie's length.
        rate: frames a second.
        aspect: of a pixel.
        timecode: of the first frame ("01:00:00:00", ";" before the frames for drop frame), or "".
        tags: what the container says of colour.
        keys: the frames (counted from 1) that can be decoded without those before them, and where in the file
            each lies (bytes; None where its container does not say); empty if unknown.
        has_alpha_beside: alpha lies beside each packet (VP8, VP9), where FFmpeg's own decoders leave it.
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

    @property
    def frames(self) -> int:
        """How many frames there are; they are numbered from 1."""
        return len(self.times)


def is_movie(path: str | Path) -> bool:
    """Whether a file is a movie, by its name."""
    return Path(path).suffix.lower() in CONTAINERS


def pyav() -> Any:
    """PyAV, or an error that says how to get it."""
    try:
        import av
    except ImportError as error:
        raise FlyawayError("Reading and writing movies needs PyAV: pip install av") from error
    return av


def probe(path: str | Path) -> MovieInfo:
    """Read a movie's header and the time stamp of every frame, without decoding any.

    Raises:
        ReadError: not there, no movie, without pictures, or larger than any plate.
    """
    path = Path(path)
    try:
        state = path.stat()
    except (OSError, ValueError) as error:
        raise ReadError("there is no such file.", path=path) from error
    return _probe(path, state.st_mtime_ns, state.st_size)


def read_frame(path: str | Path, number: int) -> Any:
    """Decode one frame, counted from 1: PyAV's VideoFrame.

    Frames that are asked for in order are decoded once; others are sought. May be called from any thread.

    Raises:
        ReadError: there is no such frame, or it is damaged.
    """
    info = probe(path)
    if not 1 <= number <= info.frames:
        raise ReadError(f"the movie has frames 1-{info.frames}.", path=info.path, frame=number)
    with _lock:
        reader = _readers.pop(info, None) or _Reader(info)
        _readers[info] = reader
        while len(_readers) > _OPEN_MOVIES:
            _readers.popitem(last=False)[1].close()
        try:
            return reader.frame(number)
        except ReadError:
            # A decoder that has seen damage may not recover: the next frame gets a fresh one.
            _readers.pop(info).close()
            raise


def open_movie(path: Path) -> Any:
    """PyAV's container of a movie that nobody vouches for.

    Raises:
        ReadError: it cannot be opened.
    """
    av = pyav()
    # Only this file: no network, no playlist, no other file that a reference may name.
    options = {"protocol_whitelist": "file", "enable_drefs": "0", "use_absolute_path": "0"}
    try:
        return av.open(f"file:{path}", format=CONTAINERS[path.suffix.lower()], options=options)
    except (av.FFmpegError, ValueError, UnicodeError) as error:
        raise ReadError(f"cannot be opened as a movie: {_said(error)}", path=path) from error


@lru_cache(maxsize=16)
def _probe(path: Path, _mtime: int, size: int) -> MovieInfo:
    if size == 0:
        raise ReadError("the file is empty; copy or render it again.", path=path)
    av = pyav()
    with open_movie(path) as container:
        stream = _video(container, path)
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
            raise ReadError(f"truncated or damaged ({_said(error)}).", path=path) from error
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
        )


def _marks_alpha(stream: Any) -> bool:
    """Whether a Matroska or WebM track says that its packets come with alpha."""
    return {name.lower(): text for name, text in stream.metadata.items()}.get("alpha_mode") == "1"


def _rate(stream: Any) -> Fraction:
    """Frames a second, as a ratio that a header can hold; 24 where the file says none or nonsense."""
    for said in (stream.average_rate, stream.guessed_rate):
        rate = Fraction(said or 0).limit_denominator(1_000_000)
        if SLOWEST <= rate <= FASTEST:
            return rate
    return Fraction(24)


def _video(container: Any, path: Path) -> Any:
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
    said = [container.metadata, *(stream.metadata for stream in container.streams)]
    return next((str(metadata["timecode"]) for metadata in said if metadata.get("timecode")), "")


class _Reader:
    """An open movie, and the frames it has decoded last."""

    def __init__(self, info: MovieInfo) -> None:
        self._info = info
        self._keys = sorted(info.keys)
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._container: Any = None
        self._frames: Iterator[Any] = iter(())
        self._next = 1
        self._open()

    def frame(self, number: int) -> Any:
        if number in self._kept:
            return self._kept[number]
        near = self._next <= number <= self._next + _LONGEST_SKIP
        starts: list[int | None] = [None] if near else []
        # Pictures that lean on a later key and on an earlier one need the one before.
        before = bisect_right(self._keys, number)
        starts += self._keys[max(0, before - 2) : before][::-1] or [1]
        problem: ReadError | None = None
        for start in starts:
            try:
                if start is not None:
                    self._restart(start, fresh=problem is not None)
                return self._advance(number)
            except ReadError as error:
                problem = problem or error
                if isinstance(error, _LostError):
                    starts += [] if 1 in starts else [1]  # from its start a movie can always be read
        raise problem or ReadError("this frame is not in the movie.", path=self._info.path, frame=number)

    def close(self) -> None:
        with suppress(Exception):  # what is wrong with it has been said
            self._container.close()

    def _open(self) -> None:
        self._container = open_movie(self._info.path)
        self._stream = _video(self._container, self._info.path)
        self._frames = self._decoded(sought=False)
        self._next = 1

    def _restart(self, start: int, *, fresh: bool) -> None:
        """Go to a frame to decode from, `fresh` with another decoder: one that failed may not recover."""
        if fresh or start <= 1:
            self.close()
            self._open()
        if start <= 1:
            return
        av = pyav()
        try:
            self._container.seek(self._info.times[start - 1], stream=self._stream, backward=True)
        except av.FFmpegError as error:
            raise _LostError(_said(error), path=self._info.path, frame=start) from error
        self._frames = self._decoded(sought=True)

    def _decoded(self, *, sought: bool) -> Iterator[Any]:
        """Frames as they are shown, from where the container stands."""
        decoder = self._stream.codec_context
        name = _ALPHA_DECODERS.get(decoder.name)
        if name and self._info.has_alpha_beside:
            own, decoder = decoder, pyav().CodecContext.create(name, "r")
            decoder.extradata = own.extradata
        for packet in self._container.demux(self._stream):
            if sought and packet.size:
                if not packet.is_keyframe:
                    continue  # a container without an index comes out anywhere
                # One that has lost its index comes out anywhere too, and stamps what it finds as asked for.
                place = self._place(packet.pts)
                if place not in self._info.keys or self._info.keys[place] != packet.pos:
                    raise _LostError("cannot be sought.", path=self._info.path)
                self._next = place
            sought = False
            yield from decoder.decode(packet)

    def _advance(self, number: int) -> Any:
        while True:
            found, frame = self._decode(number)
            self._kept[found] = frame
            while len(self._kept) > _KEPT_FRAMES:
                self._kept.popitem(last=False)
            if found == number:
                return frame
            if found > number:
                raise _LostError("this frame is not in the movie.", path=self._info.path, frame=number)

    def _decode(self, wanted: int) -> tuple[int, Any]:
        """The next frame in the order they are shown, and its number."""
        av = pyav()
        try:
            frame = next(self._frames)
        except StopIteration:
            message = "the movie ends before this frame; copy it again."
            raise ReadError(message, path=self._info.path, frame=wanted) from None
        except av.FFmpegError as error:
            message = f"truncated or damaged ({_said(error)})."
            raise ReadError(message, path=self._info.path, frame=wanted) from error
        number = self._number(frame)
        if frame.is_corrupt:
            raise ReadError("damaged; copy the movie again.", path=self._info.path, frame=number)
        self._next = number + 1
        return number, frame

    def _number(self, frame: Any) -> int:
        if frame.pts is None or self._info.times[0] is None:
            return self._next
        return self._place(frame.pts)

    def _place(self, time: int | None) -> int:
        """The number of the frame with a time stamp, or of the next one."""
        return bisect_left(self._info.times, time or 0) + 1  # type: ignore[type-var]


class _LostError(ReadError):
    """A movie could not be sought, or not where it said."""


_lock = threading.Lock()
_readers: OrderedDict[MovieInfo, _Reader] = OrderedDict()


def _said(error: BaseException) -> str:
    return str(getattr(error, "strerror", "") or error).strip() or type(error).__name__
