"""What an artist asks of a shot's mattes, and how it is done frame by frame: masks, raw mattes, the person.

The raw matte is the network's. Where it is kept (`raw`), a run that only has other controls reads it again,
and does not run the network.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from flyaway import controls as matte_controls
from flyaway import following as who
from flyaway.color import FloatImage
from flyaway.controls import Controls
from flyaway.errors import FlyawayError, PatternError, ReadError, UsageError, WriteError
from flyaway.following import State
from flyaway.frames import library, metadata
from flyaway.frames.atomic import Disk
from flyaway.frames.edges import background_path
from flyaway.frames.fingerprint import verdict
from flyaway.frames.masks import check_mask, mask_path, read_mask
from flyaway.frames.options import UNKNOWN, WriteOptions
from flyaway.frames.read import PixelShape, Plate, Window
from flyaway.frames.sequence import is_pattern, sequence_of
from flyaway.frames.write import store_matte
from flyaway.people import People, find_people
from flyaway.subject import Subject, alone

if TYPE_CHECKING:
    from flyaway.batch.plan import Plan
    from flyaway.batch.report import FrameTask
    from flyaway.matting import Matte

Look = Callable[[int], "tuple[People, Plate] | None"]
RAW_BYTES = 8  # a pixel of a raw matte: coverage and the unknown region, floats
_SNAP = 16  # the part of the frame that is searched begins and ends at sixteenths of it
_WORTH = 0.6  # of the frame: a part that is larger is not worth looking at by itself


@dataclass(frozen=True)
class Finish:
    """What is done to a shot's mattes after the network.

    Attributes
    ----------
    controls : see `flyaway.controls`.
    garbage, core : a file, a pattern or a folder; "" for none.
    subject : which person.
    raw : a pattern (for a photograph a file, for a folder a folder) where the network's mattes are kept.
    """

    controls: Controls = field(default_factory=Controls)
    garbage: str = ""
    core: str = ""
    subject: Subject = field(default_factory=Subject)
    raw: str = ""

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


@dataclass(frozen=True)
class Raw:
    """What the network found, over a plate's data window, H×W float32; `unknown` where it was asked for."""

    alpha: FloatImage = field(repr=False)
    unknown: FloatImage | None = field(default=None, repr=False)


def check_finish(finish: Finish, plan: Plan) -> None:
    """Refuse, before anything is loaded, masks and raw mattes that cannot be.

    Raises
    ------
    PatternError, UsageError : naming which.
    """
    first = plan.tasks[0]
    for name, text in finish.masks().items():
        check_mask(text, name, first.source, first.frame)
    for task in plan.tasks:
        _check_kept(finish, plan, task)
    if finish.raw:
        raw_path(finish.raw, first)
        taken = {path.absolute() for task in plan.tasks for path in (task.source, *task.targets)}
        for task in plan.tasks:
            path = raw_path(finish.raw, task)
            if path.absolute() in taken:
                raise UsageError(f"{path} cannot hold the raw matte: it is a plate or a matte already.")
    at = finish.subject.frame
    if at is not None and first.frame is None:
        raise UsageError(f"--subject {finish.subject}: {first.source} has no frame number.")


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
    return _digest([settings, found]) if found else settings


def open_to(alpha: FloatImage, masks: Mapping[str, FloatImage]) -> FloatImage:
    """The matte in which people are told apart: whoever is garbage is nobody."""
    return alpha * (1 - masks["garbage"]) if "garbage" in masks else alpha


def _check_kept(finish: Finish, plan: Plan, task: FrameTask) -> None:
    """Refuse to write over a mask or a background, which are somebody's work: --overwrite would."""
    files = given(finish, plan.writes, task)
    if not files:
        return
    written = {path.absolute() for path in task.targets}
    if finish.raw:
        written.add(raw_path(finish.raw, task).absolute())
    for name, path in files:
        if path.absolute() in written:
            what = "the background" if name == "over" else f"the {name} matte"
            raise UsageError(f"{path} cannot be written to: it is {what}. Name another output.")


def anchored(finish: Finish, plan: Plan) -> Finish:
    """The same, with the person chosen in the plan's first frame where no frame is named."""
    subject, first = finish.subject, plan.tasks[0].frame
    if subject.kind == "all" or subject.frame is not None or first is None:
        return finish
    return replace(finish, subject=replace(subject, frame=first))


