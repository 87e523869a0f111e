"""Released files keep the names that they were written with; the code has its own."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from flyaway.network import CONFIGS, MattingNetwork, NetworkConfig
from flyaway.network.gated import current_names
from flyaway.weights import list_models, model_info, verified


@pytest.mark.parametrize("name", list(list_models()))
def test_a_released_configuration_is_ours_by_its_stored_names(name: str) -> None:
    stored = dict(model_info(name).config)
    assert stored["coarse"]["hints"] == 4
    config = NetworkConfig.from_dict(stored)
    assert config == CONFIGS[config.name]
    assert config.coarse.refiner_features == 4
    written = config.to_dict()
    assert "refiner_features" not in written["coarse"]
    assert NetworkConfig.from_dict(written) == config


def test_either_name_of_a_setting_is_read() -> None:
    values = CONFIGS["fast"].to_dict()
    values["coarse"]["refiner_features"] = values["coarse"].pop("hints")
    assert NetworkConfig.from_dict(values) == CONFIGS["fast"]


def test_released_tensors_load_by_their_stored_names_and_by_ours() -> None:
    # Released by the names of before December 2026.
    tensors = load_file(verified(model_info("fast@4").files["torch"]))
    assert any(name.startswith("decoder.doubt.") for name in tensors)
    renamed = current_names(tensors)
    assert len(renamed) == len(tensors)
    assert not any(".doubt." in name for name in renamed)
    networks = [MattingNetwork(CONFIGS["fast"]) for _ in range(2)]
    for network, names in zip(networks, (tensors, renamed), strict=True):
        network.load_state_dict({name: tensor.float() for name, tensor in names.items()})
        assert torch.equal(network.decoder.trimap_head[0].weight, tensors["decoder.doubt.0.weight"].float())
    assert set(networks[0].state_dict()) == set(renamed)


def test_a_tensor_that_no_module_has_is_still_an_error() -> None:
    network = MattingNetwork(CONFIGS["fast"])
    tensors = network.state_dict() | {"decoder.doubts.0.weight": torch.zeros(1)}
    with pytest.raises(RuntimeError, match="doubts"):
        network.load_state_dict(tensors)
