"""Masks, matte controls, raw mattes and the choice of a person in a run: a network that costs nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.batch.conftest import Luma
from tests.files import alter

from flyaway import ControlError, Controls, JobError, PatternError, UsageError
from flyaway.batch import ExitCode, RunOptions, Target, load_job, plan_job, plan_shot, run_job, run_plan
from flyaway.batch import job as job_module
from flyaway.batch.finish import Finish
from flyaway.batch.finisher import search_box
from flyaway.cli.batch import narrowed
from flyaway.cli.finish import finish_of
from flyaway.controls import apply
from flyaway.frames import WriteOptions
from flyaway.frames.read_matte import read_matte
from flyaway.subject import Subject

SIZE = 96


class Green(Luma):
    """Alpha is the plate's green; unsure is where that is neither in nor out. Notes what it was shown."""

    def __init__(self) -> None:
        super().__init__("green")
        self.shapes: list[tuple[int, ...]] = []
        self.looks = 0

    def __call__(self, plate, encoding="srgb", *, refine=True):
        self.calls += refine
        self.looks += not refine
        self.shapes.append(plate.shape)
        alpha = np.clip(plate[..., 1], 0, 1).astype(np.float32)
        return SimpleNamespace(alpha=alpha, unknown=((alpha > 0.02) & (alpha < 0.98)).astype(np.float32))


