"""What docs/batch.md shows is run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from flyaway.batch import ExitCode, load_job

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    found = re.search(rf"^```{language}\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def test_the_job_is_one(tmp_path):
    (tmp_path / "night.toml").write_text(block("toml"))
    job = load_job(tmp_path / "night.toml")
    assert [shot.name for shot in job.shots] == ["sh010", "sh020"]
    assert [len(shot.outputs) for shot in job.shots] == [1, 2]
    assert job.shots[1].outputs[1].write.output == "rgba"
    assert job.shots[0].in_space == "ACEScg"
    assert job.shots[0].tokens == {"show": "abc"}


def test_the_python_runs(tmp_path, monkeypatch, write_plate):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plates").mkdir()
    for number in (1, 2):
        pixels = np.random.default_rng(number).random((64, 64, 3), np.float32)
        write_plate(tmp_path / "plates" / f"p.{number:04d}.exr", pixels)
    exec(block("python"), {})  # noqa: S102
    assert len(list((tmp_path / "out").glob("*.exr"))) == 2


@pytest.mark.parametrize("code", list(ExitCode))
def test_every_exit_code_is_explained(code):
    assert f"| {code.value} | " in PAGE
