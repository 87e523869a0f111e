"""Two sides in turns: what is run, what is told of it, and that a busy machine is not hidden."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import flyaway
from flyaway import bench_against, machine
from flyaway.bench_against import Comparison, Options, Side, compare, markdown, pictures, remarks, synthetic
from flyaway.cli.app import app
from flyaway.errors import EngineError, NoEngineError
from flyaway.yardsticks import rvm

pytest.importorskip("onnxruntime")
ASTRONAUT = Path(__file__).parents[1] / "examples" / "astronaut.png"
CELL = flyaway.list_models()["fast"].config["refiner"]["cell"]  # px
QUICK = Options(rounds=2, runs=2, threads=1)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another checkout of flyaway, with an engine that is told apart by its alpha."""
    package = Path(flyaway.__file__).parent
    target = tmp_path / "checkout" / "core" / "flyaway"
    shutil.copytree(package, target, ignore=shutil.ignore_patterns("__pycache__"))
    models = flyaway.list_models()["fast"].card.parents[1]
    if not (target / "_models").is_dir():  # an editable install: they lie in models/ of the checkout
        for part in ("weights", "cards"):
            shutil.copytree(models / part, tmp_path / "checkout" / "models" / part)
    matting = target / "matting.py"
    text = matting.read_text(encoding="utf-8")
    assert text.count("return Matte(alpha,") == 1
    matting.write_text(text.replace("return Matte(alpha,", "return Matte(1 - alpha,"), encoding="utf-8")
    return tmp_path / "checkout"


def test_another_checkout_is_what_the_second_side_runs(elsewhere: Path) -> None:
    plates = synthetic(320, 192, 0.3)
    told: list[str] = []
    found = compare((Side("fast"), Side("fast", elsewhere)), plates, QUICK, told.append)
    assert found.sides == ("fast", "fast of checkout")
    assert [line.rsplit(", ", 1)[1] for line in told] == [found.sides[i] for i in (0, 1, 1, 0)], "in turns"
    assert found.difference is not None
    assert found.difference > 0.9, "one minus alpha: the other side's own code"
    for one in (found.wall, found.cpu, found.load, found.first):
        assert [len(side) for side in one] == [2, 2]
        assert all(value > 0 for side in one for value in side)
    assert "coarse" in found.stages[0]
    assert len(found.ratios()) == 2


def test_a_wheel_is_unpacked_and_run(elsewhere: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "flyaway-0-py3-none-any.whl"
    core, models = elsewhere / "core", elsewhere / "models"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path in core.rglob("*.*"):
            archive.write(path, path.relative_to(core))
        for path in [*models.glob("weights/*.json"), *models.glob("weights/fast/*"), *models.glob("cards/*")]:
            archive.write(path, Path("flyaway/_models") / path.relative_to(models))
    found = compare((Side("fast"), Side("fast", wheel)), synthetic(64, 64, 1), replace(QUICK, rounds=1))
    assert found.difference is not None
    assert found.difference > 0


def test_rvm_goes_through_its_sequence_with_memory(monkeypatch) -> None:
    try:
        rvm.find_weights()
    except NoEngineError as error:
        pytest.skip(str(error))
    plates = pictures("noise", [np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)])
    assert len({frame.tobytes() for frame in plates.frames}) == bench_against.FRAMES
    found = compare((Side("fast"), Side("RVM-MobileNetV3")), plates, replace(QUICK, rounds=1))
    assert found.difference is None
    assert found.stages[1] == {}
    assert any("with memory" in line for line in remarks([found], QUICK))


