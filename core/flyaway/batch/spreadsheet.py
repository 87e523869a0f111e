"""shots.csv: a row a shot, as a spreadsheet saves it. Columns that are no setting are naming tokens."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyaway.batch.job_keys import (
    FRACTIONS,
    INTEGERS,
    JOB_KEYS,
    OUTPUT_FRACTIONS,
    OUTPUT_KEYS,
    RUN_KEYS,
    SHOT_FRACTIONS,
    SHOT_KEYS,
    SWITCHES,
)
from flyaway.errors import JobError

# What a spreadsheet may call its columns.
_ALIASES = {"shot": "name", "output": "path", "outputs": "path", "holdout": "core"}
_SETTINGS = (SHOT_KEYS - {"outputs", "tokens"}) | OUTPUT_KEYS | RUN_KEYS
_SEPARATOR = re.compile(r'"?sep=(.)"?[,;\t]*', re.IGNORECASE)  # Excel's own first line
_LOOKED_AT = 100  # lines, for the head
_USED = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True)
class Rows:
    """What a spreadsheet says.

    Attributes
    ----------
    shots : for each row where it stands, and a shot's entries as a TOML would have them.
    run : of `RUN_KEYS`, what all rows say alike.
    idle : columns that have values, and are neither a setting nor a token that a path names.
    """

    shots: Sequence[tuple[str, dict[str, Any]]]
    run: dict[str, Any]
    idle: Sequence[str]


def read_rows(path: Path, text: str, outputs: Sequence[str] = ()) -> Rows:
    """Read a spreadsheet.

    Parameters
    ----------
    path : its name, for messages.
    text : what is in it.
    outputs : paths for shots that name none; they may name tokens, too.

    Raises
    ------
    JobError : a column or a cell means nothing.
    """
    lines = _lines(path, text)
    first, head = next(lines, ("", []))
    body = list(lines)
    used = {token for _, row in body for cell in row for token in _USED.findall(cell)}
    used |= {token for one in outputs for token in _USED.findall(one)}
    columns = [_column(cell.strip(), used) for cell in head]
    _check_columns(columns, path, first)
    shots, said = [], list[tuple[str, dict[str, str]]]()
    run = (RUN_KEYS & set(columns)) - used  # one that a path names is a token, as any other word
    for where, row in body:
        cells = _cells(columns, row, where)
        shots.append((where, _entries(cells, where, RUN_KEYS & used)))
        said.append((where, {key: cells.get(key, "") for key in run}))
    names = {name for _, entries in shots for name in entries["tokens"]}
    idle = [name for name in columns if name in names and name not in used]
    _check_idle(idle, path)
    return Rows(shots, _run(said), idle)


def _lines(path: Path, text: str) -> Iterator[tuple[str, list[str]]]:
    """Where a row stands, and its cells; without blank rows, Excel's first line, remarks above the head."""
    lines = [line for line in text.splitlines()[:_LOOKED_AT] if line.strip(" ,;\t")]
    named = _SEPARATOR.fullmatch(lines[0].strip(" ")) if lines else None
    head = next((line for line in lines[bool(named) :] if not _is_remark(line)), "")
    # Where numbers have a decimal comma, spreadsheets part columns by semicolons.
    parted = (
        named[1] if named else max((",", ";", "\t"), key=lambda mark: (_known(head, mark), head.count(mark)))
    )
    # Not line by line: a cell in quotes may hold line breaks, and a form feed ends no line.
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=parted)
    begun, line = False, 1
    for row in reader:
        where, line = f"{path}, line {line}", reader.line_num + 1
        if not any(cell.strip() for cell in row):
            continue
        if not begun and (_is_remark(row[0]) or _SEPARATOR.fullmatch(parted.join(row))):
            continue
        begun = True
        yield where, row


def _known(head: str, mark: str) -> int:
    """How many columns of a head are settings, parted so: a remark's own commas part nothing."""
    return sum(cell.strip(' "').lower() in _SETTINGS | set(_ALIASES) for cell in head.split(mark))


def _is_remark(line: str) -> bool:
    return line.lstrip(' "').startswith("#")


