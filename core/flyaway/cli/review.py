"""`flyaway review`: one HTML page and a contact sheet a job, the worst frames first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flyaway.cli.alpha import AlphaKind, AlphaOption
from flyaway.cli.console import say
from flyaway.color import resolve_config, resolve_space
from flyaway.errors import UsageError

if TYPE_CHECKING:
    from flyaway.review import Review, ReviewOptions


def register(app: typer.Typer) -> None:
    """Add the command to the CLI."""
    app.command()(review)


def review(
    plates: Annotated[
        str,
        typer.Argument(
            metavar="PLATES",
            help="A file, a folder, a movie, or a pattern: plate.####.exr. Or a job: JOB.toml or shots.csv.",
        ),
    ],
    mattes: Annotated[
        str | None, typer.Argument(metavar="[MATTES]", help="Their mattes, likewise; none for a job.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="PAGE", help="The page, review.html; for a job the pages' folder, review."
        ),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="MATTES", help="Another run's mattes of these plates, beside the first; for a job a job."
        ),
    ] = None,
    shots: Annotated[
        list[str] | None, typer.Option("--shot", help="Of a job only this one; may be repeated.")
    ] = None,
    sheet: Annotated[
        Path | None, typer.Option(metavar="PNG", help="A contact sheet; by default beside the page.")
    ] = None,
    frames: Annotated[str | None, typer.Option(help="Which frames: 1-10,20 or 1-100x5.")] = None,
    in_space: Annotated[str | None, typer.Option(help="The plates' colour space, as for matte.")] = None,
    alpha_in: AlphaOption = AlphaKind.AUTO,
    ocio: Annotated[str | None, typer.Option(help="OCIO configuration: a file, cg or studio.")] = None,
    part: Annotated[str | None, typer.Option(help="Which part of the plates, as for matte.")] = None,
    layer: Annotated[str | None, typer.Option(help="Which layer of the plates, as for matte.")] = None,
    channel: Annotated[
        str | None, typer.Option(help="The mattes' channel, where they do not say and its name is unusual.")
    ] = None,
    shown: Annotated[int, typer.Option(min=1, max=500, help="How many frames are pictured.")] = 48,
    side: Annotated[
        int, typer.Option(min=64, max=4096, help="Longer side of the pictures, in pixels.")
    ] = 960,
    title: Annotated[str | None, typer.Option(help="The page's title.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 2 where there are faults.")] = False,
) -> int:
    """Look over a job: plate, comp and matte under a wipe, coverage and flicker, the worst frames first.

    Edges that boil or pop are found along the plate's motion, by OpenCV (pip install opencv-python-headless).
    Without it they are judged only where the plate stands still, and what was not measured is said.

    With --against two runs play side by side, A and B; --strict then judges A. Two jobs are paired by their
    shots' names, and what has no partner is told.

    The page is one file that needs no network and no other file. Exit code: 0; with --strict 2 where a
    frame has a fault; 1 where the page could not be made. For a job there is a page a shot, and index.html.
    """
    from flyaway.frames import ReadOptions
    from flyaway.frames.patterns import pair_frames
    from flyaway.review import ReviewOptions, make_review

    config = None if ocio is None else resolve_config(ocio)
    space = None if in_space is None else resolve_space(in_space, config)
    options = ReviewOptions(
        read=ReadOptions(in_space=space, part=part, layer=layer, config=config, alpha_in=alpha_in.value),
        channel=channel,
        shown=shown,
        side=side,
        title=title,
    )
    if mattes is None:
        if sheet is not None:
            raise UsageError("--sheet is for one sequence; a job's sheets lie beside its pages.")
        return _review_job(plates, out or Path("review"), options, shots, frames, against, strict=strict)
    if shots:
        raise UsageError("--shot is for a job: flyaway review JOB.toml --shot NAME.")
    out = out or Path("review.html")
    if out.is_dir():  # as `.` is, which no sheet's name can be made of
        raise UsageError(f"{out} is a folder: name a file for the page.")
    pairs = pair_frames(plates, mattes, frames)
    sheet = sheet or out.with_suffix(".png")
    others = None if against is None else pair_frames(plates, against, frames)
    done = make_review(pairs, out, sheet, options, against=others)
    _tell_frames(done)
    if done.against is None:
        say(f"{out}, {sheet}: {_counts(done)}")
    else:
        say(f"{out}, {sheet}")
        say(f"A {mattes}: {_compared(done)}")
        say(f"B {against}: {_compared(done.against)}")
    return 2 if strict and done.faulty else 0


def _review_job(
    job_file: str,
    folder: Path,
    options: ReviewOptions,
    shots: list[str] | None,
    frames: str | None,
    against: str | None,
    *,
    strict: bool,
) -> int:
    from flyaway.batch.jobfile import load_job
    from flyaway.cli.batch import narrowed
    from flyaway.review.job import INDEX, ShotReview, review_job
    from flyaway.review.partners import without_partner

    for name, what in ((job_file, "where are its mattes?"), (against, "a job is compared with a job.")):
        if name is not None and Path(name).suffix.lower() not in (".toml", ".csv"):
            raise UsageError(f"{name}: {what} A job's name ends in .toml or .csv.")
    job = narrowed(load_job(Path(job_file)), shots, {} if frames is None else {"frames": frames})
    other = None if against is None else load_job(Path(against))
    if other is not None and shots:
        other = replace(other, shots=tuple(shot for shot in other.shots if shot.name in shots))

    def tell(one: ShotReview) -> None:
        _tell_frames(one.review, one.name)
        if one.review.against is None:
            say(f"{one.page}: {_counts(one.review)}")
        else:
            say(f"{one.page}: A {_compared(one.review)} | B {_compared(one.review.against)}")

    done = review_job(job, folder, options, tell, other)
    for name in () if other is None else without_partner(job, other):
        say(f"{name}: only in {against}, not looked at")
    say(f"{folder / INDEX}: {len(done)} shots")
    return 2 if strict and any(one.review.faulty for one in done) else 0


def _tell_frames(review: Review, shot: str = "") -> None:
    """Every fault of a review, or of two side by side, and what could not be measured."""
    runs = [("", review)] if review.against is None else [("A", review), ("B", review.against)]
    for letter, run in runs:
        before = " ".join(word for word in (shot, letter) if word)
        for frame in run.faulty:
            say(f"{before} {frame.label}: {'; '.join(frame.faults)}".lstrip())
        for note in run.notes:
            say(f"{before}: {note}" if before else note)


def _counts(review: Review) -> str:
    return f"{len(review.frames)} frames, {review.verdict}"


def _compared(review: Review) -> str:
    return "; ".join(filter(None, (_counts(review), review.middles)))
