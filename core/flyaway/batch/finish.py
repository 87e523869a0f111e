"""What an artist asks of a shot's mattes: masks, matte controls, which person, where raw mattes are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flyaway.batch.destinations import absent, check_destination
from flyaway.batch.places import Anchor
from flyaway.batch.raw import raw_path
from flyaway.chosen import PathField, path_field
from flyaway.color import FloatImage
from flyaway.controls import Controls
from flyaway.errors import ReadError, UsageError
from flyaway.frames.edges import background_path
from flyaway.frames.masks import check_mask, mask_path
from flyaway.frames.options import WriteOptions
from flyaway.frames.preview import preview_path
from flyaway.frames.reachable import reachable
from flyaway.subject import Subject

if TYPE_CHECKING:
    from flyaway.batch.plan import Plan
    from flyaway.batch.report import FrameTask


@dataclass(frozen=True)
class Finish:
    """What is done to a shot's mattes after the network.

    Attributes
    ----------
    controls : see `flyaway.controls`.
    garbage, core : a file, a pattern or a folder, as text or `Path`; "" for none.
    subject : which person.
    raw : a pattern (for a photograph a file, for a folder a folder) where the network's mattes are kept.
    """

    controls: Controls = field(default_factory=Controls)
    garbage: PathField = path_field("")
    core: PathField = path_field("")
    subject: Subject = field(default_factory=Subject)
    raw: PathField = path_field("")

    def as_settings(self) -> dict[str, Any]:
        """What of it changes mattes, as plain values; nothing where it changes none."""
        found: dict[str, Any] = {}
        if not self.controls.is_neutral:
            found["controls"] = asdict(self.controls)
        # Not where they lie: a project is moved, and what they hold is hashed frame by frame.
        found |= dict.fromkeys(self.masks(), True)
        return found | ({} if self.subject.kind == "all" else {"subject": str(self.subject)})

    def masks(self) -> dict[str, str]:
        """Name → where it is."""
        return {name: text for name in ("garbage", "core") if (text := getattr(self, name))}


@reachable()
def check_finish(finish: Finish, plan: Plan, previews: Path | None = None) -> None:
    """Refuse, before anything is loaded, masks, raw mattes and a folder of previews that cannot be.

    Raises
    ------
    PatternError, UsageError : naming which.
    """
    first = plan.tasks[0]
    for name, text in finish.masks().items():
        check_mask(text, name, first.source, first.frame)
    key = Anchor(first.targets[0].parent).key
    for task in plan.tasks:
        _check_kept(finish, plan, task, key)
    if previews is not None:
        _check_previews(previews, plan, finish, key)
    if finish.raw:
        raw_path(finish.raw, first)
        taken = {key(path) for task in plan.tasks for path in (task.source, *task.targets)}
        raws = set[str]()
        for task in plan.tasks:
            path = raw_path(finish.raw, task)
            if key(path) in raws:
                raise UsageError(f"--raw {finish.raw} is one file for several frames; name a folder.")
            raws.add(key(path))
            if key(path) in taken:
                raise UsageError(f"{path} cannot hold the raw matte: it is a plate or a matte already.")
        lacking = absent(raw_path(finish.raw, task) for task in plan.tasks)  # what is there may be read-only
        for folder in {path.parent for path in lacking}:
            check_destination(folder)
    at = finish.subject.frame
    if at is not None and first.frame is None:
        raise UsageError(f"--subject {finish.subject}: {first.source} has no frame number.")


def files_of(plan: Plan, finish: Finish) -> Iterator[Path]:
    """All files that a run reads or writes for its mattes' sake."""
    for task in plan.tasks:
        yield from (task.source, *task.targets)
        yield from (path for _, path in given(finish, plan.writes, task))
        if finish.raw:
            yield raw_path(finish.raw, task)


def _check_previews(folder: Path, plan: Plan, finish: Finish, key: Callable[[Path], str]) -> None:
    """Refuse a folder where a preview would replace a plate, a matte, a mask or a raw matte."""
    taken = {key(preview_path(folder, task.targets[0])) for task in plan.tasks}
    for path in files_of(plan, finish):
        if key(path) in taken:
            raise UsageError(
                f"{path} would be replaced by a preview: name another folder for those (--previews)."
            )


def given(finish: Finish, writes: Sequence[WriteOptions], task: FrameTask) -> list[tuple[str, Path]]:
    """The files beside its plate that a frame is made of: masks, and what it is laid over; name, path."""
    found = [(name, mask_path(text, task.source, task.frame)) for name, text in finish.masks().items()]
    for write in writes:
        try:
            path = None if write.over is None else background_path(write.over, task.frame)
        except ReadError:  # whoever needs it says so, frame by frame
            continue
        if path is not None:
            found.append(("over", path))
    return found


def frame_settings(settings: str, finish: Finish, writes: Sequence[WriteOptions], task: FrameTask) -> str:
    """One hash over a run's settings and the `given` files of one frame: drawn anew, they make it stale."""
    found = []
    for name, path in given(finish, writes, task):
        try:
            stat = path.stat()
            found.append([name, stat.st_size, stat.st_mtime_ns])
        except OSError:
            found.append([name, 0, 0])
    return digest_of([settings, found]) if found else settings


def open_to(alpha: FloatImage, masks: Mapping[str, FloatImage]) -> FloatImage:
    """The matte in which people are told apart: whoever is garbage is nobody."""
    return alpha * (1 - masks["garbage"]) if "garbage" in masks else alpha


def _check_kept(finish: Finish, plan: Plan, task: FrameTask, key: Callable[[Path], str]) -> None:
    """Refuse to write over a mask or a background, which are somebody's work: --overwrite would."""
    files = given(finish, plan.writes, task)
    if not files:
        return
    written = {key(path) for path in task.targets}
    if finish.raw:
        written.add(key(raw_path(finish.raw, task)))
    for name, path in files:
        if key(path) in written:
            what = "the background" if name == "over" else f"the {name} matte"
            raise UsageError(f"{path} cannot be written to: it is {what}. Name another output.")


def anchored(finish: Finish, plan: Plan) -> Finish:
    """The same, with the person chosen in the plan's first frame where no frame is named."""
    subject, first = finish.subject, plan.tasks[0].frame
    if subject.kind == "all" or subject.frame is not None or first is None:
        return finish
    return replace(finish, subject=replace(subject, frame=first))


def digest_of(settings: Any) -> str:
    """A hash over plain values."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]
