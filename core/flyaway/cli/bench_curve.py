"""`flyaway bench curve`: time and memory over how much is refined, at several resolutions, as plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from flyaway.cli.bench_batch import parse_size
from flyaway.cli.console import errors, say

DRAWN = {"cost": "milliseconds a call", "memory": "peak MB of the process"}  # plots, and their upward axes


def bench_curve(
    model: Annotated[str, typer.Option(help="Which weights.")] = "fast",
    size: Annotated[
        list[str] | None,
        typer.Option(help="HD, 1440p, UHD, 8K or WIDTHxHEIGHT; may be repeated. Default: those four."),
    ] = None,
    unknown: Annotated[
        list[float] | None,
        typer.Option(help="Per cent of the cells; may be repeated. Default: 0 to 30 in six steps."),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs of each point.")] = 5,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads. Default: the engine's.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for cost.svg and memory.svg.")
    ] = None,
) -> None:
    """Time a model from none to much to refine: a straight line at every size, and how straight it is."""
    from flyaway import bench_curve as timing
    from flyaway.batch.destinations import check_destination
    from flyaway.evaluation.plot import lines
    from flyaway.frames.ours import refuse_to_replace
    from flyaway.machine import busy, cores, environment_line, load_average

    if output is not None:
        check_destination(output)
        for name in DRAWN:
            refuse_to_replace(output / f"{name}.svg", "plot")
    sizes = {text: timing.SIZES.get(text) or parse_size(text) for text in size or timing.SIZES}
    shares = sorted(percent / 100 for percent in unknown) if unknown else timing.SHARES
    if len(shares) < 3 or not 0 <= shares[0] <= shares[-1] <= 1:
        raise typer.BadParameter("a curve needs three shares of the cells or more, from 0 to 100 per cent")
    load = load_average()
    curves = timing.measure_curves(
        model, sizes, shares, runs=runs, threads=threads, say=lambda line: errors.print(line, markup=False)
    )
    say(timing.markdown(curves) + "\n")
    say(f"- {environment_line()}; {runs} runs a point; CPU threads: {threads or 'the engine chooses'}")
    if busy(load, cores()):
        say(f"- THE MACHINE IS BUSY: load {load:.2f} on {cores()} cores before the first run")
    if output is None:
        return
    output.mkdir(parents=True, exist_ok=True)
    for name, up in DRAWN.items():
        series = {}
        for one in curves:
            values: Sequence[float | None] = one.wall if name == "cost" else one.memory
            points = zip(one.shares, values, strict=True)
            series[one.name] = [(100 * share, value) for share, value in points if value is not None]
        highest = max((y for points in series.values() for _, y in points), default=1.0)
        drawn = lines(f"{model}, {up}", "cells refined, %", up, series, (0.0, 1.05 * highest))
        (output / f"{name}.svg").write_text(drawn, encoding="utf-8")
        say(f"- {output / name}.svg")
