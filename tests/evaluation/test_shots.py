"""Measures from frame to frame, shots as a layout, and matters that remember."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the evaluate extra is not installed")
pytest.importorskip("OpenImageIO")

from flyaway.errors import DatasetError
from flyaway.evaluation import layouts, report, run, shot_report, shots
from flyaway.pictures import files, motion
from flyaway.pictures.convert import eight_bit

HEIGHT, WIDTH = 96, 128


def disc(x, radius=20.0, soft=3.0):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    away = np.hypot(rows - HEIGHT / 2, columns - x)
    return np.clip((radius - away) / soft + 0.5, 0, 1).astype(np.float32)


def texture(shift=0):
    noise = np.random.default_rng(0).random((HEIGHT // 4 + 2, WIDTH // 4 + 40, 3))
    large = noise.repeat(4, 0).repeat(4, 1)
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(large, (3, 3, 0))
    smooth = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    return eight_bit(smooth[:HEIGHT, 40 - shift : 40 - shift + WIDTH])


def test_dtssd_is_the_change_that_the_truth_has_not():
    truth, after = disc(60), disc(62)
    assert shots.dtssd(after, truth, after, truth) == 0
    assert shots.dtssd(truth, truth, after, truth) == pytest.approx(np.sqrt(np.mean((after - truth) ** 2)))


def test_chatter_is_counted_where_the_truth_stands_still():
    truth, after = disc(50), disc(60)
    noise = np.where(np.abs(after - truth) < 1e-4, 0.01, 0.9)
    assert shots.chatter(truth + noise, truth, after, truth) == pytest.approx(0.01)


def test_a_lag_shows_as_a_shift_that_helps():
    frames = [disc(50 + 3 * t) for t in range(3)]
    late, _ = shots.shifts(frames[0], frames[0], frames[1], frames[0])  # shows the frame before
    assert late < 0
    late, early = shots.shifts(frames[1], frames[0], frames[1], frames[0])
    assert late > 0
    assert early > 0
    _, early = shots.shifts(frames[2], frames[1], frames[1], frames[0])  # shows the frame to come
    assert early < 0


def test_a_matte_that_moves_with_its_plate_does_not_flicker():
    pytest.importorskip("cv2", reason="the shots extra is not installed")
    by = motion.between(texture(0), texture(3))
    assert by is not None
    assert by.trusted.mean() > 0.6
    columns = np.arange(WIDTH)[None]
    inner = by.trusted & (columns > 30) & (columns < 100)
    assert (columns - by.columns)[inner].mean() == pytest.approx(3, abs=0.3)
    steady = motion.flicker(disc(63), disc(60), by)
    assert steady["flicker"] < 0.01
    assert steady["pops"] == 0
    assert steady["followed"] > 0.6
    boiling = motion.flicker(disc(63) * 0.5, disc(60), by)
    assert boiling["flicker"] > 0.1
    assert 0.1 < boiling["pops"] < 1


def test_near_is_by_euclidean_distance():
    from scipy import ndimage

    mask = np.random.default_rng(3).random((70, 90)) > 0.9995
    mask[5, 5] = True
    for reach in (1, 7, 20):
        assert (motion.near(mask, reach) == (ndimage.distance_transform_edt(~mask) <= reach)).all()


def test_without_opencv_what_stands_still_can_be_followed():
    before, after = texture(0), texture(0)
    after[:, 64:] = texture(7)[:, 64:]
    by = motion.still(before, after)
    assert by.trusted[:, :64].all()
    assert by.trusted[:, 64:].mean() < 0.5
    popped = motion.flicker(np.maximum(disc(60), disc(30)), disc(60), by)
    assert popped["pops"] > 0.1
    assert popped["followed"] < 1


def test_a_cut_is_not_followed():
    pytest.importorskip("cv2", reason="the shots extra is not installed")
    by = motion.between(texture(0), texture(0)[::-1, ::-1].copy())
    assert by is not None
    assert by.trusted.mean() < 0.3


def test_what_cannot_be_measured_without_opencv_is_said(clip, monkeypatch):
    monkeypatch.setattr(motion, "opencv", lambda: None)
    result = run.evaluate(clip, {"still": still})
    assert "flicker" not in result.rows[1].scores
    assert "dtssd" in result.rows[1].scores
    assert any("not measured" in note and "opencv-python-headless" in note for note in report.notes(result))


@pytest.fixture
def clip(tmp_path):
    """Two shots of three frames: a disc that moves over a texture that does not."""
    for shot, step in (("pan", 4), ("rest", 0)):
        folder = tmp_path / shot
        folder.mkdir()
        for number in range(3):
            truth = disc(50 + step * number)
            files.write(folder / f"{number:03d}.png", texture(step * number))
            files.write(folder / f"{number:03d}.alpha.png", eight_bit(truth)[..., None])
    return layouts.open_set(tmp_path)


def still(plate):
    return disc(50)


class Remembers:
    """Gives how many frames it has seen since it was told of a new shot."""

    def __init__(self):
        self.seen = 0

    def new_shot(self):
        self.seen = 0

    def __call__(self, plate):
        self.seen += 1
        return np.full(plate.shape[:2], self.seen / 10, np.float32)


def test_folders_of_pairs_are_shots(clip, tmp_path):
    assert clip.layout == "clips"
    assert clip.shots
    assert [(item.shot, item.name) for item in clip.items[:4]] == [
        ("pan", "pan/000"),
        ("pan", "pan/001"),
        ("pan", "pan/002"),
        ("rest", "rest/000"),
    ]
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="has no shots"):
        layouts.open_set(tmp_path / "empty", "clips")


def test_a_matter_that_remembers_is_told_where_shots_begin(clip):
    matter = Remembers()
    result = run.evaluate(clip, {"counts": matter})
    means = [row.scores["mad"] for row in result.rows]
    again = run.evaluate(clip, {"counts": matter})
    assert [row.scores["mad"] for row in again.rows] == means
    counted = [round(10 * float(matter(np.zeros((4, 4, 3)))[0, 0]))]
    assert counted == [4]  # three frames of the last shot, and this one


def test_shots_are_thinned_by_whole_shots_and_frames_from_the_start(clip):
    assert [item.name for item in run.sampled(clip.items, 2)] == [
        "pan/000",
        "pan/001",
        "rest/000",
        "rest/001",
    ]
    assert {item.shot for item in run.sampled(clip.items, None, 2)} == {"pan"}


def test_the_table_by_shot_names_the_worst_frame_and_the_lag(clip, tmp_path):
    result = run.evaluate(clip, {"still": still})
    assert "dtssd" not in result.rows[0].scores  # a first frame has none before it
    assert "dtssd" not in result.rows[3].scores
    lines = shot_report.tables(result)
    assert lines[0] == "## By shot"
    assert lines[2].endswith("| worst IoU | least shift ×10³ |")
    pan, rest = (line.split(" | ") for line in lines[4:6])
    assert float(pan[-2]) < 0.8
    assert float(pan[-1].rstrip(" |")) < 0  # it stands where the disc was
    assert float(rest[-2]) == 1
    written = {path.name for path in run.write(result, tmp_path / "out", lines)}
    assert {"scores.md", "scores.json", "sheet.png", "pan.iou.svg", "pan.mad.svg"} <= written
    rows = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))["rows"]
    assert rows[0]["shot"] == "pan"
    drawing = ET.parse(tmp_path / "out" / "pan.iou.svg").getroot()  # noqa: S314 - written here
    (line,) = (part for part in drawing if part.tag.endswith("polyline"))
    assert len(line.attrib["points"].split()) == 3


def test_a_mask_is_no_truth_for_what_changes_within_a_pixel():
    hard = (disc(50) > 0.5).astype(np.float32)
    assert shots.pair(hard, hard, hard, hard, None, hard=True) == {}


def test_a_model_with_memory_is_fed_clips_in_order_and_scored_as_stills_besides(
    memory, astronaut, monkeypatch
):
    import flyaway
    from flyaway.evaluation.matters import begin_shot, load_matters

    monkeypatch.setattr(flyaway, "load", lambda *_args, **_options: memory)
    matters = load_matters(["ours"], False, "cpu", shots=True)
    assert list(matters) == ["ours", "ours (steadiness 0)", "ours (stills)"]
    plates = [np.ascontiguousarray(np.roll(astronaut[:96, 100:228], 4 * i, axis=1)) for i in range(2)]
    begin_shot(matters)
    first, second = ([matter(plate) for matter in matters.values()] for plate in plates)
    np.testing.assert_array_equal(first[0], first[2])
    assert np.abs(second[1] - second[2]).max() > 0.01
    np.testing.assert_array_equal(first[0], first[1])
    assert np.abs(second[0] - second[1]).max() > 1e-4
    begin_shot(matters)
    again = [matter(plates[1]) for matter in matters.values()]
    np.testing.assert_array_equal(again[0], again[1])
    np.testing.assert_array_equal(again[0], again[2])
