"""Job files: JOB.toml, or shots.csv. Every key is known or refused; a typing error never costs a night."""

from __future__ import annotations

import csv
import difflib
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, get_args

from flyaway.batch import job_values as check
from flyaway.batch.finish import Finish
from flyaway.batch.job import Job, Shot
from flyaway.batch.plan import Target
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
_WRITE = {field.name for field in fields(WriteOptions)} - {"output"}
_OUTPUT_KEYS = {"path", "kind", "format"} | _WRITE
_CONTROLS = {field.name for field in fields(Controls)} | {"choke"}
_MASKS = ("garbage", "core", "raw")
_SHOT_KEYS = ({field.name for field in fields(Shot)} - {"finish"}) | _CONTROLS | {*_MASKS, "subject"}
_JOB_KEYS = {"name", "device", "engine", "threads", "tokens", "defaults", "shots"}
_INTEGERS = {"chunk", "handles"}
# What a spreadsheet may call its columns.
_ALIASES = {"shot": "name", "output": "path", "holdout": "core"}
_SWITCHES = {"coarse_only", "stills", "crop", "premultiplied", "unknown", "invert"}
_FRACTIONS = _CONTROLS - {"invert"}
_OUTPUT_FRACTIONS, _SHOT_FRACTIONS = {"despill_strength"}, {"steadiness"}


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
            job = _from_csv(path, text)
        else:
            raise JobError(f"{path}: a job file ends in .toml or .csv.")
    except UnicodeDecodeError as error:
        raise JobError(f"{path} is no text in UTF-8; save it again as TOML, or as CSV in UTF-8.") from error
    except (tomllib.TOMLDecodeError, csv.Error, RecursionError) as error:
        raise JobError(f"{path} cannot be understood: {error}.") from error
    return replace(job, shots=tuple(_anchored(shot, path.parent, outputs) for shot in job.shots))


def _from_toml(path: Path, entries: dict[str, Any]) -> Job:
    check.known(entries, _JOB_KEYS, str(path))
    tokens = check.tokens(entries.get("tokens", {}), str(path))
    defaults = check.table(entries.get("defaults", {}), f"{path}, defaults")
    shots = entries.get("shots", [])
    if not isinstance(shots, list):
        raise JobError(f"{path}: shots are written as [[shots]].")
    made = []
    for number, shot in enumerate(shots, 1):
        where = f"{path}, shot {number}"
        merged = {**defaults, **check.table(shot, where)}
        merged["tokens"] = {
            **tokens,
            **check.tokens(defaults.get("tokens", {}), where),
            **check.tokens(shot.get("tokens", {}), where),
        }
        made.append(_shot(merged, where))
    check.one_of(entries, "device", ("auto", "cpu", "cuda"), str(path))
    check.one_of(entries, "engine", ENGINES, str(path))
    kept: dict[str, Any] = {
        key: check.text(entries, key, str(path)) for key in ("device", "engine") if key in entries
    }
    if "threads" in entries:
        kept["threads"] = check.whole(entries["threads"], "threads", 1, str(path))
    name = check.text(entries, "name", str(path)) if "name" in entries else path.stem
    return Job(name, tuple(made), **kept)


def _from_csv(path: Path, text: str) -> Job:
    """A row a shot: columns that are no setting are naming tokens."""
    first, *_ = text.splitlines() or [""]
    # Where numbers have a decimal comma, spreadsheets part columns by semicolons.
    parted = max((",", ";", "\t"), key=first.count)
    rows = csv.DictReader(text.splitlines(), strict=True, delimiter=parted)
    _check_columns([str(name).strip() for name in rows.fieldnames or ()], path)
    made = []
    for number, row in enumerate(rows, 2):
        where = f"{path}, line {number}"
        spare: Any = row.pop(None, ())
        if not any(str(value or "").strip() for value in (*row.values(), *spare)):
            continue  # a spreadsheet's empty last rows
        if any(value.strip() for value in spare) or None in row.values():
            raise JobError(f"{where}: another number of columns than the first line has.")
        values = {str(key).strip(): (value or "").strip() for key, value in row.items()}
        entries: dict[str, Any] = {"tokens": {}}
        output: dict[str, Any] = {}
        for key, value in values.items():
            key = _ALIASES.get(key, key)
            if not value:
                continue
            if key in _OUTPUT_KEYS:
                output[key] = _typed(key, value, where)
            elif key in _SHOT_KEYS - {"outputs", "tokens"}:
                entries[key] = _typed(key, value, where)
            else:
                entries["tokens"][key] = value
        if output:
            entries["outputs"] = [output]
        shot = _shot(entries, where)
        _check_tokens(shot, where)
        made.append(shot)
    return Job(path.stem, tuple(made))


