"""Bakes by the real program on real EXRs with overscan: done, stopped, resumed, found again, broken."""

from __future__ import annotations

import dataclasses
import json
import shutil
import struct
import zlib
from pathlib import Path

import pytest
from flyaway_nuke.bake.cache import Cache
from flyaway_nuke.bake.errors import BakeError, CacheError
from flyaway_nuke.bake.events import read_line
from flyaway_nuke.bake.job import Job, Request, Settings
from flyaway_nuke.bake.launcher import Cli
from flyaway_nuke.bake.record import read_record
from flyaway_nuke.bake.session import Session

FRAMES = tuple(range(1001, 1006))
# A show's own configuration, in which a plate's space is a gain away from scene-linear.
OCIO = """ocio_profile_version: 2
roles: {default: raw, scene_linear: lin, aces_interchange: lin}
displays: {sRGB: [!<View> {name: Raw, colorspace: raw}]}
colorspaces:
  - !<ColorSpace> {name: raw, isdata: true}
  - !<ColorSpace> {name: lin}
  - !<ColorSpace>
    name: shot
    to_scene_reference: !<MatrixTransform> {matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}
"""
WINDOWS = {"data": [-16, -8, 160, 160], "display": [0, 0, 128, 144], "channels": ["A"]}


@pytest.fixture
def plates(pixels, tmp_path):
    """Five plates."""
    pixels("write", tmp_path / "plates", 1001, 1005)
    return tmp_path / "plates"


@pytest.fixture
def request_of(plates, tmp_path):
    """A request for these plates, with what a test changes."""

    def make(frames: tuple[int, ...] = FRAMES, source: str = "", **settings: object) -> Request:
        source = source or (plates / "plate.%04d.exr").as_posix()
        chosen = Settings(**settings)
        folder = Cache(tmp_path / "bakes").folder("plate", source, frames, chosen)
        return Request("plate", source, frames, folder, chosen, "cpu")

    return make


def run(environ, request: Request, session: Session | None = None) -> Job:
    session = session or Session(environ)
    job = session.submit(request)
    session.run(job)
    return job


def test_a_bake_keeps_windows_shows_progress_and_is_found_again(environ, request_of, pixels):
    session = Session(environ)
    states = []
    session.listeners.append(lambda job: states.append((job.state, len(job.frames))))
    request = request_of()
    job = run(environ, request, session)
    assert job.state == "done", job.log
    assert job.frames == dict.fromkeys(FRAMES, "written")
    # It could be watched: running with none, with some, then done.
    assert states[0] == ("queued", 0)
    assert ("running", 0) in states
    assert states[-1] == ("done", 5)
    means = []
    for matte in pixels("looks", *map(request.matte, FRAMES)):
        assert {key: matte[key] for key in WINDOWS} == WINDOWS
        means.append(matte["mean"])
    for small in pixels("looks", *map(request.preview, FRAMES)):
        assert small["channels"] == ["R", "G", "B", "A"]
    # She fills about half of the picture, and moves.
    assert all(0.2 < mean < 0.9 for mean in means)
    assert len(set(means)) == 5
    # Asked for again, all of it is kept, and it is the same folder.
    again = run(environ, request_of())
    assert (again.state, again.request.folder) == ("done", request.folder)
    assert set(again.frames.values()) == {"skipped"}
    assert read_record(request.folder).frames == list(FRAMES)


def test_stopped_and_resumed_equals_an_uninterrupted_bake(environ, request_of, plates, pixels, tmp_path):
    # Enough of them that the request to stop comes in the middle on any machine.
    frames = tuple(range(1001, 1021))
    pixels("write", plates, 1001, 1020)
    whole = run(environ, request_of(frames))
    looked = (*FRAMES, 1020)
    expected = [matte["hash"] for matte in pixels("looks", *map(whole.request.matte, looked))]
    # The same plates into another folder, so that nothing is taken from the first bake.
    request = Request("plate", whole.request.source, frames, tmp_path / "other", Settings(), "cpu")
    session = Session(environ)
    job = session.submit(request)

    def stop_after_one(changed: Job) -> None:
        if changed.state == "running" and changed.frames:
            session.cancel(changed)

    session.listeners.append(stop_after_one)
    session.run(job)
    assert job.state == "cancelled", job.log
    assert 1 <= job.finished < 20
    assert "Resume does the rest" in job.message
    # Every frame that was told of is there under its name, and nothing half-done lies beside.
    there = {path.name for path in request.folder.glob("*.exr")}
    assert {f"matte.{frame}.exr" for frame in job.frames} <= there
    assert not [path for path in request.folder.iterdir() if "part" in path.name]
    session.listeners.clear()
    session.resume(job)
    session.run(job)
    assert job.state == "done", job.log
    assert "skipped" in job.frames.values()
    assert [matte["hash"] for matte in pixels("looks", *map(request.matte, looked))] == expected


