"""What a script chooses with a misspelt word, a wrong number or a Path: refused by name, or understood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.batch.conftest import Luma

from flyaway import UsageError
from flyaway.batch import Job, RunOptions, Shot, Target, run_job
from flyaway.batch import job as job_module


@pytest.fixture(autouse=True)
def models(monkeypatch):
    monkeypatch.setattr(job_module, "check_model", lambda name, torch: None)


def load(name, **_):
    return Luma(name)


def painted(shot, tmp_path) -> tuple[Job, Path]:
    """A job that was run, and a matte of it that somebody painted on since."""
    job = Job("night", (Shot("a", shot(2), (Target(str(tmp_path / "out" / "m.####.exr")),)),))
    assert run_job(job, load=load).exit_code == 0
    matte = tmp_path / "out" / "m.1001.exr"
    matte.write_bytes(matte.read_bytes() + b"painted")
    return job, matte


@pytest.mark.parametrize("word", ["Resume", "resumes", "Skip", "", None, True, 1])
def test_a_misspelt_existing_replaces_nothing(shot, tmp_path, word):
    job, matte = painted(shot, tmp_path)
    before = matte.read_bytes()
    with pytest.raises(UsageError, match="one of refuse, overwrite, skip, resume, not"):
        run_job(job, existing=word, load=load)
    with pytest.raises(UsageError, match="existing is one of"):
        RunOptions(existing=word)
    assert matte.read_bytes() == before


def test_only_one_word_replaces():
    said = {word: RunOptions(existing=word) for word in ("refuse", "overwrite", "skip", "resume")}
    assert [word for word, options in said.items() if options.replaces] == ["overwrite"]
    assert [word for word, options in said.items() if options.keeps] == ["skip", "resume"]
    object.__setattr__(said["resume"], "existing", "Resume")  # however it came to be: it replaces nothing
    assert said["resume"].keeps
    assert not said["resume"].replaces
