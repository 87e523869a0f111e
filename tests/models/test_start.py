"""Starting weights are copied to where they belong: the started network says what its donor says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from models.training.start import LINEAR, begin, keep, load_rvm_decoder, load_rvm_encoder, rvm_file
from safetensors.torch import save_file

from flyaway.network import CONFIGS, MattingNetwork


@pytest.fixture(scope="module")
def fast() -> MattingNetwork:
    torch.manual_seed(0)
    network = MattingNetwork(CONFIGS["fast"]).eval().requires_grad_(False)
    load_rvm_encoder(network.encoder.tokenizer)
    load_rvm_decoder(network)
    return network


def rvm_before_its_refiner(plate: np.ndarray) -> np.ndarray:
    """What RVM's last decoder layer says of a plate (foreground residual and alpha), memory empty."""
    model = onnx.load(rvm_file())
    last = [node for node in model.graph.node if "project_mat.conv.weight" in node.input]
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info(last[0].output[0]))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    feed = {f"r{i}i": np.zeros((1, 1, 1, 1), np.float32) for i in range(1, 5)}
    feed |= {"src": plate, "downsample_ratio": np.ones(1, np.float32)}
    return np.asarray(session.run([last[0].output[0]], feed)[0])


def test_fast_starts_as_rvm_without_memory(fast: MattingNetwork) -> None:
    rng = np.random.default_rng(1)
    plate = rng.random((1, 3, 12, 10), np.float32).repeat(16, 2).repeat(16, 3)  # 192×160
    donor = rvm_before_its_refiner(plate)
    finest = fast.coarse(torch.from_numpy(plate)).levels[-1]
    alpha = finest.alpha.numpy() / LINEAR + 0.5
    assert np.abs(donor[:, 3:]).max() > 0.1  # it does say something
    np.testing.assert_allclose(alpha, donor[:, 3:], atol=2e-3)
    np.testing.assert_allclose(finest.features.numpy()[:, :3], donor[:, :3], atol=2e-3)


def test_the_gated_decoder_has_no_phases(fast: MattingNetwork) -> None:
    """On a flat picture every pixel of the finest maps away from the border is alike."""
    flat = torch.full((1, 3, 256, 256), 0.4)
    alpha = fast.coarse(flat).levels[-1].alpha[0, 0, 112:144, 112:144]
    assert (alpha - alpha.mean()).abs().max() < 1e-2 * LINEAR


def test_a_decoder_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="pooled embedding"):
        load_rvm_decoder(MattingNetwork(CONFIGS["clean"]))


@pytest.fixture(scope="module")
def shot() -> MattingNetwork:
    """The network with memory, as RVM starts it."""
    torch.manual_seed(0)
    config = CONFIGS["fast-2"]
    network = MattingNetwork(replace(config, coarse=replace(config.coarse, early=False)))
    begin(network, "rvm")
    return network.eval().requires_grad_(False)


def frames(count: int) -> list[torch.Tensor]:
    """A texture that moves by three and two pixels a frame, 192×160."""
    rng = np.random.default_rng(4)
    plate = torch.from_numpy(rng.random((1, 3, 24, 20), np.float32)).repeat_interleave(8, 2)
    return [torch.roll(plate.repeat_interleave(8, 3), (2 * t, 3 * t), (2, 3)) for t in range(count)]


def test_memory_starts_as_rvms(shot: MattingNetwork) -> None:
    session = onnxruntime.InferenceSession(str(rvm_file()), providers=["CPUExecutionProvider"])
    theirs, ours = [np.zeros((1, 1, 1, 1), np.float32)] * 4, None
    for plate in frames(3):
        feed = {f"r{i}i": state for i, state in enumerate(theirs, 1)}
        feed |= {"src": plate.numpy(), "downsample_ratio": np.ones(1, np.float32)}
        theirs = session.run([f"r{i}o" for i in range(1, 5)], feed)
        _, ours = shot.decoder.frame(shot.encoder(plate), plate, ours)
        for mine, its in zip(reversed(ours), theirs, strict=True):
            np.testing.assert_allclose(mine.numpy(), its, atol=2e-4)
    assert np.abs(theirs[0]).mean() > 0.01  # it does remember something


def test_no_memory_and_an_empty_one_are_the_same_bit_for_bit(shot: MattingNetwork) -> None:
    first, second = frames(2)
    _, states = shot.decoder.frame(shot.encoder(first), first)
    empty = [torch.zeros_like(state) for state in states]
    (still,), _ = shot.decoder.frame(shot.encoder(second), second)
    (begun,), _ = shot.decoder.frame(shot.encoder(second), second, empty)
    (going_on,), _ = shot.decoder.frame(shot.encoder(second), second, states)
    assert all(torch.equal(a, b) for a, b in zip(still, begun, strict=True))
    assert not torch.equal(still.alpha, going_on.alpha)


def test_the_next_shape_starts_near_the_released_one() -> None:
    """Two blocks fewer, the last layer before the enlargement: all blocks kept out, alphas are alike."""
    weights = "models/weights/fast@4/fast.fp16.safetensors"
    released, following = MattingNetwork(CONFIGS["fast"]).eval(), MattingNetwork(CONFIGS["fast-2"]).eval()
    begin(released, weights)
    keep(released, [0.0] * 4)
    begin(following, weights, [0.0, 0.0])
    y, x = torch.meshgrid(torch.linspace(-1, 1, 192), torch.linspace(-1, 1, 160), indexing="ij")
    disc = (0.6 - torch.hypot(y, x)).mul(40).clamp(0, 1)
    plate = torch.stack((0.8 * disc + 0.1, 0.5 * disc + 0.2, 0.3 * disc + 0.4))[None]
    with torch.no_grad():
        alphas = [n.coarse(plate).levels[-1].alpha.sigmoid() for n in (released, following)]
    assert (alphas[0] - alphas[1]).abs().mean() < 0.01


def test_a_file_that_lacks_tensors_is_refused(tmp_path: Path) -> None:
    save_file({"decoder.full2.bias": torch.zeros(16)}, tmp_path / "some.safetensors")
    with pytest.raises(ValueError, match=r"lacks .* tensors that fast-2 needs"):
        begin(MattingNetwork(CONFIGS["fast-2"]), str(tmp_path / "some.safetensors"))
