"""What can be measured of mattes without their truth: coverage, softness, flicker, edges, and plain faults.

Flicker is change of the matte where the plate does not change. A person who moves changes both; a matte
that changes on a still background, or along a still shoulder, changes alone. Edges are followed along the
plate's motion, where OpenCV is installed: `flyaway.pictures.motion` has the definitions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flyaway import color, cuts
from flyaway.color import FloatImage
from flyaway.errors import FlyawayError
from flyaway.frames.canvas import Canvas, canvas_of
from flyaway.frames.options import UNKNOWN
from flyaway.frames.patterns import FrameJob
from flyaway.frames.read import Plate, ReadOptions, read_plate
from flyaway.frames.read_matte import MatteFile, read_matte
from flyaway.geometry import Box
from flyaway.pictures import motion
from flyaway.pictures.convert import eight_bit, shrink
from flyaway.review.check import EdgeCheck, FrameCheck, Review
from flyaway.review.limits import judge

WORKING_SIDE = 480  # px; flicker is measured on pictures of this size, which noise hardly reaches
EDGE_SIDE = 640  # px; edges are followed on pictures of this size
LEAST_FOLLOWED = 0.2  # of the pixels near an edge; with fewer a frame's edges are not judged
LEAST_SIDE = 16  # px; smaller plates tell nothing of motion
LEAST_STILL = (
    0.6  # the same, without optical flow: a plate that moves more than that passes for still by chance
)
_SOFT = (0.02, 0.98)


@dataclass(frozen=True)
class _Small:
    """A frame at `EDGE_SIDE`: plate (h×w×3 uint8, display-referred sRGB) and matte (h×w float32).

    `held` is the part that the plate's file holds; None for all.
    """

    plate: NDArray[np.uint8]
    alpha: FloatImage
    held: Box | None = None

    def grey(self) -> FloatImage:
        """The plate's mean channel, float32 in 0..1, at `WORKING_SIDE`."""
        return shrink(self.plate.mean(axis=-1, dtype=np.float32) / np.float32(255), WORKING_SIDE)


