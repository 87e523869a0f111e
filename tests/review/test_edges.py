"""What edges do along the plate's motion: a shot that boils throughout never passes for a good one."""

from __future__ import annotations

import numpy as np
import pytest
from tests.review.shapes import LARGE, figure, texture

from flyaway.frames import WriteOptions, read_plate, write_matte
from flyaway.frames.patterns import FrameJob
from flyaway.pictures import motion
from flyaway.review import review_frames

FRAMES = 8


@pytest.fixture
def shot(tmp_path, write_plate):
    """`shot(spoil, walk, pan)`: a figure that walks before a moving wall; `spoil(alpha, n)` is its matte."""

    def make(spoil=lambda alpha, n: alpha, walk=2.0, pan=0.0, name="m"):
        jobs = []
        for number in range(FRAMES):
            middle = 120 + walk * (number - FRAMES / 2)
            cover = figure(middle)
            person, wall = texture(1, walk * number), texture(2, pan * number)
            plate = tmp_path / f"p.{number}.exr"
            if not plate.exists():
                mixed = person * cover[..., None] + 0.5 * wall * (1 - cover[..., None])
                write_plate(plate, mixed.astype(np.float32))
            matte = tmp_path / f"{name}.{number}.exr"
            write_matte(matte, spoil(cover, number), read_plate(plate), WriteOptions(depth="float"))
            jobs.append(FrameJob(plate, matte, number))
        return jobs

    return make


@pytest.fixture(params=["flow", "no opencv"])
def flow(request, monkeypatch):
    """Whether motion is followed."""
    if request.param == "flow":
        pytest.importorskip("cv2", reason="the shots extra is not installed")
        return True
    monkeypatch.setattr(motion, "opencv", lambda: None)
    return False


def boils(alpha, number):
    """Another edge on each frame."""
    blocks = np.random.default_rng(number).random((LARGE[0] // 6, LARGE[1] // 6), np.float32)
    near = motion.near((alpha > 0.02) & (alpha < 0.98), 5)
    change = 0.6 * (blocks.repeat(6, 0).repeat(6, 1) - 0.5) * 2
    return np.where(near, np.clip(alpha + change, 0, 1), alpha).astype(np.float32)


def pops(alpha, number):
    """A hole in the shoulder on every other frame."""
    spoilt = alpha.copy()
    if number % 2:
        spoilt[130:158, 84:112] = 0
    return spoilt


def pops_once(alpha, number):
    return pops(alpha, 1) if number == 4 else alpha


def labels(review):
    return [frame.label for frame in review.faulty]


@pytest.mark.parametrize(("walk", "pan"), [(0.0, 0.0), (2.0, 0.0), (2.0, -9.0), (14.0, 0.0), (3.0, 24.0)])
def test_a_true_matte_is_never_flagged_however_fast_the_shot(shot, flow, walk, pan):
    review = review_frames(shot(walk=walk, pan=pan))
    assert labels(review) == []
    if flow:
        assert review.sure
        assert review.verdict == "no fault found"
    else:
        assert not review.sure
        assert review.verdict != "no fault found"
        assert "opencv-python-headless" in review.notes[0]


@pytest.mark.parametrize(("spoil", "expected"), [(boils, "edges boil"), (pops, "a patch pops")])
@pytest.mark.parametrize("pan", [0.0, -9.0])
def test_a_shot_that_boils_or_pops_throughout_is_a_fault_on_every_frame(shot, spoil, expected, pan):
    pytest.importorskip("cv2", reason="the shots extra is not installed")
    review = review_frames(shot(spoil, pan=pan))
    assert labels(review) == [str(number) for number in range(1, FRAMES)]
    assert all(any(expected in fault for fault in frame.faults) for frame in review.faulty)
    assert review.verdict == "7 with faults"


@pytest.mark.parametrize(("spoil", "expected"), [(boils, "edges boil"), (pops, "a patch pops")])
def test_without_opencv_a_locked_off_shot_that_boils_or_pops_is_still_found(
    shot, monkeypatch, spoil, expected
):
    monkeypatch.setattr(motion, "opencv", lambda: None)
    review = review_frames(shot(spoil, walk=0))
    assert labels(review) == [str(number) for number in range(1, FRAMES)]
    assert all(any(expected in fault for fault in frame.faults) for frame in review.faulty)


def test_without_opencv_a_shot_that_moves_is_said_not_to_be_judged(shot, monkeypatch):
    monkeypatch.setattr(motion, "opencv", lambda: None)
    review = review_frames(shot(boils, walk=14, pan=-9))
    assert len(review.unjudged) == FRAMES - 1
    assert "not judged" in review.notes[1]


def test_what_pops_once_is_told_once(shot, flow):
    review = review_frames(shot(pops_once, walk=2 if flow else 0))
    assert labels(review) == ["4"]  # the way back is not a second fault
    assert review.worst[0] == 4


def test_a_cut_is_told_and_what_changes_over_it_is_no_fault(shot, flow, write_plate):
    """Another take from frame 4 on: the matte jumps there, as it must."""

    def taken_over(alpha, n):
        return alpha if n < 4 else np.roll(alpha, 60, axis=1) * (n > 5)

    jobs = shot(taken_over, walk=2 if flow else 0)
    for number in range(4, FRAMES):
        taken = np.random.default_rng(7).random((*LARGE[:1], LARGE[1] // 8, 3)).repeat(8, 1)
        write_plate(jobs[number].source, (0.8 * taken).astype(np.float32))
    review = review_frames(jobs)
    assert [frame.label for frame in review.frames if frame.cut] == ["4"]
    assert "Another take begins at 4: not compared with the frame before." in review.notes
    cut = review.frames[4]
    assert (cut.jump, cut.flicker, cut.edges) == (None, None, None)
    assert cut.faults == ("the matte is empty",)
    # What comes later is compared again.
    assert any("coverage jumps" in fault for fault in review.frames[6].faults)


def test_a_frame_that_cannot_be_followed_is_said(shot, monkeypatch):
    pytest.importorskip("cv2", reason="the shots extra is not installed")
    monkeypatch.setattr("flyaway.review.measure.LEAST_FOLLOWED", 2.0)
    review = review_frames(shot())
    assert len(review.unjudged) == FRAMES - 1
    assert review.verdict == f"no fault found, edges of {FRAMES - 1} frames not judged"
