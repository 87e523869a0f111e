"""Which folder a bake goes to: nobody's mattes are written over, and a plate that was moved finds its own."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
from flyaway_nuke.bake import record as records
from flyaway_nuke.bake.cache import Cache, frame_path
from flyaway_nuke.bake.errors import CacheError
from flyaway_nuke.bake.job import Job, Request, Settings
from flyaway_nuke.bake.record import Record, glimpse, read_record, write_record

FRAMES = (1, 2, 3, 4, 5)


@pytest.fixture
def show(tmp_path):
    """A show's disk, on which plates and mattes are a few words each."""
    return Show(tmp_path)


class Show:
    def __init__(self, root: Path) -> None:
        self.root, self.cache = root, Cache(root / "bakes")

    def plates(self, name: str, frames=FRAMES) -> str:
        folder = self.root / name
        folder.mkdir(parents=True)
        for frame in frames:
            (folder / f"p.{frame:04d}.exr").write_text(f"{name} {frame}")
        return (folder / "p.%04d.exr").as_posix()

    def request(self, source: str, frames=FRAMES) -> Request:
        folder = self.cache.folder("plate", source, frames, Settings())
        return Request("plate", source, frames, folder, Settings())

    def bake(self, source: str, frames=FRAMES) -> Path:
        """What a bake leaves behind, without the program."""
        request = self.request(source, frames)
        Cache.prepare(request)
        job = Job(request)
        for frame in frames:
            request.matte(frame).write_text(f"of {frame_path(source, frame)}")
            job.frames[frame] = "written"
        Cache.record(job)
        return request.folder


def test_a_copy_with_one_frame_painted_on_is_another_bake(show):
    first = show.plates("v1")
    folder = show.bake(first)
    shutil.copytree(show.root / "v1", show.root / "v2")
    (show.root / "v2/p.0002.exr").write_text("painted on")
    second = first.replace("/v1/", "/v2/")
    assert show.request(second).folder != folder
    # Nor where only frames are asked for that are the same, and the rest would come later.
    assert show.request(second, (1, 3)).folder != folder
    (show.root / "v2/p.0002.exr").write_text("v1 2")
    assert show.request(second).folder != folder


def test_a_shared_slate_hands_no_folder_over(show):
    ours, theirs = show.plates("a"), show.plates("b")
    shutil.copy2(show.root / "a/p.0001.exr", show.root / "b/p.0001.exr")
    folder = show.bake(ours)
    assert show.bake(theirs, (1,)) != folder
    assert show.bake(theirs) != folder
    assert (folder / "matte.0001.exr").read_text() == f"of {frame_path(ours, 1)}"
    # Nor once the other shot is gone: it shares a frame and no more.
    shutil.rmtree(show.root / "a")
    shutil.rmtree(show.root / "bakes" / show.request(theirs).folder.name)
    assert show.request(theirs, (1,)).folder != folder


def test_a_plate_that_moved_takes_its_bake_along_and_its_place_may_be_taken(show):
    source = show.plates("v1")
    folder = show.bake(source)
    (show.root / "v1").rename(show.root / "archive")
    moved = source.replace("/v1/", "/archive/")
    assert show.bake(moved) == folder
    assert read_record(folder).source == moved
    # Where it was, another plate is rendered: the bake has gone with the first one.
    shutil.rmtree(show.root / "v1", ignore_errors=True)
    show.plates("v1")
    other = show.bake(source)
    assert other != folder
    assert show.request(source).folder == other
    assert show.request(moved).folder == folder
    assert (folder / "matte.0003.exr").read_text() == f"of {frame_path(moved, 3)}"