def review_frames(
    pairs: Sequence[FrameJob],
    read: ReadOptions | None = None,
    channel: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Review:
    """Measure every frame, one after another; nothing of a frame is kept but its numbers.

    Parameters
    ----------
    pairs : from `flyaway.frames.patterns.pair_frames`.
    read : how plates are read.
    channel : the matte's channel where its name is none of the usual.
    progress : called with the number of frames done.
    """
    checks: list[FrameCheck] = []
    provenance: dict[str, str] = {}
    before: tuple[int | None, _Small] | None = None
    looks: cuts.Looks = ()
    for done, job in enumerate(pairs, 1):
        check, small, told = _measure(job, read or ReadOptions(), channel)
        provenance = provenance or told
        if small is not None and before is not None and _follows(before[0], job.frame):
            is_cut, looks = _is_cut(looks, before[1], small)
            check = replace(check, cut=True) if is_cut else _compare(check, before[1], small)
        else:
            looks = ()
        before = None if small is None else (job.frame, small)
        checks.append(check)
        if progress is not None:
            progress(done)
    return Review(tuple(judge(checks)), provenance)


def _follows(earlier: int | None, later: int | None) -> bool:
    """Only frames of one take that are neighbours in time can flicker."""
    return earlier is not None and later is not None and abs(later - earlier) == 1


def _is_cut(looks: cuts.Looks, before: _Small, now: _Small) -> tuple[bool, cuts.Looks]:
    """Whether another take begins, as a shot would have it (a flash is none); and what is looked at next."""
    if min(before.plate.shape[:2]) < LEAST_SIDE or now.plate.shape != before.plate.shape:
        return False, ()
    return cuts.judge(looks or (cuts.look(before.plate, before.held),), cuts.look(now.plate, now.held))


def _measure(
    job: FrameJob, read: ReadOptions, channel: str | None
) -> tuple[FrameCheck, _Small | None, dict[str, str]]:
    """One frame by itself; its plate and matte, small; what made it."""
    from flyaway.frames.metadata import read_provenance

    try:
        matte = read_matte(job.target, channel, job.frame)
    except FlyawayError as error:
        missing = not job.target.is_file()
        reason = "the matte is missing" if missing else f"the matte cannot be read: {_bare(error)}"
        return FrameCheck(job, faults=(reason,)), None, {}
    faults = _number_faults(matte)
    alpha = np.clip(np.nan_to_num(matte.alpha), 0, 1)
    told = read_provenance(matte.spec)
    try:
        plate = read_plate(job.source, None, job.frame, options=read)
        matte = matte.in_format(plate.display_window)
        faults += _window_faults(matte, plate)
        # As the shot was matted: frames lie over each other, wherever they were cropped.
        canvas = canvas_of(plate, shot=job.frame is not None)
        alpha = replace(matte, alpha=alpha).over(canvas.window)
        shown = eight_bit(shrink(canvas.laid(_shown(plate)), EDGE_SIDE))
        small = _Small(shown, shrink(alpha, EDGE_SIDE), _scaled(canvas, shown.shape[0]))
    except (FlyawayError, OSError) as error:
        faults.append(f"the plate cannot be read: {_bare(error)}")
        small = None
    coverage = float(alpha.mean())
    soft = float(((alpha > _SOFT[0]) & (alpha < _SOFT[1])).mean())
    return FrameCheck(job, coverage, soft, _unknown(matte), faults=tuple(faults)), small, told


def _scaled(canvas: Canvas, height: int) -> Box | None:
    """What a plate holds of its canvas, at another height of that; never more."""
    held, scale = canvas.framing.held, height / canvas.window.height
    if held is None:
        return None
    top, bottom, left, right = (side * scale for side in held)
    return math.ceil(top), math.floor(bottom), math.ceil(left), math.floor(right)


def _unknown(matte: MatteFile) -> float | None:
    """How much of a frame the network was unsure of, where the file says so."""
    if UNKNOWN not in matte.spec.channelnames or len(matte.spec.channelnames) < 2:
        return None
    try:
        return float(np.clip(np.nan_to_num(read_matte(matte.path, UNKNOWN).alpha), 0, 1).mean())
    except FlyawayError:
        return None


def _bare(error: Exception) -> str:
    """An error's message without path and frame, which stand beside it."""
    text = str(error)
    return text.split(": ", 1)[1] if getattr(error, "path", None) is not None and ": " in text else text


def _number_faults(matte: MatteFile) -> list[str]:
    alpha = matte.alpha
    faults = []
    nan = int((~np.isfinite(alpha)).sum())
    if nan:
        faults.append(f"{nan} values are NaN or infinite")
    with np.errstate(invalid="ignore"):
        beyond = int(((alpha < -1e-3) | (alpha > 1 + 1e-3)).sum())
    if beyond:
        faults.append(f"{beyond} values lie outside 0..1")
    return faults


def _window_faults(matte: MatteFile, plate: Plate) -> list[str]:
    """A matte lies over its plate's data window, over its display window, or (cropped) within one."""
    data, allowed = matte.data_window, (plate.data_window, plate.display_window)
    within = any(
        window.x <= data.x
        and window.y <= data.y
        and data.x + data.width <= window.x + window.width
        and data.y + data.height <= window.y + window.height
        for window in allowed
    )
    if data in allowed or within:
        return []
    size = f"{data.width}×{data.height} at {data.x},{data.y}"
    wanted = f"{allowed[0].width}×{allowed[0].height} at {allowed[0].x},{allowed[0].y}"
    return [f"the matte lies elsewhere ({size}) than its plate ({wanted})"]


def _shown(plate: Plate) -> FloatImage:
    pixels, encoding = plate.for_matting()
    shown = color.linear_to_srgb(pixels) if encoding == "linear" else pixels
    return np.asarray(np.clip(np.nan_to_num(shown), 0, 1), np.float32)


def _compare(check: FrameCheck, before: _Small, now: _Small) -> FrameCheck:
    """Add what changed since the frame before."""
    if now.plate.shape != before.plate.shape:
        return replace(check, faults=(*check.faults, "the plate's size changed"))
    plate, old_plate = now.grey(), before.grey()
    matte, old_matte = (shrink(one.alpha, WORKING_SIDE) for one in (now, before))
    still = np.abs(plate - old_plate) < motion.STILL
    return replace(
        check,
        jump=float(now.alpha.mean() - before.alpha.mean()),
        flicker=float(np.abs(matte - old_matte)[still].sum() / still.size),
        edges=_edges(before, now),
    )


def _edges(before: _Small, now: _Small) -> EdgeCheck | None:
    """What edges do along the plate's motion, or, without OpenCV, where the plate stands still."""
    if min(now.plate.shape[:2]) < LEAST_SIDE:
        return None
    flow = motion.between(before.plate, now.plate)
    by = motion.still(before.plate, now.plate) if flow is None else flow
    found, by_flow = motion.flicker(now.alpha, before.alpha, by), flow is not None
    if np.isnan(found["followed"]):
        return None
    if found["followed"] < (LEAST_FOLLOWED if by_flow else LEAST_STILL):
        return EdgeCheck(found["followed"], by_flow=by_flow)
    patches = motion.patches(now.alpha, before.alpha, by)
    return EdgeCheck(found["followed"], found["flicker"], found["pops"], patches, by_flow)


def names_of(paths: Sequence[Path]) -> str:
    """A common name for a job: its first matte's folder and stem."""
    return f"{paths[0].parent.name}/{paths[0].stem}" if paths else "nothing"
