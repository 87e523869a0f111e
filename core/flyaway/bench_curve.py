"""What a call costs over how much of the plate is refined, at several resolutions: time and peak memory.

Each point is a fresh process of `flyaway.bench`, so that its peak memory is its own. The cost should be a
straight line: so much a plate, and so much a cell. How far it is from one is told, and which way it bends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from flyaway.bench import Configuration, Timing, measure_fresh

SIZES = {"HD": (1920, 1080), "1440p": (2560, 1440), "UHD": (3840, 2160), "8K": (8192, 4320)}
SHARES = (0.0, 0.03, 0.06, 0.13, 0.2, 0.3)


@dataclass(frozen=True)
class Curve:
    """One resolution.

    Attributes
    ----------
    name : of the resolution.
    shares : of the cells that were refined, ascending.
    cells : how many that were.
    wall : milliseconds of a call, the median.
    memory : high-water mark of the process, 10⁶ bytes; None where the system does not say.
    """

    name: str
    shares: tuple[float, ...]
    cells: tuple[int, ...]
    wall: tuple[float, ...]
    memory: tuple[float | None, ...]

    @property
    def line(self) -> tuple[float, float]:
        """Milliseconds of a plate without cells, and of a cell: the straight line nearest to the points."""
        slope, start = np.polyfit(self.cells, self.wall, 1)
        return float(start), float(slope)

    @property
    def bend(self) -> float:
        """What a cell costs from the middle on, over one before it: 1 on a line, more where quadratic."""
        middle = len(self.cells) // 2
        first, second = (
            np.polyfit(self.cells[part], self.wall[part], 1)[0]
            for part in (slice(0, middle + 1), slice(middle, None))
        )
        return float(second / first)


def measure_curves(
    model: str,
    sizes: Mapping[str, tuple[int, int]],
    shares: Sequence[float] = SHARES,
    *,
    runs: int = 5,
    threads: int | None = None,
    say: Callable[[str], None] = print,
    timed: Callable[[Configuration], Timing] = measure_fresh,
) -> list[Curve]:
    """Time a model at every size and share.

    Parameters
    ----------
    model : its name.
    sizes : width and height by name.
    shares : of the cells, ascending, at least three; 0 is one cell.
    runs : timed calls of each process.
    threads : CPU threads; None leaves it to the engine.
    say : told of each point before it is timed.
    timed : times one of them.
    """
    curves = []
    for name, (width, height) in sizes.items():
        found = []
        for share in shares:
            say(f"{model} {name}, {share:.0%}")
            found.append(timed(Configuration(model, width, height, share, "cpu", threads=threads, runs=runs)))
        cells, wall, memory = zip(*((one.cells, one.median, one.memory) for one in found), strict=True)
        curves.append(Curve(name, tuple(shares), cells, wall, memory))
    return curves


def markdown(curves: Sequence[Curve]) -> str:
    """The curves as a table."""
    shares = curves[0].shares
    head = " | ".join(f"{share:.0%}" for share in shares)
    lines = [
        f"| frame | ms: {head} | ms a plate | µs a cell | bend | peak MB |",
        "|---|" + "---:|" * (len(shares) + 4),
    ]
    for curve in curves:
        start, slope = curve.line
        known = [value for value in curve.memory if value is not None]
        peak = f"{min(known):.0f}–{max(known):.0f}" if known else "–"
        wall = " | ".join(f"{value:.0f}" for value in curve.wall)
        lines.append(
            f"| {curve.name} | {wall} | {start:.0f} | {1000 * slope:.0f} | {curve.bend:.2f} | {peak} |"
        )
    return "\n".join(lines)
