"""`flyaway bench processes`: one process of many threads against a process a core."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from flyaway.cli.bench_batch import parse_size
from flyaway.cli.console import errors, say


def bench_processes(
    size: Annotated[
        list[str] | None, typer.Option(help="HD, UHD or WIDTHxHEIGHT; may be repeated. Default: HD.")
    ] = None,
    frames: Annotated[int, typer.Option(min=2, help="Frames of each run, EXR.")] = 24,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is timed; the least counts.")] = 2,
    cores: Annotated[int | None, typer.Option(min=1, help="Cores to use. Default: all.")] = None,
    model: Annotated[str, typer.Option(help="Which weights.")] = "fast",
    folder: Annotated[
        Path | None, typer.Option(help="On the disk to be measured. Default: the system's temporary folder.")
    ] = None,
) -> None:
    """Time a batch of EXR by one process with all cores, and by a process a core: frames an hour a core."""
    from flyaway import machine
    from flyaway.batch import bench_processes as timing

    load = machine.load_average()
    found = []
    for width, height in [parse_size(text) for text in size or ["HD"]]:
        errors.print(f"{width}×{height}", markup=False)
        which = timing.arrangements(cores or machine.cores())
        root = folder or Path(tempfile.gettempdir())
        found += timing.measure(which, model, root, width, height, frames, rounds)
    say(timing.markdown(found) + "\n")
    say(f"- {machine.environment_line()}; {frames} frames a run, the least of {rounds}; load before: {load}")
