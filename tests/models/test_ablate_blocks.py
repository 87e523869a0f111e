"""What transformer blocks do: held-out whole masks are counted, and a share of 0 takes a block out."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from models.evaluation.holdout import held_out_groups
from models.training import ablate_blocks
from PIL import Image
from safetensors.torch import load_file

from flyaway.network import CONFIGS, MattingNetwork

PORTRAIT = Path("examples/portrait.jpg").resolve()
WEIGHTS = Path("models/weights/fast@4/fast.fp16.safetensors")


@torch.no_grad()
def coarse_mask(picture: Image.Image) -> Image.Image:
    """What the released network itself takes for the person, by its coarse stage."""
    network = MattingNetwork(CONFIGS["fast"]).eval()
    network.load_state_dict({k: v.float() for k, v in load_file(WEIGHTS).items()})
    plate = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255
    working, (height, width) = network.working_image(plate)
    alpha = network.finest(network.coarse(working).levels[-1])[0][0, 0, :height, :width]
    mask = Image.fromarray((255 * (alpha.numpy() > 0.5)).astype(np.uint8))
    return mask.resize(picture.size, Image.Resampling.NEAREST)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One row that counts, and three with a mask that agrees with nobody, which must not."""
    picture = Image.open(PORTRAIT).convert("RGB")
    coarse_mask(picture).save(tmp_path / "own.png")
    Image.new("L", picture.size).save(tmp_path / "nobody.png")
    held = held_out_groups("action")[0]
    rows = [("own.png", "no", held), ("nobody.png", "yes", held), ("", "no", held),
            ("nobody.png", "no", "a group that training has")]  # fmt: skip
    with (tmp_path / "action.csv").open("w", newline="", encoding="utf-8") as stream:
        table = csv.writer(stream)
        table.writerow(("image", "mask", "partial", "source", "split_group"))
        table.writerows((PORTRAIT, mask, partial, "made by code", group) for mask, partial, group in rows)
    return tmp_path


def test_whole_blocks_agree_with_the_network_and_blocks_left_out_do_not(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ablate_blocks.main(["--data", str(data), "--every", "1", "--shares", "1,1,1,1", "0,0,0,0"])
    found = {}
    for line in capsys.readouterr().out.splitlines()[2:]:
        shares, overlap, sources = (cell.strip() for cell in line.strip("|").split("|"))
        found[shares] = float(overlap)
        assert sources == f"made {overlap}"
    assert found["1,1,1,1"] > 0.97
    assert 0 <= found["0,0,0,0"] < found["1,1,1,1"]
