"""`flyaway bench --against`: a model and RVM, or another flyaway, in turns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from flyaway.bench import RVM
from flyaway.bench_against import (
    Options,
    PlateSet,
    Side,
    as_json,
    compare,
    markdown,
    pictures,
    remarks,
    synthetic,
)
from flyaway.cli.console import errors, say, say_raw
from flyaway.pictures.files import read_eight_bit
from flyaway.weights import list_models, model_info
from flyaway.yardsticks.rvm import find_weights


def bench_against(
    against: str,
    models: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    shares: Sequence[float],
    files: Sequence[Path],
    options: Options,
    json: bool,
) -> None:
    """Compare every model with RVM or with itself elsewhere, on drawn plates and on pictures."""
    if against == "rvm":
        find_weights()
    comparisons = []
    for model in models or list(list_models())[:1]:
        sides = (Side(model), Side(RVM) if against == "rvm" else Side(model, Path(against)))
        comparisons += [
            compare(sides, plates, options, lambda line: errors.print(line, markup=False))
            for plates in _plates(model, sizes, shares, files)
        ]
    if json:
        say_raw(as_json(comparisons, options))
        return
    say(markdown(comparisons) + "\n")
    for remark in remarks(comparisons, options):
        say(f"- {remark}")


def _plates(
    model: str, sizes: Sequence[tuple[int, int]], shares: Sequence[float], files: Sequence[Path]
) -> Iterator[PlateSet]:
    cell = int(model_info(model).config["refiner"]["cell"])
    for width, height in sizes:
        for share in shares:
            yield synthetic(width, height, share, cell)
    for path in files:
        frames = sorted(child for child in path.iterdir() if child.is_file()) if path.is_dir() else [path]
        yield pictures(path.name, [read_eight_bit(frame) for frame in frames])
