"""What is on disk from an earlier run, and whether it will do."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from flyaway.batch.journal import Entry
from flyaway.batch.plan import Plan
from flyaway.batch.report import FrameTask
from flyaway.errors import PatternError
from flyaway.frames.landing import Disk, parts_of

if TYPE_CHECKING:
    from flyaway.batch.run import RunOptions
    from flyaway.matting import Matting


def model_hash(matting: Matting) -> str:
    """One hash over the released files of a model."""
    hashes = sorted(f"{role} {file.sha256}" for role, file in matting.info.files.items())
    return hashlib.sha256("\n".join([matting.info.name, *hashes]).encode()).hexdigest()[:16]


def settings_hash(plan: Plan, options: RunOptions) -> str:
    """One hash over everything but model and plate that changes what is written."""
    said = {
        "in_space": options.in_space,
        "read": asdict(options.read),
        "refine": options.refine,
        "writes": [asdict(write) for write in plan.writes],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:16]


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


def why_broken(entry: Entry, task: FrameTask, state: Path, disk: Disk) -> str:
    """Which of a frame's files is not what was written, or ""."""
    said = {(state.parent / output.path).resolve(): output for output in entry.outputs}
    for target in task.targets:
        output = said.get(target.resolve())
        if output is None:
            return f"the journal does not know {target.name}"
        if target.stat().st_size != output.bytes or disk.sha256(target) != output.sha256:
            return f"{target.name} is not what was written"
    return ""


def refuse_existing(plan: Plan) -> None:
    """Raise PatternError where mattes are there already."""
    existing = [target for task in plan.tasks for target in task.targets if target.exists()]
    if existing:
        others = f" and {len(existing) - 1} more" if len(existing) > 1 else ""
        raise PatternError(
            f"{existing[0]}{others} exist already. Use --overwrite to replace them, --skip-existing"
            " to keep those that are whole, or --resume to do what is missing, stale or broken."
        )


def sweep(plan: Plan, disk: Disk) -> list[str]:
    """Remove temporary files that a run which died left of our frames; no living run has any."""
    folders: dict[Path, dict[Path, str]] = {}
    for task in plan.tasks:
        for target in task.targets:
            if target.parent not in folders:
                folders[target.parent] = parts_of(target.parent)
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
