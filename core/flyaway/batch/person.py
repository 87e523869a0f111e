"""The chosen person of a shot, frame after frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from flyaway import following as who
from flyaway.color import FloatImage
from flyaway.errors import FlyawayError, ReadError
from flyaway.following import State
from flyaway.frames.read import Plate, Window
from flyaway.people import People, find_people
from flyaway.subject import Subject, alone

if TYPE_CHECKING:
    from flyaway.batch.raw import Raw
    from flyaway.batch.report import FrameTask

Look = Callable[[int], "tuple[People, Plate] | None"]


def open_to(alpha: FloatImage, masks: Mapping[str, FloatImage]) -> FloatImage:
    """The matte in which people are told apart: whoever is garbage is nobody."""
    return alpha * (1 - masks["garbage"]) if "garbage" in masks else alpha


class Person:
    """Whoever was chosen, followed over a shot. In the worker's thread, frame after frame.

    Parameters
    ----------
    subject : who, and in which frame that is said.
    look : frame → who is in it, without its matte; None where there is no such plate.
    """

    def __init__(self, subject: Subject, look: Look) -> None:
        self._subject, self._look = subject, look
        self._state: State | None = None
        self._last: int | None = None

    def alpha(
        self,
        task: FrameTask,
        raw: Raw,
        pixels: FloatImage,
        encoding: str,
        plate: Plate,
        masks: Mapping[str, FloatImage],
    ) -> tuple[FloatImage, str]:
        """The chosen person's matte, and a note or "".

        Parameters
        ----------
        task : the frame.
        raw : the network's.
        pixels, encoding : as the network saw them.
        plate : the frame's plate.
        masks : the frame's; who is garbage is not looked at.
        """
        subject, frame = self._subject, task.frame
        if subject.kind == "all":
            return raw.alpha, ""
        if frame is None:
            return alone(raw.alpha, subject, _shift(plate), reference=open_to(raw.alpha, masks)), ""
        people = find_people(open_to(raw.alpha, masks), pixels, encoding)
        at = frame if subject.frame is None else subject.frame
        chosen = frame == at
        state = self._chosen(people, plate) if chosen else who.follow(self._reached(frame, at), people)
        self._state, self._last = state, frame
        mask, note = who.mask_of(state, people, *raw.alpha.shape)
        return (raw.alpha if mask is None else raw.alpha * mask), note

    def _chosen(self, people: People, plate: Plate) -> State:
        state = who.begin(people, self._subject, _shift(plate))
        if state is None:
            raise ReadError(
                f"nobody is in it, and --subject {self._subject} chooses there: name another frame (@FRAME).",
                path=plate.path,
                frame=plate.frame,
            )
        return state

    def _reached(self, frame: int, at: int) -> State:
        """Who was who in the frame beside this one, found out from the frame of the choice on."""
        state, last = self._state, self._last
        if state is None or last is None:
            found = self._look(at)
            if found is None:
                raise FlyawayError(f"frame {at} cannot be read, in which --subject {self._subject} chooses.")
            state, last = self._chosen(*found), at
        step = 1 if frame > last else -1
        for number in range(last + step, frame, step):
            found = self._look(number)
            if found is not None:
                state = who.follow(state, found[0])
        return state


def _shift(plate: Plate) -> tuple[float, float]:
    data: Window = plate.data_window
    return data.x - plate.display_window.x, data.y - plate.display_window.y
