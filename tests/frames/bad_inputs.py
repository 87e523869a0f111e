"""A corpus of bad inputs, made by code: what a night of renders, copies and attacks leaves on a disk.

`python -m tests.frames.bad_inputs` reads each and writes docs/bad-inputs.md.
"""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from tests.frames.exr_bytes import FLOAT, RGB, Channel, attribute, exr

READ, REFUSED = "read", "refused"
# Turned bits that no checksum covers: a reader may see them or not. Never may it fall over.
EITHER = "read or refused"
ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "bad-inputs.md"
# What one bad file may cost whoever reads it.
MEMORY_BYTES, SECONDS = 6 << 30, 120


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
    yield Case("bomb.text.png", "a comment that unpacks to 256 MB", lambda path: _text_bomb(path), READ)
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
    yield Case("bomb-jpg.jpg", "65500×65500 said by the header", lambda path: _jpeg_size(path, 65500))
    yield Case(
        "bomb-hdr.hdr",
        "300000×300000 in 70 bytes",
        bytes_of(b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 300000 +X 300000\n" + bytes(16)),
    )
    yield Case("bomb-bmp.bmp", "2000000000 pixels wide", patched(18, struct.pack("<i", HUGE)))
    yield Case("bomb-dpx.dpx", "1 000 000 lines", patched(776, struct.pack(">I", 1_000_000)))
    yield Case("bomb.channels.exr", "20 000 channels", forged_exr(channels=CROWD, size=(2, 2)))


def _text_bomb(path: Path) -> None:
    body = b"Comment\0\0" + zlib.compress(bytes(256 << 20), 9)
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    path.write_bytes(png(64, 64, zlib.compress(bytes(64 * 193)), extra=chunk))


def _jpeg_size(path: Path, side: int) -> None:
    data = bytearray(picture(path))
    place = data.index(b"\xff\xc0")
    data[place + 5 : place + 9] = struct.pack(">HH", side, side)
    path.write_bytes(bytes(data))


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
    yield Case("log.dpx", "film log that does not say so", _log_dpx)


def _log_dpx(path: Path) -> None:
    picture(path)
    data = bytearray(path.read_bytes())
    data[801] = 1  # transfer characteristic: printing density
    path.write_bytes(bytes(data))


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
        yield Case(name, f"a sound PNG; its name: {what}", _sound, expected)


def _sound(path: Path) -> None:
    plain = path.with_name("sound.png")
    picture(plain)
    plain.rename(path)


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


# Runs in a process of its own: a crash is a result, and memory is limited. One line of JSON a file.
READER = """
import json, os, resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]),) * 2)
from flyaway import FlyawayError
from flyaway.frames import read_plate
from flyaway.frames.movie import is_movie
from flyaway.plate import as_display
for line in sys.stdin:
    path = os.fsdecode(bytes.fromhex(line.strip()))
    try:
        plate = read_plate(path, frame=1 if is_movie(path) else None)
        pixels, encoding = plate.for_matting()
        as_display(pixels, encoding)
        outcome = ["read", "; ".join(plate.notes), type(plate).__name__]
    except FlyawayError as error:
        outcome = ["refused", str(error), type(error).__name__]
    except BaseException as error:
        outcome = ["raised", repr(error), type(error).__name__]
    print(json.dumps(outcome), flush=True)
"""


def read_all(paths: list[Path]) -> list[list[str]]:
    """What became of each file: [outcome, words, class]; a process that dies is a result too."""
    results: list[list[str]] = []
    while len(results) < len(paths):
        rest = paths[len(results) :]
        done = subprocess.run(
            [sys.executable, "-c", READER, str(MEMORY_BYTES)],
            input="".join(os.fsencode(path).hex() + "\n" for path in rest),
            capture_output=True,
            text=True,
            timeout=SECONDS * 4,
            check=False,
        )
        answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
        results += answers
        if len(answers) < len(rest):
            results.append(["crashed", f"exit code {done.returncode}: {done.stderr[-300:]}", ""])
    return results


HEAD = """# Bad inputs

{count} bad files, made by code, read in a process that may use {memory} GB. *refused*: an error that
names the file; a run goes on with the next frame. *read*: there is a plate in it, and what is odd is said. No
file crashes the reader, hangs it, or leaves it with a bare library error.

`python -m tests.frames.bad_inputs` made this page; `pytest tests/frames/test_bad_inputs.py` holds it to the
truth, and runs `flyaway matte` over the whole folder."""


def table(rows: list[tuple[str, Case, list[str]]], folder: Path) -> str:
    """The page, from what was found."""
    text = [HEAD.format(count=len(rows), memory=MEMORY_BYTES >> 30)]
    group = ""
    for now, case, (outcome, words, _) in rows:
        if now != group:
            group = now
            text += [f"\n## {group}\n", "| file | what it is | result | in words |", "|---|---|---|---|"]
        reason = (
            words.replace(f"{folder}/{case.name}: ", "").replace("frame 1, ", "").replace(str(folder), "")
        )
        cells = (f"`{shown(case.name)}`", case.what, outcome, clipped(reason) or "–")
        text.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(text) + "\n"


def shown(name: str) -> str:
    """A name as text that no terminal or page takes for anything else."""
    escaped = "".join(map(_printable, name))
    return escaped if len(escaped) <= 200 else escaped[:40] + "…"


def _printable(character: str) -> str:
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte that is no UTF-8
        return f"\\x{ord(character) - 0xDC00:02x}"
    sound = character.isprintable() and character != "`"
    return character if sound else character.encode("unicode_escape").decode()


def clipped(words: str) -> str:
    return words if len(words) <= 150 else words[:149] + "…"


def build(folder: Path) -> list[tuple[str, Case]]:
    """Make the corpus in an empty folder."""
    found = cases()
    for _, case in found:
        case.make(folder / case.name)
    return found


def main() -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = build(folder)
        results = read_all([folder / case.name for _, case in found])
        rows = [(group, case, result) for (group, case), result in zip(found, results, strict=True)]
        TABLE.write_text(table(rows, folder), encoding="utf-8")
        wrong = [(case.name, result) for _, case, result in rows if result[0] not in case.expected]
        print(f"{len(rows)} files", *wrong, sep="\n")


if __name__ == "__main__":
    main()
