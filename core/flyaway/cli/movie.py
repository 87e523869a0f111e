"""`flyaway movie`: plates and their mattes as one ProRes 4444 movie."""

from __future__ import annotations

from enum import StrEnum
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from flyaway import UsageError
from flyaway.cli.alpha import AlphaKind, AlphaOption
from flyaway.cli.console import say
from flyaway.cli.edges import EdgeKind, ScreenKind
from flyaway.color import resolve_config


class Content(StrEnum):
    """What is shown."""

    RGBA = "rgba"
    MATTE = "matte"


def register(app: typer.Typer) -> None:
    """Add the command to the CLI."""
    app.command()(movie)


def movie(
    plates: Annotated[str, typer.Argument(metavar="PLATES", help="A movie, or a pattern: plate.####.exr.")],
    mattes: Annotated[str, typer.Argument(metavar="MATTES", help="Their mattes: matte.####.exr.")],
    out: Annotated[Path, typer.Option("-o", "--out", metavar="DST", help="The movie: shot.mov.")],
    frames: Annotated[str | None, typer.Option(help="Which frames: 1-10,20 or 1-100x5.")] = None,
    content: Annotated[
        Content, typer.Option("--output", help="rgba: the plates with their mattes as alpha; matte: grey.")
    ] = Content.RGBA,
    premultiplied: Annotated[
        bool, typer.Option("--premultiplied/--straight", help="Colour is multiplied by alpha.")
    ] = False,
    rate: Annotated[str | None, typer.Option(help="Frames a second: 24, 23.976 or 24000/1001.")] = None,
    in_space: Annotated[str | None, typer.Option(help="The plates' colour space, as for matte.")] = None,
    alpha_in: AlphaOption = AlphaKind.AUTO,
    ocio: Annotated[str | None, typer.Option(help="OCIO configuration: a file, cg or studio.")] = None,
    layer: Annotated[str | None, typer.Option(help="Which layer of the plates holds the colour.")] = None,
    edge_colour: Annotated[
        EdgeKind,
        typer.Option(
            "--edge-colour", help="foreground: no old background at soft edges; plate: the plate's colour."
        ),
    ] = EdgeKind.FOREGROUND,
    despill: Annotated[
        ScreenKind | None, typer.Option(help="Take a green or blue screen's light off the person.")
    ] = None,
    despill_strength: Annotated[float, typer.Option(min=0, max=1, help="How much of it: 0 to 1.")] = 1.0,
    channel: Annotated[
        str | None, typer.Option(help="The mattes' channel, where they do not say and its name is unusual.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a movie that exists.")] = False,
) -> int:
    """Make a ProRes 4444 movie of plates and the mattes that `flyaway matte` wrote for them.

    Colour is display-referred (Rec.709 matrix, video range). Every frame is decoded again, and its alpha
    compared with its matte, before the movie gets its name. Exit code: 0, or 1 with the reason.
    """
    from flyaway.foreground import Despill
    from flyaway.frames import ReadOptions
    from flyaway.frames.atomic import leads_nowhere
    from flyaway.frames.movie_write import MovieOptions, write_movie
    from flyaway.frames.patterns import pair_frames, same_file

    if (out.exists() or leads_nowhere(out)) and not overwrite:
        raise UsageError(f"{out} exists already. Use --overwrite to replace it.")
    pairs = pair_frames(plates, mattes, frames)
    if any(same_file(out, path) for path in {pairs[0].source, *(pair.target for pair in pairs)}):
        raise UsageError(f"{out} is a plate or a matte: name another movie.")
    config = None if ocio is None else resolve_config(ocio)
    written = write_movie(
        out,
        [(pair.source, pair.frame) for pair in pairs],
        [pair.target for pair in pairs],
        MovieOptions(
            content.value,
            premultiplied,
            None if rate is None else _rate(rate),
            edge_colour=edge_colour.value,
            despill=Despill(despill.value, despill_strength) if despill else None,
            channel=channel,
        ),
        ReadOptions(in_space=in_space, layer=layer, config=config, alpha_in=alpha_in.value),
    )
    for note in written.notes:
        say(f"note: {note}")
    say(f"{written.path}: {len(pairs)} frames, {written.bytes / 1e6:.1f} MB, decoded and compared")
    return 0


def _rate(text: str) -> Fraction:
    from flyaway.frames.timecode import rate_of_text

    rate = rate_of_text(text)
    if rate is None:
        raise UsageError(f"{text!r} is no frame rate; write 24, 23.976 or 24000/1001.")
    return rate