def people(at: float) -> np.ndarray:
    """Two people, one red and low, one blue and tall, who walk towards each other and past."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    plate = np.zeros((SIZE, SIZE, 3), np.float32)
    for place, top, colour in ((14 + 60 * at, 40, (0.9, 1, 0.1)), (74 - 60 * at, 20, (0.1, 1, 0.9))):
        body = np.clip(7.5 - np.abs(x - place), 0, 1) * np.clip(y - top, 0, 1)
        plate = np.where(body[..., None] > 0, body[..., None] * np.array(colour), plate)
    return plate.astype(np.float32)


@pytest.fixture
def walk(tmp_path, write_plate):
    """A pattern of 13 frames, 1001…, in which two people cross."""
    (tmp_path / "plates").mkdir()
    for number in range(13):
        write_plate(tmp_path / "plates" / f"p.{1001 + number}.exr", people(number / 12), "float")
    return str(tmp_path / "plates" / "p.####.exr")


def mask(path: Path, write_plate, values: np.ndarray, **more: object) -> str:
    path.parent.mkdir(exist_ok=True)
    write_plate(path, values[..., None].astype(np.float32), "float", channels=("A",), **more)
    return str(path)


def options(finish: Finish, existing: str = "overwrite") -> RunOptions:
    return RunOptions(finish=finish, existing=existing)


def plan_of(walk: str, tmp_path: Path, frames: str | None = None, **more: object):
    write = WriteOptions(depth="float", **more)
    return plan_shot("walk", walk, [Target(str(tmp_path / "m" / "m.####.exr"), write)], frames)


def alpha_of(tmp_path: Path, frame: int) -> np.ndarray:
    return read_matte(tmp_path / "m" / f"m.{frame}.exr").alpha


def test_controls_and_masks_are_those_of_the_core(walk, tmp_path, write_plate):
    controls = Controls(black=0.1, gamma=1.3, grow=-0.5, soften=1, fill_holes=5)
    rng = np.random.default_rng(0)
    ramp = rng.random((SIZE, SIZE), np.float32)
    garbage = mask(tmp_path / "g" / "garbage.exr", write_plate, ramp)
    for frame in (1001, 1002):
        mask(tmp_path / "g" / f"core.{frame}.exr", write_plate, ramp.T * (frame - 1000) / 2)
    finish = Finish(controls, garbage, str(tmp_path / "g" / "core.####.exr"))
    report = run_plan(Green(), plan_of(walk, tmp_path, "1001-1002"), options(finish))
    assert report.exit_code is ExitCode.OK
    for number in (0, 1):
        raw = people(number / 12)[..., 1]
        wanted = apply(raw, controls, garbage=ramp, core=ramp.T * (number + 1) / 2)
        np.testing.assert_allclose(alpha_of(tmp_path, 1001 + number), wanted, atol=1e-6)


def test_without_any_of_it_not_a_byte_changes(walk, tmp_path):
    plan = plan_of(walk, tmp_path, "1001")
    run_plan(Green(), plan, RunOptions(existing="overwrite"))
    before = plan.tasks[0].targets[0].read_bytes()
    run_plan(Green(), plan, options(Finish(Controls())))
    assert plan.tasks[0].targets[0].read_bytes() == before


def test_masks_lie_where_their_windows_say(tmp_path, write_plate):
    # A plate with overscan; a mask of the same format, cropped to a corner of it; and one without windows.
    plate = np.ones((40, 60, 3), np.float32)
    source = write_plate(tmp_path / "p.exr", plate, "float", window=(-10, -5), display=(0, 0, 40, 30))
    small = write_plate(
        tmp_path / "g.exr",
        np.ones((10, 10, 1), np.float32),
        "float",
        channels=("A",),
        window=(30, 20),
        display=(0, 0, 40, 30),
    )
    grey = np.zeros((30, 40, 3), np.uint8)
    grey[:15] = 255
    painted = write_plate(tmp_path / "g.png", grey, "uint8")
    for given, wanted in ((small, 100), (painted, 40 * 15)):
        target = tmp_path / "m.exr"
        plan = plan_shot("one", source, [Target(str(target), WriteOptions(depth="float"))])
        report = run_plan(Green(), plan, options(Finish(garbage=str(given))))
        assert report.exit_code is ExitCode.OK
        found = read_matte(target).alpha
        assert (found == 0).sum() == wanted
        assert found.shape == (40, 60)
    assert (found[5:20, 10:50] == 0).all()


def test_a_mask_of_another_format_and_one_that_is_missing_are_told_by_name(walk, tmp_path, write_plate):
    folder = tmp_path / "g"
    mask(folder / "g.1001.exr", write_plate, np.zeros((SIZE, SIZE)))
    mask(folder / "g.1003.exr", write_plate, np.zeros((50, 64)))
    report = run_plan(
        Green(), plan_of(walk, tmp_path, "1001-1003"), options(Finish(garbage=str(folder / "g.####.exr")))
    )
    assert report.exit_code is ExitCode.FAILED
    errors = {result.task.frame: str(result.error) for result in report.failures}
    assert "the garbage matte of this frame is missing" in errors[1002]
    assert "g.1002.exr" in errors[1002]
    assert "64×50, where the plate's format is 96×96" in errors[1003]
    colour = write_plate(
        folder / "colour.png", np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    )
    opaque = np.full((96, 96, 4), 255, np.uint8)
    opaque[:48, :, 1:3] = 0  # a red roto, saved with an alpha that says nothing
    for roto in (colour, write_plate(folder / "opaque.png", opaque)):
        report = run_plan(Green(), plan_of(walk, tmp_path, "1001"), options(Finish(core=str(roto))))
        assert "the core matte: it holds colour" in str(report.failures[0].error)


@pytest.mark.parametrize(
    ("finish", "word"),
    [
        (Finish(garbage="nowhere/g.####.exr"), "no frame of the garbage matte"),
        (Finish(core="nowhere.png"), "not there"),
        (Finish(core="roto.mov"), "a movie"),
        (Finish(raw="raw.exr"), "one file for a sequence"),
        (Finish(raw="raw.####.png"), "EXRs"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_begun(walk, tmp_path, finish, word):
    with pytest.raises(PatternError, match=word):
        run_plan(Green(), plan_of(walk, tmp_path), options(finish))


def test_another_control_does_not_run_the_network_again(walk, tmp_path):
    raw = str(tmp_path / "raw" / "r.####.exr")
    network = Green()
    plan = plan_of(walk, tmp_path, "1001-1003")
    run_plan(network, plan, options(Finish(raw=raw)))
    assert network.calls == 3
    plain = alpha_of(tmp_path, 1002)
    report = run_plan(network, plan, options(Finish(Controls(grow=-1), raw=raw), "resume"))
    assert (network.calls, report.counts["written"]) == (3, 3)
    np.testing.assert_allclose(alpha_of(tmp_path, 1002), apply(plain, Controls(grow=-1)), atol=1e-6)
    # A plate that changed, and other settings of the network, do run it.
    Path(plan.tasks[0].source).touch()
    run_plan(network, plan, options(Finish(Controls(grow=-2), raw=raw), "resume"))
    assert network.calls == 4
    # A raw matte that is broken is made again.
    (tmp_path / "raw" / "r.1002.exr").write_bytes(b"broken")
    run_plan(network, plan, options(Finish(raw=raw)))
    assert network.calls == 5


def test_a_mask_that_was_drawn_anew_makes_its_frame_stale_and_no_other(walk, tmp_path, write_plate):
    folder = tmp_path / "g"
    for frame in (1001, 1002):
        mask(folder / f"g.{frame}.exr", write_plate, np.zeros((SIZE, SIZE)))
    finish = Finish(garbage=str(folder / "g.####.exr"))
    plan = plan_of(walk, tmp_path, "1001-1002")
    run_plan(Green(), plan, options(finish, "resume"))
    assert run_plan(Green(), plan, options(finish, "resume")).counts["skipped"] == 2
    mask(folder / "g.1002.exr", write_plate, np.full((SIZE, SIZE), 0.5))
    report = run_plan(Green(), plan, options(finish, "resume"))
    assert (report.counts["skipped"], report.counts["written"]) == (1, 1)
    assert alpha_of(tmp_path, 1002).max() == pytest.approx(0.5)


def test_what_is_garbage_is_not_shown_to_the_network(tmp_path, write_plate):
    plate = np.random.default_rng(0).random((320, 320, 3), np.float32)
    source = write_plate(tmp_path / "p.exr", plate, "float")
    garbage = np.ones((320, 320), np.float32)
    garbage[100:200, 100:180] = 0
    network = Green()
    plan = plan_shot("one", source, [Target(str(tmp_path / "m.exr"), WriteOptions(depth="float"))])
    run_plan(network, plan, options(Finish(garbage=mask(tmp_path / "g.exr", write_plate, garbage))))
    top, bottom, left, right = search_box(garbage)
    assert network.shapes == [(bottom - top, right - left, 3)]
    assert top <= 80
    assert bottom >= 220
    assert (bottom - top) * (right - left) < 0.4 * 320 * 320
    np.testing.assert_allclose(read_matte(tmp_path / "m.exr").alpha, plate[..., 1] * (1 - garbage), atol=1e-6)
    assert search_box(None) is None
    assert search_box(np.ones((300, 300), np.float32)) is None
    assert search_box(np.zeros((300, 300), np.float32)) is None


def test_a_person_is_kept_over_the_shot_wherever_they_were_chosen(walk, tmp_path):
    truth = [people(number / 12) for number in range(13)]
    blue = [plate[..., 1] * (plate[..., 2] > plate[..., 0]) for plate in truth]
    for subject in ("74,60", "20,60@1013", "largest"):
        finish = Finish(subject=Subject.parse(subject))
        results = []
        report = run_plan(Green(), plan_of(walk, tmp_path), options(finish), results.append)
        assert report.exit_code is ExitCode.OK
        apart = [number for number in range(13) if abs(60 - 120 * number / 12) > 20]
        assert len(apart) > 6
        for number in apart:
            found = alpha_of(tmp_path, 1001 + number)
            union = np.maximum(found, blue[number]).sum()
            assert np.minimum(found, blue[number]).sum() / union > 0.97, (subject, number)
        notes = {result.task.frame: result.notes for result in results}
        assert any("touches another" in note for note in notes[1007])


def test_frames_that_are_done_again_know_who_is_who(walk, tmp_path):
    finish = Finish(subject=Subject.parse("74,60"))
    plan = plan_of(walk, tmp_path)
    run_plan(Green(), plan, options(finish, "resume"))
    wanted = alpha_of(tmp_path, 1012)
    (tmp_path / "m" / "m.1012.exr").unlink()
    network = Green()
    report = run_plan(network, plan, options(finish, "resume"))
    assert (report.counts["written"], network.calls, network.looks) == (1, 1, 11)
    np.testing.assert_array_equal(alpha_of(tmp_path, 1012), wanted)


def test_nobody_where_somebody_is_chosen_fails_by_name(tmp_path, write_plate):
    write_plate(tmp_path / "p.1001.exr", np.zeros((64, 64, 3), np.float32), "float")
    finish = Finish(subject=Subject.parse("largest"))
    report = run_plan(Green(), plan_of(str(tmp_path / "p.####.exr"), tmp_path), options(finish))
    assert report.exit_code is ExitCode.FAILED
    assert "nobody is in it" in str(report.failures[0].error)


def test_the_unknown_region_as_a_file_and_as_a_layer(walk, tmp_path):
    for output in ("unknown", "matte", "beside"):
        plan = plan_of(walk, tmp_path, "1001", output=output, unknown=output != "unknown")
        if output == "beside":
            plan = replace(plan, writes=(replace(plan.writes[0], channel="matte.A"),))
        assert run_plan(Green(), plan, options(Finish())).exit_code is ExitCode.OK
        source = oiio.ImageInput.open(str(tmp_path / "m" / "m.1001.exr"))
        names = source.spec().channelnames
        # The header names the channel that this file is about.
        channel = {"unknown": "unknown.A", "matte": "A", "beside": "matte.A"}[output]
        assert source.spec().getattribute("flyaway:channel") == channel
        values = source.read_image(0, 0, 0, len(names), oiio.FLOAT)
        source.close()
        wanted = (people(0)[..., 1] > 0.02) & (people(0)[..., 1] < 0.98)
        np.testing.assert_array_equal(values[..., names.index("unknown.A")], wanted)
        assert len(names) == {"unknown": 1, "matte": 2, "beside": 5}[output]
        # What is whole is known again.
        assert run_plan(Green(), plan, options(Finish(), "skip")).counts["skipped"] == 1


@pytest.fixture
def models(monkeypatch):
    monkeypatch.setattr(job_module, "check_model", lambda name, torch: None)


def test_a_spreadsheet_with_masks_a_shot(walk, tmp_path, write_plate, models):
    half = np.zeros((SIZE, SIZE), np.float32)
    half[:, 48:] = 1
    mask(tmp_path / "masks" / "a.exr", write_plate, half)
    for frame in (1001, 1002):
        mask(tmp_path / "masks" / f"b.{frame}.exr", write_plate, half.T)
    (tmp_path / "night.csv").write_text(
        "shot,source,output,frames,garbage,holdout,choke,fill_holes,invert,subject,raw\n"
        "a,plates/p.####.exr,out/{shot}.####.exr,1001-1002,masks/{shot}.exr,,0.5,,,,\n"
        'b,plates/p.####.exr,out/{shot}.####.exr,1001-1002,,masks/{shot}.####.exr,,4,yes,"74,60",raw/{shot}.####.exr\n'
    )
    job = load_job(tmp_path / "night.csv")
    first, second = (shot.finish for shot in job.shots)
    assert first.controls == Controls(grow=-0.5)
    assert second.controls == Controls(fill_holes=4, invert=True)
    assert str(second.subject) == "74,60"
    report = run_job(job, load=lambda name, **_: Green())
    assert report.exit_code is ExitCode.OK
    raw = people(1 / 12)[..., 1]
    found = read_matte(tmp_path / "out" / "a.1002.exr").alpha
    np.testing.assert_allclose(found, apply(raw, first.controls, garbage=half), atol=5e-4)
    found = read_matte(tmp_path / "out" / "b.1002.exr").alpha
    blue = raw * (people(1 / 12)[..., 2] > people(1 / 12)[..., 0])
    np.testing.assert_allclose(found, apply(blue, second.controls, core=half.T), atol=5e-4)
    assert (tmp_path / "raw" / "b.1001.exr").is_file()
    # A part of a shot, as a farm runs it, chooses in the shot's first frame.
    part = narrowed(job, ["b"], {"frames": "1002"})
    assert str(part.shots[0].finish.subject) == "74,60@1001"


def test_a_job_file_says_the_same_and_refuses_what_means_nothing(walk, tmp_path, models):
    text = f'[[shots]]\nname = "a"\nsource = "{walk}"\noutputs = ["out/m.####.exr"]\n'
    path = tmp_path / "night.toml"
    path.write_text(text + 'gamma = 1.5\nchoke = 1\nsubject = "largest@1003"\n')
    (shot,) = load_job(path).shots
    assert shot.finish == Finish(Controls(gamma=1.5, grow=-1), subject=Subject("largest", (), 1003))
    for line, word in (
        ("gamma = 0", "gamma"),
        ('gamma = "much"', "number"),
        ("choke = 1\ngrow = 1", "leave one"),
        ('subject = "her"', "--subject"),
        ("garbge = 1", "garbge"),
    ):
        path.write_text(f"{text}{line}\n")
        with pytest.raises(JobError, match=word):
            load_job(path)
    path.write_text(text + 'garbage = "masks/g.####.exr"\n')
    with pytest.raises(JobError, match="no frame of the garbage matte"):
        plan_job(load_job(path))
    # Two shots that would keep their raw mattes in one place.
    shots = text + 'raw = "raw/r.####.exr"\n'
    path.write_text(shots + shots.replace('"a"', '"b"').replace("out/m", "out/n"))
    with pytest.raises(JobError, match="would overwrite a's"):
        plan_job(load_job(path))


def test_choke_is_grow_the_other_way():
    given = {
        "black": 0.0, "white": 1.0, "gamma": 1.0, "soften": 0.0, "fill_holes": 0.0, "invert": False,
        "garbage": "", "core": "", "subject": "all", "raw": "",
    }  # fmt: skip
    assert finish_of(grow=None, choke=0.5, **given).controls == Controls(grow=-0.5)
    with pytest.raises(ControlError, match="leave one"):
        finish_of(grow=1, choke=1, **given)


def test_a_raw_matte_that_somebody_painted_on_is_kept(walk, tmp_path):
    """Its plate changed since, so it would be made again: not over somebody's work."""
    raw = tmp_path / "raw" / "r.1002.exr"
    plan = plan_of(walk, tmp_path, "1001-1002")
    finish = Finish(raw=str(tmp_path / "raw" / "r.####.exr"))
    run_plan(Green(), plan, options(finish))
    theirs = alter(raw)
    Path(plan.tasks[1].source).touch()
    report = run_plan(Green(), plan, options(finish, "resume"))
    assert report.counts == {"skipped": 1, "failed": 1}
    assert report.failures[0].error.path == raw
    assert raw.read_bytes() == theirs
    assert run_plan(Green(), plan, options(finish, "overwrite")).exit_code == 0
    assert raw.read_bytes() != theirs


