"""The one loop: a recipe drives it, it learns, and it goes on where it stopped."""

from __future__ import annotations

import json
import os
import time
import tomllib
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from models.training import run as run_program
from models.training import train_refiner
from models.training.ahead import Ahead
from models.training.bank import open_bank
from models.training.clips import Clips, after, shifted
from models.training.compose import Composer, Recipe
from models.training.recipe import RECIPES, Run, read_recipe, released
from models.training.run import Trainer, parameter_groups
from PIL import Image
from safetensors.torch import load_file

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.weights import model_info

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def composer(tmp_path_factory: pytest.TempPathFactory) -> Composer:
    """People that are discs, before noise; one source is solved, one has trust."""
    folder = tmp_path_factory.mktemp("bank")
    rng = np.random.default_rng(3)
    y, x = np.mgrid[-1:1:96j, -1:1:72j]
    disc = np.clip((0.6 - np.hypot(x, y)) * 20, 0, 1)
    rows = []
    for number, source in enumerate(("london", "action", "action")):
        colour = 255 * (0.2 + 0.6 * disc[..., None] * rng.random(3))
        Image.fromarray(colour.astype(np.uint8)).save(folder / f"{number}.png")
        Image.fromarray((255 * disc).astype(np.uint8)).save(folder / f"{number}.alpha.png")
        Image.fromarray(np.full(disc.shape, 51, np.uint8)).save(folder / f"{number}.trust.png")
        row = {"colour": folder / f"{number}.png", "alpha": folder / f"{number}.alpha.png", "limit": 80}
        row |= {"source": source, "cut": source == "london"}
        rows.append(row if source == "london" else row | {"trust": folder / f"{number}.trust.png"})
    noise = rng.integers(0, 256, (60, 90, 4), np.uint8)
    Image.fromarray(noise[..., :3]).save(folder / "behind.png")
    Image.fromarray(noise).save(folder / "thing.png")
    behind = open_bank([{"colour": folder / "behind.png", "source": "free", "limit": 80}], CPU)
    thing = {"colour": folder / "thing.png", "alpha": None, "source": "things", "limit": 80}
    recipe = Recipe({"london": 0.5, "action": 0.5}, replaced=0.5)
    return Composer(open_bank(rows, CPU), behind, recipe, 5, CPU, open_bank([thing], CPU))


@pytest.fixture(scope="module")
def recipe() -> Run:
    return replace(read_recipe("fast-2-wide"), views=((64, 96), (96, 64)), batch=2)


def test_trust_is_low_where_a_photograph_was_labelled_and_full_where_the_plate_was_mixed(
    composer: Composer,
) -> None:
    plates = composer(24, (64, 64))
    lowest = plates.trust.amin((1, 2, 3))
    photographs = plates.trust.amax((1, 2, 3)) < 0.9
    assert photographs.any()
    assert (~photographs).any()
    assert lowest.min() >= 0
    assert float(plates.trust.max()) == 1
    assert float(plates.alpha.min()) >= 0
    assert float(plates.image.max()) <= 1


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="copies of a process need Linux")
def test_plates_composed_ahead_are_plates_of_the_size_that_is_asked_for(composer: Composer) -> None:
    ahead = Ahead(composer, 2, [(64, 96), (96, 64)], niceness=0)
    try:
        for _ in range(600):
            if all(waiting.full() for waiting in ahead.waiting.values()):
                break
            time.sleep(0.1)
        drawn = [ahead(2, size) for size in [(64, 96), (96, 64)] * 2]
        assert ahead.helped == 4
        assert [plates.image.shape[2:] for plates in drawn] == [(64, 96), (96, 64)] * 2
        assert not torch.equal(drawn[0].image, drawn[2].image)
        assert all(plates.alpha.shape == (2, 1, *plates.image.shape[2:]) for plates in drawn)
        assert ahead(1, (64, 96)).image.shape == (1, 3, 64, 96)  # nothing of the kind waits: composed here
        assert ahead.helped == 4
    finally:
        ahead.process.terminate()
        ahead.process.join()


