"""The colour space of a file on disk, from what people, headers and formats say."""

from __future__ import annotations

from pathlib import Path

import OpenImageIO as oiio

from flyaway import color
from flyaway.errors import EncodingUnknownError

# Formats whose files mean display-referred sRGB unless they say otherwise.
_SRGB_FORMATS = {"png", "jpeg", "webp", "bmp", "targa", "tiff"}
_LINEAR_FORMATS = {"openexr", "hdr"}
_FLOAT_TYPES = {"half", "float", "double"}
# What `dpx:Transfer` may say that settles the matter. "Undefined" and "Printing density" do not.
_DPX_TRANSFERS = {"Linear": "linear", "ITU-R 709-4": "srgb"}


def file_space(
    format_name: str,
    spec: oiio.ImageSpec,
    in_space: str | None,
    config: str | None,
    path: Path,
    frame: int | None,
    notes: list[str],
) -> str:
    """The colour space of a file: what the user says, else what the file says, else its format's habit.

    Args:
        format_name: OpenImageIO's.
        spec: its header.
        in_space: what the user says, or None.
        config: the OCIO configuration that is asked first, or None for $OCIO.
        path: for file rules and messages.
        frame: for messages.
        notes: gets what a user should know about the choice.

    Raises:
        EncodingUnknownError: nobody says, or nobody knows what is said.
    """
    if in_space is not None:
        return color.resolve_space(in_space, config)
    ruled = color.space_by_rule(str(path), config)
    if ruled is not None:
        notes.append(ruled[1])
        return color.resolve_space(ruled[0], config)
    if format_name in ("dpx", "cineon"):
        return _scan_space(format_name, spec, path, frame)
    said = _said_space(spec, config, notes)
    if said is not None:
        return said
    if format_name in _LINEAR_FORMATS or (format_name == "tiff" and str(spec.format) in _FLOAT_TYPES):
        working = color.working_space(config) if format_name == "openexr" else None
        if working is None:
            return "linear"
        notes.append(
            f"it names no colour space: scene_linear of the OCIO configuration ({working}) was taken"
        )
        return color.resolve_space(working, config)
    if format_name in _SRGB_FORMATS:
        return "srgb"
    raise EncodingUnknownError(
        f"the colour encoding of {format_name} files cannot be known. Say it with --in-space.",
        path=path,
        frame=frame,
    )


def _scan_space(format_name: str, spec: oiio.ImageSpec, path: Path, frame: int | None) -> str:
    transfer = str(spec.get("dpx:Transfer", "") or "unsaid")
    if transfer in _DPX_TRANSFERS:
        return _DPX_TRANSFERS[transfer]
    raise EncodingUnknownError(
        f"the colour encoding of this {format_name.upper()} cannot be known (transfer: {transfer}). Say it"
        " with --in-space: Cineon for a film scan (log), srgb for video, or a camera's log space that OCIO"
        " knows.",
        path=path,
        frame=frame,
    )


def _said_space(spec: oiio.ImageSpec, config: str | None, notes: list[str]) -> str | None:
    """What the header says, by a colour space's name or by primaries."""
    said = str(spec.get("oiio:ColorSpace", "") or "")
    if said:
        try:
            return color.resolve_space(said, config)
        except EncodingUnknownError:
            notes.append(f"its colour space {said!r} is not known here and was ignored")
    chromaticities = spec.get("chromaticities", None)
    if chromaticities is not None:
        space = color.space_of_primaries(tuple(chromaticities))
        if space is not None:
            return space
        notes.append("its primaries are not known here; Rec.709 was assumed")
        return "linear"
    return None
