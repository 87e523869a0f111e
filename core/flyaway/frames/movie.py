"""Movies on disk: what they say of themselves, and any one frame of them, decoded (PyAV)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from flyaway.errors import FlyawayError, ReadError
from flyaway.frames.library import MAX_PIXELS

# The container that a suffix stands for: never guessed, or a playlist by another name could open other files.
CONTAINERS = {".mov": "mov", ".mp4": "mov", ".m4v": "mov", ".mxf": "mxf"}
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
    """

    path: Path
    width: int
    height: int
    times: tuple[int | None, ...]
    rate: Fraction
    aspect: Fraction
    timecode: str

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
        try:
            times = _times(container, stream, path)
        except av.FFmpegError as error:
            raise ReadError(f"truncated or damaged ({_said(error)}).", path=path) from error
        rate = Fraction(stream.average_rate or stream.guessed_rate or 24)
        return MovieInfo(
            path=path,
            width=width,
            height=height,
            times=times,
            rate=rate,
            aspect=Fraction(stream.sample_aspect_ratio or 1) or Fraction(1),
            timecode=_timecode(container),
        )


def _video(container: Any, path: Path) -> Any:
    if not container.streams.video:
        raise ReadError("there are no pictures in this movie.", path=path)
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    # Damage is an error, not something to be painted over in silence.
    stream.codec_context.options = {"err_detect": "explode"}
    return stream


def _times(container: Any, stream: Any, path: Path) -> tuple[int | None, ...]:
    """The time stamp of every frame in the order they are shown; None each where the file has none."""
    found: list[int | None] = []
    for packet in container.demux(stream):
        if packet.size and not packet.is_discard:
            found.append(packet.pts)
        if len(found) > _MAX_FRAMES:
            raise ReadError(f"more than {_MAX_FRAMES:,} frames are no shot.", path=path)
    if not found:
        raise ReadError("there is no frame in this movie.", path=path)
    known = sorted({time for time in found if time is not None})
    return tuple(known) if len(known) == len(found) else (None,) * len(found)


def _timecode(container: Any) -> str:
    said = [container.metadata, *(stream.metadata for stream in container.streams)]
    return next((str(metadata["timecode"]) for metadata in said if metadata.get("timecode")), "")


class _Reader:
    """An open movie, and the frames it has decoded last."""

    def __init__(self, info: MovieInfo) -> None:
        self._info = info
        self._kept: OrderedDict[int, Any] = OrderedDict()
        self._container: Any = None
        self._frames: Iterator[Any] = iter(())
        self._next = 1
        self._open()

    def frame(self, number: int) -> Any:
        if number in self._kept:
            return self._kept[number]
        if not self._next <= number <= self._next + _LONGEST_SKIP:
            self._seek(number)
        while True:
            found, frame = self._decode(number)
            self._kept[found] = frame
            while len(self._kept) > _KEPT_FRAMES:
                self._kept.popitem(last=False)
            if found == number:
                return frame
            if found > number:
                raise ReadError("this frame is not in the movie.", path=self._info.path, frame=number)

    def close(self) -> None:
        with suppress(Exception):  # what is wrong with it has been said
            self._container.close()

    def _open(self) -> None:
        self._container = open_movie(self._info.path)
        self._stream = _video(self._container, self._info.path)
        self._frames = self._container.decode(self._stream)
        self._next = 1

    def _seek(self, number: int) -> None:
        time = self._info.times[number - 1]
        if time is None:
            if number < self._next:
                self.close()
                self._open()
            return
        av = pyav()
        try:
            self._container.seek(time, stream=self._stream, backward=True)
        except av.FFmpegError as error:
            raise ReadError(
                f"cannot be sought: {_said(error)}", path=self._info.path, frame=number
            ) from error
        self._frames = self._container.decode(self._stream)

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
        place = int(np.searchsorted(np.asarray(self._info.times, np.int64), frame.pts))
        return place + 1


_lock = threading.Lock()
_readers: OrderedDict[MovieInfo, _Reader] = OrderedDict()


def _said(error: BaseException) -> str:
    return str(getattr(error, "strerror", "") or error).strip() or type(error).__name__
