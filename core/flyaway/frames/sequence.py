"""Numbered sequences: which part of a path is a frame's number, and which frames a range means.

Only the last component of a path is ever a pattern: a folder may be called `job#12`, `take@2` or `take[1]`.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import fileseq

from flyaway.errors import PatternError

# %04d %d #### @@@@ $F4 $F
FRAME_TOKEN = re.compile(r"%0?\d*d|#+|@+|\$F\d*")


@dataclass(frozen=True)
class FramePattern:
    """A file name with a place for the frame's number, in a folder whose name is taken as it is.

    Attributes
    ----------
    folder : as it was typed; "" for the working directory.
    name : the name as fileseq sees it.
    """

    folder: str
    name: fileseq.FileSequence

    def frame(self, number: int) -> Path:
        """The file of a frame."""
        return Path(self.folder, self.name.frame(number))

    def stem(self) -> str:
        """The name with one mark for its number, whatever its padding or range: `m.@.exr`."""
        return f"{self.name.basename()}@{self.name.extension()}"

    def asked(self) -> list[int] | None:
        """The frames of a range that stands within the name (`m.1-10####.exr`), or None."""
        frames = self.name.frameSet()
        return None if frames is None else _whole_numbers(frames, str(frames))

    def on_disk(self) -> list[int]:
        """The frames whose files are there, in order."""
        around = re.escape(self.name.basename()), re.escape(self.name.extension())
        number = re.compile("^" + r"(-?\d+)".join(around) + "$")
        found = set()
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(self.folder or ".") as all_,
        ):
            for entry in all_:
                match = number.match(entry.name)
                # "####" is four digits at least: frame 7 is 0007 and nothing else.
                if match and self.name.frame(int(match[1])) == entry.name:
                    found.add(int(match[1]))
        return sorted(found)


def is_pattern(path: str | Path) -> bool:
    """Whether a path names numbered files: a folder of such a name, or one that is asked for, does not."""
    name = Path(path).name
    if FRAME_TOKEN.search(name) is None or str(path).endswith(("/", os.sep)) or Path(path).is_dir():
        return False
    # Without a suffix (take@2) it cannot name a picture; "m.####" is one whose suffix was forgotten.
    return Path(name).suffix != ""


@lru_cache(maxsize=256)  # asked for each frame of a mask, and fileseq takes a quarter of a millisecond
def sequence_of(pattern: str | Path) -> FramePattern:
    """A pattern, taken apart: "####" is four digits to Nuke and to everyone who writes it.

    fileseq's own habit is sixteen.

    Raises
    ------
    PatternError : its name has two places for a number, or means nothing.
    """
    folder, name = os.path.split(str(pattern))
    if len(FRAME_TOKEN.findall(name)) > 1:
        raise PatternError(
            f"{name} has two places for the frame number; leave one, or name the folder of the plates."
        )
    try:
        sequence = fileseq.FileSequence(name, pad_style=fileseq.PAD_STYLE_HASH1)
    except (ValueError, fileseq.FileSeqException) as error:
        raise PatternError(f"{name} is no frame pattern; write for example plate.####.exr.") from error
    frames = sequence.frameSet()
    # Of a range with fractions (p.1-2x0.5####.exr) fileseq drops what it does not take.
    token = FRAME_TOKEN.search(name)
    if frames is not None and token and not name[: token.start()].endswith(str(frames)):
        raise PatternError(f"{name}: its range means nothing here; write for example plate.1-10x2####.exr.")
    return FramePattern(folder, sequence)


def parse_frames(text: str) -> list[int]:
    """Frame numbers of a range such as `1-10,20`, in the order given, without repeats.

    Raises
    ------
    PatternError : it is no range, or one of frames that are no whole numbers.
    """
    try:
        frames = fileseq.FrameSet(text) if text.strip() else []
        numbers = _whole_numbers(frames, text)
    except PatternError:
        raise
    except (ValueError, fileseq.FileSeqException) as error:
        raise PatternError(f"{text!r} is no frame range; write for example 1-10,20 or 1-100x5.") from error
    if not numbers:
        raise PatternError(f"{text!r} names no frame; write for example 1-10,20 or 1-100x5.")
    return list(dict.fromkeys(numbers))


def _whole_numbers(frames: Iterable[object], text: str) -> list[int]:
    numbers = []
    for frame in frames:
        number = int(str(frame)) if re.fullmatch(r"-?\d+", str(frame)) else None
        if number is None:
            raise PatternError(
                f"{text!r}: {frame} is a fraction of a frame. Frames are whole numbers here: write for"
                " example 1-10,20 or 1-100x5."
            )
        numbers.append(number)
    return numbers


def gaps(numbers: Sequence[int]) -> str:
    """The frames missing between the first and the last, as a range for people, or ""."""
    missing = sorted(set(range(min(numbers), max(numbers) + 1)) - set(numbers)) if numbers else []
    return frame_range(missing)


def frame_range(numbers: Sequence[int]) -> str:
    """Frame numbers as a range that `parse_frames` reads: [1, 2, 3, 7] → "1-3,7"; "" for none."""
    return str(fileseq.FrameSet(sorted(set(numbers)))) if numbers else ""


def wildcard_hint(path: str | Path) -> str:
    """What to write instead of a shell's wildcard, or "": `plate.*.exr` → `plate.####.exr`."""
    name = Path(path).name
    if not re.search(r"[*?]", name):
        return ""
    folder = Path(path).parent
    shape = "".join(
        r"(\d+)" if part in ("*", "?") else re.escape(part) for part in re.split(r"(\*|\?)", name)
    )
    digits = []
    with contextlib.suppress(OSError):
        digits = [match for entry in folder.iterdir() if (match := re.fullmatch(shape, entry.name))]
    width = min((len(match[1]) for match in digits), default=4)
    return f" Write the frame number as {'#' * width}: {re.sub(r'[*?]+', '#' * width, name)}, in quotes."