def test_a_run_learns_and_goes_on_where_it_stopped(composer: Composer, recipe: Run, tmp_path: Path) -> None:
    first = Trainer(recipe, tmp_path, composer, CPU)
    for _ in range(3):
        values = first.step()
        assert all(torch.isfinite(v) for v in values.values())
        first.state["steps"] += 1
        first.state["images"] += recipe.batch
    first.save()
    moved = {n for n, p in first.network.named_parameters() if not torch.equal(p, first.start[n])}
    assert any(n.startswith("encoder.blocks.0") for n in moved)
    assert not any(n.startswith(("encoder.tokenizer.stem", "refiner.")) or ".state_" in n for n in moved)
    second = Trainer(recipe, tmp_path, composer, CPU)
    assert second.state["images"] == 6
    was = first.network.state_dict()
    for name, mine in second.network.state_dict().items():
        assert torch.equal(mine, was[name]), name
    assert len(second.optimizer.state_dict()["state"]) == len(first.optimizer.state_dict()["state"])
    assert set(load_file(tmp_path / "average.safetensors")) == set(first.network.state_dict())
    assert json.loads((tmp_path / "state.json").read_text())["steps"] == 3


def test_a_made_up_shot_moves_and_its_truth_with_it(composer: Composer) -> None:
    """The person's middle goes where the alpha's goes, and frames follow one another."""
    shots = Clips(composer, 4)(6, (64, 64))
    assert len(shots) == 4
    alphas = torch.stack([shot.alpha for shot in shots])  # T×N×1×H×W
    moved = (alphas[1:] - alphas[:-1]).abs().mean((0, 2, 3, 4))
    assert (moved > 0).any()
    assert moved.max() < 0.25  # no jumps
    assert all(shot.image.shape == (6, 3, 64, 64) and shot.trust.amin() >= 0 for shot in shots)


def test_memory_learns_from_shots(composer: Composer, recipe: Run, tmp_path: Path) -> None:
    run = replace(recipe, objective="shots", frames=3, shares={"decoder.": 1.0})
    trainer = Trainer(run, tmp_path, composer, CPU)
    for _ in range(2):
        values = trainer.step()
        trainer.state["steps"] += 1
    assert float(values["change"]) >= 0
    moved = {n for n, p in trainer.network.named_parameters() if not torch.equal(p, trainer.start[n])}
    assert {"decoder.steps.2.gate.state_update.weight", "decoder.bottom.state_candidate.weight"} <= moved


@torch.no_grad()
def test_memory_trained_alone_leaves_stills_as_they_are_to_the_bit() -> None:
    recipe = read_recipe("fast-3-memory")
    network = MattingNetwork(CONFIGS[recipe.config]).eval()
    image = torch.rand(1, 3, 64, 96)
    still, (_, states) = network.coarse(image).levels[-1].alpha, network.frame(image)
    shot = network.frame(image, states)[0].levels[-1].alpha
    trained = [p for group in parameter_groups(network, recipe) for p in group["params"]]
    assert len(trained) == 4 * 5  # of four levels: how the state resets, updates and is a candidate
    for parameter in trained:
        parameter += torch.randn_like(parameter)
    assert torch.equal(network.coarse(image).levels[-1].alpha, still)
    assert not torch.allclose(network.frame(image, states)[0].levels[-1].alpha, shot, atol=1e-3)


def test_stills_and_shots_take_turns(composer: Composer, recipe: Run, tmp_path: Path) -> None:
    run = replace(recipe, objective="turns", frames=3, batch=2, stills=5, shares={"decoder.": 1.0})
    trainer = Trainer(run, tmp_path, composer, CPU)
    drawn = []
    for _ in range(4):
        values = trainer.step()
        trainer.state["steps"] += 1
        drawn.append((trainer.drawn, "shots mad" in values, "change" in values))
    assert drawn == [(5, False, False), (6, True, True)] * 2


def test_places_with_nobody_are_among_the_shots(composer: Composer) -> None:
    composer.recipe, kept = replace(composer.recipe, empty=1.0), composer.recipe
    try:
        shots = Clips(composer, 3)(4, (64, 64))
    finally:
        composer.recipe = kept
    assert max(float(shot.alpha.amax()) for shot in shots) == 0
    assert all(float(shot.image.std()) > 0 for shot in shots)


