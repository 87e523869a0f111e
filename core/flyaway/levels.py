"""Integers of a file as what they stand for: shares of their type's largest value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_unit(array: NDArray[Any], out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """An array in float32: unsigned integers divided by their type's largest value, floats as they are.

    Parameters
    ----------
    array
        Any shape; uint8, uint16, uint32 or floating.
    out
        float32 of that shape to write into; without it new memory is made, unless there is nothing to do.
    """
    if array.dtype.kind == "u":
        largest = np.float32(np.iinfo(array.dtype).max)
        # In two steps: numpy buffers operands that it converts, and takes half as long again.
        shares: NDArray[np.float32] = np.empty(array.shape, np.float32) if out is None else out
        shares[...] = array
        shares /= largest
        return shares
    if out is None:
        return np.asarray(array, np.float32)
    out[...] = array
    return out
