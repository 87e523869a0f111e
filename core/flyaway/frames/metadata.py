"""What a plate's header hands on to its matte: windows, timecode, and all that still holds.

`fields` decides about each field; here it is done, and what is new is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import OpenImageIO as oiio

from flyaway import __version__
from flyaway.frames.fields import field_of
from flyaway.frames.options import COMPRESSIONS, Output, is_lossy
from flyaway.frames.read import Plate, Window, orientation
from flyaway.geometry import is_turned
from flyaway.spaces import BY_PRIMARIES, primaries_of

_FORMATS = {".exr": "openexr", ".png": "png", ".tif": "tiff", ".tiff": "tiff"}
_PREFIX = "flyaway:"
KINDS = ("encoding", "colour")  # the entries of which one says what kind of picture it is; see `kind_of`


def header(
    path: Path,
    plate: Plate,
    channel_type: str,
    names: tuple[str, ...],
    output: Output,
    provenance: Mapping[str, str],
    *,
    straight: bool = True,
    window: Window | None = None,
    space: str = "",
) -> oiio.ImageSpec:
    """The header of a matte: `plate`'s windows and metadata, `names`' channels, and who made it.

    Parameters
    ----------
    path : its suffix is the format.
    plate : where windows and metadata come from.
    channel_type : "half", "float", "uint8" or "uint16".
    names : the channels.
    output : "matte", "unknown", "rgba", "fg" or "comp".
    provenance : what to add, without the prefix "flyaway:".
    straight : colour is not multiplied by alpha.
    window : the matte's data window, where it is not the plate's; only EXR says where it lies.
    space : the colour space of "rgba": "srgb", "linear", or OCIO's.
    """
    data, display = window or plate.data_window, plate.display_window
    spec = oiio.ImageSpec(data.width, data.height, len(names), channel_type)
    suffix = path.suffix.lower()
    if suffix == ".exr":
        spec.x, spec.y = data.x, data.y
        spec.full_x, spec.full_y = display.x, display.y
        spec.full_width, spec.full_height = display.width, display.height
    # Else a picture begins at 0, 0: TIFF keeps half of what it is told of windows, and others come of that.
    spec.channelnames = names
    spec.alpha_channel = names.index("A") if "A" in names else -1
    _carry(spec, plate, output, suffix, same_colour=space == plate.space)
    spec.attribute("Software", f"Flyaway {__version__}")
    if suffix != ".exr":
        # Says what the pixels are, so that the library neither multiplies nor divides them by alpha.
        spec.attribute("oiio:UnassociatedAlpha", int(straight))
    if output in ("matte", "unknown"):
        # An EXR is linear by definition; elsewhere a reader that heeds marks must not take coverage for sRGB.
        if suffix != ".exr":
            spec.attribute("oiio:ColorSpace", "lin_rec709_scene")
    else:
        _mark_colour(spec, suffix, space)
    name, kind = kind_of(output, straight=straight)
    spec.attribute(_PREFIX + name, kind)
    spec.attribute("flyaway:version", __version__)
    for key, value in provenance.items():
        spec.attribute(f"flyaway:{key}", value)
    if suffix in (".tif", ".tiff"):
        _describe(spec)
    return spec


def beside(plate: Plate, channel: str, depth: str, provenance: Mapping[str, str]) -> oiio.ImageSpec:
    """The header of the plate's own part with one channel more; all its metadata stays.

    Parameters
    ----------
    plate : an EXR.
    channel : the name of the matte's channel.
    depth : how the matte is stored: "half" or "float".
    provenance : what to add, without the prefix "flyaway:".
    """
    spec = oiio.ImageSpec(plate.spec)
    kinds = [plate.spec.channelformat(index) for index in range(plate.spec.nchannels)]
    spec.nchannels += 1
    spec.channelnames = (*plate.spec.channelnames, channel)
    spec.channelformats = (*kinds, oiio.TypeDesc(depth))
    spec.format = oiio.TypeDesc("float" if "float" in (depth, *map(str, kinds)) else "half")
    spec.alpha_channel = -1
    _thin_out(spec, "beside")
    name, kind = kind_of("beside")
    spec.attribute(_PREFIX + name, kind)
    spec.attribute("flyaway:version", __version__)
    for key, value in provenance.items():
        spec.attribute(f"flyaway:{key}", value)
    return spec


def kept_part(spec: oiio.ImageSpec) -> oiio.ImageSpec:
    """The header of a part that goes into another file as it is; never with a lossy compression."""
    kept = oiio.ImageSpec(spec)
    compression = str(kept.get("compression", "") or "zip").partition(":")[0]
    _thin_out(kept, "beside")
    lossless = compression in COMPRESSIONS[".exr"] and not is_lossy(compression)
    kept.attribute("compression", compression if lossless else "zip")
    return kept


def kind_of(output: Output, *, straight: bool = True) -> tuple[str, str]:
    """What a header says of the kind of its picture: an entry's name, without "flyaway:", and its value."""
    if output in ("matte", "beside"):
        return "encoding", "linear coverage"
    if output == "unknown":
        return "encoding", "how unsure the network is, 0..1"
    return "colour", "opaque" if output == "comp" else "straight" if straight else "premultiplied"


