"""What is done for a shot's mattes, frame by frame: masks, the part that is searched, controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from flyaway import controls as matte_controls
from flyaway.batch.finish import Finish, digest_of
from flyaway.batch.raw import Raw
from flyaway.color import FloatImage
from flyaway.frames.masks import mask_path, read_mask
from flyaway.frames.read import PixelShape, Plate
from flyaway.geometry import Box, Framing

if TYPE_CHECKING:
    from flyaway.batch.report import FrameTask
    from flyaway.matte import Matte

_SNAP = 16  # the part of the frame that is searched begins and ends at sixteenths of it
_WORTH = 0.6  # of the frame: a part that is larger is not worth looking at by itself


class Finisher:
    """A shot's mattes, finished. Its methods are called frame by frame by a run's three stages.

    Parameters
    ----------
    finish : what is asked for.
    made_with : what else the network's mattes depend on (model, reading, refinement), as one text.
    unknown : whether the unknown region is written, too.
    """

    def __init__(self, finish: Finish, made_with: str, *, unknown: bool) -> None:
        self.finish, self._made_with, self._unknown = finish, made_with, unknown

    def masks(self, task: FrameTask, plate: Plate) -> Mapping[str, FloatImage]:
        """The masks of a frame, by name."""
        return {
            name: read_mask(mask_path(text, task.source, task.frame), plate, name)
            for name, text in self.finish.masks().items()
        }

    def key(self, size: int, mtime: int, box: Box | None) -> str:
        """What the raw matte of a frame was made of."""
        return digest_of([self._made_with, size, mtime, box])

    def network(
        self,
        start: Callable[..., Callable[[], Matte]],
        looked_at: Any,
        encoding: str,
        box: Box | None,
        refine: bool,
        shape: PixelShape,
        size: tuple[int, int],
        framing: Framing | None = None,
    ) -> Callable[[], Raw]:
        """Have the network look at a picture, or at a part of it; what is returned finishes it.

        Parameters
        ----------
        start : of a model, or of a shot of one.
        looked_at, encoding : what is `searched` of the picture, or what `Matting.prepare` made of it.
        box : which part that is; None for all.
        refine : as `Matting` takes it.
        shape : see `Plate.shape`.
        size : height and width of the picture.
        framing : where the picture lies in its format, for a shot.
        """
        seen = {} if framing is None else _told(framing if box is None else framing.part(box))
        begun = start(looked_at, encoding=encoding, refine=refine, **shape, **seen)
        return lambda: _laid(self._raw(begun()), box, size)

    def _raw(self, matte: Matte) -> Raw:
        return Raw(matte.alpha, matte.unknown if self._unknown or self.finish.raw else None)

    def finished(self, alpha: FloatImage, masks: Mapping[str, FloatImage]) -> FloatImage:
        """Controls and masks. In a writer's thread."""
        return matte_controls.apply(
            alpha, self.finish.controls, garbage=masks.get("garbage"), core=masks.get("core")
        )


def searched(pixels: FloatImage, box: Box | None) -> FloatImage:
    """The part of a picture in which people are searched."""
    return pixels if box is None else np.ascontiguousarray(pixels[_part(box)])


def _part(box: Box) -> tuple[slice, slice]:
    top, bottom, left, right = box
    return slice(top, bottom), slice(left, right)


def _laid(raw: Raw, box: Box | None, size: tuple[int, ...]) -> Raw:
    """What was found in a part of a picture, on all of it."""
    if box is None:
        return raw
    alpha, unknown = (np.zeros(size, np.float32) for _ in range(2))
    alpha[_part(box)] = raw.alpha
    if raw.unknown is None:
        return Raw(alpha)
    unknown[_part(box)] = raw.unknown
    return Raw(alpha, unknown)


def _told(framing: Framing) -> dict[str, Framing]:
    """What a shot must be told of a framing; nothing where a picture lies as pictures do."""
    return {} if framing == Framing() else {"framing": framing}


def search_box(garbage: FloatImage | None) -> Box | None:
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
