"""Whether a picture of ours still holds the pixels that we wrote, from the file alone.

A journal knows every byte, but journals stay behind when files are moved, and one photograph has none. So
a header holds a hash of the stored values: whoever paints on the picture with a tool that keeps headers
keeps the hash of other pixels. A lossy compression stores what only its decoder knows, and has no hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway.color import FloatImage
from flyaway.errors import ReadError
from flyaway.frames import library, metadata
from flyaway.frames.picture import Picture
from flyaway.frames.select import part_count

# The header's entry, below "flyaway:".
KEY = "pixels"
_LOSSY = "lossy"
_LEVELS = {"uint8": 255, "uint16": 65535}
_TYPES = {"uint8": "u1", "uint16": "<u2", "half": "<f2"}

Verdict = Literal["ours", "altered", "unproven", "foreign"]


def sealed(path: Path, picture: Picture) -> Picture:
    """The picture with its values as its file's types will store them, and their hash in its header.

    Rounded here and not by a writer, so that what is hashed is what is stored.

    Parameters
    ----------
    path : the file's name; its suffix is the format.
    picture : from `flyaway.frames.compose`.
    """
    rounded = picture.pixels
    kinds = _kinds(picture.spec)
    if any(kind != "float" for kind in kinds[picture.exact :]):
        rounded = picture.pixels.copy()
        for index in range(picture.exact, len(kinds)):
            rounded[..., index] = _rounded(picture.pixels[..., index], kinds[index])
    picture = replace(picture, pixels=rounded)
    lossy = any(part.lossy for part in picture.parts)
    parts = [(part.pixels, part.spec) for part in picture.parts]
    exr = path.suffix.lower() == ".exr"
    metadata.mark(picture.spec, path, KEY, _LOSSY if lossy else _digest(parts, exr=exr))
    return picture


def verdict(path: Path, frame: int | None = None) -> Verdict:
    """Whose a picture on disk is.

    Parameters
    ----------
    path : the file.
    frame : its number, for messages.

    Returns
    -------
    "ours": every pixel is as we wrote it; "altered": ours once, and other pixels now; "unproven": our
    header without a hash (a lossy compression, an earlier release); "foreign": nothing of it is ours.

    Raises
    ------
    ReadError : it does not decode.
    """
    try:
        first = library.open_input(path, frame)
    except ReadError:
        # A kind of picture that we never write (deep, a volume, larger than any plate) is not a broken one.
        opened = oiio.ImageInput.open(str(path)) if library.is_utf8(path) else None
        if opened is None:
            raise
        opened.close()
        return "foreign"
    try:
        count, exr = part_count(first.spec(0)), first.format_name() == "openexr"
    finally:
        first.close()
    parts: list[tuple[FloatImage, oiio.ImageSpec]] = []
    for index in range(count):
        source = library.open_input(path, frame, str(index))
        try:
            spec = source.spec()
            parts.append((library.decode(source, 0, spec.nchannels, path, frame), spec))
        finally:
            source.close()
    told = next((stored for _, spec in parts if "model" in (stored := metadata.read_provenance(spec))), None)
    if told is None:
        return "foreign"
    if told.get(KEY, _LOSSY) == _LOSSY:
        return "unproven"
    return "ours" if told[KEY] == _digest(parts, exr=exr) else "altered"


def _digest(parts: Iterable[tuple[FloatImage, oiio.ImageSpec]], *, exr: bool) -> str:
    """SHA-256 over all stored values of H×W×C pictures; in EXR over windows and names as well."""
    digest = hashlib.sha256()
    for pixels, spec in parts:
        kinds = _kinds(spec)
        # Only EXR keeps names and windows as they were given, and gives the channels back in its own order.
        names = list(spec.channelnames) if exr else [f"{index:04d}" for index in range(spec.nchannels)]
        window = (spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height) if exr else ()
        digest.update(repr((pixels.shape[:2], window)).encode())
        for index in sorted(range(len(names)), key=names.__getitem__):
            digest.update(f" {names[index]} {kinds[index]} ".encode("utf-8", "surrogateescape"))
            digest.update(_stored(pixels[..., index], kinds[index]).data)
    return digest.hexdigest()


def _kinds(spec: oiio.ImageSpec) -> list[str]:
    return [str(spec.channelformat(index)) for index in range(spec.nchannels)]


def _stored(values: FloatImage, kind: str) -> NDArray[np.generic]:
    """H×W float32 as the file stores them; one NaN for all kinds of them, which no two libraries keep."""
    if kind in _LEVELS:
        levels = np.float32(_LEVELS[kind])
        whole: NDArray[np.generic] = np.rint(np.clip(values, 0, 1) * levels).astype(_TYPES[kind])
        return whole
    stored: NDArray[np.generic] = np.ascontiguousarray(values.astype(_TYPES.get(kind, "<f4")))
    if np.isnan(stored).any():
        stored = np.where(np.isnan(stored), np.array(np.nan, stored.dtype), stored)
    return stored


def _rounded(values: FloatImage, kind: str) -> FloatImage:
    """The nearest values that the type holds, as float32."""
    if kind in _LEVELS:
        return _stored(values, kind).astype(np.float32) / np.float32(_LEVELS[kind])
    return values.astype(np.float16).astype(np.float32) if kind == "half" else values
