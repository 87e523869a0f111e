"""Notes of many frames as few lines: those that differ in their numbers alone are one, with a range."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from flyaway.batch import FrameTask

# 1, 1.5 and 1,203; a sign is left to the words around it.
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def label(task: FrameTask) -> str:
    """What people call a frame: its number, or the photograph's name."""
    return task.source.name if task.frame is None else str(task.frame)


@dataclass
class _Kind:
    """One kind of note: who had it first and last, in how many frames, and its numbers' ends as written."""

    first: str
    last: str
    text: str
    count: int = 0
    ends: list[tuple[str, str]] = field(default_factory=list)


class Notes:
    """The notes of a shot's frames, folded."""

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def add(self, task: FrameTask, notes: tuple[str, ...]) -> list[str]:
        """Take a frame's notes; returns those of a kind that was not told before, to be told now."""
        return [note for note in notes if self._add(label(task), note)]

    def _add(self, frame: str, note: str) -> bool:
        found = self._kinds.setdefault(_NUMBER.sub("#", note), _Kind(frame, frame, note))
        numbers = _NUMBER.findall(note)
        before = found.ends or [(one, one) for one in numbers]
        found.ends = [
            (min(low, now, key=_value), max(high, now, key=_value))
            for (low, high), now in zip(before, numbers, strict=True)
        ]
        found.last, found.count = frame, found.count + 1
        return found.count == 1

    def folded(self) -> list[str]:
        """A line for each kind that several frames had: 9 frames, 1 to 9: 19–24 pixels are negative."""
        return [
            f"{kind.count} frames, {kind.first} to {kind.last}: {_ranged(kind)}"
            for kind in self._kinds.values()
            if kind.count > 1
        ]


def _ranged(kind: _Kind) -> str:
    """A note with the range of each of its numbers in the number's place."""
    ends = iter(kind.ends)

    def of(_match: re.Match[str]) -> str:
        low, high = next(ends)
        return low if low == high else f"{low}–{high}"

    return _NUMBER.sub(of, kind.text)


def _value(number: str) -> tuple[float, ...]:
    """How numbers are ordered: as decimals; what is none (3.1.2) part by part."""
    try:
        return (float(number.replace(",", "")),)
    except ValueError:
        return tuple(float(part) for part in re.split("[.,]", number))
