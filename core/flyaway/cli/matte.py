"""`flyaway matte`: plates in, mattes out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import flyaway
from flyaway.batch import ExitCode, Job, Report, RunOptions, Shot, Target, plan_shot, run_plan
from flyaway.batch.finish import check_finish, files_of
from flyaway.batch.first_plate import check_writable
from flyaway.batch.others import other_engine, other_weights
from flyaway.batch.stop import stop_on_signals
from flyaway.batch.store import check_report
from flyaway.cli.alpha import AlphaKind, AlphaOption
from flyaway.cli.edges import EdgeKind, ScreenKind
from flyaway.cli.finish import (
    BlackOption,
    ChokeOption,
    CoreOption,
    FillOption,
    GammaOption,
    GarbageOption,
    GrowOption,
    InvertOption,
    RawOption,
    SoftenOption,
    SubjectOption,
    WhiteOption,
    finish_of,
)
from flyaway.cli.outputs import (
    DepthKind,
    OutputKind,
    Suffix,
    existing_policy,
    write_options,
)
from flyaway.cli.plan import print_table, row_of
from flyaway.cli.progress import (
    EngineOption,
    ProgressKind,
    ProgressOption,
    ReportOption,
    ThreadsOption,
    notice,
    show,
)
from flyaway.cli.reports import report_to
from flyaway.color import check_config, resolve_config, resolve_space
from flyaway.engines.base import DEFAULT_ENGINE
from flyaway.frames import ReadOptions
from flyaway.matting import DEFAULT_MODEL


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
    engine: EngineOption = DEFAULT_ENGINE,
    kind: Annotated[
        OutputKind,
        typer.Option(
            "--output",
            help="matte: coverage alone; rgba: colour and matte; fg: the person's own colour, straight; comp:"
            " the person --over something else; beside: all the plate's channels, bit for bit, and the matte"
            " as one more (EXR); unknown: how unsure the network is, instead of a matte.",
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
    alpha_in: AlphaOption = AlphaKind.AUTO,
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
    edge_colour: Annotated[
        EdgeKind | None,
        typer.Option(
            "--edge-colour",
            help="foreground (default): no old background at soft edges; plate: the plate's colour as it is."
            " With beside, foreground adds fg.R, fg.G and fg.B.",
        ),
    ] = None,
    despill: Annotated[
        ScreenKind | None, typer.Option(help="Take a green or blue screen's light off the person.")
    ] = None,
    despill_strength: Annotated[float, typer.Option(min=0, max=1, help="How much of it: 0 to 1.")] = 1.0,
    over: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|COLOUR",
            help="For comp: a picture, a frame pattern, black, white, grey, green, #rrggbb (sRGB) or r,g,b"
            " (scene-linear).",
        ),
    ] = None,
    with_unknown: Annotated[
        bool,
        typer.Option("--with-unknown", help="EXR: the unknown region as a channel more, unknown.A."),
    ] = False,
    subject: SubjectOption = "all",
    black: BlackOption = 0.0,
    white: WhiteOption = 1.0,
    gamma: GammaOption = 1.0,
    grow: GrowOption = None,
    choke: ChokeOption = None,
    soften: SoftenOption = 0.0,
    fill_holes: FillOption = 0.0,
    garbage: GarbageOption = "",
    core: CoreOption = "",
    invert: InvertOption = False,
    raw: RawOption = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace mattes that exist.")] = False,
    skip_existing: Annotated[
        bool,
        typer.Option(
            "--skip-existing", help="Keep mattes that exist and are whole, made with whatever settings."
        ),
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Do what the journal says is missing, stale or broken.")
    ] = False,
    coarse_only: Annotated[bool, typer.Option("--coarse-only", help="Leave the fine regions out.")] = False,
    stills: Annotated[
        bool, typer.Option("--stills", help="Matte each frame by itself, also with a model that remembers.")
    ] = False,
    steadiness: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="How far hair is held from frame to frame of a shot; 0: as the network has it."
        ),
    ] = 1.0,
    previews: Annotated[
        Path | None,
        typer.Option(
            "--previews", metavar="FOLDER", help="Also write a small RGBA PNG of every frame there."
        ),
    ] = None,
    threads: ThreadsOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be done and what it takes; do nothing.")
    ] = False,
    progress: ProgressOption = ProgressKind.AUTO,
    report_path: ReportOption = None,
) -> int:
    """Matte a photograph, a folder or a frame sequence.

    Exit code: 0, every requested frame is on disk and was read back; 1, nothing was started (bad arguments,
    no such input, weights or device); 2, some frames failed; 33, some failed for want of memory; 75, another
    run is at work on the same frames; 130, interrupted.
    """
    config = None if ocio is None else resolve_config(ocio)
    check_config(config)
    write = write_options(kind, premultiplied, channel, depth, compression, crop=crop)
    write = replace(
        write,
        unknown=with_unknown,
        edge_colour=edge_colour.value if edge_colour else None,
        despill=despill.value if despill else None,
        despill_strength=despill_strength,
        over=over,
    )
    finish = finish_of(
        black=black,
        white=white,
        gamma=gamma,
        grow=grow,
        choke=choke,
        soften=soften,
        fill_holes=fill_holes,
        invert=invert,
        garbage=garbage,
        core=core,
        subject=subject,
        raw=raw,
    )
    target = Target(destination, write, f".{suffix.value}" if suffix else None)
    plan = plan_shot(str(source), source, [target], frames)
    options = RunOptions(
        in_space=None if in_space is None else resolve_space(in_space, config),
        read=ReadOptions(part=part, layer=layer, config=config, alpha_in=alpha_in.value),
        existing=existing_policy(overwrite=overwrite, skip=skip_existing, resume=resume),
        refine=not coarse_only,
        stills=stills,
        steadiness=steadiness,
        previews=previews,
        finish=finish,
    )
    check_finish(finish, plan, previews)  # before seconds of loading
    if report_path is not None:
        check_report(report_path, files_of(plan, finish))
    if dry_run:
        shot = Shot(plan.name, source, (target,), frames, model, part=part)
        row = row_of(shot, plan, options, engine)
        print_table(Job(plan.name, (shot,)), [row])
        return ExitCode.USAGE if row.wrong else ExitCode.OK
    check_writable(plan, part)
    matting = flyaway.load(model, device=device, engine=engine, threads=threads)
    resumes = options.existing == "resume"
    others = (
        [*other_weights(plan, matting.info, engine), *other_engine(plan, matting.info, engine)]
        if resumes
        else []
    )
    notices = [*plan.notices, *others]
    notice(notices)
    with show(progress, len(plan.tasks)) as shown, stop_on_signals(shown.stopping) as stop:
        shown.start(plan.tasks, name=plan.name, notices=notices, model=model, device=matting.device)
        report = run_plan(matting, plan, options, shown, stop=stop)
        shown.end(report, summary(report))
    report_to(report_path, report.as_json())
    return report.exit_code


def summary(report: Report) -> str:
    """Two or three numbers, and what a sequence lacks (of a range that was asked for, the frames failed)."""
    parts = [
        f"{report.counts[status]} {status}"
        for status in ("written", "skipped", "failed")
        if report.counts[status]
    ]
    parts += [*report.remarks, *(f"the mattes' disk: {lack}" for lack in report.lacks)]
    if report.interrupted:
        parts.append(f"interrupted after {report.done} of {report.requested}; --resume does the rest")
    return ", ".join(parts) or "nothing done"
