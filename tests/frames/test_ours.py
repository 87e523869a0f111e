"""Which files beside mattes are ours, and may be written anew."""

from __future__ import annotations

import json
import os
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from flyaway import UsageError
from flyaway.batch.store import write_report
from flyaway.frames.ours import SOFTWARE, refuse_to_replace
from flyaway.pictures import files
from flyaway.review.job import _PAGE


def test_a_report_is_known_by_its_head_however_long_it_is(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    failures = [{"error": "x" * 100} for _ in range(2000)]
    for document in (
        {"name": 'the "night" 夜', "exit_code": 2, "failures": failures},
        {"job": "night", "exit_code": 0, "shots": []},
        {"exit_code": 0, "written": 3},
    ):
        write_report(path, document)
        write_report(path, document)
    path.write_text(path.read_text()[:-40])  # cut off: of a run that died, and of no use to anybody
    refuse_to_replace(path, "report")


@pytest.mark.parametrize("text", ["notes", "[1, 2]", '{"frames": 3}', json.dumps({"a": {"exit_code": 0}})])
def test_what_is_no_report_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "report.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="no report that Flyaway wrote"):
        write_report(path, {"exit_code": 0})
    assert path.read_text() == text


@pytest.mark.skipif(os.name == "nt", reason="no pipes with names there")
def test_a_pipe_or_a_device_is_no_place_for_a_file(tmp_path: Path) -> None:
    """A report that is renamed over a device, by root, takes it from the whole machine."""
    os.mkfifo(pipe := tmp_path / "pipe")
    for path in (pipe, Path("/dev/null"), Path("/dev/stdout"), Path("/dev/new")):
        with pytest.raises(UsageError, match="device or a pipe"):
            refuse_to_replace(path, "report")


def test_a_page_is_known_also_where_a_character_is_cut_in_two(tmp_path: Path) -> None:
    path = tmp_path / "index.html"
    for shift in range(3):
        head = '<!doctype html><meta name="generator" content="Flyaway review">'
        path.write_text(head + "-" * shift + "夜" * 2000, encoding="utf-8")
        refuse_to_replace(path, "page")
    for mine in ("mine", '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'">'):
        path.write_text(f"<!doctype html>{mine}")
        with pytest.raises(UsageError, match="no page"):
            refuse_to_replace(path, "page")


def test_pages_say_who_made_them_and_those_of_earlier_releases_are_known_too(tmp_path: Path) -> None:
    shot = (resources.files("flyaway.review") / "page.html").read_text(encoding="utf-8")
    index = _PAGE.format(title="a job", summary="", rows="")
    path, says = tmp_path / "page.html", '<meta name="generator" content="Flyaway review">\n'
    for text in (shot, index):
        assert says in text
        for written in (text, text.replace(says, "")):
            path.write_text(written, encoding="utf-8")
            refuse_to_replace(path, "page")


def test_a_picture_beside_a_page_or_beside_scores_is_no_sheet(tmp_path: Path) -> None:
    page, scores = tmp_path / "art.html", tmp_path / "art.json"
    page.write_text('<!doctype html><meta name="generator" content="Flyaway review">')
    scores.write_text('{"format": 1, "set": "a"}')
    refuse_to_replace(page, "page")
    refuse_to_replace(scores, "evaluation")
    files.write(picture := tmp_path / "art.png", np.zeros((8, 8, 3), np.uint8))
    for kind in ("contact sheet", "evaluation"):
        with pytest.raises(UsageError, match="those of earlier releases do not say so: name another"):
            refuse_to_replace(picture, kind)
    files.write(picture, np.zeros((8, 8, 3), np.uint8), software=SOFTWARE.format(kind="contact sheet"))
    refuse_to_replace(picture, "evaluation")


@pytest.mark.parametrize("kind", ["preview", "contact sheet"])
def test_pictures_say_what_they_are_and_one_kind_is_not_the_other(tmp_path: Path, kind: str) -> None:
    picture, path = np.zeros((8, 8, 4), np.uint8), tmp_path / "p.png"
    files.write(path, picture, software=SOFTWARE.format(kind=kind))
    refuse_to_replace(path, kind)
    for other in ({"preview", "contact sheet"} - {kind}, {"report", "page", "submission"}):
        for one in other:
            with pytest.raises(UsageError):
                refuse_to_replace(path, one)
    files.write(path, picture, software="Flyaway 0.1.0")  # what mattes say
    with pytest.raises(UsageError, match="earlier releases do not say so"):
        refuse_to_replace(path, kind)
    # Previews of a bake in Nuke are from before they said anything.
    old = tmp_path / "previews" / "p.png"
    old.parent.mkdir()
    files.write(old, picture)
    if kind == "preview":
        refuse_to_replace(old, kind)


def test_what_is_reserved_is_refused_also_where_it_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "linked").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="a plate, a matte or a mask"):
        refuse_to_replace(tmp_path / "linked" / "m.json", "report", [tmp_path / "m.json"])
    refuse_to_replace(tmp_path / "other.json", "report", [tmp_path / "m.json"])
    (tmp_path / "empty.json").touch()
    refuse_to_replace(tmp_path / "empty.json", "report")


def test_a_link_that_leads_nowhere_is_somebodys(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.symlink_to(tmp_path / "unmounted" / "report.json")
    with pytest.raises(UsageError, match="a link to"):
        write_report(path, {"exit_code": 0})
    assert path.is_symlink()
