"""EXR files written byte by byte, for what no library would write: forged sizes, odd channels, lies."""

from __future__ import annotations

import struct
from dataclasses import dataclass

Box = tuple[int, int, int, int]
HALF, FLOAT = 1, 2


@dataclass(frozen=True)
class Channel:
    """A channel's header entry."""

    name: str
    kind: int = HALF
    x: int = 1
    y: int = 1


RGB = (Channel("B"), Channel("G"), Channel("R"))


def attribute(name: str, kind: str, value: bytes) -> bytes:
    """A header attribute."""
    return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value


def exr(
    channels: tuple[Channel, ...] = RGB,
    size: tuple[int, int] = (64, 64),
    *,
    data: Box | None = None,
    display: Box | None = None,
    extra: bytes = b"",
    compression: int = 0,
    aspect: float = 1.0,
    offset: int = 0,
) -> bytes:
    """An uncompressed scan line EXR of grey 0.5.

    Args:
        channels: in alphabetical order.
        size: width and height of the pixels that are really there.
        data: the data window that the header claims.
        display: the display window that the header claims.
        extra: more attributes.
        compression: what the header claims.
        aspect: the pixel aspect ratio.
        offset: added to every entry of the line table.
    """
    width, height = size
    data = data or (0, 0, width - 1, height - 1)
    listed = b"".join(c.name.encode() + b"\0" + struct.pack("<iB3xii", c.kind, 0, c.x, c.y) for c in channels)
    header = b"".join(
        (
            attribute("channels", "chlist", listed + b"\0"),
            attribute("compression", "compression", bytes([compression])),
            attribute("dataWindow", "box2i", struct.pack("<4i", *data)),
            attribute("displayWindow", "box2i", struct.pack("<4i", *(display or data))),
            attribute("lineOrder", "lineOrder", b"\0"),
            attribute("pixelAspectRatio", "float", struct.pack("<f", aspect)),
            attribute("screenWindowCenter", "v2f", struct.pack("<2f", 0, 0)),
            attribute("screenWindowWidth", "float", struct.pack("<f", 1)),
            extra,
            b"\0",
        )
    )
    longest = max((len(channel.name.encode()) for channel in channels), default=0)
    flags = 0x400 if longest > 31 else 0
    head = struct.pack("<ii", 20000630, 2 | flags) + header
    rows = [_row(channels, width, y, data[1]) for y in range(height)]
    position, table = len(head) + 8 * height, b""
    for row in rows:
        table += struct.pack("<Q", (position + offset) & 0xFFFFFFFFFFFFFFFF)
        position += len(row)
    return head + table + b"".join(rows)


def _row(channels: tuple[Channel, ...], width: int, y: int, first: int) -> bytes:
    values = {HALF: b"\x00\x38", FLOAT: b"\x00\x00\x00\x3f"}
    line = b"".join(
        values.get(channel.kind, b"\0\0\0\x01") * (width // channel.x)
        for channel in channels
        if y % channel.y == 0
    )
    return struct.pack("<ii", first + y, len(line)) + line
