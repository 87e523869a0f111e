"""Score any number of matters on the same images in one run: stills, shots, and comps made with them."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import DatasetError, FlyawayError
from flyaway.evaluation import edges, metrics, report, shot_report, shots, strips
from flyaway.evaluation.layouts import Colours, EvaluationSet, Item
from flyaway.evaluation.matters import Alpha, Matter, begin_shot, found
from flyaway.evaluation.report import mean_scores
from flyaway.frames.ours import SOFTWARE, refuse_to_replace
from flyaway.pictures import motion, sheet
from flyaway.yardsticks import Found

__all__ = ["Evaluation", "Matter", "Row", "check_places", "evaluate", "mean_scores", "sampled", "write"]

PLACES = ("scores.md", "scores.json", "sheet.png")
SHEET_IMAGES = 24
SLOW_MEGAPIXELS = 8.0
"""Larger frames are not measured by `metrics.SLOW`: at 4096×4096 that takes half a minute or more."""

OF_SHOTS = ("mad", "mse", "mad_known", "soft_mad", "iou", "false_islands", "false_holes")
"""What is measured of each frame of a shot, if nothing is named."""
MEASURES = (*metrics.MEASURES, *edges.BIAS, *edges.COMP, *shots.MEASURES)


@dataclass(frozen=True)
class Row:
    """What one matter scored on one image; ``scores`` by the names of `MEASURES`.

    ``shot`` is the shot that the image is a frame of, or empty.
    """

    image: str
    width: int
    height: int
    matter: str
    seconds: float
    scores: Mapping[str, float]
    shot: str = ""


@dataclass
class Evaluation:
    """A run: rows of every image by every matter, in the set's order, and pictures of the worst images.

    ``own_trimaps`` images brought a trimap of their own; on ``too_large`` images the slow measures were
    passed over; the truths of ``faint`` images have no coverage above 1 of 255. ``curves`` holds each
    matter's bias by contrast, as `edges.bias_curve` gives it.
    """

    set: EvaluationSet
    matters: Sequence[str]
    measures: Sequence[str] = metrics.MEASURES
    own_trimaps: int = 0
    too_large: int = 0
    faint: int = 0
    rows: list[Row] = field(default_factory=list)
    worst: list[sheet.Strip] = field(default_factory=list)
    curves: dict[str, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def images(self) -> int:
        """How many images were scored."""
        return len(self.rows) // len(self.matters)

    def mean(self, matter: str) -> dict[str, float]:
        """Mean of each measure over the images where it has a value; NaN if it has none anywhere."""
        return mean_scores([row for row in self.rows if row.matter == matter], self.measures)

    def median_seconds(self, matter: str) -> float:
        """Median wall time of the matter's calls."""
        return float(np.median([row.seconds for row in self.rows if row.matter == matter]))


@dataclass(frozen=True)
class _Frame:
    """An image as it was read, and what was found on it."""

    plate: NDArray[np.uint8]
    truth: NDArray[np.float32]
    trimap: NDArray[np.uint8] | None
    colours: Colours | None
    alphas: dict[str, Alpha] = field(default_factory=dict)


