"""What a run would do, without doing it: a table of shots, and what the disks have to take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import flyaway
from flyaway.batch.cost import Cost, cost_of, disk_of, seconds_a_frame
from flyaway.batch.first_plate import unreadable, unwritable
from flyaway.batch.job import Job, Shot, run_options
from flyaway.batch.naming import filled, tokens_of
from flyaway.batch.others import other_engine, other_weights
from flyaway.batch.places import absolute
from flyaway.cli.console import say, say_raw
from flyaway.engines.base import DEFAULT_ENGINE
from flyaway.weights import model_info

if TYPE_CHECKING:
    from flyaway.batch.options import Existing, RunOptions
    from flyaway.batch.plan import Plan


@dataclass(frozen=True)
class Row:
    """A shot, what it would do, and what that costs.

    `seconds` are of the network, where they were measured; `other` tells of frames that other weights
    or another engine made, `wrong` why its first plate cannot be matted as asked.
    """

    shot: Shot
    plan: Plan
    cost: Cost
    seconds: float | None = None
    other: Sequence[str] = ()
    wrong: str = ""


def rows_of(
    job: Job, plans: Sequence[tuple[Shot, Plan]], *, measure: bool, existing: Existing = "resume"
) -> list[Row]:
    """Price every shot; with `measure`, by running its model on a drawn frame of its size."""
    rows = []
    speeds: dict[tuple[str, bool, int, int], float] = {}
    for shot, plan in plans:
        finish = filled(shot, tokens_of(job, shot))
        row = row_of(shot, plan, replace(run_options(shot, existing), finish=finish), job.engine)
        cost, seconds = row.cost, None
        if measure and cost.width:
            refine = not shot.coarse_only
            key = (shot.model, refine, cost.width, cost.height)
            if key not in speeds:
                matting = flyaway.load(shot.model, **job.loading)
                speeds[key] = seconds_a_frame(matting, cost.width, cost.height, refine=refine)
            seconds = speeds[key] * cost.runs
        rows.append(replace(row, seconds=seconds))
    return rows


def row_of(shot: Shot, plan: Plan, options: RunOptions, engine: str = DEFAULT_ENGINE) -> Row:
    """Price a shot without running anything; `options` and `engine` are those that it would be run with."""
    info = model_info(shot.model)
    other = [*other_weights(plan, info), *other_engine(plan, info, engine)]
    cost = cost_of(plan, options=options, info=info)
    wrong = unreadable(plan, options.read) or unwritable(plan, options.read.part)
    return Row(shot, plan, cost, other=other, wrong=wrong)


def print_json(job: Job, rows: Sequence[Row]) -> None:
    """Print the plan as one JSON object."""
    shots = [
        {
            "name": row.shot.name,
            "model": row.shot.model,
            "first": absolute(row.plan.tasks[0].source),
            "targets": [absolute(path) for path in row.plan.tasks[0].targets],
            "cost": row.cost.as_json(),
            "gaps": row.plan.gaps,
            "notices": [*([row.wrong] if row.wrong else []), *row.plan.notices, *row.other],
            "works": not row.wrong,
            "seconds": row.seconds,
        }
        for row in rows
    ]
    say_raw(json.dumps({"job": job.name, "device": job.device, "shots": shots, "disks": disks(rows)}))


def print_table(job: Job, rows: Sequence[Row]) -> None:
    """Print the plan for people: what a shot takes, where it goes, and whether the disks have room."""
    head = ["shot", "model", "frames", "known", "to do", "size", "in", "out at most"]
    timed = any(row.seconds is not None for row in rows)
    table = [[*head, "network"] if timed else head]
    for row in rows:
        cost = row.cost
        cells = [
            row.shot.name,
            row.shot.model,
            str(cost.frames),
            str(cost.known),
            str(cost.todo),
            f"{cost.width}×{cost.height}",
            readable(cost.bytes_in),
            readable(cost.bytes_out),
        ]
        table.append([*cells, "" if row.seconds is None else f"{row.seconds:,.0f} s"] if timed else cells)
    _say_columns(table, left=2)
    for row in rows:
        for line in _remarks(row):
            say(f"{row.shot.name}: {line}")
    found = disks(rows)
    if found:
        _say_disks(found)
    total = sum(row.cost.todo for row in rows)
    known = [row.seconds for row in rows if row.seconds is not None]
    took = f", about {sum(known):,.0f} s of network on this machine" if known else ""
    out = readable(sum(row.cost.bytes_out for row in rows))
    frames = "1 frame" if total == 1 else f"{total} frames"
    more = sum(row.cost.runs for row in rows) - total
    also = f" and {more} run for memory alone" if more else ""
    shots = "1 shot" if len(rows) == 1 else f"{len(rows)} shots"
    say(f"{job.name}: {shots}, {frames} to do{also}, at most {out} out{took}")


def _say_disks(found: Sequence[Mapping[str, object]]) -> None:
    say("")
    _say_columns(
        [["disk of", "out at most", "free", ""]]
        + [
            [
                str(disk["folder"]),
                readable(float(str(disk["bytes_out"]))),
                "unknown" if disk["bytes_free"] is None else readable(float(str(disk["bytes_free"]))),
                "" if disk["enough"] else "NOT ENOUGH",
            ]
            for disk in found
        ],
        left=1,
    )


def disks(rows: Sequence[Row]) -> list[dict[str, object]]:
    """What all shots together write to each disk, and what is free there."""
    summed: dict[object, tuple[str, int, int | None]] = {}
    for row in rows:
        for folder, size in row.cost.folders.items():
            key, free = disk_of(folder)
            first, before, _ = summed.get(key, (folder, 0, None))
            summed[key] = (first, before + size, free)
    return [
        {
            "folder": folder,
            "bytes_out": size,
            "bytes_free": free,
            "enough": free is None or size <= free,
        }
        for folder, size, free in summed.values()
    ]


def readable(size: float) -> str:
    """Bytes for people: 999 kB, 1.50 GB."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.2f} GB" if size < 1000 else f"{size / 1000:.2f} TB"


def _remarks(row: Row) -> list[str]:
    plan, cost = row.plan, row.cost
    last = f" … {plan.tasks[-1].source.name}" if len(plan.tasks) > 1 else ""
    targets = ", ".join(str(path) for path in plan.tasks[0].targets)
    parts = [f"{plan.tasks[0].source}{last} -> {targets}"]
    if cost.chunks > 1:
        parts.append(f"{cost.chunks} chunks")
    if cost.handles or cost.replays:
        kinds = [(cost.handles, "before a range or chunk"), (cost.replays, "of its own again")]
        which = ", ".join(f"{count} {what}" for count, what in kinds if count)
        parts.append(f"run for the shot's memory, not written: {which}")
    if row.wrong:
        parts.append(f"CANNOT BE MATTED: {row.wrong}")
    if cost.missing:
        parts.append(f"{cost.missing} WITHOUT A PLATE")
    parts += [f"stale, {which}: {why}" for why, which in cost.stale.items()]
    if plan.gaps:
        parts.append(f"NO PLATES FOR {plan.gaps}")
    return parts + [f"passed over {what}" for what in plan.passed_over] + [*row.other]


def _say_columns(table: Sequence[Sequence[str]], *, left: int) -> None:
    """Columns that line up, the first `left` of them to the left; never wrapped, for logs."""
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))]
    for row in table:
        cells = [
            cell.ljust(width) if index < left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        say("  ".join(cells).rstrip())
