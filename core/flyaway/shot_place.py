"""How far a shot has come, a name for that, and which of the states on the way stay on disk.

What a frame remembers is all frames since its shot began. Jobs and hosts
write this name beside a matte; a matte that names anything but what is there now is stale.
Standard library alone, so that a host may import it where it has nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

HANDLES = 32  # frames that are run before a range or chunk; docs/shots.md has what they are worth
KEPT_EVERY = 50  # frames after which a state goes to disk; for `fast` some 4 MB, as much as a few mattes
MOST_KEPT = 100  # states of one shot; 400 MB for `fast`


@dataclass(frozen=True)
class Place:
    """How far a shot has come.

    Attributes
    ----------
    began : the first frame that it remembers.
    last : the last one.
    digest : a hash over what these frames were.
    """

    began: int
    last: int
    digest: str

    @property
    def name(self) -> str:
        """What is written of the frame that follows."""
        return f"{self.began}:{self.digest}"

    def after(self, mark: str) -> Place:
        """One frame further; `mark` is what its plate was."""
        return Place(self.began, self.last + 1, _hash(f"{self.digest} {self.last + 1} {mark}"))


def beginning(frame: int, held: str = "") -> Place:
    """A shot that begins with a frame, before it was run; `held`: how its hair is held, where that counts."""
    return Place(frame, frame - 1, _hash(f"begin {frame} {held}".rstrip()))


def let_go(numbers: Sequence[int]) -> list[int]:
    """Which of a shot's kept states go, so that at most `MOST_KEPT` stay.

    Those without which the fewest frames lie between two neighbours, one after another: so those that stay
    are spread evenly over the shot, whatever its length. The first and the last two stay.

    Parameters
    ----------
    numbers : the frames that left them, in order.
    """
    left, gone = list(numbers), []
    while len(left) > MOST_KEPT:
        within = range(1, len(left) - 2)
        gone.append(left.pop(min(within, key=lambda index: left[index + 1] - left[index - 1])))
    return gone


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
