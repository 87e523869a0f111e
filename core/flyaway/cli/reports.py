"""`--report`: what a run writes about itself once it is over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flyaway.batch.store import write_report
from flyaway.cli.console import fail
from flyaway.errors import FlyawayError


def report_to(path: Path | None, document: Mapping[str, Any]) -> None:
    """Write a run's report where one was asked for. The exit code stays the run's: it tells of frames."""
    if path is None:
        return
    try:
        write_report(path, document)
    except FlyawayError as error:
        fail(f"no report: {error}")
