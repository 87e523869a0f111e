"""Garbage and core mattes from disk: a file for a whole shot, a sequence, or a folder for a folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from flyaway.color import FloatImage
from flyaway.errors import PatternError, ReadError
from flyaway.frames import library
from flyaway.frames.formats import READABLE
from flyaway.frames.movie import is_movie
from flyaway.frames.reachable import reachable
from flyaway.frames.read import Plate
from flyaway.frames.read_matte import MatteFile, read_matte
from flyaway.frames.sequence import is_pattern, sequence_of


def mask_path(text: str, source: Path, frame: int | None) -> Path:
    """The file that masks one frame.

    Parameters
    ----------
    text : a file, a pattern, or a folder in which a mask has its plate's stem.
    source : the plate.
    frame : its number, or None.
    """
    if is_pattern(text):
        return Path(text) if frame is None else sequence_of(text).frame(frame)
    path = Path(text)
    if path.is_dir():
        found = (path / (source.stem + suffix) for suffix in READABLE)
        return next((one for one in found if one.is_file()), path / f"{source.stem}.*")
    return path


@reachable()
def check_mask(text: str, name: str, source: Path, frame: int | None) -> None:
    """Refuse, before anything is matted, a mask that cannot be one.

    Parameters
    ----------
    text : see `mask_path`.
    name : "garbage" or "core", for messages.
    source, frame : the first plate.

    Raises
    ------
    PatternError : it is a movie, there is nothing of it on disk, or a pattern stands beside plates without
        frame numbers.
    """
    if is_movie(text):
        raise PatternError(f"the {name} matte {text} is a movie: write its frames as EXR, PNG or TIFF.")
    if is_pattern(text):
        if frame is None:
            raise PatternError(
                f"the {name} matte {text} is a pattern, but {source} has no frame number:"
                " name a file or a folder."
            )
        if not sequence_of(text).on_disk():
            raise PatternError(f"no frame of the {name} matte {text} is on disk.")
    elif not Path(text).exists():
        raise PatternError(f"the {name} matte {text} is not there: no such file or folder.")


def read_mask(path: Path, plate: Plate, name: str) -> FloatImage:
    """A mask as it lies over a plate's data window: H×W float32, 0..1, 0 where it does not reach.

    Its values count as they are stored, as shares: nothing is taken for sRGB. Coverage is what its header
    says is the matte, its only channel, its alpha, or its red where red, green and blue are the same.

    Parameters
    ----------
    path : an EXR, PNG, TIFF or another picture.
    plate : what it masks.
    name : "garbage" or "core", for messages.

    Raises
    ------
    ReadError : it is missing, cannot be read, holds colour, or was made for another format.
    """
    frame = plate.frame
    if not path.is_file():
        raise ReadError(f"the {name} matte of this frame is missing.", path=path, frame=frame)
    try:
        mask = _coverage(path, frame)
    except ReadError as error:
        message = str(error).split(": ", 1)[-1]
        raise ReadError(f"the {name} matte: {message}", path=path, frame=frame) from error
    values = np.clip(np.nan_to_num(mask.alpha, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
    display = plate.display_window
    if mask.display_window == display:
        # EXRs of the same format, however they were cropped; anything else of the format's size.
        return replace(mask, alpha=values).over(plate.data_window)
    size = (mask.data_window.width, mask.data_window.height)
    if size == (display.width, display.height) and mask.data_window == mask.display_window:
        # A format that is only shifted: file formats without windows always begin at 0, 0.
        return replace(mask, alpha=values, data_window=display).over(plate.data_window)
    own = (mask.display_window.width, mask.display_window.height)
    raise ReadError(
        f"the {name} matte is {own[0]}×{own[1]}, where the plate's format is {display.width}×{display.height}"
        f" at {display.x},{display.y}: write it in the plate's format.",
        path=path,
        frame=frame,
    )


def _coverage(path: Path, frame: int | None) -> MatteFile:
    try:
        found = read_matte(path, None, frame)
    except ReadError:
        source = library.open_input(path, frame)
        names = [name.lower() for name in source.spec().channelnames]
        source.close()
        if not {"r", "g", "b"} <= set(names) and len(names) != 3:
            raise
        return _grey(path, frame, names[0])
    if not found.said and len(found.spec.channelnames) == 4 and float(found.alpha.min()) == 1:
        # Painted in black and white, and saved with an alpha that says nothing.
        return _grey(path, frame, found.spec.channelnames[0])
    return found


def _grey(path: Path, frame: int | None, channel: str) -> MatteFile:
    """One channel of a picture whose first three are the same."""
    source = library.open_input(path, frame)
    try:
        values = library.decode(source, 0, 3, path, frame)
    finally:
        source.close()
    if not (
        np.array_equal(values[..., 0], values[..., 1]) and np.array_equal(values[..., 0], values[..., 2])
    ):
        raise ReadError("it holds colour: write it as one channel.", path=path, frame=frame) from None
    return read_matte(path, channel, frame)
