"""`flyaway bench --against`: a model and RVM, itself on another engine, or another flyaway, in turns."""

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
from flyaway.engines.base import ENGINES, check_installed
from flyaway.pictures.files import read_eight_bit
from flyaway.weights import list_models
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
    if against in ENGINES:
        check_installed(against)
    comparisons = []
    for model in models or list(list_models())[:1]:
        sides = _sides(model, against, options)
        comparisons += [
            compare(sides, plates, options, lambda line: errors.print(line, markup=False))
            for plates in _plates(sizes, shares, files)
        ]
    if json:
        say_raw(as_json(comparisons, options))
        return
    say(markdown(comparisons) + "\n")
    for remark in remarks(comparisons, options):
        say(f"- {remark}")


def _sides(model: str, against: str, options: Options) -> tuple[Side, Side]:
    if against == "rvm":
        return Side(model), Side(RVM)
    if against in ENGINES:
        return Side(model, engine=options.engine), Side(model, engine=against)
    return Side(model), Side(model, Path(against))


def _plates(
    sizes: Sequence[tuple[int, int]], shares: Sequence[float], files: Sequence[Path]
) -> Iterator[PlateSet]:
    for width, height in sizes:
        for share in shares:
            yield synthetic(width, height, share)
    for path in files:
        frames = sorted(child for child in path.iterdir() if child.is_file()) if path.is_dir() else [path]
        yield pictures(path.name, [read_eight_bit(frame) for frame in frames])
