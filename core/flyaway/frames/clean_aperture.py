"""The clean aperture of QuickTime and MP4 movies: which part of the stored pixels a player shows.

FFmpeg hands it on as side data of the stream, which PyAV does not show; so the few boxes on the way to it are
walked here. Nothing is cut to it: compositors read all stored pixels, and a matte has to fit what they read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

_MOST_BOXES = 10_000  # beside each other; more are no movie, or a fragmented one without this box
_ENTRY = 78  # bytes of a sample description of pictures, before the boxes in it


@dataclass(frozen=True)
class Aperture:
    """What is shown: its size, and its centre's offset from that of the stored picture, in stored pixels."""

    width: Fraction
    height: Fraction
    right: Fraction
    down: Fraction

    def __str__(self) -> str:
        size, right, down = (f"{float(self.width):g}×{float(self.height):g}", self.right, self.down)
        return size if right == down == 0 else f"{size}, {float(right):g} right and {float(down):g} down"


def clean_aperture(path: Path, width: int, height: int) -> Aperture | None:
    """The clean aperture of a movie's first pictures, where it is not simply all of them.

    Parameters
    ----------
    path : a movie of the QuickTime family; in any other nothing is found.
    width, height : as stored.

    Returns
    -------
    What lies within the picture and makes sense; None for anything else, a damaged file too.
    """
    try:
        with path.open("rb") as stream:
            found = _found(stream, path.stat().st_size)
    except (OSError, struct.error, ValueError):
        return None
    if found is None or not (0 < found.width <= width and 0 < found.height <= height):
        return None
    return None if (found.width, found.height) == (Fraction(width), Fraction(height)) else found


def _found(stream: BinaryIO, size: int) -> Aperture | None:
    for start, end in _tracks(stream, size):
        # Past version and count; the first description is the one that all frames of a plate have.
        for _, entry, stop in _boxes(stream, start + 8, end):
            for kind, at, _ in _boxes(stream, entry + _ENTRY, stop):
                if kind == b"clap":
                    return _parsed(stream, at)
            return None
    return None


def _parsed(stream: BinaryIO, at: int) -> Aperture | None:
    stream.seek(at)
    numbers = struct.unpack(">IIIIiIiI", stream.read(32))
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    return None if any(below == 0 for _, below in pairs) else Aperture(*(Fraction(*pair) for pair in pairs))


def _tracks(stream: BinaryIO, size: int) -> Iterator[tuple[int, int]]:
    """Where the descriptions of each track with pictures lie."""
    for _, moov, moov_end in _named(stream, 0, size, b"moov"):
        for _, trak, trak_end in _named(stream, moov, moov_end, b"trak"):
            for _, start, end in _named(stream, trak, trak_end, b"mdia"):
                if not _has_pictures(stream, start, end):
                    continue
                for name in (b"minf", b"stbl", b"stsd"):
                    start, end = next(((a, b) for _, a, b in _named(stream, start, end, name)), (0, 0))
                if end:
                    yield start, end


def _has_pictures(stream: BinaryIO, start: int, end: int) -> bool:
    for _, at, _ in _named(stream, start, end, b"hdlr"):
        stream.seek(at + 8)
        return stream.read(4) == b"vide"
    return False


def _named(stream: BinaryIO, start: int, end: int, name: bytes) -> Iterator[tuple[bytes, int, int]]:
    return (box for box in _boxes(stream, start, end) if box[0] == name)


def _boxes(stream: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Boxes beside each other: name, and where what they hold begins and ends."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        stream.seek(start)
        size, name = struct.unpack(">I4s", stream.read(8))
        inside = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", stream.read(8))
            inside += 8
        stop = end if size == 0 else start + size
        if not inside <= stop <= end:
            return
        yield name, inside, stop
        start = stop
