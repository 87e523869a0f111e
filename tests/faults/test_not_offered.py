"""What a file system does not offer is told and lived without; what fails on it stays an error."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from tests.faults.faulty import OFFERED, FaultyDisk
from tests.faults.harness import FRAMES, Truth, files, go, make_plates

from flyaway.batch.destinations import check_destination
from flyaway.errors import PatternError
from flyaway.frames import disk as disk_module
from flyaway.frames.disk import DISK, Disk

ANSWERS = ("ENOTSUP", "EINVAL", "EPERM", "ENOSYS")
LACKS = {
    "folder sync": disk_module.LACKS_FOLDER_SYNC,
    "file sync": disk_module.LACKS_SYNC,
    "locks": disk_module.LACKS_LOCKS,
    "exclusive creation": disk_module.LACKS_EXCLUSIVE,
    "appending": disk_module.LACKS_APPEND,
}


@pytest.fixture(scope="module")
def harness():
    """Plates, and what a run on a sound disk leaves."""
    memory = Path("/dev/shm")  # noqa: S108
    root = Path(tempfile.mkdtemp(prefix="flyaway-offers-", dir=memory if memory.is_dir() else None))
    make_plates(root / "plates")
    go(root / "plates", root / "sound", "pair", FaultyDisk("count", -1, 0))
    yield root, Truth(files(root / "sound"))
    shutil.rmtree(root)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("lacking", LACKS)
def test_a_run_is_whole_without_it_says_so_once_and_resumes(harness, lacking, answer):
    root, truth = harness
    out = root / f"{lacking}-{answer}"
    disk = FaultyDisk("count", -1, 0, lacking, getattr(errno, answer))
    report = go(root / "plates", out, "pair", disk)
    assert disk.answered
    truth.check_report(report, out)
    assert report.exit_code == 0
    assert report.lacks == (LACKS[lacking],)
    assert report.as_json()["lacks"] == list(report.lacks)
    truth.check_complete(out)
    again = go(root / "plates", out, "pair", FaultyDisk("count", -1, 0, lacking, getattr(errno, answer)))
    assert again.counts == {"skipped": len(FRAMES)}


@pytest.mark.parametrize("lacking", LACKS)
def test_a_run_that_is_killed_on_such_a_disk_loses_nothing(harness, lacking):
    root, _ = harness
    counting = FaultyDisk("count", -1, 0, lacking, errno.ENOTSUP)
    go(root / "plates", root / "counted", "matte", counting, one_thread=True)
    whole = Truth(files(root / "counted"))
    shutil.rmtree(root / "counted")
    for at in range(0, len(counting.operations), 11):
        out = root / f"killed-{at}"
        go(root / "plates", out, "matte", FaultyDisk("kill", at, at, lacking, errno.ENOTSUP), one_thread=True)
        whole.check_disk(out)
        for claim in out.rglob("*.claim"):
            os.utime(claim, (1, 1))  # without locks a claim holds until its owner has been silent
        last = go(root / "plates", out, "matte", FaultyDisk("count", -1, 0, lacking, errno.ENOTSUP))
        assert last.exit_code == 0
        whole.check_complete(out)
        shutil.rmtree(out)


@pytest.mark.parametrize("answer", ["EIO", "ENOSPC", "ESTALE"])
@pytest.mark.parametrize("lacking", LACKS)
def test_what_fails_stays_an_error(harness, lacking, answer):
    root, truth = harness
    out = root / f"failing-{lacking}-{answer}"
    report = go(root / "plates", out, "pair", FaultyDisk("count", -1, 0, lacking, getattr(errno, answer)))
    truth.check_report(report, out)
    assert report.exit_code == 2
    assert report.lacks == ()
    sound = go(root / "plates", out, "pair", FaultyDisk("count", -1, 0))
    assert sound.exit_code == 0
    truth.check_complete(out)


@pytest.mark.parametrize("answer", ANSWERS)
def test_where_times_cannot_be_set_a_run_is_alive_by_writing(tmp_path, answer):
    disk = FaultyDisk("count", -1, 0, "times", getattr(errno, answer))
    path = tmp_path / "mine.claim"
    descriptor = disk.open_append(path, new=True)
    try:
        disk.append(descriptor, b"{}")
        disk.touch(path, descriptor)
        assert path.read_bytes() == b"{} "
    finally:
        os.close(descriptor)
    assert list(disk.lacks) == [disk_module.LACKS_TIMES]
    assert "times" in OFFERED


def test_mode_bits_that_say_no_are_tried(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    check_destination(tmp_path / "new" / "folder")
    assert list(tmp_path.iterdir()) == []

    def refuse(path, flags):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(DISK, "_open", refuse)
    with pytest.raises(PatternError, match="does not allow it"):
        check_destination(tmp_path / "new" / "folder")


def test_a_folder_that_goes_during_a_run_is_not_made_anew(harness):
    """A share that is unmounted leaves an empty folder of another disk under its name."""
    root, _ = harness
    out = root / "share"

    class Vanishing(FaultyDisk):
        def replace(self, part, path):
            super().replace(part, path)
            if path.name == "m.1002.exr":
                out.rename(root / "unmounted")

    report = go(root / "plates", out, "matte", Vanishing("count", -1, 0), one_thread=True)
    assert report.exit_code == 2
    assert not out.exists()
    assert {result.task.frame for result in report.failures} >= {1003, 1004}
    assert any("a share that was unmounted" in str(result.error) for result in report.failures)


def test_a_disk_lacks_nothing_here(tmp_path):
    disk = Disk()
    os.close(disk.open_append(tmp_path / "a", new=True))
    with pytest.raises(FileExistsError):
        disk.open_append(tmp_path / "a", new=True)
    disk.sync(tmp_path / "a")
    disk.sync_folder(tmp_path)
    assert not disk.lacks
