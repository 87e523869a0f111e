"""Tags of colour as files carry them: ICC profiles and PNG's own chunks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

SIDE = 32
CODE = (0.6, 0.4, 0.2)
Light = tuple[float, float, float]


def png(*chunks: tuple[bytes, bytes], code: Light = CODE) -> Callable[[Path], None]:
    """A flat 16-bit PNG with chunks as they stand in the standard, by no library."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    def make(path: Path) -> None:
        line = b"\0" + struct.pack(">3H", *(round(value * 65535) for value in code)) * SIDE
        head = chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0))
        body = b"".join(chunk(*one) for one in chunks) + chunk(b"IDAT", zlib.compress(line * SIDE))
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + body + chunk(b"IEND", b""))

    return make


def cicp(primaries: int, transfer: int) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, transfer, 0, 1])


def iccp(profile: bytes) -> tuple[bytes, bytes]:
    return b"iCCP", b"test\0\0" + zlib.compress(profile)


def gama(value: int) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", value)


def profile(
    name: str, columns: tuple[Light, Light, Light] | None, curve: bytes, space: bytes = b"RGB "
) -> bytes:
    """An ICC profile: XYZ (D50) of red, green and blue, and one curve for all of them."""

    def fixed(*values: float) -> bytes:
        return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))

    text = name.encode()
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", len(text) + 1) + text + bytes(79),
        b"wtpt": b"XYZ " + bytes(4) + fixed(0.9642, 1, 0.8249),
    }
    if columns is not None:
        for key, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True):
            tags[key] = b"XYZ " + bytes(4) + fixed(*column)
        tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    elif space == b"GRAY":
        tags[b"kTRC"] = curve
    offset, table, body = 132 + 12 * len(tags), b"", b""
    for key, data in tags.items():
        data += bytes(-len(data) % 4)
        table += key + struct.pack(">II", offset + len(body), len(data))
        body += data
    size = offset + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"test", 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + fixed(0.9642, 1, 0.8249)
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))


SRGB_CURVE = (
    b"para"
    + bytes(4)
    + struct.pack(
        ">HH5i", 3, 0, *(round(v * 65536) for v in (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045))
    )
)
SRGB_TABLE = b"curv" + bytes(4) + struct.pack(">I", 1024) + b"".join(
    struct.pack(">H", round(65535 * (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)))
    for v in np.linspace(0, 1, 1024)
)  # fmt: skip
# Columns as such profiles hold them.
SRGB_XYZ = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
P3_XYZ = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_XYZ = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO_XYZ = ((0.79767, 0.28804, 0.0), (0.13519, 0.71187, 0.0), (0.03135, 0.00009, 0.82491))
SRGB_ICC = profile("sRGB", SRGB_XYZ, SRGB_TABLE)
P3_ICC = profile("Display P3", P3_XYZ, SRGB_CURVE)
ADOBE_ICC = profile("Adobe RGB (1998)", ADOBE_XYZ, gamma_curve(563 / 256))
PROPHOTO_ICC = profile("ProPhoto RGB", PROPHOTO_XYZ, gamma_curve(1.8))
TABLES_ICC = profile("a printer", None, b"")