def _check_columns(names: list[str], path: Path) -> None:
    counts = Counter(_ALIASES.get(name, name) for name in names)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise JobError(f"{path}: two columns say {', '.join(twice)}; leave one.")


def _check_tokens(shot: Shot, where: str) -> None:
    """Refuse a column that nobody uses and that looks like a setting mistyped."""
    places = [getattr(shot.finish, name) for name in _MASKS]
    used = " ".join([shot.source, *(out.path for out in shot.outputs), *places])
    known = sorted(_SHOT_KEYS | _OUTPUT_KEYS | set(_ALIASES))
    for token in shot.tokens:
        near = difflib.get_close_matches(token.lower().replace("-", "_").replace(" ", "_"), known, 1, 0.8)
        if near and f"{{{token}}}" not in used:
            raise JobError(f"{where}: the column {token!r} means nothing and is no token in use; {near[0]}?")


def _typed(key: str, value: str, where: str) -> Any:
    if key in _INTEGERS:
        if not value.isdecimal():
            raise JobError(f"{where}: {key} is a number, not {value!r}.")
        return int(value)
    if key in _FRACTIONS | _OUTPUT_FRACTIONS | _SHOT_FRACTIONS:
        try:
            return float(value)
        except ValueError as error:
            raise JobError(f"{where}: {key} is a number, not {value!r}.") from error
    if key in _SWITCHES:
        if value.lower() not in ("true", "false", "yes", "no", "1", "0"):
            raise JobError(f"{where}: {key} is true or false, not {value!r}.")
        return value.lower() in ("true", "yes", "1")
    return value


def _shot(entries: Mapping[str, Any], where: str) -> Shot:
    check.known(entries, _SHOT_KEYS, where)
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
        elif key in _INTEGERS:
            values[key] = check.whole(value, key, 0, where)
        elif key in _CONTROLS or key in (*_MASKS, "subject"):
            continue
        elif key in _SWITCHES:
            values[key] = check.switch(entries, key, where)
        elif key in _SHOT_FRACTIONS:
            values[key] = check.share(entries, key, where)
        elif key == "alpha_in":
            check.one_of(entries, key, ALPHA_IN, where)
            values[key] = value
        else:
            values[key] = check.text(entries, key, where)
    return Shot(**values, finish=_finish(entries, where))


def _finish(entries: Mapping[str, Any], where: str) -> Finish:
    """Matte controls, masks and the choice of a person, out of a shot's own keys."""
    values: dict[str, Any] = {}
    for key in _FRACTIONS & set(entries):
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
    places = {key: check.text(entries, key, where) for key in _MASKS if key in entries}
    return Finish(controls, subject=subject, **places)


def _output(entries: Any, where: str) -> Target:
    table = {"path": entries} if isinstance(entries, str) else check.table(entries, where)
    check.known(table, _OUTPUT_KEYS, f"{where}, output")
    if "path" not in table:
        raise JobError(f"{where}: an output without a path.")
    check.one_of(table, "kind", get_args(Output), where)
    check.one_of(table, "depth", get_args(Depth), where)
    check.one_of(table, "edge_colour", get_args(EdgeColour), where)
    check.one_of(table, "despill", get_args(Screen), where)
    check.one_of(table, "format", ("exr", "png", "tif"), where)
    write: dict[str, Any] = {}
    for key in _WRITE & set(table):
        if key in _OUTPUT_FRACTIONS:
            write[key] = check.number(table, key, where)
        else:
            write[key] = (
                check.switch(table, key, where) if key in _SWITCHES else check.text(table, key, where)
            )
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
        name: _below(folder, text) for name in _MASKS if (text := getattr(shot.finish, name))
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
    if Path(text).is_absolute():
        return text
    # Not through Path: a closing slash says that a folder is meant.
    return text if str(folder) == "." else f"{folder}/{text}"
