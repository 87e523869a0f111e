"""Plates as they are worked on: converted and reduced, in memory that is used again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flyaway.plate import as_display, as_engine_view

KEPT_BYTES = 128 << 20  # a converted plate of up to UHD is memory for the next one of its size


class Prepared(NamedTuple):
    """A plate as it is worked on.

    Attributes
    ----------
    image : H×W×3, display-referred: float32 0..1 or integers.
    looked_at : h×w×3, what the network is shown of it.
    view : h, w.
    once : it is matted once, and its memory then is another plate's.
    """

    image: NDArray[Any]
    looked_at: NDArray[Any]
    view: tuple[int, int]
    once: bool = False


class Conversion:
    """Makes of a user's plates what is looked at. Safe to be called by several threads.

    Parameters
    ----------
    threads : that convert a plate.
    keeps : how many plates' memory is kept for the next ones.
    """

    def __init__(self, threads: int, keeps: int) -> None:
        self._threads, self._keeps = threads, keeps
        self._spare: list[NDArray[np.float32]] = []

    def __call__(self, plate: Any, encoding: str, premultiplied: bool, *, whole: bool) -> NDArray[Any]:
        """A plate as an engine looks at it; `whole` is in float32 whatever it was.

        Both colours of every soft pixel are worked out of a plate that is read again: of that.
        """
        look = as_display if whole else as_engine_view
        try:
            into = self._spare.pop()
        except IndexError:
            into = None
        image: NDArray[Any] = look(plate, encoding, premultiplied, into=into, threads=self._threads)
        return image

    def give_back(self, image: NDArray[Any]) -> None:
        """Nobody looks at a converted plate any more; one in integers is a view of the user's own."""
        fits = image.dtype == np.float32 and image.nbytes <= KEPT_BYTES and len(self._spare) < self._keeps
        if fits and not any(image is spare for spare in self._spare):
            self._spare.append(image)
