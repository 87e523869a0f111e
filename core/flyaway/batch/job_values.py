"""What a job file may say for a key: each function gives the value, or refuses it by name.

`where` is the file and the shot or line that the message begins with.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flyaway.chosen import as_whole, check_word
from flyaway.errors import JobError


def known(entries: Mapping[str, Any], keys: set[str], where: str) -> None:
    """Refuse keys that mean nothing."""
    unknown = sorted(set(entries) - keys)
    if unknown:
        raise JobError(f"{where}: {', '.join(unknown)} means nothing; known are {', '.join(sorted(keys))}.")


def table(value: Any, where: str) -> dict[str, Any]:
    """A table of keys."""
    if not isinstance(value, dict):
        raise JobError(f"{where}: a table is expected, not {value!r}.")
    return value


def tokens(value: Any, where: str) -> dict[str, str]:
    """A table of naming tokens: texts, or whole numbers as texts."""
    found: dict[str, str] = {}
    for key, token in table(value, f"{where}, tokens").items():
        if not isinstance(token, str | int):
            raise JobError(f"{where}: the token {key} is no text.")
        found[str(key)] = str(token)
    return found


def text(entries: Mapping[str, Any], key: str, where: str) -> str:
    """A text that is not empty."""
    value = entries[key]
    if not isinstance(value, str) or not value.strip():
        raise JobError(f"{where}: {key} is a text, not {value!r}.")
    return value


def number(entries: Mapping[str, Any], key: str, where: str) -> float:
    """A number; true and false are none."""
    value = entries[key]
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise JobError(f"{where}: {key} is a number, not {value!r}.")
    return float(value)


def share(entries: Mapping[str, Any], key: str, where: str) -> float:
    """A number from 0 to 1."""
    value = number(entries, key, where)
    if not 0 <= value <= 1:
        raise JobError(f"{where}: {key} is a number from 0 to 1, not {value!r}.")
    return value


def whole(value: Any, key: str, least: int, where: str) -> int:
    """A whole number from `least` up."""
    found = as_whole(value)
    if found is None or found < least:
        raise JobError(f"{where}: {key} is a number from {least}, not {value!r}.")
    return found


def switch(entries: Mapping[str, Any], key: str, where: str) -> bool:
    """True or false."""
    value = entries[key]
    if not isinstance(value, bool):
        raise JobError(f"{where}: {key} is true or false, not {value!r}.")
    return value


def one_of(entries: Mapping[str, Any], key: str, allowed: tuple[str, ...], where: str) -> None:
    """Refuse a value that is none of those allowed; a key that is not there is fine."""
    if key in entries:
        check_word(entries[key], allowed, key, JobError, f"{where}: ")