def test_whoever_is_garbage_is_not_chosen(walk, tmp_path, write_plate):
    # The blue one is the larger; the rest of the frame stays open, so that it is searched whole.
    for number in range(4):
        blue = people(number / 12)
        mask(
            tmp_path / "g" / f"g.{1001 + number}.exr",
            write_plate,
            (blue[..., 2] > blue[..., 0]).astype(np.float32),
        )
    finish = Finish(garbage=str(tmp_path / "g" / "g.####.exr"), subject=Subject.parse("largest"))
    network = Green()
    # Not from the frame of the choice on: it has to be looked at, by the same masks.
    later = replace(finish, subject=Subject.parse("largest@1001"))
    report = run_plan(network, plan_of(walk, tmp_path, "1003-1004"), options(later))
    assert report.exit_code is ExitCode.OK
    assert network.looks == 2
    report = run_plan(network, plan_of(walk, tmp_path, "1001-1002"), options(finish))
    assert report.exit_code is ExitCode.OK
    for number in range(4):
        plate = people(number / 12)
        red = np.where(plate[..., 0] > plate[..., 2], plate[..., 1], 0)
        np.testing.assert_allclose(alpha_of(tmp_path, 1001 + number), red, atol=1e-6)


def test_a_photographs_garbage_is_not_chosen(tmp_path, write_plate):
    plate = people(0)
    source = write_plate(tmp_path / "p.exr", plate, "float")
    garbage = mask(tmp_path / "g" / "g.exr", write_plate, (plate[..., 2] > plate[..., 0]).astype(np.float32))
    target = Target(str(tmp_path / "m.exr"), WriteOptions(depth="float"))
    finish = Finish(garbage=garbage, subject=Subject.parse("largest"))
    run_plan(Green(), plan_shot("p", str(source), [target]), options(finish))
    red = np.where(plate[..., 0] > plate[..., 2], plate[..., 1], 0)
    np.testing.assert_allclose(read_matte(tmp_path / "m.exr").alpha, red, atol=1e-6)


