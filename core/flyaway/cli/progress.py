"""How a run is shown: a bar for people, lines for logs, NDJSON for programs."""

from __future__ import annotations

import json
import re
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from flyaway.batch import FrameResult, Report
from flyaway.batch.job_report import JobReport
from flyaway.cli.console import errors, fail, harmless, say, say_raw


class ProgressKind(StrEnum):
    """What is printed while a run goes on."""

    AUTO = "auto"
    BAR = "bar"
    LINES = "lines"
    NDJSON = "ndjson"
    OPENJD = "openjd"
    NONE = "none"


# Options of every command that runs frames.
ProgressOption = Annotated[
    ProgressKind, typer.Option(help="What is printed while it runs; ndjson is for programs.")
]
ThreadsOption = Annotated[
    int | None,
    typer.Option("--threads", min=1, help="CPU threads of the network; the engine's own."),
]
ReportOption = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write a JSON report there.")
]


def stopping() -> None:
    """What an interrupt waits for, at once: a frame may take half a minute."""
    errors.print(Text("stopping: the frames in hand are finished and proven first; once more breaks off now"))


def notice(lines: list[str]) -> None:
    """What will not be matted, before the work begins: on stderr, a line each."""
    for line in lines:
        errors.print(Text(harmless(f"note: {line}")))


class Show:
    """Told of a run's events, in the run's thread. By itself it prints failures and the sum alone."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def start(self, **said: Any) -> None:
        """A run is about to begin."""

    def __call__(self, result: FrameResult) -> None:
        """A frame came to its end."""
        self.done += 1
        self.frame(result)

    def frame(self, result: FrameResult) -> None:
        """Show a frame."""
        if result.error is not None:
            fail(str(result.error))

    def end(self, _report: Report | JobReport, remark: str) -> None:
        """A run is over; `remark` is its one line for people."""
        say(remark)


class Lines(Show):
    """One line a frame, for logs: mattes on stdout, failures on stderr."""

    def frame(self, result: FrameResult) -> None:
        """Print a line."""
        if result.error is not None:
            fail(str(result.error))
            return
        took = f" {result.seconds['network'] * 1000:.0f} ms" if "network" in result.seconds else ""
        remarks = [*([f"again: {result.why}"] if result.why else []), *result.notes]
        notes = f" ({'; '.join(remarks)})" if remarks else ""
        targets = ", ".join(str(path) for path in result.task.targets)
        line = f"[{self.done}/{self.total}] {result.task.source} -> {targets} {result.status}{took}{notes}"
        say(line.replace("\n", "\\n"))  # a name may hold a line break; a line is a frame


class Bar(Show):
    """A progress bar, for people: failures above it as they come, each kind of note once."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=errors,
            transient=True,
        )
        self._task = self._bar.add_task("matting", total=total)
        self._notes: set[str] = set()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def frame(self, result: FrameResult) -> None:
        """Move the bar."""
        self._bar.update(self._task, description=escape(harmless(result.task.source.name)), advance=1)
        if result.error is not None:
            fail(str(result.error))
        for note in result.notes:
            # 20, 21 and 19 negative pixels are one kind of note.
            kind = re.sub(r"\d+(?:[.,]\d+)*", "#", note)
            if kind not in self._notes:
                self._notes.add(kind)
                errors.print(Text(harmless(f"{result.task.source.name}: {note}"), style="dim"))

    def end(self, _report: Report | JobReport, remark: str) -> None:
        """Print the sum below where the bar was."""
        self._bar.stop()
        say(remark)


class Ndjson(Show):
    """One JSON object a line on stdout, and nothing else there: see docs/batch.md for the events."""

    def start(self, **said: Any) -> None:
        """The first event of a run."""
        self._tell("start", total=self.total, **said)

    def frame(self, result: FrameResult) -> None:
        """One event a frame."""
        if result.error is not None:
            fail(str(result.error))
        self._tell("frame", done=self.done, total=self.total, **result.event())

    def end(self, report: Report | JobReport, remark: str) -> None:
        """The last event of a run."""
        self._tell("end", remark=remark, **report.as_json())

    def _tell(self, kind: str, **said: Any) -> None:
        say_raw(json.dumps({"event": kind, **said}))


class OpenJd(Lines):
    """Lines, and what Open Job Description's sessions listen for."""

    def frame(self, result: FrameResult) -> None:
        """Print a line, and how far the task is."""
        super().frame(result)
        if self.total:
            say_raw(f"openjd_progress: {100 * self.done / self.total:.1f}")

    def end(self, report: Report | JobReport, remark: str) -> None:
        """Print the sum, and where it is not good, the reason for the task's page."""
        super().end(report, remark)
        if report.exit_code:
            say_raw(f"openjd_fail: {remark}")


def show(kind: ProgressKind, total: int) -> Show:
    """The way to show a run that was asked for, or that fits where the output goes."""
    if kind is ProgressKind.AUTO:
        # isatty, not rich's opinion: FORCE_COLOR must not turn a log into a bar.
        watched = sys.stdout.isatty() and sys.stderr.isatty()
        kind = ProgressKind.BAR if watched else ProgressKind.LINES
    kinds: dict[ProgressKind, type[Show]] = {
        ProgressKind.BAR: Bar,
        ProgressKind.LINES: Lines,
        ProgressKind.NDJSON: Ndjson,
        ProgressKind.OPENJD: OpenJd,
        ProgressKind.NONE: Show,
    }
    return kinds[kind](total)
