"""What a plate's header hands on to its matte: windows, timecode, and all that still holds."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import OpenImageIO as oiio

from flyaway import __version__
from flyaway.frames.options import COMPRESSIONS, is_lossy
from flyaway.frames.read import Plate, Window
from flyaway.spaces import BY_PRIMARIES, primaries_of

# True of the plate's file, not of the matte's: how it was stored, turned, and encoded.
_OF_THE_FILE = {
    "compression",
    "orientation",
    "planarconfig",
    "colorinteropid",
    "cicp",
    "chromaticities",
    "adoptedneutral",
    "channels",
    "name",
    "view",
    "multiview",
    "thumbnail_image",
    "textureformat",
    "software",
}
_OF_THE_FILE_PREFIXES = (
    "oiio:",
    "tiff:",
    "png:",
    "jpeg:",
    "dpx:",
    "openexr:",
    "iccprofile",
    "thumbnail_",
    "exr:",
)
# What every format understands alike. The rest (cameras, places) stays behind when the format changes.
_PORTABLE = {
    "pixelaspectratio",
    "smpte:timecode",
    "smpte:keycode",
    "framespersecond",
    "copyright",
    "artist",
    "imagedescription",
    "datetime",
    "make",
    "model",
}
_FORMATS = {".png": "png", ".tif": "tiff", ".tiff": "tiff"}
_PREFIX = "flyaway:"


def header(
    path: Path,
    plate: Plate,
    channel_type: str,
    names: tuple[str, ...],
    output: str,
    provenance: Mapping[str, str],
    *,
    straight: bool = True,
    window: Window | None = None,
    space: str = "",
) -> oiio.ImageSpec:
    """The header of a matte: `plate`'s windows and metadata, `names`' channels, and who made it.

    Args:
        path: its suffix is the format.
        plate: where windows and metadata come from.
        channel_type: "half", "float", "uint8" or "uint16".
        names: the channels.
        output: "matte", "unknown", "rgba", "fg" or "comp".
        provenance: what to add, without the prefix "flyaway:".
        straight: colour is not multiplied by alpha.
        window: the matte's data window, where it is not the plate's.
        space: the colour space of "rgba": "srgb", "linear", or OCIO's.
    """
    data, display = window or plate.data_window, plate.display_window
    spec = oiio.ImageSpec(data.width, data.height, len(names), channel_type)
    spec.x, spec.y = data.x, data.y
    spec.full_x, spec.full_y = display.x, display.y
    spec.full_width, spec.full_height = display.width, display.height
    spec.channelnames = names
    spec.alpha_channel = names.index("A") if "A" in names else -1
    suffix = path.suffix.lower()
    _carry_metadata(spec, plate, suffix)
    if suffix != ".exr":
        # Says what the pixels are, so that the library neither multiplies nor divides them by alpha.
        spec.attribute("oiio:UnassociatedAlpha", int(straight))
        spec.attribute("Software", f"Flyaway {__version__}")
    if output in ("matte", "unknown"):
        # An EXR is linear by definition; elsewhere a reader that heeds marks must not take coverage for sRGB.
        if suffix != ".exr":
            spec.attribute("oiio:ColorSpace", "lin_rec709_scene")
        what = "linear coverage" if output == "matte" else "how unsure the network is, 0..1"
        spec.attribute("flyaway:encoding", what)
    else:
        _mark_colour(spec, suffix, space)
        state = "opaque" if output == "comp" else "straight" if straight else "premultiplied"
        spec.attribute("flyaway:colour", state)
    spec.attribute("flyaway:version", __version__)
    for key, value in provenance.items():
        spec.attribute(f"flyaway:{key}", value)
    if suffix in (".tif", ".tiff"):
        _describe(spec)
    return spec


def beside(plate: Plate, channel: str, depth: str, provenance: Mapping[str, str]) -> oiio.ImageSpec:
    """The header of the plate's own part with one channel more; all its metadata stays.

    Args:
        plate: an EXR.
        channel: the name of the matte's channel.
        depth: how the matte is stored: "half" or "float".
        provenance: what to add, without the prefix "flyaway:".
    """
    spec = oiio.ImageSpec(plate.spec)
    kinds = [plate.spec.channelformat(index) for index in range(plate.spec.nchannels)]
    spec.nchannels += 1
    spec.channelnames = (*plate.spec.channelnames, channel)
    spec.channelformats = (*kinds, oiio.TypeDesc(depth))
    spec.format = oiio.TypeDesc("float" if "float" in (depth, *map(str, kinds)) else "half")
    spec.alpha_channel = -1
    _forget_storage(spec)
    spec.attribute("flyaway:encoding", "linear coverage")
    spec.attribute("flyaway:version", __version__)
    for key, value in provenance.items():
        spec.attribute(f"flyaway:{key}", value)
    return spec


def kept_part(spec: oiio.ImageSpec) -> oiio.ImageSpec:
    """The header of a part that goes into another file as it is; never with a lossy compression."""
    kept = oiio.ImageSpec(spec)
    _forget_storage(kept)
    compression = str(kept.get("compression", "") or "zip").partition(":")[0]
    lossless = compression in COMPRESSIONS[".exr"] and not is_lossy(compression)
    kept.attribute("compression", compression if lossless else "zip")
    return kept


def _forget_storage(spec: oiio.ImageSpec) -> None:
    """One level of pixels is written: what says otherwise was true of the plate's file."""
    for name in ("textureformat", "openexr:chunkCount", "openexr:levelmode", "oiio:subimages"):
        spec.erase_attribute(name)


