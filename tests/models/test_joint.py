"""Training on a GPU sees what the network itself sees: the same regions, the same views."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from models.training import gather, joint, pack
from models.training.ablate_joint import FORMS, Student, configured, formed
from models.training.compose import Composer, Plates, Recipe
from models.training.faults import jpeg
from models.training.losses import fade
from models.training.merge import is_second
from models.training.plates import build
from PIL import Image
from safetensors.torch import load_file

from flyaway.network import CONFIGS, MattingNetwork

ROOT = Path(__file__).parents[2]
DEVICE = torch.device("cpu")


def picture(height: int, width: int) -> np.ndarray:
    """Smooth colours that tell every place apart."""
    ys, xs = np.mgrid[:height, :width]
    channels = (ys * 255 / height, xs * 255 / width, (ys + xs) * 255 / (height + width))
    return np.stack(channels, -1).astype(np.uint8)


def banks() -> tuple:
    """Two people and a background."""
    colour, behind = picture(300, 200), picture(120, 400)[..., ::-1]
    alpha = np.zeros((300, 200, 3), np.uint8)
    alpha[120:, 60:140] = 255
    files = {"a": colour, "m": alpha, "b": np.ascontiguousarray(behind)}
    people = [
        {"colour": "a", "alpha": "m", "source": "london", "weight": 1.0, "cut": True},
        {"colour": "a", "alpha": "m", "source": "ccp", "weight": 0.5},
    ]
    return build(people, files, DEVICE), build([{"colour": "b", "source": "hdri"}], files, DEVICE)


def test_a_view_is_what_an_affine_of_the_picture_is() -> None:
    people, _ = banks()
    affine = torch.tensor([[[0.9, 0.1, 12.0], [-0.1, 0.9, 30.0]]])
    view = people.sample(torch.tensor([0]), affine, (90, 70))[0]
    a, b, c, d, e, f = affine.flatten().tolist()
    expected = Image.fromarray(picture(300, 200)).transform(
        (70, 90), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR
    )
    difference = np.abs(view[:3].permute(1, 2, 0).numpy() * 255 - np.asarray(expected))
    assert difference.max() <= 1.5


def test_a_shrunk_view_is_the_mean_of_what_it_shows() -> None:
    _, behind = banks()
    affine = torch.tensor([[[8.0, 0.0, 0.0], [0.0, 8.0, 0.0]]])
    view = behind.sample(torch.tensor([0]), affine, (15, 50))[0, :3]
    whole = torch.from_numpy(picture(120, 400)[..., ::-1].copy()).permute(2, 0, 1).float() / 255
    expected = torch.nn.functional.avg_pool2d(whole[None], 8)[0]
    assert (view - expected)[:, 1:-1, 1:-1].abs().max() < 0.02


def test_batches_are_drawn_again_by_the_same_seed_and_hold_no_surprise() -> None:
    recipe = Recipe({"london": 0.5, "ccp": 0.5}, bodies=1.0)
    first, again = (Composer(*banks(), recipe, 7, DEVICE)(6, (96, 80)) for _ in range(2))
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.alpha, again.alpha)
    for x in (first.image, first.alpha):
        assert x.isfinite().all()
        assert 0 <= x.min() <= x.max() <= 1
    assert set(first.weight.tolist()) <= {0.5, 1.0}


def test_a_body_continues_the_person() -> None:
    recipe = Recipe({"london": 1.0}, bodies=1.0)
    plates = Composer(*banks(), recipe, 3, DEVICE)(16, (128, 96))
    bare = Composer(*banks(), Recipe({"london": 1.0}), 3, DEVICE)(16, (128, 96))
    assert plates.alpha.mean() > 0
    assert not torch.equal(plates.alpha, bare.alpha)


def test_a_jpeg_of_high_quality_changes_little_and_of_low_quality_more() -> None:
    image = torch.from_numpy(picture(70, 50)).permute(2, 0, 1)[None].float() / 255
    fine, poor = (float((jpeg(image, q) - image).abs().mean()) for q in (95, 10))
    assert fine < 0.01 < poor < 0.1


def test_regions_are_those_of_the_network() -> None:
    torch.manual_seed(1)
    network = MattingNetwork(CONFIGS["fast"]).eval()
    alpha, one = torch.rand(2, 1, 200, 168), torch.ones(2)
    plates = Plates(torch.rand(2, 3, 200, 168), alpha, one, one, torch.ones_like(alpha))
    size = (96, 96)
    with torch.no_grad():
        coarse = network.coarse(joint.shrunk(plates, size)[0])
        maps = gather.plate_maps(network, plates, coarse)
        tall = maps.cells.shape[0] // 2
        maps = maps._replace(cells=maps.cells & (torch.arange(2 * tall) % tall < 4)[:, None])
        found = gather.choose(network, plates, maps, 4000)
        assert found is not None
        for i in range(2):
            cells = maps.cells[i * tall : i * tall + 4]
            of_plate = network.coarse_maps(coarse, size, i)
            positions, index, _, valid = network.neighbourhoods(cells)
            patches, context = network.refiner_inputs(plates.image[i], of_plate, positions)
            for n, position in enumerate(positions.tolist()):
                row = (
                    (found.where[:, 0] == torch.tensor([position[0] + i * tall, position[1]]))
                    .all(1)
                    .nonzero()
                )
                torch.testing.assert_close(found.patches[row[0, 0]], patches[n], rtol=0, atol=2e-5)
                own = found.indices[row[0, 0]]
                torch.testing.assert_close(found.context[own[0]], context[n], rtol=0, atol=2e-4)
                torch.testing.assert_close(
                    found.pooled[own[0]], torch.nn.functional.avg_pool2d(patches[n], 4), rtol=0, atol=2e-5
                )
                assert torch.equal(found.valid[row[0, 0]], valid[n])
                offsets = found.where[row[0, 0]] - found.where[row[0, 0], :1]
                expected = positions[index[n]] - positions[index[n, 0]]
                assert torch.equal(offsets[valid[n]], expected[valid[n]])


def test_forms_of_attention_learn_from_one_batch_and_leave_the_coarse_stage_alone(tmp_path: Path) -> None:
    torch.manual_seed(2)
    config = CONFIGS["fast"]
    teacher = MattingNetwork(configured(config, "wide")).eval()
    alpha, one = torch.rand(2, 1, 200, 168), torch.ones(2)
    plates = Plates(torch.rand(2, 3, 200, 168), alpha, one, one, torch.ones_like(alpha))
    with torch.no_grad():
        coarse = teacher.coarse(joint.shrunk(plates, (96, 96))[0])
        found = gather.choose(teacher, plates, gather.plate_maps(teacher, plates, coarse), 6)
    assert found is not None
    neighbours = config.attention.neighbours
    tokens = {form: formed(found, form, neighbours).valid.shape[1] for form in FORMS}
    assert tokens == {"on": 1 + neighbours, "off": 1, "wide": 25, "on-blind": 1 + neighbours, "off-blind": 1}
    shown = fade(config.refiner.cell, config.refiner.halo)
    for form in ("wide", "off-blind"):
        student = Student(config, form, 1, DEVICE, 1e-3)
        before = {k: v.clone() for k, v in student.network.state_dict().items()}
        distances = student.step(found, neighbours, shown, 1.0)
        assert distances.isfinite().all()
        moved = {k for k, v in student.network.state_dict().items() if not torch.equal(v, before[k])}
        assert moved
        assert all(is_second(k) for k in moved)
        assert ("refiner.context.weight" in moved) == (form == "wide")
        student.save(tmp_path)
        assert set(load_file(tmp_path / f"{form}-1.safetensors")) == {k for k in before if is_second(k)}


def test_a_bank_is_packed_and_learned_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two pictures and a background on disk, through the pack, into a few steps of both stages."""
    alpha = np.zeros((120, 90), np.uint8)
    alpha[40:, 20:70] = 255
    Image.fromarray(picture(120, 90)).save(tmp_path / "a.png")
    Image.fromarray(alpha).save(tmp_path / "m.png")
    fields = ("name", "image", "alpha", "fg", "source", "licence", "weight", "teacher")
    rows = [
        (s, tmp_path / "a.png", tmp_path / "m.png", "", s, "clean", 1, "none") for s in ("london", "civil")
    ]
    behind = [("b", tmp_path / "a.png", "hdri", "clean")]
    for name, head, lines in (
        ("clean", fields, rows),
        ("backgrounds", ("name", "image", "source", "licence"), behind),
    ):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([head, *lines])
    given = ["--index", "clean.csv", "--backgrounds", "backgrounds.csv", "--out", "pack"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pack", *given])
    pack.main()
    assert [path.name for path in Path("pack").iterdir()] == ["part-1.zip"]
    start = ROOT / "models/weights/clean@2/clean.fp16.safetensors"
    options = ("--set", "clean", "--pack", "pack", "--out", "run", "--seconds", "0.5", "--batch", "2")
    options += ("--config", "clean", "--scale", "0.25", "--threads", "1", "--start", str(start))
    monkeypatch.setattr("sys.argv", ["joint", *options])
    joint.Trainer(joint.arguments()).run()
    before, after = load_file(start), load_file(Path("run/clean-final.safetensors"))
    assert before.keys() == after.keys()
    assert all(tensor.isfinite().all() for tensor in after.values())
    assert any(not torch.equal(before[key], after[key]) for key in before)
