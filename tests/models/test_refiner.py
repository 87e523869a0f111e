"""The refiner's own training: regions are drawn behind a frozen coarse stage, kept, and learned from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from models.training import ablate
from models.training.bank import open_bank
from models.training.compose import Composer, Plates, Recipe
from models.training.imitation import teacher
from models.training.lighten import lightened
from models.training.losses import region_loss
from models.training.recipe import Run, read_recipe
from models.training.region_bank import answers, coarse_stage, join, otherwise, pick
from models.training.train_refiner import LEARNED, Trainer, batches, step, tinted
from PIL import Image
from safetensors.torch import load_file, save_file

from flyaway.network import CONFIGS, MattingNetwork

CHECKPOINT = Path("models/training/checkpoints/fast-2-wide.fp16.safetensors")
RELEASED = Path("models/weights/fast@7/fast.fp16.safetensors")
SIZE = (128, 96)  # of the working image
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def run() -> Run:
    return replace(read_recipe("fast-2-refiner"), batch=8, start=str(CHECKPOINT))


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards from soft discs before noise, by the trained coarse stage."""
    folder = tmp_path_factory.mktemp("regions")
    rng = np.random.default_rng(4)
    y, x = np.mgrid[-1:1:256j, -1:1:192j]
    disc = np.clip((0.6 - np.hypot(x, y)) * 8 + 0.5, 0, 1)
    colour = 255 * (0.2 + 0.6 * disc[..., None] * rng.random(3))
    Image.fromarray(colour.astype(np.uint8)).save(folder / "a.png")
    Image.fromarray((255 * disc).astype(np.uint8)).save(folder / "a.alpha.png")
    Image.fromarray(rng.integers(0, 256, (192, 256, 3), np.uint8)).save(folder / "behind.png")
    row = {"colour": folder / "a.png", "alpha": folder / "a.alpha.png", "source": "london", "cut": True}
    behind = {"colour": folder / "behind.png", "source": "free", "limit": 256}
    banks = open_bank([row | {"limit": 256}], CPU), open_bank([behind], CPU)
    draw = Composer(*banks, Recipe({"london": 1.0}, empty=0.0), 6, CPU)
    network = coarse_stage("fast-2", CHECKPOINT)
    torch.manual_seed(2)
    for shard in range(2):
        parts = [pick(network, draw(1, (256, 192)), SIZE, 12) for _ in range(3)]
        kept = [part for part in parts if part is not None]
        assert kept, "the coarse stage is never unsure"
        save_file(join(kept), folder / f"{shard}.safetensors")
    return folder


def test_tokens_of_a_shard_lie_where_its_indices_say(regions: Path) -> None:
    shard = load_file(regions / "0.safetensors")
    assert int(shard["index"].max()) < len(shard["context"]) == len(shard["pooled"])
    own = shard["pooled"][shard["index"][:, 0]].float()  # a region's own comes first
    patches = torch.nn.functional.avg_pool2d(shard["patches"].float(), 4)
    assert torch.allclose(own, patches, atol=2e-3)


def test_a_stranger_is_strange_to_the_coarse_stage_alone() -> None:
    torch.manual_seed(6)
    working = torch.rand(1, 3, 64, 48)
    seen = otherwise(working)
    assert seen.shape == working.shape
    assert 0 <= float(seen.min()) < float(seen.max()) <= 1
    assert float((seen - working).abs().mean()) > 0.02
    network = coarse_stage("fast-2", CHECKPOINT)
    ramp = torch.linspace(0, 1, 256).expand(1, 3, 192, 256).contiguous()
    alpha = torch.zeros(1, 1, 192, 256)
    alpha[..., 100:140, 90:160] = 0.5
    plates = Plates(ramp, alpha, torch.ones(1), torch.ones(1), torch.ones_like(alpha))
    found = []
    for strange in (False, True):
        torch.manual_seed(7)
        found.append(pick(network, plates, SIZE, 400, strange))
    assert found[0] is not None
    assert found[1] is not None
    # Maps differ; the plate that the refiner sees, wherever a region of both lies, does not.
    assert not torch.equal(found[0]["context"][:4], found[1]["context"][:4])
    spans = [{tuple(row[:, 20].tolist()) for row in part["patches"][:, 0]} for part in found if part]
    assert spans[0] & spans[1]


def released() -> MattingNetwork:
    return teacher("fast-4", RELEASED)


@pytest.fixture(scope="module")
def answered() -> dict[str, torch.Tensor]:
    """Regions of the shipped portrait, whose truth nobody knows, and what a released refiner says of them."""
    torch.manual_seed(7)
    with Image.open("examples/portrait.jpg") as portrait:
        image = torch.from_numpy(np.array(portrait.resize((384, 384)))).permute(2, 0, 1)[None] / 255
    nothing, one = torch.zeros(1, 1, 384, 384), torch.ones(1)
    picked = pick(released(), Plates(image, nothing, one, one, nothing), (192, 192), 40, teaches=True)
    assert picked is not None
    return picked