def said(spec: oiio.ImageSpec) -> dict[str, str]:
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
    return found


def mark(spec: oiio.ImageSpec, path: Path, key: str, value: str) -> None:
    """Add one of Flyaway's own entries to a finished header, `key` without the prefix "flyaway:"."""
    spec.attribute(_PREFIX + key, value)
    if path.suffix.lower() in (".tif", ".tiff"):
        _describe(spec)


def _describe(spec: oiio.ImageSpec) -> None:
    """Put what Flyaway says into a TIFF's image description, below what stands there."""
    before = str(spec.get("ImageDescription", "") or "").splitlines()
    kept = [line for line in before if not line.startswith(_PREFIX)]
    ours = [f"{_PREFIX}{key}={' '.join(value.split())}" for key, value in said(spec).items()]
    spec.attribute("ImageDescription", "\n".join([*kept, *ours]))


def _carry_metadata(spec: oiio.ImageSpec, plate: Plate, suffix: str) -> None:
    # EXR holds any attribute. The others know their own, and make of an unknown one what they like.
    everything = suffix == ".exr" or _FORMATS.get(suffix) == plate.format
    # Copied whole and thinned out: attributes that are no UTF-8 pass only if Python never touches them.
    spec.extra_attribs = plate.spec.extra_attribs
    for item in plate.spec.extra_attribs:
        name = item.name.lower()
        of_the_file = name in _OF_THE_FILE or name.startswith(_OF_THE_FILE_PREFIXES)
        if of_the_file or not (everything or name in _PORTABLE):
            spec.erase_attribute(item.name)
        elif name == "framespersecond" and suffix == ".exr" and item.name != "framesPerSecond":
            # OpenImageIO has its own spelling of this one, and writes it to EXR as it is.
            spec.erase_attribute(item.name)
            spec.attribute("framesPerSecond", item.type, item.value)
    rate = plate.spec.get("dpx:FrameRate", 0) or plate.spec.get("dpx:TemporalFrameRate", 0)
    if rate and suffix == ".exr":
        spec.attribute("framesPerSecond", "rational", _as_ratio(float(rate)))


def _as_ratio(rate: float) -> tuple[int, int]:
    """Frames a second as EXR writes them: 23.976 is 24000/1001."""
    ntsc = Fraction(round(rate * 1.001) * 1000, 1001)
    exact = ntsc if abs(float(ntsc) - rate) < 2e-3 else Fraction(rate).limit_denominator(1000)
    return exact.numerator, exact.denominator


def _mark_colour(spec: oiio.ImageSpec, suffix: str, space: str) -> None:
    """Say what space the colour is in: by name, and for linear EXR by its primaries."""
    names = {"srgb": "srgb_rec709_scene", "linear": "lin_rec709_scene"}
    if not space.startswith(BY_PRIMARIES):
        spec.attribute("oiio:ColorSpace", names.get(space, space))
    # Those of the space that the pixels are in, whatever the plate's header said: it may have been overruled.
    primaries = primaries_of(space)
    if suffix == ".exr" and primaries is not None:
        spec.attribute("chromaticities", "float[8]", primaries)
