"""Mattes from disk: coverage, and where it lies."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from flyaway.color import FloatImage
from flyaway.errors import ReadError
from flyaway.frames import library
from flyaway.frames.read import Window, windows
from flyaway.frames.select import part_count
from flyaway.frames.windows import fit_window

# Where coverage is, in the order in which it is looked for; a single channel is coverage by any name.
_CHANNELS = ("matte.a", "matte.alpha", "matte", "a", "alpha", "y")


@dataclass(frozen=True)
class MatteFile:
    """One matte from disk.

    Attributes
    ----------
    path : the file.
    alpha : H×W float32 over the data window, as stored: neither clipped nor freed of NaN.
    data_window, display_window : as in the file.
    spec : its header.
    """

    path: Path
    alpha: FloatImage = field(repr=False)
    data_window: Window
    display_window: Window
    spec: oiio.ImageSpec = field(repr=False)

    def over(self, window: Window) -> FloatImage:
        """Coverage as it lies in another window, 0 where it does not reach: H×W float32."""
        return fit_window(self.alpha[..., None], self.data_window, window)[..., 0]


def read_matte(path: str | Path, channel: str | None = None, frame: int | None = None) -> MatteFile:
    """Read coverage: a file's only channel, or the matte's among several.

    Parameters
    ----------
    path : an EXR, PNG or TIFF.
    channel : its name; None looks for `matte.A`, `matte`, `A` and `Y`, in this order.
    frame : its number, for messages.

    Raises
    ------
    ReadError : there is no coverage in it, or it cannot be read.
    """
    path = Path(path)
    source = library.open_input(path, frame)
    try:
        parts = part_count(source.spec(0))
        names = [[name.lower() for name in source.spec(part).channelnames] for part in range(parts)]
        single = parts == 1 and len(names[0]) == 1
        wanted = [channel.lower()] if channel else names[0] if single else list(_CHANNELS)
        place = next(
            (
                (part, names[part].index(name))
                for name in wanted
                for part in range(parts)
                if name in names[part]
            ),
            None,
        )
        if place is None:
            shown = ", ".join(source.spec().channelnames[:12])
            raise ReadError(f"no matte among its channels ({shown}).", path=path, frame=frame)
    finally:
        source.close()
    source = library.open_input(path, frame, str(place[0]))
    try:
        spec = source.spec()
        alpha = library.decode(source, place[1], place[1] + 1, path, frame)[..., 0]
        data, display = windows(spec)
        return MatteFile(path, np.ascontiguousarray(alpha), data, display, spec)
    finally:
        source.close()
