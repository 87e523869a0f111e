"""What the colour of a file on disk is, by what people, headers and formats say; see `colour_table`."""

from __future__ import annotations

import re
from pathlib import Path

import OpenImageIO as oiio

from flyaway import color
from flyaway.colorimetry import power
from flyaway.errors import EncodingUnknownError
from flyaway.frames import icc
from flyaway.frames.colour_table import DISPLAY_IDS, FileColour, cicp_colour, encoded
from flyaway.spaces import PRIMARIES, primaries_of, space_of_primaries

# Formats whose files mean display-referred sRGB unless they say otherwise.
_SRGB_FORMATS = {
    "png", "jpeg", "webp", "bmp", "targa", "tiff", "heif", "jpegxl", "jpeg2000", "gif", "pnm", "sgi",
    "psd", "iff",
}  # fmt: skip
# Those of them that may hold floating-point values, which are scene-linear.
_MAY_FLOAT = {"tiff", "pnm", "jpegxl", "psd"}
_LINEAR_FORMATS = {"openexr", "hdr"}
_FLOAT_TYPES = {"half", "float", "double"}
# What `dpx:Transfer` may say that settles the matter. "Undefined" and "Printing density" do not.
_DPX_TRANSFERS = {"Linear": "linear", "ITU-R 709-4": "srgb"}
# Marks that say nothing about colour.
_UNSAID = {"", "unknown", "data", "raw"}
_ADOBE_RGB = PRIMARIES["lin_adobergb_scene"]
_ADOBE_GAMMA = 2.19921875
# What EXIF's ColorSpace may say; 1 is sRGB.
_EXIF_ADOBE_RGB, _EXIF_OTHER = 2, 0xFFFF
# FFmpeg's libavcodec wrote "Linear" into every DPX until 62.12 (FFmpeg 8.1), as GraphicsMagick does.
_LAVC = re.compile(r"Lavc(\d+)\.(\d+)")
_HONEST_LAVC = (62, 12)


def file_colour(
    format_name: str,
    spec: oiio.ImageSpec,
    in_space: str | None,
    config: str | None,
    path: Path,
    frame: int | None,
    notes: list[str],
) -> FileColour:
    """What a file's colour is: what the user says, else what the file says, else its format's habit.

    Parameters
    ----------
    format_name : OpenImageIO's.
    spec : its header.
    in_space : what the user says, or None.
    config : the OCIO configuration that is asked first, or None for $OCIO.
    path : for file rules and messages.
    frame : for messages.
    notes : gets what a user should know about the choice.

    Raises
    ------
    EncodingUnknownError : neither file nor options name an encoding, or the one named is unknown.
    """
    if in_space is not None:
        return FileColour(color.resolve_space(in_space, config))
    ruled = color.space_by_rule(str(path), config)
    if ruled is not None:
        notes.append(ruled[1])
        return FileColour(color.resolve_space(ruled[0], config))
    if format_name in ("dpx", "cineon"):
        return FileColour(_scan_space(format_name, spec, path, frame, notes))
    tagged = _by_tags(spec, config, path, frame, notes)
    if tagged is not None:
        return tagged
    if format_name in _LINEAR_FORMATS or (format_name in _MAY_FLOAT and str(spec.format) in _FLOAT_TYPES):
        working = color.working_space(config) if format_name == "openexr" else None
        if working is None:
            return FileColour("linear")
        notes.append(
            f"it names no colour space: scene_linear of the OCIO configuration ({working}) was taken"
        )
        return FileColour(color.resolve_space(working, config))
    if format_name in _SRGB_FORMATS:
        return FileColour("srgb")
    raise EncodingUnknownError(
        f"the colour encoding of {format_name} files cannot be known. Say it with --in-space.",
        path=path,
        frame=frame,
    )


def _scan_space(
    format_name: str, spec: oiio.ImageSpec, path: Path, frame: int | None, notes: list[str]
) -> str:
    transfer = str(spec.get("dpx:Transfer", "") or "unsaid")
    if transfer == "Linear" and (program := _marks_all_linear(str(spec.get("Software", "") or ""))):
        notes.append(
            f'it is marked "Linear", as {program} marks every DPX: sRGB-encoded video was taken;'
            " --in-space linear if it is scene-linear indeed"
        )
        return "srgb"
    if transfer in _DPX_TRANSFERS:
        return _DPX_TRANSFERS[transfer]
    raise EncodingUnknownError(
        f"the colour encoding of this {format_name.upper()} cannot be known (transfer: {transfer}). Say it"
        " with --in-space: Cineon for a film scan (log), srgb for video, or a camera's log space that OCIO"
        " knows.",
        path=path,
        frame=frame,
    )


