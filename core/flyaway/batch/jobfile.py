"""Job files: JOB.toml, or shots.csv. Every key is known or refused; a typing error never costs a night."""

from __future__ import annotations

import csv
import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from flyaway.batch import job_values as check
from flyaway.batch.finish import Finish
from flyaway.batch.job import Job, Shot
from flyaway.batch.job_keys import (
    CONTROLS,
    FRACTIONS,
    INTEGERS,
    JOB_KEYS,
    MASKS,
    OUTPUT_FRACTIONS,
    OUTPUT_KEYS,
    SHOT_FRACTIONS,
    SHOT_KEYS,
    SWITCHES,
    WRITE,
)
from flyaway.batch.plan import Target
from flyaway.batch.spreadsheet import read_rows
from flyaway.color import is_built_in_config
from flyaway.controls import Controls
from flyaway.coverage import ALPHA_IN
from flyaway.engines.base import ENGINES
from flyaway.errors import ControlError, JobError
from flyaway.foreground import Screen
from flyaway.frames.edges import parse_colour
from flyaway.frames.options import Depth, EdgeColour, Output, WriteOptions
from flyaway.subject import Subject

# A job of 100,000 shots has some 20 MB.
MAX_BYTES = 64 << 20


def load_job(path: str | Path, outputs: tuple[Target, ...] = ()) -> Job:
    """Read a job file.

    Parameters
    ----------
    path : ending in .toml or .csv. Relative paths in it are relative to its folder.
    outputs : for shots that name none.

    Raises
    ------
    JobError : it cannot be read, or says something that means nothing.
    """
    path = Path(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise JobError(f"{path} cannot be read: {error.strerror or error}.") from error
    if len(data) > MAX_BYTES:
        raise JobError(f"{path} is larger than a job file may be ({MAX_BYTES:,} bytes).")
    try:
        text = data.decode("utf-8-sig")
        if path.suffix.lower() == ".toml":
            job = _from_toml(path, tomllib.loads(text))
        elif path.suffix.lower() == ".csv":
            job = _from_csv(path, text, outputs)
        else:
            raise JobError(f"{path}: a job file ends in .toml or .csv.")
    except UnicodeDecodeError as error:
        raise JobError(f"{path} is no text in UTF-8; save it again as TOML, or as CSV in UTF-8.") from error
    except (tomllib.TOMLDecodeError, csv.Error, RecursionError) as error:
        raise JobError(f"{path} cannot be understood: {error}.") from error
    return replace(job, shots=tuple(_anchored(shot, path.parent, outputs) for shot in job.shots))


def _from_toml(path: Path, entries: dict[str, Any]) -> Job:
    check.known(entries, JOB_KEYS, str(path))
    tokens = check.tokens(entries.get("tokens", {}), str(path))
    defaults = check.table(entries.get("defaults", {}), f"{path}, defaults")
    shots = entries.get("shots", [])
    if not isinstance(shots, list):
        raise JobError(f"{path}: shots are written as [[shots]].")
    made = []
    for number, shot in enumerate(shots, 1):
        where = f"{path}, shot {number}"
        own = check.table(shot, where)
        # grow and choke are one setting: a shot that says either has said it.
        spoken = {"grow", "choke"} if {"grow", "choke"} & set(own) else set()
        merged = {**{key: value for key, value in defaults.items() if key not in spoken}, **own}
        merged["tokens"] = {
            **tokens,
            **check.tokens(defaults.get("tokens", {}), where),
            **check.tokens(shot.get("tokens", {}), where),
        }
        made.append(_shot(merged, where))
    name = check.text(entries, "name", str(path)) if "name" in entries else path.stem
    return Job(name, tuple(made), **_run_entries(entries, str(path)))


def _from_csv(path: Path, text: str, outputs: tuple[Target, ...]) -> Job:
    rows = read_rows(path, text, [out.path for out in outputs])
    shots = tuple(_shot(entries, where) for where, entries in rows.shots)
    notes: tuple[str, ...] = ()
    if rows.idle:
        names = ", ".join(repr(name) for name in rows.idle)
        notes = (f"{path}: not used, since they are no settings and no path names them: the columns {names}",)
    return Job(path.stem, shots, **_run_entries(rows.run, str(path)), notes=notes)


def _run_entries(entries: Mapping[str, Any], where: str) -> dict[str, Any]:
    """What a job file says of how its models are run."""
    check.one_of(entries, "device", ("auto", "cpu", "cuda"), where)
    check.one_of(entries, "engine", ENGINES, where)
    kept: dict[str, Any] = {
        key: check.text(entries, key, where) for key in ("device", "engine") if key in entries
    }
    if "threads" in entries:
        kept["threads"] = check.whole(entries["threads"], "threads", 1, where)
    return kept


def _shot(entries: Mapping[str, Any], where: str) -> Shot:
    check.known(entries, SHOT_KEYS, where)
    for key in ("name", "source"):
        if not entries.get(key):
            raise JobError(f"{where}: no {key}.")
    values: dict[str, Any] = {}
    for key, value in entries.items():
        if key == "outputs":
            if not isinstance(value, list):
                raise JobError(f"{where}: outputs are a list of paths or tables, not {value!r}.")
            values[key] = tuple(_output(out, where) for out in value)
        elif key == "tokens":
            values[key] = check.tokens(value, where)
        elif key in INTEGERS:
            values[key] = check.whole(value, key, 0, where)
        elif key in CONTROLS or key in (*MASKS, "subject"):
            continue
        elif key in SWITCHES:
            values[key] = check.switch(entries, key, where)
        elif key in SHOT_FRACTIONS:
            values[key] = check.share(entries, key, where)
        elif key == "alpha_in":
            check.one_of(entries, key, ALPHA_IN, where)
            values[key] = value
        elif key == "part" and not isinstance(value, str):
            values[key] = str(check.whole(value, key, 0, where))
        else:
            values[key] = check.text(entries, key, where)
    return Shot(**values, finish=_finish(entries, where))


def _finish(entries: Mapping[str, Any], where: str) -> Finish:
    """Matte controls, masks and the choice of a person, out of a shot's own keys."""
    values: dict[str, Any] = {}
    for key in FRACTIONS & set(entries):
        values[key] = check.number(entries, key, where)
    if "invert" in entries:
        values["invert"] = check.switch(entries, "invert", where)
    if "choke" in values and "grow" in values:
        raise JobError(f"{where}: choke is grow the other way; leave one.")
    if "choke" in values:
        values["grow"] = -values.pop("choke")
    try:
        controls = Controls(**values)
        subject = Subject.parse(check.text(entries, "subject", where)) if "subject" in entries else Subject()
    except ControlError as error:
        raise JobError(f"{where}: {error}") from error
    places = {key: check.text(entries, key, where) for key in MASKS if key in entries}
    return Finish(controls, subject=subject, **places)


def _output(entries: Any, where: str) -> Target:
    table = {"path": entries} if isinstance(entries, str) else check.table(entries, where)
    check.known(table, OUTPUT_KEYS, f"{where}, output")
    if "path" not in table:
        raise JobError(f"{where}: an output without a path.")
    check.one_of(table, "kind", get_args(Output), where)
    check.one_of(table, "depth", get_args(Depth), where)
    check.one_of(table, "edge_colour", get_args(EdgeColour), where)
    check.one_of(table, "despill", get_args(Screen), where)
    check.one_of(table, "format", ("exr", "png", "tif"), where)
    write: dict[str, Any] = {}
    for key in WRITE & set(table):
        if key in OUTPUT_FRACTIONS:
            write[key] = check.number(table, key, where)
        else:
            write[key] = check.switch(table, key, where) if key in SWITCHES else check.text(table, key, where)
    kind: Any = table.get("kind", "matte")
    options = WriteOptions(output=kind, **write)
    return Target(
        check.text(table, "path", where), options, f".{table['format']}" if "format" in table else None
    )


def _anchored(shot: Shot, folder: Path, outputs: tuple[Target, ...]) -> Shot:
    """The shot with its paths below the job file's folder where they are relative."""
    if not shot.outputs and not outputs:
        raise JobError(f"{shot.name}: no output; name one in the job file, or with --out.")
    own = tuple(
        replace(out, path=_below(folder, out.path), write=_anchored_write(folder, out.write))
        for out in shot.outputs
    )
    ocio = shot.ocio if shot.ocio is None or is_built_in_config(shot.ocio) else _below(folder, shot.ocio)
    places: dict[str, Any] = {
        name: _below(folder, text) for name in MASKS if (text := getattr(shot.finish, name))
    }
    return replace(
        shot,
        source=_below(folder, shot.source),
        outputs=own or outputs,
        ocio=ocio,
        finish=replace(shot.finish, **places),
    )


def _anchored_write(folder: Path, write: WriteOptions) -> WriteOptions:
    """The options with the background's path, where it is one, below the job file's folder."""
    if write.over is None or parse_colour(write.over) is not None:
        return write
    return replace(write, over=_below(folder, write.over))


def _below(folder: Path, text: str) -> str:
    """A path below a folder where it is relative; `~` is a home folder, as a shell would have made of it."""
    # Not through Path: a closing slash says that a folder is meant.
    text = os.path.expanduser(text)  # noqa: PTH111
    if Path(text).is_absolute():
        return text
    return text if str(folder) == "." else f"{folder}/{text}"
