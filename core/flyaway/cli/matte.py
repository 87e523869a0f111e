"""`flyaway matte`: plates in, mattes out."""

from __future__ import annotations

import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

import flyaway
from flyaway import PatternError
from flyaway.cli.console import errors, fail, say
from flyaway.color import resolve_config, resolve_space
from flyaway.frames import ReadOptions, WriteOptions, plan_frames
from flyaway.frames.patterns import gaps
from flyaway.matting import DEFAULT_MODEL
from flyaway.sequence import Existing, FrameResult, Report, RunOptions, matte_frames


class OutputKind(StrEnum):
    """What is written."""

    MATTE = "matte"
    RGBA = "rgba"
    BESIDE = "beside"


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


def matte(
    source: Annotated[
        str,
        typer.Argument(metavar="SRC", help="A file, a folder, or a pattern: plate.%04d.exr, plate.####.exr."),
    ],
    destination: Annotated[
        str, typer.Option("-o", "--out", metavar="DST", help="A file, a folder, or a pattern.")
    ],
    frames: Annotated[str | None, typer.Option(help="Which frames of a pattern: 1-10,20 or 1-100x5.")] = None,
    model: Annotated[str, typer.Option(help="Which weights; see `flyaway models`.")] = DEFAULT_MODEL,
    device: Annotated[
        str, typer.Option(help="auto, cpu, cuda, …; never another than the one named.")
    ] = "auto",
    engine: Annotated[str, typer.Option(help="onnxruntime or torch.")] = "onnxruntime",
    kind: Annotated[
        OutputKind,
        typer.Option(
            "--output",
            help="matte: coverage alone; rgba: plate and matte; beside: all the plate's channels, bit for"
            " bit, and the matte as one more (EXR).",
        ),
    ] = OutputKind.MATTE,
    premultiplied: Annotated[
        bool | None,
        typer.Option(
            "--premultiplied/--straight", help="For rgba. By default EXR is premultiplied, others straight."
        ),
    ] = None,
    in_space: Annotated[
        str | None, typer.Option(help="The plates' colour space: srgb, linear, Cineon, or an OCIO name.")
    ] = None,
    ocio: Annotated[
        str | None, typer.Option(help="OCIO configuration: a file, cg or studio. Default: $OCIO.")
    ] = None,
    part: Annotated[
        str | None, typer.Option(help="Which part of an EXR: its name, view, or number from 0.")
    ] = None,
    layer: Annotated[str | None, typer.Option(help="Which layer holds the colour: diffuse, right, …")] = None,
    suffix: Annotated[
        Suffix | None, typer.Option("--format", help="The mattes' format, where DST names none.")
    ] = None,
    channel: Annotated[str, typer.Option(help="The matte's channel in an EXR: A, Y, matte.A, …")] = "A",
    depth: Annotated[
        DepthKind | None, typer.Option(help="How values are stored. Default: half in EXR, else 16 bits.")
    ] = None,
    compression: Annotated[
        str | None, typer.Option(help="Of the mattes: zip (default), zips, piz, none, lzw, dwaa:45, …")
    ] = None,
    crop: Annotated[
        bool, typer.Option("--crop", help="EXR mattes: shrink the data window to the coverage.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace mattes that exist.")] = False,
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Keep mattes that exist and are whole.")
    ] = False,
    coarse_only: Annotated[bool, typer.Option("--coarse-only", help="Leave the fine regions out.")] = False,
    previews: Annotated[
        Path | None,
        typer.Option(
            "--previews", metavar="FOLDER", help="Also write a small RGBA PNG of every frame there."
        ),
    ] = None,
) -> int:
    """Matte a photograph, a folder or a frame sequence.

    Exit code: 0, every requested frame is on disk and was read back; 1, nothing was started (bad arguments,
    no such input, weights or device); 2, some frames failed; 130, interrupted.
    """
    if overwrite and skip_existing:
        raise PatternError("--overwrite and --skip-existing exclude each other.")
    existing: Existing = "overwrite" if overwrite else "skip" if skip_existing else "refuse"
    jobs = plan_frames(source, destination, frames, f".{suffix.value}" if suffix else None)
    config = None if ocio is None else resolve_config(ocio)
    options = RunOptions(
        in_space=None if in_space is None else resolve_space(in_space, config),
        read=ReadOptions(part=part, layer=layer, config=config),
        write=WriteOptions(
            kind.value, premultiplied, channel, depth.value if depth else None, compression, crop
        ),
        existing=existing,
        refine=not coarse_only,
        previews=previews,
    )
    matting = flyaway.load(model, device=device, engine=engine)
    # isatty, not rich's opinion: FORCE_COLOR must not turn a log into a bar.
    watched = sys.stdout.isatty() and sys.stderr.isatty()
    with _Bar(len(jobs)) if watched else _Lines(len(jobs)) as show:
        report = matte_frames(matting, jobs, options, show)
    _summarise(report, whole=frames is None)
    return report.exit_code


class _Lines:
    """One line a frame, for logs: mattes on stdout, failures on stderr."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __call__(self, result: FrameResult) -> None:
        self._done += 1
        if result.error is not None:
            fail(str(result.error))
            return
        took = f" {result.seconds * 1000:.0f} ms" if result.status == "written" else ""
        notes = f" ({'; '.join(result.notes)})" if result.notes else ""
        counter = f"[{self._done}/{self._total}]"
        say(f"{counter} {result.job.source} -> {result.job.target} {result.status}{took}{notes}")


class _Bar:
    """A progress bar, for people: failures above it as they come, each kind of note once."""

    def __init__(self, total: int) -> None:
        self._bar = Progress(
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

    def __call__(self, result: FrameResult) -> None:
        self._bar.update(self._task, description=escape(result.job.source.name), advance=1)
        if result.error is not None:
            fail(str(result.error))
        for note in result.notes:
            if note not in self._notes:
                self._notes.add(note)
                errors.print(Text(f"{result.job.source.name}: {note}", style="dim"))


def _summarise(report: Report, *, whole: bool) -> None:
    """Two or three numbers, and what a sequence lacks (of a range that was asked for, the frames failed)."""
    counts = Counter(result.status for result in report.results)
    said = [f"{counts[status]} {status}" for status in ("written", "skipped", "failed") if counts[status]]
    missing = whole and gaps([result.job.frame for result in report.results if result.job.frame is not None])
    if missing:
        said.append(f"no plates for frames {missing}")
    if report.interrupted:
        said.append(f"interrupted after {len(report.results)} of {report.requested}")
    say(", ".join(said) or "nothing done")