def test_a_background_that_changed_makes_its_frame_stale_and_where_it_lies_none(walk, tmp_path, write_plate):
    behind = tmp_path / "behind"
    behind.mkdir()
    for frame in (1001, 1002):
        write_plate(behind / f"b.{frame}.exr", np.full((SIZE, SIZE, 3), 0.5, np.float32))

    def written(over: Path) -> int:
        write = {"output": "comp", "over": str(over / "b.####.exr")}
        report = run_plan(
            Green(), plan_of(walk, tmp_path, "1001-1002", **write), RunOptions(existing="resume")
        )
        assert report.exit_code is ExitCode.OK
        return report.counts["written"]

    assert [written(behind), written(behind)] == [2, 0]
    moved = behind.rename(tmp_path / "moved")
    assert written(moved) == 0
    write_plate(moved / "b.1002.exr", np.full((SIZE, SIZE, 3), 0.25, np.float32))
    assert [written(moved), written(moved)] == [1, 0]


@pytest.mark.parametrize("what", ["garbage", "over"])
def test_what_the_user_gave_is_not_written_over(walk, tmp_path, write_plate, what):
    given = tmp_path / "m" / "m.1002.exr"
    mask(given, write_plate, np.zeros((SIZE, SIZE), np.float32))
    before = given.read_bytes()
    pattern = str(tmp_path / "m" / "m.####.exr")
    write = {"output": "comp", "over": pattern} if what == "over" else {}
    finish = Finish(garbage=pattern if what == "garbage" else "")
    with pytest.raises(UsageError, match=f"m.1002.exr cannot be written to: it is .*{what[:2]}|background"):
        run_plan(Green(), plan_of(walk, tmp_path, "1002", **write), options(finish))
    raw = Finish(garbage=str(given), raw=pattern)
    plan = plan_shot("walk", walk, [Target(str(tmp_path / "x.####.exr"))], "1002")
    with pytest.raises(UsageError, match="it is the garbage matte"):
        run_plan(Green(), plan, options(raw))
    assert given.read_bytes() == before
