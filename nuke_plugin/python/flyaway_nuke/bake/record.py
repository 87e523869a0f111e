"""What a bake's folder says of itself: `bake.json`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
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
# Settings and source stand at a record's end, since its keys are sorted; this much holds them.
_TAIL = 16 * 1024
_SETTINGS = '\n "settings": {'


@dataclass(frozen=True)
class Glimpse:
    """What tells one bake from another; `plate` is one of its frames, with what the plate was."""

    source: str
    settings: dict[str, str]
    plate: tuple[str, str] | None


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
    outdated : frame → what a matte was when its plate changed: as long as it is that, it does not count.
    """

    folder: Path
    source: str
    settings: dict[str, str]
    plates: dict[str, str]
    mattes: dict[str, str]
    outdated: dict[str, str] = field(default_factory=dict)

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
        _keyed(stored.get("outdated")),
    )


def glimpse(folder: Path) -> Glimpse | None:
    """Which bake a folder holds, from the last bytes of its record; None where it is no bake's folder.

    A record of a long shot takes milliseconds to read, and hundreds lie in one place.
    """
    try:
        with (folder / RECORD).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL))
            text = file.read(_TAIL).decode("utf-8", "replace").replace("\r\n", "\n")
    except OSError:
        return None
    # No string of a JSON file holds a line break: this can only be the key itself.
    plates, found, rest = text.rpartition(_SETTINGS)
    try:
        end = json.loads("{" + found + rest) if found else {}
    except (ValueError, RecursionError):
        end = {}
    if not isinstance(end.get("source"), str) or set(end) != {"settings", "source"}:
        return _slow_glimpse(folder)
    known = re.findall(r'\n  "(-?\d{1,9}|still)": "(\d+:\d+:[0-9a-f]+)"', plates)
    return Glimpse(end["source"], _strings(end["settings"]), known[-1] if known else None)


def _slow_glimpse(folder: Path) -> Glimpse | None:
    """The same of a record that somebody else wrote in another order."""
    record = record_or_none(folder)
    if record is None:
        return None
    known = [(key, plate) for key, plate in record.plates.items() if plate]
    return Glimpse(record.source, record.settings, known[-1] if known else None)


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
    outdated = {key: stat for key, stat in record.outdated.items() if stat}
    if outdated:
        content["outdated"] = outdated
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
