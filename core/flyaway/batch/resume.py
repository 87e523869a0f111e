"""What is on disk from earlier runs: whether it will do, and whether it may be replaced."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyaway import color, steady
from flyaway.batch.finish import frame_settings
from flyaway.batch.journal import Entry, JournalIndex, outputs_for
from flyaway.batch.places import Anchor
from flyaway.batch.plan import Plan
from flyaway.batch.report import FrameTask
from flyaway.batch.skipping import (
    NEW,
    Standing,
    kept_as_another,
    refuse_links_to_nowhere,
    standing_of,
)
from flyaway.errors import OtherKindError, ReadError, UsageError, WriteError
from flyaway.frames import canvas
from flyaway.frames.atomic import Disk, leads_nowhere, unfinished_files
from flyaway.frames.edges import parse_colour
from flyaway.frames.fingerprint import verdict
from flyaway.frames.write import WriteOptions
from flyaway.weights import ModelInfo

if TYPE_CHECKING:
    from flyaway.batch.memory import Memory
    from flyaway.batch.options import RunOptions
    from flyaway.matting import Matting

_CHANGED = "was changed after it was written"


def model_hash(matting: Matting) -> str:
    """One hash over the released files of a loaded model; see `weights_hash`."""
    return weights_hash(matting.info)


def weights_hash(info: ModelInfo) -> str:
    """One hash over the released files of a model, and how its alpha is read.

    Its version is no part of it: the same files are the same weights, whatever a manifest calls them.
    """
    hashes = sorted(f"{role} {file.sha256}" for role, file in info.files.items())
    if getattr(info, "reads_encoded", False):  # a caller's own matting need not say
        hashes.append("read again in linear light")
    return hashlib.sha256("\n".join([info.name, *hashes]).encode()).hexdigest()[:16]


def settings_hash(plan: Plan, options: RunOptions, *, remembers: bool = False) -> str:
    """One hash over everything but model and plate that changes what is written.

    Parameters
    ----------
    plan : its outputs; for a model that remembers, its chunks and their handles.
    options : how plates are read, and the model run.
    remembers : the model has a memory, and uses it: frames are matted as a shot.
    """
    settings = _of_network(options, remembers=remembers)
    settings["writes"] = [_of_write(write) for write in plan.writes]
    settings |= options.finish.as_settings()
    if remembers:
        settings["pieces"] = (plan.chunk, plan.handles) if plan.chunk else ()
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


def network_hash(options: RunOptions, *, remembers: bool = False) -> str:
    """One hash over everything but model and plate that changes what is found; `remembers`: in a shot."""
    settings = _of_network(options, remembers=remembers)
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _of_network(options: RunOptions, *, remembers: bool) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "in_space": options.in_space,
        # Where the configuration lies says nothing about pixels; what it holds does, and is hashed below.
        "read": _chosen(replace(options.read, config=None)),
        "refine": options.refine,
    }
    if remembers:
        settings["canvas"] = canvas.VERSION
    if remembers and options.steadiness > 0:
        settings["steadied"] = (steady.VERSION, options.steadiness)
    chosen = color.chosen_config(options.read.config)
    if chosen is not None:
        # By what it says, not by its name: a show's configuration is edited in its place.
        settings["ocio"] = chosen if color.is_built_in_config(chosen) else _hash_of(Path(chosen))
    return settings


def _chosen(options: Any) -> dict[str, Any]:
    """What differs from the defaults: an option that a later release adds makes no older matte stale."""
    return {
        one.name: value for one in fields(options) if (value := getattr(options, one.name)) != one.default
    }


def _of_write(write: WriteOptions) -> dict[str, Any]:
    settings = _chosen(write)
    if write.over is not None and parse_colour(write.over) is None:
        # Not where it lies: a project is moved, and what it holds is hashed frame by frame.
        settings["over"] = True
    return settings


def _hash_of(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError:  # whoever needs it says so, frame by frame
        return str(path)


class ResumePolicy:
    """What is on disk for a plan's frames.

    Parameters
    ----------
    plan : the frames.
    options : how they are run now.
    made : of `model_hash` and `settings_hash`.
    provenance : what is written into mattes' headers.
    past : the journals; None where none is kept.
    disk : where.
    memory : of a run whose model remembers.
    """

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        made: tuple[str, str],
        provenance: Mapping[str, str],
        past: JournalIndex | None,
        disk: Disk,
        memory: Memory | None = None,
    ) -> None:
        self._plan, self._options, self._provenance = plan, options, provenance
        self._model, self._settings = made
        self._past, self._disk, self._memory = past, disk, memory
        self._anchor = Anchor(plan.places[0][0].parent)

    def standing(self, task: FrameTask) -> Standing:
        """Why a frame must be done (again), if what is there will not do.

        Raises
        ------
        WriteError : what is there is somebody else's work, or another kind of picture, or a link to what is
            not there now, and only "overwrite" may replace it.
        """
        if not self._options.keeps:
            return Standing()
        refuse_links_to_nowhere(task)
        return self._skipping(task) if self._options.existing == "skip" else Standing(self._why_again(task))

    def _skipping(self, task: FrameTask) -> Standing:
        made_with = {key: self._provenance[key] for key in ("model", "stages")}
        try:
            found = standing_of(task, self._plan, self._options.read.part, made_with)
        except OtherKindError as error:
            self._refuse_theirs(task)  # which says more of it
            raise kept_as_another(error, task.frame) from error
        if found.why:
            self._refuse_theirs(task)
            return found
        entry = None if self._past is None else self._past.get(task.key)
        if found.remarks or entry is None:
            return found
        stale = why_stale(entry, task, self._model, self._frame_settings(task))
        return Standing(remarks=(stale,) if stale else ())

    def _frame_settings(self, task: FrameTask) -> str:
        return frame_settings(self._settings, self._options.finish, self._plan.writes, task)

    def _why_again(self, task: FrameTask) -> str:
        if self._past is None:
            return ""
        entry = self._past.get(task.key)
        there = [path for path in task.targets if path.is_file()]
        changed = [path for path in there if not self._is_as_written(path, entry)]
        for path in changed:
            self._refuse_to_replace(path, task, entry)
        missing = next((path.name for path in task.targets if path not in there), None)
        if missing:
            return f"{missing} is missing" if entry is not None else NEW
        if entry is None:
            return "the journal does not know it"
        stale = why_stale(entry, task, self._model, self._frame_settings(task))
        if not stale and self._memory is not None and task.frame is not None:
            stale = self._memory.why_stale(entry.memory, task.frame)
        return stale or (f"{changed[0].name} is not what was written" if changed else "")

    def _is_as_written(self, path: Path, entry: Entry | None) -> bool:
        """Whether a file is, byte for byte, what the journal says of it."""
        size = path.stat().st_size
        alike = [one for one in outputs_for(path, entry, self._anchor) if one.bytes == size]
        if not alike:
            return False
        digest = self._disk.sha256(path)
        return any(one.sha256 == digest for one in alike)

    def _refuse_theirs(self, task: FrameTask) -> None:
        """Raise where one of a frame's files is somebody's work."""
        entry = None if self._past is None else self._past.get(task.key)
        for path in task.targets:
            if path.is_file() and not self._is_as_written(path, entry):
                self._refuse_to_replace(path, task, entry)

    def _refuse_to_replace(self, path: Path, task: FrameTask, entry: Entry | None) -> None:
        """Raise for a whole picture that no run of ours left there: somebody painted on it, or made it.

        A frame that is done again is taken out of the journal first, so a run that died in the middle
        never leaves a file beside a line about another one: then, and where no journal ever knew the
        file, its own header must say that it is ours, and that its pixels are those that we wrote.
        """
        told = bool(outputs_for(path, entry, self._anchor))
        try:
            whose = verdict(path, task.frame)
        except ReadError:
            return
        begun = entry is None and self._past is not None and self._past.knows(task.key)
        if not told and (whose == "ours" or (whose == "unproven" and begun)):
            return
        what = {
            "foreign": "was made by something else",
            "unproven": "may have been changed after it was written (no journal knows it)",
        }
        reason = _CHANGED if told else what.get(whose, _CHANGED)
        raise WriteError(
            f"{reason}, and is kept. Move it away, or replace it with --overwrite.",
            path=path,
            frame=task.frame,
        )


def why_stale(entry: Entry, task: FrameTask, model: str, settings: str) -> str:
    """Why what the journal says of a frame no longer holds, or ""."""
    if entry.model != model:
        return "made with another model"
    if entry.settings != settings:
        return "made with other settings"
    try:
        stat = task.source.stat()
    except OSError:
        # Its plate is gone; whoever asked for the frame has a good matte of it.
        return ""
    if (entry.source_bytes, entry.source_mtime_ns) != (stat.st_size, stat.st_mtime_ns):
        return "its plate has changed"
    return ""


def refuse_existing(plan: Plan) -> None:
    """Raise UsageError where mattes are there already."""
    existing = [
        target for task in plan.tasks for target in task.targets if target.exists() or leads_nowhere(target)
    ]
    if existing:
        others = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise UsageError(
            f"{existing[0]}{others} exist already. Use --overwrite to replace them, --skip-existing"
            " to keep those that are whole, or --resume to do what is missing, stale or broken."
        )


def sweep(plan: Plan, disk: Disk) -> list[str]:
    """Remove temporary files that a run which died left of our frames; no living run has any."""
    folders: dict[Path, dict[Path, str]] = {}
    for task in plan.tasks:
        for target in task.targets:
            if target.parent not in folders:
                folders[target.parent] = unfinished_files(target.parent)
    if not any(folders.values()):
        return []
    ours = {target for task in plan.tasks for target in task.targets}
    orphans = [
        part for folder, parts in folders.items() for part, final in parts.items() if folder / final in ours
    ]
    for orphan in orphans:
        with contextlib.suppress(OSError):
            disk.remove(orphan)
    return [f"{len(orphans)} unfinished files of a run that died"] if orphans else []
