"""A shot: frames in order, each matted with what the ones before it left. What `Matting.shot()` returns.

All that is kept from one frame to the next is a `ShotState`, whose size does not depend on how many frames
there were. It is replaced once a frame is done: one that raises leaves the state of the frame before it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from flyaway import cuts
from flyaway.engines.base import States
from flyaway.errors import BadStateError, UsageError
from flyaway.geometry import Framing
from flyaway.held_detail import Detail
from flyaway.shot_frame import Began, Left, ShotFrame, in_flight, one_ahead
from flyaway.steady_history import History

if TYPE_CHECKING:
    from flyaway.matte import Matte
    from flyaway.matting import Matting

LARGEST = 1.01  # a gate's state is a mean of values within ±1
#: What a frame hands on of the network's memory. The weights were trained with 1, and then remember a
#: frame for longer than any sensible number of handles. With this a fiftieth is left after 24
#: frames: a chunk with the default handles is the whole shot to within 1/255 (docs/shots.md).
KEPT = 0.85
_MOST_VALUES = 1 << 26  # of one array: far more than a working image has
_NO_FRAME = -(1 << 62)


def faded(states: States) -> States:
    """What is handed on of the states that a frame leaves: memory fades, the choice of regions does not."""
    return replace(states, arrays=tuple(array * np.float32(KEPT) for array in states.arrays))


@dataclass(frozen=True)
class ShotState:
    """What a frame leaves to the next one.

    Attributes
    ----------
    states : what the network remembers; see `flyaway.engines.States`.
    looks : what the next frame is compared with, to notice a cut; see `flyaway.cuts`.
    size : height and width at which the network looked at the plate; 0, 0 before the first frame.
    origin : where in its format what was looked at lay: x, y.
    frame : its number, where numbers are told.
    history : what the filter of soft pixels goes on with; see `flyaway.steady`. None without it.
    detail : what that of a large plate's detail goes on with; see `flyaway.held_detail`.
    whole : False where a frame was seen and then failed, and hair goes on from one before it; such a state
        is not to be kept.
    """

    states: States = field(default_factory=States, repr=False)
    looks: cuts.Looks = field(default=(), repr=False)
    size: tuple[int, int] = (0, 0)
    origin: tuple[int, int] = (0, 0)
    frame: int | None = None
    history: History | None = field(default=None, repr=False)
    detail: Detail | None = field(default=None, repr=False)
    whole: bool = True

    def as_arrays(self) -> dict[str, NDArray[Any]]:
        """The state as plain arrays, fit for `numpy.savez`; bit for bit what `from_arrays` takes."""
        arrays: dict[str, NDArray[Any]] = {
            "size": np.array(self.size, np.int64),
            "origin": np.array(self.origin, np.int64),
            "frame": np.array(_NO_FRAME if self.frame is None else self.frame, np.int64),
        }
        arrays |= {f"state{i}": array for i, array in enumerate(self.states.arrays)}
        arrays |= {f"look{i}": array for i, array in enumerate(self.looks)}
        if self.states.held is not None:
            arrays["held"] = self.states.held
        for kept in (self.history, self.detail):
            arrays |= {} if kept is None else kept.as_arrays()
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> ShotState:
        """The inverse; what is read from a file is looked at before it is believed.

        Raises
        ------
        BadStateError : something is missing, or is of a type, size or value that no frame leaves.
        """
        try:
            height, width = (int(side) for side in _plain(arrays["size"], np.int64, (2,)))
            x, y = (int(side) for side in _plain(arrays["origin"], np.int64, (2,)))
            frame = int(_plain(arrays["frame"], np.int64, ()))
            states = _numbered(arrays, "state", 16, LARGEST)
            looks = _numbered(arrays, "look", 2, math.inf)
            if min(height, width) < 0 or any(_is_no_look(look) for look in looks):
                raise ValueError("size")
            held = arrays.get("held")
            if held is not None and (held.dtype != np.uint8 or held.ndim != 2 or held.size > _MOST_VALUES):
                raise ValueError("held")
            history, detail = History.from_arrays(arrays), Detail.from_arrays(arrays)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            raise BadStateError(f"no shot leaves such a state ({error}): begin the shot anew") from error
        number = None if frame == _NO_FRAME else frame
        return cls(States(states, held), looks, (height, width), (x, y), number, history, detail)


class ShotMatting:
    """Mattes the frames of one shot, in order. May be used in a `with` block, after which it is empty.

    Attributes
    ----------
    began : why the last frame began anew, without a memory: "first", "cut" (another take was noticed),
        "gap" (its number does not follow), "size" (plates that are looked at in another size), "place"
        (plates that lie elsewhere in their format), "asked" (`begin` was called); "" where it went on. A
        model without memory looks at each frame by itself: always "".
    """

    def __init__(self, matting: Matting, steadiness: float = 1.0) -> None:
        self._matting, self._steadiness = matting, steadiness
        self.began: Began = ""
        self._seen = ShotState()  # what the last frame that was looked at leaves, but for its hair
        self._left: Callable[[], Left] = Left  # that, which may be under way
        self._asked = False
        self._follows: frozenset[int] | None = None  # numbers that go on with the state; None: any

    def __enter__(self) -> ShotMatting:
        return self

    def __exit__(self, *_error: object) -> None:
        self.restore(ShotState())

    @property
    def remembers(self) -> bool:
        """Whether the model has a memory; without one a shot is a row of stills."""
        return self._matting.remembers

    def __call__(
        self,
        plate: Any,
        encoding: str = "srgb",
        *,
        frame: int | None = None,
        premultiplied: bool = False,
        refine: bool = True,
        reread: bool | None = None,
        pixel_aspect: float = 1.0,
        framing: Framing | None = None,
    ) -> Matte:
        """Matte the next frame.

        Parameters
        ----------
        plate, encoding, premultiplied, refine, reread, pixel_aspect : as `Matting` takes them.
        frame : its number. One that does not follow the number of the frame before begins anew; where no
            numbers are told, frames follow each other.
        framing : where the plate lies in its format, where plates of one size may lie elsewhere, or hold
            picture in a part of them alone; see `flyaway.geometry.Framing`.

        Raises
        ------
        BadPlateError : the array cannot be a plate. The state is that of the frame before; what comes next
            may have this one's number, or the next one.
        """
        before = self._seen, self._left, self._asked, self._follows, self.began
        options: dict[str, Any] = {"premultiplied": premultiplied, "refine": refine, "reread": reread}
        try:
            return self.start(
                plate, encoding, frame=frame, pixel_aspect=pixel_aspect, framing=framing, **options
            )()
        except BaseException:
            self._seen, self._left, self._asked, self._follows, self.began = before
            self.passed(frame)
            raise

    def start(
        self,
        plate: Any,
        encoding: str = "srgb",
        *,
        frame: int | None = None,
        premultiplied: bool = False,
        refine: bool = True,
        reread: bool | None = None,
        pixel_aspect: float = 1.0,
        framing: Framing | None = None,
    ) -> Callable[[], Matte]:
        """Look at the next frame; what is returned finishes its matte, called by any thread.

        Takes what a call does. The frame after it may be begun before its matte is finished, where the model
        is one of a `Matting.pair`. Its plate must not change until then.

        Raises
        ------
        BadPlateError : as a call does. What finishing raises is told by `flyaway.shot_frame.ShotFrame`.
        """
        options: dict[str, Any] = {
            "premultiplied": premultiplied,
            "refine": refine,
            "reread": reread,
            "pixel_aspect": pixel_aspect,
        }
        if not self.remembers:
            return self._matting.start(plate, encoding, **options)
        options["framing"] = framing or Framing()
        gap = frame is not None and self._follows is not None and frame not in self._follows
        before = ShotState() if gap else self._seen
        try:
            seen = self._matting.look_at_next(plate, encoding, before, steadiness=self._steadiness, **options)
        except BaseException:
            self.passed(frame)
            raise
        self.began = seen.began
        if seen.began == "first" and (gap or self._asked):
            self.began = "gap" if gap else "asked"
        current = ShotFrame(seen, self._left)
        self.restore(replace(seen.state, frame=frame))
        self._left = current.left
        return current

    def mattes(self, plates: Iterable[Any], encoding: str = "srgb", **options: Any) -> Iterator[Matte]:
        """Matte the next frames, in order, several at once where that is quicker.

        The same mattes as calls give, to the bit. Plates are taken four frames ahead of the matte that is
        given, and must not be changed. Breaking off loses the frames that were taken and not given.

        Parameters
        ----------
        plates : of the frames; encoding and options are those of a call, but for `frame`.

        Raises
        ------
        UsageError : `frame` is given, which is one number for all.
        """
        if "frame" in options:
            raise UsageError(
                "mattes() takes plates that follow each other, and no frame: leave it out; where numbers"
                " may have gaps, call the shot for each plate, with its frame."
            )
        return self._mattes(plates, encoding, options)

    def _mattes(self, plates: Iterable[Any], encoding: str, options: dict[str, Any]) -> Iterator[Matte]:
        matting, pair = self._matting, self._matting.pair()
        if pair is None:
            yield from (self(plate, encoding, **options) for plate in plates)
            return
        early = ("premultiplied", "reread", "pixel_aspect")
        how = {name: options[name] for name in early if name in options}
        prepare = partial(pair.prepare, encoding=encoding, once=True, **how)
        with self.run_by(pair), closing(one_ahead(prepare, plates)) as prepared:
            for matte in in_flight(self.start(one, **options) for one in prepared):
                matting.timings = pair.timings
                yield matte

    @contextmanager
    def run_by(self, matting: Matting) -> Iterator[None]:
        """Go on with another opening of the same model, within a `with` block: the mattes are the same."""
        before, self._matting = self._matting, matting
        try:
            yield
        finally:
            self._matting = before

    def passed(self, frame: int | None) -> None:
        """A frame could not be had; the next one goes on with the state of the one before it."""
        if frame is not None and self._follows is not None and frame in self._follows:
            self._follows |= {frame + 1}

    def begin(self) -> None:
        """Forget: the next frame begins anew, as the first one did."""
        self.restore(ShotState())
        self._asked = True

    def state(self) -> ShotState:
        """What the last frame left, which is finished for that. It is not changed by the frames after it."""
        return self.later()()

    def later(self) -> Callable[[], ShotState]:
        """The same of the frame that was looked at last: its call waits for that frame, in any thread."""
        seen, behind = self._seen, self._left

        def state() -> ShotState:
            left = behind()
            return replace(seen, history=left.history, detail=left.detail, whole=left.whole)

        return state

    @property
    def left(self) -> Callable[[], Left]:
        """What the last frame leaves of hair: once it is called, which waits until the frame is finished."""
        return self._left

    def restore(self, state: ShotState) -> None:
        """Go on where `state` was taken; of the same model, bit for bit as if nothing had been between."""
        left = Left(state.history, state.detail, state.whole)
        self._seen, self._left = replace(state, history=None, detail=None), lambda: left
        self._asked = False
        self._follows = None if state.frame is None else frozenset((state.frame + 1,))


def _is_no_look(look: NDArray[Any]) -> bool:
    return look.ndim != 3 or look.shape[2] not in (3, 4) or max(look.shape) > cuts.LONG_SIDE


def _plain(array: NDArray[Any], kind: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    if array.dtype != kind or array.shape != shape:
        raise ValueError(f"{array.dtype} {array.shape}")
    return array


def _numbered(
    arrays: Mapping[str, NDArray[Any]], name: str, most: int, largest: float
) -> tuple[NDArray[np.float32], ...]:
    found: list[NDArray[np.float32]] = []
    while (array := arrays.get(f"{name}{len(found)}")) is not None:
        sound = len(found) < most and array.dtype == np.float32 and array.size <= _MOST_VALUES
        if not sound or not bool(np.isfinite(array).all()) or float(np.abs(array).max(initial=0)) > largest:
            raise ValueError(f"{name}{len(found)}: {array.dtype} {array.shape}")
        found.append(array)
    return tuple(found)
