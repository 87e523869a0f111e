"""Runs: what is redone and what is not, who may run, how it ends, what is reported."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import threading
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.batch.conftest import Luma, Remembering
from tests.ocio import STUDIO_CONFIG

from flyaway import BusyError, UsageError
from flyaway.batch import ExitCode, Limits, RunOptions, Target, plan_shot, run_plan
from flyaway.batch.claim import claim
from flyaway.batch.journal import Entry, JournalIndex
from flyaway.frames import WriteOptions

RESUME = RunOptions(existing="resume")


def plan(source, out, frames=None, **more):
    return plan_shot("shot", source, [Target(str(out / "m.####.exr"))], frames, **more)


def alpha(path):
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT))[..., 0]


def statuses(matting, what, options=RESUME, **more):
    results = []
    report = run_plan(matting, what, options, results.append, **more)
    return report, [(result.task.frame, result.status, result.why) for result in results]


def test_a_second_run_does_nothing(shot, luma, tmp_path):
    what = plan(shot(4), tmp_path / "out")
    report, first = statuses(luma, what)
    assert report.exit_code is ExitCode.OK
    assert [status for _, status, _ in first] == ["written"] * 4
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").glob("*.exr")}
    report, second = statuses(luma, what)
    assert [status for _, status, _ in second] == ["skipped"] * 4
    assert report.exit_code is ExitCode.OK
    assert luma.calls == 4
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_resume_redoes_exactly_what_is_missing_stale_or_broken_and_says_why(shot, luma, tmp_path):
    what = plan(shot(6), tmp_path / "out")
    run_plan(luma, what, RESUME)
    out = tmp_path / "out"
    (out / "m.1001.exr").unlink()
    whole = (out / "m.1002.exr").read_bytes()
    (out / "m.1002.exr").write_bytes(whole[:-40])
    flipped = bytearray((out / "m.1003.exr").read_bytes())
    flipped[-5] ^= 1  # same size, same time: only its hash tells
    stat = (out / "m.1003.exr").stat()
    (out / "m.1003.exr").write_bytes(flipped)
    os.utime(out / "m.1003.exr", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.utime(tmp_path / "plates" / "p.1004.exr", ns=(1, 1))
    report, results = statuses(luma, what)
    assert results == [
        (1001, "written", "m.1001.exr is missing"),
        (1002, "written", "m.1002.exr is not what was written"),
        (1003, "written", "m.1003.exr is not what was written"),
        (1004, "written", "its plate has changed"),
        (1005, "skipped", ""),
        (1006, "skipped", ""),
    ]
    assert (out / "m.1002.exr").read_bytes() == whole
    assert [status for _, status, _ in statuses(luma, what)[1]] == ["skipped"] * 6
    assert report.counts == {"written": 4, "skipped": 2}


def test_another_model_or_other_settings_make_everything_stale(shot, luma, tmp_path):
    source = shot(2)
    run_plan(luma, plan(source, tmp_path / "out"), RESUME)
    retrained = Luma(digest="1" * 64)
    assert {why for *_, why in statuses(retrained, plan(source, tmp_path / "out"))[1]} == {
        "made with another model"
    }
    cropped = plan_shot("shot", source, [Target(str(tmp_path / "out/m.####.exr"), WriteOptions(channel="Y"))])
    assert {why for *_, why in statuses(retrained, cropped)[1]} == {"made with other settings"}


def test_another_ocio_configuration_makes_everything_stale(shot, luma, tmp_path, monkeypatch):
    """By what it says: a show's configuration is edited in its place, and $OCIO counts as well."""
    config = tmp_path / "house.ocio"
    config.write_text(STUDIO_CONFIG.format(working="lin_rec709"))
    what = plan(shot(1), tmp_path / "out")

    def why() -> str:
        return statuses(luma, what)[1][0][2]

    monkeypatch.delenv("OCIO", raising=False)
    run_plan(luma, what, RESUME)
    monkeypatch.setenv("OCIO", str(config))
    assert why() == "made with other settings"
    assert why() == ""
    config.write_text(STUDIO_CONFIG.format(working="half_light") + "# edited\n")
    assert why() == "made with other settings"
    monkeypatch.setenv("OCIO", "ocio://cg-config-latest")
    assert why() == "made with other settings"
    monkeypatch.delenv("OCIO")
    assert why() == "made with other settings"
    assert why() == ""


