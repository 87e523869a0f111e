"""`flyaway blender-render`: a .blend file's frames, and an exit code that tells the truth."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from flyaway.batch.report import ExitCode
from flyaway.blender import BlenderFrame, find_blender, render
from flyaway.cli.console import fail, say
from flyaway.frames.sequence import parse_frames


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("blender-render")(blender_render)


def blender_render(
    blend: Annotated[
        Path, typer.Argument(metavar="FILE.blend", help="The file to render; it is not changed.")
    ],
    frames: Annotated[str, typer.Option(help="Which frames: 1-10,20 or 1-100x5.")],
    blender: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="Blender's executable, or a Python with bpy; else $FLYAWAY_BLENDER, or blender on the path.",
        ),
    ] = None,
    scene: Annotated[str | None, typer.Option(help="Which scene; the file's active one by default.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "-o", "--output", metavar="PATH", help="Instead of the scene's own: /shots/010/comp.####"
        ),
    ] = None,
) -> int:
    """Render a Blender file whose compositor holds Portrait Matte nodes, for farms.

    Blender alone ends with 0 even when a matte failed. The extension must be installed and enabled in that
    Blender.

    Exit code: 0, every requested frame is on disk and its mattes are sound; 1, nothing was started; 2, some
    frames failed; 130, interrupted.
    """
    numbers = parse_frames(frames)
    show = _Lines(len(numbers))
    run = render(blend, numbers, find_blender(blender), scene=scene, output=output, progress=show)
    counts = Counter(frame.status for frame in run.frames)
    say(
        ", ".join(
            f"{counts[status]} {status}" for status in ("rendered", "skipped", "failed") if counts[status]
        )
    )
    return ExitCode.FAILED if run.failed else ExitCode.OK


class _Lines:
    """One line a frame: pictures on stdout, failures on stderr."""

    def __init__(self, total: int) -> None:
        self._total, self._done = total, 0

    def __call__(self, frame: BlenderFrame) -> None:
        self._done += 1
        if frame.status == "failed":
            kept = f" ({frame.path} is on disk, without its matte)" if Path(frame.path).is_file() else ""
            fail(f"frame {frame.frame}: {frame.message}{kept}")
            return
        took = f" {frame.seconds:.1f} s" if frame.status == "rendered" else ""
        say(f"[{self._done}/{self._total}] frame {frame.frame} -> {frame.path} {frame.status}{took}")
