"""``flyaway bench``: how fast the models are on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flyaway.cli.bench_batch import bench_batch, parse_size
from flyaway.cli.bench_curve import bench_curve
from flyaway.cli.bench_processes import bench_processes
from flyaway.cli.console import errors, say
from flyaway.cli.progress import EngineOption
from flyaway.engines.base import DEFAULT_ENGINE


def register(app: typer.Typer) -> None:
    """Add the command to the CLI."""
    group = typer.Typer(invoke_without_command=True)
    group.callback()(bench)
    group.command("batch")(bench_batch)
    group.command("curve")(bench_curve)
    group.command("processes")(bench_processes)
    app.add_typer(group, name="bench")


def bench(
    context: typer.Context,
    model: Annotated[
        list[str] | None, typer.Option(help="Model to time; may be repeated. Default: the first released.")
    ] = None,
    size: Annotated[
        list[str] | None, typer.Option(help="HD, UHD or WIDTHxHEIGHT; may be repeated. Default: HD and UHD.")
    ] = None,
    unknown: Annotated[
        list[float] | None,
        typer.Option(help="Per cent of the cells to refine; may be repeated. Default: 3, 6 and 13."),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs of each configuration.")] = 20,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: the engine's.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    engine: EngineOption = DEFAULT_ENGINE,
    rvm: Annotated[
        bool, typer.Option(help="Time RVM-MobileNetV3 too, where its package is installed.")
    ] = True,
    against: Annotated[
        str | None,
        typer.Option(
            help="Time in turns with `rvm`, another engine (`openvino`), or a checkout or wheel at this path."
        ),
    ] = None,
    plate: Annotated[
        list[Path] | None,
        typer.Option(help="A picture, or a folder of frames, to time too (with --against); may be repeated."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Fresh processes of each side, with --against.")] = 4,
    bare: Annotated[
        bool, typer.Option("--bare", help="With --against: the network alone, no reading in linear light.")
    ] = False,
    shot: Annotated[
        bool, typer.Option("--shot", help="With --against and --plate: frames as a shot, each with memory.")
    ] = False,
    flow: Annotated[
        bool, typer.Option("--flow", help="With --shot: time a frame of many, several at once, not a call.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Time models at forced shares of unknown cells: median, p95, memory, milliseconds a stage.

    With --against two sides are timed in turns, in one run: their ratio, and how far it spreads.
    """
    if context.invoked_subcommand is not None:
        return
    import flyaway
    from flyaway import bench as timing
    from flyaway.machine import load_average

    if (shot or bare or plate) and against is None:
        raise typer.BadParameter("--plate, --shot and --bare go with --against: two sides are timed in turns")
    if shot and (size or not plate):
        raise typer.BadParameter("a shot has frames: --shot goes with --plate FOLDER and without --size")
    if flow and not shot:
        raise typer.BadParameter("frames of a shot flow: --flow goes with --shot")
    sizes = [parse_size(text) for text in size or ["HD", "UHD"]]
    shares = [parse_share(percent) for percent in unknown or [3, 6, 13]]
    if against is not None:
        from flyaway.bench_against import Options
        from flyaway.cli.bench_against import bench_against

        options = Options(rounds, runs, device, engine, threads, bare, shot, flow)
        # Pictures alone are timed where no size is asked for.
        sizes = [] if plate and not size else sizes
        bench_against(against, model or [], sizes, shares, plate or [], options, json)
        return
    load = load_average()
    absent = _why_no_rvm() if rvm else None
    jobs = timing.plan(
        model or list(flyaway.list_models())[:1],
        sizes=sizes,
        shares=shares,
        with_rvm=rvm and absent is None,
        runs=runs,
        threads=threads,
        device=device,
        engine=engine,
    )
    done = []
    for number, job in enumerate(jobs, 1):
        errors.print(f"{number}/{len(jobs)} {job.model} {job.width}×{job.height}", markup=False)
        done.append((job, timing.measure_fresh(job)))
    if json:
        say(timing.as_json(done, load))
        return
    say(timing.markdown(done) + "\n")
    for remark in timing.remarks(jobs, load) + ([absent] if absent else []):
        say(f"- {remark}")


def parse_share(percent: float) -> float:
    """Per cent of unknown cells as a share."""
    if not 0 < percent <= 100:
        raise typer.BadParameter(f"{percent} is no share of cells: above 0, up to 100 per cent")
    return percent / 100


def _why_no_rvm() -> str | None:
    from flyaway.errors import NoEngineError
    from flyaway.yardsticks.rvm import find_weights

    try:
        find_weights()
    except NoEngineError as error:
        return str(error)
    return None
