"""The split holds people apart, and is written once."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from models.evaluation import split
from models.evaluation.written_once import write_rows


def test_committed_split_has_both_pictures_of_each_sitter() -> None:
    people = Counter(name.rsplit("-", 1)[1] for name in split.held_out("portrait", "london"))
    assert set(people) == set(split.LONDON_HELD_OUT)
    assert set(people.values()) == {2}


def test_committed_split_has_the_counts_of_the_rule() -> None:
    held = split.read_split()
    assert len(set(held)) == len(held)
    counts = Counter((h.kind, h.source) for h in held)
    for source, count in split.PORTRAITS_HELD_OUT.items():
        assert counts["portrait", source] == count
    assert counts["background", "bsds"] == split.BSDS_HELD_OUT


def test_committed_split_holds_whole_light_probes_out() -> None:
    scenes = {name.split("-")[1] for name in split.held_out("background", "hdri")}
    assert scenes == set(split.HDRI_HELD_OUT)


def test_every_kth_spreads_over_the_sorted_names() -> None:
    names = [f"{i:03d}" for i in range(100)][::-1]
    assert split.every_kth(names, 4) == ["012", "037", "062", "087"]
    with pytest.raises(ValueError, match="101 names out of 100"):
        split.every_kth(names, 101)


def test_a_split_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    held = [split.HeldOut("portrait", "a", "ccp")]
    write_rows(held, path)
    assert split.read_split(path) == held
    with pytest.raises(FileExistsError):
        write_rows([], path)
    assert split.read_split(path) == held


def test_files_named_twice_count_once_and_people_in_backgrounds_count_out(tmp_path: Path) -> None:
    rows = [("b/one.webp", "0.001"), ("b/one.webp", "0.001"), ("b/crowd.webp", "0.3")]
    with (tmp_path / "backgrounds.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("image", "person_coverage"), *rows])
    assert [row["image"] for row in split.usable_backgrounds(tmp_path)] == ["b/one.webp"]