def test_two_outputs_are_one_frame(shot, luma, tmp_path):
    targets = [
        Target(str(tmp_path / "a" / "m.####.exr")),
        Target(str(tmp_path / "b" / "c.####.tif"), WriteOptions("rgba")),
    ]
    what = plan_shot("shot", shot(2), targets)
    assert run_plan(luma, what, RESUME).exit_code is ExitCode.OK
    (tmp_path / "b" / "c.1002.tif").unlink()
    assert [status for _, status, _ in statuses(luma, what)[1]] == ["skipped", "written"]
    assert (tmp_path / "b" / "c.1002.tif").is_file()


def test_a_frame_that_cannot_be_read_fails_by_name_and_the_others_are_done(shot, luma, tmp_path):
    what = plan(shot(4), tmp_path / "out")
    broken = tmp_path / "plates" / "p.1002.exr"
    broken.write_bytes(broken.read_bytes()[:600])
    report = run_plan(luma, what, RESUME)
    assert report.exit_code is ExitCode.FAILED
    assert [(result.task.frame, result.error.path) for result in report.failures] == [(1002, broken)]
    assert sorted(path.name for path in (tmp_path / "out").glob("*.exr")) == [
        "m.1001.exr",
        "m.1003.exr",
        "m.1004.exr",
    ]


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("std::bad_alloc"), RuntimeError("CUDA out of memory")]
)
def test_want_of_memory_has_its_own_exit_code(shot, luma, tmp_path, error):
    class Hungry(Luma):
        def __call__(self, plate, **more):
            raise error

    report = run_plan(Hungry(), plan(shot(2), tmp_path / "out"), RESUME)
    assert report.exit_code is ExitCode.OUT_OF_MEMORY == 33
    assert "memory" in str(report.failures[0].error)


def test_a_stop_finishes_the_frames_in_hand_and_the_next_run_does_the_rest(shot, luma, tmp_path):
    what = plan(shot(9), tmp_path / "out")
    report = run_plan(luma, what, RESUME, stop=lambda: luma.calls >= 3)
    assert report.interrupted
    assert report.exit_code is ExitCode.INTERRUPTED
    assert report.counts == {"written": 3}
    again, results = statuses(luma, what)
    assert [status for _, status, _ in results] == ["skipped"] * 3 + ["written"] * 6
    assert again.exit_code is ExitCode.OK
    assert luma.calls == 9


def test_an_interrupt_in_the_middle_of_the_network_keeps_what_was_matted(shot, tmp_path):
    class Interrupted(Luma):
        def __call__(self, plate, **more):
            if self.calls == 4:
                raise KeyboardInterrupt
            return super().__call__(plate)

    report = run_plan(Interrupted(), plan(shot(9), tmp_path / "out"), RESUME)
    assert report.exit_code is ExitCode.INTERRUPTED
    assert report.counts == {"written": 4}
    assert not list((tmp_path / "out").glob(".*.part.*"))


def test_two_runs_at_once_one_wins_and_the_other_says_so(shot, tmp_path):
    what = plan(shot(3), tmp_path / "out")
    refused = []

    class Meanwhile(Luma):
        def __call__(self, plate, **more):
            with pytest.raises(BusyError, match=f"process {os.getpid()} on .* 1001-1003") as caught:
                run_plan(Luma(), what, RESUME)
            refused.append(caught.value)
            return super().__call__(plate)

    assert run_plan(Meanwhile(), what, RESUME).exit_code is ExitCode.OK
    assert len(refused) == 3
    assert run_plan(Luma(), what, RESUME).counts == {"skipped": 3}


@pytest.mark.parametrize("pattern", ["m.%04d.exr", "m.@@@@.exr", "m.$F4.exr", "m.1001-1002####.exr"])
def test_one_sequence_has_one_journal_however_its_pattern_is_written(shot, luma, tmp_path, pattern):
    source = shot(2)
    run_plan(luma, plan(source, tmp_path / "out"), RESUME)
    again = plan_shot("shot", source, [Target(str(tmp_path / "out" / pattern))])
    assert run_plan(luma, again, RESUME).counts == {"skipped": 2}


