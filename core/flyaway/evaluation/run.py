"""Score any number of matters on the same images in one run."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import DatasetError, FlyawayError
from flyaway.evaluation import metrics, report, sheet
from flyaway.evaluation.layouts import EvaluationSet, Item

Matter = Callable[[NDArray[np.uint8]], NDArray[np.floating[Any]]]
"""Takes a plate (H×W×3 uint8, sRGB-encoded), gives its alpha (H×W float in 0..1)."""

SHEET_IMAGES = 24
SLOW_MEGAPIXELS = 8.0
"""Larger frames are not measured by `metrics.SLOW`: at 4096×4096 that takes half a minute or more."""


@dataclass(frozen=True)
class Row:
    """What one matter scored on one image; ``scores`` by the names of `metrics.score`."""

    image: str
    width: int
    height: int
    matter: str
    seconds: float
    scores: Mapping[str, float]


@dataclass
class Evaluation:
    """A run: rows of every image by every matter, in the set's order, and pictures of the worst images.

    ``own_trimaps`` images brought a trimap of their own; on ``too_large`` images the slow measures were
    passed over.
    """

    set: EvaluationSet
    matters: Sequence[str]
    measures: Sequence[str] = metrics.MEASURES
    own_trimaps: int = 0
    too_large: int = 0
    rows: list[Row] = field(default_factory=list)
    worst: list[sheet.Strip] = field(default_factory=list)

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


def evaluate(
    images: EvaluationSet,
    matters: Mapping[str, Matter],
    *,
    limit: int | None = None,
    every: int = 1,
    measures: Sequence[str] = metrics.MEASURES,
    slow_megapixels: float = SLOW_MEGAPIXELS,
    sheet_images: int = SHEET_IMAGES,
    on_scored: Callable[[str], None] | None = None,
) -> Evaluation:
    """Score every matter on every image; the first matter decides which images are the worst.

    Parameters
    ----------
    limit : score only so many images, spread evenly over the set.
    every : score every so-manieth image only.
    measures : names of `metrics.MEASURES`; MAD is always measured, since the worst images are found by it.
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
    unknown = [name for name in measures if name not in metrics.MEASURES]
    if unknown:
        known = ", ".join(metrics.MEASURES)
        raise FlyawayError(f"There is no measure {', '.join(unknown)}; there are: {known}")
    items = spread(images.items, limit, every)
    if not items:
        raise DatasetError(f"{images.name} has no images")
    result = Evaluation(images, list(matters), list(measures))
    heap: list[tuple[float, int, sheet.Strip]] = []
    for index, item in enumerate(items):
        plate, truth, trimap = _load(item)
        result.own_trimaps += trimap is not None
        band = metrics.trimap_of(truth) if trimap is None else trimap
        wanted = {*measures, "mad"}
        if truth.size > slow_megapixels * 1e6 and wanted & set(metrics.SLOW):
            wanted -= set(metrics.SLOW)
            result.too_large += 1
        rows, alphas = [], {}
        for name, matter in matters.items():
            alphas[name], seconds = _timed(matter, plate, f"{name} on {item.name}")
            scores = metrics.score(alphas[name], truth, band, wanted)
            rows.append(Row(item.name, truth.shape[1], truth.shape[0], name, seconds, scores))
        result.rows += rows
        error = rows[0].scores["mad"]
        if sheet_images and (len(heap) < sheet_images or error > heap[0][0]):
            label = f"{item.name}  MAD {error:.4f}"
            keep = heapq.heappush if len(heap) < sheet_images else heapq.heapreplace
            keep(heap, (error, -index, sheet.strip(label, plate, truth, alphas)))
        if on_scored is not None:
            on_scored(item.name)
    result.worst = [kept for _, _, kept in sorted(heap, key=lambda entry: entry[:2], reverse=True)]
    return result


def spread(items: Sequence[Item], limit: int | None, every: int = 1) -> Sequence[Item]:
    """Every so-manieth item, then at most ``limit`` at even distances: a sorted set is sampled throughout."""
    if every < 1 or (limit is not None and limit < 1):
        raise DatasetError(f"A limit of {limit} with every {every}th image leaves no image to score")
    items = items[::every]
    if limit is None or limit >= len(items):
        return items
    return [items[int(place)] for place in np.linspace(0, len(items) - 1, limit).round()]


def mean_scores(rows: Sequence[Row], measures: Sequence[str]) -> dict[str, float]:
    """Mean of each measure over the rows where it has a value; NaN if it has none in any."""
    means = {}
    for name in measures:
        column = np.array([row.scores.get(name, np.nan) for row in rows], float)
        column = column[np.isfinite(column)]
        means[name] = float(column.mean()) if column.size else float("nan")
    return means


def write(result: Evaluation, folder: Path, sections: Sequence[str] = ()) -> Iterator[Path]:
    """Write ``scores.md``, ``scores.json`` and ``sheet.png`` into a folder; yields each path when written.

    ``sections`` are lines of Markdown that go below the table (groups, the refiner's worth).
    """
    folder.mkdir(parents=True, exist_ok=True)
    texts = {"scores.md": report.markdown(result, sections), "scores.json": report.as_json(result)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        yield folder / name
    if result.worst:
        sheet.write(folder / "sheet.png", result.worst)
        yield folder / "sheet.png"


def _load(item: Item) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.uint8] | None]:
    plate, truth, trimap = item.load_plate(), item.load_alpha(), item.load_trimap()
    for what, image in (("matte", truth), ("trimap", trimap)):
        if image is not None and image.shape != plate.shape[:2]:
            sizes = (f"{part.shape[1]}×{part.shape[0]}" for part in (plate, image))
            raise DatasetError(f"{item.name}: plate and {what} differ in size ({', '.join(sizes)})")
    return plate, truth, trimap


def _timed(matter: Matter, plate: NDArray[np.uint8], what: str) -> tuple[NDArray[np.floating[Any]], float]:
    start = time.perf_counter()
    alpha = matter(plate)
    seconds = time.perf_counter() - start
    if alpha.shape != plate.shape[:2]:
        raise FlyawayError(f"{what}: the matte has shape {alpha.shape}, the plate {plate.shape[:2]}")
    return alpha, seconds
