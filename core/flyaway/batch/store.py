"""Small files about a run: reports, and what farms are handed.

Written as mattes are, so that a reader never sees half of one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flyaway.frames.atomic import DISK, Disk, write_text


def write_report(path: Path, document: Mapping[str, Any], disk: Disk = DISK) -> None:
    """Write a JSON report.

    Raises
    ------
    WriteError : it cannot be written.
    """
    write_text(path, json.dumps(document, indent=2, ensure_ascii=True) + "\n", disk)
