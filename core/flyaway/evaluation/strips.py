"""Rows of an evaluation's contact sheet.

Columns: plate, truth, then for every matter its alpha, the plate over green through it, and its error (red
where the matte takes too much, blue where it misses, twice the difference).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.pictures.convert import over_green
from flyaway.pictures.sheet import Strip, fitted

ERROR_GAIN = 2.0


def strip(
    label: str,
    plate: NDArray[np.uint8],
    truth: NDArray[np.floating[Any]],
    alphas: Mapping[str, NDArray[np.floating[Any]]],
) -> Strip:
    """The row of one image: plate H×W×3 uint8, truth and alphas H×W float in 0..1, all at full size."""
    pictures = {"plate": fitted(plate), "truth": fitted(truth)}
    shown = plate.astype(np.float32) / np.float32(255)
    for name, alpha in alphas.items():
        pictures[name] = fitted(alpha)
        pictures[f"{name} over green"] = fitted(over_green(shown, alpha.astype(np.float32)))
        pictures[f"{name} error"] = fitted(error_picture(alpha, truth))
    return Strip(label, pictures)


def error_picture(alpha: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Signed error as H×W×3 float32: red where alpha is above the truth, blue where it is below."""
    difference = ERROR_GAIN * (alpha.astype(np.float32) - truth.astype(np.float32))
    red, blue = np.clip(difference, 0, 1), np.clip(-difference, 0, 1)
    return np.stack([red, blue * 0.4, blue], axis=-1)
