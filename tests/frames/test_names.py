"""Only the last component of a path is a pattern; frames are whole numbers; a shell's star is told about."""

from __future__ import annotations

import numpy as np
import pytest
from tests.batch.conftest import Luma

from flyaway import PatternError
from flyaway.batch import ExitCode, RunOptions, Target, plan_shot, run_plan
from flyaway.frames import plan_frames
from flyaway.frames.patterns import pair_frames
from flyaway.frames.sequence import is_pattern, parse_frames, sequence_of

FOLDERS = ["job#12", "take@2", "$F4", "take[1]", "%04d", "a*b", "what?", "####", "v1.####"]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_may_have_any_name(tmp_path, write_plate, name):
    folder = tmp_path / name
    folder.mkdir()
    for frame in (1, 2, 10):
        write_plate(folder / f"p.{frame:04d}.exr", np.full((32, 32, 3), 0.5, np.float32))
    # Made when it is not there yet; a name that cannot be a picture's is a folder's.
    out = tmp_path / "out" / name
    for to in (f"{out}/m.####.exr", f"{out}/"):
        what = plan_shot("shot", f"{folder}/p.####.exr", [Target(to)])
        assert [task.frame for task in what.tasks] == [1, 2, 10]
        assert {task.targets[0].parent for task in what.tasks} == {out}
        assert run_plan(Luma(), what, RunOptions(existing="resume")).exit_code is ExitCode.OK
        assert run_plan(Luma(), what, RunOptions(existing="resume")).counts == {"skipped": 3}
    photographs = plan_shot("photographs", folder, [Target(f"{tmp_path}/photographs/")])
    assert run_plan(Luma(), photographs, RunOptions(existing="resume")).counts == {"written": 3}
    assert [job.frame for job in pair_frames(f"{folder}/p.####.exr", out)] == [1, 2, 10]


@pytest.mark.parametrize("name", ["take@2", "job#12", "$F4"])
def test_a_name_without_a_suffix_is_a_folders(tmp_path, name):
    assert not is_pattern(tmp_path / name)
    assert is_pattern(tmp_path / f"m.{name}.exr")


def test_a_forgotten_suffix_is_no_folder(tmp_path):
    (tmp_path / "p.0001.exr").touch()
    with pytest.raises(PatternError, match="mattes are written as"):
        plan_frames(f"{tmp_path}/p.####.exr", f"{tmp_path}/m.####")


def test_a_name_that_fileseq_cannot_parse_is_no_fault_of_ours(tmp_path):
    with pytest.raises(PatternError, match="two places"):
        plan_frames(f"{tmp_path}/p@2.####.exr", tmp_path / "out")


def test_brackets_and_dots_in_names_are_letters(tmp_path):
    for name in ("p[1].0001.exr", "p1.0002.exr", "p[1]x0003.exr", "p[1].1.exr"):
        (tmp_path / name).touch()
    assert sequence_of(tmp_path / "p[1].####.exr").on_disk() == [1]
    assert sequence_of(tmp_path / "p[1].#.exr").on_disk() == [1]


@pytest.mark.parametrize("text", ["1.5", "1-2x0.25", "1,2,3.5", "1001.5-1003.5"])
def test_fractions_of_frames_are_refused_by_name(text):
    with pytest.raises(PatternError, match="is a fraction of a frame"):
        parse_frames(text)


def test_a_fraction_within_a_pattern_is_refused_too(tmp_path):
    (tmp_path / "p.0001.exr").touch()
    with pytest.raises(PatternError, match="means nothing"):
        plan_frames(f"{tmp_path}/p.1-2x0.5####.exr", tmp_path / "out")


@pytest.mark.parametrize(("digits", "width"), [("0001", 4), ("001001", 6), (None, 4)])
def test_a_star_gets_a_hint(tmp_path, digits, width):
    if digits:
        (tmp_path / f"plate.{digits}.exr").touch()
    with pytest.raises(PatternError, match=rf": plate\.{'#' * width}\.exr, in quotes"):
        plan_frames(f"{tmp_path}/plate.*.exr", tmp_path / "out")
