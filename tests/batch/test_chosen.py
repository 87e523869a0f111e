"""What a script chooses with a misspelt word, a wrong number or a Path: refused by name, or understood."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.batch.conftest import Luma

from flyaway import ControlError, Controls, JobError, UsageError
from flyaway.batch import Job, Limits, RunOptions, Shot, Target, load_job, plan_job, plan_shot, run_job
from flyaway.batch import job as job_module
from flyaway.batch.finish import Finish
from flyaway.frames import WriteOptions
from flyaway.frames.read import ReadOptions
from flyaway.subject import Subject


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


@pytest.mark.parametrize(
    ("made", "error", "message"),
    [
        (lambda: Shot("a", "p", alpha_in="Straight"), JobError, "a: alpha_in is one of auto, premultiplied"),
        (lambda: ReadOptions(alpha_in="foo"), UsageError, "alpha_in is one of auto, premultiplied"),
        (
            lambda: WriteOptions(edge_colour="Plate"),
            UsageError,
            "edge_colour is one of plate, foreground",
        ),
        (lambda: WriteOptions(output="RGBA"), UsageError, "output is one of matte, rgba"),
        (lambda: WriteOptions(despill="red"), UsageError, "despill is one of green, blue, not 'red'"),
        (lambda: WriteOptions(despill_strength="1"), UsageError, "despill_strength is a number"),
        (lambda: WriteOptions(channel=None), UsageError, "channel is a channel's name"),
        (lambda: Subject("foo"), ControlError, "one of all, largest, centre, point, box, not 'foo'"),
        (lambda: Subject("point", (1.0,)), ControlError, "takes 2 numbers"),
        (lambda: Shot("a", "p", chunk=-1), JobError, "a: chunk is a whole number from 0, not -1"),
        (lambda: Shot("a", "p", handles=None), JobError, "a: handles is a whole number from 0, not None"),
        (lambda: Shot("a", "p", chunk=True), JobError, "chunk is a whole number"),
        (lambda: Shot("a", "p", steadiness=2), JobError, "a: steadiness lies between 0 and 1"),
        (lambda: RunOptions(steadiness="1"), UsageError, "steadiness is a number"),
        (lambda: Shot("a", "p", part=-1), UsageError, "part is a part's name, its view, or its number"),
        (lambda: Shot("a", 7), UsageError, "source is a path, not 7"),
        (lambda: Target(None), UsageError, "path is a path, not None"),
        (lambda: Finish(garbage=None), UsageError, "garbage is a path, not None"),
        (lambda: Limits(readers=0), UsageError, "readers is a whole number from 1, not 0"),
        (lambda: Limits(writers=0), UsageError, "writers is a whole number from 1, not 0"),
        (lambda: Limits(bytes=0.5), UsageError, "bytes is a whole number from 1"),
        (lambda: Controls(gamma="1"), ControlError, "gamma is a number, not '1'"),
        (lambda: Controls(gamma=True), ControlError, "gamma is a number, not True"),
        (lambda: Controls(gamma=np.float32("nan")), ControlError, "gamma is a number"),
    ],
)
def test_what_means_nothing_is_refused_where_it_is_said(made, error, message):
    with pytest.raises(error, match=message):
        made()


def test_a_plan_refuses_chunks_that_cannot_be(shot, tmp_path):
    out = [Target(str(tmp_path / "out"))]
    for name in ("chunk", "handles"):
        with pytest.raises(UsageError, match=f"{name} is a whole number from 0, not -1"):
            plan_shot("a", shot(1), out, **{name: -1})


def test_paths_are_taken_as_paths(shot, tmp_path, write_plate):
    source, out = Path(shot(2)), tmp_path / "out" / "{shot}.####.exr"
    mask = write_plate(tmp_path / "mask.exr", np.zeros((32, 32, 1), np.float32), channels=("Y",))
    config = tmp_path / "config.ocio"
    config.write_text("ocio")
    over = WriteOptions("comp", over=source)
    one = Shot(
        "a", source, (Target(out), Target(tmp_path / "comp.####.exr", over)), finish=Finish(garbage=mask)
    )
    text = Shot(
        "a",
        str(source),
        (Target(str(out)), Target(str(tmp_path / "comp.####.exr"), WriteOptions("comp", over=str(source)))),
        finish=Finish(garbage=str(mask)),
    )
    assert one == text
    assert Shot("a", source, ocio=config).ocio == str(config)
    assert run_job(Job("night", (one,)), load=load).exit_code == 0
    assert (tmp_path / "out" / "a.1002.exr").is_file()


def test_a_part_is_a_number_too(shot, tmp_path):
    source = shot(1)
    assert Shot("a", source, part=0) == Shot("a", source, part="0")
    assert ReadOptions(part=np.int64(1)).part == "1"
    file = tmp_path / "job.toml"
    said = f'name = "a"\nsource = "{source}"\npart = 0\noutputs = ["out/m.####.exr"]\n'
    file.write_text(f"[[shots]]\n{said}")
    (one,) = load_job(file).shots
    assert one.part == "0"
    assert plan_job(load_job(file))
    file.write_text(file.read_text().replace("part = 0", "part = -1"))
    with pytest.raises(JobError, match="part is a number from 0"):
        load_job(file)


def test_numbers_may_be_of_numpy(shot):
    controls = Controls(gamma=np.float32(1.5), grow=np.int64(2))
    assert controls == Controls(gamma=1.5, grow=2)
    # What is kept of a run hashes these: a plain number stays as it was said.
    assert [type(value) for value in (controls.gamma, controls.grow)] == [float, int]
    assert Shot("a", "p", chunk=np.int32(4)).chunk == 4
