"""How a run is shown: a bar for people, lines for logs, NDJSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Self

import typer
from rich.console import RenderableType
from rich.constrain import Constrain
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress
from rich.text import Text

from flyaway.batch import FrameResult, FrameTask, Report
from flyaway.batch.job_report import JobReport
from flyaway.cli.console import errors, fail, harmless, say, say_raw, tell_now
from flyaway.cli.notes import label
from flyaway.cli.shot import ShotSoFar, shorter


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
EngineOption = Annotated[
    str, typer.Option("--engine", help="onnxruntime, openvino or torch; never another than the one named.")
]
ReportOption = Annotated[
    Path | None, typer.Option("--report", metavar="FILE", help="Write a JSON report there.")
]


def notice(lines: list[str]) -> None:
    """What will not be matted, before the work begins: on stderr, a line each."""
    for line in lines:
        errors.print(Text(harmless(f"note: {line}")))


class Show:
    """Told of a run's events, in the run's thread. By itself it prints failures and the sum alone.

    Parameters
    ----------
    total : frames of all shots.
    """

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0
        self.shot: ShotSoFar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        return None

    def start(self, tasks: Sequence[FrameTask], **entries: Any) -> None:
        """A shot is about to begin: `entries` are its name, model and device, and what programs are told."""
        self.close()
        self.shot = ShotSoFar(tasks, str(entries["name"]), str(entries["model"]), str(entries["device"]))

    def __call__(self, result: FrameResult) -> None:
        """A frame came to its end."""
        self.done += 1
        new = () if self.shot is None else self.shot.add(result)
        self.frame(result, new)

    def frame(self, result: FrameResult, _new: Sequence[str]) -> None:
        """Show a frame; `_new` are its notes of kinds that were not told in this shot."""
        if result.error is not None:
            fail(str(result.error))

    def close(self) -> None:
        """A shot is over."""

    def end(self, _report: Report | JobReport, remark: str) -> None:
        """A run is over; `remark` is its one line for people."""
        self.close()
        say(remark)

    def stopping(self, times: int) -> None:
        """Say at once what an interrupt waits for: a frame may take half a minute. Called in the handler."""
        if times > 1:
            tell_now("breaking off: files that are being written are finished first")
        elif self.shot is None:
            tell_now("stopping: the model is being loaded, and no frame is begun; once more breaks it off")
        else:
            tell_now(f"stopping: {self.shot.in_hand()}; once more breaks off what is not being written yet")

    def print_shot(self) -> None:
        """The shot's summary, where it is one of several, and its notes folded; and then it is forgotten."""
        if self.shot is None:
            return
        for line in self.shot.summary(one_of_several=len(self.shot.tasks) < self.total):
            say(line)
        self.shot = None


class Lines(Show):
    """One line a frame, for logs: mattes on stdout, failures on stderr; skipped ones are folded."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        # The first and the last of those that were skipped one after another, and how many there were.
        self._skipped: list[FrameTask] = []
        self._skips = 0

    def frame(self, result: FrameResult, new: Sequence[str]) -> None:
        """Print a line."""
        if result.status == "skipped" and not new:
            self._skipped = [*self._skipped[:1], result.task]
            self._skips += 1
            return
        self._print_skipped(before=1)
        if result.error is not None:
            fail(str(result.error))
            return
        took = f" {result.seconds['network'] * 1000:.0f} ms" if "network" in result.seconds else ""
        remarks = [*([f"again: {result.why}"] if result.why else []), *new]
        notes = f" ({'; '.join(remarks)})" if remarks else ""
        self._line(str(self.done), result.task, f"{result.status}{took}{notes}")

    def _print_skipped(self, before: int = 0) -> None:
        """The frames that were skipped until now, one after another, as one line."""
        count, self._skips = self._skips, 0
        last = self.done - before
        if count == 1:
            self._line(str(last), self._skipped[0], "skipped")
        elif count:
            first, end = label(self._skipped[0]), label(self._skipped[-1])
            name = "" if self.shot is None else f"{self.shot.name}: "
            say(
                f"[{last - count + 1}-{last}/{self.total}] {name}{count} frames, {first} to {end}, skipped"
                " (there, and as they were written)".replace("\n", "\\n")
            )
        self._skipped = []

    def _line(self, number: str, task: FrameTask, what: str) -> None:
        targets = ", ".join(str(path) for path in task.targets)
        # A name may hold a line break; a line is a frame.
        say(f"[{number}/{self.total}] {task.source} -> {targets} {what}".replace("\n", "\\n"))

    def close(self) -> None:
        """Print the shot's summary."""
        self._print_skipped()
        self.print_shot()


class _Narrower(RichProgress):
    """Columns short of the terminal's width: the ^C that it prints must not break the bar's line in two."""

    def get_renderables(self) -> Iterable[RenderableType]:
        """The bar."""
        yield Constrain(self.make_tasks_table(self.tasks), errors.width - 3)


class Bar(Show):
    """A progress bar, for people: failures above it as they come, each kind of note once a shot."""

    def __init__(self, total: int) -> None:
        super().__init__(total)
        self._failed = 0
        self._bar = _Narrower(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TextColumn("{task.fields[failed]}", style="red"),
            TimeRemainingColumn(),
            console=errors,
            transient=True,
            expand=True,
        )
        self._task = self._bar.add_task("loading the model", total=total, rate="", failed="")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.stop()

    def start(self, tasks: Sequence[FrameTask], **entries: Any) -> None:
        """Name the shot, its model and where it runs."""
        super().start(tasks, **entries)
        words = (shorter(harmless(str(entries["name"])), 28), str(entries["model"]), str(entries["device"]))
        self._bar.update(self._task, description=escape(" · ".join(words)), rate="")

    def frame(self, result: FrameResult, new: Sequence[str]) -> None:
        """Move the bar."""
        self._failed += result.error is not None
        rate = "" if self.shot is None else self.shot.rate()
        failed = f"{self._failed} failed" if self._failed else ""
        self._bar.update(self._task, advance=1, rate=rate, failed=failed)
        if result.error is not None:
            fail(str(result.error))
        for note in new:
            errors.print(Text(harmless(f"{result.task.source.name}: {note}"), style="dim"))

    def close(self) -> None:
        """Print the shot's summary above the bar."""
        if self.shot is not None:
            self._bar.update(self._task, description="loading the model", rate="")
        self.print_shot()

    def end(self, _report: Report | JobReport, remark: str) -> None:
        """Print the sum below where the bar was."""
        self._bar.stop()
        self.print_shot()
        say(remark)


class Ndjson(Show):
    """One JSON object a line on stdout, and nothing else there: see docs/batch.md for the events."""

    def start(self, tasks: Sequence[FrameTask], **entries: Any) -> None:
        """The first event of a run."""
        super().start(tasks, **entries)
        self._tell("start", total=self.total, **entries)

    def frame(self, result: FrameResult, _new: Sequence[str]) -> None:
        """One event a frame, with all of its notes."""
        if result.error is not None:
            fail(str(result.error))
        self._tell("frame", done=self.done, total=self.total, **result.event())

    def end(self, report: Report | JobReport, remark: str) -> None:
        """The last event of a run."""
        self._tell("end", remark=remark, **report.as_json())

    def _tell(self, kind: str, **entries: Any) -> None:
        say_raw(json.dumps({"event": kind, **entries}))


class OpenJd(Lines):
    """Lines, and what Open Job Description's sessions listen for."""

    def frame(self, result: FrameResult, new: Sequence[str]) -> None:
        """Print a line, and how far the task is."""
        super().frame(result, new)
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
