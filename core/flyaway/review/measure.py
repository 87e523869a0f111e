"""What can be measured of mattes without their truth: coverage, softness, flicker, and plain faults.

Flicker is change of the matte where the plate does not change. A person who moves changes both; a matte
that changes on a still background, or along a still shoulder, changes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import numpy as np

from flyaway import color
from flyaway.color import FloatImage
from flyaway.errors import FlyawayError
from flyaway.frames.options import UNKNOWN
from flyaway.frames.patterns import FrameJob
from flyaway.frames.read import Plate, ReadOptions, read_plate
from flyaway.frames.read_matte import MatteFile, read_matte
from flyaway.pictures.convert import shrink

WORKING_SIDE = 480  # px; flicker is measured on pictures of this size, which noise hardly reaches
_STILL = 0.025  # of display white: the plate changed less than this, so the matte had no reason to
_EMPTY, _FULL = 2e-4, 0.995
# A frame stands out when it is this many times above its shot's middle, and above what an eye would see.
_OUTLIER, _SEEN_JUMP, _SEEN_FLICKER = 6.0, 0.01, 0.002
_SOFT = (0.02, 0.98)


@dataclass(frozen=True)
class FrameCheck:
    """One frame, measured.

    Attributes:
        job: the plate, its frame number, and the matte (as the job's target).
        coverage: the matte's mean over the display window, 0..1; None where it could not be read.
        soft: the share of pixels that are neither inside nor outside.
        unknown: the mean of the unknown region over the data window, where the matte's file holds it
            (`--with-unknown`), else None.
        jump: change of coverage since the frame before, or None.
        flicker: mean change of the matte where the plate stood still, or None.
        faults: what is wrong, in words for people; the worst first.
        score: how urgently it should be looked at; 0 is not at all.
    """

    job: FrameJob
    coverage: float | None = None
    soft: float = 0.0
    unknown: float | None = None
    jump: float | None = None
    flicker: float | None = None
    faults: tuple[str, ...] = ()
    score: float = 0.0

    @property
    def label(self) -> str:
        """Its number, or the photograph's name."""
        return self.job.source.name if self.job.frame is None else str(self.job.frame)


@dataclass(frozen=True)
class Review:
    """A job, measured: its frames in their own order."""

    frames: tuple[FrameCheck, ...]
    provenance: dict[str, str] = field(default_factory=dict)

    @property
    def worst(self) -> list[int]:
        """Indices of the frames, the most urgent first."""
        return sorted(range(len(self.frames)), key=lambda index: (-self.frames[index].score, index))

    @property
    def faulty(self) -> list[FrameCheck]:
        """The frames with faults, in their own order."""
        return [frame for frame in self.frames if frame.faults]


def review_frames(
    pairs: Sequence[FrameJob],
    read: ReadOptions | None = None,
    channel: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> Review:
    """Measure every frame, one after another; nothing of a frame is kept but its numbers.

    Args:
        pairs: from `flyaway.frames.patterns.pair_frames`.
        read: how plates are read.
        channel: the matte's channel where its name is none of the usual.
        progress: called with the number of frames done.
    """
    checks: list[FrameCheck] = []
    provenance: dict[str, str] = {}
    before: tuple[int | None, FloatImage, FloatImage] | None = None
    for done, job in enumerate(pairs, 1):
        check, small, told = _measure(job, read or ReadOptions(), channel)
        provenance = provenance or told
        if small is not None and before is not None and _follows(before[0], job.frame):
            check = _compare(check, before[1:], small)
        before = None if small is None else (job.frame, *small)
        checks.append(check)
        if progress is not None:
            progress(done)
    return Review(tuple(_judge(checks)), provenance)


def _follows(earlier: int | None, later: int | None) -> bool:
    """Only frames of one take that are neighbours in time can flicker."""
    return earlier is not None and later is not None and abs(later - earlier) == 1


def _measure(
    job: FrameJob, read: ReadOptions, channel: str | None
) -> tuple[FrameCheck, tuple[FloatImage, FloatImage] | None, dict[str, str]]:
    """One frame by itself; its plate (grey, display-referred) and matte at working size; what made it."""
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
        faults += _window_faults(matte, plate)
        alpha = replace(matte, alpha=alpha).over(plate.data_window)
        small = (shrink(_grey(plate), WORKING_SIDE), shrink(alpha, WORKING_SIDE))
    except (FlyawayError, OSError) as error:
        faults.append(f"the plate cannot be read: {_bare(error)}")
        small = None
    coverage = float(alpha.mean())
    soft = float(((alpha > _SOFT[0]) & (alpha < _SOFT[1])).mean())
    return FrameCheck(job, coverage, soft, _unknown(matte), faults=tuple(faults)), small, told


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


def _grey(plate: Plate) -> FloatImage:
    pixels, encoding = plate.for_matting()
    shown = color.linear_to_srgb(pixels) if encoding == "linear" else pixels
    return np.asarray(np.clip(np.nan_to_num(shown), 0, 1).mean(axis=-1), np.float32)


def _compare(
    check: FrameCheck, before: tuple[FloatImage, FloatImage], now: tuple[FloatImage, FloatImage]
) -> FrameCheck:
    """Add what changed since the frame before."""
    (old_plate, old_matte), (plate, matte) = before, now
    if plate.shape != old_plate.shape:
        return replace(check, faults=(*check.faults, "the plate's size changed"))
    jump = float(matte.mean() - old_matte.mean())
    still = np.abs(plate - old_plate) < _STILL
    flicker = float(np.abs(matte - old_matte)[still].sum() / still.size)
    return replace(check, jump=jump, flicker=flicker)


@dataclass(frozen=True)
class _Limits:
    """What a frame is judged by: the middle of its shot, and how far from usual a change may be."""

    coverage: float
    jump: float
    flicker: float

    @classmethod
    def of(cls, checks: Sequence[FrameCheck]) -> _Limits:
        jumps = [abs(check.jump) for check in checks if check.jump is not None]
        flickers = [check.flicker for check in checks if check.flicker is not None]
        coverages = [check.coverage for check in checks if check.coverage is not None]
        return cls(
            median(coverages) if coverages else 0.0,
            max(_SEEN_JUMP, _OUTLIER * median(jumps)) if jumps else 1.0,
            max(_SEEN_FLICKER, _OUTLIER * median(flickers)) if flickers else 1.0,
        )


def _judge(checks: Sequence[FrameCheck]) -> list[FrameCheck]:
    """Add the faults that only show beside the other frames, and the score."""
    limits = _Limits.of(checks)
    judged: list[FrameCheck] = []
    last_jump = 0.0
    for check in checks:
        change = check.jump or 0.0
        # The frame after a single bad one jumps back: that is the bad one's fault, which is told already.
        back = bool(last_jump) and abs(last_jump + change) < limits.jump
        changes = [] if back else _change_faults(check, limits)
        last_jump = change if not back and abs(change) > limits.jump else 0.0
        faults = (*check.faults, *_extent_faults(check), *changes)
        judged.append(replace(check, faults=faults, score=_score(check, len(faults), back, limits)))
    return judged


def _extent_faults(check: FrameCheck) -> list[str]:
    if check.coverage is not None and check.coverage < _EMPTY:
        return ["the matte is empty"]
    if check.coverage is not None and check.coverage > _FULL:
        return ["the matte covers everything"]
    return []


def _change_faults(check: FrameCheck, limits: _Limits) -> list[str]:
    """What changed more since the frame before than it does elsewhere in the shot."""
    faults = []
    jump, flicker = check.jump or 0.0, check.flicker or 0.0
    if abs(jump) > limits.jump:
        faults.append(f"coverage jumps by {100 * jump:+.1f} % of the picture")
    if flicker > limits.flicker:
        faults.append(f"the matte flickers ({1000 * flicker:.1f} ‰ where the plate stands still)")
    return faults


def _score(check: FrameCheck, faults: int, back: bool, limits: _Limits) -> float:
    """How urgently a frame should be looked at: by its faults, then by how unusual it is."""
    score = 10.0 * faults
    if check.coverage is None:
        return score + 100
    if back:
        return score
    # The last two: without neighbours in time, the one that is least like the others.
    score += abs(check.jump or 0.0) / limits.jump + (check.flicker or 0) / limits.flicker
    return score + abs(check.coverage - limits.coverage) + check.soft


def names_of(paths: Sequence[Path]) -> str:
    """A common name for a job: its first matte's folder and stem."""
    return f"{paths[0].parent.name}/{paths[0].stem}" if paths else "nothing"
