"""Any one frame of a movie, decoded: in order, or sought (PyAV)."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from flyaway.errors import ReadError
from flyaway.frames.movie import MovieInfo, open_movie, probe, pyav, said_by, video_stream

# Decoders that give the alpha which lies beside each packet of these; FFmpeg's own leave it out in silence.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_LONGEST_SKIP = 24  # frames that are decoded and dropped rather than sought
_KEPT_FRAMES = 4  # decoded frames kept for readers that come out of order
_OPEN_MOVIES = 4


def read_frame(path: str | Path, number: int) -> Any:
    """Decode one frame, counted from 1: PyAV's VideoFrame.

    Frames that are asked for in order are decoded once; others are sought. May be called from any thread.

    Raises
    ------
    ReadError : there is no such frame, or it is damaged.
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
                # From its start a movie can always be read; alpha beside its packets has keys of its own.
                if isinstance(error, _LostError) or self._info.has_alpha_beside:
                    starts += [] if 1 in starts else [1]
        raise problem or ReadError("this frame is not in the movie.", path=self._info.path, frame=number)

    def close(self) -> None:
        with suppress(Exception):  # its fault has been reported
            self._container.close()

    def _open(self) -> None:
        self._container = open_movie(self._info.path)
        self._stream = video_stream(self._container, self._info.path)
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
            raise _LostError(said_by(error), path=self._info.path, frame=start) from error
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
            raise _LostError(message, path=self._info.path, frame=wanted) from None
        except av.FFmpegError as error:
            message = f"truncated or damaged ({said_by(error)})."
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
    """A movie could not be sought, or not where it said; from its start all of it can be read."""


_lock = threading.Lock()
_readers: OrderedDict[MovieInfo, _Reader] = OrderedDict()
