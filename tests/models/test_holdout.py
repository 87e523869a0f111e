"""What is held out is held out by group, and once."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from models.evaluation import holdout
from models.evaluation.holdout import Group
from models.evaluation.written_once import write_rows


def action_row(group: str, mask: str = "m.png", partial: str = "no") -> dict[str, str]:
    return {"image": f"{group}.webp", "mask": mask, "split_group": group, "partial": partial}


def free_row(source: str, origin: str) -> dict[str, str]:
    return {"file": "free/x.webp", "source": source, "origin": origin}


def test_committed_list_has_whole_sequences_and_sources() -> None:
    assert set(holdout.SEQUENCES_HELD_OUT) < set(holdout.held_out_groups("action"))
    assert set(holdout.SOURCES_HELD_OUT) == set(holdout.held_out_groups("source"))
    assert set(holdout.PROBES_HELD_OUT) == set(holdout.held_out_groups("probe"))
    held = holdout.read_holdout()
    assert len(set(held)) == len(held)


def test_every_frame_of_a_held_out_sequence_is_kept_from_training() -> None:
    assert not holdout.trains_on(action_row("davis:rollerblade"))
    assert holdout.trains_on(action_row("davis:hike"))


def test_a_source_is_known_whatever_commit_it_was_taken_from() -> None:
    assert not holdout.trains_on(free_row("pop-os/wallpapers@0123456789", "a.jpg"))
    assert holdout.trains_on(free_row("18F/ekip-api@56ea461f96", "a.jpg"))


def test_views_of_a_held_out_probe_are_kept_from_training_wherever_they_come_from() -> None:
    for source in ("pmndrs/drei-assets@1", "gkjohnson/3d-demo-data@2"):
        assert not holdout.trains_on(free_row(source, "potsdamer_platz"))
        assert holdout.trains_on(free_row(source, "lebombo"))


def test_a_coco_picture_is_one_picture_in_every_table() -> None:
    held = next(name for name in holdout.held_out_groups("action") if name.startswith("coco"))
    number = held.removeprefix("coco")
    assert not holdout.trains_on(free_row("COCO 2017 (some/subset@1)", f"train2017/{number}.jpg"))
    assert holdout.trains_on(free_row("COCO 2017 (some/subset@1)", "train2017/000000999999.jpg"))


def test_rule_holds_out_a_share_and_neither_partial_masks_nor_large_clusters(tmp_path: Path) -> None:
    rows = [action_row(f"sup:{i:03d}") for i in range(50)]
    rows += [action_row("sup:000")] * 9 + [
        action_row("sup:001", partial="yes"),
        action_row("sup:002", mask=""),
    ]
    rows += [action_row("davis:hockey"), action_row("davis:hike")]
    with (tmp_path / "action.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    held = {group.name for group in holdout.make_holdout(tmp_path) if group.kind == "action"}
    assert "davis:hockey" in held
    assert "davis:hike" not in held
    assert len(held) == 1 + 6
    assert not held & {"sup:000", "sup:001", "sup:002"}


def test_the_list_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "holdout.csv"
    held = [Group("action", "davis:hockey")]
    write_rows(held, path)
    with pytest.raises(FileExistsError):
        write_rows([], path)
    assert holdout.read_holdout(path) == held
