"""The trainers of the weights released until now, kept for their cards: each still takes a few steps."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from models.training import merge, start_clean, train
from PIL import Image
from safetensors.torch import load_file

from flyaway.network.mobile import NARROW_BLOCKS, MobileTokenizer

STORED = "float32"


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Path:
    """Two people (one solved) and a background, with their indices."""
    folder = tmp_path_factory.mktemp("bank")
    ys, xs = np.mgrid[:160, :160]
    colour = np.stack((ys, xs, (ys + xs) // 2), -1).astype(np.uint8)
    disc = np.clip((60 - np.hypot(ys - 80, xs - 80)) * 40, 0, 255).astype(np.uint8)
    Image.fromarray(colour).save(folder / "a.png")
    Image.fromarray(disc).save(folder / "m.png")
    Image.fromarray(colour[::-1].copy()).save(folder / "b.png")
    (folder / "train.csv").write_text(
        "name,image,alpha,fg,source,weight,licence\n"
        "one,a.png,m.png,a.png,london,1.0,clean\n"
        "two,a.png,m.png,,ccp,0.5,clean\n"
    )
    (folder / "backgrounds.csv").write_text("image,source\nb.png,hdri\n")
    return folder


def arguments(bank: Path, run: Path, *more: str) -> list[str]:
    given = ["--data", bank, "--index", bank / "train.csv", "--backgrounds", bank / "backgrounds.csv"]
    given += ["--run", run, "--start", "scratch", "--minutes", "0.0001", "--batch", "2", "--workers", "0"]
    given += ["--sizes", "64", "--shares", json.dumps({"london": 0.5, "ccp": 0.5}), *more]
    return ["train", *map(str, given)]


@pytest.mark.slow
def test_a_stage_of_each_kind_takes_a_step_and_the_next_one_goes_on(bank, tmp_path, monkeypatch):
    run = tmp_path / "run"
    monkeypatch.setattr(sys, "argv", arguments(bank, run, "--stage", "coarse"))
    train.Trainer(train.arguments()).run()
    first = json.loads((run / "state.json").read_text())
    assert (first["stage"], first["steps"], first["images"]) == ("coarse", 1, 2)
    monkeypatch.setattr(
        sys, "argv", arguments(bank, run, "--stage", "refine", "--ratio", "2", "--refiner-only")
    )
    before = load_file(run / "average.safetensors")
    train.Trainer(train.arguments()).run()
    second = json.loads((run / "state.json").read_text())
    assert (second["stage"], second["images"]) == ("refine", 4)
    after = load_file(run / "average.safetensors")
    changed = {name.partition(".")[0] for name in after if not torch.equal(after[name], before[name])}
    assert changed == {"refiner", "attention"}  # the coarse stage stays as it is

    joined = tmp_path / "joined"
    command = ["merge", run / "average.safetensors", "new", joined, "--config", "fast"]
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    merge.main()
    tensors = load_file(joined / "average.safetensors")
    kept = {name for name in tensors if torch.equal(tensors[name], after[name])}
    assert {name for name in tensors if not merge.is_second(name)} <= kept
    assert "refiner.head.weight" not in kept


def detector(folder: Path, tokenizer: MobileTokenizer) -> dict[str, np.ndarray]:
    """A detector's file in TensorFlow's layout whose encoder fits the tokeniser."""
    rng = np.random.default_rng(0)
    tensors: dict[str, np.ndarray] = {}

    def add(conv: torch.nn.Conv2d, weights: str, bias: str) -> None:
        out, each, height, width = conv.weight.shape
        shape = (height, width, out, 1) if conv.groups > 1 else (height, width, each, out)
        tensors[weights] = rng.random(shape, np.float32)
        tensors[bias] = rng.random(out, np.float32)

    add(tokenizer.stem, "Conv/Conv2D_weights", "Conv/Conv2D_bn_offset")
    for number, block in enumerate(tokenizer.blocks):
        name = f"expanded_conv_{number}" if number else "expanded_conv"
        if block.expand is not None:
            add(block.expand, f"{name}/expand/Conv2D_weights", f"{name}/expand/Conv2D_bn_offset")
        add(block.filter, f"{name}/depthwise/depthwise_weights", f"{name}/depthwise/depthwise_bn_offset")
        if block.excite is not None:
            for conv, part in ((block.excite.down, "Conv"), (block.excite.up, "Conv_1")):
                place = f"{name}/squeeze_excite/{part}"
                add(conv, f"{place}/weights", f"{place}/biases")
        add(block.project, f"{name}/project/Conv2D_weights", f"{name}/project/Conv2D_bn_offset")
    entries = [
        {"name": f"tower_0/{start_clean.PREFIX}{name}", "shape": list(value.shape), "dtype": STORED}
        for name, value in tensors.items()
    ]
    (folder / "centernet.json").write_text(json.dumps({"weightsManifest": [{"weights": entries}]}))
    (folder / "centernet.bin").write_bytes(b"".join(value.tobytes() for value in tensors.values()))
    return tensors


def test_the_detectors_encoder_starts_the_narrow_tokeniser(tmp_path):
    tokenizer = MobileTokenizer(NARROW_BLOCKS)
    tensors = detector(tmp_path, tokenizer)
    start_clean.load_detector_encoder(tokenizer, tmp_path)
    project = torch.from_numpy(tensors["expanded_conv/project/Conv2D_weights"]).permute(3, 2, 0, 1)
    assert torch.equal(tokenizer.blocks[0].project.weight, project)
    # It saw values 0..255 where ours has taken ImageNet's mean and deviation away: the same sums.
    image = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    weight = torch.from_numpy(tensors["Conv/Conv2D_weights"]).permute(3, 2, 0, 1)
    bias = torch.from_numpy(tensors["Conv/Conv2D_bn_offset"])
    meant = torch.nn.functional.conv2d(image * 255, weight, bias, stride=2)
    normal = (image - tokenizer.mean.view(1, 3, 1, 1)) / tokenizer.std.view(1, 3, 1, 1)
    found = torch.nn.functional.conv2d(normal, tokenizer.stem.weight, tokenizer.stem.bias, stride=2)
    torch.testing.assert_close(found, meant, rtol=1e-4, atol=1e-2)


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    detector(tmp_path, MobileTokenizer(NARROW_BLOCKS))
    path = tmp_path / "centernet.bin"
    path.write_bytes(path.read_bytes() + b"\0\0\0\0")
    with pytest.raises(ValueError, match="does not hold"):
        start_clean.read_tensors(tmp_path)
