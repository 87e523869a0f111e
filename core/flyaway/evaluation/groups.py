"""The scores of a run by groups of images: by size, by the end of the name, or by a table of properties."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from flyaway.errors import DatasetError
from flyaway.evaluation import report
from flyaway.evaluation.run import Row

if TYPE_CHECKING:
    from flyaway.evaluation.run import Evaluation

Grouping = Callable[[Row], str | None]
"""The group that a row belongs to; None leaves it out."""

MAX_TABLE_BYTES = 1 << 24


def resolution(row: Row) -> str:
    """The plate's long side."""
    return f"{max(row.width, row.height)} px"


def ending(row: Row) -> str:
    """What follows the last hyphen of the image's name, as ``p050`` in ``somebody-p050``."""
    return row.image.rpartition("-")[2]


NAMED: dict[str, Grouping] = {"resolution": resolution, "ending": ending}


def open_groupings(names: list[str]) -> dict[str, Grouping]:
    """Groupings by heading, for each of ``resolution``, ``ending`` or the path of a table.

    A table is CSV with a column ``name`` and one column a grouping. A row of it holds for the image of that
    name and for all whose names go on after a hyphen (``sitter`` for ``sitter-1024``).

    Raises
    ------
    DatasetError : no such grouping and no such file, or a file that is no such table.
    """
    groupings: dict[str, Grouping] = {}
    for name in names:
        if name in NAMED:
            groupings[name] = NAMED[name]
            continue
        for column, entries in read_table(Path(name)).items():
            groupings[column] = _by_name(entries)
    return groupings


def read_table(path: Path) -> dict[str, dict[str, str]]:
    """Column → image → group."""
    try:
        if path.stat().st_size > MAX_TABLE_BYTES:
            raise DatasetError(f"{path} is larger than a table of groups may be ({MAX_TABLE_BYTES:,} bytes)")
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(line for line in file if not line.startswith("#"))
            rows = list(reader)
            columns = [column for column in reader.fieldnames or [] if column != "name"]
            named = "name" in (reader.fieldnames or [])
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        known = ", ".join(NAMED)
        raise DatasetError(
            f"{path} cannot be read as a table of groups ({error}): give {known} or a CSV"
        ) from error
    if not named or not columns or any(None in row.values() or None in row for row in rows):
        raise DatasetError(
            f"{path} is no table of groups: it must start with name,COLUMN[,COLUMN…] and every row be as long"
        )
    return {column: {row["name"]: row[column] for row in rows} for column in columns}


def tables(result: Evaluation, groupings: Mapping[str, Grouping]) -> list[str]:
    """Markdown: for each grouping a heading and a table of group × matter, with the number of images."""
    lines: list[str] = []
    for heading, grouping in groupings.items():
        members = split(result, grouping)
        lines += [f"## By {heading}", "", *report.rule([heading, "images", "matter"], result.measures)]
        for group, rows in members.items():
            for matter in result.matters:
                own = [row for row in rows if row.matter == matter]
                means = report.cells(report.mean_scores(own, result.measures), result.measures)
                lines.append(report.line([group, str(len(own)), matter, *means]))
        left = result.images - sum(len(rows) for rows in members.values()) // len(result.matters)
        lines += ["", *([f"{left} images belong to no group.", ""] if left else [])]
    return lines


def split(result: Evaluation, grouping: Grouping) -> dict[str, list[Row]]:
    """Group → its rows, groups sorted by name (numbers by size)."""
    members: dict[str, list[Row]] = {}
    for row in result.rows:
        group = grouping(row)
        if group:
            members.setdefault(group, []).append(row)
    return {group: members[group] for group in sorted(members, key=_order)}


def _order(group: str) -> tuple[float, str]:
    number = group.split()[0]
    return (float(number), "") if number.isdigit() else (float("inf"), group)


def _by_name(entries: Mapping[str, str]) -> Grouping:
    def group(row: Row) -> str | None:
        name = row.image
        while name not in entries and "-" in name:
            name = name.rpartition("-")[0]
        return entries.get(name)

    return group