def test_killed_at_once_leaves_only_whole_mattes(environ, request_of, plates, pixels):
    pixels("write", plates, 1001, 1020)
    session = Session(environ)
    job = session.submit(request_of(tuple(range(1001, 1021))))

    def stop_twice(changed: Job) -> None:
        if changed.state == "running" and changed.frames:
            session.listeners.clear()
            session.cancel(changed)
            session.cancel(changed)

    session.listeners.append(stop_twice)
    session.run(job)
    assert job.state == "cancelled", job.log
    assert "stopping at once" in job.log
    for matte in pixels("looks", *job.request.folder.glob("matte.*.exr")):
        assert matte["data"] == WINDOWS["data"]


def test_a_plate_that_changed_is_matted_again_and_a_moved_one_is_not(environ, request_of, plates, pixels):
    first = run(environ, request_of())
    before = {frame: first.request.matte(frame).stat().st_mtime_ns for frame in FRAMES}
    pixels("write", plates, 1003, 1003, 17)
    second = run(environ, request_of())
    assert second.request.folder == first.request.folder
    # And those after it, which remember it.
    assert {frame for frame, status in second.frames.items() if status == "written"} == {1003, 1004, 1005}
    assert first.request.matte(1002).stat().st_mtime_ns == before[1002]
    # The same plates elsewhere: the bake is found by what they hold.
    moved = plates.rename(plates.with_name("archive"))
    source = (moved / "plate.%04d.exr").as_posix()
    third = request_of(source=source)
    assert third.folder == first.request.folder
    assert set(run(environ, third).frames.values()) == {"skipped"}
    # Other settings are another bake.
    assert request_of(source=source, coarse_only=True).folder != third.folder


def test_a_longer_range_adds_to_what_is_there(environ, request_of):
    run(environ, request_of(FRAMES[:2]))
    job = run(environ, request_of())
    assert list(job.frames.values()) == ["skipped"] * 2 + ["written"] * 3
    assert job.total == job.finished == 5


def test_a_broken_plate_fails_by_name_and_the_others_are_done(environ, request_of, plates):
    broken = plates / "plate.1002.exr"
    broken.write_bytes(broken.read_bytes()[:900])
    job = run(environ, request_of())
    assert job.state == "failed"
    assert (job.finished, job.failed) == (4, 1)
    assert "plate.1002.exr" in job.problems[1002]
    assert job.message.startswith("1 of 5 frames failed.")
    assert 1002 not in read_record(job.request.folder).frames


def test_a_copy_with_a_frame_painted_on_leaves_the_first_ones_mattes_alone(
    environ, request_of, plates, pixels, tmp_path
):
    first = run(environ, request_of())
    before = [matte["hash"] for matte in pixels("looks", *map(first.request.matte, FRAMES))]
    shutil.copytree(plates, tmp_path / "v2")
    pixels("write", tmp_path / "v2", 1002, 1002, 17)
    second = run(environ, request_of(source=(tmp_path / "v2" / "plate.%04d.exr").as_posix()))
    assert (second.state, second.finished) == ("done", 5)
    assert [matte["hash"] for matte in pixels("looks", *map(first.request.matte, FRAMES))] == before
    assert pixels("look", second.request.matte(1002))["hash"] != before[1]


