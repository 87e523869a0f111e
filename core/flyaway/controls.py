"""Matte controls: what an artist does to a matte, defined once, on numpy arrays, for every host.

The order is always the same: black and white point, gamma, grow (or choke), soften, fill holes, garbage
matte, core matte, invert. Each works on the result of those before it; what is at its default does nothing,
so that without controls a matte passes bit for bit. A mix with the plate as it was is a host's business, and
comes after.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flyaway import edges
from flyaway.chosen import real
from flyaway.errors import ControlError
from flyaway.levels import as_coverage

Float = NDArray[np.float32]
BAND = 1 << 15  # px worked on at once: what is read stays in the cache until it is written
MOST_GROWN, MOST_SOFTENED, MOST_FILLED = 100.0, 32.0, 256.0  # px


@dataclass(frozen=True)
class Controls:
    """How a matte is changed. With the defaults it is not.

    Attributes
    ----------
    black : coverage at and below which there is none, from 0 to below `white`.
    white : coverage at and above which it is full, to 1.
    gamma : above 1 raises what is between (a^(1/gamma)), below 1 lowers it.
    grow : px by which every edge moves outwards; negative chokes it inwards. Fractions count.
    soften : standard deviation, in px, of the Gaussian that edges are blurred with.
    fill_holes : holes narrower than this, in px, are filled to the level of their rim; see
        `edges.fill_holes`.
    invert : the matte of what is left over, 1 - a; last of all.
    """

    black: float = 0.0
    white: float = 1.0
    gamma: float = 1.0
    grow: float = 0.0
    soften: float = 0.0
    fill_holes: float = 0.0
    invert: bool = False

    def __post_init__(self) -> None:
        """Refuse what no matte could be made with; ControlError names the control and its range."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "invert":
                object.__setattr__(self, "invert", bool(value))
            else:
                object.__setattr__(self, field.name, real(value, field.name, ControlError))
        if not 0 <= self.black < self.white <= 1:
            raise ControlError(
                f"the black point ({self.black:g}) has to lie below the white point ({self.white:g}),"
                " and both within 0 and 1."
            )
        if not 0.01 <= self.gamma <= 100:
            raise ControlError(f"gamma is from 0.01 to 100, not {self.gamma:g}; 1 changes nothing.")
        for name, least, most in (
            ("grow", -MOST_GROWN, MOST_GROWN),
            ("soften", 0.0, MOST_SOFTENED),
            ("fill_holes", 0.0, MOST_FILLED),
        ):
            if not least <= getattr(self, name) <= most:
                raise ControlError(f"{name} is from {least:g} to {most:g} px, not {getattr(self, name):g}.")

    @property
    def is_neutral(self) -> bool:
        """Whether these controls change nothing."""
        return self == Controls()


def apply(alpha: Any, controls: Controls | None = None, *, garbage: Any = None, core: Any = None) -> Float:
    """A matte as an artist wants it.

    Parameters
    ----------
    alpha : H×W, linear coverage: floats 0..1, uint8 or uint16 as shares of their white, or bool. It is never
        changed in place.
    controls : see `Controls`.
    garbage : H×W array, as `alpha`, 1 where nothing is kept: coverage is multiplied by 1 - garbage.
    core : H×W array, as `alpha`, 1 where everything is kept: coverage is at least this. Where it meets
        garbage, core wins.

    Returns
    -------
    H×W float32, 0..1: `alpha` itself where it is float32 and nothing is asked for.

    Raises
    ------
    ControlError : `garbage` or `core` has another size; or one of the three holds no numbers, or integers
        without an agreed white.
    """
    chosen = controls or Controls()
    result = as_coverage(alpha, ControlError)
    thrown, kept = _mask(garbage, result, "garbage"), _mask(core, result, "core")
    if (chosen.black, chosen.white, chosen.gamma) != (0, 1, 1):
        result = levels(result, chosen.black, chosen.white, chosen.gamma)
    if chosen.grow:
        result = edges.grow(result, chosen.grow)
    if chosen.soften:
        result = edges.soften(result, chosen.soften)
    if chosen.fill_holes > 0:
        result = edges.fill_holes(result, chosen.fill_holes)
    if thrown is not None:
        result = result * (1 - thrown)
    if kept is not None:
        result = np.maximum(result, kept)
    return inverted(result) if chosen.invert else result


def levels(alpha: Float, black: float, white: float, gamma: float) -> Float:
    """Black point, white point and gamma: a new H×W float32 array, 0..1."""
    lowest, scale = np.float32(black), np.float32(1 / max(white - black, 1e-6))
    source = np.ascontiguousarray(alpha, np.float32)
    out = np.empty_like(source)
    flat, target = source.ravel(), out.ravel()
    for start in range(0, flat.size, BAND):
        part = target[start : start + BAND]
        if black == 0 and white == 1:
            part[:] = flat[start : start + BAND]
        else:
            np.subtract(flat[start : start + BAND], lowest, out=part)
            np.multiply(part, scale, out=part)
        np.maximum(part, 0, out=part)
        np.minimum(part, 1, out=part)
        if gamma != 1:
            _raise(part, np.float32(1 / gamma))
    return out


def _raise(part: Float, power: np.float32) -> None:
    """`part` to a power, in place. What is 0 or 1 does not need it, and that is most of most mattes."""
    between = np.flatnonzero((part > 0) & (part < 1))
    if between.size > part.size // 2:
        np.power(part, power, out=part)
    elif between.size:
        part[between] = part[between] ** power


def inverted(alpha: Float) -> Float:
    """1 - alpha, a new array."""
    return np.subtract(np.float32(1), alpha, dtype=np.float32)


def _mask(given: Any, alpha: Float, name: str) -> Float | None:
    """A garbage or core matte as float32 0..1 of the matte's size, NaN as 0; None where there is none."""
    if given is None:
        return None
    mask = as_coverage(given, ControlError, f"the {name} matte")
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[..., 0]
    if mask.shape != alpha.shape:
        raise ControlError(f"the {name} matte is {mask.shape}, where the plate is {alpha.shape}.")
    return np.clip(np.nan_to_num(mask, nan=0.0, posinf=1.0, neginf=0.0), 0, 1)