def test_all_that_is_written_beside_a_matte_is_within_the_budget(luma, tmp_path):
    """A file of many parts is weighed with all of them, not by the one that is matted."""
    path = tmp_path / "p.1.exr"
    specs = tuple(oiio.ImageSpec(64, 32, 3, "half") for _ in range(5))
    for number, spec in enumerate(specs):
        spec.attribute("oiio:subimagename", f"part{number}")
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), specs)
    for number, spec in enumerate(specs):
        assert number == 0 or target.open(str(path), spec, "AppendSubimage")
        assert target.write_image(np.full((32, 64, 3), 0.5, np.float32))
    assert target.close()
    peaks = []
    for output in ("matte", "beside"):
        to = [Target(str(tmp_path / output / "m.#.exr"), WriteOptions(output))]
        report = run_plan(luma, plan_shot("shot", str(tmp_path / "p.#.exr"), to), RESUME)
        assert report.exit_code is ExitCode.OK
        peaks.append(report.peak_bytes)
    assert peaks[1] - peaks[0] == 5 * 64 * 32 * 3 * 8


def test_two_ranges_of_one_folder_run_side_by_side_and_resume_knows_both(shot, luma, tmp_path):
    source = shot(6)

    class Meanwhile(Luma):
        def __call__(self, plate, **more):
            if self.calls == 0:
                run_plan(luma, plan(source, tmp_path / "out", "1004-1006"), RESUME)
            return super().__call__(plate)

    run_plan(Meanwhile(), plan(source, tmp_path / "out", "1001-1003"), RESUME)
    assert luma.calls == 3
    assert run_plan(luma, plan(source, tmp_path / "out"), RESUME).counts == {"skipped": 6}


def _claim_and_die(state: str) -> None:
    held = claim(Path(state), "m.@.exr", [1001])
    held.__enter__()
    os.kill(os.getpid(), 9)


def test_the_lock_of_a_process_that_was_killed_is_recovered(shot, luma, tmp_path):
    source, state = shot(2), tmp_path / "out" / ".flyaway"
    process = multiprocessing.get_context("spawn").Process(target=_claim_and_die, args=(str(state),))
    process.start()
    process.join()
    assert process.exitcode == -9
    assert len(list(state.glob("*.claim"))) == 1
    report = run_plan(luma, plan(source, tmp_path / "out"), RESUME)
    assert report.exit_code is ExitCode.OK
    assert report.recovered == (
        f"the lock of process {process.pid} on {os.uname().nodename}, which has died",
    )
    assert not list(state.glob("*.claim"))


def test_a_claim_from_another_machine_holds_as_long_as_it_is_touched(shot, luma, tmp_path):
    state = tmp_path / "out" / ".flyaway"
    state.mkdir(parents=True)
    theirs = state / "m.@.exr.render12-77-aaaa.claim"
    theirs.write_text(json.dumps({"host": "render12", "pid": 77, "frames": "1001-1050"}))
    what = plan(shot(2), tmp_path / "out")
    with pytest.raises(BusyError, match="render12"):
        run_plan(luma, what, RESUME)
    assert luma.calls == 0
    os.utime(theirs, (1, 1))
    assert "render12" in run_plan(luma, what, RESUME).recovered[0]


def test_without_locks_a_claim_holds_until_its_owner_has_been_silent(shot, luma, tmp_path, monkeypatch):
    def none(*arguments):
        raise OSError(errno.ENOLCK, "no locks here")

    monkeypatch.setattr(fcntl, "flock", none)
    what = plan(shot(2), tmp_path / "out")
    with claim(tmp_path / "out" / ".flyaway", "m.@.exr", [1002]) as theirs:
        with pytest.raises(BusyError):
            run_plan(luma, what, RESUME)
        os.utime(theirs.path, (1, 1))
        report = run_plan(luma, what, RESUME)
    assert report.exit_code is ExitCode.OK
    assert "locks" in " ".join(report.lacks)
    monkeypatch.undo()
    assert run_plan(luma, what, RESUME).lacks == ()  # another run, another disk: nothing is handed on


def test_a_torn_journal_line_is_no_line_and_the_next_is_whole(shot, luma, tmp_path):
    what = plan(shot(3), tmp_path / "out")
    run_plan(luma, what, RESUME)
    journal = what.journal
    journal.write_bytes(journal.read_bytes()[:-20])
    _report, results = statuses(luma, what)
    assert sorted(status for _, status, _ in results) == ["skipped", "skipped", "written"]
    assert run_plan(luma, what, RESUME).counts == {"skipped": 3}


@pytest.mark.parametrize(
    "line",
    [b"", b"\n", b"{}\n", b"[1]\n", b"null\n", b'{"key": 1}', b"\x00" * 100 + b"\n", b"[" * 100_000 + b"\n"],
)
def test_a_line_that_is_not_ours_is_ignored(line):
    assert Entry.parse(line) is None


