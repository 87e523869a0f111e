"""What cannot be written or looked into is told before a run, by the name of what is in the way."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from tests.batch.conftest import Luma, Remembering
from tests.batch.test_run import RESUME, plan

from flyaway import JobError, UsageError
from flyaway.batch import RunOptions, Target, plan_shot, run_plan
from flyaway.batch import job as job_module
from flyaway.batch.finish import Finish
from flyaway.batch.job import Job, Shot, plan_job
from flyaway.cli import matte as matte_module
from flyaway.cli.app import run as flyaway
from flyaway.errors import PatternError
from flyaway.frames import WriteOptions
from flyaway.frames.disk import DISK, Disk
from flyaway.frames.patterns import plan_frames


@pytest.fixture
def closed(monkeypatch):
    """`closed(folder)`: nobody may look into it, whoever runs the tests."""
    folders: list[str] = []

    def refusing(call):
        def refuse(path=".", *arguments, **more):
            place = os.fspath(path) if not isinstance(path, int) else ""
            for folder in folders:
                inside = str(place).startswith(folder + "/")
                if inside or (place == folder and call.__name__ != "stat"):
                    raise PermissionError(errno.EACCES, "Permission denied", place)
            return call(path, *arguments, **more)

        return refuse

    for name in ("stat", "scandir", "listdir"):
        monkeypatch.setattr(os, name, refusing(getattr(os, name)))
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) not in folders and may(path, mode))
    return lambda folder: folders.append(str(folder))


def no_room(monkeypatch, where: str) -> None:
    """Nothing can be put into files whose path has `where` in it: the disk is full."""
    write = Disk.write_bytes

    def full(self, path, data):
        if where in str(path):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, path, data)

    monkeypatch.setattr(Disk, "write_bytes", full)


def with_alpha(write_plate, path: Path) -> Path:
    return write_plate(path, np.full((32, 32, 4), 0.5, np.float32), channels=("R", "G", "B", "A"))


BESIDE = WriteOptions("beside")


def test_a_matte_that_cannot_be_beside_the_plate_is_refused_before_the_network(
    luma, tmp_path, write_plate, monkeypatch, capsys
):
    source = with_alpha(write_plate, tmp_path / "p.0001.exr").with_name("p.####.exr")
    what = plan_shot("a", source, [Target(str(tmp_path / "o" / "m.####.exr"), BESIDE)])
    with pytest.raises(UsageError, match=r"p\.0001\.exr: the plate has a channel 'A' already.*channel = "):
        run_plan(luma, what, RESUME)
    assert not (tmp_path / "o").exists()
    monkeypatch.setattr(job_module, "check_model", lambda name, torch: None)
    with pytest.raises(JobError, match="a channel 'A' already"):
        plan_job(Job("j", (Shot("a", str(source), (Target(str(tmp_path / "o/m.####.exr"), BESIDE),)),)))
    command = ["matte", str(source), "-o", str(tmp_path / "o" / "m.####.exr"), "--output", "beside"]
    monkeypatch.setattr(matte_module.flyaway, "load", lambda *_, **__: luma)
    assert flyaway(command) == 1
    assert flyaway([*command, "--dry-run"]) == 1
    assert "CANNOT BE MATTED" in capsys.readouterr().out
    assert luma.calls == 0
    assert flyaway([*command, "--channel", "matte.A"]) == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("p.png", BESIDE),
        ("p.exr", WriteOptions("beside", channel="R")),
        ("u.exr", WriteOptions("beside", unknown=True)),
        ("f.exr", WriteOptions("beside", edge_colour="foreground")),
        ("i.exr", BESIDE),
    ],
)
def test_whatever_a_plate_lacks_for_it(luma, tmp_path, write_plate, name, options):
    pixels = np.full((32, 32, 4), 0.5, np.float32)
    more = {"u.exr": "unknown.A", "f.exr": "fg.R", "i.exr": "id"}.get(name)
    if name == "p.png":
        write_plate(tmp_path / name, pixels[..., :3], "uint8")
    elif name == "i.exr":
        spec = oiio.ImageSpec(32, 32, 4, "half")
        spec.channelnames, spec.channelformats = ("R", "G", "B", "id"), ("half", "half", "half", "uint")
        target = oiio.ImageOutput.create(str(tmp_path / name))
        assert target.open(str(tmp_path / name), spec), target.geterror()
        assert target.write_image(pixels)
        assert target.close()
    else:
        names = ("R", "G", "B", more) if more else ("R", "G", "B")
        write_plate(tmp_path / name, pixels[..., : len(names)], channels=names)
    what = plan_shot("a", tmp_path / name, [Target(str(tmp_path / "m.exr"), options)])
    with pytest.raises(UsageError):
        run_plan(luma, what)
    assert luma.calls == 0


def test_of_photographs_those_that_can_are_done(luma, tmp_path, write_plate):
    (tmp_path / "in").mkdir()
    with_alpha(write_plate, tmp_path / "in" / "a.exr")
    write_plate(tmp_path / "in" / "b.exr", np.full((32, 32, 3), 0.5, np.float32))
    what = plan_shot("a", tmp_path / "in", [Target(str(tmp_path / "out"), BESIDE)])
    assert run_plan(luma, what).counts == {"failed": 1, "written": 1}


def test_a_frame_whose_second_file_fails_says_that_the_first_is_there(luma, tmp_path, write_plate):
    write_plate(tmp_path / "p.0001.exr", np.full((32, 32, 3), 0.5, np.float32))
    with_alpha(write_plate, tmp_path / "p.0002.exr")
    targets = [Target(str(tmp_path / "o" / "m.####.exr")), Target(str(tmp_path / "o" / "b.####.exr"), BESIDE)]
    report = run_plan(luma, plan_shot("a", str(tmp_path / "p.####.exr"), targets), RESUME)
    assert report.counts == {"written": 1, "failed": 1}
    assert "m.0002.exr was written, and is done again with this frame" in str(report.failures[0].error)
    assert (tmp_path / "o" / "m.0002.exr").is_file()


def test_what_is_kept_beside_mattes_is_as_open_as_their_folder(shot, luma, tmp_path):
    """A second person's run in a shared folder ended at the first one's claims."""
    out, before = tmp_path / "out", os.umask(0o022)
    try:
        out.mkdir()
        out.chmod(0o2777)
        run_plan(luma, plan(shot(2), out), RESUME)
    finally:
        os.umask(before)
    state = out / ".flyaway"
    assert stat.S_IMODE(state.stat().st_mode) & 0o777 == 0o777
    kept = {path.suffix: stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()}
    assert kept == {".journal": 0o666, ".mutex": 0o666}


def test_a_folder_that_is_ones_own_keeps_what_it_holds_to_oneself(shot, luma, tmp_path):
    out = tmp_path / "out"
    out.mkdir(mode=0o700)
    run_plan(luma, plan(shot(1), out), RESUME)
    assert stat.S_IMODE((out / ".flyaway").stat().st_mode) & 0o022 == 0


@pytest.mark.parametrize("what", ["can_write_in", "can_write_to"])
def test_a_journal_that_cannot_be_kept_is_refused_by_its_own_name(shot, luma, tmp_path, monkeypatch, what):
    source, out = shot(2), tmp_path / "out"
    run_plan(luma, plan(source, out), RESUME)
    monkeypatch.setattr(Disk, what, lambda self, path: ".flyaway" not in str(path))
    with pytest.raises(PatternError, match=r"\.flyaway.* cannot be written to.*chmod"):
        plan(source, out)


def test_whoever_only_looks_at_a_job_need_not_be_let_write(shot, tmp_path, monkeypatch):
    monkeypatch.setattr(job_module, "check_model", lambda name, torch: None)
    finish = Finish(raw=str(tmp_path / "raw" / "r.####.exr"))
    output = Target(str(tmp_path / "out" / "m.####.exr"))
    job = Job("j", (Shot("a", shot(1), (output,), finish=finish),))
    monkeypatch.setattr(Disk, "can_write_in", lambda self, folder: False)
    with pytest.raises(JobError, match="cannot be written to"):
        plan_job(job)
    assert len(plan_job(job, to_write=False)) == 1


def test_a_claim_that_is_refused_is_no_frames_failure(shot, luma, tmp_path):
    class Theirs(Disk):
        def open_append(self, path, *, new=False):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with pytest.raises(PatternError, match=r"\.claim cannot be written to: Permission denied.*chmod"):
        run_plan(luma, plan(shot(2), tmp_path / "out"), RESUME, disk=Theirs())


def test_a_full_disk_names_what_could_not_be_begun(shot, luma, tmp_path):
    class Full(Disk):
        def open_append(self, path, *, new=False):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))

    report = run_plan(luma, plan(shot(2), tmp_path / "out"), RESUME, disk=Full())
    assert [result.task.frame for result in report.failures] == [1001, 1002]
    assert ".claim cannot be written: No space" in str(report.failures[0].error)


def test_a_dead_claim_that_may_not_be_removed_is_dead_all_the_same(shot, luma, tmp_path):
    state = tmp_path / "out" / ".flyaway"
    state.mkdir(parents=True)
    theirs = state / "m.@.exr.render12-77-aaaa.claim"
    theirs.write_text('{"host": "render12", "pid": 77, "frames": "1001"}')
    os.utime(theirs, (1, 1))

    class Sticky(Disk):
        def remove(self, path):
            if path == theirs:
                raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
            super().remove(path)

    assert run_plan(luma, plan(shot(1), tmp_path / "out"), RESUME, disk=Sticky()).counts == {"written": 1}


def test_raw_mattes_that_cannot_be_kept_are_refused_before_the_run(shot, luma, tmp_path, write_plate):
    (tmp_path / "file").write_text("")
    options = RunOptions(finish=Finish(raw=str(tmp_path / "file" / "r.####.exr")))
    with pytest.raises(PatternError, match="is a file"):
        run_plan(luma, plan(shot(2), tmp_path / "out"), options)
    assert luma.calls == 0
    (tmp_path / "in").mkdir()
    for name in "ab":
        write_plate(tmp_path / "in" / f"{name}.exr", np.full((32, 32, 3), 0.5, np.float32))
    photographs = plan_shot("a", tmp_path / "in", [Target(str(tmp_path / "out"))])
    with pytest.raises(UsageError, match="one file for several frames"):
        run_plan(luma, photographs, RunOptions(finish=Finish(raw=str(tmp_path / "raw.exr"))))


def test_a_raw_matte_that_fails_says_that_the_matte_is_there(shot, tmp_path):
    class Broken(Disk):
        def replace(self, part, path):
            if path.parent.name == "raw":
                raise OSError(errno.EIO, "Input/output error")
            super().replace(part, path)

    options = RunOptions(existing="resume", finish=Finish(raw=str(tmp_path / "raw" / "r.####.exr")))
    report = run_plan(Remembering(), plan(shot(1), tmp_path / "out"), options, disk=Broken())
    (failure,) = report.failures
    assert "r.1001.exr: cannot be written" in str(failure.error)
    assert "m.1001.exr was written, and is done again" in str(failure.error)


def test_a_report_that_cannot_be_written_is_told_before_the_run(shot, luma, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(matte_module.flyaway, "load", lambda *_, **__: luma)
    command = ["matte", shot(1), "-o", str(tmp_path / "out" / "m.####.exr"), "--overwrite", "--report"]
    (tmp_path / "file").write_text("")
    assert flyaway([*command, str(tmp_path / "file" / "r.json")]) == 1
    no_room(monkeypatch, ".r.")
    assert flyaway([*command, str(tmp_path / "r.json")]) == 1
    assert "no report can be written there: No space" in capsys.readouterr().err
    assert luma.calls == 0
    assert not list(tmp_path.glob(".r.*"))


def test_a_report_that_fails_at_the_end_leaves_the_exit_code_to_the_frames(
    shot, tmp_path, monkeypatch, capsys
):
    class Filling(Luma):
        def __call__(self, plate, *arguments, **more):
            no_room(monkeypatch, ".r.")
            return super().__call__(plate, *arguments, **more)

    monkeypatch.setattr(matte_module.flyaway, "load", lambda *_, **__: Filling())
    command = ["matte", shot(1), "-o", str(tmp_path / "out" / "m.####.exr"), "--report"]
    assert flyaway([*command, str(tmp_path / "r.json")]) == 0
    assert "no report: " in capsys.readouterr().err


def test_a_job_file_to_fill_in_that_cannot_be_written_is_no_frame_that_failed(tmp_path, monkeypatch):
    no_room(monkeypatch, ".x.")
    assert flyaway(["batch", "--init", str(tmp_path / "x.toml")]) == 1


def test_a_folder_that_cannot_be_looked_into_is_named(shot, tmp_path, closed, capsys):
    source = Path(shot(1))
    closed(source.parent)
    for plates in (source, source.parent, source.with_name("p.1001.exr")):
        with pytest.raises(PatternError, match=f"^{source.parent} cannot be looked into: .*chmod a.rx"):
            plan_frames(plates, tmp_path / "out")
    assert flyaway(["matte", str(source), "-o", str(tmp_path / "m.####.exr")]) == 1
    assert "a fault of flyaway" not in capsys.readouterr().err


@pytest.mark.parametrize("name", ["mask.exr", "mask.####.exr", ""])
def test_masks_in_such_a_folder_are_told_as_well(shot, luma, tmp_path, closed, name):
    (tmp_path / "masks").mkdir()
    closed(tmp_path / "masks")
    options = RunOptions(finish=Finish(garbage=str(tmp_path / "masks" / name)))
    with pytest.raises(PatternError, match=f"{tmp_path}/masks cannot be looked into"):
        run_plan(luma, plan(shot(1), tmp_path / "out"), options)


@pytest.mark.parametrize("end", ["m.####.exr", "", "more/m.####.exr"])
def test_links_that_lead_nowhere_or_back_are_told(shot, tmp_path, end):
    source = shot(1)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    with pytest.raises(PatternError, match=r"loop.*a link leads back to itself"):
        plan_shot("a", source, [Target(f"{tmp_path}/loop/{end}")])
    with pytest.raises(PatternError, match=r"dangling is a link to .*gone, where nothing is"):
        plan_shot("a", source, [Target(f"{tmp_path}/dangling/{end}")])
    with pytest.raises(PatternError, match=r"loop.*a link leads back to itself"):
        plan_shot("a", f"{tmp_path}/loop/p.####.exr", [Target(str(tmp_path / "m.####.exr"))])


@pytest.mark.skipif(os.name == "nt", reason="no mode bits there")
@pytest.mark.parametrize(
    ("around", "folder", "file"), [(0o755, 0o700, 0o600), (0o775, 0o770, 0o660), (0o777, 0o777, 0o666)]
)
def test_what_a_umask_kept_private_is_opened_to_those_alone_who_may_write_there(
    tmp_path, around, folder, file
):
    """A shot's states are pictures too."""
    tmp_path.chmod(around)
    (made := tmp_path / "state").mkdir(mode=0o700)
    (inner := tmp_path / "journal").touch(mode=0o600)
    for path in (made, inner):
        DISK.share(path)
    assert (made.stat().st_mode & 0o777, inner.stat().st_mode & 0o777) == (folder, file)


