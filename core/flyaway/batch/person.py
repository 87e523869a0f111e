"""The chosen person of a shot, frame after frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from flyaway import following as who
from flyaway.batch.finish import open_to
from flyaway.batch.plates import Read, people_of
from flyaway.color import FloatImage
from flyaway.errors import FlyawayError, ReadError
from flyaway.following import State
from flyaway.people import People
from flyaway.subject import Subject, alone

if TYPE_CHECKING:
    from flyaway.batch.raw import Raw
    from flyaway.batch.report import FrameTask

Look = Callable[[int], "tuple[People, Read] | None"]


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

    def alpha(self, task: FrameTask, raw: Raw, read: Read) -> tuple[FloatImage, str]:
        """The chosen person's matte, and a note or "".

        Parameters
        ----------
        task : the frame.
        raw : the network's.
        read : what was read of the frame; who is garbage is not looked at.
        """
        subject, frame = self._subject, task.frame
        if subject.kind == "all":
            return raw.alpha, ""
        if frame is None:
            return alone(raw.alpha, subject, read.canvas.shift, reference=open_to(raw.alpha, read.masks)), ""
        people = people_of(raw.alpha, read)
        at = frame if subject.frame is None else subject.frame
        chosen = frame == at
        state = self._chosen(people, read) if chosen else who.follow(self._reached(frame, at), people)
        self._state, self._last = state, frame
        canvas = read.canvas.window
        mask, note = who.mask_of(state, people, canvas.height, canvas.width)
        return (raw.alpha if mask is None else raw.alpha * read.canvas.cut(mask)), note

    def _chosen(self, people: People, read: Read) -> State:
        state = who.begin(people, self._subject, read.canvas.shift)
        if state is None:
            raise ReadError(
                f"nobody is in it, and --subject {self._subject} chooses there: name another frame (@FRAME).",
                path=read.plate.path,
                frame=read.plate.frame,
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
