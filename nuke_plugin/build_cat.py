"""Builds the live model without a user interface.

    Nuke --nukex -i --safe build_cat.py

Needs a NukeX licence (-i takes an interactive one). Exit code 0 only if the .cat is on disk.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))

from flyaway_nuke import cat

try:
    print(f"Flyaway: wrote {cat.build()}")
except cat.CatError as error:
    print(f"Flyaway: {error}", file=sys.stderr)
    sys.exit(1)
