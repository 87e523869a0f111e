"""Whatever fails, wherever: no frame is lost, none is half, none is called done that is not.

`nox -s faults` runs thousands of trials (FLYAWAY_FAULTS) and prints their count and seed; the default
session runs some. A trial that fails is repeated alone by its number: FLYAWAY_FAULT_TRIAL=1234.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from tests.faults.faulty import KINDS, SURVIVED, FaultyDisk
from tests.faults.harness import FRAMES, TARGETS, Truth, files, go, make_plates, run_and_be_killed

TRIALS = int(os.environ.get("FLYAWAY_FAULTS", "60"))
SEED = int(os.environ.get("FLYAWAY_FAULT_SEED", "20261124"))
ONLY = os.environ.get("FLYAWAY_FAULT_TRIAL")
# Of the single points, by default: the end of the process, of the power and of space, and a write that lies.
QUICK = ("kill", "power", "enospc", "silent")


@pytest.fixture(scope="module")
def harness():
    """A folder (in memory where there is one: thousands of fsyncs), plates, and the truth of each kind."""
    memory = Path("/dev/shm")  # noqa: S108
    root = Path(tempfile.mkdtemp(prefix="flyaway-faults-", dir=memory if memory.is_dir() else None))
    make_plates(root / "plates")
    truths, counts = {}, {}
    for kind in TARGETS:
        disk = FaultyDisk("count", -1, 0)
        report = go(root / "plates", root / kind, kind, disk)
        assert report is not None
        assert report.exit_code == 0
        truths[kind], counts[kind] = Truth(files(root / kind)), len(disk.operations)
    yield root, truths, counts
    shutil.rmtree(root)


def trial(number: int, harness) -> tuple[str, str]:
    """One random fault (sometimes two), then a run on a sound disk; returns the fault's kind and place."""
    root, truths, counts = harness
    chance = random.Random(SEED * 1_000_003 + number)
    kind = chance.choice(list(TARGETS))
    truth = truths[kind]
    out = root / f"trial-{number}"
    older = None
    if chance.random() < 0.3:
        # An earlier run is there, of which a frame has gone and another's plate was touched.
        go(root / "plates", out, kind, FaultyDisk("count", -1, 0))
        (out / f"m.{chance.choice(FRAMES)}.exr").unlink()
        older = files(out)
        os.utime(root / "plates" / f"p.{chance.choice(FRAMES)}.exr")
    struck = ("none", "none")
    for _ in range(chance.choice((1, 1, 2))):
        disk = FaultyDisk(chance.choice(KINDS), chance.randrange(counts[kind]), chance.randrange(1 << 30))
        report = go(root / "plates", out, kind, disk)
        if disk.struck:
            struck = (disk.kind, disk.operations[disk.at])
        if older is None:
            truth.check_disk(out)
        if report is not None:
            assert disk.kind in (*SURVIVED, "kill", "power")
            truth.check_report(report, out)
    last = go(root / "plates", out, kind, FaultyDisk("count", -1, 0))
    assert last is not None
    truth.check_report(last, out)
    assert last.exit_code == 0
    truth.check_complete(out)
    again = go(root / "plates", out, kind, FaultyDisk("count", -1, 0))
    assert again is not None
    assert again.counts == {"skipped": len(FRAMES)}
    shutil.rmtree(out)
    return struck


def test_nothing_is_lost_whatever_fails(harness, capsys):
    points: Counter[tuple[str, str]] = Counter()
    for number in [int(ONLY)] if ONLY else range(TRIALS):
        try:
            points[trial(number, harness)] += 1
        except BaseException as error:
            error.add_note(f"trial {number} of seed {SEED}: FLYAWAY_FAULT_TRIAL={number} repeats it")
            raise
    points.pop(("none", "none"), None)
    with capsys.disabled():
        sums = {kind: sum(n for (k, _), n in points.items() if k == kind) for kind in KINDS}
        places = ", ".join(f"{kind} {count}" for kind, count in sums.items())
        print(
            f"\n{points.total()} faults at {len(points)} kinds of points,"
            f" {TRIALS} trials, seed {SEED}: {places}"
        )
    if not ONLY:
        assert {kind for kind, _ in points} == set(KINDS)


@pytest.mark.parametrize(
    "fault", [*QUICK, *(pytest.param(one, marks=pytest.mark.slow) for one in KINDS if one not in QUICK)]
)
def test_every_single_point_of_a_run_in_one_thread(harness, fault):
    """Not by chance: each operation of a run, one after the other, fails once in each way."""
    root, truths, _ = harness
    counting = FaultyDisk("count", -1, 0)
    out = root / f"every-{fault}"
    go(root / "plates", out, "matte", counting, one_thread=True)
    shutil.rmtree(out)
    step = 1 if TRIALS >= 1000 else 9
    for at in range(0, len(counting.operations), step):
        disk = FaultyDisk(fault, at, at)
        report = go(root / "plates", out, "matte", disk, one_thread=True)
        try:
            truths["matte"].check_disk(out)
            if report is not None:
                truths["matte"].check_report(report, out)
            last = go(root / "plates", out, "matte", FaultyDisk("count", -1, 0), one_thread=True)
            assert last is not None
            assert last.exit_code == 0
            truths["matte"].check_complete(out)
        except BaseException as error:
            error.add_note(f"{fault} at operation {at}, {counting.operations[at]}")
            raise
        shutil.rmtree(out)


def test_processes_that_are_really_killed(harness):
    """The same with a real process and a real kill -9, at a sample of points."""
    root, truths, counts = harness
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.faults.harness"])
    sample = 40 if TRIALS >= 1000 else 4
    for number in range(sample):
        at = number * counts["matte"] // sample
        out = root / f"killed-{at}"
        process = context.Process(target=run_and_be_killed, args=(str(root / "plates"), str(out), at))
        process.start()
        process.join(120)
        assert process.exitcode == -9, f"at operation {at}"
        truths["matte"].check_disk(out)
        report = go(root / "plates", out, "matte", FaultyDisk("count", -1, 0))
        assert report is not None
        assert report.exit_code == 0
        truths["matte"].check_complete(out)
        shutil.rmtree(out)


def test_the_harness_itself_catches_a_writer_that_does_not_verify(harness, monkeypatch):
    """A test that cannot fail proves nothing: without the comparison, the silent fault gets through."""
    import flyaway.frames.write as write_module

    monkeypatch.setattr(write_module, "_compare", lambda *arguments: None)
    root, truths, counts = harness
    caught = 0
    for at in range(0, counts["matte"], 3):
        out = root / "unproven"
        disk = FaultyDisk("silent", at, at)
        report = go(root / "plates", out, "matte", disk, one_thread=True)
        try:
            truths["matte"].check_disk(out)
            truths["matte"].check_report(report, out)
        except AssertionError:
            caught += 1
        shutil.rmtree(out, ignore_errors=True)
    assert caught > 0


def test_json_of_a_failed_run_names_its_frames(harness):
    root, _, _ = harness
    out = root / "json"
    report = go(root / "plates", out, "matte", FaultyDisk("full", 12, 1))
    assert report is not None
    summary = json.loads(json.dumps(report.as_json()))
    assert summary["exit_code"] == 2
    assert {failure["frame"] for failure in summary["failures"]} <= set(FRAMES)
    assert summary["written"] + summary["failed"] == len(FRAMES)
    shutil.rmtree(out)
