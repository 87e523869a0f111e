"""Starting weights are copied to where they belong: the started network says what its donor says."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from models.training.start import LINEAR, load_rvm_decoder, load_rvm_encoder, rvm_file

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
