"""Tests this installation inside a real Nuke and prints a report to send us.

    Nuke --nukex -i -t selftest.py        (or the menu: Flyaway > Test this installation…)

Exit code 0 only if every step passed. Then go through docs/nuke/checklist.md by eye: ten minutes.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))

from flyaway_nuke import selftest

report = selftest.run()
print(report.text())
sys.exit(0 if report.passed else 1)
