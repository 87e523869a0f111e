"""Weights fitted to a lighter shape, and learning from what a heavier one says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from models.training.compose import Plates
from models.training.imitation import answered, distance, followed, imitation, teacher
from models.training.lighten import lightened
from safetensors.torch import load_file, save_file

from flyaway.network import CONFIGS, MattingNetwork
from flyaway.network.decoder import HeadOutput

HEAVY = CONFIGS["fast-4"]
LIGHT = CONFIGS["fast-5"]


@pytest.fixture(scope="module")
def heavy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the heavier shape, of noise."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("heavy") / "heavy.safetensors"
    save_file({k: v.contiguous() for k, v in MattingNetwork(HEAVY).state_dict().items()}, path)
    return path


def fitted(path: Path) -> MattingNetwork:
    network = MattingNetwork(LIGHT)
    network.load_state_dict(lightened(load_file(path), LIGHT, HEAVY))
    return network


def test_all_tensors_of_a_heavier_network_fit_the_lighter_one(heavy: Path) -> None:
    found = fitted(heavy).state_dict()
    before = load_file(heavy)
    for name in ("encoder.tokenizer.stem.weight", "decoder.head.weight", "attention.layers.0.query.weight"):
        if name in before:
            assert torch.equal(found[name], before[name])


def test_a_shape_that_is_not_lighter_gets_the_same_tensors(heavy: Path) -> None:
    before = load_file(heavy)
    after = lightened(before, HEAVY, HEAVY)
    assert set(after) == set(before)
    assert all(torch.equal(after[name], before[name]) for name in before)


def test_what_is_as_light_already_is_not_fitted_again(heavy: Path) -> None:
    """No shape tells kernels over features that are not enlarged yet from those over enlarged ones."""
    once = lightened(load_file(heavy), LIGHT, HEAVY)
    again = lightened(once, LIGHT, LIGHT)
    assert all(torch.equal(again[name], once[name]) for name in once)


def plates(count: int, height: int = 64, width: int = 64) -> Plates:
    """Noise, whose alpha nobody asks for."""
    image, one = torch.rand(count, 3, height, width), torch.ones(count)
    return Plates(image, image[:, :1], one, one, torch.ones_like(image[:, :1]))


def test_a_teacher_is_no_distance_from_itself_and_a_start_is_some(heavy: Path) -> None:
    taught_by, shot = teacher("fast-4", heavy), [plates(1), plates(1)]
    same, figures = followed(taught_by, taught_by, shot, (64, 64))
    assert max(float(value) for value in same.values()) == 0
    assert float(figures["mad"]) == 0
    with torch.no_grad():
        other, _ = followed(fitted(heavy), taught_by, shot, (64, 64))
    assert set(other) == {"alpha", "doubt", "features", "levels"}
    assert all(float(value) > 0 for value in other.values())


def test_a_teacher_may_look_closer_and_in_a_mirror(heavy: Path) -> None:
    """Its answer is that for the whole plate, reduced; levels, which lie elsewhere, teach nothing."""
    closer, network = teacher("quality-2", heavy), fitted(heavy)
    shot = [plates(1, 96, 160), plates(1, 96, 160)]
    with torch.no_grad():
        losses, figures = followed(network, closer, shot, (64, 128))
        coarse, states = closer.frame(shot[0].image)
        answer = answered(coarse.levels[-1], (64, 128))
    assert set(losses) == {"alpha", "doubt", "features"}
    assert float(figures["mad"]) > 0
    assert answer.alpha.shape == (1, 1, 64, 128)
    torch.testing.assert_close(answer.doubt.sum(1), torch.ones(1, 64, 128))
    assert len(states) == 8  # the mirror image has its own


def test_alpha_counts_most_where_it_is_soft() -> None:
    def output(alpha: float) -> HeadOutput:
        plane = torch.full((1, 1, 8, 8), alpha).logit()
        return HeadOutput(torch.zeros(1, 3, 8, 8), plane, torch.ones(1, 4, 8, 8))

    soft, solid = (
        distance(output(found), answered(output(wanted), (8, 8)))["alpha"]
        for found, wanted in ((0.5, 0.52), (0.978, 0.998))
    )
    assert float(soft) == pytest.approx(4 * 0.02, rel=0.05)
    assert float(solid) == pytest.approx(0.02, rel=0.05)


def test_a_lighter_network_learns_what_the_heavier_one_says(heavy: Path) -> None:
    torch.manual_seed(2)
    taught_by, network = teacher("fast-4", heavy), fitted(heavy)
    network.requires_grad_(False)
    network.decoder.requires_grad_(True)
    learn, one = imitation(taught_by), plates(2)
    optimizer = torch.optim.Adam(network.decoder.parameters(), lr=2e-3)
    sums = []
    for number in range(24):
        if number % 2:
            losses, _ = learn["imitated shots"](network, [one, one], (64, 64))
        else:
            losses, _ = learn["imitated"](network, one, (64, 64))
        total = torch.stack(list(losses.values())).sum()
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        sums.append(float(total.detach()))
    assert sum(sums[-4:]) < 0.6 * sum(sums[:4])
