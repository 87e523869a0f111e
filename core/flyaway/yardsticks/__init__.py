"""Other people's networks that ours is measured against, run as their authors publish them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Found:
    """A matte with the colour that belongs to it.

    Attributes
    ----------
    alpha : H×W float, linear coverage 0..1.
    foreground : H×W×3 float, straight sRGB-encoded colour 0..1, or None where the matter gives none.
    """

    alpha: NDArray[np.floating[Any]]
    foreground: NDArray[np.floating[Any]] | None = None
