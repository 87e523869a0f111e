"""What a matte's file will hold: its channels, their type, their windows; before a byte is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from flyaway import color
from flyaway.color import FloatImage
from flyaway.errors import WriteError
from flyaway.frames import fields, metadata
from flyaway.frames.beside import beside
from flyaway.frames.edges import background, edge_colour, parse_colour
from flyaway.frames.options import (
    COLOURED,
    FOREGROUND,
    UNKNOWN,
    Depth,
    Output,
    WriteOptions,
    channel_of,
    check_options,
    is_lossy,
    is_premultiplied,
)
from flyaway.frames.picture import Picture, as_half, with_channels
from flyaway.frames.read import Plate
from flyaway.frames.windows import crop_to_content, fit_window, union


def compose(
    path: Path,
    alpha: FloatImage,
    plate: Plate,
    options: WriteOptions,
    provenance: Mapping[str, str] | None = None,
    unknown: FloatImage | None = None,
) -> Picture:
    """Lay out one matte (or the plate with its matte) for a file.

    Parameters
    ----------
    path : its suffix is the format.
    alpha : H×W float32, linear coverage, over the plate's data window.
    plate : where it came from: windows, metadata, and the colour for "rgba".
    options : see `WriteOptions`.
    provenance : metadata to add, such as the model's name.
    unknown : H×W float32, how unsure the network is, where the options ask for it.

    Raises
    ------
    UsageError : the options do not fit the format.
    WriteError : the plate's channels cannot be kept as asked.
    """
    check_options(path, options)
    if unknown is None and (options.unknown or options.output == "unknown"):
        raise WriteError("the unknown region is asked for, and was not handed on.", path=path)
    channel = channel_of(path, options)
    # Said here and nowhere else, so that it is the name of a channel that the file has.
    entries = {**(provenance or {}), **({"channel": channel} if channel else {})}
    if options.output == "beside":
        picture = beside(path, alpha, plate, options, entries)
        if options.edge_colour == "foreground":
            picture = _with_foreground(picture, alpha, plate, options)
        kind = options.depth or "half"
        return picture if unknown is None or not options.unknown else _with_unknown(picture, unknown, kind)
    if options.output == "comp":
        alpha, plate = _over_format(alpha, plate)
    notes: list[str] = []
    suffix = path.suffix.lower()
    kind = options.depth or default_depth(suffix, plate.channel_type, options.output)
    straight = not is_premultiplied(path, options)
    space = ""
    if options.output in COLOURED:
        pixels, space = _coloured(suffix, alpha, plate, kind, options, notes)
        if not straight:
            pixels = pixels * alpha[..., None]
        names: tuple[str, ...] = ("R", "G", "B")
        if options.output == "rgba":
            pixels, names = np.concatenate([pixels, alpha[..., None]], axis=-1), (*names, "A")
    else:
        pixels = (alpha if options.output == "matte" or unknown is None else unknown)[..., None]
        names = (channel or "Y",)
    if options.unknown and unknown is not None:
        pixels, names = np.concatenate([pixels, unknown[..., None]], axis=-1), (*names, UNKNOWN)
    window = plate.data_window
    if options.crop:
        window, pixels = crop_to_content(pixels, window)
    if suffix != ".exr" and window != plate.display_window:
        # Only EXR can say that they differ; elsewhere a picture is its display window.
        pixels = fit_window(pixels, window, plate.display_window)
        window = plate.display_window
        notes.append("fitted to the display window: outside the data window there is no coverage")
    notes += fields.notes_on(plate.spec, options.output, exr=suffix == ".exr")
    if kind == "half":
        pixels, told = as_half(pixels)
        notes += told
    spec = metadata.header(
        path,
        plate,
        kind,
        names,
        options.output,
        entries,
        straight=straight,
        window=window,
        space=space,
    )
    if options.crop:
        spec.attribute("flyaway:window", "cropped to its content")
    compression = options.compression or "zip"
    spec.attribute("compression", compression)
    if suffix == ".png" and ":" in compression:  # which the library reads there alone
        spec.attribute("png:compressionLevel", int(compression.partition(":")[2]))
    pixels = np.ascontiguousarray(pixels, dtype=np.float32)
    return Picture(pixels, spec, lossy=is_lossy(compression), notes=tuple(notes))


def _over_format(alpha: FloatImage, plate: Plate) -> tuple[FloatImage, Plate]:
    """A matte and its plate over all of the format: a background extends beyond a cropped plate."""
    own = plate.data_window
    window = union(own, plate.display_window)
    if window == own:
        return alpha, plate
    pixels = fit_window(plate.pixels, own, window)
    return fit_window(alpha[..., None], own, window)[..., 0], replace(
        plate, pixels=pixels, data_window=window
    )


def _with_unknown(picture: Picture, unknown: FloatImage, depth: str) -> Picture:
    """The plate's channels and its matte, with the unknown region as one channel more."""
    if UNKNOWN in picture.spec.channelnames:
        raise WriteError(f"the plate has a channel {UNKNOWN!r} already; leave --with-unknown out.")
    return with_channels(picture, unknown[..., None], (UNKNOWN,), depth)


