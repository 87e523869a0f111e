"""Any array that a user may hand us → what the network sees, or an error that says why not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway.curves import encode_positive
from flyaway.errors import BadPlateError
from flyaway.geometry import SMALLEST_SIDE
from flyaway.levels import as_unit
from flyaway.parallel import each

Plane = NDArray[np.float32] | NDArray[np.uint8] | NDArray[np.uint16]
ENCODINGS = ("srgb", "linear")
LARGEST_SIDE = 65_536  # px; anything above is a mistake or an attack
# Lists of 0..255 arrive as 64-bit integers, and what was computed of bytes as 32-bit signed ones: both would
# come out black. Nobody stores pictures in them; in 32 bits without a sign some do.
MAX_INTEGER_BYTES = {"u": 4, "i": 2}
# Rows and columns → their colour; see `straight_rows`.
Pixels = Callable[[Any, Any], NDArray[np.float32]]
BAND = 1 << 16  # px converted at once: no second plate in memory, and quicker from the cache


def as_display(
    plate: Any,
    encoding: str = "srgb",
    premultiplied: bool = False,
    *,
    into: NDArray[np.float32] | None = None,
    threads: int = 1,
) -> NDArray[np.float32]:
    """Bring a plate to what the network sees.

    Parameters
    ----------
    plate : H×W, H×W×1 (grey), H×W×3 (RGB) or H×W×4 (RGBA) array, or anything numpy makes one of.
        bool, unsigned integers to 32 bits and signed ones to 16 are scaled by their type's maximum; wider
        ones, which as a rule hold 0..255, are refused; floats are taken as they are. NaN counts as 0;
        infinities, negatives and values above 1 are clipped before the transfer curve. Non-contiguous,
        read-only and byte-swapped arrays are fine.
    encoding : "srgb" (display-referred, sRGB curve) or "linear" (scene-linear, Rec.709 primaries).
    premultiplied : the colour of an RGBA plate is multiplied by its alpha, and is divided by it first.
        A pixel without coverage has no colour to recover: it becomes black.
    into : H×W×3 float32, C-contiguous, that is written and returned where its size is the plate's: memory
        that is already there is quicker than fresh memory.
    threads : that convert it, a band each.

    Returns
    -------
    H×W×3 float32, display-referred sRGB, 0..1, C-contiguous; never the caller's plate.

    Raises
    ------
    BadPlateError : wrong shape, type, size or encoding.
    """
    array = _checked(plate, encoding, premultiplied)
    height, width = array.shape[:2]
    display = into if into is not None and into.shape == (height, width, 3) else None
    if display is None:
        display = np.empty((height, width, 3), np.float32)
    as_it_is = _as_it_is(array, encoding, premultiplied)
    rows = max(1, BAND // width)

    def convert(start: int) -> None:
        part = slice(start, start + rows)
        if as_it_is:  # what a file holds as a rule: one pass, and nothing to clip
            as_unit(np.broadcast_to(array[part, :, :3], display[part].shape), out=display[part])
        else:
            display[part] = _convert(array[part], encoding, premultiplied)  # grey is repeated

    each(convert, range(0, height, rows), threads)
    return display


def as_engine_view(
    plate: Any,
    encoding: str = "srgb",
    premultiplied: bool = False,
    *,
    into: NDArray[np.float32] | None = None,
    threads: int = 1,
) -> Plane:
    """What an engine looks at: a view of the plate itself where it is H×W×3 of bytes or of 16-bit integers.

    As `as_display` otherwise; the arguments and errors are the same. The network needs few pixels of a large
    plate at its own size, so a copy in float32 (100 MB at UHD) is made of no plate that needs no conversion.
    """
    array = _checked(plate, encoding, premultiplied)
    if _as_it_is(array, encoding, premultiplied) and array.shape[2] >= 3 and array.dtype.itemsize <= 2:
        return array[..., :3].astype(array.dtype.newbyteorder("="), copy=False)
    return as_display(array, encoding, premultiplied, into=into, threads=threads)


def _as_it_is(array: NDArray[Any], encoding: str, premultiplied: bool) -> bool:
    """What a file holds as a rule: to be divided by the largest value, and nothing else."""
    return array.dtype.kind == "u" and encoding == "srgb" and not premultiplied


def linear_to_display(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scene-linear → display-referred by the sRGB curve (IEC 61966-2-1), clipped to 0..1 first."""
    return encode_positive(np.clip(x, 0, 1))


