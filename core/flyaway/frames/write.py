"""Mattes to disk: written beside their name, decoded again, compared, and only then renamed.

OpenImageIO closes a file with success after a write that failed, and a full disk truncates in
silence; a matte that exists under its final name has been read back in full.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from flyaway.color import FloatImage
from flyaway.errors import ReadError, WriteError
from flyaway.frames import library
from flyaway.frames.atomic import DISK, Disk, WrittenFile, write_atomically
from flyaway.frames.compose import compose
from flyaway.frames.fingerprint import sealed
from flyaway.frames.options import WRITABLE, Output, WriteOptions, is_premultiplied, target_suffix
from flyaway.frames.picture import Picture
from flyaway.frames.read import Plate
from flyaway.levels import as_coverage

__all__ = [
    "WRITABLE",
    "Output",
    "WriteOptions",
    "is_premultiplied",
    "store_matte",
    "target_suffix",
    "write_matte",
]

# The largest error that storing a value may make, relative for half and absolute for integers.
LEFT = 1 << 20  # bytes free, below which a disk is called full
_TOLERANCE = {
    "half": (2**-11 * 1.01, 2**-24),
    "uint16": (0.0, 0.51 / 65535),
    "uint8": (0.0, 0.51 / 255),
    "float": (0.0, 0.0),
}


def write_matte(
    path: str | Path,
    alpha: Any,
    plate: Plate,
    options: WriteOptions | None = None,
    provenance: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Write one matte (or the plate with its matte) and prove that it can be read again.

    Parameters
    ----------
    path : ending in .exr, .png, .tif or .tiff; replaced if it exists.
    alpha : H×W, linear coverage, over the plate's data window: floats 0..1, uint8 or uint16 as shares of
        their white, or bool. NaN and infinity are refused.
    plate : where it came from: windows, metadata, and the colour for "rgba".
    options : see `WriteOptions`.
    provenance : metadata to add, such as the model's name.

    Returns
    -------
    Notes on anything that the format could not keep.

    Raises
    ------
    WriteError : it is no matte of that plate, could not be written, or not read back as written.
    """
    return store_matte(path, alpha, plate, options, provenance).notes


def store_matte(
    path: str | Path,
    alpha: Any,
    plate: Plate,
    options: WriteOptions | None = None,
    provenance: Mapping[str, str] | None = None,
    disk: Disk = DISK,
    *,
    unknown: FloatImage | None = None,
) -> WrittenFile:
    """`write_matte`, for a run that keeps a journal: also says what is on disk now (size, SHA-256)."""
    path, options = Path(path), options or WriteOptions()
    picture = sealed(path, compose(path, _checked(alpha, path, plate), plate, options, provenance, unknown))
    written = write_atomically(
        path,
        lambda part: _write(part, path, picture, plate.frame, disk),
        lambda part: _compare(part, path, picture, plate.frame),
        frame=plate.frame,
        disk=disk,
    )
    return replace(written, notes=picture.notes)


def _checked(alpha: Any, path: Path, plate: Plate) -> FloatImage:
    """A matte in float32; WriteError where it is none of that plate."""
    refuse = partial(WriteError, path=path, frame=plate.frame)
    cover = as_coverage(alpha, refuse)
    if cover.shape != plate.pixels.shape[:2]:
        raise refuse(f"a {cover.shape} matte for a {plate.pixels.shape} plate.")
    if not np.isfinite(cover).all():
        raise refuse(
            "the matte holds NaN or infinity, which is no coverage: write"
            " numpy.nan_to_num(alpha, posinf=1, neginf=0), or find where they come from."
        )
    return cover


def _write(part: Path, path: Path, picture: Picture, frame: int | None, disk: Disk) -> None:
    target = disk.image_output(part)
    if target is None:
        raise WriteError(f"cannot be written: {oiio.geterror()}", path=path, frame=frame)
    # Only write's own return value shows that it failed: close() succeeds after it.
    parts = picture.parts
    header = picture.spec if len(parts) == 1 else tuple(one.spec for one in parts)
    if not target.open(str(part), header):
        raise WriteError(f"cannot be opened: {target.geterror()}", path=path, frame=frame)
    written = bool(target.write_image(parts[0].pixels))
    for one in parts[1:]:
        written = written and bool(
            target.open(str(part), one.spec, "AppendSubimage") and target.write_image(one.pixels)
        )
    problem = target.geterror()
    closed = target.close()
    if not written or not closed:
        # Libraries say that output failed, and not why; the disk still holds what there was room for.
        why = (
            "the disk is full"
            if is_full(part.parent)
            else problem or target.geterror() or "is the disk full?"
        )
        raise WriteError(f"not written in full ({why}).", path=path, frame=frame)


def is_full(folder: Path) -> bool:
    """Whether hardly anything more fits on the disk of a folder."""
    try:
        return shutil.disk_usage(folder).free < LEFT
    except OSError:
        return False


def _compare(part: Path, path: Path, picture: Picture, frame: int | None) -> None:
    """Decode what was written and compare it with what was meant."""
    for index, one in enumerate(picture.parts):
        spec = one.spec
        try:
            source = library.open_input(part, frame, str(index))
            try:
                found = source.spec()
                names = list(found.channelnames)
                same = _is_laid_out_as_meant(found, spec, exr=path.suffix.lower() == ".exr")
                stored = library.decode(source, 0, spec.nchannels, part, frame) if same else None
            finally:
                source.close()
        except ReadError as error:
            raise WriteError(f"does not read back: {error}", path=path, frame=frame) from error
        if stored is None or not _is_as_meant(stored, names, one):
            message = "does not read back as it was written; is the disk sound?"
            raise WriteError(message, path=path, frame=frame)


def _is_laid_out_as_meant(found: oiio.ImageSpec, meant: oiio.ImageSpec, *, exr: bool) -> bool:
    """Whether a header's size is what was to be written; in OpenEXR also both windows and the names."""
    same = (found.width, found.height, found.nchannels) == (meant.width, meant.height, meant.nchannels)
    if not same or not exr:
        return same
    return (
        (found.x, found.y) == (meant.x, meant.y)
        and (found.full_x, found.full_y) == (meant.full_x, meant.full_y)
        and (found.full_width, found.full_height) == (meant.full_width, meant.full_height)
        and set(found.channelnames) == set(meant.channelnames)
    )


def _is_as_meant(stored: FloatImage, names: list[str], picture: Picture) -> bool:
    """Whether decoded pixels are what was to be written, as exactly as the file's type allows."""
    spec = picture.spec
    if spec.nchannels > 1 and set(names) == set(spec.channelnames):
        stored = stored[..., [names.index(name) for name in spec.channelnames]]  # readers sort them
    # By bits: NaN too must pass as it is.
    kept, meant = stored[..., : picture.exact], picture.pixels[..., : picture.exact]
    if kept.tobytes() != meant.tobytes():
        return False
    for index in range(picture.exact, spec.nchannels):
        if picture.lossy:
            if not np.isfinite(stored[..., index]).all():
                return False
            continue
        relative, absolute = _TOLERANCE[str(spec.channelformat(index))]
        found, meant = stored[..., index], picture.pixels[..., index]
        # As a rule it is what was meant to the bit, which is seen in a fraction of the time.
        if not np.array_equal(found, meant) and not np.allclose(found, meant, rtol=relative, atol=absolute):
            return False
    return True
