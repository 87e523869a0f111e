"""The manifest of released weights, read and checked: data from a folder, of which nothing is trusted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flyaway.errors import WeightsError

MANIFEST_FORMAT = 1
# A manifest is a page of JSON; a larger one is a mistake or an attack.
MAX_MANIFEST_BYTES = 1 << 20
# The largest model in sight (the paper's, fp32) has 125 MB.
MAX_WEIGHT_BYTES = 1 << 30
# Far more releases than any model will have.
MAX_VERSION = 1_000_000
# What small plates are enlarged to, in px: nothing is looked at smaller.
SMALLEST_VIEW = 512
REMEDY = "reinstall flyaway, or check out models/weights again"


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest in a file.

    Raises
    ------
    WeightsError : there is none, or not one that this version can read.
    """
    try:
        with path.open("rb") as stream:
            # One byte past the cap tells a file at the cap from one beyond it, whatever stat says.
            data = stream.read(MAX_MANIFEST_BYTES + 1)
    except OSError as error:
        raise WeightsError(
            f"No weights: {path} cannot be read ({error.strerror or error}); {REMEDY}."
        ) from error
    if len(data) > MAX_MANIFEST_BYTES:
        raise WeightsError(
            f"{path} is larger than a manifest may be ({MAX_MANIFEST_BYTES:,} bytes); {REMEDY}."
        )
    try:
        manifest = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is not JSON ({error}); {REMEDY}.") from error
    if not isinstance(manifest, dict):
        raise WeightsError(f"{path} is not a manifest; {REMEDY}.")
    if manifest.get("format") != MANIFEST_FORMAT:
        raise WeightsError(
            f"{path} has format {manifest.get('format')!r}; this version of flyaway reads"
            f" {MANIFEST_FORMAT}: install the version that these weights came with."
        )
    return manifest


def config_of(values: Any) -> dict[str, Any]:
    """An entry's configuration; ValueError where it says what no model can be."""
    config = dict(values)
    mixed_in = config.get("mixed_in", "encoded")
    if mixed_in not in ("encoded", "linear"):
        raise ValueError(f'mixed_in is "encoded" or "linear", not {mixed_in!r}')
    view = config.get("view", 0)
    if (
        not isinstance(view, int)
        or isinstance(view, bool)
        or not (view == 0 or SMALLEST_VIEW <= view < 1 << 20)
    ):
        raise ValueError(f"view is 0 or at least {SMALLEST_VIEW}, not {view!r}")
    return config


def inside(root: Path, relative: Any) -> Path:
    """`root / relative`, which must stay inside `root`, symbolic links followed."""
    if not isinstance(relative, str) or not relative or "\\" in relative or "\0" in relative:
        raise ValueError(f"{relative!r} is not a relative path with forward slashes")
    resolved_root = root.resolve()
    path = (resolved_root / relative).resolve()
    if Path(relative).is_absolute() or ".." in Path(relative).parts or not path.is_relative_to(resolved_root):
        raise ValueError(f"{relative!r} leads out of {root}")
    return path


def version_of(value: Any) -> int:
    """A version, from 1; ValueError where it is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_VERSION:
        raise ValueError(f"{value!r} is not a version: a whole number from 1 to {MAX_VERSION:,}")
    return value


def sha256_of(value: Any) -> str:
    """A file's SHA-256; ValueError where it is none."""
    if not isinstance(value, str) or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise ValueError(f"{value!r} is not a SHA-256 in lower-case hexadecimal")
    return value


def size_of(value: Any) -> int:
    """A file's size; ValueError where it is none."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= MAX_WEIGHT_BYTES:
        raise ValueError(f"{value!r} is not a size in bytes up to {MAX_WEIGHT_BYTES:,}")
    return value
