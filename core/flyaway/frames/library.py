"""OpenImageIO, set up once for untrusted files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway.errors import ReadError
from flyaway.frames.formats import remedy
from flyaway.frames.select import MAX_CHANNELS, choose_part

# 16384×16384, four times 8K in each direction of area: beyond it a header is a bomb, not a plate.
MAX_PIXELS = 1 << 28
MAX_FILE_MEMORY_MB = 8192

# A file is what its name says or it is broken; trying every reader in turn invites surprises.
oiio.attribute("try_all_readers", 0)
oiio.attribute("limits:imagesize_MB", MAX_FILE_MEMORY_MB)


def open_input(path: Path, frame: int | None = None, part: str | None = None) -> oiio.ImageInput:
    """Open an image for reading, at one of its parts, with alpha left as the file has it.

    Parameters
    ----------
    path : the file.
    frame : its number, for messages.
    part : which part of several; see `flyaway.frames.select.choose_part`.

    Raises
    ------
    ReadError : not there, not an image, deep, a volume, or larger than any plate.
    """
    if "\0" in str(path) or not path.is_file():
        raise ReadError("there is no such file.", path=path, frame=frame)
    if path.stat().st_size == 0:
        raise ReadError("the file is empty; copy or render it again.", path=path, frame=frame)
    if not is_utf8(path):
        raise ReadError(
            "its name is not UTF-8, and libraries take no other; rename it.", path=path, frame=frame
        )
    config = oiio.ImageSpec()
    # Without it OpenImageIO multiplies colour by alpha, on encoded values and in 8 bits.
    config["oiio:UnassociatedAlpha"] = 1
    source = oiio.ImageInput.open(str(path), config)
    if source is None:
        problem, how = _last_error(), remedy(path)
        if how:
            problem = f"{path.suffix} is not read by the OpenImageIO that is installed: {how}"
            raise ReadError(f"{problem}.", path=path, frame=frame)
        raise ReadError(f"cannot be opened: {problem}", path=path, frame=frame)
    oiio.geterror()  # of readers that were tried first, by the file's name: left alone it is said at the end
    try:
        index, _ = choose_part(source, part, path, frame)
        if index != source.current_subimage() and not source.seek_subimage(index, 0):
            raise ReadError(f"its part {index} cannot be read: {error_of(source)}", path=path, frame=frame)
        _refuse_unreadable(source.spec(), path, frame)
    except ReadError:
        source.close()
        raise
    return source


def decode(
    source: oiio.ImageInput, first: int, last: int, path: Path, frame: int | None = None
) -> NDArray[np.float32]:
    """Channels `first` (inclusive) to `last` (exclusive) of an open image, in full.

    Returns
    -------
    H×W×(last−first) float32.

    Raises
    ------
    ReadError : the file is truncated or damaged.
    """
    pixels = source.read_image(source.current_subimage(), 0, first, last, oiio.FLOAT)
    # Some readers (JPEG) return a picture and leave the error behind.
    problem = error_of(source)
    if pixels is None or problem:
        raise ReadError(
            f"truncated or damaged ({_one_line(problem) or 'no pixels'}); copy or render it again.",
            path=path,
            frame=frame,
        )
    spec = source.spec()
    return np.asarray(pixels, dtype=np.float32).reshape(spec.height, spec.width, last - first)


def attributes(spec: oiio.ImageSpec) -> dict[str, Any]:
    """An image's metadata as a plain dictionary."""
    return {item.name: item.value for item in spec.extra_attribs}


def _refuse_unreadable(spec: oiio.ImageSpec, path: Path, frame: int | None) -> None:
    if spec.deep:
        raise ReadError(
            "a deep image has no one colour a pixel; flatten it first (DeepToImage).", path=path, frame=frame
        )
    if spec.nchannels > MAX_CHANNELS:
        raise ReadError(
            f"{spec.nchannels} channels are more than a plate has ({MAX_CHANNELS}).", path=path, frame=frame
        )
    if min(spec.width, spec.height, spec.full_width, spec.full_height) < 1:
        raise ReadError("its data or display window is empty; render it again.", path=path, frame=frame)
    if spec.depth > 1:
        raise ReadError("a volume is not a plate.", path=path, frame=frame)
    for width, height in ((spec.width, spec.height), (spec.full_width, spec.full_height)):
        if width * height > MAX_PIXELS:
            raise ReadError(
                f"{width}×{height} pixels are more than a plate may have ({MAX_PIXELS:,}).",
                path=path,
                frame=frame,
            )


def is_utf8(path: Path) -> bool:
    """Whether a name can be handed to libraries that take text."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def error_of(source: Any) -> str:
    """The pending error of OpenImageIO, or of one of its readers and writers, taken from it."""
    try:
        return str(source.geterror())
    except UnicodeDecodeError as error:  # a message that quotes a damaged header
        return bytes(error.object).decode("utf-8", "replace")


def _last_error() -> str:
    problem = _one_line(error_of(oiio))
    if "Subsampled channels" in problem:
        return "a luminance-chroma image (subsampled RY, BY); convert it to RGB first"
    return problem or "not an image that can be read"


def _one_line(text: str) -> str:
    """An error as one line of at most 300 printable characters: it may quote the file."""
    line = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    printable = "".join(character if character.isprintable() else "\ufffd" for character in line)
    return printable if len(printable) <= 300 else printable[:299] + "…"
