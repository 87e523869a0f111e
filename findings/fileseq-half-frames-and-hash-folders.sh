#!/bin/sh
# fileseq drops half frames from a pattern without a word, and cannot open what lies in a folder called job#12.
#
# FileSequence("p.1-2x0.5####.exr") is frames 1 and 2 (FrameSet("1-2x0.5") alone is 1, 1.5 and 2; subframes have to be
# allowed), without an error: a range that a user typed becomes another one. And FileSequence and findSequenceOnDisk
# raise ParseException for every file in a folder called job#12 or take@2, a plain file without any pattern too: the
# padding's characters are looked for in the whole path. Expected: an error for the range; only the last component of
# a path as the pattern. Seen with fileseq 3.4.0.
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv || exit 2
venv/bin/pip install --quiet --disable-pip-version-check fileseq==3.4.0 || exit 2
cat > case.py <<'END'
import sys
from importlib.metadata import version
from pathlib import Path

import fileseq

print("fileseq", version("fileseq"))
range_alone = [float(frame) for frame in fileseq.FrameSet("1-2x0.5")]
in_pattern = [float(frame) for frame in fileseq.FileSequence("p.1-2x0.5####.exr").frameSet()]
print("1-2x0.5 alone:", range_alone, "in a pattern:", in_pattern)
refused = []
for folder in ("job#12", "take@2", "plain"):
    Path(folder).mkdir()
    Path(folder, "p.0001.exr").touch()
    for open_it in (fileseq.FileSequence, fileseq.findSequenceOnDisk):
        for name in ("p.####.exr", "p.0001.exr"):
            try:
                print(open_it.__name__, folder, name, "->", open_it(f"{folder}/{name}"))
            except fileseq.ParseException as error:
                print(open_it.__name__, folder, name, "-> ParseException:", error)
                refused.append(folder)
as_told = (range_alone, in_pattern) == ([1, 1.5, 2], [1, 2]) and refused == ["job#12"] * 4 + ["take@2"] * 4
sys.exit(0 if as_told else 1)
END
venv/bin/python case.py
