"""What a plate's header hands on to its matte: windows, timecode, and all that still holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import OpenImageIO as oiio

from flyaway import __version__
from flyaway.frames.read import Plate

# True of the plate's file, not of the matte's: how it was stored, turned, and encoded.
_OF_THE_FILE = {
    "compression",
    "orientation",
    "planarconfig",
    "colorinteropid",
    "chromaticities",
    "adoptedneutral",
    "channels",
    "name",
    "view",
    "multiview",
    "thumbnail_image",
    "textureformat",
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
_PORTABLE = {"pixelaspectratio", "smpte:timecode", "smpte:keycode", "framespersecond", "copyright", "artist"}


def header(
    path: Path,
    plate: Plate,
    channel_type: str,
    names: tuple[str, ...],
    output: str,
    provenance: Mapping[str, str],
    *,
    straight: bool = True,
) -> oiio.ImageSpec:
    """The header of a matte: `plate`'s windows and metadata, `names`' channels, and who made it.

    Args:
        path: its suffix is the format.
        plate: where windows and metadata come from.
        channel_type: "half", "float" or "uint16".
        names: the channels.
        output: "matte" or "rgba".
        provenance: what to add, without the prefix "flyaway:".
        straight: colour is not multiplied by alpha.
    """
    data, display = plate.data_window, plate.display_window
    spec = oiio.ImageSpec(data.width, data.height, len(names), channel_type)
    spec.x, spec.y = data.x, data.y
    spec.full_x, spec.full_y = display.x, display.y
    spec.full_width, spec.full_height = display.width, display.height
    spec.channelnames = names
    spec.alpha_channel = names.index("A") if "A" in names else -1
    suffix = path.suffix.lower()
    _carry_metadata(spec, plate, same_format=suffix == ".exr" and plate.format == "openexr")
    spec.attribute("compression", "zip")
    if suffix != ".exr":
        # Says what the pixels are, so that the library neither multiplies nor divides them by alpha.
        spec.attribute("oiio:UnassociatedAlpha", int(straight))
        spec.attribute("Software", f"Flyaway {__version__}")
    if output == "matte":
        # An EXR is linear by definition; elsewhere a reader that heeds marks must not take coverage for sRGB.
        if suffix != ".exr":
            spec.attribute("oiio:ColorSpace", "lin_rec709_scene")
        spec.attribute("flyaway:encoding", "linear coverage")
    else:
        _mark_colour(spec, plate, suffix, channel_type)
        spec.attribute("flyaway:colour", "straight" if straight else "premultiplied")
    spec.attribute("flyaway:version", __version__)
    for key, value in provenance.items():
        spec.attribute(f"flyaway:{key}", value)
    return spec


def _carry_metadata(spec: oiio.ImageSpec, plate: Plate, *, same_format: bool) -> None:
    for item in plate.spec.extra_attribs:
        name = item.name.lower()
        if name in _OF_THE_FILE or name.startswith(_OF_THE_FILE_PREFIXES):
            continue
        if same_format or name in _PORTABLE:
            spec.attribute(item.name, item.type, item.value)


def _mark_colour(spec: oiio.ImageSpec, plate: Plate, suffix: str, channel_type: str) -> None:
    if suffix == ".exr":
        space = "lin_rec709_scene" if plate.space in ("srgb", "linear") else plate.space
    elif plate.space == "linear":
        space = "srgb_rec709_scene" if channel_type == "uint16" else "lin_rec709_scene"
    else:
        space = "srgb_rec709_scene" if plate.space == "srgb" else plate.space
    spec.attribute("oiio:ColorSpace", space)