def test_motions_follow_one_another() -> None:
    """A shift by a motion is what the sampling through it sees."""
    image = torch.zeros(1, 1, 40, 60)
    image[0, 0, 10:14, 20:24] = 1
    move = torch.tensor([[[1.0, 0.0, 6.0], [0.0, 1.0, -3.0]]])
    there = shifted(image, move)  # what was 6 px to the right and 3 px above is here now
    assert torch.allclose(there[0, 0, 13:17, 14:18], torch.ones(4, 4), atol=1e-4)
    twice = shifted(image, after(move, move))
    assert torch.allclose(twice[0, 0, 16:20, 8:12], torch.ones(4, 4), atol=1e-4)


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_recipe_can_be_read_and_trains_something(path: Path) -> None:
    run = read_recipe(path)
    network = MattingNetwork(CONFIGS[run.config])
    groups = parameter_groups(network, run)
    least = 5e3 if run.objective == "imitation" else 1e5  # a head alone may be what has to learn
    assert sum(p.numel() for group in groups for p in group["params"]) > least
    assert not run.teacher or Path(run.teacher).exists()
    # Current weights are others after the next release: a recipe says which version it began with.
    said = tomllib.loads(path.read_text("utf-8"))
    assert not [
        key for key in ("start", "teacher") if "weights/" in said.get(key, "") and "@" not in said[key]
    ]
    noise = run.objective == "regions" and run.start == "new"
    assert noise or run.start == "rvm" or run.start.startswith("BANK/") or Path(run.start).exists()
    for start in run.shares:
        assert any(name.startswith(start) for name, _ in network.named_parameters()), start


def test_a_recipe_with_a_key_that_none_has_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.toml").write_text('config = "fast-2"\nspeed = 3\n')
    with pytest.raises(ValueError, match="speed"):
        read_recipe(tmp_path / "odd.toml")


def test_a_recipe_is_its_base_but_for_what_it_says(tmp_path: Path) -> None:
    on, wide = read_recipe("fast-2-wide-on"), read_recipe("fast-2-wide")
    assert on == replace(wide, name=on.name, start=on.start, keep_blocks=(), seed=12)
    (tmp_path / "round.toml").write_text('base = "round"\n')
    with pytest.raises(ValueError, match="its own base"):
        read_recipe(tmp_path / "round.toml")


@pytest.mark.parametrize(
    ("program", "recipe", "other", "folders"),
    [
        (run_program, "fast-2-refiner", "train_refiner", ("--data", "--bank")),
        (train_refiner, "fast-2-wide", "run", ("--regions", "--weights")),
    ],
    ids=["regions", "stills"],
)
def test_a_recipe_of_another_trainer_is_sent_to_it(
    program: ModuleType,
    recipe: str,
    other: str,
    folders: tuple[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Before anything is read or made."""
    words = [
        "--run",
        str(tmp_path / "run"),
        "--minutes",
        "1",
        *(w for name in folders for w in (name, "gone")),
    ]
    monkeypatch.setattr("sys.argv", ["x", recipe, *words])
    with pytest.raises(SystemExit, match=rf"models\.training\.{other} {recipe}"):
        program.main()
    assert not (tmp_path / "run").exists()


def test_an_objective_that_there_is_not_is_named(recipe: Run) -> None:
    with pytest.raises(SystemExit, match=r"'edges'.*coarse, shots, turns"):
        run_program.learned_here(replace(recipe, objective="edges"))


def test_weights_of_a_version_are_found_as_long_as_they_are_the_current_ones() -> None:
    current = model_info("fast").version
    assert released(f"models/weights/fast@{current}/a.safetensors") == "models/weights/fast/a.safetensors"
    for other in (
        "models/weights/fast@8/fast.fp16.safetensors",
        "models/weights/fast@1/gone",
        "BANK/x.y",
        "rvm",
    ):
        assert released(other) == other
