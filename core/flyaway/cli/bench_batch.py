"""`flyaway bench batch`: the pipeline against its slowest stage."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from flyaway.cli.console import errors, say, say_raw


def bench_batch(
    size: Annotated[
        list[str] | None, typer.Option(help="HD, UHD or WIDTHxHEIGHT; may be repeated. Default: HD.")
    ] = None,
    frames: Annotated[int, typer.Option(min=4, help="Frames of each run.")] = 48,
    wait: Annotated[
        list[int] | None,
        typer.Option(help="Milliseconds that a stand-in for a network elsewhere waits; may be repeated."),
    ] = None,
    model: Annotated[str, typer.Option(help="Which weights.")] = "fast",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    network: Annotated[bool, typer.Option(help="Run the real network too.")] = True,
    folder: Annotated[
        Path | None, typer.Option(help="On the disk to be measured. Default: the system's temporary folder.")
    ] = None,
    readers: Annotated[int, typer.Option(min=1, help="Threads that read.")] = 2,
    writers: Annotated[int, typer.Option(min=1, help="Threads that write.")] = 2,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Time reading, network and writing alone and together, the cold start, and a frame's overhead."""
    import flyaway
    from flyaway.batch import bench as timing
    from flyaway.batch.pipeline import Limits
    from flyaway.machine import load_average

    load = load_average()
    root = folder or Path(tempfile.gettempdir())
    limits = Limits(readers, writers)
    rows = []
    for width, height in [parse_size(text) for text in size or ["HD"]]:
        mattings = [timing.Waiting(milliseconds / 1000) for milliseconds in wait or []]
        for milliseconds, waiting in zip(wait or [], mattings, strict=True):
            errors.print(f"{width}×{height}, a network that waits {milliseconds} ms", markup=False)
            rows.append(timing.measure(waiting, root, width, height, frames, limits))
        if network:
            errors.print(f"{width}×{height}, {model}", markup=False)
            matting = flyaway.load(model, device=device)
            rows.append(timing.measure(matting, root, width, height, frames, limits))
    start = timing.cold_start(root, model, device)
    besides = timing.overhead(root)
    if as_json:
        document = {
            "rows": [row.as_json() for row in rows],
            "cold_start_seconds": start,
            "overhead_seconds_a_frame": besides,
            "load": load,
        }
        say_raw(json.dumps(document))
        return
    say(timing.markdown(rows))
    say(f"\nMilliseconds a frame; {frames} frames, {readers} readers, {writers} writers.")
    say(f"Cold start to the first matte on disk: {start:.2f} s. Overhead: {besides * 1000:.1f} ms a frame.")
    say(f"Load before: {load}.")


def parse_size(text: str) -> tuple[int, int]:
    """``HD``, ``UHD`` or ``WIDTHxHEIGHT`` as (width, height)."""
    from flyaway.bench import SIZES

    if text.upper() in SIZES:
        return SIZES[text.upper()]
    width, _, height = text.lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) >= 32 and int(height) >= 32):
        raise typer.BadParameter(f"{text!r} is no size: HD, UHD or WIDTHxHEIGHT of at least 32x32")
    return int(width), int(height)
