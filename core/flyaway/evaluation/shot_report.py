"""Tables of a run by shot, what was not measured, and its plots."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from flyaway.evaluation import edges, plot, report, shots
from flyaway.pictures import motion

if TYPE_CHECKING:
    from flyaway.evaluation.run import Evaluation, Row

OF_FRAMES = {"iou": "IoU", "flicker": "flicker", "mad": "MAD"}
"""What is plotted by frame, for each shot, where it was measured."""


def tables(result: Evaluation) -> list[str]:
    """Markdown: a row for each shot and matter; IoU with that of the worst frame, lag by the better shift."""
    of_shot = _by_shot(result)
    if not of_shot:
        return []
    measures = [name for name in result.measures if name not in shots.WITH_TRUTH[2:]]
    more = (["worst IoU"] if "iou" in measures else []) + (
        ["least shift ×10³"] if set(shots.WITH_TRUTH[2:]) & set(result.measures) else []
    )
    lines = ["## By shot", "", *report.rule(["shot", "frames", "matter"], measures, more)]
    for shot, rows in of_shot.items():
        for matter in result.matters:
            own = [row for row in rows if row.matter == matter]
            means = report.mean_scores(own, result.measures)
            cells = report.cells(means, measures)
            if "iou" in measures:
                cells.append(f"{min(row.scores['iou'] for row in own):.3f}")
            if len(more) > ("iou" in measures):
                shift = min(means.get(name, math.nan) for name in shots.WITH_TRUTH[2:])
                cells.append("–" if math.isnan(shift) else f"{1e3 * shift:+.2f}")
            lines.append(report.line([shot, str(len(own)), matter, *cells]))
    return [*lines, ""]


def notes(result: Evaluation) -> list[str]:
    """What the measures of edges and shots are, and what was not measured."""
    wanted, lines = set(result.measures), []
    if wanted & set(edges.BIAS):
        lines.append(
            "bias: mean of found less true alpha where truth is between"
            f" {edges.BIAS_LOW} and {edges.BIAS_HIGH} and the person is darker (lighter) than what is behind"
            f" by more than {edges.CONTRAST} in encoded luma; images with fewer than {edges.LEAST_PIXELS}"
            " such pixels have none"
        )
    if wanted & set(edges.COMP):
        lines.append(
            f"comp: mean absolute error in encoded values of the cut-out laid in linear light over"
            f" {', '.join(edges.COMP_BACKGROUNDS)}, where truth is between {edges.COMP_LOW} and"
            f" {edges.COMP_HIGH}, grown by {edges.COMP_GROWTH} px; with the plate's colour, and with the"
            " foreground that the matter gives"
        )
    if wanted & set(shots.WITH_TRUTH):
        lines.append(
            "dtSSD: root of the mean squared difference of change, by pairs of frames; chatter: mean change"
            f" where the truth changes by less than {shots.STILL_TRUTH}; late, early: growth of MAD if the"
            " matte is shifted by a frame (below 0 is a lag); none of them against masks of 0 and 1"
        )
    if wanted & set(shots.WITH_FLOW):
        lines.append(_on_flow())
    return lines


def _on_flow() -> str:
    if motion.opencv() is None:
        return f"flicker and pops: not measured, since optical flow needs OpenCV ({motion.INSTALL})"
    return (
        f"flicker: mean change along the plate's motion within {motion.BAND_REACH} px of alpha between"
        f" {motion.BAND_LOW} and {motion.BAND_HIGH} in either frame; pops: share of these pixels that change"
        f" by more than {motion.POP}; followed: share whose motion is trusted (DIS, both directions agree"
        f" within {motion.AGREEMENT} px, the plate fits within {motion.FIT})"
    )


def plots(result: Evaluation) -> dict[str, str]:
    """SVG text by file name: each shot's measures by frame, and bias by contrast."""
    drawn = {}
    for shot, rows in _by_shot(result).items():
        for measure, words in OF_FRAMES.items():
            series = {
                matter: _points([row for row in rows if row.matter == matter], measure)
                for matter in result.matters
            }
            if any(series.values()):
                span = (0.0, 1.0) if measure == "iou" else None
                drawn[f"{shot}.{measure}.svg"] = plot.lines(
                    f"{result.set.name}: {shot}", "frame", words, series, span
                )
    if result.curves:
        centres = (edges.BINS[1:] + edges.BINS[:-1]) / 2
        series = {
            matter: [
                (float(x), float(total / count))
                for x, total, count in zip(centres, *curve, strict=True)
                if count >= edges.LEAST_PIXELS
            ]
            for matter, curve in result.curves.items()
        }
        drawn["bias.svg"] = plot.lines(
            f"{result.set.name}: bias of coverage", "luma of the person less the background", "bias", series,
            zero=True,
        )  # fmt: skip
    return drawn


def _points(rows: list[Row], measure: str) -> list[tuple[float, float]]:
    values = ((number, row.scores.get(measure, math.nan)) for number, row in enumerate(rows))
    return [(float(number), value) for number, value in values if not math.isnan(value)]


def _by_shot(result: Evaluation) -> dict[str, list[Row]]:
    of_shot: dict[str, list[Row]] = {}
    for row in result.rows:
        if row.shot:
            of_shot.setdefault(row.shot, []).append(row)
    return of_shot
