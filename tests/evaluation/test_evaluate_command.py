"""The command, on a set made here, with RVM where it is installed."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip("scipy", reason="the evaluate extra is not installed")
pytest.importorskip("OpenImageIO")

from flyaway.cli import evaluate as command
from flyaway.errors import CorruptWeightsError, DatasetError, FlyawayError, NoEngineError, UsageError
from flyaway.pictures import files
from flyaway.yardsticks import rvm


class Copy:
    """Stands for `flyaway.load`'s object: its matte is the plate's red channel."""

    alpha: np.ndarray

    def __call__(self, plate, encoding, refine=True):
        assert encoding == "srgb"
        self.alpha = plate[..., 0].astype(np.float32) / (255 if refine else 510)
        return self


@pytest.fixture
def run(monkeypatch):
    import flyaway

    loaded = []
    monkeypatch.setitem(
        vars(flyaway),
        "load",
        lambda name, device, *, engine, threads: loaded.append((name, device)) or Copy(),
    )
    monkeypatch.setitem(vars(flyaway), "list_models", lambda: {"first": None, "second": None})
    app = typer.Typer()
    command.register(app)

    def invoke(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        result.loaded = loaded
        return result

    return invoke


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    plate = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    for name in "ab":
        files.write(folder / f"{name}.png", plate)
        files.write(folder / f"{name}.alpha.png", plate[..., :1])
    return folder


def test_the_first_released_model_is_scored(run, images, tmp_path):
    result = run(images, "--out", tmp_path / "out", "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert result.loaded == [("first", "cpu")]
    assert "| first | 0.00 |" in result.stdout
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"scores.md", "scores.json", "sheet.png"}


def test_models_are_scored_in_the_order_named(run, images, tmp_path):
    result = run(images, "--model", "second", "--model", "first", "--out", tmp_path / "out", "--limit", "1")
    assert result.exit_code == 0, result.output
    rows = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))["rows"]
    assert [(row["image"], row["matter"]) for row in rows] == [("a", "second"), ("a", "first")]


def test_rvm_is_scored_on_the_same_images(run, images, tmp_path):
    pytest.importorskip("onnxruntime")
    try:
        rvm.find_weights()
    except NoEngineError as error:
        pytest.skip(str(error))
    result = run(images, "--with-rvm", "--device", "cpu", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    means = json.loads((tmp_path / "out" / "scores.json").read_text(encoding="utf-8"))["means"]
    assert list(means) == ["first", "RVM-MobileNetV3"]
    assert means["RVM-MobileNetV3"]["sad"] > 0.1  # noise holds no person, and is no matte


def test_a_wrong_layout_is_the_librarys_error(run, images):
    result = run(images, "--layout", "ppm-100")
    assert isinstance(result.exception, DatasetError)


def test_coarse_stage_groups_and_measures_in_one_run(run, images, tmp_path):
    out = tmp_path / "out"
    result = run(
        images,
        "--refiner",
        "--group-by",
        "resolution",
        "--metrics",
        "sad,soft_mad",
        "--every",
        "2",
        "--out",
        out,
    )
    assert result.exit_code == 0, result.output
    for text in (result.stdout, (out / "scores.md").read_text(encoding="utf-8")):
        assert "| matter | SAD | soft MAD | s/image |" in text
        assert "| 64 px | 1 | first (coarse) | " in text
        assert "| -100.0% | 1 of 1 |" in text


def test_plates_made_worse(run, images, tmp_path):
    result = run(images, "--stress", "--limit", "1", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "| clean | 0.00 |" in result.stdout
    assert "| defocus | " in result.stdout
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"stress.md", "stress.json", "stress.png"}


@pytest.mark.parametrize("stress", [[], ["--stress"]])
def test_scores_replace_scores_and_nobodys_work(run, images, tmp_path, stress):
    """Before anything is scored: an evaluation may take hours."""
    asked = [images, "--limit", "1", "--out", tmp_path / "out", *stress]
    assert run(*asked).exit_code == 0
    assert run(*asked).exit_code == 0, "earlier scores are replaced"
    for name in sorted(path.name for path in (tmp_path / "out").iterdir()):
        own = tmp_path / "own"
        own.mkdir(exist_ok=True)
        (own / name).write_bytes(b"mine")
        result = run(images, "--limit", "1", "--out", own, *stress)
        assert isinstance(result.exception, UsageError), name
        assert f"{name} is there already, and is no evaluation that Flyaway wrote" in str(result.exception)
        assert [path.name for path in own.iterdir()] == [name]
        assert (own / name).read_bytes() == b"mine"
        (own / name).unlink()


def test_isnet_needs_its_package(run, images, tmp_path):
    pytest.importorskip("onnxruntime")
    result = run(images, "--with-isnet", tmp_path)
    assert isinstance(result.exception, CorruptWeightsError)


def test_a_checkpoint_is_scored_in_its_configuration(astronaut, tmp_path):
    pytest.importorskip("torch", reason="the torch extra is not installed")
    from flyaway.errors import WeightsError
    from flyaway.evaluation.matters import load_checkpoint
    from flyaway.weights import model_info

    released = model_info("fast")
    config = released.config["name"]
    checkpoint = load_checkpoint(config, released.files["torch"].path, "cpu", 1)
    import flyaway

    same = flyaway.load("fast", "cpu", engine="torch", threads=1)
    plate = np.ascontiguousarray(astronaut[:256, :256])
    assert np.array_equal(checkpoint(plate).alpha, same(plate).alpha)
    with pytest.raises(WeightsError, match="no configuration 'slow'"):
        load_checkpoint("slow", released.files["torch"].path, "cpu")
    with pytest.raises(WeightsError, match="cannot be read"):
        load_checkpoint(config, tmp_path / "none.safetensors", "cpu")


def test_a_checkpoint_is_called_by_its_run_and_file(monkeypatch, tmp_path):
    from flyaway.evaluation import matters

    asked = []
    monkeypatch.setattr(matters, "load_checkpoint", lambda *given: asked.append(given) or Copy())
    path = tmp_path / "night" / "average.safetensors"
    assert list(matters.load_matters([f"quality={path}"], False, "cpu", threads=1)) == ["night/average"]
    assert asked == [("quality", path, "cpu", 1)]


def test_what_reading_again_is_worth_is_scored_beside_in_one_run(astronaut):
    from flyaway.evaluation import matters

    both = matters.load_matters(["fast@4"], False, "cpu", unread=True, threads=1)
    assert list(both) == ["fast@4", "fast@4 (not read again)"]
    plate = np.ascontiguousarray(astronaut[:256, :256])
    again, once = (matter(plate) for matter in both.values())
    assert not np.array_equal(again, once)
    assert np.array_equal(again[once == 1], once[once == 1])


def test_a_comp_asks_the_matte_for_its_colour_and_other_scores_do_not():
    from flyaway.evaluation import matters

    class Coloured(Copy):
        def foreground(self, plate, encoding):
            assert encoding == "srgb"
            return plate / 255

    plate = np.full((4, 4, 3), 51, np.uint8)
    found = matters._matter(Coloured(), colour=True)(plate)
    assert found.foreground.max() == pytest.approx(0.2)
    assert isinstance(matters._matter(Coloured())(plate), np.ndarray)
    assert isinstance(matters._matter(Copy(), colour=True)(plate), np.ndarray)


def test_it_can_be_run_twice_from_within_the_set(run, images, monkeypatch, tmp_path):
    monkeypatch.chdir(images)
    for _ in range(2):
        result = run(".", "--out", tmp_path / "out", "--device", "cpu")
        assert result.exit_code == 0, result.output
    assert (tmp_path / "out" / "scores.md").read_text(encoding="utf-8").startswith("# set: 2 images")
    (tmp_path / "out" / "sheet.png").write_bytes((images / "a.png").read_bytes())
    result = run(".", "--out", tmp_path / "out", "--device", "cpu")
    assert "sheet.png is there already" in str(result.exception)
    assert result.loaded == [("first", "cpu")] * 2


@pytest.mark.parametrize("more", [(), ("--stress",)])
def test_a_folder_that_cannot_be_made_is_told_before_anything_is_scored(run, images, tmp_path, more):
    (tmp_path / "file").write_text("mine")
    for place in ("file", "file/out"):
        result = run(images, "--out", tmp_path / place, *more)
        assert isinstance(result.exception, FlyawayError), result.output
        assert "file is a file. Name another" in str(result.exception)
        assert result.loaded == []
