"""Plates from disk, with all that has to come out again beside the matte: windows and metadata."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from flyaway import color
from flyaway.color import Encoding, FloatImage
from flyaway.errors import EncodingUnknownError, ReadError
from flyaway.frames import library

# Formats whose files mean display-referred sRGB unless they say otherwise.
_SRGB_FORMATS = {"png", "jpeg", "webp", "bmp", "targa", "tiff"}
_LINEAR_FORMATS = {"openexr", "hdr"}
_FLOAT_TYPES = {"half", "float", "double"}
# What `dpx:Transfer` may say that settles the matter. "Undefined" and "Printing density" do not.
_DPX_TRANSFERS = {"Linear": "linear", "ITU-R 709-4": "srgb"}


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels: the data window (what the file holds) or the display window (the format)."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Plate:
    """One frame from disk.

    Attributes:
        path: the file.
        frame: its number in the sequence, or None.
        pixels: H×W×3 float32 over the data window, straight (unpremultiplied), encoded as `space`.
        space: "srgb", "linear", or an OCIO colour space.
        alpha: the file's own alpha, H×W float32, or None.
        premultiplied: the file's colour was multiplied by its alpha (and has been divided again).
        data_window, display_window: as in the file, after turning it upright.
        format: OpenImageIO's name of the file format ("openexr", "png", …).
        channel_type: how the file stores a value ("uint8", "half", …).
        channels: the names of all its channels.
        spec: its header, for metadata.
        notes: what a user should know about how this file was understood.
        unused: the names of the channels that were not taken as colour or alpha.
    """

    path: Path
    frame: int | None
    pixels: FloatImage = field(repr=False)
    space: str
    alpha: FloatImage | None = field(repr=False)
    premultiplied: bool
    data_window: Window
    display_window: Window
    format: str
    channel_type: str
    channels: tuple[str, ...]
    spec: oiio.ImageSpec = field(repr=False)
    notes: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()

    def for_matting(self) -> tuple[FloatImage, Encoding]:
        """The pixels and their encoding, as `flyaway.matting.Matting` takes them."""
        try:
            return color.display_referred(self.pixels, self.space)
        except EncodingUnknownError as error:
            raise EncodingUnknownError(str(error), path=self.path, frame=self.frame) from error


def read_plate(path: str | Path, in_space: str | None = None, frame: int | None = None) -> Plate:
    """Read one frame.

    Args:
        path: an EXR, PNG, JPEG, TIFF, WebP, DPX, Cineon, Radiance HDR, BMP or Targa file.
        in_space: its colour space where the file does not say, or says wrongly: "srgb", "linear"
            (scene-linear, Rec.709 primaries), or any that OCIO knows by name.
        frame: its number, for messages.

    Raises:
        ReadError: missing, truncated, damaged, deep, too large, or without colour.
        EncodingUnknownError: the encoding cannot be known (log DPX, Cineon) and `in_space` is None.
    """
    path = Path(path)
    source = library.open_input(path, frame)
    try:
        spec = source.spec()
        notes: list[str] = []
        space = _space(source.format_name(), spec, in_space, path, frame, notes)
        picked = _pick_channels(tuple(spec.channelnames), path, frame, notes)
        wanted = [index for index in picked if index is not None]
        first, last = min(wanted), max(wanted) + 1
        values = library.decode(source, first, last, path, frame)
        if int(spec.get("oiio:subimages", 1) or 1) > 1:
            notes.append("a file of several parts: the first was taken")
        colour = np.stack([values[..., index - first] for index in picked[:3] if index is not None], axis=-1)
        _check_finite(colour, path, frame, notes)
        alpha = None if picked[3] is None else np.ascontiguousarray(values[..., picked[3] - first])
        premultiplied = alpha is not None and not spec.get("oiio:UnassociatedAlpha", 0)
        if alpha is not None and premultiplied:
            colour = _unpremultiply(colour, alpha)
        turn = int(spec.get("Orientation", 1) or 1)
        data, display = _windows(spec, turn)
        if turn > 1:
            notes.append("turned upright, as its orientation tag says")
            colour = _upright(colour, turn)
            alpha = None if alpha is None else _upright(alpha, turn)
        return Plate(
            path=path,
            frame=frame,
            pixels=np.ascontiguousarray(colour),
            space=space,
            alpha=alpha,
            premultiplied=premultiplied,
            data_window=data,
            display_window=display,
            format=source.format_name(),
            channel_type=str(spec.format),
            channels=tuple(spec.channelnames),
            unused=tuple(name for i, name in enumerate(spec.channelnames) if i not in picked),
            spec=spec,
            notes=tuple(notes),
        )
    finally:
        source.close()


def _check_finite(colour: FloatImage, path: Path, frame: int | None, notes: list[str]) -> None:
    """Say how many pixels are NaN or infinite; a plate of nothing else is no plate."""
    bad = int((~np.isfinite(colour)).any(axis=-1).sum())
    if bad == colour.shape[0] * colour.shape[1]:
        raise ReadError("every pixel is NaN or infinite: render it again.", path=path, frame=frame)
    if bad:
        notes.append(f"{bad} pixels are NaN or infinite")


def _space(
    format_name: str,
    spec: oiio.ImageSpec,
    in_space: str | None,
    path: Path,
    frame: int | None,
    notes: list[str],
) -> str:
    """The colour space of a file: what the user says, else what the file says, else its format's habit."""
    if in_space is not None:
        return color.resolve_space(in_space)
    if format_name in ("dpx", "cineon"):
        transfer = str(spec.get("dpx:Transfer", "") or "unsaid")
        if transfer in _DPX_TRANSFERS:
            return _DPX_TRANSFERS[transfer]
        raise EncodingUnknownError(
            f"the colour encoding of this {format_name.upper()} cannot be known (transfer: {transfer})."
            " Say it with --in-space, for example --in-space srgb, or a log space that OCIO knows.",
            path=path,
            frame=frame,
        )
    said = str(spec.get("oiio:ColorSpace", "") or "")
    if said:
        try:
            return color.resolve_space(said)
        except EncodingUnknownError:
            notes.append(f"its colour space {said!r} is not known here and was ignored")
    chromaticities = spec.get("chromaticities", None)
    if chromaticities is not None:
        space = color.space_of_primaries(tuple(chromaticities))
        if space is not None:
            return space
        notes.append("its primaries are not known here; Rec.709 was assumed")
    floating = str(spec.format) in _FLOAT_TYPES
    if format_name in _LINEAR_FORMATS or (format_name == "tiff" and floating):
        return "linear"
    if format_name in _SRGB_FORMATS:
        return "srgb"
    raise EncodingUnknownError(
        f"the colour encoding of {format_name} files cannot be known. Say it with --in-space.",
        path=path,
        frame=frame,
    )


