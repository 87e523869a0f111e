"""What a bake's folder says of itself: `bake.json`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import CacheError
from .job import OUTPUTS
from .preferences import read_json, write_json

RECORD = "bake.json"
STILL = "still"  # the key of a matte that is one for all frames
_FORMAT = 1
# 100,000 frames fit.
_LARGEST = 32 * 1024 * 1024


@dataclass(frozen=True)
class Record:
    """What a bake's folder says of itself.

    Attributes
    ----------
    folder : where it is.
    source : the plate's pattern when it was baked.
    settings : see `job.Settings.as_dict`.
    plates : frame → what the plate was: "size:mtime:digest".
    mattes : frame → what the matte was when it was done: "size:mtime".
    """

    folder: Path
    source: str
    settings: dict[str, str]
    plates: dict[str, str]
    mattes: dict[str, str]

    @property
    def frames(self) -> list[int]:
        """The frames that were baked, ascending; none for a still."""
        return frame_numbers(self.mattes)

    @property
    def output(self) -> str:
        """What its files hold: one of `job.OUTPUTS`."""
        output = self.settings.get("output", "matte")
        return output if output in OUTPUTS else "matte"

    @property
    def still(self) -> bool:
        """Whether it is one matte for all frames."""
        return STILL in self.mattes or (STILL in self.plates and not self.mattes)


def read_record(folder: Path) -> Record:
    """What a bake's folder says of itself.

    Raises
    ------
    CacheError : it is no bake's folder, or its record is damaged.
    """
    path = folder / RECORD
    if not path.is_file():
        raise CacheError(f"{folder} is no bake: there is no {RECORD} in it.")
    try:
        stored = read_json(path, _LARGEST)
    except Exception as error:
        raise CacheError(str(error)) from error
    if stored.get("flyaway_bake") != _FORMAT or not isinstance(stored.get("source"), str):
        raise CacheError(f"{path} is of another kind, or of a newer release.")
    return Record(
        folder,
        stored["source"],
        _strings(stored.get("settings")),
        _keyed(stored.get("plates")),
        _keyed(stored.get("mattes")),
    )


def record_or_none(folder: Path) -> Record | None:
    """The same, or None where it is no bake's folder."""
    try:
        return read_record(folder)
    except CacheError:
        return None


def write_record(record: Record) -> None:
    """Write it into its folder; an OSError is the caller's."""
    content: dict[str, Any] = {
        "flyaway_bake": _FORMAT,
        "source": record.source,
        "settings": record.settings,
        "plates": record.plates,
        "mattes": record.mattes,
    }
    write_json(record.folder / RECORD, content)


def frame_numbers(keys: Iterable[str]) -> list[int]:
    """The frames among the keys of a record, ascending."""
    return sorted(int(key) for key in keys if key != STILL)


def _strings(value: object) -> dict[str, str]:
    return {str(key): str(item) for key, item in value.items()} if isinstance(value, dict) else {}


def _keyed(value: object) -> dict[str, str]:
    """Only keys that are frames, or the still's."""
    return {
        key: item for key, item in _strings(value).items() if key == STILL or re.fullmatch(r"-?\d{1,9}", key)
    }
