"""What the paper's network must cost, and that the counter counts as the paper's figures were counted."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from flyaway.network import PaperNetwork
from flyaway.network.flops import cost, count, parameters, skeleton, table
from flyaway.network_config import CONFIGS, PAPER


def test_one_multiply_add_is_two_flops() -> None:
    linear = nn.Linear(5, 7)
    assert count(lambda: linear(torch.zeros(3, 5))) == 2 * 3 * 5 * 7


def test_convolution_counts_on_output_pixels() -> None:
    conv = nn.Conv2d(3, 8, 5)
    assert count(lambda: conv(torch.zeros(2, 3, 12, 10))) == 2 * 2 * (8 * 6) * (3 * 8 * 25)


def test_transposed_convolution_counts_on_input_pixels() -> None:
    conv = nn.ConvTranspose2d(3, 8, 3)
    assert count(lambda: conv(torch.zeros(2, 3, 4, 5))) == 2 * 2 * (4 * 5) * (3 * 8 * 9)


def test_batched_matrix_products_count() -> None:
    query, key = torch.zeros(6, 2, 9, 16), torch.zeros(6, 2, 16, 11)
    assert count(lambda: query @ key) == 2 * (6 * 2) * 9 * 16 * 11


def test_what_is_not_counted() -> None:
    x = torch.zeros(1, 4, 8, 8)
    assert count(lambda: F.interpolate(F.softmax(F.layer_norm(x, (8,)), -1), scale_factor=2)) == 0


def test_parameters_leave_out_batch_statistics() -> None:
    assert parameters(nn.BatchNorm2d(10)) == 20


def test_paper_parameters() -> None:
    network = skeleton(PAPER)
    heads = parameters(network.decoder.heads)
    parts = {
        "encoder": (parameters(network.encoder), 27.587),
        "decoder": (parameters(network.decoder) - heads, 3.300),
        "heads": (heads, 0.007),
        "refiner": (parameters(network.refiner) + parameters(network.attention), 0.364),
    }
    for part, (counted, published) in parts.items():
        assert round(counted / 1e6, 3) == published, part
    assert parameters(network) == sum(counted for counted, _ in parts.values())
    assert parameters(network) / 1e6 == pytest.approx(31.26, rel=0.005)


def test_paper_region() -> None:
    assert cost(PAPER, 256, 256).region / 1e6 == pytest.approx(7.36, rel=0.02)


@pytest.mark.parametrize(
    ("height", "width", "coarse", "total"), [(1152, 1920, 36.8, 52), (2176, 3840, 129.9, 190)]
)
def test_paper_plate(height: int, width: int, coarse: float, total: float) -> None:
    counted = cost(PAPER, height, width)
    assert counted.cells == (height // 8) * (width // 8)
    assert counted.coarse / 1e9 == pytest.approx(coarse, rel=0.02)
    assert counted.total(0.06) / 1e9 == pytest.approx(total, rel=0.02)


def test_plates_cost_what_their_padding_costs() -> None:
    assert cost(PAPER, 1080, 1920).coarse == cost(PAPER, 1152, 1920).coarse
    assert cost(PAPER, 1080, 1920).cells == 135 * 240


def test_counting_on_shapes_alone_equals_counting_a_run() -> None:
    network = PaperNetwork(PAPER).eval()
    working = torch.zeros(1, 3, 128, 256)
    assert count(lambda: network.coarse(working)) == cost(PAPER, 100, 200).coarse


def test_the_command_prints_every_configuration() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "flyaway.network.flops"], check=True, capture_output=True, encoding="utf-8"
    ).stdout
    assert printed.strip() == table().strip()
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    assert set(CONFIGS) <= set(rows)
    assert rows["paper"][1:] == ["31.26", "8", "7.36", "36.8", "51.1", "129.9", "187.1"]