def test_answers_are_those_of_all_ways_to_mirror_and_turn(answered: dict[str, torch.Tensor]) -> None:
    network = released()
    patches = answered["patches"].float()
    tokens = network.refiner.tokens(answered["pooled"].float(), answered["context"].float())
    attended = network.attention(tokens[answered["index"]], answered["where"], answered["valid"])
    with torch.no_grad():
        found = answers(network, patches, attended)
        mirrored = answers(network, patches.flip(-1), attended).flip(-1)
        once = patches[:, 3:4] + network.refiner.decode((patches,), attended)
    torch.testing.assert_close(mirrored, found, rtol=0, atol=1e-5)
    torch.testing.assert_close(answered["answer"].float(), found, rtol=0, atol=0.02)  # kept in halves
    assert 0 < float((found - once).abs().mean()) < 0.05


def test_where_nothing_is_believed_a_refiner_learns_the_answers_alone(
    answered: dict[str, torch.Tensor], run: Run, tmp_path: Path
) -> None:
    save_file(join([answered]), tmp_path / "0.safetensors")
    batch = next(batches(tmp_path, 8, 1))
    assert float(batch["trust"].max()) == 0
    network = released()
    with torch.no_grad():
        assert float(step(network, batch, True)[0]) == 0
    light, coarse = CONFIGS["fast-5"], tmp_path / "coarse.safetensors"
    save_file(
        {k: v.contiguous() for k, v in lightened(load_file(RELEASED), light, CONFIGS["fast-4"]).items()},
        coarse,
    )
    imitating = replace(run, config=light.name, start=str(RELEASED), fit_refiner=False, lighten="fast-4")
    trainer = Trainer(replace(imitating, imitated=1.0, rate=2e-3, warm=1), tmp_path / "run", coarse)
    losses = [float(trainer.step(dict(batch), 0.0)[0]) for _ in range(30)]
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])


def test_a_region_and_its_tokens_are_tinted_alike_and_nothing_but_colour_is(regions: Path) -> None:
    before = next(batches(regions, 8, 3))
    torch.manual_seed(4)
    after = tinted(dict(before))
    for key in before.keys() - {"patches", "pooled"}:
        assert torch.equal(after[key], before[key]), key
    for key in ("patches", "pooled"):
        assert torch.equal(after[key][..., 3:, :, :], before[key][..., 3:, :, :])
        assert after[key].dtype == before[key].dtype
        assert not torch.allclose(after[key][..., :3, :, :], before[key][..., :3, :, :], atol=0.02)
    # A region's own token is its patch, four times smaller; it still is, but where light was clipped.
    colour = after["patches"][:, :3].float()
    apart = (torch.nn.functional.avg_pool2d(colour, 4) - after["pooled"][:, 0, :3].float()).abs()
    unclipped = torch.nn.functional.max_pool2d(colour, 4) < 1
    assert unclipped.any()
    assert float(apart[unclipped].max()) < 4e-3


def test_what_is_not_believed_teaches_nothing_and_what_is_sure_is_held() -> None:
    """An outline by hand is wrong at its own edge and right away from it, often within one region."""
    truth = torch.zeros(1, 1, 40, 40)
    truth[..., 20:] = 1
    trust = torch.ones_like(truth)
    trust[..., 15:25] = 0
    predicted = torch.full_like(truth, 0.5, requires_grad=True)
    region_loss(predicted, truth, trust, torch.ones(40, 40)).backward()
    assert predicted.grad is not None
    assert not predicted.grad[..., 15:25].any()
    assert (predicted.grad[..., :14] > 0).all()
    assert (predicted.grad[..., 26:] < 0).all()
    one, each = (
        region_loss(predicted, truth, weight, torch.ones(40, 40))
        for weight in (torch.full((1,), 0.4), torch.full_like(truth, 0.4))
    )
    assert torch.allclose(one, each)


def test_the_refiner_alone_learns_and_goes_on_where_it_stopped(
    regions: Path, run: Run, tmp_path: Path
) -> None:
    trainer = Trainer(run, tmp_path, CHECKPOINT)
    before = {k: v.clone() for k, v in trainer.network.state_dict().items()}
    trainer.train(regions, 0, steps=4)
    moved = {k for k, v in trainer.network.state_dict().items() if not torch.equal(v, before[k])}
    assert moved
    assert all(name.startswith(LEARNED) for name in moved)
    again = Trainer(run, tmp_path, CHECKPOINT)
    assert again.state["steps"] == 4
    for name, value in again.network.state_dict().items():
        assert torch.equal(value, trainer.network.state_dict()[name]), name


