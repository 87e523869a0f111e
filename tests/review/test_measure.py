"""A job is measured: what is wrong is found and named, what is right is left alone."""

from __future__ import annotations

import numpy as np
import pytest
from tests.review.shapes import H, W, disc

from flyaway import PatternError
from flyaway.frames import WriteOptions, read_plate, write_matte
from flyaway.frames.patterns import FrameJob, pair_frames
from flyaway.review import review_frames


@pytest.fixture
def shot(tmp_path, write_plate):
    """`shot(mattes)`: as many frames of a disc moving over a still background, with these mattes."""
    background = np.random.default_rng(0).random((H, W, 1), np.float32).repeat(3, 2) * 0.3

    def make(mattes, options=None):
        jobs = []
        for number, matte in enumerate(mattes, 1001):
            cover = disc(60 + 0.5 * (number - 1001))[..., None]
            plate = write_plate(tmp_path / f"p.{number}.exr", background * (1 - cover) + 0.8 * cover)
            target = tmp_path / f"m.{number}.exr"
            if matte is not None and np.isnan(matte).any():
                write_plate(target, matte[..., None], channels=("A",))  # we would not write this ourselves
            elif matte is not None:
                write_matte(target, matte, read_plate(plate), options or WriteOptions(depth="float"))
            jobs.append(FrameJob(plate, target, number))
        return jobs

    return make


def good(count: int = 12) -> list[np.ndarray]:
    return [disc(60 + 0.5 * n) for n in range(count)]


def faults(review) -> dict[int, tuple[str, ...]]:
    return {frame.job.frame: frame.faults for frame in review.faulty}


def test_a_good_shot_has_no_faults(shot):
    review = review_frames(shot(good()))
    assert faults(review) == {}
    assert review.frames[0].coverage == pytest.approx(disc(60).mean(), abs=1e-4)
    assert review.frames[0].flicker is None
    assert all(frame.flicker < 2e-3 for frame in review.frames[1:])


def test_a_shot_whose_data_window_wanders_is_one_picture(shot, write_plate):
    jobs = shot(good())
    for number, job in enumerate(jobs):
        top, left, bottom, right = 2 * (number % 3), 3 * (number % 2), H - 4, W - 5 * (number % 3)
        pixels = read_plate(job.source).pixels[top:bottom, left:right]
        plate = read_plate(write_plate(job.source, pixels.copy(), window=(left, top), display=(0, 0, W, H)))
        write_matte(job.target, disc(60 + 0.5 * number)[top:bottom, left:right].copy(), plate)
    review = review_frames(jobs)
    assert faults(review) == {}
    assert not any(frame.cut for frame in review.frames)
    assert review.frames[0].coverage == pytest.approx(disc(60).mean(), abs=1e-3)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda a: None, "the matte is missing"),
        (lambda a: a * 0, "the matte is empty"),
        (lambda a: a * 0 + 1, "the matte covers everything"),
        (lambda a: np.where(a == a.max(), np.nan, a), "are NaN or infinite"),
        (lambda a: a * 1.5, "lie outside 0..1"),
        (lambda a: np.maximum(a, disc(20)), "coverage jumps by +"),
        (lambda a: np.clip(a + 0.05 * (np.indices(a.shape).sum(0) % 2 * 2 - 1), 0, 1), "flickers"),
    ],
)
def test_one_bad_frame_is_found_and_comes_first(shot, spoil, expected):
    mattes = good()
    mattes[6] = spoil(mattes[6])
    review = review_frames(shot(mattes))
    assert list(faults(review)) == [1007]
    assert any(expected in fault for fault in faults(review)[1007])
    assert review.worst[0] == 6


def test_files_that_cannot_be_read_are_faults_not_the_end(shot, tmp_path):
    jobs = shot(good())
    damaged = tmp_path / "m.1003.exr"
    damaged.write_bytes(damaged.read_bytes()[:900])
    (tmp_path / "p.1005.exr").unlink()
    found = faults(review_frames(jobs))
    assert found[1003][0].startswith("the matte cannot be read: truncated")
    assert found[1005][0].startswith("the plate cannot be read: there is no such file")
    assert set(found) == {1003, 1005}


def test_a_matte_that_lies_elsewhere_is_a_fault_and_a_cropped_one_is_none(shot, tmp_path, write_plate):
    jobs = shot(good(), WriteOptions(crop=True))
    assert faults(review_frames(jobs)) == {}
    other = read_plate(write_plate(tmp_path / "o.exr", np.ones((H, W, 3), np.float32), window=(500, 0)))
    write_matte(jobs[4].target, disc(62), other)
    assert "lies elsewhere" in faults(review_frames(jobs))[1005][0]


def test_photographs_are_not_compared_with_one_another(shot):
    jobs = [FrameJob(job.source, job.target) for job in shot(good(4))]
    review = review_frames(jobs)
    assert all(frame.flicker is None and frame.jump is None for frame in review.frames)
    assert review.frames[0].label == "p.1001.exr"


def test_pairs(shot, tmp_path):
    jobs = shot(good(3))
    plates, mattes = tmp_path / "p.####.exr", tmp_path / "m.####.exr"
    assert pair_frames(plates, mattes) == jobs
    assert pair_frames(plates, mattes, "1002") == jobs[1:2]
    assert pair_frames(jobs[0].source, jobs[0].target) == [FrameJob(jobs[0].source, jobs[0].target)]
    with pytest.raises(PatternError):
        pair_frames(tmp_path / "none.####.exr", mattes)


def test_mattes_of_another_format_in_a_folder_are_found(tmp_path, write_plate):
    (tmp_path / "plates").mkdir()
    (tmp_path / "mattes").mkdir()
    plate = write_plate(tmp_path / "plates" / "a.png", np.full((H, W, 3), 0.5, np.float32), "uint8")
    matte = tmp_path / "mattes" / "a.exr"
    write_matte(matte, disc(60), read_plate(plate))
    assert pair_frames(tmp_path / "plates", tmp_path / "mattes") == [FrameJob(plate, matte)]


def test_the_unknown_region_is_measured_where_a_matte_holds_it(shot):
    from flyaway.frames.write import store_matte

    jobs = shot(good(3))
    assert [frame.unknown for frame in review_frames(jobs).frames] == [None] * 3
    for number, job in enumerate(jobs):
        unknown = np.full((H, W), 0.25 * number, np.float32)
        options = WriteOptions(unknown=True)
        store_matte(job.target, disc(60), read_plate(job.source), options, unknown=unknown)
    assert [frame.unknown for frame in review_frames(jobs).frames] == [0, 0.25, 0.5]
