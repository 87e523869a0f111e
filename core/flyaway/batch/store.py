"""Small files about a run: reports, and what farms are handed.

Written as mattes are, so that a reader never sees half of one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flyaway.frames.atomic import DISK, Disk, write_text
from flyaway.frames.ours import refuse_to_replace


def write_report(path: Path, document: Mapping[str, Any], disk: Disk = DISK) -> None:
    """Write a JSON report, over an earlier one.

    Raises
    ------
    UsageError : something else is there.
    WriteError : it cannot be written.
    """
    refuse_to_replace(path, "report")
    write_json(path, document, disk)


def write_json(path: Path, document: Mapping[str, Any], disk: Disk = DISK) -> None:
    """Write a JSON file, over whatever is there."""
    write_text(path, json.dumps(document, indent=2, ensure_ascii=True) + "\n", disk)