def test_without_attention_a_neighbour_says_nothing(regions: Path, run: Run, tmp_path: Path) -> None:
    """What the ablation switches off is what a region sees of others, and nothing else."""
    batch = next(batches(regions, 8, 1))
    changed = batch | {"context": batch["context"].clone()}
    changed["context"][:, 1:] += 1
    with torch.no_grad():
        losses = {
            attention: [
                float(step_loss(Trainer(run, tmp_path / str(attention), CHECKPOINT, attention), each))
                for each in (batch, changed)
            ]
            for attention in (True, False)
        }
    assert losses[True][0] != losses[True][1]
    assert losses[False][0] == losses[False][1]


def test_a_margin_asks_what_is_in_or_out_to_lie_beyond_its_end_and_nothing_of_what_is_soft() -> None:
    truth = torch.tensor([0.0, 0.5, 1.0]).expand(1, 1, 3, 3)
    weight, shown = torch.ones(1), torch.ones(3, 3)

    def loss(predicted: list[float], margin: float) -> float:
        return float(region_loss(torch.tensor(predicted).expand(1, 1, 3, 3), truth, weight, shown, margin))

    right = [0.0, 0.5, 1.0]
    beyond = [-0.05, 0.5, 1.05]
    assert loss(beyond, 0.05) < 0.1 * loss(right, 0.05)
    assert loss(right, 0.0) < loss(beyond, 0.0), "without one the end is right, and a little beyond it costs"
    # Half of the way is half as wrong; a soft pixel is asked for what it is.
    assert loss(beyond, 0.05) < loss([-0.025, 0.5, 1.025], 0.05) < loss(right, 0.05)
    assert loss(beyond, 0.05) < loss([-0.05, 0.52, 1.05], 0.05)
    assert loss(beyond, 0.05) < loss([-0.05, 0.48, 1.05], 0.05)


def test_the_ablation_trains_two_refiners_and_scores_both_on_the_same_cells(
    regions: Path, tmp_path: Path
) -> None:
    pairs, out = tmp_path / "ramp", tmp_path / "out"
    pairs.mkdir()
    quick = tmp_path / "quick.toml"  # at full rate from the first step
    text = Path("models/training/recipes/fast-2-refiner.toml").read_text("utf-8")
    assert "batch = 32\nwarm = 100\n" in text
    quick.write_text(text.replace("batch = 32\nwarm = 100\n", "batch = 8\nwarm = 1\n"), "utf-8")
    with Image.open("examples/portrait.jpg") as portrait:
        plate = portrait.convert("RGB")
    plate.thumbnail((320, 320))
    plate.save(pairs / "a.png")
    # Soft everywhere, so that each pixel that a refiner moves counts.
    Image.linear_gradient("L").point(lambda v: 40 + v // 2).resize(plate.size).save(pairs / "a.alpha.png")
    call = ["--coarse", str(CHECKPOINT), "--regions", str(regions), "--set", str(pairs), "--out", str(out)]
    call += ["--steps", "2", "--seeds", "1", "--recipe", str(quick)]
    ablate.main(call)
    table = (out / "ablation.md").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table if "ramp" in line]
    assert [row[2] for row in rows] == ["on", "off"]
    (coarse,) = {float(row[1]) for row in rows}
    assert 0 < coarse < 1
    # The table shows four digits; what two steps do is seen further behind.
    refiners = [(m, ablate.open_refiner("fast-2", out / f"{m}-1/average.safetensors")) for m in ablate.MODES]
    before, on, off = ablate.soft_mads(refiners, pairs, 1)
    assert [f"{before:.4f}", f"{on:.4f}", f"{off:.4f}"] == [rows[0][1], rows[0][4], rows[1][4]]
    assert len({before, on, off}) == 3  # both refiners change the alpha, each in its own way
    made = {mode: load_file(out / f"{mode}-1/average.safetensors") for mode in ablate.MODES}
    assert made["on"].keys() == made["off"].keys()  # as many weights
    states = [json.loads((out / f"{mode}-1/state.json").read_text()) for mode in ablate.MODES]
    assert [state["steps"] for state in states] == [2, 2]
    for mode in ablate.MODES:  # what is finished is not trained again
        ablate.train(ablate.arguments(call), mode, 1)
    assert [json.loads((out / f"{mode}-1/state.json").read_text()) for mode in ablate.MODES] == states


def step_loss(trainer: Trainer, batch: dict[str, torch.Tensor]) -> torch.Tensor:

    return step(trainer.network, batch, trainer.attention)[0]
