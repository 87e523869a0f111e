"""Frame ranges as Nuke writes them (`1-10 20 31-40x2`), and as our command line takes them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .errors import RangeError

_ITEM = re.compile(r"(-?\d+)(?:-(-?\d+)(?:[xX×](\d+))?)?")
# More is a slip of the keyboard, and would hang the panel.
_MOST = 1_000_000


def parse_range(text: str) -> list[int]:
    """Frame numbers of a range in Nuke's grammar, ascending, each once.

    Parameters
    ----------
    text : items between spaces or commas: `7`, `-3`, `1-10`, `-8--5`, `1-10x3`.

    Raises
    ------
    RangeError : an item means nothing, or there is none.
    """
    frames: set[int] = set()
    for item in re.split(r"[\s,]+", text.strip()):
        match = _ITEM.fullmatch(item)
        if match is None:
            raise RangeError(f"{item or text!r} is no frame range. Write for example 1001-1100, or 1-9x2 20.")
        first = int(match.group(1))
        last = first if match.group(2) is None else int(match.group(2))
        step = int(match.group(3) or 1)
        if step < 1:
            raise RangeError(f"{item}: a step of 0 leads nowhere. Write for example 1-9x2.")
        if abs(last - first) // step + len(frames) >= _MOST:
            raise RangeError(f"{item} is more than {_MOST:,} frames. Is there a digit too many?")
        frames.update(range(first, last + 1, step) if last >= first else range(first, last - 1, -step))
    return sorted(frames)


def format_range(frames: Iterable[int], separator: str = ",") -> str:
    """Frame numbers as a short range: `1-10,20,31-39x2`, for our command line and for people."""
    rest = sorted(set(frames))
    items = []
    while rest:
        run = _leading_run(rest)
        step = run[1] - run[0] if len(run) > 1 else 1
        if len(run) == 1:
            items.append(str(run[0]))
        else:
            items.append(f"{run[0]}-{run[-1]}" + (f"x{step}" if step > 1 else ""))
        rest = rest[len(run) :]
    return separator.join(items)


def _leading_run(frames: list[int]) -> list[int]:
    """The longest evenly spaced beginning; two frames that are apart are no run."""
    if len(frames) < 2:
        return frames
    step = frames[1] - frames[0]
    count = 2
    while count < len(frames) and frames[count] - frames[count - 1] == step:
        count += 1
    return frames[:count] if step == 1 or count > 2 else frames[:1]