def test_raw_mattes_that_are_all_there_may_lie_where_nobody_writes(shot, tmp_path, monkeypatch):
    """A published folder, say; only what lacks is written."""
    from flyaway.batch import finish

    asked = []
    monkeypatch.setattr(finish, "check_destination", asked.append)
    raw, what = tmp_path / "raw", plan(shot(3), tmp_path / "out")
    raw.mkdir()
    for frame in (1001, 1002, 1003):
        (raw / f"r.{frame}.exr").touch()
    finish.check_finish(Finish(raw=str(raw / "r.####.exr")), what, None)
    assert asked == []
    (raw / "r.1002.exr").unlink()
    finish.check_finish(Finish(raw=str(raw / "r.####.exr")), what, None)
    assert asked == [raw]


def test_who_hands_a_job_to_a_farm_need_not_be_let_write_there(shot, tmp_path, monkeypatch):
    from flyaway.batch import plan as planning
    from flyaway.farm.tasks import cut

    def closed(*_):
        raise PatternError("closed")

    monkeypatch.setattr(planning, "check_destination", closed)
    monkeypatch.setattr(planning, "check_state", closed)
    job = Job("j", (Shot("a", str(shot(3)), (Target(str(tmp_path / "out" / "m.####.exr")),)),))
    assert len(cut(job)) == 1
