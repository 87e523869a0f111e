"""A new release of a model's weights in the middle of a show: what is told, and how the show goes on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

import flyaway
from flyaway import weights
from flyaway.cli.app import app, run
from flyaway.earlier import earlier_remedy
from flyaway.frames.metadata import read_provenance
from flyaway.frames.read import read_header

FRAMES = 2
RELEASED = weights.weights_folder()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """models/weights with the released `fast` as version 4, and nothing else."""
    entry = json.loads((RELEASED / "manifest.json").read_text())["models"]["fast"]
    root = tmp_path / "models" / "weights"
    for file in entry["files"].values():
        (root / file["path"]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(RELEASED / file["path"], root / file["path"])
    shutil.copytree(RELEASED.parent / "cards", root.parent / "cards")
    write(root, {"models": {"fast": entry | {"version": 4}}})
    monkeypatch.setattr(weights, "weights_folder", lambda: root)
    return root


def write(root: Path, tables: dict) -> None:
    (root / "manifest.json").write_text(json.dumps({"format": 1, **tables}))


def release_anew(root: Path, *, keep: bool) -> None:
    """Version 5: the files of the released `clean` under the name `fast`."""
    models = json.loads((RELEASED / "manifest.json").read_text())["models"]
    (root / "fast").rename(root / "fast@4")
    old = json.loads((root / "manifest.json").read_text())["models"]["fast"]
    for file in old["files"].values():
        file["path"] = file["path"].replace("fast/", "fast@4/", 1)
    new = models["clean"] | {"version": 5}
    for file in new["files"].values():
        source, file["path"] = RELEASED / file["path"], f"fast/{Path(file['path']).name}"
        (root / "fast").mkdir(exist_ok=True)
        shutil.copy(source, root / file["path"])
    write(root, {"models": {"fast": new}, "earlier": {"fast@4": old} if keep else {}})


def call(*arguments: object) -> tuple[list[str], list[str]]:
    """Lines of stdout and of stderr of a command that has to succeed."""
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "400"})
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines(), result.stderr.splitlines()


def header(path: Path) -> dict[str, str]:
    return read_provenance(read_header(path))


@pytest.fixture
def job(tmp_path: Path, astronaut, write_plate) -> Path:
    """A shot of two small frames, whose mattes lie in a folder of the model's name."""
    (tmp_path / "plates").mkdir()
    for number in range(1, FRAMES + 1):
        write_plate(tmp_path / "plates" / f"p.{number:04d}.exr", astronaut[::4, ::4] / 255.0)
    path = tmp_path / "show.toml"
    path.write_text(
        '[[shots]]\nname = "sh010"\nsource = "plates/p.####.exr"\noutputs = ["{model}/m.####.exr"]\n'
    )
    return path


def test_a_show_in_progress_is_told_of_new_weights_and_goes_on_with_the_old(job, folder, tmp_path):
    call("batch", job)
    mattes = [tmp_path / "fast" / f"m.{number:04d}.exr" for number in range(1, FRAMES + 1)]
    assert [header(path)["modelVersion"] for path in mattes] == ["4"] * FRAMES
    before = [path.read_bytes() for path in mattes]
    assert call("batch", job)[1] == []  # the same weights: nothing to tell
    release_anew(folder, keep=True)
    told = (
        "sh010: other weights than fast@5 made 2 of 2 frames (2 by fast@4):"
        " a run that resumes does them again. What goes on with those weights: --model fast@4."
    )
    planned, _ = call("batch", job, "--dry-run")
    assert told in planned
    (shot,) = json.loads(call("batch", job, "--dry-run", "--json")[0][0])["shots"]
    assert told == f"sh010: {shot['notices'][0]}"
    assert (shot["cost"]["known"], shot["cost"]["todo"]) == (0, 2)
    # What the line names goes on in the same folder, and finds nothing to do.
    out, errors = call("batch", job, "--model", "fast@4")
    assert out[-1] == "2 skipped"
    assert not errors
    assert [path.read_bytes() for path in mattes] == before
    out, errors = call("batch", job)
    assert errors == [f"note: {told}"]
    assert out[-1].startswith("2 written")
    assert [(header(path)["model"], header(path)["modelVersion"]) for path in mattes] == [("fast", "5")] * 2
    assert [path.read_bytes() for path in mattes] != before
    # And back.
    _, errors = call("batch", job, "--model", "fast@4")
    assert "other weights than fast@4 made 2 of 2 frames (2 by fast@5)" in errors[0]
    assert [header(path)["modelVersion"] for path in mattes] == ["4"] * FRAMES