def test_the_journal_claims_only_what_is_on_disk(shot, luma, tmp_path):
    what = plan(shot(3), tmp_path / "out")
    report = run_plan(luma, what, RESUME)
    entries = {entry.key: entry for entry in JournalIndex(report.journal.parent, "m.@.exr").entries()}
    assert sorted(entries) == ["1001", "1002", "1003"]
    for key, entry in entries.items():
        assert (tmp_path / "out" / entry.outputs[0].path).stat().st_size == entry.outputs[0].bytes
        assert entry.coverage == pytest.approx(
            float(alpha(tmp_path / "out" / f"m.{key}.exr").mean()), abs=1e-3
        )


def test_existing_mattes_without_a_word_are_refused(shot, luma, tmp_path):
    what = plan(shot(2), tmp_path / "out")
    run_plan(luma, what)
    with pytest.raises(UsageError, match="--resume"):
        run_plan(luma, what)


def test_what_a_dead_run_left_half_written_is_swept(shot, luma, tmp_path):
    what = plan(shot(2), tmp_path / "out")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".m.1002.0a1b2c3d.part.exr").write_bytes(b"half")
    other = tmp_path / "out" / ".n.1002.0a1b2c3d.part.exr"
    other.write_bytes(b"another run's")
    report = run_plan(luma, what, RESUME)
    assert report.recovered == ("1 unfinished files of a run that died",)
    assert list((tmp_path / "out").glob(".*.part.exr")) == [other]


@pytest.mark.parametrize("chunk", [0, 3, 7])
def test_chunks_with_handles_equal_the_whole_for_a_model_with_a_memory(shot, tmp_path, chunk):
    source = shot(14)
    whole = Remembering()
    run_plan(whole, plan(source, tmp_path / "whole"), RESUME)
    run_plan(Remembering(), plan(source, tmp_path / "cut", chunk=chunk, handles=4), RESUME)
    for frame in range(1001, 1015):
        np.testing.assert_array_equal(
            alpha(tmp_path / "whole" / f"m.{frame}.exr"), alpha(tmp_path / "cut" / f"m.{frame}.exr")
        )
    # Without handles a chunk does not know what came before; that is what they are for.
    run_plan(Remembering(), plan(source, tmp_path / "bare", chunk=7, handles=0), RESUME)
    assert (
        np.abs(alpha(tmp_path / "bare" / "m.1008.exr") - alpha(tmp_path / "whole" / "m.1008.exr")).max() > 0.1
    )


def test_a_single_frame_that_is_redone_gets_its_handles_too(shot, tmp_path):
    what = plan(shot(12), tmp_path / "out", handles=4)
    run_plan(Remembering(), what, RESUME)
    path = tmp_path / "out" / "m.1009.exr"
    before = path.read_bytes()
    path.unlink()
    report, _seen = statuses(Remembering(), what)
    assert report.counts == {"written": 1, "skipped": 11}
    assert path.read_bytes() == before


def test_other_chunks_or_handles_are_other_settings_for_a_model_with_a_memory_alone(shot, luma, tmp_path):
    source = shot(4)
    for matting, redone in ((Remembering(), 4), (luma, 0)):
        out = tmp_path / matting.info.name
        run_plan(matting, plan(source, out), RESUME)
        assert run_plan(matting, plan(source, out, chunk=2, handles=1), RESUME).counts["written"] == redone


def test_a_chunk_whose_first_plate_is_broken_forgets_all_the_same(shot, tmp_path):
    source = shot(6)
    (tmp_path / "plates" / "p.1004.exr").write_bytes(b"no plate")
    report = run_plan(Remembering(), plan(source, tmp_path / "out", chunk=3, handles=0), RESUME)
    assert [result.task.frame for result in report.failures] == [1004]
    # The first that can be read of the second chunk is the mean of itself alone.
    run_plan(Remembering(), plan(source, tmp_path / "alone", "1005", handles=0), RESUME)
    np.testing.assert_array_equal(
        alpha(tmp_path / "out" / "m.1005.exr"), alpha(tmp_path / "alone" / "m.1005.exr")
    )


