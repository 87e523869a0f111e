"""Lists that are written once and then only read: what is held out, so that results stay comparable."""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, TypeVar

Row = TypeVar("Row")


def write_rows(rows: Sequence[Any], path: Path) -> None:
    """Write dataclass instances as a CSV table; FileExistsError where one is there, which stays."""
    with path.open("x", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([field.name for field in fields(rows[0])])
        writer.writerows(astuple(row) for row in rows)


def read_rows(path: Path, kind: type[Row]) -> list[Row]:
    """Read a table as instances of a dataclass whose fields are its columns, all text."""
    with path.open(newline="", encoding="utf-8") as stream:
        return [kind(**row) for row in csv.DictReader(stream)]


def command(
    doc: str | None,
    what: str,
    kind: type[Row],
    make: Callable[[Path], list[Row]],
    default: Path,
    arguments: Sequence[str] | None,
) -> int:
    """Write the list, or (``--check``) compare the one that is there with what its rule yields.

    Parameters
    ----------
    doc : of the module, for ``--help``.
    what : the list's name in messages ("split").
    kind : dataclass of a row.
    make : applies the rule to a data folder.
    default : where the committed list lies.
    arguments : of the command line; None takes the process's own.

    Returns
    -------
    The exit code: 1 where the lists differ, or where one would be written twice.
    """
    parser = argparse.ArgumentParser(description=doc)
    parser.add_argument("--data", type=Path, required=True, help="folder with the tables")
    parser.add_argument("--output", type=Path, default=default)
    parser.add_argument("--check", action="store_true", help="compare with the list that is there")
    options = parser.parse_args(arguments)
    rows = make(options.data)
    if options.check:
        same = read_rows(options.output, kind) == rows
        print(f"the {what} is the one committed" if same else f"the rule no longer yields {options.output}")
        return 0 if same else 1
    try:
        write_rows(rows, options.output)
    except FileExistsError:
        print(f"{options.output} is there already: a {what} is never made twice (--check compares it)")
        return 1
    return 0
