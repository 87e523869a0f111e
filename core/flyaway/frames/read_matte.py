"""Mattes from disk: coverage, and where it lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from flyaway.color import FloatImage
from flyaway.errors import ReadError
from flyaway.frames import library, metadata
from flyaway.frames.read import Window, windows
from flyaway.frames.select import part_count
from flyaway.frames.windows import fit_window

# Where coverage is in files that do not say, in the order in which it is looked for; a single channel is
# coverage by any name.
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
    said : its header says which channel the matte is, as those of Flyaway do; else it was found by its name.
    """

    path: Path
    alpha: FloatImage = field(repr=False)
    data_window: Window
    display_window: Window
    spec: oiio.ImageSpec = field(repr=False)
    said: bool = False

    def in_format(self, display: Window) -> MatteFile:
        """The same as it lies in a plate's format, which may begin elsewhere than PNG and TIFF, at 0, 0."""
        size = (self.data_window.width, self.data_window.height)
        windowless = self.path.suffix.lower() != ".exr" and self.data_window == self.display_window
        if not windowless or size != (display.width, display.height):
            return self
        return replace(self, data_window=display, display_window=display)

    def over(self, window: Window) -> FloatImage:
        """Coverage as it lies in another window, 0 where it does not reach: H×W float32."""
        return fit_window(self.alpha[..., None], self.data_window, window)[..., 0]


def read_matte(path: str | Path, channel: str | None = None, frame: int | None = None) -> MatteFile:
    """Read coverage: a file's only channel, or the matte's among several, of any of its parts.

    Parameters
    ----------
    path : an EXR, PNG or TIFF.
    channel : its name; None takes the one that the header says (`flyaway:channel`), and where it says none
        looks for `matte.A`, `matte`, `A` and `Y`, in this order.
    frame : its number, for messages.

    Raises
    ------
    ReadError : there is no coverage in it, or it cannot be read.
    """
    path = Path(path)
    source = library.open_input(path, frame)
    try:
        specs = [source.spec(part) for part in range(part_count(source.spec(0)))]
    finally:
        source.close()
    place = _place_of(specs, channel)
    if place is None:
        shown = ", ".join([name for spec in specs for name in spec.channelnames][:12])
        missing = f"no channel {channel}" if channel else "no matte"
        raise ReadError(f"{missing} among its channels ({shown}).", path=path, frame=frame)
    part, index, said = place
    source = library.open_input(path, frame, str(part))
    try:
        spec = source.spec()
        alpha = library.decode(source, index, index + 1, path, frame)[..., 0]
        data, display = windows(spec)
        return MatteFile(path, np.ascontiguousarray(alpha), data, display, spec, said)
    finally:
        source.close()


def _place_of(specs: Sequence[oiio.ImageSpec], channel: str | None) -> tuple[int, int, bool] | None:
    """Part and index of the matte's channel, and whether the header says so; None where there is none."""
    named = [metadata.read_provenance(spec).get("channel", "") for spec in specs]
    for part, name in enumerate(named):
        if name and channel in (None, name) and name in specs[part].channelnames:
            return part, specs[part].channelnames.index(name), True
    parts = sorted(range(len(specs)), key=lambda part: not named[part])  # the one that we wrote into first
    single = len(specs) == 1 and specs[0].nchannels == 1
    wanted = [channel] if channel else list(specs[0].channelnames) if single else list(_CHANNELS)
    for name in wanted:
        for part in parts:
            found = _index_of(specs[part].channelnames, name)
            if found is not None:
                return part, found, False
    return None


def _index_of(names: Sequence[str], wanted: str) -> int | None:
    """Which channel has a name: exactly, else but for its case, which is told apart in EXR alone."""
    if wanted in names:
        return names.index(wanted)
    lower = [name.lower() for name in names]
    return lower.index(wanted.lower()) if wanted.lower() in lower else None
