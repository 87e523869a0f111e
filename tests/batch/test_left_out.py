"""Nothing is left out in silence: pictures that cannot be read, other files, frames without plates, sizes."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest

import flyaway
from flyaway.batch import ExitCode, RunOptions, Target, plan_shot, run_plan
from flyaway.frames.formats import READABLE

RESUME = RunOptions(existing="resume")
HAS_HEIF = ".heic" in READABLE


def grey(size=(32, 32)):
    return np.full((*size, 3), 0.5, np.float32)


def test_a_folder_of_photographs_names_what_it_cannot_read_and_how_to_convert_it(tmp_path, luma, write_plate):
    folder = tmp_path / "in"
    folder.mkdir()
    write_plate(folder / "k.png", grey(), "uint8").rename(folder / "keep.PNG")
    write_plate(folder / "b.jpg", grey(), "uint8").rename(folder / "b.JPG")
    write_plate(folder / "c.jpg", grey(), "uint8").rename(folder / "c.jfif")
    for name in ("a.HEIC", "d.avif", "b.CR2", "notes.txt", "clip.mov", ".hidden.png", "Thumbs.db"):
        (folder / name).write_bytes(b"something")
    what = plan_shot("folder", folder, [Target(str(tmp_path / "out"))])
    report = run_plan(luma, what, RESUME)
    assert report.exit_code is ExitCode.FAILED
    assert report.counts == {"written": 3, "failed": 2}
    assert sorted(path.name for path in (tmp_path / "out").glob("*.[pP]*")) == ["b.png", "c.png", "keep.PNG"]
    errors = [str(failure.error) for failure in report.failures]
    assert ("a.HEIC: cannot be opened" if HAS_HEIF else "heif-convert a.HEIC a.png") in errors[0]
    assert ("d.avif: cannot be opened" if HAS_HEIF else "avifdec d.avif d.png") in errors[1]
    passed = [
        "b.CR2: not read, and a picture of the same name was taken",
        "clip.mov: a movie, which is matted by itself",
        "notes.txt: no picture",
    ]
    assert list(what.passed_over) == passed
    assert report.as_json()["passed_over"] == passed
    assert what.notices == [f"passed over {one}" for one in passed]


def test_what_openimageio_reads_is_read_whatever_its_suffix_is_called(tmp_path, luma, write_plate):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.JPE", "b.TIF", "c.Webp", "d.ppm", "e.sgi", "f.jp2", "g.JPEG", "h.bmp"):
        path = folder / name
        spec = oiio.ImageSpec(32, 32, 3, "uint8")
        target = oiio.ImageOutput.create(str(path.with_suffix(path.suffix.lower())))
        if target is None or not target.open(str(path), spec):
            continue
        assert target.write_image(np.full((32, 32, 3), 128, np.uint8))
        assert target.close()
    made = list(folder.iterdir())
    assert len(made) >= 6
    report = run_plan(luma, plan_shot("folder", folder, [Target(str(tmp_path / "out"))]), RESUME)
    assert report.counts == {"written": len(made)}, [str(one.error) for one in report.failures]


def test_missing_plates_of_a_range_are_told_before_the_work_in_one_line(shot, luma, tmp_path):
    what = plan_shot("shot", shot(3), [Target(str(tmp_path / "out/m.####.exr"))], "1001-1010")
    assert what.notices == ["7 of 10 frames have no plate, and fail if they are not done already: 1004-1010"]
    whole = plan_shot("shot", shot(3), [Target(str(tmp_path / "out/m.####.exr"))])
    assert whole.notices == []
    (tmp_path / "plates" / "p.1002.exr").unlink()
    gap = plan_shot("shot", str(tmp_path / "plates/p.####.exr"), [Target(str(tmp_path / "out/m.####.exr"))])
    assert gap.notices == ["no plates for frames 1002"]


def test_sizes_that_differ_within_a_sequence_are_told(tmp_path, luma, write_plate):
    for frame, size in ((1, (32, 40)), (2, (32, 40)), (3, (32, 48))):
        write_plate(tmp_path / f"p.{frame}.exr", grey(size))
    report = run_plan(
        luma, plan_shot("s", f"{tmp_path}/p.#.exr", [Target(f"{tmp_path}/out/m.#.exr")]), RESUME
    )
    assert report.exit_code is ExitCode.OK
    assert report.remarks == [
        "plates of several sizes: 40×32 in 2 (first p.1.exr), 48×32 in 1 (first p.3.exr)"
    ]
    assert report.as_json()["sizes"][1] == {"width": 48, "height": 32, "frames": 1, "first": "p.3.exr"}


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (31, 40)])
@pytest.mark.parametrize("name", ["m.exr", "m.png"])
def test_a_tiny_data_window_in_a_large_display_window_is_an_empty_matte(tmp_path, write_plate, size, name):
    plate = write_plate(tmp_path / "p.exr", grey(size), window=(7, 5), display=(0, 0, 1920, 1080))
    notes = []
    what = plan_shot("one", plate, [Target(str(tmp_path / name))])
    report = run_plan(flyaway.load("fast"), what, progress=lambda result: notes.extend(result.notes))
    assert report.exit_code is ExitCode.OK
    assert "its data window is too small to hold a person: the matte is empty" in notes
    picture = oiio.ImageBuf(str(tmp_path / name))
    spec = picture.spec()
    assert float(np.asarray(picture.get_pixels(oiio.FLOAT)).max()) == 0
    assert (spec.full_width, spec.full_height) == (1920, 1080)
    if name.endswith(".exr"):
        assert (spec.x, spec.y, spec.width, spec.height) == (7, 5, size[1], size[0])
