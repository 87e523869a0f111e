"""Which person: the choice as people write it, and whom it means in one frame.

People who stand apart are told apart by `people`; `following` keeps them apart over a shot.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from flyaway.chosen import check_word, real
from flyaway.errors import ControlError
from flyaway.people import Float, People, find_people

_NUMBERS = re.compile(r"(-?\d+(?:\.\d+)?(?:,-?\d+(?:\.\d+)?)+)")

_NUMBERS_OF = {"all": 0, "largest": 0, "centre": 0, "point": 2, "box": 4}  # kind → how many its place has


@dataclass(frozen=True)
class Subject:
    """A choice of a person.

    Attributes
    ----------
    kind : "all", "largest", "centre", "point" or "box".
    place : "point": x, y; "box": left, top, right, bottom: px from the display window's upper left corner.
    frame : the frame in which the choice is made; None is the first.

    Raises
    ------
    ControlError : another kind, or a place that does not fit it.
    """

    kind: str = "all"
    place: tuple[float, ...] = ()
    frame: int | None = None

    def __post_init__(self) -> None:
        """Refuse what chooses nobody: another word would be taken for the centre."""
        check_word(self.kind, tuple(_NUMBERS_OF), "a subject", ControlError)
        count = _NUMBERS_OF[self.kind]
        if len(self.place) != count:
            raise ControlError(f"the subject {self.kind!r} takes {count} numbers, not {self.place!r}.")
        object.__setattr__(self, "place", tuple(real(one, "a place", ControlError) for one in self.place))

    @classmethod
    def parse(cls, text: str) -> Subject:
        """Read all, largest, centre, X,Y or X0,Y0,X1,Y1; but for all, @FRAME may follow.

        Raises
        ------
        ControlError : it is none of these.
        """
        words, _, at = text.strip().lower().partition("@")
        kind = {"center": "centre"}.get(words, words)
        if (at and not re.fullmatch(r"-?\d+", at)) or (text.count("@") and (not at or kind == "all")):
            raise ControlError(f"--subject {text}: after @ stands a frame's number, such as 960,540@1001.")
        frame = int(at) if at else None
        if kind in ("all", "largest", "centre"):
            return cls(kind, (), frame)
        numbers = tuple(float(number) for number in words.split(",")) if _NUMBERS.fullmatch(words) else ()
        if len(numbers) == 2:
            return cls("point", numbers, frame)
        if len(numbers) == 4 and numbers[0] < numbers[2] and numbers[1] < numbers[3]:
            return cls("box", numbers, frame)
        raise ControlError(
            f"--subject {text!r} is none of all, largest, centre, X,Y and LEFT,TOP,RIGHT,BOTTOM (px from the"
            " upper left corner; @FRAME may follow)."
        )

    def __str__(self) -> str:
        words = ",".join(f"{number:g}" for number in self.place) or self.kind
        return words if self.frame is None else f"{words}@{self.frame}"


def choose(people: People, subject: Subject, shift: tuple[float, float] = (0, 0)) -> int | None:
    """The index of the person whom a choice means in one frame; None where nobody is.

    Parameters
    ----------
    people : from `find_people`.
    subject : any but "all".
    shift : where pixel 0, 0 of the matte lies in the display window: x, y px.
    """
    if not people.people:
        return None
    if subject.kind == "largest":
        return 0
    rows, columns = people.solid.shape
    place = [(side - shift[number % 2]) / people.step for number, side in enumerate(subject.place)]
    if subject.kind == "box":
        left, top, right, bottom = (round(side) for side in place)
        inside = people.solid[max(0, top) : max(0, bottom), max(0, left) : max(0, right)]
        shares = [(inside == index + 1).sum() for index in range(len(people.people))]
        if max(shares) > 0:
            return int(np.argmax(shares))
        place = [(place[0] + place[2]) / 2, (place[1] + place[3]) / 2]
    x, y = place if place else (columns / 2, rows / 2)
    ys, xs = np.nonzero(people.solid)
    nearest = np.argmin((ys + 0.5 - y) ** 2 + (xs + 0.5 - x) ** 2)
    return int(people.solid[ys[nearest], xs[nearest]]) - 1


def alone(
    alpha: Float, subject: Subject, shift: tuple[float, float] = (0, 0), *, reference: Float | None = None
) -> Float:
    """The matte of whom a choice means, in one frame by itself: H×W float32, `alpha` itself for "all".

    Parameters
    ----------
    alpha : H×W float32, linear coverage.
    subject : the choice.
    shift : see `choose`.
    reference : H×W float32, where people are told apart; `alpha` when None.
    """
    if subject.kind == "all":
        return alpha
    people = find_people(alpha if reference is None else reference)
    chosen = choose(people, subject, shift)
    if chosen is None or len(people.people) == 1:
        return alpha
    return alpha * people.mask(chosen, *alpha.shape)