def evaluate(
    images: EvaluationSet,
    matters: Mapping[str, Matter],
    *,
    limit: int | None = None,
    every: int = 1,
    measures: Sequence[str] | None = None,
    comp: bool = False,
    slow_megapixels: float = SLOW_MEGAPIXELS,
    sheet_images: int = SHEET_IMAGES,
    on_scored: Callable[[str], None] | None = None,
) -> Evaluation:
    """Score every matter on every image; the first matter decides which images are the worst.

    Parameters
    ----------
    limit, every : which images are scored, see `sampled`.
    measures : names of `MEASURES`; MAD is always measured, since the worst images are found by it. If not
        given: those of `metrics` for stills, `OF_SHOTS` and those of `shots` for shots, and the bias of edges
        where the set knows the colours that were mixed.
    comp : measure the error of comps besides; the set must know the colours that were mixed.
    slow_megapixels : larger frames are not measured by `metrics.SLOW`.
    sheet_images : how many of the worst images to keep pictures of.
    on_scored : called with an image's name when all matters have been scored on it.

    Raises
    ------
    DatasetError : an image cannot be read, or does not fit its truth. A score over part of a set would pass
        for one over the whole, so the run ends there.
    """
    if not matters:
        raise FlyawayError("Nothing to evaluate: name a model, or ask for RVM")
    items = sampled(images.items, limit, every)
    if not items:
        raise DatasetError(f"{images.name} has no images")
    result = Evaluation(images, list(matters), _measures(images, measures, comp))
    heap: list[tuple[float, int, sheet.Strip]] = []
    before: tuple[str, _Frame] | None = None
    for index, item in enumerate(items):
        frame = _load(item)
        follows = before is not None and item.shot != "" and before[0] == item.shot
        if not follows:
            begin_shot(matters)
        wanted = {*result.measures, "mad"}
        if frame.truth.size > slow_megapixels * 1e6 and wanted & set(metrics.SLOW):
            wanted -= set(metrics.SLOW)
            result.too_large += 1
        result.own_trimaps += frame.trimap is not None
        result.faint += 0 < float(frame.truth.max()) < 1.5 / 255
        rows = _score(item, frame, before[1] if before and follows else None, matters, wanted, result)
        result.rows += rows
        error = rows[0].scores["mad"]
        if sheet_images and (len(heap) < sheet_images or error > heap[0][0]):
            label = f"{item.name}  MAD {error:.4f}"
            keep = heapq.heappush if len(heap) < sheet_images else heapq.heapreplace
            keep(heap, (error, -index, strips.strip(label, frame.plate, frame.truth, frame.alphas)))
        before = (item.shot, frame)
        if on_scored is not None:
            on_scored(item.name)
    result.worst = [kept for _, _, kept in sorted(heap, key=lambda entry: entry[:2], reverse=True)]
    return result


def sampled(items: Sequence[Item], limit: int | None, every: int = 1) -> Sequence[Item]:
    """The images to score.

    Of stills every Nth, then at most ``limit`` at even distances: a sorted set is sampled throughout.
    Of shots every Nth, and the first ``limit`` frames of each: a gap would be a leap in time.
    """
    if every < 1 or (limit is not None and limit < 1):
        raise DatasetError(f"A limit of {limit} with every {every}th image leaves no image to score")
    if any(item.shot for item in items):
        of_shot: dict[str, list[Item]] = {}
        for item in items:
            of_shot.setdefault(item.shot, []).append(item)
        return [item for shot in list(of_shot)[::every] for item in of_shot[shot][:limit]]
    items = items[::every]
    if limit is None or limit >= len(items):
        return items
    return [items[int(place)] for place in np.linspace(0, len(items) - 1, limit).round()]


def check_places(folder: Path, names: Iterable[str]) -> None:
    """Raise UsageError where scores would replace anything but earlier ones; before an evaluation, too."""
    for name in names:
        refuse_to_replace(folder / name, "plot" if name.endswith(".svg") else "evaluation")


def write(result: Evaluation, folder: Path, sections: Sequence[str] = ()) -> Iterator[Path]:
    """Write ``scores.md``, ``scores.json``, plots and ``sheet.png`` into a folder; yields each path.

    ``sections`` are lines of Markdown that go below the table (groups, the refiner's worth).
    """
    texts = {"scores.md": report.markdown(result, sections), "scores.json": report.as_json(result)}
    texts |= shot_report.plots(result)
    check_places(folder, [*texts, PLACES[-1]])
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        yield folder / name
    if result.worst:
        sheet.write(folder / "sheet.png", result.worst, SOFTWARE.format(kind="contact sheet"))
        yield folder / "sheet.png"