def _pick_channels(
    names: tuple[str, ...], path: Path, frame: int | None, notes: list[str]
) -> tuple[int | None, int | None, int | None, int | None]:
    """Indices of red, green, blue and alpha (None without alpha)."""
    lower = [name.lower() for name in names]
    layers = ["", *sorted({name.rsplit(".", 1)[0] + "." for name in lower if "." in name})]
    for layer in layers:
        for trio in (("r", "g", "b"), ("red", "green", "blue")):
            if all(layer + channel in lower for channel in trio):
                if layer:
                    notes.append(f"colour was taken from the layer {layer[:-1]!r}")
                red, green, blue = (lower.index(layer + channel) for channel in trio)
                return red, green, blue, _alpha_index(lower, layer)
    if "y" in lower and not {"ry", "by"} & set(lower):
        grey = lower.index("y")
        notes.append("a grey plate: its one channel stands for all three")
        return grey, grey, grey, _alpha_index(lower, "")
    raise ReadError(
        f"no red, green and blue among its channels ({', '.join(names)}).",
        path=path,
        frame=frame,
    )


def _alpha_index(names: list[str], layer: str) -> int | None:
    for name in (layer + "a", layer + "alpha"):
        if name in names:
            return names.index(name)
    return None


def _unpremultiply(colour: FloatImage, alpha: FloatImage) -> FloatImage:
    # Where alpha is 0 colour is light that nothing covers (a flare): it stays.
    divisor = np.where(alpha > 0, alpha, np.float32(1))[..., None]
    return (colour / divisor).astype(np.float32, copy=False)


def _windows(spec: oiio.ImageSpec, orientation: int) -> tuple[Window, Window]:
    if orientation > 1:
        # Photographs have tags, sequences have windows; a file with both has no meaning to keep.
        swapped = orientation >= 5
        width, height = (spec.height, spec.width) if swapped else (spec.width, spec.height)
        return Window(0, 0, width, height), Window(0, 0, width, height)
    return (
        Window(spec.x, spec.y, spec.width, spec.height),
        Window(spec.full_x, spec.full_y, spec.full_width, spec.full_height),
    )


def _upright(image: FloatImage, orientation: int) -> FloatImage:
    """Undo an EXIF orientation (2…8), so that row 0 is the top of the picture as seen."""
    if orientation >= 5:
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    return np.ascontiguousarray(image)
