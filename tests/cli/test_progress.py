"""What a person sees while a run goes on, in real processes: a bar, a log, and what Ctrl-C waits for."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from flyaway.batch import FrameResult, FrameTask
from flyaway.batch.pipeline import Limits, Pipeline
from flyaway.batch.stop import stop_on_signals
from flyaway.cli.notes import Notes
from flyaway.cli.progress import Lines

ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
JOB = """
name = "night"
[[shots]]
name = "sh010"
source = "plates/a.####.exr"
outputs = ["out/a.####.exr"]
[[shots]]
name = "sh020"
source = "plates/b.####.exr"
outputs = ["out/b.####.exr"]
"""


@pytest.fixture
def job(tmp_path, write_plate):
    """Two shots of four small plates; those of the first have more negative pixels from frame to frame."""
    (tmp_path / "plates").mkdir()
    for frame in range(1, 5):
        pixels = np.full((64, 64, 3), 0.5, np.float32)
        write_plate(tmp_path / f"plates/b.{frame:04d}.exr", pixels)
        pixels[0, : frame + 10] = -0.01
        write_plate(tmp_path / f"plates/a.{frame:04d}.exr", pixels)
    (tmp_path / "job.toml").write_text(JOB)
    return tmp_path / "job.toml"


def task(frame):
    return FrameTask(Path(f"p.{frame}.exr"), (Path(f"m.{frame}.exr"),), frame)


def test_notes_are_folded_with_the_range_of_their_numbers():
    notes = Notes()
    told = [
        notes.add(task(frame), (f"{count} pixels of 3.1.{frame} are negative", "a stereo file"))
        for frame, count in ((1001, "1,020"), (1002, "990"), (1003, "1,100"))
    ]
    assert told == [["1,020 pixels of 3.1.1001 are negative", "a stereo file"], [], []]
    notes.add(task(1004), ("of one frame alone",))
    assert notes.folded() == [
        "3 frames, 1001 to 1003: 990–1,100 pixels of 3.1.1001–3.1.1003 are negative",
        "3 frames, 1001 to 1003: a stereo file",
    ]


def test_a_log_has_a_summary_a_shot_and_folds_notes_and_what_is_skipped(job, start):
    first = start("batch", job, environment=ENVIRONMENT)
    assert first.returncode == 0, first.stderr
    lines = first.stdout.splitlines()
    assert len([line for line in lines if line.startswith("[")]) == 8
    assert len([line for line in lines if "11 pixels" in line]) == 1
    assert re.fullmatch(r"sh010: 4 written \(fast on cpu, [\d.]+ (s/frame|frames/s)\)", lines[4])
    assert lines[5].startswith("sh010: 4 frames, 1 to 4: 11–14 pixels")
    assert lines[-1].endswith("8 written")
    (job.parent / "out/b.0003.exr").unlink()
    again = start("batch", job, environment=ENVIRONMENT).stdout.splitlines()
    assert again[0] == "[1-4/8] sh010: 4 frames, 1 to 4, skipped (there, and as they were written)"
    assert again[1].startswith("sh010: 4 skipped (fast on cpu)")
    assert again[2].startswith("[5-6/8] sh020: 2 frames, 1 to 2, skipped")
    assert "b.0003.exr written" in again[3]
    assert again[4].startswith("[8/8] ")
    assert again[4].endswith("b.0004.exr skipped")
    assert again[-1] == "1 written, 7 skipped"


def test_a_line_of_skipped_frames_holds_no_line_break(capsys):
    shown = Lines(2)
    shown.start([task(1), task(2)], name="two\nlines", model="fast", device="cpu")
    for frame in (1, 2):
        shown(FrameResult(task(frame), "skipped"))
    shown.close()
    assert capsys.readouterr().out.count("\n") == 1


def test_a_terminal_shows_shot_model_device_rate_and_failures(job, cli, on_a_terminal):
    (job.parent / "plates/a.0002.exr").write_bytes(b"no picture")
    code, screen = on_a_terminal([*cli, "batch", str(job)], job.parent, ENVIRONMENT)
    assert code == 2
    assert "loading the model" in screen
    assert "sh010 · fast · cpu" in screen
    assert "sh020 · fast · cpu" in screen
    assert re.search(r"8/8 +[\d.]+ (s/frame|frames/s) +1 failed", screen)
    assert screen.count(" pixels ") == 2  # the first one's, and folded
    assert "sh010: 3 written, 1 failed (fast on cpu" in screen


def test_ctrl_c_on_a_terminal_says_at_once_what_it_waits_for(job, cli, on_a_terminal):
    for frame in range(5, 60):
        (job.parent / f"plates/a.{frame:04d}.exr").symlink_to("a.0001.exr")
    pressed = []

    def press(screen):
        """Ctrl-C once a frame is done."""
        if not pressed and re.search(r"[1-9]\d*/63", screen):
            pressed.append(len(screen))
            return b"\x03"
        return b""

    code, screen = on_a_terminal([*cli, "batch", str(job)], job.parent, ENVIRONMENT, press)
    assert code == 130
    assert re.search(r"stopping: frame \d+ of sh010, and what is in hand beside it, is matted", screen)
    (done,) = re.findall(r"interrupted after (\d+) of 63", screen)
    assert int(done) == len(list((job.parent / "out").glob("a.*.exr"))) < 59


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_second_interrupt_still_counts_every_frame_that_is_on_disk(job, cli):
    for frame in range(5, 60):
        (job.parent / f"plates/a.{frame:04d}.exr").symlink_to("a.0001.exr")
    report = job.parent / "report.json"
    command = [*cli, "batch", str(job), "--progress", "ndjson", "--report", str(report)]
    process = subprocess.Popen(
        command, cwd=job.parent, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    for line in process.stdout:
        if json.loads(line)["event"] == "frame":
            break
    process.send_signal(signal.SIGINT)
    assert process.stderr.readline().startswith("stopping: ")
    process.send_signal(signal.SIGINT)
    rest, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    summary = json.loads(report.read_text())
    on_disk = len(list((job.parent / "out").glob("a.*.exr")))
    assert (summary["interrupted"], summary["written"]) == (True, on_disk)
    assert f"interrupted after {on_disk} of 63" in json.loads(rest.splitlines()[-1])["remark"]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_pipeline_that_is_broken_off_while_it_waits_for_a_writer_loses_no_result():
    main = threading.main_thread().ident
    assert main is not None

    def write(item, _read, _worked):
        frame = sys._current_frames()[main] if item == 1 else None
        while frame is not None and not (
            frame.f_code.co_name == "result"
            and frame.f_back is not None
            and frame.f_back.f_code.co_name == "_finished"  # it waits for what a reader reads as well
        ):
            # Up the stack, and again from its top, until the main thread waits for this very result.
            frame = frame.f_back or sys._current_frames()[main]
        if item == 1:
            signal.pthread_kill(main, signal.SIGINT)
        return item

    pipeline = Pipeline(lambda item, _: item, lambda item, _: item, write, Limits(readers=1, writers=1))
    told = []
    with stop_on_signals():
        os.kill(os.getpid(), signal.SIGINT)  # the first press; the second breaks off
        with pytest.raises(KeyboardInterrupt):
            told.extend(pipeline.run((1, 2)))
        told.extend(pipeline.leftovers())
    assert told == [1, 2]


def test_interrupts_are_counted_and_the_second_one_breaks_off():
    times = []
    with stop_on_signals(times.append) as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert times == [1, 2]


@pytest.fixture
def on_a_terminal():
    """`on_a_terminal(command, folder, environment, press)` → its exit code, and all that it printed there.

    `press` is asked for keys with what is on the screen so far.
    """
    pty = pytest.importorskip("pty", reason="terminals of POSIX")

    def run(command, folder, environment, press=lambda _: b""):
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, {**environment, "TERM": "xterm", "COLUMNS": "100"})  # noqa: S606
        screen = b""
        while select.select([terminal], [], [], 120)[0]:
            try:
                more = os.read(terminal, 65536)
            except OSError:  # Linux's way to say that the other end has gone
                break
            if not more:
                break
            screen += more
            keys = press(screen.decode(errors="replace"))
            if keys:
                os.write(terminal, keys)
        _, status = os.waitpid(process, 0)
        os.close(terminal)
        return os.waitstatus_to_exitcode(status), screen.decode(errors="replace")

    return run
