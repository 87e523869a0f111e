"""The bad files, by group, and how each shall end."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tests.frames.bad_bytes import (
    CROWD,
    HUGE,
    MANY,
    bytes_of,
    cut,
    deep,
    flipped,
    forged_exr,
    jpeg_size,
    link,
    log_dpx,
    named,
    not_numbers,
    patched,
    png,
    sound,
    text_bomb,
    tiff,
    tiff_entries,
    whole,
)
from tests.frames.exr_bytes import FLOAT, RGB, Channel, attribute

READ, REFUSED = "read", "refused"
# Turned bits that no checksum covers: a reader may see them or not. Never may it fall over.
EITHER = "read or refused"


@dataclass(frozen=True)
class Case:
    """One bad file.

    Attributes:
        name: the file's name.
        what: what is wrong with it, for people.
        make: puts it at a path.
        expected: READ, REFUSED or EITHER.
    """

    name: str
    what: str
    make: Callable[[Path], None]
    expected: str = REFUSED


def truncated() -> Iterator[Case]:
    for suffix in ("exr", "png", "jpg", "tif", "webp", "dpx", "hdr", "bmp", "tga", "cin"):
        if suffix == "cin":
            yield Case(
                "cut.cin", "a Cineon header and nothing else", bytes_of(b"\x80\x2a\x5f\xd7" + bytes(2044))
            )
        else:
            yield Case(f"half-{suffix}.{suffix}", "the first half of a file", cut(0.5))
    for suffix in ("exr", "png", "tif", "dpx"):
        yield Case(f"start-{suffix}.{suffix}", "the first 3 % of a file", cut(0.03))
    for suffix in ("exr", "png", "jpg"):
        yield Case(f"empty-{suffix}.{suffix}", "no bytes at all", bytes_of(b""))
    yield Case("late.exr", "all but the last 2 %", cut(0.98))


def bent() -> Iterator[Case]:
    for compression in ("zip", "piz", "dwaa"):
        yield Case(
            f"bits.{compression}.exr",
            f"bits turned over in {compression} data",
            flipped(0.3, 40, compression=compression),
            EITHER,
        )
    yield Case(
        "bits.none.exr", "bits turned over where nothing can tell", flipped(0.6, 40, compression="none"), READ
    )
    yield Case("bits-png.png", "bits turned over", flipped(0.3, 40))
    yield Case("bits-tif.tif", "bits turned over", flipped(0.1, 60), EITHER)
    yield Case(
        "bits-jpg.jpg", "bits turned over: a decoder can make a picture of it", flipped(0.5, 20), EITHER
    )
    yield Case("bits-webp.webp", "bits turned over", flipped(0.3, 60), EITHER)
    yield Case("head.exr", "bits turned over in the header", patched(20, b"\xff" * 12))
    yield Case("magic.dpx", "the first bytes are not DPX's", patched(0, b"XXXX"))
    yield Case(
        "crc.png", "every checksum is wrong", bytes_of(png(64, 64, zlib.compress(bytes(64 * 193)), crc=1))
    )
    yield Case(
        "offset.dpx",
        "one of two places says that the pixels are beyond the end",
        patched(4, struct.pack(">I", 1 << 30)),
        EITHER,
    )
    yield Case(
        "latin.exr",
        "an attribute that is not UTF-8",
        forged_exr(extra=attribute("owner", "string", b"Ren\xe9\xff")),
        READ,
    )


def bombs() -> Iterator[Case]:
    yield Case("bomb.size.png", "60000×60000 in 100 bytes", bytes_of(png(60000, 60000, zlib.compress(b""))))
    yield Case(
        "bomb.zlib.png",
        "4 KB that unpack to far more than the header says",
        bytes_of(png(64, 64, zlib.compress(bytes(4 << 20), 9))),
        READ,
    )
    yield Case("bomb.text.png", "a comment that unpacks to 256 MB", lambda path: text_bomb(path), READ)
    yield Case(
        "bomb.window.exr", "a data window of 2 000 000 000 pixels a side", forged_exr(data=(0, 0, HUGE, HUGE))
    )
    yield Case(
        "bomb.display.exr",
        "a display window of 2 000 000 000 pixels a side",
        forged_exr(display=(0, 0, HUGE, HUGE)),
    )
    yield Case("bomb.wide.exr", "one line of 2 000 000 000 pixels", forged_exr(data=(0, 0, HUGE, 0)))
    yield Case("bomb-tif.tif", "100000×100000 in 200 bytes", bytes_of(tiff(tiff_entries(100_000, 100_000))))
    yield Case("bomb-jpg.jpg", "65500×65500 said by the header", lambda path: jpeg_size(path, 65500))
    yield Case(
        "bomb-hdr.hdr",
        "300000×300000 in 70 bytes",
        bytes_of(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 300000 +X 300000\n" + bytes(16)),
    )
    yield Case("bomb-bmp.bmp", "2000000000 pixels wide", patched(18, struct.pack("<i", HUGE)))
    yield Case("bomb-dpx.dpx", "1 000 000 lines", patched(776, struct.pack(">I", 1_000_000)))
    yield Case("bomb.channels.exr", "20 000 channels", forged_exr(channels=CROWD, size=(2, 2)))


def forged() -> Iterator[Case]:
    yield Case("inverted.exr", "a data window that ends before it begins", forged_exr(data=(63, 63, 0, 0)))
    yield Case(
        "overflow.exr",
        "a data window from −2³¹ to 2³¹−1",
        forged_exr(data=(-(1 << 31), 0, (1 << 31) - 1, 63)),
    )
    yield Case("zero.display.exr", "an empty display window", forged_exr(display=(0, 0, -1, -1)))
    yield Case(
        "table.exr",
        "a line table that points elsewhere (it can be made anew)",
        forged_exr(offset=1 << 40),
        EITHER,
    )
    yield Case("compression.exr", "a compression that does not exist", forged_exr(compression=77))
    yield Case("lies.exr", "uncompressed lines that claim to be ZIP", forged_exr(compression=3))
    yield Case("nochannels.exr", "no channel at all", forged_exr(channels=()))
    yield Case(
        "longname.exr", "a channel name of 4000 characters", forged_exr(channels=(*RGB, Channel("x" * 4000)))
    )
    yield Case(
        "attribute.exr",
        "an attribute of 2 GB",
        forged_exr(extra=attribute("note", "string", b"x")[:-5] + struct.pack("<i", (1 << 31) - 1) + b"x"),
    )
    yield Case(
        "negative.exr",
        "an attribute of −1 bytes",
        forged_exr(extra=b"note\0string\0" + struct.pack("<i", -1)),
    )
    yield Case("aspect.exr", "a pixel aspect ratio that is not a number", forged_exr(aspect=float("nan")))
    yield Case(
        "subsampled.exr",
        "luminance and chroma",
        forged_exr(channels=(Channel("BY", x=2, y=2), Channel("RY", x=2, y=2), Channel("Y"))),
    )
    yield Case(
        "sampling.exr",
        "a channel sampled every 64 pixels",
        forged_exr(
            channels=(Channel("B"), Channel("G"), Channel("R", x=1, y=1), Channel("Z", FLOAT, 64, 64))
        ),
    )
    yield Case("zero.png", "0×0 pixels", bytes_of(png(0, 0, zlib.compress(b""))))
    yield Case(
        "kind.png",
        "a colour type that does not exist",
        bytes_of(png(64, 64, zlib.compress(bytes(9999)), kind=5)),
    )
    yield Case("cycle.tif", "a directory that follows itself", bytes_of(tiff(tiff_entries(64, 64, 128), 8)))
    yield Case("strip.tif", "pixels said to be beyond the end", bytes_of(tiff(tiff_entries(64, 64, 1 << 30))))
    yield Case("nothing.tif", "a directory without entries", bytes_of(tiff([])))


def unfit() -> Iterator[Case]:
    yield Case("deep.exr", "a deep image", deep)
    yield Case("nan.exr", "every pixel is NaN", not_numbers(1.0))
    yield Case("some.nan.exr", "a quarter of the pixels is NaN", not_numbers(0.25), READ)
    yield Case("depth.exr", "depth, and no colour", forged_exr(channels=(Channel("Z", FLOAT),)))
    yield Case("tiny.exr", "16×16 pixels, less than can be matted", whole((16, 16)))
    yield Case("line.exr", "4096×1 pixels", whole((4096, 1)))
    yield Case(
        "disjoint.exr",
        "a data window apart from its display window",
        forged_exr(data=(5000, 5000, 5063, 5063), display=(0, 0, 99, 99)),
        READ,
    )
    yield Case(
        "below.exr", "a data window of negative numbers", forged_exr(data=(-640, -640, -577, -577)), READ
    )
    yield Case("many.exr", "1000 channels", forged_exr(channels=MANY), READ)
    yield Case("log.dpx", "film log that does not say so", log_dpx)


def misnamed() -> Iterator[Case]:
    yield Case("png.exr", "a PNG", named(".png"))
    yield Case("exr.png", "an EXR", named(".exr"))
    yield Case("jpg.tif", "a JPEG", named(".jpg"))
    yield Case("text.exr", "a text", bytes_of(b"render failed: licence server down\n" * 40))
    yield Case("page.png", "an HTML page", bytes_of(b"<!doctype html><title>403</title>" * 40))
    yield Case("archive.tif", "a ZIP archive", bytes_of(b"PK\x03\x04" + bytes(400)))
    yield Case("exr.mov", "an EXR", named(".exr"))
    yield Case(
        "playlist.mp4",
        "a playlist that names other files",
        bytes_of(b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n" * 9),
    )
    yield Case("random.mxf", "noise", bytes_of(np.random.default_rng(0).bytes(4096)))
    yield Case("folder.exr", "a folder", lambda path: path.mkdir())
    yield Case("dangling.exr", "a link to nowhere", link("nowhere-at-all.exr"))
    yield Case("loop.exr", "a link to itself", link("loop.exr"))
    yield Case("endless.png", "a link to /dev/zero", link("/dev/zero"))
    yield Case("pipe.png", "a pipe that nobody writes to", lambda path: os.mkfifo(path))


def names() -> Iterator[Case]:
    hostile = {
        "plâte.ñandú.png": "letters beyond ASCII",
        "人像 🦋.png": "Chinese, a space, and a butterfly",
        "cafe\u0301.png": "a combining accent",
        "\u202egnp.exe.png": "right-to-left override",
        "two\nlines.png": "a line break",
        "\x1b[31mred\x1b[0m.png": "terminal escapes",
        "tab\there.png": "a tab",
        "-o.png": "looks like an option",
        "$(touch owned).png": "shell substitution",
        "; rm -rf ~;.png": "shell commands",
        "%s%n%n.png": "printf directives",
        "quote'\"`.png": "quotes",
        "back\\slash.png": "a backslash",
        "[bold]markup.png": "markup",
        "{shot}.png": "a naming token",
        " leading space.png": "a leading space",
        "x" * 220 + ".png": "224 characters",
        "NUL.png": "a device, elsewhere",
        os.fsdecode(b"latin-\xe9\xff.png"): "bytes that are not UTF-8",
    }
    for name, what in hostile.items():
        expected = REFUSED if what == "bytes that are not UTF-8" else READ
        yield Case(name, f"a sound PNG; its name: {what}", sound, expected)


GROUPS: dict[str, Callable[[], Iterator[Case]]] = {
    "Truncated": truncated,
    "Damaged": bent,
    "Bombs": bombs,
    "Forged headers": forged,
    "Whole, but no plate": unfit,
    "Something else by this name": misnamed,
    "Hostile names": names,
}


def cases() -> list[tuple[str, Case]]:
    """Every case with its group."""
    return [(group, case) for group, make in GROUPS.items() for case in make()]