def raw_path(text: str, task: FrameTask) -> Path:
    """Where the raw matte of a frame is kept; PatternError where `text` does not fit its plates."""
    if is_pattern(text):
        if task.frame is None:
            raise PatternError(f"--raw {text} is a pattern, but {task.source} has no frame number.")
        path = sequence_of(text).frame(task.frame)
    elif task.frame is not None:
        raise PatternError(f"--raw {text} is one file for a sequence; name a pattern such as raw.####.exr.")
    else:
        path = Path(text)
        path = path if path.suffix else path / f"{task.source.stem}.exr"
    if path.suffix.lower() != ".exr":
        raise PatternError(f"--raw {text}: raw mattes are EXRs.")
    return path


class Finisher:
    """A shot's mattes, finished. Its methods are called frame by frame by a run's three stages.

    Parameters
    ----------
    finish : what is asked for.
    made_with : what else the network's mattes depend on (model, reading, refinement), as one text.
    unknown : whether the unknown region is written, too.
    disk : where raw mattes are written.
    """

    def __init__(self, finish: Finish, made_with: str, *, unknown: bool, disk: Disk) -> None:
        self.finish, self._made_with, self._unknown, self._disk = finish, made_with, unknown, disk
        self._state: State | None = None
        self._last: int | None = None

    def masks(self, task: FrameTask, plate: Plate) -> Mapping[str, FloatImage]:
        """The masks of a frame, by name."""
        return {
            name: read_mask(mask_path(text, task.source, task.frame), plate, name)
            for name, text in self.finish.masks().items()
        }

    def key(self, size: int, mtime: int, masks: Mapping[str, FloatImage]) -> str:
        """What the raw matte of a frame was made of."""
        return _digest([self._made_with, size, mtime, search_box(masks.get("garbage"))])

    def stored(
        self, task: FrameTask, plate: Plate, key: str, remembers: Callable[[str], bool] | None = None
    ) -> tuple[Raw, str] | None:
        """The raw matte from an earlier run, where it is there and was made of the same.

        Parameters
        ----------
        task, plate : the frame.
        key : of `key`.
        remembers : for a shot: whether what a frame remembers, as it was named then, is what it would now.

        Returns
        -------
        The matte, and that name; "" for a still.
        """
        if not self.finish.raw:
            return None
        path = raw_path(self.finish.raw, task)
        if not path.is_file():
            return None
        try:
            source = library.open_input(path, task.frame)
            try:
                spec = source.spec()
                made_of, _, memory = metadata.read_provenance(spec).get("raw", "").partition(" ")
                if made_of != key or not (memory == "" if remembers is None else remembers(memory)):
                    return None
                values = library.decode(source, 0, spec.nchannels, path, task.frame)
                names = list(spec.channelnames)
            finally:
                source.close()
        except ReadError:
            return None
        if values.shape[:2] != plate.pixels.shape[:2] or not {"A", UNKNOWN} <= set(names):
            return None
        alpha, unknown = (np.ascontiguousarray(values[..., names.index(name)]) for name in ("A", UNKNOWN))
        return Raw(alpha, unknown), memory

    def network(
        self,
        matting: Callable[..., Matte],
        pixels: FloatImage,
        encoding: str,
        masks: Mapping[str, FloatImage],
        refine: bool,
        shape: PixelShape,
    ) -> Raw:
        """Run the network on a plate, or on the part of it that is not garbage; `shape`: `Plate.shape`."""
        box = search_box(masks.get("garbage"))
        wanted = self._unknown or bool(self.finish.raw)
        if box is None:
            matte = matting(pixels, encoding=encoding, refine=refine, **shape)
            return Raw(matte.alpha, matte.unknown if wanted else None)
        top, bottom, left, right = box
        part = slice(top, bottom), slice(left, right)
        matte = matting(np.ascontiguousarray(pixels[part]), encoding=encoding, refine=refine, **shape)
        alpha, unknown = (np.zeros(pixels.shape[:2], np.float32) for _ in range(2))
        alpha[part] = matte.alpha
        if wanted:
            unknown[part] = matte.unknown
        return Raw(alpha, unknown if wanted else None)

    def person(
        self,
        task: FrameTask,
        raw: Raw,
        pixels: FloatImage,
        encoding: str,
        plate: Plate,
        look: Look,
        masks: Mapping[str, FloatImage],
    ) -> tuple[FloatImage, str]:
        """The chosen person's matte, and a note or "". In the worker's thread, frame after frame.

        Parameters
        ----------
        task : the frame.
        raw : the network's.
        pixels, encoding : as the network saw them.
        plate : the frame's plate.
        look : frame → who is in it, without its matte; None where there is no such plate.
        masks : the frame's; who is garbage is not looked at.
        """
        subject, frame = self.finish.subject, task.frame
        if subject.kind == "all":
            return raw.alpha, ""
        if frame is None:
            return alone(raw.alpha, subject, _shift(plate), reference=open_to(raw.alpha, masks)), ""
        people = find_people(open_to(raw.alpha, masks), pixels, encoding)
        at = frame if subject.frame is None else subject.frame
        if frame == at:
            state = self._chosen(people, plate)
        else:
            state = who.follow(self._reached(frame, at, look), people)
        self._state, self._last = state, frame
        mask, note = who.mask_of(state, people, *raw.alpha.shape)
        return (raw.alpha if mask is None else raw.alpha * mask), note

    def _chosen(self, people: People, plate: Plate) -> State:
        state = who.begin(people, self.finish.subject, _shift(plate))
        if state is None:
            raise ReadError(
                f"nobody is in it, and --subject {self.finish.subject} chooses there: name another frame"
                " (@FRAME).",
                path=plate.path,
                frame=plate.frame,
            )
        return state

    def _reached(self, frame: int, at: int, look: Look) -> State:
        """Who was who in the frame beside this one, found out from the frame of the choice on."""
        state, last = self._state, self._last
        if state is None or last is None:
            found = look(at)
            if found is None:
                raise FlyawayError(
                    f"frame {at} cannot be read, in which --subject {self.finish.subject} chooses."
                )
            state, last = self._chosen(*found), at
        step = 1 if frame > last else -1
        for number in range(last + step, frame, step):
            found = look(number)
            if found is not None:
                state = who.follow(state, found[0])
        return state

    def finished(self, alpha: FloatImage, masks: Mapping[str, FloatImage]) -> FloatImage:
        """Controls and masks. In a writer's thread."""
        return matte_controls.apply(
            alpha, self.finish.controls, garbage=masks.get("garbage"), core=masks.get("core")
        )

    def keep(
        self,
        task: FrameTask,
        raw: Raw,
        plate: Plate,
        key: str,
        provenance: Mapping[str, str],
        *,
        replace_theirs: bool = False,
    ) -> None:
        """Write a raw matte where they are kept.

        Raises
        ------
        WriteError : what is there somebody else made or changed, and `replace_theirs` is False.
        """
        if not self.finish.raw:
            return
        options = WriteOptions(depth="float", unknown=True)
        path = raw_path(self.finish.raw, task)
        if path.is_file() and not replace_theirs:
            _refuse_to_replace(path, task)
        path.parent.mkdir(parents=True, exist_ok=True)
        store_matte(
            path,
            raw.alpha,
            replace(plate, notes=()),
            options,
            {**provenance, "raw": key},
            self._disk,
            unknown=raw.unknown,
        )


