"""The matte beside the plate's own channels: an EXR in which every channel of the plate is bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray

from flyaway.color import FloatImage
from flyaway.errors import ReadError, WriteError
from flyaway.frames import fields, library, metadata
from flyaway.frames.options import COMPRESSIONS, FOREGROUND, UNKNOWN, WriteOptions, is_lossy
from flyaway.frames.picture import Picture
from flyaway.frames.read import Plate
from flyaway.frames.select import part_count


def beside(
    path: Path, alpha: FloatImage, plate: Plate, options: WriteOptions, provenance: Mapping[str, str]
) -> Picture:
    """The plate's part as it is, every channel in its own type, and the matte as one more."""
    why = refusal(plate.spec, plate.format, options)
    if why is not None:
        raise WriteError(why, path=path, frame=plate.frame)
    pixels = np.concatenate([all_channels(plate), alpha[..., None].astype(np.float32)], axis=-1)
    spec = metadata.beside(plate, options.channel, options.depth or "half", provenance)
    own = str(plate.spec.get("compression", "") or "zip").partition(":")[0]
    lossless = own in COMPRESSIONS[".exr"] and not is_lossy(own)
    spec.attribute("compression", options.compression or (own if lossless else "zip"))
    others, notes = _other_parts(plate)
    notes += fields.notes_on(plate.spec, "beside")
    return Picture(
        np.ascontiguousarray(pixels),
        spec,
        exact=plate.spec.nchannels,
        notes=notes,
        others=others,
        place=plate.part if others else 0,
    )


def refusal(spec: oiio.ImageSpec, format_name: str, options: WriteOptions) -> str | None:
    """Why a plate with this header cannot have its matte beside its own channels, or None.

    Parameters
    ----------
    spec, format_name : of its part; OpenImageIO's name of its file's format.
    options : how it would be written.
    """
    if format_name != "openexr" or fields.refusal_of(spec, "beside") is not None:
        return (
            "only an upright EXR plate has channels to put the matte beside; take rgba (--output rgba; in a"
            ' job file kind = "rgba").'
        )
    names = list(spec.channelnames)
    if options.channel in names:
        return (
            f"the plate has a channel {options.channel!r} already; give the matte's another name (--channel"
            ' matte.A; in a job file channel = "matte.A").'
        )
    adds = ((UNKNOWN,) if options.unknown else ()) + (
        FOREGROUND if options.edge_colour == "foreground" else ()
    )
    taken = next((name for name in adds if name in names), None)
    if taken is not None:
        what = ("--with-unknown", "unknown") if taken == UNKNOWN else ("--edge-colour", "edge_colour")
        return f"the plate has a channel {taken!r} already; leave {what[0]} out (in a job file {what[1]})."
    kinds = [str(spec.channelformat(index)) for index in range(spec.nchannels)]
    odd = [name for name, kind in zip(names, kinds, strict=True) if kind not in ("half", "float")]
    if odd:
        # OpenImageIO takes all channels as one array of floats, which hold no 32-bit integers.
        return (
            f"its integer channels ({', '.join(odd[:6])}) would not pass bit for bit; write the matte as a"
            ' file of its own (--output matte; in a job file kind = "matte").'
        )
    return None


def _other_parts(plate: Plate) -> tuple[tuple[Picture, ...], tuple[str, ...]]:
    """The parts of a plate's file that were not read, as they are; or a note on why they stay behind."""
    found: list[Picture] = []
    for index in range(part_count(plate.spec)):
        if index == plate.part:
            continue
        try:
            source = library.open_input(plate.path, plate.frame, str(index))
        except ReadError as error:  # a deep one
            return (), (f"the plate's other parts stay behind: {error}",)
        try:
            spec = source.spec()
            if "uint" in {str(spec.channelformat(channel)) for channel in range(spec.nchannels)}:
                return (), (f"the plate's other parts stay behind: part {index} holds integers",)
            pixels = library.decode(source, 0, spec.nchannels, plate.path, plate.frame)
        finally:
            source.close()
        found.append(Picture(pixels, metadata.kept_part(spec), exact=spec.nchannels))
    return tuple(found), ()


def all_channels(plate: Plate) -> NDArray[np.float32]:
    """Every channel of a plate's part as its file has it: H×W×C float32, which holds halves exactly."""
    source = library.open_input(plate.path, plate.frame, str(plate.part))
    try:
        return library.decode(source, 0, source.spec().nchannels, plate.path, plate.frame)
    finally:
        source.close()