def test_weights_that_are_gone_are_told_too(job, folder, tmp_path):
    source, out = tmp_path / "plates" / "p.####.exr", tmp_path / "out" / "m.####.exr"
    call("matte", source, "-o", out, "--frames", "1")
    release_anew(folder, keep=False)
    told = "other weights than fast@5 made 1 of 2 frames (1 by weights that are not installed)"
    remedy = "the flyaway that made them (flyaway:version in their headers)"
    planned, _ = call("matte", source, "-o", out, "--dry-run")
    assert any(told in line for line in planned)
    _, errors = call("matte", source, "-o", out, "--resume")
    assert len(errors) == 1
    assert told in errors[0]
    assert remedy in errors[0]
    assert header(tmp_path / "out" / "m.0001.exr")["modelVersion"] == "5"


def test_another_engine_is_told_and_makes_nothing_stale(job, tmp_path):
    pytest.importorskip("torch")
    call("batch", job, "--engine", "torch", "--frames", "1")
    first, second = (tmp_path / "fast" / f"m.{number:04d}.exr" for number in range(1, FRAMES + 1))
    before = first.read_bytes()
    told = (
        "sh010: another engine than onnxruntime made 1 of 2 frames (1 by torch). They are kept: engines agree"
        " to 0.0001, and not to the bit. What goes on as they were begun: --engine torch."
    )
    planned, _ = call("batch", job, "--dry-run")
    assert told in planned
    out, errors = call("batch", job)
    assert errors == [f"note: {told}"]
    assert out[-1].startswith("1 written, 1 skipped")
    assert first.read_bytes() == before
    assert [header(path)["engine"] for path in (first, second)] == ["torch", "onnxruntime"]


def test_lines_of_releases_that_named_no_engine_are_of_none(job, tmp_path):
    call("batch", job)
    (journal,) = (tmp_path / "fast" / ".flyaway").rglob("*.journal")
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    assert {line.pop("engine") for line in lines} == {"onnxruntime"}
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    out, errors = call("batch", job)
    assert (out[-1], errors) == ("2 skipped", [])


def test_versions_are_listed_and_have_cards(folder):
    release_anew(folder, keep=True)
    listed, _ = call("models")
    assert listed[0].startswith("fast  version 5  ")
    assert listed[-1] == "Earlier versions, with --model: fast@4"
    assert call("models", "fast@4")[0][0] == "# `fast`"
    assert call("models", "fast")[0][0] == "# `clean`"  # what the test released has that card


def test_python_loads_an_earlier_version(folder, astronaut):
    release_anew(folder, keep=True)
    before, now = (flyaway.load(name, device="cpu", threads=1) for name in ("fast@4", "fast"))
    assert (before.info.version, now.info.version) == (4, 5)
    plate = astronaut[::4, ::4]
    assert (before(plate).alpha != now(plate).alpha).any()
    with pytest.raises(flyaway.UnknownModelError, match="there is fast@5, fast@4"):
        flyaway.load("fast@3")


def test_earlier_weights_that_are_not_installed_are_told_before_anything_is_done(
    job, folder, tmp_path, monkeypatch, capsys
):
    call("batch", job)
    release_anew(folder, keep=True)
    shutil.rmtree(folder / "fast@4")
    monkeypatch.setattr(weights, "earlier_folder", lambda package: None)
    assert call("models")[0][-1] == f"Earlier versions, not installed: fast@4: {earlier_remedy()}"
    planned, _ = call("batch", job, "--dry-run")
    goes_on = f"--model fast@4 (not installed: {earlier_remedy()})"
    assert any("2 by fast@4" in line and goes_on in line for line in planned)
    for command in (
        ["batch", job],
        ["matte", tmp_path / "plates" / "p.####.exr", "-o", tmp_path / "o.####.exr"],
    ):
        assert run([*map(str, command), "--model", "fast@4"]) == 1
        assert earlier_remedy() in capsys.readouterr().err
    assert not list(tmp_path.glob("o.*"))
    report = json.loads(call("doctor", "--json", "--quick")[0][0])
    assert report["weights"] == {"fast": ""}
    assert any(line.startswith("fast@4 are not installed") for line in report["advice"])