def _refuse_to_replace(path: Path, task: FrameTask) -> None:
    try:
        whose = verdict(path, task.frame)
    except ReadError:  # broken, so nobody's
        return
    if whose in ("altered", "foreign"):
        raise WriteError(
            "holds a raw matte that somebody made or changed, and is kept. Move it away, or replace it with"
            " --overwrite.",
            path=path,
            frame=task.frame,
        )


def search_box(garbage: FloatImage | None) -> tuple[int, int, int, int] | None:
    """The part of a frame in which people are searched: top, bottom, left, right; None for all of it.

    What is wholly garbage all around is left out where that leaves much less: whoever remains fills more of
    what the network looks at. The box has a margin, and snaps to sixteenths of the frame, so that a mask that
    moves a little does not have the network look at another part in every frame.
    """
    if garbage is None:
        return None
    open_ = garbage < 1
    rows, columns = (np.flatnonzero(open_.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return None
    bounds = []
    for found, length in ((rows, garbage.shape[0]), (columns, garbage.shape[1])):
        cell = length / _SNAP
        first, last = int(found[0] / cell), int(-(-(int(found[-1]) + 1) // cell))
        first, last = max(0, first - 1), min(_SNAP, last + 1)
        bounds += [int(first * cell), min(length, int(np.ceil(last * cell)))]
    top, bottom, left, right = bounds
    area = (bottom - top) * (right - left) / garbage.size
    return None if area > _WORTH or min(bottom - top, right - left) < 64 else (top, bottom, left, right)


def _shift(plate: Plate) -> tuple[float, float]:
    data: Window = plate.data_window
    return data.x - plate.display_window.x, data.y - plate.display_window.y


def _digest(settings: Any) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=str).encode()).hexdigest()[:16]
