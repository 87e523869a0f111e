"""Two sides timed in turns: a model against RVM, or itself on another engine, in another checkout or wheel.

A machine is never equally quick for long, so neither side is timed alone: each round runs both, each in a
fresh process, and the next round begins with the other side. A round gives one ratio; the table shows their
median and how far they spread. CPU time is told beside wall time: on a busy machine it says more, and never
as much as an idle one would.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway import bench_worker
from flyaway.bench import RVM
from flyaway.engines.base import DEFAULT_ENGINE, ENGINES
from flyaway.errors import EngineError
from flyaway.machine import cores, environment, environment_line, share_of_others, work_done
from flyaway.pictures.drawn import gradient_plate

WARM_UP = 2
FRAMES = 6  # of the shot that a picture is made into: RVM is given frames, and each model one at a time
OTHERS = 0.05  # share of the cores that others may use before a reader must be warned
FORMAT = 1


@dataclass(frozen=True)
class Side:
    """One of the two: a model, the flyaway that runs it (None: this one), the engine (None: the options')."""

    model: str
    source: Path | None = None
    engine: str | None = None

    @property
    def name(self) -> str:
        """How a table names it."""
        where = "" if self.source is None else f" of {self.source.name}"
        return f"{self.model}{where}" + ("" if self.engine is None else f" on {self.engine}")


@dataclass(frozen=True)
class PlateSet:
    """What both sides are given.

    Attributes
    ----------
    name : how a table names it.
    frames : N×H×W×3 uint8 sRGB.
    share : of the cells that are refined; None leaves the choice to the model.
    """

    name: str
    frames: NDArray[np.uint8]
    share: float | None = None


@dataclass(frozen=True)
class Options:
    """How both sides are run.

    Attributes
    ----------
    rounds : fresh processes of each side.
    runs : timed calls of each process, after the first and two to warm up.
    bare : the network alone: its alpha is not read again in linear light, as RVM's never is.
    shot : frames are matted in order, there and back, each with the memory of those before, as RVM always is.
    flow : a shot's frames are handed over one after the other, several at once where a side can; what is told
        is the whole stretch's time a frame, not a call's.
    """

    rounds: int = 4
    runs: int = 8
    device: str = "cpu"
    engine: str = DEFAULT_ENGINE
    threads: int | None = None
    bare: bool = False
    shot: bool = False
    flow: bool = False


@dataclass(frozen=True)
class Comparison:
    """Two sides on the same plates. Milliseconds and 10⁶ bytes; a list has one number a round.

    Attributes
    ----------
    wall, cpu : median of a call, of either side.
    load, first : `load()` and the first call after it, of either side.
    memory : largest resident size; None where the system does not say.
    stages : median of each stage of the first round, of either side.
    others : share of all cores that others used during each run, where the system says it (Linux).
    difference : largest difference of the two alphas; None against another network.
    """

    sides: tuple[str, str]
    plates: str
    wall: tuple[list[float], list[float]]
    cpu: tuple[list[float], list[float]]
    load: tuple[list[float], list[float]]
    first: tuple[list[float], list[float]]
    memory: tuple[float | None, float | None]
    stages: tuple[dict[str, float], dict[str, float]]
    others: list[float]
    difference: float | None

    def ratios(self, what: str = "wall") -> list[float]:
        """First side over second, one a round; below 1 the first is quicker."""
        first, second = getattr(self, what)
        return [a / b for a, b in zip(first, second, strict=True)]


def synthetic(width: int, height: int, share: float) -> PlateSet:
    """A drawn plate, moved a little from frame to frame, with a share of its cells forced."""
    plate = gradient_plate(width, height)
    frames = np.stack([np.roll(plate, (number, 2 * number), (0, 1)) for number in range(FRAMES)])
    return PlateSet(f"{width}×{height}, {share:.0%} forced", frames, share)


def pictures(name: str, plates: Sequence[NDArray[np.uint8]]) -> PlateSet:
    """Real plates of one size, or one picture that is made into a shot; the model chooses what it refines."""
    frames = list(plates)
    if len(frames) == 1:
        frames = [np.roll(frames[0], (0, 2 * number), (0, 1)) for number in range(FRAMES)]
    height, width = frames[0].shape[:2]
    return PlateSet(f"{name} {width}×{height}", np.stack(frames))


def compare(
    sides: tuple[Side, Side], plates: PlateSet, options: Options, tell: Callable[[str], None] | None = None
) -> Comparison:
    """Time two sides in turns.

    Raises
    ------
    EngineError : a side that failed, in its own words; or cells that are forced in a shot.
    """
    if options.shot and plates.share is not None:
        raise EngineError("no cells can be forced in a shot: time plates of one (--plate FOLDER --shot)")
    answers: tuple[list[dict[str, Any]], list[dict[str, Any]]] = ([], [])
    others: list[float] = []
    with tempfile.TemporaryDirectory() as name, _paths(sides, Path(name)) as paths:
        folder = Path(name)
        np.save(folder / "plates.npy", plates.frames)
        for number in range(options.rounds):
            for which in (0, 1) if number % 2 == 0 else (1, 0):
                if tell is not None:
                    tell(f"{plates.name}: round {number + 1} of {options.rounds}, {sides[which].name}")
                before = work_done()
                answers[which].append(_run(sides[which], paths[which], which, folder, plates, options))
                others += share_of_others(before, work_done())
        difference = None
        if sides[0].model == sides[1].model:
            alphas = [np.load(folder / f"alpha{which}.npy") for which in (0, 1)]
            difference = float(np.abs(alphas[0] - alphas[1]).max())

    def per_round(what: str) -> tuple[list[float], list[float]]:
        first, second = ([float(np.median(answer[what])) for answer in side] for side in answers)
        return first, second

    def memory(side: list[dict[str, Any]]) -> float | None:
        return max((answer["memory"] for answer in side if answer["memory"]), default=None)

    return Comparison(
        sides=(sides[0].name, sides[1].name),
        plates=plates.name,
        wall=per_round("wall"),
        cpu=per_round("cpu"),
        load=per_round("load"),
        first=per_round("first"),
        memory=(memory(answers[0]), memory(answers[1])),
        stages=(answers[0][0]["stages"], answers[1][0]["stages"]),
        others=others,
        difference=difference,
    )


def markdown(comparisons: Sequence[Comparison]) -> str:
    """The comparisons as a table: medians of the rounds, and the range of the ratios."""
    lines = [
        "| A | B | plate | A ms | B ms | A/B | spread | A/B of CPU time | load() ms | first/warm | peak MB |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for c in comparisons:
        wall, cpu = c.ratios(), c.ratios("cpu")
        warm = [np.median(side) for side in c.wall]
        first = ", ".join(f"{np.median(f) / w:.1f}" for f, w in zip(c.first, warm, strict=True))
        load = ", ".join(f"{np.median(side):.0f}" for side in c.load)
        memory = ", ".join("–" if side is None else f"{side:.0f}" for side in c.memory)
        lines.append(
            f"| {c.sides[0]} | {c.sides[1]} | {c.plates} | {warm[0]:.1f} | {warm[1]:.1f} "
            f"| **{np.median(wall):.2f}** | {min(wall):.2f}–{max(wall):.2f} | {np.median(cpu):.2f} "
            f"| {load} | {first} | {memory} |"
        )
    return "\n".join(lines)


def remarks(comparisons: Sequence[Comparison], options: Options) -> list[str]:
    """What a reader must know of the machine, the method and the sides."""
    method = (
        f"{options.rounds} rounds, A and B in turns, each in a fresh process: {options.runs} calls after "
        f"the first and {WARM_UP} to warm up; plate (uint8) in, alpha (float32) out, no files"
    )
    lines = [
        environment_line(),
        method,
        f"CPU threads: {options.threads or 'as each side is by default'}; a ratio below 1: A is quicker",
    ]
    if any(RVM in c.sides for c in comparisons):
        lines.append(f"{RVM}: one pass a frame in its sequence loop, with memory; coarse stage at 512 px")
    if options.shot:
        lines.append(
            "as a shot (--shot): frames in order, there and back, each with the memory of those before"
        )
    if options.flow:
        lines.append(
            "as they flow (--flow): `mattes`, frame after frame, several at once where a side can; time is "
            "that of all of them, a frame"
        )
    if options.bare:
        lines.append("the networks alone (--bare): no alpha was read again in linear light")
    lines += [
        f"{c.plates}: the two alphas differ by {c.difference:.2g} at most"
        for c in comparisons
        if c.difference is not None
    ]
    others = [share for c in comparisons for share in c.others]
    if not others:
        lines.append("this system does not say what others did meanwhile: make sure that nobody did anything")
    elif max(others) > OTHERS:
        lines.append(
            f"THE MACHINE WAS BUSY: others used {np.median(others):.0%} of its {cores()} cores, at most "
            f"{max(others):.0%}: the ratio of CPU time is a hint, the rest says little; repeat it when idle"
        )
    return lines


def as_json(comparisons: Sequence[Comparison], options: Options) -> str:
    """The comparisons, every round of them, and the machine."""
    rows = [asdict(c) | {"ratios": c.ratios(), "cpu_ratios": c.ratios("cpu")} for c in comparisons]
    document = {"format": FORMAT, "environment": environment(), "options": asdict(options), "rows": rows}
    return json.dumps(document, indent=1, ensure_ascii=False)


@contextmanager
def _paths(sides: tuple[Side, Side], folder: Path) -> Iterator[list[list[str]]]:
    """What goes before each side's path: a checkout's core/, or a wheel, unpacked."""
    paths: list[list[str]] = []
    for number, side in enumerate(sides):
        if side.source is None:
            paths.append([str(Path(bench_worker.__file__).parents[1])])
        elif (side.source / "core" / "flyaway" / "__init__.py").is_file():
            paths.append([str(side.source.resolve() / "core")])
        elif side.source.suffix == ".whl" and zipfile.is_zipfile(side.source):
            target = folder / f"wheel{number}"
            with zipfile.ZipFile(side.source) as wheel:
                wheel.extractall(target)
            paths.append([str(target)])
        else:
            raise EngineError(
                f"{side.source} is nothing to compare with: give rvm, a checkout of flyaway or a wheel of it"
                f", or an engine ({', '.join(ENGINES)})"
            )
    yield paths


def _run(
    side: Side, path: list[str], which: int, folder: Path, plates: PlateSet, options: Options
) -> dict[str, Any]:
    job = {
        "model": side.model, "path": path, "plates": str(folder / "plates.npy"),
        "share": plates.share,
        "alpha": str(folder / f"alpha{which}.npy"),
        "device": options.device, "engine": side.engine or options.engine, "threads": options.threads,
        "runs": options.runs, "warm_up": WARM_UP, "bare": options.bare, "shot": options.shot,
        "flow": options.flow,
    }  # fmt: skip
    code = Path(bench_worker.__file__).read_text(encoding="utf-8")
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise EngineError(f"Timing {side.name}: exit status {done.returncode}: {last}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