def test_a_share_that_does_not_answer_has_not_moved(show, monkeypatch):
    source = show.plates("v1")
    folder = show.bake(source)
    shutil.copytree(show.root / "v1", show.root / "v2")
    (show.root / "v1").rename(show.root / "v1 off line")
    real = Path.stat

    def stat(path, **options):
        if "/v1/" in path.as_posix():
            raise PermissionError(13, "not now")
        return real(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    assert show.request(source.replace("/v1/", "/v2/")).folder != folder


def test_an_old_job_does_not_bake_into_what_has_become_anothers(show):
    source = show.plates("v1")
    old = show.request(source)
    show.bake(source)
    (show.root / "v1").rename(show.root / "archive")
    show.bake(source.replace("/v1/", "/archive/"))
    show.plates("v1")
    with pytest.raises(CacheError, match=r"holds the mattes of .*archive.* Press Bake on the node"):
        Cache.prepare(old)


def test_a_matte_whose_plate_changed_is_adopted_once_it_was_written_anew(show):
    source = show.plates("v1")
    folder = show.bake(source)
    (show.root / "v1/p.0002.exr").write_text("rendered anew, another picture")
    Cache.prepare(show.request(source))
    # The bake was stopped before it came to that frame; then Build nodes.
    assert Cache.adopt(folder).frames == [1, 3, 4, 5]
    Cache.prepare(show.request(source))
    assert read_record(folder).frames == [1, 3, 4, 5]
    # A farm does it, which knows our program and no record.
    (folder / "matte.0002.exr").write_text("of the plate as it is now")
    assert Cache.adopt(folder).frames == list(FRAMES)
    assert not read_record(folder).outdated


def test_a_matte_that_failed_to_be_done_anew_does_not_come_back(show):
    source = show.plates("v1")
    folder = show.bake(source)
    job = Job(show.request(source))
    job.frames.update(dict.fromkeys(FRAMES, "skipped"))
    job.frames[2] = "failed"
    Cache.record(job)
    assert Cache.adopt(folder).frames == [1, 3, 4, 5]
    job.frames[2] = "written"
    Cache.record(job)
    assert read_record(folder).frames == list(FRAMES)


def test_looking_for_a_bake_reads_no_record_of_another(show, monkeypatch):
    whole = {str(frame): f"50000000:{1_700_000_000_000_000_000 + frame}:{'a' * 24}" for frame in range(3000)}
    for number in range(20):
        folder = show.root / "bakes" / f"b{number}"
        folder.mkdir(parents=True)
        write_record(Record(folder, f"/gone/{number}.%04d.exr", Settings().as_dict(), whole, {}))
    # One that somebody else wrote, in one line and another order, is found all the same.
    odd = show.root / "bakes" / "odd"
    odd.mkdir()
    entries = {
        "flyaway_bake": 1,
        "source": "/odd.%04d.exr",
        "settings": Settings().as_dict(),
        "plates": whole,
    }
    (odd / "bake.json").write_text(json.dumps(entries))
    source = show.plates("v1")
    parsed = []
    real = records.read_json
    monkeypatch.setattr(records, "read_json", lambda path, *rest: parsed.append(path) or real(path, *rest))
    assert not show.request(source).folder.exists()
    assert parsed == [odd / "bake.json"]
    assert show.request("/odd.%04d.exr").folder == odd
    folder = show.bake(source)
    parsed.clear()
    assert show.request(source).folder == folder
    assert parsed == [folder / "bake.json"]


@pytest.mark.parametrize("finish", [(), ("--garbage", '/a "quoted"\n "settings": { name.exr')])
def test_a_glimpse_is_what_the_record_says(tmp_path, finish):
    settings = dataclasses.replace(Settings(in_space="ACES - ACEScg"), finish=finish).as_dict()
    for plates in ({}, {"still": "1:2:ab"}, {"-3": "", "7": "1:2:ab"}, {"8": "1:2:ab", "9": ""}):
        record = Record(tmp_path, "/ä/p.%04d.exr", settings, plates, {"7": "1:2"}, {"8": "3:4"})
        write_record(record)
        known = [(key, plate) for key, plate in plates.items() if plate]
        seen = glimpse(tmp_path)
        assert (seen.source, seen.settings) == (record.source, settings)
        assert seen.plate == (known[-1] if known else None)
    assert glimpse(tmp_path / "nothing") is None


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("/jobs/shot#2/plate.####.exr", "/jobs/shot#2/plate.0007.exr"),
        ("/jobs/take %d/plate.%03d.exr", "/jobs/take %d/plate.007.exr"),
        ("/jobs/shot#2/still.exr", "/jobs/shot#2/still.exr"),
        ("plate.#.exr", "plate.7.exr"),
    ],
)
def test_a_folders_name_is_no_pattern(pattern, path):
    assert frame_path(pattern, 7) == path


def test_a_percent_sign_in_the_bakes_folder_is_one(tmp_path):
    request = Request("plate", "/p.%04d.exr", (7,), tmp_path / "50%_done")
    assert request.matte(7) == tmp_path / "50%_done" / "matte.0007.exr"
    assert Request("plate", "/p.exr", (), tmp_path / "%d").matte(None) == tmp_path / "%d" / "matte.exr"


def test_a_relative_root_means_one_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = Cache(Path("bakes")).folder("plate", "/p.%04d.exr", (1,), Settings())
    assert folder.parent == tmp_path / "bakes"
