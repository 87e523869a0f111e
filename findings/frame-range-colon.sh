#!/bin/sh
# The frame range 1-10:3 is four frames to a render farm's job format and ten to the library that lists sequences.
#
# Open Job Description reads "1-10:3" as every third frame. fileseq reads the same text as a staggered fill: first
# every third, then every second, then the rest, ten frames in all; its own every-third is "1-10x3". Both document their way; a job that hands one's text to the other renders the
# wrong set without an error. Seen with fileseq 3.4.0 and openjd-model 0.14.0.
# Exit: 0 while that is so, 1 when it is not any more, 2 if it could not be tried.
set -eu
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cd "$here"
python3 -m venv venv || exit 2
venv/bin/pip install --quiet --disable-pip-version-check fileseq==3.4.0 openjd-model==0.14.0 || exit 2
cat > case.py <<'EOF'
import sys
from importlib.metadata import version

import fileseq
from openjd.model import IntRangeExpr

ours, theirs = list(fileseq.FrameSet("1-10:3")), list(IntRangeExpr.from_str("1-10:3"))
print("fileseq", version("fileseq"), ours)
print("openjd-model", version("openjd-model"), theirs)
sys.exit(0 if sorted(ours) == list(range(1, 11)) and theirs == [1, 4, 7, 10] else 1)
EOF
venv/bin/python case.py
