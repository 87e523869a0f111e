"""What a script chose, checked where it is taken: a word out of several, a number, a path.

A job file and the command line refuse what means nothing; a misspelt word from Python must not be taken in
silence for another one either. Numbers may be numpy's.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from flyaway.errors import FlyawayError, UsageError

Taken = TypeVar("Taken")
Held = TypeVar("Held")


def check_word(
    value: Any, words: Sequence[str], name: str, error: type[FlyawayError] = UsageError, where: str = ""
) -> None:
    """Refuse what is none of some words, and name them; `where` is what the message begins with."""
    if not isinstance(value, str) or value not in words:
        raise error(f"{where}{name} is one of {', '.join(words)}, not {value!r}.")


def as_whole(value: Any) -> int | None:
    """A whole number as Python's own; None for what is none, as true and false are."""
    return int(value) if isinstance(value, Integral) and value is not True and value is not False else None


def whole(value: Any, least: int, name: str, error: type[FlyawayError] = UsageError, where: str = "") -> int:
    """A whole number from `least` up, as Python's own."""
    found = as_whole(value)
    if found is None or found < least:
        raise error(f"{where}{name} is a whole number from {least}, not {value!r}.")
    return found


def real(value: Any, name: str, error: type[FlyawayError] = UsageError, where: str = "") -> float:
    """A finite number as Python's own; what is a whole number stays one."""
    found: float | None = as_whole(value)
    if found is None and isinstance(value, Real) and not isinstance(value, Integral):
        found = float(value)
    if found is None or not math.isfinite(found):
        raise error(f"{where}{name} is a number, not {value!r}.")
    return found


def share(value: Any, name: str, error: type[FlyawayError] = UsageError, where: str = "") -> float:
    """A number from 0 to 1."""
    found = real(value, name, error, where)
    if not 0 <= found <= 1:
        raise error(f"{where}{name} lies between 0 and 1, and {value!r} does not.")
    return found


def path_text(value: Any, name: str, error: type[FlyawayError] = UsageError) -> str:
    """A path as a text: it may be a `pathlib.Path`."""
    found = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(found, str):
        raise error(f"{name} is a path, not {value!r}.")
    return found


def _path_if_any(value: Any, name: str) -> str | None:
    return None if value is None else path_text(value, name)


def _part_text(value: Any, name: str) -> str | None:
    """Which part of a file: its name, its view or its number from 0; None for any."""
    number = as_whole(value)
    if number is not None and number >= 0:
        return str(number)
    if value is None or isinstance(value, str):
        return value
    raise UsageError(f"{name} is a part's name, its view, or its number from 0, not {value!r}.")


class Plain(Generic[Taken, Held]):
    """A field of a dataclass that takes more kinds than it holds, such as a `Path` where it holds text.

    Parameters
    ----------
    plain : (value, the field's name) → what is held; raises where it cannot be.
    default : what is held where nothing is given; a field without one must be given.
    """

    def __init__(self, plain: Callable[[Any, str], Held], *default: Held) -> None:
        self._plain, self._default = plain, default

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Held: ...
    @overload
    def __get__(self, instance: object, owner: type) -> Held: ...
    def __get__(self, instance: object | None, owner: type) -> Held:
        if instance is not None:
            held: Held = instance.__dict__[self._name]
            return held
        if not self._default:  # so that the dataclass knows of none
            raise AttributeError(self._name)
        return self._default[0]

    def __set__(self, instance: object, value: Taken) -> None:
        instance.__dict__[self._name] = self._plain(value, self._name)


PathField = Plain[str | Path, str]
MaybePathField = Plain[str | Path | None, str | None]
PartField = Plain[str | int | None, str | None]


def path_field(*default: str) -> PathField:
    """A field that holds a path as text."""
    return Plain(path_text, *default)


def maybe_path_field() -> MaybePathField:
    """A field that holds a path as text, or None, which it does by default."""
    return Plain(_path_if_any, None)


def part_field() -> PartField:
    """A field that holds which part of a file is meant, as text; None, the default, for any."""
    return Plain(_part_text, None)
