"""Networks for torch: the paper's, and ours. Pure: tensors in, tensors out.

Zhong & Zharkov, "Lightweight Portrait Matting via Regional Attention and Refinement", WACV 2024,
arXiv 2311.03770. Only training, export and the torch engine import this package; everything else runs on
numpy and onnxruntime.

`paper` is the paper's network on one page, `model` ours; both are a `TwoStageNetwork`.
"""

from flyaway.network.decoder import HeadOutput
from flyaway.network.model import MattingNetwork
from flyaway.network.paper import PaperNetwork
from flyaway.network.two_stage import Coarse, CoarseMaps, Output, TwoStageNetwork
from flyaway.network_config import CONFIGS, NetworkConfig
from flyaway.regions import torch_backend as regions

__all__ = [
    "CONFIGS",
    "Coarse",
    "CoarseMaps",
    "HeadOutput",
    "MattingNetwork",
    "NetworkConfig",
    "Output",
    "PaperNetwork",
    "TwoStageNetwork",
    "build_network",
    "regions",
]


def build_network(config: NetworkConfig) -> TwoStageNetwork:
    """The network of a configuration, its weights at random.

    Raises
    ------
    ValueError : a configuration that mixes the paper's parts with ours.
    """
    return PaperNetwork(config) if config.refiner.kind == "paper" else MattingNetwork(config)