def test_a_clock_that_was_set_back_does_not_bring_older_lines_back(shot, luma, tmp_path, monkeypatch):
    what = plan(shot(1), tmp_path / "out")
    run_plan(luma, what, RESUME)
    monkeypatch.setattr("flyaway.batch.write_stage.time.time_ns", lambda: 1)
    os.utime(tmp_path / "plates" / "p.1001.exr", ns=(1, 1))
    assert run_plan(luma, what, RESUME).counts == {"written": 1}
    assert run_plan(luma, what, RESUME).counts == {"skipped": 1}


def test_plates_with_pixels_that_are_no_numbers_are_counted_in_the_report(luma, tmp_path, write_plate):
    (tmp_path / "plates").mkdir()
    for frame, odd in ((1, 0.5), (2, np.nan), (3, -1), (4, np.inf), (5, np.nan)):
        pixels = np.full((8, 8, 3), 0.5, np.float32)
        pixels[0, 0, 0] = odd
        write_plate(tmp_path / "plates" / f"p.{frame}.exr", pixels)
    report = run_plan(luma, plan(str(tmp_path / "plates" / "p.#.exr"), tmp_path / "out"), RESUME)
    assert report.as_json()["odd_plates"] == {"nan": 2, "infinite": 1, "negative": 1}
    assert report.remarks == ["NaN in 2 plates", "infinite values in 1 plates"]


def test_progress_is_in_order_whatever_the_threads_do(shot, luma, tmp_path):
    options = RunOptions(existing="resume", limits=Limits(readers=4, writers=4))
    threads = set()
    frames = []

    def progress(result):
        threads.add(threading.current_thread())
        frames.append(result.task.frame)

    run_plan(luma, plan(shot(20), tmp_path / "out"), options, progress)
    assert frames == list(range(1001, 1021))
    assert threads == {threading.current_thread()}


def test_one_photograph_leaves_nothing_but_its_matte(luma, tmp_path, write_plate):
    plate = write_plate(tmp_path / "p.exr", np.full((8, 8, 3), 0.5, np.float32))
    what = plan_shot("one", plate, [Target(str(tmp_path / "m.exr"))])
    assert run_plan(luma, what).exit_code is ExitCode.OK
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.exr", "p.exr"]


def test_one_photograph_is_resumed_like_any_frame(luma, tmp_path, write_plate):
    plate = write_plate(tmp_path / "p.exr", np.full((8, 8, 3), 0.5, np.float32))
    what = plan_shot("one", plate, [Target(str(tmp_path / "m.exr"))])
    assert statuses(luma, what)[1] == [(None, "written", "")]
    assert statuses(luma, what)[1] == [(None, "skipped", "")]
    os.utime(plate, ns=(1, 1))
    assert statuses(luma, what)[1] == [(None, "written", "its plate has changed")]
    (tmp_path / "m.exr").unlink()
    assert statuses(luma, what)[1] == [(None, "written", "m.exr is missing")]


def test_a_folder_of_photographs_is_resumed_by_name(luma, tmp_path, write_plate):
    (tmp_path / "in").mkdir()
    for name in ("a", "b"):
        write_plate(tmp_path / "in" / f"{name}.exr", np.full((8, 8, 3), 0.5, np.float32))
    what = plan_shot("folder", tmp_path / "in", [Target(str(tmp_path / "out"))])
    run_plan(luma, what, RESUME)
    (tmp_path / "out" / "b.exr").unlink()
    assert [status for _, status, _ in statuses(luma, what)[1]] == ["skipped", "written"]


def paint(path):
    """Somebody's brush: the same file, one corner white, saved by another program."""
    picture = oiio.ImageBuf(str(path))
    pixels = np.asarray(picture.get_pixels(oiio.FLOAT))
    pixels[:2, :2] = 1 - pixels[:2, :2]
    spec = picture.spec()
    target = oiio.ImageOutput.create(str(path))
    assert target.open(str(path), spec)
    assert target.write_image(pixels)
    assert target.close()
    return path.read_bytes()


@pytest.mark.parametrize("stale", [False, True])
def test_a_matte_that_somebody_painted_on_is_kept_and_its_frame_fails_by_name(shot, luma, tmp_path, stale):
    what = plan(shot(3), tmp_path / "out")
    run_plan(luma, what, RESUME)
    painted = tmp_path / "out" / "m.1002.exr"
    pixels = paint(painted)
    if stale:
        os.utime(tmp_path / "plates" / "p.1002.exr", ns=(1, 1))
    for _ in range(2):
        report = run_plan(luma, what, RESUME)
        assert report.exit_code is ExitCode.FAILED
        assert report.counts == {"skipped": 2, "failed": 1}
        assert report.failures[0].error.path == painted
        assert "--overwrite" in str(report.failures[0].error)
        assert painted.read_bytes() == pixels
    assert run_plan(luma, what, RunOptions(existing="overwrite")).exit_code is ExitCode.OK
    assert painted.read_bytes() != pixels
    assert run_plan(luma, what, RESUME).counts == {"skipped": 3}


