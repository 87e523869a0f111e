"""What a frame of a shot leaves to the filter of the next one (`flyaway.steady`), and how it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway import block_motion as motion
from flyaway.block_motion import AROUND, Bool, Float, Index
from flyaway.cells import CELL, plane_of, put, repeat_edges
from flyaway.noise import ACROSS, DOWN, PATCH

Bytes = NDArray[np.uint8]

_KNOWN = np.uint16(512)  # added to luma, so that 0 is where nothing is known
_STORED = ("cells", "luma", "alpha", "count", "samples")


@dataclass(frozen=True)
class History:
    """What a frame leaves to the filter of the next one. Nothing is written into it.

    Attributes
    ----------
    cells : rows×columns bool, which cells of 32 px are kept: those that were refined, and those beside them.
    luma : K×32×32 uint8, the plate in these.
    alpha : K×32×32 float32, as it was given out.
    count : K×32×32 uint8, sixteenths: over how many frames alpha is a mean, besides the last one.
    samples : P×8×8 float32, the plate's luma at some places of the whole frame, by which its noise is known.
    """

    cells: Bool
    luma: Bytes
    alpha: Float
    count: Bytes
    samples: Float
    planes: Planes | None = field(default=None, repr=False, compare=False)  # of these, if still there

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """Plain arrays, as `from_arrays` takes them."""
        return {f"steady_{name}": getattr(self, name) for name in _STORED}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> History | None:
        """The inverse; None where there is no history. Others' arrays are looked at first.

        Raises
        ------
        KeyError, ValueError : something is missing, or is of a type, size or value that no frame leaves.
        """
        if not any(name.startswith("steady_") for name in arrays):
            return None
        cells, luma, alpha, count, samples = (arrays[f"steady_{name}"] for name in _STORED)
        found = cls(cells, luma, alpha, count, samples)
        if found.cells.dtype != bool or found.cells.ndim != 2:
            raise ValueError("steady_cells")
        shape = (int(found.cells.sum()), CELL, CELL)
        kinds = {"luma": np.uint8, "alpha": np.float32, "count": np.uint8}
        for name, kind in kinds.items():
            array = getattr(found, name)
            if array.dtype != kind or array.shape != shape:
                raise ValueError(f"steady_{name}: {array.dtype} {array.shape}")
        if not bool(((found.alpha >= 0) & (found.alpha <= 1)).all()):  # False for NaN too
            raise ValueError("steady_alpha")
        samples = found.samples
        if samples.dtype != np.float32 or samples.shape != (DOWN * ACROSS, PATCH, PATCH):
            raise ValueError(f"steady_samples: {samples.dtype} {samples.shape}")
        if not bool(np.isfinite(samples).all()):
            raise ValueError("steady_samples")
        return found


class Planes:
    """Planes of a frame, known in some cells and 0 elsewhere, each with `AROUND` on every side.

    Attributes
    ----------
    luma : uint16, `KNOWN` more than the plate's.
    alpha : float32.
    small : float32, means of 4×4 of the first.
    """

    def __init__(self, luma: Bytes, alpha: Float, cells: Bool, size: tuple[int, int]) -> None:
        known = luma.astype(np.uint16)
        known += _KNOWN
        self._size = size
        self.luma = plane_of(known, cells, size, AROUND)
        self.alpha = plane_of(alpha, cells, size, AROUND)
        small = motion.shrunk(known.astype(np.float32))
        shape = cells.shape[0] * small.shape[1], cells.shape[1] * small.shape[2]
        self.small = plane_of(small, cells, shape, AROUND)

    def put_alpha(self, tiles: Float, where: Index) -> None:
        """Alpha of K cells at K×2 rows and columns, as it is given out."""
        put(self.alpha[AROUND:-AROUND, AROUND:-AROUND], tiles, where)
        repeat_edges(self.alpha, self._size, AROUND)
