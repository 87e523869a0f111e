"""Which files are read and written, and what is refused before anything starts."""

from __future__ import annotations

import os

import pytest

from flyaway import PatternError, UsageError
from flyaway.frames import plan_frames
from flyaway.frames.sequence import gaps, parse_frames


@pytest.fixture
def shot(tmp_path):
    """Frames 1–3, 5, 10 of an EXR sequence beside another one and a hidden file."""
    folder = tmp_path / "shot"
    folder.mkdir()
    for frame in (1, 2, 3, 5, 10):
        (folder / f"plate.{frame:04d}.exr").touch()
        (folder / f"proxy.{frame}.png").touch()
    (folder / ".plate.0004.1f.part.exr").touch()
    (folder / "notes.txt").touch()
    return folder


@pytest.mark.parametrize("token", ["%04d", "####", "@@@@", "$F4"])
def test_every_way_to_write_a_pattern_means_the_same(shot, token):
    jobs = plan_frames(f"{shot}/plate.{token}.exr", f"{shot}/matte.{token}.exr")
    assert [job.frame for job in jobs] == [1, 2, 3, 5, 10]
    assert [job.source.name for job in jobs][-1] == "plate.0010.exr"
    assert [job.target.name for job in jobs][-1] == "matte.0010.exr"


@pytest.mark.parametrize("token", ["%d", "#", "@", "$F"])
def test_numbers_without_padding(shot, token):
    jobs = plan_frames(f"{shot}/proxy.{token}.png", "out")
    assert [job.source.name for job in jobs] == [f"proxy.{n}.png" for n in (1, 2, 3, 5, 10)]


def test_a_range_is_asked_for_in_its_order_and_missing_frames_stay(shot):
    jobs = plan_frames(f"{shot}/plate.####.exr", "out", frames="3-1,4,10")
    assert [job.frame for job in jobs] == [3, 2, 1, 4, 10]
    assert not jobs[3].source.exists()


def test_a_range_inside_the_pattern(shot):
    assert [job.frame for job in plan_frames(f"{shot}/plate.2-5####.exr", "out")] == [2, 3, 4, 5]


def test_a_range_may_be_negative_or_stepped():
    assert parse_frames("-2-2") == [-2, -1, 0, 1, 2]
    assert parse_frames("1-10x3,2") == [1, 4, 7, 10, 2]


@pytest.mark.parametrize("text", ["", " ", "a", "1-", "1..3", "1,,x"])
def test_nonsense_as_a_range_is_refused(text):
    with pytest.raises(PatternError, match="1-10,20"):
        parse_frames(text)


def test_gaps_are_named():
    assert gaps([1, 2, 3, 5, 10]) == "4,6-9"
    assert gaps([4]) == ""
    assert gaps([]) == ""


def test_a_folder_keeps_stems_and_good_formats_in_natural_order(tmp_path):
    for name in ("b10.png", "b9.jpg", "a.exr", "c.webp", "B1.TIF", ".hidden.png", "readme.md"):
        (tmp_path / name).touch()
    jobs = plan_frames(tmp_path, tmp_path / "out")
    assert [(job.source.name, job.target.name) for job in jobs] == [
        ("a.exr", "a.exr"), ("B1.TIF", "B1.TIF"), ("b9.jpg", "b9.png"),
        ("b10.png", "b10.png"), ("c.webp", "c.png"),
    ]  # fmt: skip


def test_a_folder_in_one_format(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert plan_frames(tmp_path, "out", suffix=".exr")[0].target.name == "a.exr"


def test_one_file_goes_to_a_file_or_a_folder(tmp_path):
    source = tmp_path / "a.jpg"
    source.touch()
    assert plan_frames(source, tmp_path / "m.exr")[0].target == tmp_path / "m.exr"
    assert plan_frames(source, tmp_path / "out")[0].target == tmp_path / "out" / "a.png"
    assert plan_frames(source, f"{tmp_path}/out.v1/")[0].target == tmp_path / "out.v1" / "a.png"


@pytest.mark.parametrize(
    ("source", "target", "frames", "message"),
    [
        ("nothing.exr", "out", None, "not there"),
        ("plate.%03d.exr", "out", None, "No file on disk"),
        ("plate.%04d.exr", "out", "90-95", "No frame"),
        ("plate.%04d.exr", "one.exr", None, "one file for a sequence"),
        ("plate.%04d.exr", "m.%04d.jpg", None, "written as"),
        ("plate.0001.exr", "m.%04d.exr", None, "is a pattern"),
        ("plate.0001.exr", "m.jpg", None, "badly"),
        ("plate.0001.exr", "m.mov", None, "flyaway movie"),
        ("plate.0001.exr", "out", "1", "--frames needs"),
        (".", "one.exr", None, "needs a folder|name a folder"),
        (".", "out", "1-3", "--frames needs"),
        ("empty", "out", None, "holds no picture"),
    ],
)
def test_what_does_not_fit_together_is_refused(shot, monkeypatch, source, target, frames, message):
    monkeypatch.chdir(shot)
    (shot / "empty").mkdir()
    kind = UsageError if message.startswith("--") else PatternError
    with pytest.raises(kind, match=message):
        plan_frames(source, target, frames)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("plate.0001.exr", "plate.0001.exr"),
        ("plate.0001.exr", "."),
        ("plate.%04d.exr", "plate.####.exr"),
        ("plate.%04d.exr", "."),
    ],
)
def test_a_plate_is_never_overwritten(shot, monkeypatch, source, target):
    monkeypatch.chdir(shot)
    with pytest.raises(UsageError, match="overwrite"):
        plan_frames(source, target)


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_a_plate_is_never_overwritten_through_a_link(shot, link):
    link(shot / "plate.0001.exr", shot / "link.exr")
    with pytest.raises(UsageError, match="overwrite"):
        plan_frames(shot / "plate.0001.exr", shot / "link.exr")


def test_two_plates_never_share_a_matte(tmp_path):
    (tmp_path / "a.png").touch()
    (tmp_path / "a.jpg").touch()
    with pytest.raises(PatternError, match="different stems"):
        plan_frames(tmp_path, tmp_path / "out")


@pytest.mark.parametrize("target", [".", "../shot"])
def test_a_folder_matted_into_itself_gets_names_that_are_not_plates_the_next_time(
    tmp_path, monkeypatch, target
):
    shot = tmp_path / "shot"
    shot.mkdir()
    monkeypatch.chdir(shot)
    for name in ("a.jpg", "b.png"):
        (shot / name).touch()
    first = plan_frames(".", target)
    assert [(job.source.name, job.target.name) for job in first] == [
        ("a.jpg", "a.matte.png"),
        ("b.png", "b.matte.png"),
    ]
    for job in first:
        job.target.touch()
    assert plan_frames(".", target) == first


def test_two_places_for_a_frame_number_are_refused(shot):
    with pytest.raises(PatternError, match="two places"):
        plan_frames(f"{shot}/plate.####.exr", f"{shot}/matte.####.%04d.exr")
