"""Frame ranges of the fake."""

from __future__ import annotations

import re
from typing import Any


class FrameRange:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if len(args) == 1 and isinstance(args[0], str):
            match = re.match(r"^(-?\d+)(?:-(-?\d+)(?:x(\d+))?)?$", args[0].strip())
            if match is None:
                raise ValueError(f"not a frame range: {args[0]!r}")
            first = int(match.group(1))
            args = (first, int(match.group(2) or first), int(match.group(3) or 1))
        self._first, self._last, self._step = (*args, 1)[:3]

    def first(self) -> int:
        return self._first

    def last(self) -> int:
        return self._last

    def minFrame(self) -> int:
        return min(self._first, self._last)

    def maxFrame(self) -> int:
        return max(self._first, self._last)

    def increment(self) -> int:
        return self._step

    def frames(self) -> int:
        return len(list(self._all()))

    def _all(self):
        step = abs(self._step) or 1
        return range(self._first, self._last + 1, step)

    def __iter__(self):
        return iter(self._all())

    def __str__(self) -> str:
        step = f"x{self._step}" if abs(self._step) > 1 else ""
        return f"{self._first}-{self._last}{step}" if self._first != self._last else str(self._first)


class FrameRanges:
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = args[0] if args else []
        words = re.split(r"[,\s]+", given.strip()) if isinstance(given, str) else list(given)
        # The stubs' class of this very session, so that its strictness holds here too.
        make = self._state.nuke.FrameRange
        self._ranges = [make(word) if isinstance(word, str) else word for word in words if word != ""]

    def add(self, r) -> None:
        self._ranges.append(r)

    def size(self) -> int:
        return len(self._ranges)

    def toFrameList(self):
        return [frame for each in self._ranges for frame in each]

    def minFrame(self) -> int:
        return min(self.toFrameList())

    def maxFrame(self) -> int:
        return max(self.toFrameList())

    def __iter__(self):
        return iter(self._ranges)

    def __str__(self) -> str:
        return " ".join(str(each) for each in self._ranges)
