"""Small files about a run: reports, and what farms are handed.

Written as mattes are, so that a reader never sees half of one.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flyaway.batch.destinations import check_destination
from flyaway.errors import UsageError
from flyaway.frames.atomic import DISK, Disk, part_path, write_text
from flyaway.frames.ours import refuse_to_replace
from flyaway.frames.reachable import reachable

_PROBE = 4096  # bytes: on a full disk a file can be made, and nothing be put into it


def write_report(path: Path, document: Mapping[str, Any], disk: Disk = DISK) -> None:
    """Write a JSON report, over an earlier one.

    Raises
    ------
    UsageError : something else is there.
    WriteError : it cannot be written.
    """
    refuse_to_replace(path, "report")
    write_json(path, document, disk)


@reachable()
def check_report(path: Path, reserved: Iterable[Path] = (), disk: Disk = DISK) -> None:
    """Refuse, before a night of matting, a report that could not be written after it.

    Parameters
    ----------
    path : where it would be.
    reserved : see `flyaway.frames.ours.refuse_to_replace`.
    disk : where.

    Raises
    ------
    PatternError, UsageError : naming what is in the way.
    """
    refuse_to_replace(path, "report", reserved)
    probe = part_path(check_destination(path.parent) / path.name)
    try:
        disk.write_bytes(probe, bytes(_PROBE))
    except OSError as error:
        raise UsageError(
            f"{path}: no report can be written there: {error.strerror or error}. Name another (--report)."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            disk.remove(probe)


def write_json(path: Path, document: Mapping[str, Any], disk: Disk = DISK) -> None:
    """Write a JSON file, over whatever is there."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=True) + "\n", disk)