def read_provenance(spec: oiio.ImageSpec) -> dict[str, str]:
    """What Flyaway wrote into a file's header, without the prefix "flyaway:".

    TIFF keeps only attributes that it knows, so there they are lines of the image description.
    """
    found = {
        item.name.removeprefix(_PREFIX): str(item.value)
        for item in spec.extra_attribs
        if item.name.startswith(_PREFIX)
    }
    for line in str(spec.get("ImageDescription", "") or "").splitlines():
        key, separator, value = line.partition("=")
        if separator and key.startswith(_PREFIX):
            found.setdefault(key.removeprefix(_PREFIX), value)
    if "licence" in found:  # its name in older files, though it is the model's, not the matte's
        found.setdefault("modelLicence", found.pop("licence"))
    return found


def is_ours(spec: oiio.ImageSpec) -> bool:
    """Whether Flyaway wrote a part of a file; a timecode of ours alone may have come with a plate."""
    return "version" in read_provenance(spec)


def mark(spec: oiio.ImageSpec, path: Path, key: str, value: str) -> None:
    """Add one of Flyaway's own entries to a finished header, `key` without the prefix "flyaway:"."""
    spec.attribute(_PREFIX + key, value)
    if path.suffix.lower() in (".tif", ".tiff"):
        _describe(spec)


def _describe(spec: oiio.ImageSpec) -> None:
    """Put what Flyaway says into a TIFF's image description, below what stands there."""
    before = str(spec.get("ImageDescription", "") or "")
    # Bytes that are no UTF-8 pass only as they are, and these are now part of something longer.
    said = before.encode("utf-8", "replace").decode().splitlines()
    kept = [line for line in said if not line.startswith(_PREFIX)]
    ours = [f"{_PREFIX}{key}={' '.join(value.split())}" for key, value in read_provenance(spec).items()]
    spec.attribute("ImageDescription", "\n".join([*kept, *ours]))


def _carry(spec: oiio.ImageSpec, plate: Plate, output: Output, suffix: str, *, same_colour: bool) -> None:
    """Give a header what the plate's says that will be true of the new file."""
    # Copied whole and thinned out: attributes that are no UTF-8 pass only if Python never touches them.
    spec.extra_attribs = plate.spec.extra_attribs
    _thin_out(
        spec,
        output,
        exr=suffix == ".exr",
        same_format=_FORMATS[suffix] == plate.format,
        same_colour=same_colour,
    )
    if is_turned(orientation(plate.spec)):
        _turn_pixels(spec)


def _thin_out(
    spec: oiio.ImageSpec,
    output: Output,
    *,
    exr: bool = True,
    same_format: bool = True,
    same_colour: bool = True,
) -> None:
    """Erase every field that is not kept as it is."""
    for name in [item.name for item in spec.extra_attribs]:
        verdict = field_of(name).verdict(output, exr=exr, same_format=same_format, same_colour=same_colour)
        if verdict not in ("kept", "refused"):  # a refusal has been made by now, or does not apply
            spec.erase_attribute(name)
    _strip_description(spec)


def _strip_description(spec: oiio.ImageSpec) -> None:
    """Erase the lines that an earlier output of ours has in its description."""
    before = str(spec.get("ImageDescription", "") or "").splitlines()
    kept = [line for line in before if not line.startswith(_PREFIX)]
    if kept == before:
        return
    spec.erase_attribute("ImageDescription")
    if kept:
        spec.attribute("ImageDescription", "\n".join(kept).encode("utf-8", "replace").decode())


def _turn_pixels(spec: oiio.ImageSpec) -> None:
    """Exchange across and down, for a picture that was turned by a quarter."""
    aspect = float(spec.get("PixelAspectRatio", 1) or 1)
    if aspect != 1:
        spec.attribute("PixelAspectRatio", 1 / aspect)
    across, down = spec.get("XResolution", None), spec.get("YResolution", None)
    if across is not None and down is not None and across != down:
        spec.attribute("XResolution", float(down))
        spec.attribute("YResolution", float(across))


def _mark_colour(spec: oiio.ImageSpec, suffix: str, space: str) -> None:
    """Say what space the colour is in: by name, and for linear EXR by its primaries."""
    names = {"srgb": "srgb_rec709_scene", "linear": "lin_rec709_scene"}
    if not space.startswith(BY_PRIMARIES):
        spec.attribute("oiio:ColorSpace", names.get(space, space))
    # Those of the space that the pixels are in, whatever the plate's header said: it may have been overruled.
    primaries = primaries_of(space)
    if suffix == ".exr" and primaries is not None:
        spec.attribute("chromaticities", "float[8]", primaries)
