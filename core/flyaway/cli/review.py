"""`flyaway review`: one HTML page and a contact sheet a job, the worst frames first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flyaway.cli.console import say
from flyaway.color import resolve_config, resolve_space


def register(app: typer.Typer) -> None:
    """Add the command to the CLI."""
    app.command()(review)


def review(
    plates: Annotated[
        str, typer.Argument(metavar="PLATES", help="A file, a folder, a movie, or a pattern: plate.####.exr.")
    ],
    mattes: Annotated[str, typer.Argument(metavar="MATTES", help="Their mattes, likewise.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="PAGE", help="The page.")] = Path("review.html"),
    sheet: Annotated[
        Path | None, typer.Option(metavar="PNG", help="A contact sheet; by default beside the page.")
    ] = None,
    frames: Annotated[str | None, typer.Option(help="Which frames: 1-10,20 or 1-100x5.")] = None,
    in_space: Annotated[str | None, typer.Option(help="The plates' colour space, as for matte.")] = None,
    ocio: Annotated[str | None, typer.Option(help="OCIO configuration: a file, cg or studio.")] = None,
    part: Annotated[str | None, typer.Option(help="Which part of the plates, as for matte.")] = None,
    layer: Annotated[str | None, typer.Option(help="Which layer of the plates, as for matte.")] = None,
    channel: Annotated[str | None, typer.Option(help="The mattes' channel, if unusual.")] = None,
    shown: Annotated[int, typer.Option(min=1, max=500, help="How many frames are pictured.")] = 48,
    title: Annotated[str | None, typer.Option(help="The page's title.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 where there are faults.")] = False,
) -> int:
    """Look over a job: plate, comp and matte under a wipe, coverage and flicker, the worst frames first.

    The page is one file that needs no network and no other file. Exit code: 0; with --strict 2 where a
    frame has a fault; 1 where the page could not be made.
    """
    from flyaway.frames import ReadOptions
    from flyaway.frames.patterns import pair_frames
    from flyaway.review import ReviewOptions, make_review

    config = None if ocio is None else resolve_config(ocio)
    space = None if in_space is None else resolve_space(in_space, config)
    options = ReviewOptions(
        read=ReadOptions(in_space=space, part=part, layer=layer, config=config),
        channel=channel,
        shown=shown,
        title=title,
    )
    pairs = pair_frames(plates, mattes, frames)
    sheet = sheet or out.with_suffix(".png")
    done = make_review(pairs, out, sheet, options)
    faulty = done.faulty
    for frame in faulty:
        say(f"{frame.label}: {'; '.join(frame.faults)}")
    say(f"{out}, {sheet}: {len(done.frames)} frames, {len(faulty)} with faults")
    return 2 if strict and faulty else 0