def default_depth(suffix: str, channel_type: str, output: Output) -> Depth:
    """A format's default bit depth, for plates whose values are of a type."""
    deep = channel_type in ("float", "double")
    if suffix == ".exr":
        return "float" if deep and output in COLOURED else "half"
    floating = deep or channel_type == "half"
    return "float" if floating and suffix in (".tif", ".tiff") else "uint16"


def _coloured(
    suffix: str, alpha: FloatImage, plate: Plate, kind: str, options: WriteOptions, notes: list[str]
) -> tuple[FloatImage, str]:
    """H×W×3, straight, in the encoding that the target's format means; and its space."""
    colour = plate.pixels
    if not np.isfinite(colour).all():
        notes.append("NaN or infinite colour was written as 0")
        colour = np.where(np.isfinite(colour), colour, np.float32(0))
    if plate.alpha is not None and float(plate.alpha.min()) < 1:
        notes.append("the plate's own alpha was replaced by the matte")
    if plate.unused:
        others = f"{', '.join(plate.unused[:12])}{' …' if len(plate.unused) > 12 else ''}"
        notes.append(f"the plate's other channels stay behind: {others} (--output beside keeps them)")
    coded = kind.startswith("uint")
    if coded and options.output != "comp":
        colour, space = color.display_encoded(colour, plate.space, plate.config), "srgb"
        colour = edge_colour(colour, alpha, "srgb", options)
    else:
        # Only EXR can say which primaries it is in, and two pictures must have the same.
        own = suffix == ".exr" and (options.over is None or parse_colour(options.over) is not None)
        colour, space = color.scene_linear(colour, plate.space, plate.config, any_primaries=own)
        colour = edge_colour(colour, alpha, "linear", options)
    if options.output == "comp":
        cover = alpha[..., None]
        colour = colour * cover + background(options.over or "black", plate, notes) * (1 - cover)
        if coded:
            colour, space = color.linear_to_srgb(colour), "srgb"
    if coded and (float(colour.max()) > 1 or float(colour.min()) < 0):
        notes.append("colour beyond 0…1 was clipped; EXR keeps it")
        colour = np.clip(colour, 0, 1)
    if space != plate.space and color.encoding_of(plate.space) is None:
        into = "sRGB" if space == "srgb" else "scene-linear Rec.709"
        notes.append(f"colour was converted from {plate.space} to {into}, which {suffix} stands for")
    return colour, space


def _with_foreground(picture: Picture, alpha: FloatImage, plate: Plate, options: WriteOptions) -> Picture:
    """The plate's channels and its matte, with the person's own colour as three channels more."""
    taken = [name for name in FOREGROUND if name in picture.spec.channelnames]
    if taken:
        raise WriteError(
            f"the plate has a channel {taken[0]!r} already; leave --edge-colour out.",
            path=plate.path,
            frame=plate.frame,
        )
    finite = np.nan_to_num(plate.pixels, nan=0.0, posinf=0.0, neginf=0.0)
    light, _ = color.scene_linear(finite, plate.space, plate.config)
    colour = edge_colour(light, alpha, "linear", options)
    deep = options.depth or ("float" if plate.channel_type in ("float", "double") else "half")
    return with_channels(picture, colour, FOREGROUND, deep)
