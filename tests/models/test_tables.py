"""The shown set, sitters' groups, people at every scale, and the command that makes every table."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the evaluate extra is not installed")

from models.evaluation import composite, make_sets, shown, sitters, tables
from models.evaluation.composite import Composite, Sitter
from models.evaluation.split import held_out
from models.mixing import LIGHTS


def bust(side: int = 400) -> Sitter:
    """A head on shoulders that touch no side of the picture."""
    y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
    head = np.hypot(x - 0.5, y - 0.35) < 0.2
    body = (y > 0.5) & (np.abs(x - 0.5) < 0.1 + 0.3 * (y > 0.75))
    alpha = (head | body).astype(np.float32)
    colour = np.full((side, side, 3), 150, np.float32)
    colour[alpha == 0] = (0, 255, 0)  # must never come into view
    return Sitter(alpha, colour)


@pytest.mark.parametrize("share", make_sets.SCALES)
def test_a_person_has_the_height_asked_for(share: float) -> None:
    alpha, colour = composite.place_at_scale(bust(), 300, 300, share, np.random.default_rng(0))
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    assert alpha[-1].max() == pytest.approx(1, abs=0.01)  # stands on the edge, or is cut by it
    if share < 1:
        assert len(rows) == pytest.approx(300 * share, abs=2)
    if share > 1:
        assert rows[0] == pytest.approx(15, abs=2)
        assert len(rows) == 300 - rows[0]
        columns = np.flatnonzero((alpha > 0.5).any(axis=0))
        # The head is 0.4 of a picture whose person is 0.85 high.
        assert len(columns) >= 0.4 / 0.85 * share * 300 - 3
    visible = alpha > 0.1
    assert np.abs(colour[visible] / alpha[visible][:, None] - 150).max() < 2


def test_who_is_cut_off_is_not_made_small() -> None:
    sitter = bust()
    sitter.alpha[200, :] = 1
    with pytest.raises(ValueError, match="cut off"):
        composite.place_at_scale(sitter, 300, 300, 0.5, np.random.default_rng(0))


def test_a_colour_known_in_lab() -> None:
    lab = sitters.to_lab(np.array([[255, 255, 255], [255, 0, 0], [119, 119, 119]], np.float32))
    assert np.abs(lab - [[100, 0, 0], [53.24, 80.09, 67.2], [50.03, 0, 0]]).max() < 0.1
    assert sitters.typology_angle(np.array([70, 10, 20], np.float32)) == pytest.approx(45)
    assert sitters.typology_angle(np.array([30, 10, 20], np.float32)) == pytest.approx(-45)


@pytest.mark.parametrize(("skin", "darker"), [((230, 200, 180), False), ((90, 60, 45), True)])
def test_skin_and_hair_are_measured_where_they_are(skin: tuple[int, int, int], darker: bool) -> None:
    sitter = bust()
    sitter.colour[sitter.alpha > 0] = skin
    sitter.colour[: int(0.25 * 400)] = (20, 15, 10)
    measured = sitters.measure(sitter)
    expected = sitters.typology_angle(sitters.to_lab(np.array([skin], np.float32))[0])
    assert measured.angle == pytest.approx(expected, abs=1e-3)
    assert (measured.angle < 0) == darker
    assert measured.tone < 10
    assert measured.outline == 0  # a hard edge


def test_sitters_are_split_into_equal_parts_and_stay_together() -> None:
    people = {f"{face}-{n:03}": n for n in range(9) for face in ("neutral", "smiling")}
    text = sitters.table({name: sitters.Measured(n, -n, n) for name, n in people.items()})
    rows = list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))
    skin = {row["name"]: row["skin"] for row in rows}
    assert [list(skin.values()).count(part) for part in sitters.THIRDS] == [6, 6, 6]
    assert skin["neutral-000"] == skin["smiling-000"] == "darker third"
    assert {row["name"]: row["hair tone"] for row in rows}["neutral-000"] == "lighter third"


def test_the_table_kept_has_every_sitter_held_out() -> None:
    lines = [line for line in tables.SITTERS.read_text(encoding="utf-8").splitlines() if line[0] != "#"]
    assert [row["name"] for row in csv.DictReader(lines)] == sorted(held_out("portrait", "london"))


@pytest.fixture(scope="module")
def cut_out() -> Sitter:
    pytest.importorskip("pymatting", reason="the train extra is not installed")
    return shown.cut_out()


@pytest.mark.slow
def test_the_astronaut_is_cut_out_along_her_outline(cut_out: Sitter) -> None:
    known = shown.trimap()
    assert (cut_out.alpha[known == 1] > 0.98).all()
    assert (cut_out.alpha[known == 0] < 0.02).all()
    # What is solved is a narrow band, and in the end most of it is decided.
    assert 0.03 < (known == 0.5).mean() < 0.15
    assert ((cut_out.alpha > 0.1) & (cut_out.alpha < 0.9)).mean() < 0.03
    assert cut_out.alpha[90, 225] == pytest.approx(1)  # the face
    assert cut_out.alpha[60, 40] == pytest.approx(0)  # the flag


@pytest.mark.slow
def test_the_shown_sets_plates_are_made_with_their_truth(
    cut_out: Sitter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown, "cut_out", lambda: cut_out)
    made = dict(shown.make())
    assert {one.truth.shape for one in made.values()} == {(640, 640), (512, 512), (1024, 1024)}
    plate, truth = made["bust-haze"].plate, made["bust-haze"].truth
    assert 0.2 < (truth > 127).mean() < 0.6
    outside = plate[:300][truth[:300] == 0].astype(float)
    assert outside[:, 2].mean() > 100  # haze is bluish, the wall behind her in the portrait was not
    again = dict(shown.make())
    assert all(np.array_equal(again[name].plate, one.plate) for name, one in made.items())


@pytest.mark.slow
def test_every_table_by_one_command(
    tmp_path: Path, cut_out: Sitter, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(shown, "cut_out", lambda: cut_out)
    task = ["--out", str(tmp_path), "--model", "fast", "--no-rvm", "--every", "4", "--only", "shown"]
    assert tables.main([*task, "--device", "cpu"]) == 0
    text = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert text.startswith("# shown: 1 images")
    assert "| fast | " in text
    assert "## What the refiner is worth" in text
    assert "worst" not in text
    assert "flyaway evaluate " in capsys.readouterr().out


def test_a_run_that_fails_leaves_no_table_of_another(tmp_path: Path) -> None:
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio" / "scores.md").write_text("# old\n", encoding="utf-8")
    (tmp_path / "sets").mkdir()
    task = ["--sets", str(tmp_path / "sets"), "--out", str(tmp_path), "--model", "fast", "--only", "studio"]
    assert tables.main([*task, "--keep"]) == 1  # pictures are missing, but the table is kept
    assert "# old" in (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert tables.main(task) == 1
    text = (tmp_path / "tables.md").read_text(encoding="utf-8")
    assert "# old" not in text
    listed = sum(name.startswith("studio/") for name in make_sets.read_hashes())
    assert f"{listed} pictures are not the ones committed" in text


def test_isnet_is_asked_for_where_it_takes_no_hours(tmp_path: Path) -> None:
    options = tables.parse(["--isnet", "PACKAGE", "--out", str(tmp_path), "--model", "a", "--model", "b"])
    calls = {run.name: tables.command(run, Path("sets"), options) for run in tables.RUNS}
    assert "--with-isnet" in calls["street"]
    assert "--with-isnet" not in calls["street-stress"]
    assert "--with-isnet" not in calls["clips"]
    assert calls["studio"].count("--model") == 2
    assert calls["studio-linear-stress"][-2:] == ["--every", "4"]


def test_a_set_is_there_only_when_it_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "portraits.csv").write_text("image,source\n", encoding="utf-8")
    monkeypatch.setattr(tables, "held_out", lambda *_: [])
    monkeypatch.setattr(make_sets, "Sources", lambda *_: None)
    grey = np.zeros((4, 4, 3), np.uint8)
    solved = {light: tmp_path / light for light in LIGHTS}
    task = (tmp_path / "data", tmp_path / "sets", solved, ["one"])

    def broken(sources: object):
        yield "a", Composite(grey, grey[..., 0])
        raise OSError("the disk is full")

    monkeypatch.setattr(make_sets, "MAKERS", {"one": broken})
    with pytest.raises(OSError, match="full"):
        tables.make_missing(*task)
    assert not (tmp_path / "sets" / "one").exists()
    monkeypatch.setattr(
        make_sets, "MAKERS", {"one": lambda sources: iter([("a", Composite(grey, grey[..., 0]))])}
    )
    tables.make_missing(*task)
    assert sorted(file.name for file in (tmp_path / "sets" / "one").iterdir()) == ["a.alpha.png", "a.png"]


def test_sequences_are_scored_whole_whatever_is_left_out(tmp_path: Path) -> None:
    options = tables.parse(["--every", "4", "--out", str(tmp_path), "--model", "a"])
    calls = {run.name: tables.command(run, Path("sets"), options) for run in tables.RUNS}
    assert "--every" not in calls["footage"]
    assert "--every" in calls["street"]


def test_every_set_has_a_table_and_its_light() -> None:
    assert {run.set for run in tables.RUNS} == set(make_sets.MAKERS)
    assert make_sets.light_of("studio") == "encoded"
    assert make_sets.light_of("hair4k-linear") == make_sets.light_of("clips") == "linear"
    assert make_sets.light_of("footage") is None
