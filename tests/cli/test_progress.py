"""What a person sees while a run goes on: each kind of note once, and what an interrupt waits for."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from flyaway.batch import FrameResult, FrameTask
from flyaway.batch.stop import stop_on_signals
from flyaway.cli.progress import Bar, stopping


def test_notes_whose_numbers_alone_differ_are_told_once(capsys):
    with Bar(3) as bar:
        for frame, count in ((1, 20), (2, 21), (3, 19)):
            task = FrameTask(Path(f"p.{frame}.exr"), (Path(f"m.{frame}.exr"),), frame)
            bar(FrameResult(task, "written", notes=(f"{count} pixels are negative", "a stereo file")))
    said = capsys.readouterr().err
    assert said.count("pixels are negative") == 1
    assert said.count("a stereo file") == 1
    assert "20 pixels" in said


def test_an_interrupt_says_at_once_what_it_waits_for_and_a_second_one_breaks_off(capsys):
    with stop_on_signals(stopping) as stop:
        assert not stop()
        os.kill(os.getpid(), signal.SIGINT)
        assert stop()
        assert "the frames in hand are finished" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