def test_a_shot_is_matted_in_order_with_its_memory(tmp_path: Path) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    with Image.open(ASTRONAUT) as image:
        plate = image.convert("RGB").resize((256, 256))
    for number in range(3):
        plate.transform(plate.size, Image.Transform.AFFINE, (1, 0, number, 0, 1, 0)).save(
            clip / f"{number}.png"
        )
    plates = pictures("clip", [np.asarray(Image.open(clip / f"{n}.png")) for n in range(3)])
    sides = Side("fast"), Side("fast@8")
    shot = compare(sides, plates, replace(QUICK, rounds=1, runs=3, shot=True))
    still = compare(sides, plates, replace(QUICK, rounds=1, runs=3))
    assert "steady" in shot.stages[0], "what holds hair from frame to frame"
    assert "steady" not in still.stages[0]
    assert any("as a shot" in line for line in remarks([shot], replace(QUICK, shot=True)))
    with pytest.raises(EngineError, match="--plate FOLDER --shot"):
        compare(sides, synthetic(320, 192, 0.3), replace(QUICK, shot=True))
    flowing = compare(sides, plates, replace(QUICK, rounds=1, runs=5, threads=2, shot=True, flow=True))
    assert [len(side) for side in flowing.wall] == [1, 1]
    assert all(side[0] > 0 for side in (*flowing.wall, *flowing.cpu))
    assert any("as they flow" in line for line in remarks([flowing], replace(QUICK, shot=True, flow=True)))
    # The last alpha is that of as many frames in order.
    again = compare(sides, plates, replace(QUICK, rounds=1, runs=5, threads=2, shot=True, flow=True))
    assert again.difference == flowing.difference


@pytest.mark.parametrize("what", ["nothing/at/all", "README.md"])
def test_what_is_no_flyaway_is_refused_by_name(tmp_path: Path, what: str) -> None:
    (tmp_path / "README.md").write_text("no wheel")
    with pytest.raises(EngineError, match="give rvm, a checkout of flyaway or a wheel"):
        compare((Side("fast"), Side("fast", tmp_path / what)), synthetic(64, 64, 1), QUICK)


def test_a_side_that_fails_says_so_in_its_own_words() -> None:
    with pytest.raises(EngineError, match=r"no-such-model.*no-such-model"):
        compare((Side("no-such-model"), Side("fast")), synthetic(64, 64, 1), QUICK)


MADE = Comparison(
    ("fast", "RVM-MobileNetV3"), "1920×1080, 6% forced", ([200.0, 220.0, 210.0], [100.0, 100.0, 100.0]),
    ([300.0] * 3, [200.0] * 3), ([90.0] * 3, [50.0] * 3), ([420.0] * 3, [100.0] * 3), (300.0, None), ({}, {}),
    [0.01, 0.02], None,
)  # fmt: skip


def test_the_table_has_ratio_and_spread() -> None:
    row = markdown([MADE]).splitlines()[-1]
    assert "| 210.0 | 100.0 | **2.10** | 2.00–2.20 | 1.50 | 90, 50 | 2.0, 1.0 | 300, – |" in row


@pytest.mark.parametrize(("others", "busy"), [([0.01, 0.04], False), ([0.01, 0.3], True)])
def test_a_busy_machine_is_not_hidden(others: list[float], busy: bool) -> None:
    lines = remarks([replace(MADE, others=others)], QUICK)
    assert any("BUSY" in line for line in lines) is busy


def test_what_others_do_is_measured() -> None:
    """Twenty seconds of work on all cores, of which five were ours, in ten seconds."""
    (share,) = machine.share_of_others((0.0, 0.0, 0.0), (20.0, 5.0, 10.0))
    assert share * machine.os.cpu_count() == pytest.approx(1.5)
    assert machine.share_of_others(None, None) == []


def test_the_command_times_a_picture(elsewhere: Path) -> None:
    options = ["--plate", str(ASTRONAUT), "--rounds", "1", "--runs", "1", "--threads", "1", "--json"]
    result = CliRunner().invoke(app, ["bench", "--against", str(elsewhere), *options])
    assert result.exit_code == 0, result.output
    (row,) = json.loads(result.stdout[result.stdout.index("{") :])["rows"]
    assert re.fullmatch(r"astronaut\.png \d+×\d+", row["plates"])
    assert len(row["ratios"]) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--shot", "--plate", str(ASTRONAUT)], "go with --against"),
        (["--bare"], "go with --against"),
        (["--flow", "--against", "rvm", "--plate", str(ASTRONAUT)], "goes with --shot"),
        (["--against", "rvm", "--shot"], "goes with --plate"),
        (["--against", "rvm", "--shot", "--plate", str(ASTRONAUT), "--size", "HD"], "without --size"),
    ],
)
def test_an_option_that_would_do_nothing_is_refused(options: list[str], said: str) -> None:
    done = CliRunner().invoke(app, ["bench", *options])
    assert done.exit_code == 2
    assert said in re.sub(r"[\s│]+", " ", done.output)