def straight_rows(
    plate: Any, encoding: str = "srgb", premultiplied: bool = False
) -> tuple[Pixels, tuple[int, int]]:
    """A plate's straight colour in its own encoding, by parts, and not clipped.

    Parameters
    ----------
    plate, encoding, premultiplied : as for `as_display`.

    Returns
    -------
    A function of rows and columns, anything that indexes an array's first two axes (columns may be None
    for all), → …×3 float32 in new memory: integers as shares of their largest value, everything else as
    it is, NaN, infinities and values outside 0..1 too. And height and width.

    Raises
    ------
    BadPlateError : as for `as_display`.
    """
    array = _checked(plate, encoding, premultiplied)

    def pixels(rows: Any, columns: Any) -> NDArray[np.float32]:
        if columns is None:
            part = array[rows]
        elif isinstance(rows, np.ndarray) and array.flags.c_contiguous:  # `take` is twice as quick
            part = array.reshape(-1, array.shape[2]).take(rows * array.shape[1] + columns, axis=0)
        else:
            part = array[rows, columns]
        colour = _straight(_as_float(part), premultiplied)
        return np.repeat(colour, 3, axis=-1) if colour.shape[-1] == 1 else colour

    return pixels, (array.shape[0], array.shape[1])


def _checked(plate: Any, encoding: str, premultiplied: bool) -> NDArray[Any]:
    if encoding not in ENCODINGS:
        raise BadPlateError(f"encoding {encoding!r} is not known: use one of {', '.join(ENCODINGS)}")
    array = _as_array(plate)
    if premultiplied and array.shape[2] != 4:
        raise BadPlateError("a premultiplied plate needs an alpha: pass H×W×4, or premultiplied=False")
    return array


def _convert(part: NDArray[Any], encoding: str, premultiplied: bool) -> NDArray[np.float32]:
    """Some rows of a plate, h×w×C → h×w×1 or h×w×3 in 0..1, memory of its own."""
    unit = _as_float(part)
    if np.isnan(unit.max()):  # one look tells: a NaN is the greatest of all
        np.copyto(unit, 0, where=np.isnan(unit))
    colour = _straight(unit, premultiplied)
    np.clip(colour, 0, 1, out=colour)
    return encode_positive(colour) if encoding == "linear" else colour


def _straight(colour: NDArray[np.float32], premultiplied: bool) -> NDArray[np.float32]:
    """…×C float32 without its alpha, where it has one, and divided by it, where it was multiplied."""
    if colour.shape[-1] != 4:
        return colour
    colour, alpha = colour[..., :3], np.clip(colour[..., 3:], 0, np.finfo(np.float32).max)
    if premultiplied:
        with np.errstate(over="ignore", invalid="ignore"):
            colour = np.divide(colour, alpha, out=np.zeros_like(colour), where=alpha > 0)
    return colour


def _as_array(plate: Any) -> NDArray[Any]:
    try:
        array = np.asarray(plate)
    except (ValueError, TypeError, RuntimeError) as error:  # torch refuses with the last two
        raise BadPlateError(f"a plate must be an array, and this is not one: {error}") from error
    if array.dtype.kind not in "buif":
        raise BadPlateError(f"a plate holds numbers (bool, integers or floats), not {array.dtype}")
    if array.dtype.itemsize > MAX_INTEGER_BYTES.get(array.dtype.kind, array.dtype.itemsize):
        raise BadPlateError(
            f"{array.dtype} holds no agreed white: convert the plate to uint8, uint16 or float (0..1) first"
        )
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4):
        raise BadPlateError(
            f"a plate is H×W, H×W×1, H×W×3 or H×W×4, not {'×'.join(map(str, array.shape)) or 'a scalar'}; "
            "move the channels last, and pass one picture at a time"
        )
    height, width = array.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        raise BadPlateError(
            f"a plate of {width}×{height} px is too small: {SMALLEST_SIDE} px a side is the least"
        )
    if max(height, width) > LARGEST_SIDE:
        raise BadPlateError(
            f"a plate of {width}×{height} px is too large: {LARGEST_SIDE} px a side is the most"
        )
    return array


def _as_float(array: NDArray[Any]) -> NDArray[np.float32]:
    """float32 of the same shape, always new memory: integers as shares of their type's maximum."""
    with np.errstate(over="ignore"):  # float64 beyond float32 is infinity
        colour = array.astype(np.float32)
    if array.dtype.kind in "ui":
        colour /= np.float32(np.iinfo(array.dtype).max)
    return colour
