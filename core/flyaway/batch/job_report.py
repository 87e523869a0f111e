"""What became of a job: a report for each shot that was begun, and why the others were not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from flyaway.batch.report import ExitCode, Report, lacks_memory, worst
from flyaway.errors import BusyError, FlyawayError


@dataclass
class JobReport:
    """What became of a job.

    Attributes
    ----------
    name : the job's.
    reports : one for each shot that was begun.
    refused : shot → why it was not begun (another run is at it, its model cannot be loaded).
    interrupted : it was ended early by a signal.
    """

    name: str
    reports: list[Report] = field(default_factory=list)
    refused: dict[str, FlyawayError | MemoryError] = field(default_factory=dict)
    interrupted: bool = False

    @property
    def exit_code(self) -> ExitCode:
        """0 only if every frame of every shot is on disk and proven."""
        codes = [report.exit_code for report in self.reports]
        codes += [_code_of(error) for error in self.refused.values()]
        return worst([*codes, ExitCode.INTERRUPTED] if self.interrupted else codes)

    def as_json(self) -> dict[str, Any]:
        """The report as plain JSON values."""
        counts = Counter[str]()
        for report in self.reports:
            counts.update(report.counts)
        return {
            "job": self.name,
            "exit_code": int(self.exit_code),
            **{status: counts[status] for status in ("written", "skipped", "failed")},
            "interrupted": self.interrupted,
            "shots": [report.as_json() for report in self.reports],
            "refused": {name: str(error) or "not enough memory" for name, error in self.refused.items()},
        }


def _code_of(error: Exception) -> ExitCode:
    if isinstance(error, BusyError):
        return ExitCode.BUSY
    return ExitCode.OUT_OF_MEMORY if lacks_memory(error) else ExitCode.FAILED