def test_a_painted_output_is_kept_where_the_frames_other_one_is_missing(shot, luma, tmp_path):
    targets = [Target(str(tmp_path / "a" / "m.####.exr")), Target(str(tmp_path / "b" / "c.####.png"))]
    what = plan_shot("shot", shot(1), targets)
    run_plan(luma, what, RESUME)
    pixels = paint(tmp_path / "b" / "c.1001.png")
    (tmp_path / "a" / "m.1001.exr").unlink()
    assert run_plan(luma, what, RESUME).exit_code is ExitCode.FAILED
    assert (tmp_path / "b" / "c.1001.png").read_bytes() == pixels


def test_a_memory_model_keeps_painted_mattes_too(shot, tmp_path):
    what = plan(shot(4), tmp_path / "out", handles=2)
    run_plan(Remembering(), what, RESUME)
    pixels = paint(tmp_path / "out" / "m.1003.exr")
    assert run_plan(Remembering(), what, RESUME).counts == {"skipped": 3, "failed": 1}
    assert (tmp_path / "out" / "m.1003.exr").read_bytes() == pixels


@pytest.mark.parametrize("suffix", [".exr", ".png", ".tif"])
def test_what_no_journal_knows_is_done_again_if_it_is_ours_and_kept_if_not(
    shot, luma, tmp_path, write_plate, suffix
):
    what = plan_shot("shot", shot(3), [Target(str(tmp_path / f"out/m.####{suffix}"))])
    run_plan(luma, what, RESUME)
    what.journal.unlink()
    (tmp_path / "out" / f"m.1001{suffix}").write_bytes(b"not a picture at all")
    foreign = write_plate(tmp_path / "out" / f"m.1003{suffix}", np.full((8, 8, 1), 0.5, np.float32), "float")
    pixels = foreign.read_bytes()
    report, results = statuses(luma, what)
    assert [status for _, status, _ in results] == ["written", "written", "failed"]
    assert report.failures[0].error.path == foreign
    assert foreign.read_bytes() == pixels


def test_an_output_that_joins_later_takes_over_what_flyaway_wrote_there(shot, luma, tmp_path):
    source, second = shot(2), Target(str(tmp_path / "b" / "c.####.png"))
    both = plan_shot("shot", source, [Target(str(tmp_path / "a" / "m.####.exr")), second])
    run_plan(luma, plan(source, tmp_path / "a"), RESUME)
    run_plan(luma, plan_shot("other", source, [second]), RESUME)
    assert run_plan(luma, both, RESUME).counts == {"written": 2}
    assert run_plan(luma, both, RESUME).counts == {"skipped": 2}


def test_the_latest_line_holds_whichever_journal_it_is_in(shot, luma, tmp_path):
    """A range that was done again on its own, and then another frame of the whole shot."""
    source = shot(6)
    whole = plan(source, tmp_path / "out")
    run_plan(luma, whole, RESUME)
    os.utime(tmp_path / "plates" / "p.1003.exr", ns=(1, 1))
    again = run_plan(luma, plan(source, tmp_path / "out", "1003"), RESUME)
    assert again.counts == {"written": 1}
    (tmp_path / "out" / "m.1006.exr").unlink()
    assert run_plan(luma, whole, RESUME).counts == {"written": 1, "skipped": 5}
    assert run_plan(luma, whole, RESUME).counts == {"skipped": 6}


def test_one_photograph_that_is_replaced_is_still_ours(luma, tmp_path, write_plate):
    plate = write_plate(tmp_path / "p.exr", np.full((8, 8, 3), 0.5, np.float32))
    what = plan_shot("one", plate, [Target(str(tmp_path / "m.exr"))])
    assert run_plan(luma, what, RESUME).exit_code is ExitCode.OK
    write_plate(plate, np.full((8, 8, 3), 0.25, np.float32))
    assert run_plan(luma, what, RunOptions(existing="overwrite")).exit_code is ExitCode.OK
    assert run_plan(luma, what, RESUME).counts == {"skipped": 1}
