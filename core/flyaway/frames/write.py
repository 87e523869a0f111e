"""Mattes to disk: written beside their name, decoded again, compared, and only then renamed.

OpenImageIO closes a file with success after a write that failed, and a full disk truncates in
silence; a matte that exists under its final name has been read back in full.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import OpenImageIO as oiio

from flyaway import color
from flyaway.color import FloatImage
from flyaway.errors import PatternError, ReadError, WriteError
from flyaway.frames import library, metadata
from flyaway.frames.landing import DISK, Disk, Landed, land
from flyaway.frames.read import Plate

Output = Literal["matte", "rgba"]

# Formats that hold a matte well: without loss, in 16 bits or more.
WRITABLE = (".exr", ".png", ".tif", ".tiff")
# What a plate's format becomes where it cannot hold a matte well.
_REPLACEMENT = {".jpg": ".png", ".jpeg": ".png", ".webp": ".png", ".bmp": ".png", ".tga": ".png"}
_HALF_MAX = np.float32(65504)
# The largest error that storing a value may make, relative for half and absolute for integers.
_TOLERANCE = {"half": (2**-11 * 1.01, 2**-24), "uint16": (0.0, 0.51 / 65535), "float": (0.0, 0.0)}


@dataclass(frozen=True)
class WriteOptions:
    """How mattes are written.

    Attributes:
        output: "matte" (one channel of linear coverage) or "rgba" (the plate's colour and the matte).
        premultiplied: for "rgba"; None follows the format (EXR premultiplied, the others straight).
        channel: the name of the matte's channel in an EXR.
    """

    output: Output = "matte"
    premultiplied: bool | None = None
    channel: str = "A"


def target_suffix(source_suffix: str) -> str:
    """The suffix of a matte for a plate with this one: the same where it holds a matte well."""
    suffix = source_suffix.lower()
    return source_suffix if suffix in WRITABLE else _REPLACEMENT.get(suffix, ".exr")


def write_matte(
    path: str | Path,
    alpha: FloatImage,
    plate: Plate,
    options: WriteOptions | None = None,
    provenance: Mapping[str, str] | None = None,
) -> tuple[str, ...]:
    """Write one matte (or the plate with its matte) and prove that it can be read again.

    Args:
        path: ending in .exr, .png, .tif or .tiff; replaced if it exists.
        alpha: H×W float32, linear coverage, over the plate's data window.
        plate: where it came from: windows, metadata, and the colour for "rgba".
        options: see `WriteOptions`.
        provenance: metadata to add, such as the model's name.

    Returns:
        Notes on anything that the format could not keep.

    Raises:
        WriteError: it could not be written, or not read back as written.
    """
    return land_matte(path, alpha, plate, options, provenance).notes


def land_matte(
    path: str | Path,
    alpha: FloatImage,
    plate: Plate,
    options: WriteOptions | None = None,
    provenance: Mapping[str, str] | None = None,
    disk: Disk = DISK,
) -> Landed:
    """`write_matte`, for a run that keeps a journal: also says what is on disk now (size, SHA-256)."""
    path, options = Path(path), options or WriteOptions()
    if alpha.shape != plate.pixels.shape[:2]:
        raise WriteError(
            f"a {alpha.shape} matte for a {plate.pixels.shape} plate.", path=path, frame=plate.frame
        )
    notes: list[str] = []
    kind = _channel_type(path, plate, options)
    straight = not is_premultiplied(path, options)
    if options.output == "rgba":
        pixels = _rgba(path, alpha, plate, kind, straight, notes)
        names: tuple[str, ...] = ("R", "G", "B", "A")
    else:
        pixels = alpha[..., None]
        names = (options.channel if path.suffix.lower() == ".exr" else "Y",)
    if path.suffix.lower() != ".exr" and plate.data_window != plate.display_window:
        notes.append("data and display window differ, which only EXR can say; they were lost")
    if kind == "half":
        pixels = np.clip(pixels, -_HALF_MAX, _HALF_MAX)
    spec = metadata.header(path, plate, kind, names, options.output, provenance or {}, straight=straight)
    values = np.ascontiguousarray(pixels, dtype=np.float32)
    landed = land(
        path,
        lambda part: _write(part, path, values, spec, plate.frame, disk),
        lambda part: _compare(part, path, values, spec, plate.frame),
        frame=plate.frame,
        disk=disk,
    )
    return replace(landed, notes=tuple(notes))


def check_existing(
    path: Path, plate_header: oiio.ImageSpec, output: Output, made_with: Mapping[str, str] | None = None
) -> None:
    """Prove that a file from an earlier run is whole: it decodes, and is as large as its plate.

    Args:
        path: the file.
        plate_header: its plate's.
        output: what it should hold.
        made_with: what its header should say below "flyaway:", where it says anything (TIFF does not).

    Raises:
        ReadError: it is not.
    """
    source = library.open_input(path)
    try:
        spec = source.spec()
        expected = (plate_header.width, plate_header.height)
        if int(plate_header.get("Orientation", 1) or 1) >= 5:
            expected = expected[::-1]
        if (spec.width, spec.height) != expected:
            raise ReadError(
                f"{spec.width}×{spec.height} pixels where the plate has {expected[0]}×{expected[1]}.",
                path=path,
            )
        wanted = 1 if output == "matte" else 4
        if spec.nchannels != wanted:
            raise ReadError(f"{spec.nchannels} channels where {output} has {wanted}.", path=path)
        for key, value in (made_with or {}).items():
            said = str(spec.get(f"flyaway:{key}", "") or value)
            if said != value:
                raise ReadError(f"made with {key} {said}, where {value} is asked for.", path=path)
        library.decode(source, 0, wanted, path)
    finally:
        source.close()


def _channel_type(path: Path, plate: Plate, options: WriteOptions) -> str:
    suffix = path.suffix.lower()
    if suffix not in WRITABLE:
        raise WriteError(
            f"{path.suffix or 'a file without a suffix'} cannot hold a matte well; name .exr, .png or .tif.",
            path=path,
            frame=plate.frame,
        )
    deep = plate.channel_type in ("float", "double")
    if suffix == ".exr":
        return "float" if deep and options.output == "rgba" else "half"
    floating = deep or plate.channel_type == "half"
    return "float" if floating and suffix in (".tif", ".tiff") else "uint16"


def is_premultiplied(path: Path, options: WriteOptions) -> bool:
    """Whether colour written to `path` is multiplied by the matte; PatternError if its format cannot be."""
    suffix = path.suffix.lower()
    if options.output == "matte":
        return False
    if options.premultiplied is None:
        return suffix == ".exr"
    if options.premultiplied and suffix == ".png":
        raise PatternError(
            f"{path}: PNG is straight by definition; take --straight, or EXR or TIFF for premultiplied."
        )
    return options.premultiplied


def _rgba(
    path: Path, alpha: FloatImage, plate: Plate, kind: str, straight: bool, notes: list[str]
) -> FloatImage:
    """H×W×4: the plate's colour in the encoding that the target's format means, and the matte."""
    colour = plate.pixels
    if not np.isfinite(colour).all():
        notes.append("NaN or infinite colour was written as 0")
        colour = np.where(np.isfinite(colour), colour, np.float32(0))
    if plate.alpha is not None and float(plate.alpha.min()) < 1:
        notes.append("the plate's own alpha was replaced by the matte")
    if plate.unused:
        notes.append(f"the plate's other channels stay behind: {', '.join(plate.unused)}")
    if path.suffix.lower() == ".exr" and plate.space == "srgb":
        colour = color.srgb_to_linear(colour)
    if kind == "uint16":
        if plate.space == "linear":
            colour = color.linear_to_srgb(colour)
        if float(colour.max()) > 1 or float(colour.min()) < 0:
            notes.append("colour beyond 0…1 was clipped; EXR keeps it")
            colour = np.clip(colour, 0, 1)
    if not straight:
        colour = colour * alpha[..., None]
    return np.concatenate([colour, alpha[..., None]], axis=-1)


def _write(
    part: Path, path: Path, pixels: FloatImage, spec: oiio.ImageSpec, frame: int | None, disk: Disk
) -> None:
    target = disk.image_output(part)
    if target is None:
        raise WriteError(f"cannot be written: {oiio.geterror()}", path=path, frame=frame)
    # A failed write is told by its own return value only: close() succeeds after it.
    if not target.open(str(part), spec):
        raise WriteError(f"cannot be opened: {target.geterror()}", path=path, frame=frame)
    written = target.write_image(pixels)
    problem = target.geterror()
    closed = target.close()
    if not written or not closed:
        raise WriteError(
            f"not written in full ({problem or target.geterror() or 'is the disk full?'}).",
            path=path,
            frame=frame,
        )


def _compare(part: Path, path: Path, pixels: FloatImage, spec: oiio.ImageSpec, frame: int | None) -> None:
    """Decode what was written and compare it with what was meant."""
    try:
        source = library.open_input(part, frame)
        try:
            found = source.spec()
            same = (found.width, found.height, found.nchannels) == (spec.width, spec.height, spec.nchannels)
            stored = library.decode(source, 0, spec.nchannels, part, frame) if same else None
        finally:
            source.close()
    except ReadError as error:
        raise WriteError(f"does not read back: {error}", path=path, frame=frame) from error
    relative, absolute = _TOLERANCE[str(spec.format)]
    if stored is None or not np.allclose(stored, pixels, rtol=relative, atol=absolute):
        raise WriteError("does not read back as it was written; is the disk sound?", path=path, frame=frame)
