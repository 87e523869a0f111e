"""What `flyaway matte` writes, as switches: kinds, depths and formats, and which contradict each other."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path

from flyaway import UsageError
from flyaway.batch.options import Existing
from flyaway.frames import WriteOptions


class OutputKind(StrEnum):
    """What is written."""

    MATTE = "matte"
    RGBA = "rgba"
    BESIDE = "beside"
    UNKNOWN = "unknown"
    FG = "fg"
    COMP = "comp"


class DepthKind(StrEnum):
    """How a value is stored."""

    HALF = "half"
    FLOAT = "float"
    UINT8 = "uint8"
    UINT16 = "uint16"


class Suffix(StrEnum):
    """In which format."""

    EXR = "exr"
    PNG = "png"
    TIF = "tif"


def write_options(
    kind: OutputKind,
    premultiplied: bool | None,
    channel: str,
    depth: DepthKind | None,
    compression: str | None,
    *,
    crop: bool,
) -> WriteOptions:
    """What to write, or UsageError where two options contradict each other."""
    if not channel.strip():
        raise UsageError("--channel '' names no channel; leave it out for A.")
    if premultiplied is not None and kind is not OutputKind.RGBA:
        raise UsageError(
            "--premultiplied and --straight are about colour that is written anew; add --output rgba."
        )
    return WriteOptions(kind.value, premultiplied, channel, depth.value if depth else None, compression, crop)


def check_suffix(destination: str, suffix: Suffix | None) -> None:
    """Refuse a format that contradicts the destination's name."""
    named = Path(destination).suffix.lower().lstrip(".").replace("tiff", "tif")
    if (
        suffix is not None
        and named in set(Suffix)
        and named != suffix.value
        and not Path(destination).is_dir()
    ):
        raise UsageError(f"--format {suffix.value} contradicts {destination}; leave one of the two out.")


def existing_policy(*, overwrite: bool, skip: bool, resume: bool) -> Existing:
    """The one policy of three switches."""
    if overwrite + skip + resume > 1:
        raise UsageError("--overwrite, --skip-existing and --resume exclude each other.")
    return "overwrite" if overwrite else "skip" if skip else "resume" if resume else "refuse"