def grey(value: int) -> bytes:
    """A PNG of one channel and one value, as large as the plates' format."""
    width, height = WINDOWS["display"][2:]
    rows = zlib.compress((b"\0" + bytes([value]) * width) * height)
    chunks = ((b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b""))
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_mask_and_a_configuration_that_were_made_anew_count(environ, request_of, pixels, tmp_path):
    mask, config = tmp_path / "roto.png", tmp_path / "show.ocio"
    mask.write_bytes(grey(40))
    config.write_text(OCIO)
    plain = request_of(FRAMES[:2], finish=("--garbage", str(mask)), in_space="shot")
    request = dataclasses.replace(plain, ocio=str(config))
    first = run(environ, request)
    assert first.state == "done", first.log
    before = [matte["hash"] for matte in pixels("looks", *map(request.matte, FRAMES[:2]))]
    assert set(run(environ, request).frames.values()) == {"skipped"}
    mask.write_bytes(grey(250))
    assert set(run(environ, request).frames.values()) == {"written"}
    drawn = [matte["hash"] for matte in pixels("looks", *map(request.matte, FRAMES[:2]))]
    assert drawn != before
    config.write_text(OCIO.replace("[2, 0, 0, 0,", "[8, 0, 0, 0,"))
    assert set(run(environ, request).frames.values()) == {"written"}
    assert [matte["hash"] for matte in pixels("looks", *map(request.matte, FRAMES[:2]))] != drawn


def test_build_nodes_between_does_not_make_a_matte_of_an_earlier_plate_good(
    environ, request_of, plates, pixels
):
    first = run(environ, request_of(FRAMES[:3]))
    before = pixels("look", first.request.matte(1002))["hash"]
    pixels("write", plates, 1002, 1002, 17)
    assert run(environ, request_of(FRAMES[:3]), Session({"FLYAWAY_CLI": "/nowhere"})).state == "failed"
    assert Cache.adopt(first.request.folder).frames == [1001, 1003]
    assert run(environ, request_of(FRAMES[:3])).state == "done"
    assert pixels("look", first.request.matte(1002))["hash"] != before
    assert Cache.adopt(first.request.folder).frames == [1001, 1002, 1003]


def test_a_fault_that_nobody_thought_of_ends_its_bake_alone(environ, request_of):
    def find(_environ):
        raise RuntimeError("a fault of ours")

    session = Session(environ, find=find)
    first, second = session.submit(request_of()), session.submit(request_of(coarse_only=True))
    session.run(second)
    assert (first.state, second.state) == ("failed", "failed")
    assert first.message == "RuntimeError: a fault of ours"
    assert not session.tick()


def test_what_cannot_start_says_why(environ, request_of):
    job = run(environ, request_of(), Session({**environ, "FLYAWAY_CLI": "/nowhere/flyaway"}))
    assert (job.state, job.frames) == ("failed", {})
    assert "FLYAWAY_CLI names /nowhere/flyaway" in job.message
    job = run(environ, request_of(model="slow"))
    assert job.state == "failed"
    assert "slow" in job.message
    job = run(environ, request_of(in_space="no such space"))
    assert "no such space" in job.message


def test_what_the_plates_alpha_is_goes_to_the_program_and_into_the_signature(environ, request_of):
    usual, straight = request_of(), request_of(alpha_in="straight")
    assert "--alpha-in" not in usual.command(Cli(("flyaway",), ""))
    words = straight.command(Cli(("flyaway",), ""))
    assert words[words.index("--alpha-in") + 1] == "straight"
    assert straight.folder != usual.folder
    # A bake from before there was a choice is found again.
    assert set(usual.settings.as_dict()) == {"model", "in_space", "coarse_only"}
    assert run(environ, straight).state == "done"


def test_stills_go_to_the_program_and_into_the_signature(request_of):
    usual, stills = request_of(), request_of(stills=True)
    assert "--stills" not in usual.command(Cli(("flyaway",), ""))
    assert "--stills" in stills.command(Cli(("flyaway",), ""))
    assert stills.folder != usual.folder
    assert stills.raw != usual.raw


def test_a_still_is_one_matte(environ, plates, tmp_path, pixels):
    source = (plates / "plate.1001.exr").as_posix()
    folder = Cache(tmp_path / "bakes").folder("still", source, (), Settings())
    job = run(environ, Request("still", source, (), folder, Settings(), "cpu"))
    assert job.state == "done", job.log
    assert pixels("look", folder / "matte.exr")["data"] == WINDOWS["data"]
    assert read_record(folder).still
    assert list(run(environ, job.request).frames.values()) == ["skipped"]


