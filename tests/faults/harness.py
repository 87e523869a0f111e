"""A shot of four frames, a run over it on a disk that fails, and what must be true afterwards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import OpenImageIO as oiio
from tests.faults.faulty import FaultyDisk, Killed

import flyaway.batch.plates as plates_module
import flyaway.frames.write as write_module
from flyaway.batch import Limits, Report, RunOptions, Target, plan_shot, run_plan
from flyaway.batch.journal import STATE_FOLDER, JournalIndex
from flyaway.errors import ReadError
from flyaway.frames import WriteOptions, library

# OpenEXR's library notes the second of writing; all else of a file must be the same.
_DATE = re.compile(rb"(?<=capDate\0string\0\x13\0\0\0).{19}", re.DOTALL)
FRAMES = (1001, 1002, 1003, 1004)
TARGETS = {
    "matte": [Target("m.####.exr")],
    "pair": [Target("m.####.exr"), Target("colour/c.####.png", WriteOptions("rgba"))],
}


class Luma:
    """Stands in for a network: alpha is the plate's green."""

    device = "cpu"
    info = SimpleNamespace(
        name="luma", licence="Apache-2.0", files={"a": SimpleNamespace(sha256="0" * 64)}, reads_encoded=False
    )

    def __call__(self, plate: Any, encoding: str = "srgb", *, refine: bool = True) -> Any:
        return SimpleNamespace(alpha=np.clip(plate[..., 1], 0, 1).astype(np.float32))


def make_plates(folder: Path) -> None:
    """Four small plates, each another."""
    folder.mkdir(parents=True, exist_ok=True)
    for frame in FRAMES:
        pixels = np.random.default_rng(frame).random((12, 16, 3)).astype(np.float32)
        target = oiio.ImageOutput.create(str(folder / f"p.{frame}.exr"))
        assert target.open(str(folder / f"p.{frame}.exr"), oiio.ImageSpec(16, 12, 3, "half"))
        assert target.write_image(pixels)
        assert target.close()


def go(plates: Path, out: Path, kind: str, disk: FaultyDisk, *, one_thread: bool = False) -> Report | None:
    """A run that resumes; None if the process "died" in it."""
    targets = [Target(str(out / target.path), target.write) for target in TARGETS[kind]]
    plan = plan_shot("shot", str(plates / "p.####.exr"), targets)
    threads = 1 if one_thread else 2
    options = RunOptions(existing="resume", limits=Limits(readers=threads, writers=threads))
    read, decode = plates_module.read_plate, library.decode
    try:
        plates_module.read_plate = lambda *a, **k: disk.strike("read") or read(*a, **k)
        write_module.library.decode = lambda *a, **k: _decode(disk, decode, a, k)
        return run_plan(Luma(), plan, options, disk=disk)  # type: ignore[arg-type]
    except Killed:
        return None
    finally:
        plates_module.read_plate, write_module.library.decode = read, decode


def _decode(disk: FaultyDisk, decode: Any, arguments: Any, more: Any) -> Any:
    try:
        disk.strike("decode")
    except OSError as error:
        raise ReadError(f"cannot be read: {error}", path=arguments[3]) from error
    return decode(*arguments, **more)


def files(out: Path) -> dict[str, bytes]:
    """Every finished file, by its place."""
    return {
        str(path.relative_to(out)): _DATE.sub(b"2026:11:24 00:00:00", path.read_bytes())
        for path in sorted(out.rglob("*"))
        if path.is_file() and STATE_FOLDER not in path.parts and not path.name.startswith(".")
    }


def same_picture(path: Path, data: bytes, whole: bytes) -> bool:
    """Whether two files of one size differ in words of the header alone.

    A bit that rots between writing and reading back is found in pixels and windows, which are compared,
    but not in the text of a remark.
    """
    if len(data) != len(whole):
        return False
    sound = path.parent / f".sound{path.suffix}"
    try:
        sound.write_bytes(whole)
        pictures = [_picture(path), _picture(sound)]
    finally:
        sound.unlink()
    return pictures[0] is not None and pictures[0] == pictures[1]


def _picture(path: Path) -> tuple[Any, ...] | None:
    source = oiio.ImageInput.open(str(path))
    if source is None:
        return None
    spec = source.spec()
    pixels = source.read_image(0, 0, 0, spec.nchannels, "float")
    source.close()
    windows = (spec.x, spec.y, spec.full_x, spec.full_y, spec.full_width, spec.full_height)
    return None if pixels is None else (windows, list(spec.channelnames), pixels.shape, pixels.tobytes())


def run_and_be_killed(plates: str, out: str, at: int) -> None:
    """In a process of its own: it kills itself at an operation."""
    go(Path(plates), Path(out), "matte", FaultyDisk("sigkill", at, 0))


@dataclass
class Truth:
    """What the run leaves behind when nothing goes wrong."""

    whole: dict[str, bytes]

    def names_of(self, frame: int) -> list[str]:
        """The files of a frame."""
        return [name for name in self.whole if f".{frame}." in name]

    def check_disk(self, out: Path, older: dict[str, bytes] | None = None) -> None:
        """Nothing under a final name is less than whole; the journal claims nothing that is not there."""
        found = files(out) if out.exists() else {}
        for name, data in found.items():
            whole = data == self.whole[name] or (older is not None and data == older.get(name))
            assert whole or same_picture(out / name, data, self.whole[name]), f"{name} is not whole"
        if (out / STATE_FOLDER).is_dir():
            for entry in JournalIndex(out / STATE_FOLDER, "m.@.exr").entries():
                # A line about what an older plate gave stays true until its frame is done again.
                for output in entry.outputs:
                    path = out / output.path
                    assert path.is_file(), f"the journal claims {path}"
                    assert path.stat().st_size == output.bytes

    def check_report(self, report: Report, out: Path) -> None:
        """done ∪ failed-by-name = requested, and what is called done is there and right."""
        failed = {result.task.frame for result in report.failures}
        assert all(result.error is not None and result.error.path is not None for result in report.failures)
        assert all(result.error.frame == result.task.frame for result in report.failures)
        assert report.requested == len(FRAMES) == report.done
        assert report.counts["failed"] == len(failed)
        found = files(out) if out.exists() else {}
        for frame in set(FRAMES) - failed:
            for name in self.names_of(frame):
                done = name in found and (
                    found[name] == self.whole[name] or same_picture(out / name, found[name], self.whole[name])
                )
                assert done, f"{name} is called done"
        assert (report.exit_code == 0) == (not failed)

    def check_complete(self, out: Path) -> None:
        """Everything is there, and nothing else: no temporary file, no claim."""
        found = files(out)
        assert sorted(found) == sorted(self.whole)
        for name, data in found.items():
            assert data == self.whole[name] or same_picture(out / name, data, self.whole[name])
        litter = [path for path in out.rglob("*") if ".part" in path.name or path.suffix == ".claim"]
        assert not litter
        past = JournalIndex(out / STATE_FOLDER, "m.@.exr")
        assert len(past) == len(FRAMES)
