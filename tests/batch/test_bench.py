"""`flyaway bench batch` measures what it says: small here, for its shape and not its numbers."""

from __future__ import annotations

import json

from flyaway.batch.bench import Row, Waiting, markdown, measure, overhead
from flyaway.batch.pipeline import Limits
from flyaway.cli.app import run as flyaway


def test_a_row_holds_every_stage_and_leaves_nothing_behind(tmp_path):
    row = measure(Waiting(0.001), tmp_path, 48, 32, 6, Limits(1, 1))
    assert (row.width, row.height, row.frames, row.network) == (48, 32, 6, "waits 1 ms")
    assert min(row.read, row.write, row.together, row.cpu) > 0
    assert row.work >= 0.001
    assert row.slowest == max(row.read, row.work, row.write)
    # Six small frames may all be on their way at once; one at least is.
    assert 48 * 32 * 64 <= row.peak <= 6 * 48 * 32 * 96
    assert "48×32 | waits 1 ms" in markdown([row])
    assert list(tmp_path.iterdir()) == []


def test_the_ratio_is_of_the_whole_to_the_slowest():
    row = Row(1, 1, 1, "x", read=0.1, work=0.4, write=0.2, together=0.44, cpu=0.3, peak=0)
    assert row.slowest == 0.4
    assert round(row.ratio, 3) == 1.1


def test_the_overhead_is_a_time(tmp_path):
    assert 0 < overhead(tmp_path, frames=3) < 60


def test_the_command_prints_json(tmp_path, capsys):
    words = ["bench", "batch", "--size", "64x48", "--frames", "4", "--wait", "1", "--no-network"]
    assert flyaway([*words, "--folder", str(tmp_path), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [row["network"] for row in printed["rows"]] == ["waits 1 ms"]
    assert printed["cold_start_seconds"] > 0
    assert printed["overhead_seconds_a_frame"] > 0
