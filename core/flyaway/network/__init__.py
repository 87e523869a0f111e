"""The network of "Lightweight Portrait Matting via Regional Attention and Refinement" in torch.

Zhong & Zharkov, WACV 2024, arXiv 2311.03770. Pure: tensors in, tensors out. Only training, export
and the torch engine import this package; everything else runs on numpy and onnxruntime.
"""

from flyaway.network.config import CONFIGS, NetworkConfig
from flyaway.network.model import MattingNetwork

__all__ = ["CONFIGS", "MattingNetwork", "NetworkConfig"]
