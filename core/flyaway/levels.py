"""Integers of a file as what they stand for: shares of their type's largest value."""

from __future__ import annotations

from collections.abc import Callable
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


def as_coverage(
    given: Any, refuse: Callable[[str], Exception], what: str = "the matte"
) -> NDArray[np.float32]:
    """A matte or a mask that a user hands us, in float32; the array itself where that is what it is.

    Parameters
    ----------
    given
        Any shape: floats are taken as they are, uint8 and uint16 (a matte as it was read from a PNG) divided
        by their white, bool is 0 and 1.
    refuse
        What makes an error of a message. Other integers are refused: nobody agreed on their white, and a
        matte of them would be next to nothing, or far beyond 1.
    what
        Its name in the message.
    """
    array = np.asarray(given)
    if array.dtype.kind == "f" or array.dtype == bool:
        with np.errstate(over="ignore"):  # float64 beyond float32 is infinity
            return np.asarray(array, np.float32)
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        return as_unit(array)
    if array.dtype.kind not in "iu":
        raise refuse(f"{what} holds {array.dtype}, not numbers; convert it to float (0..1) first.")
    raise refuse(
        f"{what} holds {array.dtype}, which has no agreed white: convert it to uint8, uint16 or float (0..1)"
        " first."
    )
