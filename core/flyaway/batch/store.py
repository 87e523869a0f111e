"""Small files about a run: reports, and what farms are handed.

Landed like mattes, so that a reader never sees half of one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flyaway.errors import WriteError
from flyaway.frames.landing import DISK, Disk, land


def write_report(path: Path, said: Mapping[str, Any], disk: Disk = DISK) -> None:
    """Write a JSON report.

    Raises:
        WriteError: it cannot be written.
    """
    write_text(path, json.dumps(said, indent=2, ensure_ascii=True) + "\n", disk)


def write_text(path: Path, text: str, disk: Disk = DISK) -> None:
    """Write a small text file.

    Raises:
        WriteError: it cannot be written.
    """
    data = text.encode()

    def verify(part: Path) -> None:
        if part.read_bytes() != data:
            raise WriteError("does not read back as it was written.", path=path)

    land(path, lambda part: disk.write_bytes(part, data), verify, disk=disk)
