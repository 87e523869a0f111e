"""Scores by group: who belongs where, and that every number is the group's own."""

from __future__ import annotations

import pytest

pytest.importorskip("scipy", reason="the evaluate extra is not installed")
pytest.importorskip("OpenImageIO")

from flyaway.errors import DatasetError
from flyaway.evaluation import groups, refiner
from flyaway.evaluation.layouts import EvaluationSet
from flyaway.evaluation.run import Evaluation, Row


def result(*entries, matters=("ours",), measures=("sad",)):
    rows = [
        Row(image, side, side // 2, matter, 0.1, scores)
        for image, side, by_matter in entries
        for matter, scores in zip(matters, by_matter, strict=True)
    ]
    return Evaluation(EvaluationSet("set", "pairs", []), list(matters), list(measures), rows=rows)


SIZES = result(
    ("one-1024", 1024, [{"sad": 1.0}]),
    ("one-4096", 4096, [{"sad": 7.0}]),
    ("two-1024", 1024, [{"sad": 3.0}]),
)


def test_sizes_are_reported_from_small_to_large():
    lines = groups.tables(SIZES, {"resolution": groups.resolution})
    assert lines[4:6] == ["| 1024 px | 2 | ours | 2.00 |", "| 4096 px | 1 | ours | 7.00 |"]


def test_a_table_names_sitters_and_all_their_plates(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("# proxies\nname,skin\none,light\n", encoding="utf-8")
    lines = groups.tables(SIZES, groups.open_groupings([str(table), "ending"]))
    assert "| light | 2 | ours | 4.00 |" in lines
    assert "1 images belong to no group." in lines
    assert "| 4096 | 1 | ours | 7.00 |" in lines


@pytest.mark.parametrize("text", ["", "name\na\n", "who,skin\na,b\n", "name,skin\na\n", "name,skin\na,b,c\n"])
def test_what_is_no_table_is_refused(tmp_path, text):
    table = tmp_path / "groups.csv"
    table.write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match="no table of groups"):
        groups.open_groupings([str(table)])


def test_a_grouping_that_is_not_there_says_what_is():
    with pytest.raises(DatasetError, match="resolution, ending or a CSV"):
        groups.open_groupings(["hats"])


def test_the_refiners_worth_is_of_images_with_soft_pixels():
    nan = float("nan")
    run = result(
        ("a", 10, [{"soft_mad": 0.1}, {"soft_mad": 0.2}]),
        ("b", 10, [{"soft_mad": 0.2}, {"soft_mad": 0.2}]),
        ("c", 10, [{"soft_mad": nan}, {"soft_mad": nan}]),
        matters=("ours", refiner.COARSE.format("ours")),
        measures=("soft_mad",),
    )
    assert refiner.table(run)[-2] == "| ours | 0.2000 | 0.1500 | -25.0% | 1 of 2 |"
