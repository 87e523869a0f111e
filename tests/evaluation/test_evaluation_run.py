"""A run over a set made here: same images for all, the worst first, and what is written."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the evaluate extra is not installed")
pytest.importorskip("OpenImageIO")

from flyaway.colorimetry import linear_to_srgb
from flyaway.errors import DatasetError, FlyawayError
from flyaway.evaluation import layouts, metrics, report, run, strips
from flyaway.pictures import files, sheet
from flyaway.pictures.convert import GREEN, eight_bit, over_green


def disc(radius, shape=(60, 80)):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.clip(radius - np.hypot(rows - shape[0] / 2, columns - shape[1] / 2), 0, 1).astype(np.float32)


def write_pair(folder, name, radius, shape=(60, 80)):
    truth = disc(radius, shape)
    plate = np.repeat(eight_bit(truth)[..., None], 3, axis=2)
    files.write(folder / f"{name}.png", plate)
    files.write(folder / f"{name}.alpha.png", eight_bit(truth)[..., None])


@pytest.fixture
def images(tmp_path):
    """Three plates that show their own matte: what copies a channel is without error."""
    folder = tmp_path / "set"
    folder.mkdir()
    for name, radius in (("a", 10), ("b", 25), ("c", 18)):
        write_pair(folder, name, radius)
    return layouts.open_set(folder)


def exact(plate):
    return plate[..., 0].astype(np.float32) / 255


def nothing(plate):
    return np.zeros(plate.shape[:2], np.float32)


def test_every_matter_is_scored_on_every_image(images):
    scored = []
    result = run.evaluate(images, {"nothing": nothing, "exact": exact}, on_scored=scored.append)
    assert scored == ["a", "b", "c"]
    assert [(row.image, row.matter) for row in result.rows] == [
        (image, matter) for image in "abc" for matter in ("nothing", "exact")
    ]
    assert result.images == 3
    assert result.mean("exact")["sad"] == pytest.approx(0, abs=1e-6)
    assert result.mean("exact")["iou"] == 1
    by_hand = [metrics.sad(np.zeros((60, 80)), item.load_alpha()) for item in images.items]
    assert result.mean("nothing")["sad"] == pytest.approx(sum(by_hand) / 3)


def test_the_worst_come_first_and_only_so_many(images):
    result = run.evaluate(images, {"nothing": nothing}, sheet_images=2)
    assert [strip.label.split()[0] for strip in result.worst] == ["b", "c"]  # the largest discs


def test_means_pass_over_what_has_no_value(images):
    truth = np.ones((60, 80), np.float32)
    whole = layouts.Item("whole", lambda: np.zeros((60, 80, 3), np.uint8), lambda: truth, lambda: None)
    mixed = layouts.EvaluationSet("mixed", "pairs", [*images.items, whole])
    result = run.evaluate(mixed, {"nothing": nothing})
    assert np.isnan(result.rows[-1].scores["soft_mad"])
    expected = np.mean([row.scores["soft_mad"] for row in result.rows[:3]])
    assert result.mean("nothing")["soft_mad"] == pytest.approx(expected)
    document = json.loads(report.as_json(result))
    assert document["rows"][-1]["soft_mad"] is None
    assert "–" in report.markdown(result)


def test_a_limit_samples_the_whole_set(images):
    result = run.evaluate(images, {"nothing": nothing}, limit=2)
    assert [row.image for row in result.rows] == ["a", "c"]
    assert "2 of 3 images" in report.markdown(result)
    with pytest.raises(DatasetError, match="limit"):
        run.evaluate(images, {"nothing": nothing}, limit=0)


def test_every_second_image(images):
    result = run.evaluate(images, {"nothing": nothing}, every=2)
    assert [row.image for row in result.rows] == ["a", "c"]


def test_only_the_measures_asked_for_are_in_the_table(images):
    result = run.evaluate(images, {"nothing": nothing}, measures=["iou", "sad"])
    assert report.table(result)[0] == "| matter | SAD | IoU | s/image |"
    assert [strip.label.split()[0] for strip in result.worst] == ["b", "c", "a"]
    with pytest.raises(FlyawayError, match="no measure beauty"):
        run.evaluate(images, {"nothing": nothing}, measures=["beauty"])


def test_slow_measures_pass_over_large_frames_and_say_so(images, tmp_path):
    write_pair(tmp_path, "large", 30, (90, 80))
    mixed = layouts.EvaluationSet("mixed", "pairs", [*images.items, *layouts.open_set(tmp_path).items])
    result = run.evaluate(mixed, {"nothing": nothing}, slow_megapixels=0.005)
    assert "grad" not in result.rows[-1].scores
    small = [row.scores["conn"] for row in result.rows[:3]]
    assert result.mean("nothing")["conn"] == pytest.approx(np.mean(small))
    assert "Grad and Conn: not measured on 1 of 4 images, which are too large" in report.notes(result)
    json.loads(report.as_json(result))


def test_a_sets_own_trimap_is_the_unknown_band(tmp_path):
    write_pair(tmp_path, "a", 20)
    trimap = np.zeros((60, 80, 1), np.uint8)
    trimap[30, 40] = 128
    files.write(tmp_path / "a.trimap.png", trimap)
    result = run.evaluate(layouts.open_set(tmp_path), {"nothing": nothing})
    assert result.rows[0].scores["sad_unknown"] == pytest.approx(1 / 1000)
    assert any("the set's trimaps for 1 of 1" in note for note in report.notes(result))


def test_what_is_written(images, tmp_path):
    result = run.evaluate(images, {"exact": exact, "nothing": nothing})
    written = list(run.write(result, tmp_path / "out"))
    assert [path.name for path in written] == ["scores.md", "scores.json", "sheet.png"]
    table = written[0].read_text(encoding="utf-8").splitlines()
    assert table[0] == "# set: 3 images"
    assert table[4].startswith("| exact | 0.00 | 0.00 ")
    document = json.loads(written[1].read_text(encoding="utf-8"))
    assert document["means"]["exact"]["sad"] == pytest.approx(0, abs=1e-6)
    assert len(document["rows"]) == 6
    assert document["rows"][1]["matter"] == "nothing"
    assert document["environment"]["numpy"] == np.__version__
    picture = files.read_eight_bit(written[2])
    columns = 8  # plate, truth, and three for each matter
    assert picture.shape[1] == columns * (sheet.CELL + sheet.GAP)


def test_the_sheet_shows_error_where_it_is(images):
    item = images.items[1]
    plate, truth = item.load_plate(), item.load_alpha()
    missing = strips.error_picture(nothing(plate), truth)
    assert missing[30, 40].tolist() == pytest.approx([0, 0.4, 1])  # blue in the middle
    assert missing[0, 0].tolist() == [0, 0, 0]
    too_much = strips.error_picture(np.ones_like(truth), truth)
    assert too_much[0, 0].tolist() == [1, 0, 0]
    shown = over_green(plate.astype(np.float32) / 255, truth)
    assert shown[0, 0].tolist() == pytest.approx(linear_to_srgb(GREEN).tolist(), abs=1e-6)
    assert shown[30, 40].tolist() == pytest.approx([1, 1, 1], abs=1e-6)


def test_a_sheet_holds_pictures_of_any_proportion():
    rows = [
        strips.strip("tall", np.zeros((900, 30, 3), np.uint8), disc(5, (900, 30)), {"m": disc(5, (900, 30))}),
        strips.strip("tiny", np.zeros((3, 4, 3), np.uint8), disc(1, (3, 4)), {"m": disc(1, (3, 4))}),
    ]
    assert rows[0].pictures["plate"].shape == (sheet.CELL, 9, 3)
    assert rows[1].pictures["plate"].shape == (3, 4, 3)
    assert sheet.draw(rows).dtype == np.uint8


def test_truth_that_does_not_fit_ends_the_run(tmp_path):
    write_pair(tmp_path, "a", 10)
    files.write(tmp_path / "a.alpha.png", np.zeros((30, 40, 1), np.uint8))
    with pytest.raises(DatasetError, match=r"a: plate and matte differ in size \(80×60, 40×30\)"):
        run.evaluate(layouts.open_set(tmp_path), {"nothing": nothing})


def test_a_matter_of_the_wrong_size_is_named(images):
    with pytest.raises(FlyawayError, match="half on a"):
        run.evaluate(images, {"half": lambda plate: nothing(plate)[::2]})
    with pytest.raises(FlyawayError, match="Nothing to evaluate"):
        run.evaluate(images, {})
