"""The colour of what is written: the plate's or the person's own at soft edges, and what it is laid over."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np

from flyaway import color
from flyaway.color import FloatImage
from flyaway.errors import ReadError, UsageError
from flyaway.foreground import Despill, foreground
from flyaway.frames.movie import is_movie
from flyaway.frames.options import EdgeColour, WriteOptions
from flyaway.frames.reachable import reachable
from flyaway.frames.read import Plate, ReadOptions, Window, read_plate
from flyaway.frames.sequence import is_pattern, sequence_of
from flyaway.frames.windows import fit_window
from flyaway.geometry import SMALLEST_SIDE
from flyaway.resample import resize

_NAMES = {"black": "0,0,0", "white": "1,1,1", "grey": "0.18,0.18,0.18", "green": "0.05,0.6,0.05"}
_HEX = re.compile(r"#([0-9a-fA-F]{6})")
_NUMBER = r"\s*(-?\d+\.?\d*(?:[eE]-?\d+)?|-?\.\d+)\s*"
_NUMBERS = re.compile(",".join([_NUMBER] * 3))


def despill_of(options: WriteOptions) -> Despill | None:
    """The despill that the options ask for."""
    return None if options.despill is None else Despill(options.despill, options.despill_strength)


def edge_colour(colour: FloatImage, alpha: FloatImage, encoding: str, options: WriteOptions) -> FloatImage:
    """Straight colour as the options want it at soft edges; see `edged`."""
    return edged(colour, alpha, encoding, options.edge_colour or "foreground", despill_of(options))


def edged(
    colour: FloatImage, alpha: FloatImage, encoding: str, edges: EdgeColour, despill: Despill | None = None
) -> FloatImage:
    """Straight colour, the person's own at soft edges or the plate's.

    Parameters
    ----------
    colour : H×W×3 float32, straight, finite.
    alpha : H×W float32, linear coverage.
    encoding : of `colour`: "srgb" or "linear" (any primaries).
    edges : whose colour soft pixels have.
    despill : takes a screen's light off; off all of the plate where its colour is asked for.
    """
    if min(alpha.shape) < SMALLEST_SIDE:  # an empty frame's pixel or two: there is no edge to estimate at
        return colour if edges == "plate" else np.where(alpha[..., None] > 0, colour, np.float32(0))
    if edges != "plate":
        return np.asarray(foreground(colour, alpha, encoding, despill=despill), np.float32)
    if despill is None:
        return colour
    whole = np.ones(alpha.shape, np.float32)
    return np.asarray(foreground(colour, whole, encoding, despill=despill), np.float32)


def parse_colour(text: str) -> FloatImage | None:
    """A colour in scene-linear light (3 float32, finite), or None where `text` is none.

    Parameters
    ----------
    text : black, white, grey, green; `#rrggbb` (sRGB); or `r,g,b` in scene-linear light.
    """
    coded = _HEX.fullmatch(text.strip())
    if coded:
        values = [int(coded[1][place : place + 2], 16) / 255 for place in (0, 2, 4)]
        return color.srgb_to_linear(np.array(values, np.float32))
    numbers = _NUMBERS.fullmatch(_NAMES.get(text.strip().lower(), text))
    if numbers is None:
        return None
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and no colour
        colour = np.array([float(number) for number in numbers.groups()]).astype(np.float32)
    return colour if np.isfinite(colour).all() else None


@reachable()
def check_background(text: str, frame: int | None = None) -> None:
    """Refuse, before anything is matted, a background that is neither a colour nor a file of the first frame.

    Parameters
    ----------
    text : a colour, a picture, a frame pattern or a movie.
    frame : the first plate's number; None where plates have none.

    Raises
    ------
    UsageError : naming what can be given.
    """
    if parse_colour(text) is None and not is_pattern(text) and not Path(text).is_file():
        raise UsageError(
            f"--over {text!r} is neither a file nor a colour: name a picture, a frame pattern, black, white,"
            " grey, green, #rrggbb (sRGB) or r,g,b (scene-linear)."
        )
    try:
        background_path(text, frame)
    except ReadError as error:
        raise UsageError(str(error)) from error


def background_path(text: str, frame: int | None) -> Path | None:
    """The file that lies under a frame; None for a colour.

    Raises
    ------
    ReadError : it is a sequence or a movie, and the plate has no frame number.
    """
    if parse_colour(text) is not None:
        return None
    path = Path(text)
    if not is_pattern(text) and not is_movie(path):
        return path
    if frame is None:
        raise ReadError("a sequence lies over no single picture; name one background.", path=path)
    return path if is_movie(path) else Path(sequence_of(text).frame(frame))


def background(text: str, plate: Plate, notes: list[str]) -> FloatImage:
    """What is laid under a frame: 3, or H×W×3 over the plate's data window; scene-linear.

    A picture is in Rec.709's primaries, a colour is taken as it is in those of the comp.

    Parameters
    ----------
    text : as `check_background` takes it; of a pattern or a movie the frame with the plate's number.
    plate : the frame.
    notes : gets what a user should know.

    Raises
    ------
    ReadError : it cannot be read.
    """
    plain = parse_colour(text)
    if plain is not None:
        return plain
    path = background_path(text, plate.frame) or Path(text)
    number = plate.frame if is_pattern(text) or is_movie(path) else None
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ReadError(
            f"the background cannot be read: {error.strerror or error}.", path=path, frame=plate.frame
        ) from error
    behind = _read(path, number, plate.config, changed)
    pixels = np.nan_to_num(behind.pixels, nan=0.0, posinf=0.0, neginf=0.0)
    light, _ = color.scene_linear(pixels, behind.space, behind.config, any_primaries=False)
    frame = _framed(light, behind.data_window, behind.display_window, plate.display_window, notes)
    return _moved(frame, plate.display_window, plate.data_window)


@lru_cache(maxsize=2)
def _read(path: Path, number: int | None, config: str | None, _changed: int) -> Plate:
    """A background; the last ones are kept, since a still is under every frame."""
    return read_plate(path, None, number, options=ReadOptions(config=config))


def _framed(light: FloatImage, data: Window, display: Window, target: Window, notes: list[str]) -> FloatImage:
    """A background over the plate's display window: scaled to fill it, and cropped alike on both sides."""
    whole = _moved(light, data, display)
    height, width = whole.shape[:2]
    if (width, height) == (target.width, target.height):
        return whole
    notes.append(f"the background of {width}×{height} was scaled to fill {target.width}×{target.height}")
    scale = max(target.width / width, target.height / height)
    rows, columns = max(target.height, round(height * scale)), max(target.width, round(width * scale))
    scaled = resize(np.ascontiguousarray(whole), rows, columns)
    top, left = (rows - target.height) // 2, (columns - target.width) // 2
    return scaled[top : top + target.height, left : left + target.width]


def _moved(pixels: FloatImage, window: Window, target: Window) -> FloatImage:
    return pixels if window == target else fit_window(pixels, window, target)
