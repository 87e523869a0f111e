"""The curve: its line, which way it bends, what is drawn; and one point of it measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from flyaway.bench import Configuration, Timing
from flyaway.bench_curve import Curve, markdown, measure_curves
from flyaway.cli.app import app
from flyaway.evaluation.plot import lines


def curve(wall: tuple[float, ...]) -> Curve:
    return Curve("HD", (0.0, 0.1, 0.2, 0.3), (1, 200, 400, 600), wall, (300.0, 301.0, None, 303.0))


def test_a_line_is_found_and_does_not_bend() -> None:
    one = curve(tuple(80 + 0.5 * cells for cells in (1, 200, 400, 600)))
    assert one.line == pytest.approx((80, 0.5))
    assert one.bend == pytest.approx(1)
    assert "| HD | 80 | 180 | 280 | 380 | 80 | 500 | 1.00 | 300–303 |" in markdown([one])


def test_what_is_quadratic_bends() -> None:
    assert curve(tuple(80 + 1e-3 * cells**2 for cells in (1, 200, 400, 600))).bend > 1.5


def test_axes_write_thousands_in_full() -> None:
    drawn = lines("t", "x", "y", {"8K": [(0, 0), (30, 8330)]}, span=(0, 8330))
    assert ">8,330<" in drawn
    assert ">1,670<" in drawn
    assert "e+" not in drawn
    assert ">0.005<" in lines("t", "x", "y", {"a": [(0, 0), (1, 0.005)]}, span=(0, 0.005))


def test_every_size_is_timed_at_every_share_and_drawn(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    words = ["bench", "curve", "--size", "96x64", "--runs", "1", "--threads", "1", "-o", str(tmp_path)]
    for percent in ("0", "50", "100"):
        words += ["--unknown", percent]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    assert "| 96x64 |" in result.output
    for name in ("cost.svg", "memory.svg"):
        assert "<polyline" in (tmp_path / name).read_text(encoding="utf-8")
    assert CliRunner().invoke(app, words).exit_code == 0, "earlier plots are replaced"
    (tmp_path / "memory.svg").write_text(mine := '<svg xmlns="http://www.w3.org/2000/svg"/>')
    result = CliRunner().invoke(app, words)
    assert "memory.svg is there already, and is no plot that Flyaway wrote" in str(result.exception)
    assert (tmp_path / "memory.svg").read_text() == mine
    result = CliRunner().invoke(app, [*words, "-o", str(tmp_path / "memory.svg")])
    assert "memory.svg is a file. Name another" in str(result.exception)


def test_shares_are_those_asked_for() -> None:
    told: list[str] = []

    def timed(job: Configuration) -> Timing:
        cells = round(1000 * (job.share or 0))
        return Timing("cpu", cells, 10.0 + cells, 0.0, {}, None, None)

    (found,) = measure_curves("fast", {"HD": (1920, 1080)}, (0.0, 0.1, 0.3), say=told.append, timed=timed)
    assert found.cells == (0, 100, 300)
    assert told == ["fast HD, 0%", "fast HD, 10%", "fast HD, 30%"]
    assert "| – |" in markdown([found])


def test_two_shares_are_no_curve() -> None:
    result = CliRunner().invoke(app, ["bench", "curve", "--unknown", "3", "--unknown", "6"])
    assert result.exit_code == 2
    assert "three shares" in result.output
