"""Plots as SVG, drawn here: a line a matter, two axes, a legend. Text files that any browser shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

Series = Mapping[str, Sequence[tuple[float, float]]]

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 56, 16, 34, 40
COLOURS = ("#0b7a75", "#c44900", "#5b5f97", "#7d8597", "#b5179e", "#2a9d3a", "#8d6a00", "#1d3557")
STEPS = 5


def lines(
    title: str,
    across: str,
    up: str,
    series: Series,
    span: tuple[float, float] | None = None,
    zero: bool = False,
) -> str:
    """A line chart as the text of an SVG file.

    Parameters
    ----------
    across, up : what the axes are.
    series : points (x, y) by name, each in order of x; a name without points has a place in the legend only.
    span : lowest and highest y; if not given, those of the points with a margin.
    zero : draw a line at y = 0.
    """
    points = [point for one in series.values() for point in one]
    xs, ys = [x for x, _ in points] or [0, 1], [y for _, y in points] or [0, 1]
    left, right = min(xs), max(max(xs), min(xs) + 1e-9)
    low, high = span or (min(ys), max(ys))
    if span is None:
        margin = 0.05 * max(high - low, 1e-9)
        low, high = low - margin, high + margin

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [_text(LEFT, 14, title, "start", bold=True), _text((LEFT + WIDTH) / 2, HEIGHT - 6, across)]
    parts.append(
        f'<text x="12" y="{(HEIGHT - BOTTOM + TOP) / 2:.1f}" text-anchor="middle" transform="rotate(-90 12'
        f' {(HEIGHT - BOTTOM + TOP) / 2:.1f})">{escape(up)}</text>'
    )
    for step in range(STEPS + 1):
        value = low + (high - low) * step / STEPS
        y = place(left, value)[1]
        parts.append(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(_text(LEFT - 6, y + 4, _number(value), "end"))
        number = left + (right - left) * step / STEPS
        if right - left >= STEPS and all(x == int(x) for x in xs):
            number = round(number)  # frames have no fractions
        parts.append(_text(place(number, low)[0], HEIGHT - BOTTOM + 16, _number(number)))
    if zero and low < 0 < high:
        parts.append(f'<path d="M{LEFT} {place(left, 0)[1]:.1f}H{WIDTH - RIGHT}" stroke="#555"/>')
    mark = float(LEFT)
    for number_, (name, one) in enumerate(series.items()):
        colour = COLOURS[number_ % len(COLOURS)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in one))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.6"/>')
        parts.append(f'<path d="M{mark:.0f} 25h14" stroke="{colour}" stroke-width="3"/>')
        parts.append(_text(mark + 18, 29, name, "start"))
        mark += 30 + 6.6 * len(name)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif"'
        f' font-size="11"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _number(value: float) -> str:
    """Three digits; thousands in full, not as a power of ten."""
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _text(x: float, y: float, words: str, anchor: str = "middle", *, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{weight}>{escape(words)}</text>'