def _marks_all_linear(software: str) -> str | None:
    """The program that wrote a DPX, if it says "Linear" of all of them, whatever their pixels are."""
    if software.startswith("GraphicsMagick"):
        return "GraphicsMagick"
    lavc = _LAVC.match(software)
    return "FFmpeg up to 8.0" if lavc and (int(lavc[1]), int(lavc[2])) < _HONEST_LAVC else None


def _by_tags(
    spec: oiio.ImageSpec, config: str | None, path: Path, frame: int | None, notes: list[str]
) -> FileColour | None:
    """What the header says: by H.273's numbers, an ICC profile, a name, a gamma, primaries, or EXIF."""
    numbers = spec.get("CICP", None)
    if isinstance(numbers, tuple) and len(numbers) >= 2:
        return cicp_colour(int(numbers[0]), int(numbers[1]), notes, path, frame)
    profile = spec.get("ICCProfile", None)
    if profile is not None:
        found = _by_profile(bytes(profile), spec, path, frame, notes)
        if found is not None:
            return found
    named = _by_name(spec, config, path, frame, notes)
    if named is None:
        return _by_primaries(spec, notes)
    # Every JPEG is called sRGB by the library that reads it; EXIF may know better.
    return (_by_exif(spec, notes) if named.space == "srgb" else None) or named


def _by_profile(
    data: bytes, spec: oiio.ImageSpec, path: Path, frame: int | None, notes: list[str]
) -> FileColour | None:
    name = str(spec.get("ICCProfile:profile_description", "") or "without a name")[:60]
    profile = icc.parse(data)
    if profile is None:
        notes.append(f"its ICC profile ({name}) is not made of a matrix and curves, and was ignored")
        return None
    if profile.cicp is not None:
        return cicp_colour(*profile.cicp, notes, path, frame)
    if profile.is_srgb:
        return FileColour("srgb")
    notes.append(f"its colour was converted from its ICC profile ({name}) to Rec.709")
    return FileColour("linear", profile.to_rec709)


def _by_name(
    spec: oiio.ImageSpec, config: str | None, path: Path, frame: int | None, notes: list[str]
) -> FileColour | None:
    stated = str(spec.get("oiio:ColorSpace", "") or spec.get("colorInteropID", "") or "")
    if stated.lower() in _UNSAID:
        return None
    display = DISPLAY_IDS.get(stated.lower())
    if display is not None:
        return cicp_colour(*display, notes, path, frame)
    try:
        space = color.resolve_space(stated, config)
    except EncodingUnknownError:
        gamma = float(spec.get("oiio:Gamma", 0) or 0)
        if 0.1 < gamma < 10:
            return encoded(power(gamma), PRIMARIES["linear"])
        notes.append(f"its colour space {stated!r} is not known here and was ignored")
        return None
    chromaticities = spec.get("chromaticities", None)
    known = primaries_of(space)
    if chromaticities is not None and known is not None:
        own = space_of_primaries(tuple(chromaticities))
        if own is not None and primaries_of(own) != known:
            notes.append(
                f"its primaries are not those of {stated}, the space that it names and that was taken"
            )
    return FileColour(space)


def _by_primaries(spec: oiio.ImageSpec, notes: list[str]) -> FileColour | None:
    """A scene-linear file's space, by its chromaticities; an ACES container has AP0 by definition."""
    chromaticities = spec.get("chromaticities", None)
    if chromaticities is not None:
        space = space_of_primaries(tuple(chromaticities))
        if space is not None:
            return FileColour(space)
        notes.append("its primaries span no gamut; Rec.709 was assumed")
        return FileColour("linear")
    return FileColour("lin_ap0_scene") if spec.get("acesImageContainerFlag", 0) else None


def _by_exif(spec: oiio.ImageSpec, notes: list[str]) -> FileColour | None:
    stated = int(spec.get("Exif:ColorSpace", 1) or 1)
    if stated == _EXIF_ADOBE_RGB:
        notes.append("its colour was converted from Adobe RGB, which its EXIF names, to Rec.709")
        return encoded(power(_ADOBE_GAMMA), _ADOBE_RGB)
    if stated == _EXIF_OTHER and spec.get("ICCProfile", None) is None:
        notes.append("its EXIF says that it is not sRGB, but not what it is: sRGB was taken; see --in-space")
    return None
