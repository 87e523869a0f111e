"""What a script chose, checked where it is taken: a word out of several, a number, a path.

A job file and the command line refuse what means nothing; a misspelt word from Python must not be taken in
silence for another one either. Numbers may be numpy's.
"""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Sequence
from typing import Any

from flyaway.errors import FlyawayError, UsageError


def check_word(
    value: Any, words: Sequence[str], name: str, error: type[FlyawayError] = UsageError, where: str = ""
) -> None:
    """Refuse what is none of some words, and name them; `where` is what the message begins with."""
    if not isinstance(value, str) or value not in words:
        raise error(f"{where}{name} is one of {', '.join(words)}, not {value!r}.")


def whole(value: Any, least: int, name: str, error: type[FlyawayError] = UsageError, where: str = "") -> int:
    """A whole number from `least` up, as Python's own; true and false are none."""
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise error(f"{where}{name} is a whole number from {least}, not {value!r}.")
    return int(value)


def real(value: Any, name: str, error: type[FlyawayError] = UsageError, where: str = "") -> float:
    """A finite number, as Python's own; what is a whole number stays one."""
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        found = int(value) if isinstance(value, numbers.Integral) else float(value)
        if math.isfinite(found):
            return found
    raise error(f"{where}{name} is a number, not {value!r}.")


def path_text(value: Any, name: str, error: type[FlyawayError] = UsageError, where: str = "") -> str:
    """A path as a text: it may be a `pathlib.Path`."""
    found = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(found, str):
        raise error(f"{where}{name} is a path, not {value!r}.")
    return found
