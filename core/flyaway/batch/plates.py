"""A run's plates, read for the network: in turn by the pipeline, out of it by whoever looks back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from flyaway.batch.chain import NOT_HAD
from flyaway.batch.finish import frame_settings, open_to
from flyaway.batch.finisher import Finisher, search_box, searched
from flyaway.batch.plan import Plan, plate_of
from flyaway.batch.raw import Raw
from flyaway.batch.report import FrameTask
from flyaway.color import Encoding, FloatImage
from flyaway.errors import FlyawayError
from flyaway.frames.canvas import Canvas, canvas_of
from flyaway.frames.read import Plate, read_plate
from flyaway.geometry import Box
from flyaway.people import People, find_people
from flyaway.shot_frame import finishing

if TYPE_CHECKING:
    from flyaway.batch.finish import Finish
    from flyaway.batch.journal import Entry
    from flyaway.batch.options import RunOptions


@dataclass(frozen=True)
class Read:
    """What a reader hands on: a plate, and what the network sees of it.

    Attributes
    ----------
    plate : the plate.
    pixels, encoding : as `Matting` takes them.
    canvas : what the network sees: in a shot more than the plate, where that is cropped.
    box : the part of the canvas in which people are searched; None for all of it.
    size, mtime_ns : of its file, before it was read; 0 where there is none.
    masks : garbage and core matte, by name.
    seconds : that reading took.
    why : why its frame is done again, or "".
    key : what its raw matte is made of.
    raw : its raw matte from an earlier run, if that will do; then the network is not run.
    memory : what that matte remembers; see `Entry.memory`.
    prepared : what `Matting.prepare` made of what is searched; None where the network's thread does that.
    """

    plate: Plate
    pixels: FloatImage = field(repr=False)
    encoding: Encoding
    canvas: Canvas
    box: Box | None
    size: int
    mtime_ns: int
    masks: Mapping[str, FloatImage]
    seconds: float = 0.0
    why: str = ""
    key: str = ""
    raw: Raw | None = None
    memory: str = ""
    prepared: Any = field(default=None, repr=False)

    @property
    def searched(self) -> FloatImage:
        """The part of the canvas in which people are searched."""
        return searched(self.canvas.laid(self.pixels), self.box)


class Plates:
    """The plates of a plan.

    Parameters
    ----------
    plan : its frames.
    options : how they are read.
    finisher : has their masks.
    shot : whether frames are matted as a shot.
    """

    def __init__(self, plan: Plan, options: RunOptions, finisher: Finisher, *, shot: bool) -> None:
        self._plan, self._options, self._finisher, self._shot = plan, options, finisher, shot

    def read(self, task: FrameTask) -> Read:
        """A frame's plate; raises what reading raises."""
        started = time.perf_counter()
        # Before it is read: a plate that changes meanwhile is stale, not overlooked.
        stat = task.source.stat() if task.source.exists() else None
        plate = read_plate(task.source, self._options.in_space, task.frame, options=self._options.read)
        pixels, encoding = plate.for_matting()
        seconds = time.perf_counter() - started
        size, mtime = (stat.st_size, stat.st_mtime_ns) if stat else (0, 0)
        canvas = canvas_of(plate, shot=self._shot)
        # Over the canvas, so that where people are searched does not go with the data window.
        masks = self._finisher.masks(task, replace(plate, data_window=canvas.window))
        box = search_box(masks.get("garbage"))
        masks = {name: canvas.cut(mask) for name, mask in masks.items()}
        return Read(plate, pixels, encoding, canvas, box, size, mtime, masks, seconds)

    def again(self, frame: int) -> Read | None:
        """The plate of any frame, asked for or not; None where there is none, or it cannot be read."""
        if not self._plan.plates:
            return None
        path = plate_of(self._plan.plates, frame)
        try:
            return self.read(FrameTask(path, (), frame)) if path.is_file() else None
        except (FlyawayError, OSError):
            return None

    def people(self, frame: int, matting: Callable[..., Any]) -> tuple[People, Read] | None:
        """Who is in a frame, without its matte; None where there is no such plate. In the worker's thread."""
        read = self.again(frame)
        if read is None:
            return None
        try:
            raw = self._finisher.network(
                finishing(matting),
                read.searched,
                read.encoding,
                read.box,
                refine=False,
                shape=read.plate.shape,
                size=(read.canvas.window.height, read.canvas.window.width),
            )()
            alpha = read.canvas.cut(raw.alpha)
            return people_of(alpha, read), read
        except FlyawayError:
            return None


def people_of(alpha: FloatImage, read: Read) -> People:
    """Who is in a frame, over its canvas: a region is where it was, wherever the data window is.

    Parameters
    ----------
    alpha : of everybody, over the data window.
    read : the frame.
    """
    canvas = read.canvas
    return find_people(canvas.laid(open_to(alpha, read.masks)), canvas.laid(read.pixels), read.encoding)


def mark_now(plan: Plan, finish: Finish, frame: int, then: Entry | None = None) -> str:
    """What a frame's plate is now, by name, size and time; where it is gone, what it was `then`."""
    try:
        stat = plate_of(plan.plates, frame).stat()
    except OSError:
        return (
            NOT_HAD if then is None else mark_of(plan, finish, frame, then.source_bytes, then.source_mtime_ns)
        )
    return mark_of(plan, finish, frame, stat.st_size, stat.st_mtime_ns)


def mark_of(plan: Plan, finish: Finish, frame: int, size: int, mtime_ns: int) -> str:
    """What a frame's plate was when it had this size and time."""
    # Where all is garbage the network does not look: with another garbage matte it is another frame.
    task = FrameTask(plate_of(plan.plates, frame), (), frame)
    return frame_settings(f"{size} {mtime_ns}", finish, (), task)
