"""Bakes by the real program on real EXRs with overscan: done, stopped, resumed, found again, broken."""

from __future__ import annotations

import json
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
    # Asked for again, nothing is started, and it is the same folder.
    session = Session({**environ, "FLYAWAY_CLI": "/nowhere/flyaway"})
    again = run(environ, request_of(), session)
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
    assert (
        run({**environ, "FLYAWAY_CLI": "/nowhere"}, third, Session({"FLYAWAY_CLI": "/nowhere"})).state
        == "done"
    )
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
    assert run(environ, job.request, Session({"FLYAWAY_CLI": "/nowhere"})).state == "done"


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
