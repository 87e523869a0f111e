"""Files that are damaged, forged or not what their names say: makers of single ones."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from tests.frames.exr_bytes import Channel, exr


def picture(path: Path, *, size: tuple[int, int] = (64, 64), depth: str = "", compression: str = "") -> bytes:
    """A sound picture in the format of `path`'s suffix, written and read back as bytes."""
    rng = np.random.default_rng(3)
    spec = oiio.ImageSpec(
        *size, 3, depth or {".exr": "half", ".hdr": "float", ".dpx": "uint16"}.get(path.suffix, "uint8")
    )
    spec.attribute("compression", compression or ("jpeg:95" if path.suffix == ".jpg" else "zip"))
    spec.attribute("dpx:Transfer", "Linear")
    target = oiio.ImageOutput.create(str(path))
    if not (
        target.open(str(path), spec)
        and target.write_image(rng.random((size[1], size[0], 3), np.float32))
        and target.close()
    ):
        raise RuntimeError(target.geterror())
    return path.read_bytes()


def whole(size: tuple[int, int] = (64, 64), **options: str) -> Callable[[Path], None]:
    return lambda path: (picture(path, size=size, **options), None)[1]


def cut(share: float, **options: str) -> Callable[[Path], None]:
    """The first part of a sound file."""

    def make(path: Path) -> None:
        data = picture(path, **options)
        path.write_bytes(data[: int(len(data) * share)])

    return make


def flipped(start: float, count: int, **options: str) -> Callable[[Path], None]:
    """A sound file with some bits turned over, from a share of its length on."""

    def make(path: Path) -> None:
        data = bytearray(picture(path, **options))
        rng = np.random.default_rng(9)
        for place in rng.integers(int(len(data) * start), len(data), count):
            data[place] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(bytes(data))

    return make


def patched(offset: int, value: bytes, **options: str) -> Callable[[Path], None]:
    """A sound file with other bytes at one place."""

    def make(path: Path) -> None:
        data = bytearray(picture(path, **options))
        data[offset : offset + len(value)] = value
        path.write_bytes(bytes(data))

    return make


def bytes_of(data: bytes) -> Callable[[Path], None]:
    return lambda path: (path.write_bytes(data), None)[1]


def named(suffix: str) -> Callable[[Path], None]:
    """A sound file of another format under this name."""

    def make(path: Path) -> None:
        other = path.with_name(f"other{suffix}")
        path.write_bytes(picture(other))
        other.unlink()

    return make


def png(width: int, height: int, data: bytes, *, kind: int = 2, crc: int = 0, extra: bytes = b"") -> bytes:
    """A PNG with any header and any compressed data."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body) ^ crc)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def tiff(entries: list[tuple[int, int, int, int]], following: int = 0) -> bytes:
    """A little-endian TIFF of one directory: (tag, type, count, value)."""
    body = struct.pack("<H", len(entries))
    body += b"".join(struct.pack("<HHII", *entry) for entry in entries) + struct.pack("<I", following)
    return b"II*\0" + struct.pack("<I", 8) + body + bytes(64)


def tiff_entries(
    width: int, height: int, strip: int = 200, length: int = 12288
) -> list[tuple[int, int, int, int]]:
    return [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, strip),
        (277, 3, 1, 3),
        (278, 4, 1, height),
        (279, 4, 1, length),
    ]


def deep(path: Path) -> None:
    spec = oiio.ImageSpec(64, 64, 4, "float")
    spec.deep = True
    samples = oiio.DeepData()
    samples.init(64 * 64, 4, [oiio.TypeFloat] * 4, ("R", "G", "B", "A"))
    target = oiio.ImageOutput.create(str(path))
    target.open(str(path), spec)
    target.write_deep_image(samples)
    target.close()


def not_numbers(share: float) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        pixels = np.full((64, 64, 3), 0.5, np.float32)
        pixels[: int(64 * share)] = np.nan
        spec = oiio.ImageSpec(64, 64, 3, "half")
        target = oiio.ImageOutput.create(str(path))
        target.open(str(path), spec)
        target.write_image(pixels)
        target.close()

    return make


def link(to: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(to)


def forged_exr(**options: object) -> Callable[[Path], None]:
    return bytes_of(exr(**options))  # type: ignore[arg-type]


MANY = tuple(Channel(name) for name in sorted([*(f"aov{n:04d}.Z" for n in range(997)), "B", "G", "R"]))
CROWD = tuple(Channel(f"c{n:05d}") for n in range(20_000))
HUGE = 2_000_000_000


def text_bomb(path: Path) -> None:
    body = b"Comment\0\0" + zlib.compress(bytes(256 << 20), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    path.write_bytes(png(64, 64, zlib.compress(bytes(64 * 193)), extra=chunk))


def jpeg_size(path: Path, side: int) -> None:
    data = bytearray(picture(path))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", side, side)
    path.write_bytes(bytes(data))


def log_dpx(path: Path) -> None:
    picture(path)
    data = bytearray(path.read_bytes())
    data[801] = 1  # transfer characteristic: printing density
    path.write_bytes(bytes(data))


def sound(path: Path) -> None:
    plain = path.with_name("sound.png")
    picture(plain)
    plain.rename(path)
