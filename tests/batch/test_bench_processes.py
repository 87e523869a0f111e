"""Threads against processes: every frame is matted once, whoever does it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flyaway.batch.bench_processes import Arrangement, Throughput, arrangements, markdown, measure
from flyaway.errors import EngineError

pytest.importorskip("onnxruntime")


def test_one_core_has_one_arrangement_and_two_have_two() -> None:
    assert arrangements(1) == [Arrangement(1, 1)]
    assert arrangements(2) == [Arrangement(1, 2), Arrangement(2, 1)]


def test_frames_an_hour_count_every_core_that_was_given() -> None:
    told = markdown([Throughput(Arrangement(2, 1), 1920, 1080, 10, 5.0)])
    assert "| 1920×1080 | 2 × 1 thread | 0.500 | 3600 |" in told


def test_all_frames_are_run_by_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[set[str]] = []

    class Kept:
        """A temporary folder that tells what was made in it."""

        def __init__(self, **_: object) -> None:
            self.path = tmp_path / "made"
            self.path.mkdir()

        def __enter__(self) -> str:
            return str(self.path)

        def __exit__(self, *_: object) -> None:
            kept.extend(
                {path.name for path in (self.path / f"mattes{number}").glob("m.*.exr")} for number in (0, 1)
            )

    monkeypatch.setattr("flyaway.batch.bench_processes.tempfile.TemporaryDirectory", Kept)
    (found,) = measure([Arrangement(2, 1)], "fast", tmp_path, 64, 48, 5, 1)
    assert found.seconds > 0
    assert [len(names) for names in kept] == [2, 3]
    assert kept[0] | kept[1] == {f"m.{number:06d}.exr" for number in range(1, 6)}


def test_a_process_that_fails_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="before it was ready"):
        measure([Arrangement(1, 1)], "no such model", tmp_path, 64, 48, 2, 1)
