"""The scores of a run as a table for people and as JSON for programs."""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from flyaway.evaluation import metrics
from flyaway.machine import environment, environment_line

if TYPE_CHECKING:
    from flyaway.evaluation.run import Evaluation, Row

FORMAT = 1

COLUMNS: dict[str, tuple[str, float, int]] = {
    "sad": ("SAD", 1, 2),
    "sad_unknown": ("SAD-T", 1, 2),
    "sad_known": ("SAD away", 1, 2),
    "mse": ("MSE ×10³", 1e3, 2),
    "mse_unknown": ("MSE-T ×10³", 1e3, 2),
    "mad": ("MAD ×10³", 1e3, 2),
    "mad_known": ("MAD away ×10³", 1e3, 2),
    "grad": ("Grad", 1, 2),
    "conn": ("Conn", 1, 2),
    "soft_mad": ("soft MAD", 1, 4),
    "iou": ("IoU", 1, 4),
    "false_components": ("false parts", 1, 2),
    "false_islands": ("islands", 1, 2),
    "false_holes": ("holes", 1, 2),
    "bias_darker": ("bias darker", 1, 3),
    "bias_lighter": ("bias lighter", 1, 3),
    "comp_plate": ("comp, plate's colour ×10³", 1e3, 1),
    "comp_own": ("comp, own colour ×10³", 1e3, 1),
    "dtssd": ("dtSSD ×10²", 1e2, 2),
    "chatter": ("chatter ×10³", 1e3, 2),
    "flicker": ("flicker ×10³", 1e3, 1),
    "pops": ("pops ×10³", 1e3, 1),
    "followed": ("followed", 1, 2),
    "shift_late": ("late ×10³", 1e3, 2),
    "shift_early": ("early ×10³", 1e3, 2),
}
"""Measure → (heading, factor, digits)."""


def markdown(result: Evaluation, sections: Sequence[str] = ()) -> str:
    """Heading, table of means, definitions, environment, and the worst images of the first matter."""
    lines = [f"# {result.set.name}: {result.images} images", "", *table(result), ""]
    lines += [f"- {note}" for note in notes(result)]
    lines += [f"- {environment_line()}", "", *sections]
    lines += [f"## The worst images by {result.matters[0]}", ""]
    rows = [row for row in result.rows if row.matter == result.matters[0]]
    rows.sort(key=lambda row: -row.scores["mad"])
    lines += rule(["image", "size"], result.measures)
    for row in rows[:20]:
        size = f"{row.width}×{row.height}"
        lines.append(line([row.image, size, *cells(row.scores, result.measures)]))
    return "\n".join(lines) + "\n"


def table(result: Evaluation) -> list[str]:
    """Markdown lines: one row a matter, means over the images."""
    lines = rule(["matter"], result.measures, ["s/image"])
    for matter in result.matters:
        means = cells(result.mean(matter), result.measures)
        lines.append(line([matter, *means, f"{result.median_seconds(matter):.3f}"]))
    return lines


def notes(result: Evaluation) -> list[str]:
    """What a reader must know to set these numbers beside others."""
    band = (
        f"truth between {metrics.BAND_MARGIN} and {1 - metrics.BAND_MARGIN}, and hard edges, dilated by a"
        f" disc of {metrics.BAND_RADIUS} px"
    )
    if result.own_trimaps:
        band = f"the set's trimaps for {result.own_trimaps} of {result.images} images, else " + band
    large = []
    if result.too_large:
        slow = " and ".join(COLUMNS[name][0] for name in metrics.SLOW if name in result.measures)
        large = [f"{slow}: not measured on {result.too_large} of {result.images} images, which are too large"]
    if result.faint:
        large.append(
            f"WARNING: the truth of {result.faint} of {result.images} images has no value above 1 of 255. Is"
            " it a mask of 0 and 1? It was read as 0 to 255: multiply it by 255, and score again"
        )
    parts = (
        f"false parts: connected components above {metrics.COMPONENT_SHARE:.1%} of the frame, mean an image:"
        " islands (wall taken for the person) and holes (person missing)"
    )
    from flyaway.evaluation import shot_report

    return [
        *result.set.notes,
        *large,
        f"layout {result.set.layout}; {result.images} of {len(result.set.items)} images; means over images",
        "SAD, Grad and Conn: whole frame at full size, scaled as in the P3M protocol (SAD, Conn / 1000)",
        f"-T: unknown band only, away: all but that: {band}",
        f"soft MAD: where truth is between {metrics.SOFT_LOW} and {metrics.SOFT_HIGH}; IoU at alpha 0.5",
        parts,
        *shot_report.notes(result),
        "s/image: median wall time of a call, other work between calls; for speed see `flyaway bench`",
    ]


def as_json(result: Evaluation) -> str:
    """Everything as JSON: environment, rules, means a matter, and a row for every image and matter."""
    document = {
        "format": FORMAT,
        "set": result.set.name,
        "layout": result.set.layout,
        "environment": environment(),
        "notes": notes(result),
        "means": {
            matter: {**plain(result.mean(matter)), "median_seconds": result.median_seconds(matter)}
            for matter in result.matters
        },
        "rows": [
            {
                "image": row.image,
                "width": row.width,
                "height": row.height,
                "matter": row.matter,
                **({"shot": row.shot} if row.shot else {}),
                "seconds": row.seconds,
                **plain(row.scores),
            }
            for row in result.rows
        ],
    }
    return json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def plain(scores: Any) -> dict[str, float | None]:
    """JSON has no NaN: a measure without a value is null."""
    return {name: None if math.isnan(value) else value for name, value in scores.items()}


def mean_scores(rows: Sequence[Row], measures: Sequence[str]) -> dict[str, float]:
    """Mean of each measure over the rows where it has a value; NaN if it has none in any."""
    means = {}
    for name in measures:
        column = np.array([row.scores.get(name, np.nan) for row in rows], float)
        column = column[np.isfinite(column)]
        means[name] = float(column.mean()) if column.size else float("nan")
    return means


def cells(scores: Mapping[str, float], measures: Collection[str] = metrics.MEASURES) -> list[str]:
    """A row's numbers as text, in the order of `COLUMNS`; a dash where there is no value."""
    texts = []
    for name, (_, factor, digits) in COLUMNS.items():
        if name in measures:
            value = scores.get(name, math.nan)
            texts.append("–" if math.isnan(value) else f"{value * factor:.{digits}f}")
    return texts


def rule(
    before: list[str], measures: Collection[str] = metrics.MEASURES, after: list[str] | None = None
) -> list[str]:
    """Headings of a table of measures: left-aligned ones, the measures, and more to the right."""
    headings = [heading for name, (heading, _, _) in COLUMNS.items() if name in measures] + (after or [])
    return [line(before + headings), line(["---"] * len(before) + ["---:"] * len(headings))]


def line(cells: list[str]) -> str:
    """One line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
