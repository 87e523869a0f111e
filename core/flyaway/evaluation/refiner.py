"""What the refiner is worth: the coarse alpha, upsampled, against the refined one on the same images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flyaway.evaluation import report

if TYPE_CHECKING:
    from flyaway.evaluation.run import Evaluation

COARSE = "{} (coarse)"
"""What a model's coarse stage alone is called beside the model."""


def table(result: Evaluation) -> list[str]:
    """Markdown: soft-pixel MAD of coarse and refined alpha for each model that was scored both ways.

    The regions are those that the model predicts: nothing of the truth steers either stage.
    """
    lines = [
        "## What the refiner is worth",
        "",
        "Soft-pixel MAD, regions as the model chose them; coarse: its coarse alpha, upsampled bilinearly.",
        "",
        report.line(["model", "coarse", "refined", "change", "images improved"]),
        report.line(["---", "---:", "---:", "---:", "---:"]),
    ]
    both = [matter for matter in result.matters if COARSE.format(matter) in result.matters]
    return [*lines, *(report.line([matter, *_cells(result, matter)]) for matter in both), ""]


def _cells(result: Evaluation, matter: str) -> list[str]:
    coarse, refined = (_soft(result, name) for name in (COARSE.format(matter), matter))
    both = [name for name in coarse if name in refined]
    if not both:
        return ["–", "–", "–", "0 of 0"]
    before = sum(coarse[name] for name in both) / len(both)
    after = sum(refined[name] for name in both) / len(both)
    better = sum(refined[name] < coarse[name] for name in both)
    change = f"{after / before - 1:+.1%}" if before else "–"
    return [f"{before:.4f}", f"{after:.4f}", change, f"{better} of {len(both)}"]


def _soft(result: Evaluation, matter: str) -> Mapping[str, float]:
    """Image → soft-pixel MAD, where the truth has soft pixels."""
    rows = (row for row in result.rows if row.matter == matter)
    scores = ((row.image, row.scores["soft_mad"]) for row in rows)
    return {image: value for image, value in scores if value == value}  # NaN equals nothing
