"""How much each matter loses on plates made worse: a run for every condition, set against the clean one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flyaway.evaluation import report
from flyaway.evaluation.layouts import EvaluationSet
from flyaway.evaluation.run import Evaluation, Matter, check_places, evaluate
from flyaway.evaluation.stress import CONDITIONS, stressed
from flyaway.frames.ours import SOFTWARE
from flyaway.machine import environment, environment_line
from flyaway.pictures import sheet

CLEAN = "clean"
MEASURES = ("sad", "mad", "sad_unknown", "iou", "false_components")
PICTURES = 2  # of the worst images, for each condition


@dataclass
class Robustness:
    """Runs by condition, the clean one first; all over the same images by the same matters."""

    clean: Evaluation
    worse: dict[str, Evaluation] = field(default_factory=dict)

    def sad(self, matter: str, condition: str = CLEAN) -> float:
        """Mean SAD in thousands of pixels of the *clean* plate, so that smaller plates can be compared."""
        run = self.clean if condition == CLEAN else self.worse[condition]
        sizes = {row.image: row.width * row.height for row in self.clean.rows}
        rows = [row for row in run.rows if row.matter == matter]
        return sum(row.scores["mad"] * sizes[row.image] for row in rows) / len(rows) / 1000

    def loss(self, matter: str, condition: str) -> float:
        """By how much SAD grows under a condition."""
        return self.sad(matter, condition) - self.sad(matter)


def measure(
    images: EvaluationSet,
    matters: Mapping[str, Matter],
    *,
    conditions: Sequence[str] = tuple(CONDITIONS),
    limit: int | None = None,
    every: int = 1,
    on_scored: Callable[[str], None] | None = None,
) -> Robustness:
    """Score every matter on the clean images, then on the same images under each condition."""

    def run(a_set: EvaluationSet) -> Evaluation:
        return evaluate(
            a_set,
            matters,
            limit=limit,
            every=every,
            measures=MEASURES,
            sheet_images=PICTURES,
            on_scored=on_scored,
        )

    sets = {condition: stressed(images, condition) for condition in conditions}
    result = Robustness(run(images))
    for condition, a_set in sets.items():
        result.worse[condition] = run(a_set)
    return result


def table(result: Robustness) -> list[str]:
    """Markdown: a row a condition with SAD and its growth by matter; the last row is the mean growth."""
    matters = list(result.clean.matters)
    headings = ["condition", *(f"SAD {m}" for m in matters), *(f"Δ {m}" for m in matters), "least Δ"]
    lines = [report.line(headings), report.line(["---"] + ["---:"] * 2 * len(matters) + ["---"])]
    lines.append(_row(CLEAN, [result.sad(m) for m in matters], [None] * len(matters), ""))
    for condition in result.worse:
        losses = [result.loss(m, condition) for m in matters]
        least = matters[losses.index(min(losses))]
        lines.append(_row(condition, [result.sad(m, condition) for m in matters], losses, least))
    if result.worse:
        sads, losses = [], []
        for matter in matters:
            sads.append(sum(result.sad(matter, c) for c in result.worse) / len(result.worse))
            losses.append(sads[-1] - result.sad(matter))
        lines.append(_row("mean of conditions", sads, losses, matters[losses.index(min(losses))]))
    return lines


def notes(result: Robustness) -> list[str]:
    """What each condition does, and how to read the table."""
    first, others = result.clean.matters[0], result.clean.matters[1:]
    compared = []
    for other in others:
        kept = [c for c in result.worse if result.loss(first, c) < result.loss(other, c)]
        compared.append(
            f"{first} degrades by less than {other} in {len(kept)} of {len(result.worse)} conditions"
        )
    return [
        *compared,
        *result.clean.set.notes,
        f"{result.clean.images} of {len(result.clean.set.items)} images; Δ: growth of SAD from clean plates",
        "SAD: means over images, in thousands of pixels of the clean plate",
        *(f"{condition}: {CONDITIONS[condition].what}" for condition in result.worse),
    ]


PLACES = ("stress.md", "stress.json", "stress.png")


def write(result: Robustness, folder: Path) -> Iterator[Path]:
    """Write ``stress.md``, ``stress.json`` and ``stress.png`` into a folder; yields each path."""
    check_places(folder, PLACES)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [f"# {result.clean.set.name} made worse: {result.clean.images} images", "", *table(result), ""]
    lines += [f"- {note}" for note in [*notes(result), environment_line()]]
    texts = {"stress.md": "\n".join(lines) + "\n", "stress.json": _json(result)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
        yield folder / name
    sheet.write(folder / "stress.png", list(_strips(result)), SOFTWARE.format(kind="contact sheet"))
    yield folder / "stress.png"


def _strips(result: Robustness) -> Iterator[sheet.Strip]:
    for condition, run in {CLEAN: result.clean, **result.worse}.items():
        for strip in run.worst:
            yield sheet.Strip(f"{condition}: {strip.label}", strip.pictures)


def _row(name: str, sads: Sequence[float], losses: Sequence[float | None], least: str) -> str:
    grown = ["" if loss is None else f"{loss:+.2f}" for loss in losses]
    return report.line([name, *(f"{sad:.2f}" for sad in sads), *grown, least])


def _json(result: Robustness) -> str:
    document = {
        "format": report.FORMAT,
        "set": result.clean.set.name,
        "environment": environment(),
        "notes": notes(result),
        "conditions": {
            condition: {
                matter: {"sad_of_clean_size": result.sad(matter, condition), **report.plain(run.mean(matter))}
                for matter in run.matters
            }
            for condition, run in {CLEAN: result.clean, **result.worse}.items()
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
