"""How much memory a frame needs, estimated from its header before any of it is read."""

from __future__ import annotations

from collections.abc import Sequence

from flyaway.batch.report import FrameTask
from flyaway.errors import FrameError
from flyaway.frames.canvas import canvas_window
from flyaway.frames.movie import is_movie
from flyaway.frames.options import CHANNELS, WriteOptions
from flyaway.frames.read import pixel_aspect, read_header, values_of, windows
from flyaway.frames.windows import union

# A plate while it is decoded, converted and matted, and its matte while it is written and read back:
# 16 float32 values a pixel, and for each channel that is written one to write and one to compare with.
_BYTES_PER_PIXEL = 64
_BYTES_PER_VALUE = 8
# A garbage or core matte: decoded in at most three channels, and laid over the plate's window.
_BYTES_PER_MASK = 16
_RAW_VALUES = 2  # coverage and the unknown region


def weigh(
    task: FrameTask,
    writes: Sequence[WriteOptions],
    part: str | None = None,
    *,
    masks: int = 0,
    raw: int = 0,
    shot: bool = False,
) -> int:
    """Bytes that a frame takes up; 0 where its header cannot be read, and reading it will say why.

    Parameters
    ----------
    task : the frame.
    writes : how each of its targets is written.
    part : which part of its plate is read.
    masks : how many garbage and core mattes come with it.
    raw : 1 where the network's own matte is kept, too.
    shot : whether it is matted as one of a shot, on all of its canvas.
    """
    outputs = [write.output for write in writes]
    try:
        spec = read_header(task.source, task.frame, part)
        # Beside its channels all parts of a plate's file come along.
        beside = "beside" in outputs and not is_movie(task.source)
        whole = values_of(task.source, task.frame) if beside else 0
    except FrameError:
        return 0
    data, display = windows(spec)
    window = union(data, display) if "comp" in outputs else data  # a comp fills its format
    pixels = window.width * window.height
    aspect = pixel_aspect(spec)
    canvas = canvas_window(data, display) if shot else data
    seen = canvas.width * canvas.height
    viewed = round(max(pixels, seen) * max(aspect, 1 / aspect))  # the network looks at square pixels
    values = sum(pixels * (CHANNELS.get(write.output, 1) + write.added) for write in writes)
    values += whole * outputs.count("beside")
    laid = data.width * data.height
    values += laid * _RAW_VALUES * raw
    return viewed * _BYTES_PER_PIXEL + values * _BYTES_PER_VALUE + seen * _BYTES_PER_MASK * masks
