"""What `flyaway matte` writes, as switches: kinds, depths and formats, and which contradict each other."""

from __future__ import annotations

from enum import StrEnum

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
    return WriteOptions(kind.value, premultiplied, channel, depth.value if depth else None, compression, crop)


def existing_policy(*, overwrite: bool, skip: bool, resume: bool) -> Existing:
    """The one policy of three switches."""
    if overwrite + skip + resume > 1:
        raise UsageError("--overwrite, --skip-existing and --resume exclude each other.")
    return "overwrite" if overwrite else "skip" if skip else "resume" if resume else "refuse"