def _measures(images: EvaluationSet, named: Sequence[str] | None, comp: bool) -> list[str]:
    if comp and not images.colours:
        raise DatasetError(
            f"{images.name} does not know the colours that were mixed: a comp needs NAME.fg.png, NAME.bg.png"
        )
    if named is None:
        named = (*OF_SHOTS, *shots.MEASURES) if images.shots else metrics.MEASURES
        named = (*named, *(edges.BIAS if images.colours else ()))
    unknown = [name for name in named if name not in MEASURES]
    if unknown:
        raise FlyawayError(f"There is no measure {', '.join(unknown)}; there are: {', '.join(MEASURES)}")
    return list(dict.fromkeys((*named, *(edges.COMP if comp else ()))))


def _load(item: Item) -> _Frame:
    plate, truth, trimap = item.load_plate(), item.load_alpha(), item.load_trimap()
    colours = item.load_colours()
    parts = {"matte": truth, "trimap": trimap}
    if colours is not None:
        parts |= {"foreground": colours[0], "background": colours[1]}
    for what, image in parts.items():
        if image is not None and image.shape[:2] != plate.shape[:2]:
            sizes = (f"{part.shape[1]}×{part.shape[0]}" for part in (plate, image))
            raise DatasetError(f"{item.name}: plate and {what} differ in size ({', '.join(sizes)})")
    return _Frame(plate, truth, trimap, colours)


def _score(
    item: Item,
    frame: _Frame,
    before: _Frame | None,
    matters: Mapping[str, Matter],
    wanted: set[str],
    result: Evaluation,
) -> list[Row]:
    """A row of each matter; its alphas are kept in the frame, its part of the bias curves in the result."""
    truth = frame.truth
    band = metrics.trimap_of(truth) if frame.trimap is None else frame.trimap
    flow = before is not None and bool(wanted & set(shots.WITH_FLOW))
    moves = motion.between(before.plate, frame.plate) if before is not None and flow else None
    hard = bool(((truth == 0) | (truth == 1)).all())
    rows = []
    for name, matter in matters.items():
        answer, seconds = _timed(matter, frame.plate, f"{name} on {item.name}")
        frame.alphas[name] = answer.alpha
        scores = metrics.score(answer.alpha, truth, band, wanted & set(metrics.MEASURES))
        if frame.colours is not None:
            scores |= _edges(answer, frame, wanted)
            if wanted & set(edges.BIAS):
                curve = np.stack(edges.bias_curve(answer.alpha, truth, *frame.colours))
                result.curves[name] = result.curves.get(name, 0) + curve
        if before is not None and wanted & set(shots.MEASURES):
            scores |= shots.pair(answer.alpha, before.alphas[name], truth, before.truth, moves, hard=hard)
        rows.append(Row(item.name, truth.shape[1], truth.shape[0], name, seconds, scores, item.shot))
    return rows


def _edges(answer: Found, frame: _Frame, wanted: set[str]) -> dict[str, float]:
    """Bias and comp errors where they are wanted."""
    assert frame.colours is not None  # noqa: S101 - its caller looked
    scores: dict[str, float] = {}
    if wanted & set(edges.BIAS):
        scores |= edges.bias(answer.alpha, frame.truth, *frame.colours)
    if wanted & set(edges.COMP):
        front, plate = frame.colours[0], frame.plate.astype(np.float32) / 255
        band = edges.comp_band(frame.truth)
        colours = {"comp_plate": plate, "comp_own": answer.foreground}
        for name, colour in colours.items():
            if colour is not None:
                scores[name] = edges.comp_error(answer.alpha, colour, frame.truth, front, band)
    return scores


def _timed(matter: Matter, plate: NDArray[np.uint8], what: str) -> tuple[Found, float]:
    start = time.perf_counter()
    answer = found(matter(plate))
    seconds = time.perf_counter() - start
    if answer.alpha.shape != plate.shape[:2]:
        raise FlyawayError(f"{what}: the matte has shape {answer.alpha.shape}, the plate {plate.shape[:2]}")
    return answer, seconds