def _column(name: str, used: set[str]) -> str:
    """A column by its setting's name, in whatever case it is written; a token that is in use by its own."""
    setting = _ALIASES.get(name.lower(), name.lower())
    return (
        setting
        if setting in _SETTINGS and name not in used - (_SETTINGS - RUN_KEYS) - set(_ALIASES)
        else name
    )


def _check_columns(columns: Sequence[str], path: Path, first: str) -> None:
    counts = Counter(name for name in columns if name)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise JobError(f"{path}: two columns say {', '.join(twice)}; leave one.")
    missing = [name for name in ("name", "source") if name not in columns]
    if missing and first:
        raise JobError(
            f"{first}: no column is called {' or '.join(missing)}. The first line names the columns, for"
            " example name,source,path."
        )


def _check_idle(idle: Sequence[str], path: Path) -> None:
    """Refuse a column that nobody uses and that looks like a setting mistyped."""
    known = sorted(SHOT_KEYS | OUTPUT_KEYS | JOB_KEYS | set(_ALIASES))
    for name in idle:
        near = difflib.get_close_matches(name.lower().replace("-", "_").replace(" ", "_"), known, 1, 0.8)
        if near:
            meant = _ALIASES.get(near[0], near[0])
            there = f"{meant}?" if meant in _SETTINGS else "leave it out, or give it another name."
            raise JobError(f"{path}: the column {name!r} means nothing and is no token in use; {there}")


def _cells(columns: Sequence[str], row: Sequence[str], where: str) -> dict[str, str]:
    """A row's cells that say something, by column."""
    spare = [cell for cell in row[len(columns) :] if cell.strip()]
    if spare or len(row) < len(columns):
        raise JobError(
            f"{where}: another number of columns ({len(row)}) than the first line has ({len(columns)}). A"
            " value that holds what parts them stands in quotes, and remarks stand above the first line."
        )
    found = {name: cell.strip() for name, cell in zip(columns, row, strict=False) if name and cell.strip()}
    lost = [cell for name, cell in zip(columns, row, strict=False) if not name and cell.strip()]
    if lost:
        raise JobError(f"{where}: {lost[0]!r} stands in a column without a name; name it in the first line.")
    return found


def _entries(cells: dict[str, str], where: str, tokens: Collection[str]) -> dict[str, Any]:
    entries: dict[str, Any] = {"tokens": {}}
    output: dict[str, Any] = {}
    for key, value in cells.items():
        if key in tokens:
            entries["tokens"][key] = value
        elif key in RUN_KEYS:
            continue
        elif key in OUTPUT_KEYS:
            output[key] = _typed(key, value, where)
        elif key in _SETTINGS:
            entries[key] = _typed(key, value, where)
        else:
            entries["tokens"][key] = value
    if output:
        entries["outputs"] = [output]
    return entries


def _run(said: Sequence[tuple[str, dict[str, str]]]) -> dict[str, Any]:
    """How the models are run, which is one choice for all shots: every row says the same, or none does."""
    if not said:
        return {}
    _, first = said[0]
    for where, cells in said:
        for key, value in cells.items():
            if value != first[key]:
                raise JobError(
                    f"{where}: {key} is {value!r}, and {first[key]!r} in the first row; it is one for the"
                    f" whole job. Say the same in every row, or leave the column out and use --{key}."
                )
    where = said[0][0]
    return {
        key: _whole(key, value, where) if key == "threads" else value for key, value in first.items() if value
    }


def _whole(key: str, value: str, where: str) -> int:
    if not value.isdecimal():
        raise JobError(f"{where}: {key} is a number, not {value!r}.")
    return int(value)


def _typed(key: str, value: str, where: str) -> Any:
    if key in INTEGERS:
        return _whole(key, value, where)
    if key in FRACTIONS | OUTPUT_FRACTIONS | SHOT_FRACTIONS:
        try:
            return float(value)
        except ValueError as error:
            raise JobError(f"{where}: {key} is a number, not {value!r}.") from error
    if key in SWITCHES:
        if value.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise JobError(f"{where}: {key} is true or false, not {value!r}.")
        return value.lower() in ("true", "yes", "1")
    return value