def test_one_runs_and_the_others_wait_and_may_be_taken_out(environ, request_of):
    session = Session(environ)
    first, second = session.submit(request_of()), session.submit(request_of(coarse_only=True))
    with pytest.raises(BakeError, match="is being baked into"):
        session.submit(request_of())
    session.tick()
    assert (first.state, second.state) == ("running", "queued")
    session.cancel(second)
    session.cancel(first)
    session.run(first)
    assert (first.state, second.state) == ("cancelled", "cancelled")
    session.remove(second)
    assert session.jobs == [first]


@pytest.mark.parametrize("kind", [CacheError, ValueError])
def test_a_fault_after_the_bake_is_said_and_the_mattes_stay(environ, request_of, kind):
    def refuse(job: Job) -> None:
        raise kind("the node is gone")

    session = Session(environ)
    job = session.submit(request_of(FRAMES[:1]), refuse)
    session.run(job)
    assert job.state == "done"
    assert "but the node is gone" in job.message
    assert job.request.matte(1001).is_file()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"flyaway_bake": 2, "source": ""}', '{"flyaway_bake": 1}'])
def test_a_folder_that_is_no_bake_is_refused_and_passed_over(tmp_path, text):
    folder = tmp_path / "bakes" / "odd"
    folder.mkdir(parents=True)
    (folder / "bake.json").write_text(text)
    with pytest.raises(CacheError, match="bake"):
        read_record(folder)
    assert Cache(tmp_path / "bakes").folder("x", "/x.exr", (), Settings()).parent == tmp_path / "bakes"


def test_a_record_cannot_lead_out_of_its_folder(tmp_path):
    stored = {
        "flyaway_bake": 1,
        "source": "/x.%04d.exr",
        "mattes": {"../../1": "", "7": "1:2", "still": "", "7e9": ""},
    }
    (tmp_path / "bake.json").write_text(json.dumps(stored))
    assert read_record(tmp_path).frames == [7]


@pytest.mark.parametrize(
    ("line", "kind", "status", "frame"),
    [
        ('{"event": "frame", "frame": -5, "status": "written"}', "frame", "written", -5),
        ('{"event": "frame", "frame": 7, "status": "failed", "error": "gone"}', "frame", "failed", 7),
        ('{"event": "start", "model": "fast", "device": "cpu", "total": 5}', "start", "", None),
        ('{"event": "end", "remark": "5 written"}', "end", "", None),
        ('{"event": "frame", "status": "exploded"}', "log", "", None),
        (
            '{"event": "frame", "frame": "x", "status": "written", "seconds": [], "notes": 3}',
            "frame",
            "written",
            None,
        ),
        ('{"event": ', "log", "", None),
        ("[" * 100_000, "log", "", None),
        ('{"a":' * 10_000, "log", "", None),
        ("error: something", "log", "", None),
    ],
)
def test_lines_of_the_program(line, kind, status, frame):
    event = read_line(line)
    assert (event.kind, event.status, event.frame) == (kind, status, frame)
    assert len(event.text) < 70_000


def test_previews_lie_beside_their_mattes(request_of):
    request = request_of()
    assert request.preview(1001) == request.folder / "previews" / "matte.1001.png"
    assert Path(request.target).name == "matte.%04d.exr"


def test_another_control_is_another_bake_of_the_same_raw_mattes(environ, request_of):
    plain, choked = request_of(FRAMES[:2]), request_of(FRAMES[:2], finish=("--grow=-1",))
    assert plain.folder != choked.folder
    assert plain.raw == choked.raw
    assert request_of(FRAMES[:2], coarse_only=True).raw != plain.raw
    # A bake from before there were controls is found again.
    assert "finish" not in plain.settings.as_dict()
    assert run(environ, plain).state == "done"
    kept = {frame: Path(plain.raw % frame).stat().st_mtime_ns for frame in FRAMES[:2]}
    assert run(environ, choked).state == "done"
    assert {frame: Path(plain.raw % frame).stat().st_mtime_ns for frame in FRAMES[:2]} == kept
    assert choked.matte(FRAMES[0]).read_bytes() != plain.matte(FRAMES[0]).read_bytes()
